//! The answers of HTTP when the engine behind it is not well.

use std::{sync::Arc, time::Duration};

use diem_api::{CheckState, ErrorReply, Moment, Page, Ready, SimulateCalls, Wait as ClientWait};
use diem_client::{Client, ClientError};
use diem_core::{Time, keys::KeyKind};
use diem_engine::{
    Commits, Engine, EngineKind, Node,
    engine::{BlockMode, EngineError, EngineStatus, Incoming, SubmitError, Wait},
    metrics::Metrics,
};
use diem_host::clock::wall_clock;
use diem_runtime::{App, Options};
use diem_types::Signed;
use futures::future::BoxFuture;
use tendermint::{block::signed_header::SignedHeader, validator};

use super::running::{Running, start, start_behind};

/// The time of the next block, as this engine foresees it.
const FORESEEN: Time = Time(4_000_000_000_123);

/// A CometBFT in a bad state, with the headers of the development engine.
struct BadDay {
    engine: Arc<dyn Engine>,
    status: Result<EngineStatus, EngineError>,
    submit: Result<(), SubmitError>,
}

impl Engine for BadDay {
    fn kind(&self) -> EngineKind {
        EngineKind::Comet
    }

    fn submit(&self, txs: Vec<Incoming>, _: Wait) -> BoxFuture<'_, Vec<Result<(), SubmitError>>> {
        Box::pin(async move { vec![self.submit.clone(); txs.len()] })
    }

    fn signed_header(&self, height: u64, patience: Duration) -> BoxFuture<'_, Result<SignedHeader, EngineError>> {
        self.engine.signed_header(height, patience)
    }

    fn validators(&self, height: u64) -> BoxFuture<'_, Result<validator::Set, EngineError>> {
        self.engine.validators(height)
    }

    fn next_block_time(&self) -> BoxFuture<'_, Result<Time, EngineError>> {
        let foreseen = self.status.clone().map(|_| FORESEEN);
        Box::pin(async move { foreseen })
    }

    fn status(&self) -> BoxFuture<'_, Result<EngineStatus, EngineError>> {
        Box::pin(async move { self.status.clone() })
    }

    fn period(&self) -> Option<Duration> {
        Some(Duration::from_secs(3))
    }
}

async fn node(status: Result<EngineStatus, EngineError>, submit: Result<(), SubmitError>) -> Running {
    start_behind(BlockMode::OnDemand, |engine| Arc::new(BadDay { engine, status, submit })).await
}

fn status(catching_up: bool, peers: u32) -> Result<EngineStatus, EngineError> {
    Ok(EngineStatus { catching_up, peers: Some(peers), latest_height: 77 })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_cannot_serve_says_why() {
    let gone = || Err(EngineError::Unavailable("connection refused".into()));
    for (status, words) in [
        (status(true, 3), Some("catching up: the engine is at height 77")),
        (status(false, 0), Some("no peers")),
        (gone(), Some("connection refused")),
        (status(false, 3), None),
    ] {
        let node = node(status, Ok(())).await;
        // The first block has the time of the genesis, which lies in the past.
        let stale = node.client.ready().await.unwrap();
        assert!(stale.why().contains("the last block was"), "{stale:?}");
        node.engine.dev().unwrap().mine(1).await.unwrap();
        let ready = node.client.ready().await.unwrap();
        assert_eq!(ready.ready, words.is_none(), "{ready:?}");
        assert!(words.is_none_or(|words| ready.why().contains(words)), "{ready:?}");
        let answer = reqwest::get(format!("http://{}/readyz", node.address)).await.unwrap();
        assert_eq!(answer.status().is_success(), words.is_none());
        let alive = reqwest::get(format!("http://{}/healthz", node.address)).await.unwrap();
        assert!(alive.status().is_success(), "it lives all the same");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_engine_is_told_by_whatever_asks_how_the_node_is() {
    let silent = || Err(EngineError::Unavailable("CometBFT is silent for 12 s".into()));
    let node = node(silent(), Ok(())).await;
    assert!(node.client.status().await.unwrap().trouble.unwrap().contains("silent for 12 s"));
    assert!(node.client.ready().await.unwrap().why().contains("silent for 12 s"));
    let clock = node.client.clock().await.unwrap_err();
    assert!(clock.refusal().unwrap().message.contains("silent for 12 s"), "{clock}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_some_checks_is_told_of_no_others() {
    let node = node(status(false, 0), Ok(())).await;
    node.engine.dev().unwrap().mine(1).await.unwrap();
    let ask = async |query: &str| {
        let answer = reqwest::get(format!("http://{}/readyz{query}", node.address)).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, all) = ask("").await;
    let all: Ready = serde_json::from_str(&all).unwrap();
    let named: Vec<_> = all.reasons.iter().map(|reason| (reason.name.as_str(), reason.text.as_str())).collect();
    assert_eq!((status, &named[..]), (503, &[("no_peers", "no peers")][..]));
    let checks: Vec<&str> = all.checks.keys().map(String::as_str).collect();
    let mut known = diem_http::health::CHECKS;
    known.sort_unstable();
    assert_eq!(checks, known);
    for (name, state) in [("no_peers", CheckState::Not), ("signer", CheckState::Ok), ("disk", CheckState::Unknown)] {
        assert_eq!(all.checks[name], state, "{name}");
    }
    for (query, expected, count) in [("?need=no_peers", 503, 1), ("?need=signer,last_block", 200, 2)] {
        let (status, text) = ask(query).await;
        let some: Ready = serde_json::from_str(&text).unwrap();
        assert_eq!((status, some.checks.len()), (expected, count), "{query}: {text}");
    }
    for (query, words) in [("?need=peers", "`peers` is no check: there are stopping"), ("?want=disk", "need")] {
        let (status, text) = ask(query).await;
        assert!(status == 400 && text.contains(words), "{query}: {text}");
    }
}

/// The development engine, which claims a block period and makes no block.
struct Standing(Arc<dyn Engine>);

impl Engine for Standing {
    fn kind(&self) -> EngineKind {
        EngineKind::Instant
    }

    fn submit(&self, txs: Vec<Incoming>, wait: Wait) -> BoxFuture<'_, Vec<Result<(), SubmitError>>> {
        self.0.submit(txs, wait)
    }

    fn signed_header(&self, height: u64, patience: Duration) -> BoxFuture<'_, Result<SignedHeader, EngineError>> {
        self.0.signed_header(height, patience)
    }

    fn validators(&self, height: u64) -> BoxFuture<'_, Result<validator::Set, EngineError>> {
        self.0.validators(height)
    }

    fn next_block_time(&self) -> BoxFuture<'_, Result<Time, EngineError>> {
        Box::pin(std::future::pending())
    }

    fn status(&self) -> BoxFuture<'_, Result<EngineStatus, EngineError>> {
        self.0.status()
    }

    fn period(&self) -> Option<Duration> {
        Some(Duration::from_millis(10))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_development_engine_with_a_timer_that_stands_is_not_ready() {
    let node = start_behind(BlockMode::Manual, |engine| Arc::new(Standing(engine))).await;
    let standing = async || node.client.ready().await.unwrap().why().contains("ago");
    while !standing().await {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    while standing().await {
        node.engine.dev().unwrap().mine(1).await.unwrap();
    }
    // A busy engine does not hold up a question about the node's health.
    let clock = node.client.clock().await.unwrap_err();
    assert!(clock.refusal().unwrap().message.contains("did not foresee"), "{clock}");
    // The real engine reports its period while it makes blocks on a timer.
    let dev = node.engine.dev().unwrap();
    assert_eq!(node.engine.period(), None);
    dev.set_mode(BlockMode::Every(Duration::from_secs(3_600))).await.unwrap();
    assert_eq!(node.engine.period(), Some(Duration::from_secs(3_600)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_tried_is_tried_at_the_time_that_the_engine_foresees_or_by_the_clock() {
    let gone = Err(EngineError::Unavailable("connection refused".into()));
    for status in [status(false, 3), gone] {
        let node = node(status.clone(), Ok(())).await;
        let calls = SimulateCalls {
            sender: node.address_of(0),
            sender_key: KeyKind::Ed25519,
            fee_payer: None,
            payer_key: KeyKind::Ed25519,
            calls: Signed::decode(&node.transfer(0, 0, 1, 1).bytes()).unwrap().tx.calls,
            memo: String::new(),
        };
        let (before, clock) = (Time(wall_clock()()), node.client.clock().await);
        let tried = node.client.simulate_calls(calls).await.unwrap();
        assert!(tried.result.ok, "{tried:?}");
        if status.is_ok() {
            assert_eq!(clock.unwrap().next_block, Moment { time: FORESEEN, epoch: tried.epoch });
            assert_eq!(tried.time, FORESEEN);
        } else {
            assert_eq!(clock.unwrap_err().refusal().unwrap().name, "engine");
            assert!((before..=Time(wall_clock()())).contains(&tried.time), "{tried:?}");
        }
    }
}

/// Serves an application that has its genesis and no block yet.
async fn without_a_block(node: &Running, starts_at: Option<Time>) -> String {
    let app = Arc::new(App::in_memory(Options::default()));
    app.init_chain(&node.doc).unwrap();
    let metrics = Arc::new(Metrics::new(prometheus::Registry::new()).unwrap());
    let commits = Commits::new(&app, Arc::clone(&metrics)).subscribe();
    let engine = Arc::clone(&node.engine) as Arc<dyn Engine>;
    let started = std::time::Instant::now();
    let young = Node { app, engine, commits, moniker: "young".into(), started, metrics };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let options = diem_http::Options { starts_at, ..diem_http::Options::default() };
    let health = diem_http::health::Health::start(Arc::new(young), &options);
    tokio::spawn(diem_http::serve(health, options, listener, std::future::pending()));
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_a_block_shows_no_defaults_and_says_what_it_waits_for() {
    let node = start(BlockMode::Manual).await;
    let (alice, later) = (node.address_of(0), Time(4_102_444_800_000));
    for (starts_at, words) in [(Some(later), "starts at 2100-01-01T00:00:00Z"), (Some(Time(1)), "first block")] {
        let url = without_a_block(&node, starts_at).await;
        for path in [
            format!("accounts/{alice}"),
            format!("accounts/{alice}?prove=true"),
            format!("accounts/{alice}?height=1"),
            format!("accounts/{alice}/positions"),
            format!("accounts/{alice}/credit"),
            "supply".into(),
            "params".into(),
            "validators".into(),
            "consensus".into(),
            "curve".into(),
            "curve/quote?lock=1".into(),
            "emission".into(),
            "rent".into(),
            "credit/today".into(),
            "days".into(),
            "days/today".into(),
            "providers".into(),
            "offers".into(),
            "blocks".into(),
            "blocks/latest".into(),
            "light/1".into(),
            "proof/00".into(),
            "clock".into(),
            "events".into(),
            "events?from=1".into(),
        ] {
            let answer = reqwest::get(format!("{url}/v1/{path}")).await.unwrap();
            assert_eq!(answer.status(), 503, "{path}");
            let ErrorReply { error } = answer.json().await.unwrap();
            assert_eq!((error.name.as_str(), error.retry), ("not_ready", true), "{path}: {error}");
            assert!(error.message.contains(words), "{path}: {error}");
        }
        let ready = Client::new(&url).unwrap().ready().await.unwrap();
        assert!(
            !ready.ready && ready.reasons[0].text.contains(words),
            "the first reason is what it waits for: {ready:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn development_commands_are_not_there_with_a_real_engine() {
    let node = node(status(false, 3), Ok(())).await;
    let answer = reqwest::Client::new().post(format!("http://{}/v1/dev/mine", node.address)).send().await.unwrap();
    assert_eq!(answer.status(), 404);
    let development = start(BlockMode::Manual).await;
    for (address, listed) in [(node.address, false), (development.address, true)] {
        let routes = reqwest::get(format!("http://{address}/v1")).await.unwrap().text().await.unwrap();
        let routes = serde_json::from_str::<Page<String>>(&routes).unwrap().items;
        assert!(routes.contains(&"GET /v1/status".to_owned()));
        assert_eq!(routes.contains(&"POST /v1/dev/mine".to_owned()), listed);
        for path in routes.iter().filter_map(|route| route.strip_prefix("POST /v1/dev/")) {
            let url = format!("http://{address}/v1/dev/{path}");
            let answer = reqwest::Client::new().post(url).json(&()).send().await.unwrap();
            assert!(matches!(answer.status().as_u16(), 200 | 400), "{path}: {}", answer.status());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_of_a_block_that_the_engine_has_is_waited_for() {
    // The engine claims 77 blocks; the application has committed one.
    let node = node(status(false, 3), Ok(())).await;
    let (client, coming) = (node.client.clone(), node.app.info().height + 1);
    let asked = tokio::spawn(async move { client.light_block(coming).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    node.engine.dev().unwrap().mine(1).await.unwrap();
    assert_eq!(asked.await.unwrap().unwrap().height, coming);
    // A block that the engine does not have either is not waited for.
    let error = node.client.light_block(78).await.unwrap_err();
    assert_eq!(error.refusal().unwrap().name, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_pool_says_is_passed_on() {
    let rejected = SubmitError::Rejected { codespace: "chain".into(), code: 13, log: "used".into() };
    for (error, name, http) in [
        (SubmitError::Full, "busy", 503),
        (SubmitError::Unavailable("connection refused".into()), "engine", 502),
        (rejected, "nonce_too_low", 409),
    ] {
        let node = node(status(false, 3), Err(error)).await;
        let tx = node.transfer(0, 0, 1, 1).bytes().to_vec();
        for wait in [ClientWait::None, ClientWait::Checked, ClientWait::Committed] {
            match node.client.submit(tx.clone(), wait, Duration::from_secs(5)).await {
                Err(ClientError::Refused { status, error }) => assert_eq!((error.name.as_str(), status), (name, http)),
                other => panic!("{other:?}"),
            }
        }
    }
}
