//! DIEM goes out to Base and comes home, both at once, while validators are killed and started again.

use std::{collections::BTreeSet, time::Duration};

use diem_base::Bridge;
use diem_core::{Address, Amount, keccak256};
use futures::future::join_all;

use super::{
    apart::Apart,
    base::{account, burn, contract, rpc},
    traffic::{FEE, Traffic, amount},
};
use crate::support::{
    client::{height, reach, root, until},
    devnet::EngineUnderTest,
    network::turn,
};

/// The number of nodes.
const NODES: usize = 4;
/// The index of the phrase whose account is the first that burns, and the most accounts that do.
const FIRST_BURNER: u32 = 20;
const MOST_BURNERS: u64 = 20;
/// The validator that is killed alone.
const KILLED: usize = 2;

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
    traffic.send_to(count - 2 * (count / 3), out).await;
    (0..NODES).for_each(|node| chain.kill(node));
    chain.start(settings).await;
}

/// Burns every transfer that arrives, each for an account of its own.
async fn all_burns(bridge: &Bridge) {
    let burners = transfers().min(MOST_BURNERS);
    let own = |first: u64| (first..transfers()).step_by(usize::try_from(burners).unwrap());
    join_all((0..burners).map(async |first| {
        for number in own(first) {
            until(&format!("the arrival of transfer {number}"), async || {
                let has = bridge.balance_of(&account(burner(number))).await.unwrap();
                (has >= amount(number)).then_some(())
            })
            .await;
            burn(bridge, burner(number), amount(number), &home_of(number)).await;
        }
    }))
    .await;
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
