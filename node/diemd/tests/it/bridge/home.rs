//! DIEM goes out to Base and comes home, both at once, while other transactions fill blocks and validators are killed and
//! started again.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use diem_api::{BaseCheckpoint, Wait};
use diem_bank::Msg;
use diem_base::Bridge;
use diem_client::Client;
use diem_core::{Address, Amount, Denom, keccak256};
use diem_testkit::TxBuilder;
use diem_types::Call;
use futures::future::join_all;
use serde_json::json;

use super::{
    apart::Apart,
    base::{account, burn, contract, rpc},
    traffic::{FEE, Traffic, amount},
};
use crate::support::{
    client::{PATIENCE, height, person, reach, root, until},
    devnet::EngineUnderTest,
    network::turn,
};

/// The number of nodes.
const NODES: usize = 4;
/// The index of the phrase whose account is the first that burns, and the most accounts that do.
const FIRST_BURNER: u32 = 20;
const MOST_BURNERS: u64 = 20;
/// The validator that is killed alone and stays down for a while, and the one that is killed and started again at once,
/// while it votes.
const KILLED: usize = 2;
const STARTED_AGAIN: usize = 1;
/// The time from one other transaction to the next, and from one look at the equalities or at an account to the next.
const LOAD_PAUSE: Duration = Duration::from_millis(50);
const LOOK_PAUSE: Duration = Duration::from_millis(250);
/// The slot of the token that holds its supply.
const SUPPLY_SLOT: &str = "0x2";

/// The number of transfers out, and of burns back: `DIEM_BRIDGE_HOME` for more.
fn transfers() -> u64 {
    std::env::var("DIEM_BRIDGE_HOME").map_or(24, |text| text.parse().unwrap())
}

/// The index of the account that receives a transfer and burns it.
fn burner(number: u64) -> u32 {
    let burners = transfers().min(MOST_BURNERS);
    FIRST_BURNER + u32::try_from(number % burners).unwrap()
}

/// The account of this chain for which the transfer with this number is burned.
fn home_of(number: u64) -> Address {
    Address(keccak256(&[b"home", &number.to_be_bytes()[..]].concat())[..20].try_into().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_goes_out_comes_home_once_whatever_happens_to_validators() {
    let _turn = turn().await;
    let Some(mut chain) = Apart::prepared(EngineUnderTest::Comet, Duration::from_secs(1)) else { return };
    // One of three endpoints is dead; the two others have to agree.
    let url = rpc(&chain.devnet);
    let endpoints = format!("bridge.endpoints={url},{},http://127.0.0.1:1", url.replace("127.0.0.1", "localhost"));
    let settings = [endpoints.as_str()];
    chain.start(&settings).await;
    let bridge = contract(&chain.devnet).await;
    let mut traffic = Traffic::new(&chain.devnet).await;

    let (load, witness) = (Load::start(&chain).await, Witness::start(&chain, &bridge).await);
    tokio::join!(all_burns(&bridge), all_goes_out(&mut chain, &mut traffic, &settings));
    for number in 0..transfers() {
        until(&format!("the payment of burn {number}"), async || {
            let has = chain.diem(&home_of(number)).await;
            assert!(has <= amount(number), "burn {number} paid {has:?}");
            (has == amount(number)).then_some(())
        })
        .await;
    }
    nothing_is_there_twice(&chain, &bridge, &traffic).await;
    let (others, checkpoints) = (load.stop().await, witness.stop().await);
    println!("{others} other transactions, both equalities at {checkpoints} completed checkpoints");
    assert!(others > transfers() && checkpoints > 3, "{others} others, {checkpoints} checkpoints");
    all_agree(&chain).await;
    chain.stop_and_check();
}

/// Sends all transfers; one validator is down for a part of them, and all are at once for a moment.
async fn all_goes_out(chain: &mut Apart, traffic: &mut Traffic, settings: &[&str]) {
    let (count, out) = (usize::try_from(transfers()).unwrap(), |number| account(burner(number)));
    traffic.send_to(count / 3, out).await;
    chain.kill(KILLED);
    traffic.send_to(count / 3, out).await;
    until("something that came home", async || {
        let bridge = chain.client().bridge().await.ok()?.answer;
        (bridge.issued.credits > 0).then_some(())
    })
    .await;
    chain.start(settings).await;
    traffic.send_to(count - 2 * (count / 3) - count / 6, out).await;
    chain.kill(STARTED_AGAIN);
    chain.start(settings).await;
    traffic.send_to(count / 6, out).await;
    (0..NODES).for_each(|node| chain.kill(node));
    chain.start(settings).await;
}

/// Burns every transfer that arrives, each for an account of its own.
async fn all_burns(bridge: &Bridge) {
    let burners = transfers().min(MOST_BURNERS);
    let own = |first: u64| (first..transfers()).step_by(usize::try_from(burners).unwrap());
    join_all((0..burners).map(async |first| {
        for number in own(first) {
            arrives_in_turn(bridge, number).await;
            burn(bridge, burner(number), amount(number), &home_of(number)).await;
        }
    }))
    .await;
}

/// Waits for a transfer that has its turn behind others, for as long as something happens on Base.
async fn arrives_in_turn(bridge: &Bridge, number: u64) {
    let (mut events, mut since) = (0, Instant::now());
    while bridge.balance_of(&account(burner(number))).await.unwrap() < amount(number) {
        let now = bridge.state().await.unwrap().event_nonce;
        if now > events {
            (events, since) = (now, Instant::now());
        }
        assert!(since.elapsed() < PATIENCE, "transfer {number} does not arrive after event {events}");
        tokio::time::sleep(LOOK_PAUSE).await;
    }
}

/// Checks that nothing is on its way, that the escrow is the supply on Base, and that only fees are left there.
async fn nothing_is_there_twice(chain: &Apart, bridge: &Bridge, traffic: &Traffic) {
    let client = chain.client();
    let fees = Amount::new(FEE.get() * u128::from(transfers()));
    let end = until("the end of all transfers", async || {
        let now = client.bridge().await.unwrap().answer;
        assert_eq!(now.halt, None);
        let completed = now.progress.completed.as_ref()?.event_nonce;
        let is_over = now.books.open.amount.is_zero() && now.books.owed.amount.is_zero();
        let is_level = completed == bridge.state().await.unwrap().event_nonce && now.progress.replay.is_none();
        (is_over && is_level && now.books.waiting.amount.is_zero()).then_some(now)
    })
    .await;
    // Whoever would pay or mint something again has some blocks for it.
    let now = height(&client).await.unwrap();
    reach(&client, now + 5).await;
    assert_eq!(bridge.supply().await.unwrap(), fees);
    let books = &end.books;
    assert_eq!((books.escrow.amount, books.queued.amount, books.uncovered.amount), (fees, Amount::ZERO, Amount::ZERO));
    let back = Amount::new(traffic.total().get() - fees.get());
    assert_eq!((end.base.supply.amount, end.base.burned.amount, end.base.minted.amount), (fees, back, back));
    assert_eq!((end.base.fees.amount, end.issued.credits), (fees, transfers()));
    for number in 0..transfers() {
        assert_eq!(chain.diem(&home_of(number)).await, amount(number), "burn {number}");
        assert_eq!(bridge.balance_of(&account(burner(number))).await.unwrap(), Amount::ZERO);
    }
    chain.supply_is_proven().await;
}

/// Transfers of carol to herself that fill blocks beside the bridge, through all nodes in turn.
struct Load(tokio::task::JoinHandle<u64>, tokio::sync::watch::Sender<bool>);

impl Load {
    async fn start(chain: &Apart) -> Self {
        let (doc, carol) = (chain.devnet.doc.clone(), person(2));
        let nodes: Vec<Client> = (0..NODES).map(|node| chain.devnet.client(node)).collect();
        let first = nonce(&nodes, &carol.address).await.unwrap();
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let task = tokio::spawn(async move {
            let mut next = first;
            for node in nodes.iter().cycle() {
                if *stopped.borrow() {
                    break;
                }
                let call = Call::Bank(Msg::Transfer { to: carol.address, denom: Denom::Vvv, amount: Amount::new(1) });
                let tx = TxBuilder::new(&doc, &carol, next, vec![call]).bytes();
                match node.submit(tx.to_vec(), Wait::Checked, Duration::from_secs(1)).await {
                    Ok(_) => next += 1,
                    // A node that was killed took some with it, or none answers.
                    Err(_) => next = nonce(&nodes, &carol.address).await.unwrap_or(next),
                }
                tokio::time::sleep(LOAD_PAUSE).await;
            }
            nonce(&nodes, &carol.address).await.unwrap() - first
        });
        Self(task, stop)
    }

    /// Stops the transfers; returns how many are in blocks.
    async fn stop(self) -> u64 {
        self.1.send(true).unwrap();
        self.0.await.unwrap()
    }
}

/// The next nonce of an account, by the first node that answers.
async fn nonce(nodes: &[Client], account: &Address) -> Option<u64> {
    for node in nodes {
        if let Ok(account) = node.account(account, None, false).await {
            return Some(account.nonce);
        }
    }
    None
}

/// Looks at both equalities at each checkpoint that this chain completes: the supply and the number of events that Base
/// itself has at the checkpoint's block are those that this chain applied, and the escrow holds what its books owe.
struct Witness(tokio::task::JoinHandle<u64>, tokio::sync::watch::Sender<bool>);

impl Witness {
    async fn start(chain: &Apart, bridge: &Bridge) -> Self {
        let nodes: Vec<Client> = (0..NODES).map(|node| chain.devnet.client(node)).collect();
        let (bridge, (stop, stopped)) = (bridge.clone(), tokio::sync::watch::channel(false));
        // A local Base that was started again has lost the states of the blocks before.
        let first = bridge.base().latest().await.unwrap().number;
        let task = tokio::spawn(async move {
            let mut seen = BTreeMap::new();
            for node in nodes.iter().cycle() {
                if *stopped.borrow() {
                    break;
                }
                if let Ok(answer) = node.bridge().await {
                    let now = answer.answer;
                    escrow_is_what_the_books_owe(&now);
                    if let Some(completed) = now.progress.completed.filter(|one| one.number > first)
                        && !seen.contains_key(&completed.number)
                    {
                        base_has(&bridge, &completed).await;
                        seen.insert(completed.number, completed.event_nonce);
                    }
                }
                tokio::time::sleep(LOOK_PAUSE).await;
            }
            // Only checkpoints with events of their own say something.
            u64::try_from(seen.values().collect::<BTreeSet<_>>().len()).unwrap()
        });
        Self(task, stop)
    }

    /// Stops looking; returns at how many numbers of events the equalities were seen.
    async fn stop(self) -> u64 {
        self.1.send(true).unwrap();
        self.0.await.unwrap()
    }
}

/// Checks the equality of this chain: escrow and uncovered are what Base has, and what is on its way to either side.
fn escrow_is_what_the_books_owe(now: &diem_api::Bridge) {
    let (books, base) = (&now.books, &now.base);
    let sum = |parts: &[&diem_api::Coin]| parts.iter().map(|coin| coin.amount.get()).sum::<u128>();
    let owed = sum(&[&base.supply, &books.waiting, &books.open, &books.queued, &books.owed]);
    assert_eq!(sum(&[&books.escrow, &books.uncovered]), owed, "{books:?}");
}

/// Checks the equality of Base: its storage at the checkpoint's block has the supply and the events that this chain completed.
async fn base_has(bridge: &Bridge, completed: &BaseCheckpoint) {
    let at = format!("{:#x}", completed.number);
    let word = async |contract: &Address, slot: &str| {
        let params = json!([contract.to_hex(), slot, at]);
        let ask = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_getStorageAt", "params": params });
        let answer = reqwest::Client::new().post(bridge.base().url()).json(&ask).send().await.unwrap();
        let answer: serde_json::Value = answer.json().await.unwrap();
        let word = hex::decode(answer["result"].as_str().unwrap().trim_start_matches("0x")).unwrap();
        <[u8; 32]>::try_from(word).unwrap()
    };
    let supply = word(bridge.token(), SUPPLY_SLOT).await;
    assert_eq!(u128::from_be_bytes(supply[16..].try_into().unwrap()), completed.supply.amount.get(), "{completed:?}");
    let state = diem_bridge::BridgeState::decode(&word(bridge.address(), "0x0").await).unwrap();
    assert_eq!(state.event_nonce, completed.event_nonce, "{completed:?}");
}

/// Checks that all nodes have the same state.
async fn all_agree(chain: &Apart) {
    let now = height(&chain.client()).await.unwrap();
    let mut roots = BTreeSet::new();
    for node in 0..NODES {
        let client = chain.devnet.client(node);
        reach(&client, now).await;
        roots.insert(root(&client, now).await);
    }
    assert_eq!(roots.len(), 1, "{roots:?}");
}
