//! Days under real CometBFT, with a node that is killed in the very block that closes or settles one.

use std::{
    num::NonZeroU64,
    os::unix::process::ExitStatusExt as _,
    path::PathBuf,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use diem_comet::{Launch, Peer, Settings, abci};
use diem_core::{Amount, BlockContext, Fatal, Page, QueryContext, Time};
use diem_credits as credits;
use diem_runtime::{
    App, Options,
    hooks::{Hook, Run},
};
use diem_store::WritePoint;
use diem_testkit::people;
use diem_types::{Call, Event, GenesisDoc};
use serde_json::{Value, json};

use crate::support::{
    self,
    home::{Home, PATIENCE, binary, until},
    network::{Network, block_events},
    process::Ended,
};

/// The number of the validator that is killed.
const VICTIM: usize = 3;

fn whole(units: u128) -> Amount {
    Amount::ONE.checked_mul(units).unwrap()
}

/// The length of a day and of its grace period, in milliseconds.
const DAY_MS: u64 = 10_000;
const GRACE_MS: u64 = 3_000;

fn short_days(doc: &mut GenesisDoc) {
    doc.app.epoch_ms = NonZeroU64::new(DAY_MS).unwrap();
    doc.app.credits.params.grace_ms = GRACE_MS;
}

/// The variable with the home of the process that plays a node; without it `child_node` does nothing.
const CHILD: &str = "ECONOMY_TEST_CHILD";
/// The variable with the block and the side of its write at which that process kills itself: `close Before`, `settle
/// After`.
const DIE: &str = "ECONOMY_TEST_DIE";

/// Whether the block that was executed last closed a day, and whether it settled one.
static CLOSES: AtomicBool = AtomicBool::new(false);
static SETTLES: AtomicBool = AtomicBool::new(false);

/// A step at the end of each block that changes nothing and records what its block did to days.
fn remember(ctx: &mut BlockContext<'_>) -> Result<(), Fatal> {
    let block = ctx.block.info;
    let days = credits::query::days(&QueryContext { state: ctx.state, block }, &Page::largest(None));
    // The first block has the time of genesis, and the second that of this machine: the day that closes in it is none.
    let is_now = |at: Option<Time>| at == Some(block.time) && block.height > 2;
    CLOSES.store(days.iter().any(|day| is_now(day.record.closed_at)), Ordering::SeqCst);
    SETTLES.store(days.iter().any(|day| is_now(day.record.settled_at)), Ordering::SeqCst);
    Ok(())
}

/// Kills this process, as the kernel would, at the write that [`DIE`] names.
fn die_at(point: WritePoint) {
    let dies = |what: &str| std::env::var(DIE).is_ok_and(|die| die == format!("{what} {point:?}"));
    if CLOSES.load(Ordering::SeqCst) && dies("close") || SETTLES.load(Ordering::SeqCst) && dies("settle") {
        let own = rustix::process::Pid::from_raw(i32::try_from(std::process::id()).unwrap()).unwrap();
        rustix::process::kill_process(own, rustix::process::Signal::KILL).unwrap();
        std::thread::sleep(PATIENCE);
    }
}

/// This is no test of its own: a test below starts this node, which kills itself.
#[test]
fn child_node() {
    let Some(folder) = std::env::var_os(CHILD).map(PathBuf::from) else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _inside = runtime.enter();
    let told: Value = serde_json::from_slice(&std::fs::read(folder.join("child.json")).unwrap()).unwrap();
    let genesis: GenesisDoc = serde_json::from_value(told["genesis"].clone()).unwrap();
    let address = |name: &str| told[name].as_str().unwrap().parse().unwrap();
    let mut settings = Settings::new("child", abci::Address::of_home(&folder).unwrap());
    (settings.rpc, settings.p2p, settings.metrics) = (address("rpc"), address("p2p"), None);
    settings.timing.commit = Duration::from_millis(300);
    let peer = |text: &Value| {
        let (id, address) = text.as_str().unwrap().split_once('@').unwrap();
        Peer { id: id.into(), address: address.into() }
    };
    settings.peers = told["peers"].as_array().unwrap().iter().map(peer).collect();
    let store = diem_store::Options { on_write: Some(die_at), ..diem_store::Options::default() };
    let mut options = Options { store, ..Options::default() };
    options.hooks.end.push(Hook { number: 200, name: "remember", run: Run::Must(remember) });
    let app = Arc::new(App::open(&folder.join("data"), options).unwrap());
    let commits = support::commits(&app);
    let launch = Launch {
        home: folder.join("comet"),
        binary: binary(),
        origin: genesis.into(),
        settings,
        app,
        commits,
        signing: diem_comet::Signing::new(folder.join("run")),
        on_fatal: abci::end_process(),
    };
    let _running = launch.start().unwrap();
    // The test kills it if it does not do so itself; the bound is for a test that was killed.
    std::thread::sleep(10 * PATIENCE);
}

/// Starts the node of a home in a process of its own, which kills itself at `die`.
fn child(home: &Home, die: &str) -> Ended {
    let (folder, settings) = (home.folder.path(), &home.settings);
    let peers: Vec<String> = settings.peers.iter().map(ToString::to_string).collect();
    let told = json!({ "genesis": home.genesis, "rpc": settings.rpc, "p2p": settings.p2p, "peers": peers });
    std::fs::write(folder.join("child.json"), told.to_string()).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "days::child_node"]).env(CHILD, folder).env(DIE, die).stdin(Stdio::null());
    Ended(command.spawn().unwrap())
}

/// The days that this node closed and settled, in order.
fn days(app: &App) -> [Vec<u64>; 2] {
    let (mut closed, mut settled) = (Vec::new(), Vec::new());
    for (_, event) in block_events(app) {
        match event {
            Event::Credits(credits::Event::DayClosed { day, .. }) => closed.push(day),
            Event::Credits(credits::Event::DaySettled { day, .. }) => settled.push(day),
            _ => {}
        }
    }
    [closed, settled]
}

/// Checks that the block that the killed node wrote last, or was about to write, is the one that closed or settled a
/// day.
async fn it_was_that_block(network: &Network, die: &str) {
    let (what, side) = die.split_once(' ').unwrap();
    let data = network.homes[VICTIM].folder.path().join("data");
    let mut last = 0;
    // The lock of the store is released a moment after the process ends.
    until("the store can be opened", || match App::open(&data, Options::default()) {
        Ok(app) => {
            last = app.info().height;
            true
        }
        Err(_) => false,
    })
    .await;
    let height = if side == "After" { last } else { last + 1 };
    network.reach(height).await;
    let events = Event::decode_all(&network.app(0).index().block(height).unwrap().events).unwrap();
    let found = events.iter().any(|event| match event {
        Event::Credits(credits::Event::DayClosed { .. }) => what == "close",
        Event::Credits(credits::Event::DaySettled { .. }) => what == "settle",
        _ => false,
    });
    assert!(found, "{die}, block {height}: {events:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_killed_in_the_block_that_closes_or_settles_a_day_has_each_day_once() {
    let mut network = Network::new(4, short_days).await;
    for at in 0..3 {
        network.start_one(at);
    }
    network.reach(2).await;
    network.node(0).running.engine.ready(PATIENCE).await.unwrap();
    let person = &people(1)[0];
    let stake = credits::Msg::StakeDiem { amount: whole(5), beneficiary: None };
    network.call(person, Call::Credits(stake)).await;
    for die in ["close Before", "close After", "settle Before", "settle After"] {
        let mut node = child(&network.homes[VICTIM], die);
        until("the node dies", || node.0.try_wait().unwrap().is_some()).await;
        assert_eq!(node.0.wait().unwrap().signal(), Some(9), "{die}");
        it_was_that_block(&network, die).await;
    }
    network.start_one(VICTIM);
    until("days that nobody dies in", || {
        let [closed, settled] = days(network.app(VICTIM));
        closed.len() >= 4 && settled.len() >= 3
    })
    .await;
    let height = network.app(0).info().height + 2;
    network.reach(height).await;
    for at in 1..=height {
        network.agree(at).await;
    }
    let [closed, settled] = days(network.app(VICTIM));
    for days in [&closed, &settled] {
        assert!(days.windows(2).all(|pair| pair[0] < pair[1]), "{days:?}");
    }
    assert!(closed.starts_with(&settled), "{closed:?} {settled:?}");
    let records = |at: usize| {
        let state = network.app(at).snapshot(Some(height)).unwrap();
        credits::query::days(&state.context(), &Page::largest(None))
    };
    let kept = records(0);
    assert_eq!(records(VICTIM), kept);
    assert!(kept.iter().any(|day| day.record.settled_at.is_some() && day.record.allowance == whole(5)), "{kept:?}");
    network.check();
    network.stop().await;
}
