//! The metrics of a real node: what promtool says of them, that rules and dashboard find what they ask for, and that
//! clients cannot make them many.

use std::{
    collections::BTreeSet,
    io::Write as _,
    process::{Command, Stdio},
    time::Duration,
};

use diem_testkit::rng::Rng;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{
    files::{queries, rules},
    names_in, tools,
};
use crate::support::{
    client::{answering, reach, until},
    network::turn,
    ports::Ports,
    single::{Single, comet_home},
};

/// The most series of a node.
const MOST: usize = 600;
/// Metrics that a node has only after something that does not happen here: a snapshot that it has taken.
const ABSENT: [&str; 2] = ["diem_snapshot_age_seconds", "diem_snapshot_height"];

/// What a node tells that makes blocks alone.
const OF_A_GOOD_NODE: [&str; 11] = [
    "diem_ready{check=\"last_block\"} 1",
    "diem_ready{check=\"stopping\"} 1",
    "diem_consensus_peers 0",
    "diem_consensus_rounds 1",
    "diem_consensus_validators 1",
    "diem_comet_restarts_total 0",
    "diem_validator_jailed 0",
    "diem_validator_missed_blocks 0",
    "diem_validator_signs_elsewhere 0",
    "diem_credits_settlement_lag_seconds 0",
    "diem_hooks_failed_total{hook=\"unbonded\"} 0",
];

async fn scrape(ports: &Ports) -> String {
    let url = format!("http://127.0.0.1:{}/metrics", 9_464 + ports.offset);
    reqwest::get(url).await.unwrap().error_for_status().unwrap().text().await.unwrap()
}

/// The lines of a scrape that are series.
fn series(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect()
}

/// The names of all metrics; those of a histogram by the names of its series too.
fn names(text: &str) -> BTreeSet<&str> {
    series(text).into_iter().map(|line| line.split(['{', ' ']).next().unwrap()).collect()
}

/// Sends bytes that may be no request at all, and drops what is answered.
async fn send(address: &str, request: &[u8]) {
    let Ok(mut stream) = TcpStream::connect(address).await else { return };
    if stream.write_all(request).await.is_ok() {
        let mut answer = [0; 4_096];
        let _ = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut answer)).await;
    }
}

/// A request of a stranger: a path, a method and heads that are mostly of no use.
fn random_request(rng: &mut Rng) -> Vec<u8> {
    let mut word = |most: u64| {
        let length = 1 + rng.below(most);
        (0..length).map(|_| char::from(b"abcdef0123456789/%?=&.-_~"[rng.below(25) as usize])).collect::<String>()
    };
    let (path, head, value, address) = (word(40), word(8).replace(['/', '?', '%', '='], "x"), word(20), word(40));
    let routes =
        ["accounts", "validators", "blocks", "tx", "proof", "light", "days", "providers", "bridge/burns", "curve"];
    let route = routes[rng.below(10) as usize];
    let path = match rng.below(4) {
        0 => format!("/{path}"),
        1 => format!("/v1/{route}/{address}"),
        2 => format!("/v1/{route}?{path}"),
        _ => format!("/v1/{path}/{address}"),
    };
    let method = ["GET", "POST", "PUT", "HEAD", "OPTIONS", "DELETE", "PATCH", "TRACE", "BREW"][rng.below(9) as usize];
    format!("{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nx-{head}: {value}\r\nconnection: close\r\n\r\n")
        .into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_exports_what_rules_and_dashboard_ask_for_and_no_more_than_it_may() {
    let _turn = turn().await;
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let (home, _) = comet_home(folder.path(), &ports, ["--preset", "dev"]);
    let node = Single::start(&home, &[]);
    answering(&node.client()).await;
    reach(&node.client(), 3).await;
    until("the parts of the disk are measured", async || {
        scrape(&ports).await.contains("diem_disk_used_bytes{part=\"comet\"}").then_some(())
    })
    .await;
    // The memory of which reads and transactions were counted appears with the first of them.
    node.client().status().await.unwrap();
    // A busy machine may just be late with a block.
    let text = until("the figures of a node that is well", async || {
        let text = scrape(&ports).await;
        OF_A_GOOD_NODE.iter().all(|line| text.lines().any(|found| found == *line)).then_some(text)
    })
    .await;
    let known = names(&text);
    let missing = |asked: &str| !known.contains(asked) && !ABSENT.contains(&asked);
    let rules = rules().into_iter().map(|rule| (rule.name, rule.expr));
    for (asker, expr) in rules.chain(queries()) {
        let missing = names_in(&expr).find(|name| missing(name));
        assert_eq!(missing, None, "`{asker}` asks for a metric that a node does not have");
    }
    // Whose pool is CometBFT's does not know its size.
    assert!(!text.contains("diem_mempool_waiting_txs"));
    promtool_takes(&text);
    health_is_told_beside_the_metrics(&ports).await;

    let mut rng = Rng::new(13);
    let api = node.api.strip_prefix("http://").unwrap();
    for _ in 0..1_000 {
        let requests: Vec<_> = (0..10).map(|_| random_request(&mut rng)).collect();
        futures::future::join_all(requests.iter().map(|request| send(api, request))).await;
    }
    let text = scrape(&ports).await;
    let count = series(&text).len();
    assert!(count <= MOST, "{count} series after random requests");
    let labels = text.lines().flat_map(|line| line.split('"').skip(1).step_by(2));
    for label in labels.filter(|label| !label.starts_with("/v1") && !label.starts_with('+')) {
        let is_word = label.chars().all(|c| c.is_ascii_alphanumeric() || "_./-".contains(c));
        assert!(is_word && label.len() < 40, "{label}");
    }
    assert!(node.stop().success());
}

fn promtool_takes(text: &str) {
    let Some(tools) = tools() else { return };
    let mut promtool = Command::new(tools.join("promtool"));
    let command =
        promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.trim().is_empty(), "{told}");
}

async fn health_is_told_beside_the_metrics(ports: &Ports) {
    let ask = async |path: &str| {
        let answer = reqwest::get(format!("http://127.0.0.1:{}{path}", 9_464 + ports.offset)).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(ask("/healthz").await, (200, "ok\n".to_owned()));
    let (status, text) = ask("/readyz?need=last_block,disk").await;
    assert!(status == 200 && text.contains("\"disk\":\"ok\""), "{text}");
    assert_eq!(ask("/readyz?need=luck").await.0, 400);
}
