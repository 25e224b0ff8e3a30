//! Joins at special heights: the hundredth of a chain, and one around which validators change with every block.

use std::{
    cmp::Reverse,
    collections::BTreeSet,
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    time::Duration,
};

use diem_api::{BlockId, State, Validator, Wait};
use diem_core::{Address, Amount};
use diem_staking as staking;
use diem_testkit::TxBuilder;
use diem_types::Call;

use super::{Joiner, url};
use crate::support::{
    client::{commit, height, person, reach, root, until},
    devnet::Devnet,
    network::turn,
    process::{run, words},
    single::Single,
};

/// The hundredth height of a chain that begins with 1.
const HUNDREDTH: u64 = 100;

#[tokio::test(flavor = "multi_thread")]
async fn a_young_chain_is_joined_at_its_hundredth_height() {
    let _turn = turn().await;
    let mut devnet = Devnet::of_long_trust(1, |_| {});
    assert!(devnet.stop().success());
    let home = devnet.home(0);
    let _ = fs::remove_dir_all(home.join("data/snapshots"));
    // No other snapshot is due, and blocks come as fast as they can.
    let honest = Single::start(&home, &["--set", "snapshot.every=24h", "--set", "comet.block_time=0ms"]);
    let client = honest.client();
    reach(&client, HUNDREDTH + 2).await;
    until("the snapshot", async || (client.status().await.ok()?.snapshots == [HUNDREDTH]).then_some(())).await;
    let joiner = Joiner::join(&[&honest.api], &["--no-block-sync"]);
    assert_eq!(joiner.follows().await, HUNDREDTH);
    let goal = reach(&joiner.client(), height(&client).await.unwrap()).await;
    assert_eq!(root(&joiner.client(), goal).await, root(&client, goal).await);
    let joined = joiner.home();
    let advice = |home: &Path| {
        let ran = run(&["doctor", "--output", "json", "--home", home.to_str().unwrap()]);
        let report: serde_json::Value =
            serde_json::from_slice(&ran.stdout).unwrap_or_else(|_| panic!("{}", words(&ran)));
        let findings = report["findings"].as_array().unwrap().clone();
        findings.into_iter().find(|finding| finding["check"] == "young_validator")
    };
    // Evidence of before the snapshot is nothing to a node that is no validator, and the validator has all blocks.
    assert_eq!(advice(&joined), None);
    let key = "cometbft/config/priv_validator_key.json";
    fs::copy(home.join(key), joined.join(key)).unwrap();
    let of_running = advice(&joined).unwrap();
    let what = of_running["what"].as_str().unwrap();
    assert!(what.contains("began by a snapshot of height 100; evidence about blocks before that counts"), "{what}");
    assert_eq!(of_running["weight"], "advice");
    let mut joiner = joiner;
    assert!(joiner.node.take().unwrap().stop().success() && honest.stop().success());
    assert!(advice(&joined).is_some(), "stopped as running");
    assert_eq!(advice(&home), None);
}

/// The most gas of a block that holds one stake and no second one.
const ONE_STAKE: u64 = 30_000;
/// The number of stakes that wait for their blocks, so that no block finds none. A pool takes sixteen of one sender.
const WAITING: u64 = 14;

/// Stakes with one validator after the other, so much that it overtakes the one before. Where one alone has a place, the set of
/// each block then has one validator that the set before did not have.
async fn overtake(devnet: &Devnet, turns: [Address; 2], done: &AtomicBool) {
    let (client, who) = (devnet.client(0), person(0));
    let first = client.account(&who.address, None, false).await.unwrap().nonce;
    let mut next = first;
    while !done.load(SeqCst) {
        let landed = client.account(&who.address, None, false).await.unwrap().nonce;
        while next < landed + WAITING {
            let number = next - first;
            let (validator, amount) = (turns[usize::from(number % 2 == 0)], if number == 0 { 1 } else { 2 });
            let amount = Amount::new(Amount::ONE.get() * amount);
            let stake = Call::Staking(staking::Msg::Stake { validator, amount });
            let tx = TxBuilder::new(&devnet.doc, &who, next, vec![stake]).bytes();
            let sent = client.submit(tx.to_vec(), Wait::Checked, Duration::from_secs(60)).await.unwrap();
            assert_eq!(sent.state, State::Checked, "{sent:?}");
            next += 1;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_joins_while_validators_come_and_go_with_every_block() {
    let _turn = turn().await;
    let devnet = Devnet::of_changed(3, |doc| {
        doc.app.staking.params.max_validators = 2;
        doc.app.gas.block_limit = ONE_STAKE;
        // The strongest, and of those that are alike the first by address.
        let operator = |key: [u8; 32]| {
            let mut all = doc.app.staking.validators.iter();
            all.find(|validator| validator.validator.consensus_key == key).unwrap().operator
        };
        doc.validators.sort_by_key(|validator| (Reverse(validator.power), operator(validator.public_key)));
        doc.validators.truncate(2);
    });
    let first = devnet.client(0);
    let strongest = devnet.doc.validators.iter().max_by_key(|validator| validator.power).unwrap().public_key;
    let (strongest, others): (Vec<_>, Vec<_>) =
        devnet.doc.app.staking.validators.iter().partition(|one| one.validator.consensus_key == strongest);
    let turns = [others[0].operator, others[1].operator];
    // One keeps its place, however much is staked with the others.
    let much = Amount::new(Amount::ONE.get() * 10_000);
    let stake = Call::Staking(staking::Msg::Stake { validator: strongest[0].operator, amount: much });
    commit(&first, TxBuilder::new(&devnet.doc, &person(1), 0, vec![stake]).bytes()).await;

    let done = AtomicBool::new(false);
    let joins = async {
        let since = height(&first).await.unwrap();
        for node in 0..2 {
            let client = devnet.client(node);
            until("a snapshot of a later height", async || {
                let newest = client.status().await.ok()?.snapshots.first().copied();
                (newest > Some(since + 6)).then_some(())
            })
            .await;
        }
        // Where this machine left a block without a stake, validators did not change with it, and another node joins later.
        until("a join around which validators come and go with every block", async || {
            let joiner = Joiner::join(&[url(&devnet, 0), url(&devnet, 1)], &["--no-block-sync"]);
            let began = joiner.follows().await;
            let client = joiner.client();
            let goal = reach(&client, height(&first).await.unwrap().max(began + 5)).await;
            reach(&first, goal).await;
            assert_eq!(root(&client, goal).await, root(&first, goal).await);
            // The first block after the snapshot that has a transaction, and with it what the node knows of it.
            for at in began + 1.. {
                let block = first.block(BlockId::Height(at), None).await.unwrap();
                let Some(tx) = block.txs.items.first() else { continue };
                assert_eq!(client.transaction(&tx.hash).await.unwrap().height, at);
                break;
            }
            assert!(!joiner.log().contains("invalid proposal signature"), "{}", joiner.log());
            assert!(joiner.stop().success());
            let mut changes = Vec::new();
            for at in began - 1..began + 4 {
                let block = first.light_block(at).await.unwrap();
                let keys =
                    |validators: &[Validator]| validators.iter().map(|one| one.public_key).collect::<BTreeSet<_>>();
                let (now, next) = (keys(&block.validators), keys(&block.next_validators));
                changes.push((now.len(), now.difference(&next).count()));
            }
            println!("validators, and how many of them left, around height {began}: {changes:?}");
            changes.iter().all(|change| *change == (2, 1)).then_some(())
        })
        .await;
        done.store(true, SeqCst);
    };
    tokio::join!(joins, overtake(&devnet, turns, &done));
}
