//! Joins at special heights: the hundredth of a chain, and one around which validators change with every block.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use diem_api::{Hash, Wait};
use diem_core::Amount;
use diem_staking as staking;
use diem_testkit::TxBuilder;
use diem_types::Call;
use parking_lot::Mutex;

use super::{Joiner, url};
use crate::support::{
    client::{height, person, reach, root, until},
    devnet::{Devnet, EngineUnderTest},
    network::turn,
    process::{run, words},
    single::Single,
};

/// The hundredth height of a chain that begins with 1.
const HUNDREDTH: u64 = 100;

#[tokio::test(flavor = "multi_thread")]
async fn a_young_chain_is_joined_at_its_hundredth_height() {
    let _turn = turn().await;
    let devnet = Devnet::of_one(EngineUnderTest::Comet);
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

/// The transactions that were committed, by height.
type Sent = Arc<Mutex<BTreeMap<u64, Hash>>>;

#[tokio::test(flavor = "multi_thread")]
async fn a_node_joins_while_validators_change_with_every_block() {
    let _turn = turn().await;
    let devnet = Devnet::start_with(EngineUnderTest::Comet, &["--validators", "2"]);
    let (first, sent, done) = (devnet.client(0), Sent::default(), Arc::<AtomicBool>::default());
    let validators: Vec<_> = devnet.doc.app.staking.validators.iter().map(|validator| validator.operator).collect();
    let mut staking = Vec::new();
    for number in 0..4 {
        let (client, doc, who) = (devnet.client(0), devnet.doc.clone(), person(number));
        let (sent, done) = (Arc::clone(&sent), Arc::clone(&done));
        let validator = validators[number as usize % validators.len()];
        staking.push(tokio::spawn(async move {
            while !done.load(SeqCst) {
                let account = client.account(&who.address, None, false).await.unwrap();
                let stake = Call::Staking(staking::Msg::Stake { validator, amount: Amount::ONE });
                let nonce = account.next_nonce.unwrap_or(account.nonce);
                let tx = TxBuilder::new(&doc, &who, nonce, vec![stake]).bytes();
                let submitted = client.submit(tx.to_vec(), Wait::Committed, Duration::from_secs(60)).await.unwrap();
                sent.lock().insert(submitted.tx.unwrap().height, submitted.hash);
            }
        }));
    }
    let since = height(&first).await.unwrap();
    for node in 0..2 {
        let client = devnet.client(node);
        until("a snapshot of a later height", async || {
            let newest = client.status().await.ok()?.snapshots.first().copied();
            (newest > Some(since + 6)).then_some(())
        })
        .await;
    }
    let joiner = Joiner::join(&[url(&devnet, 0), url(&devnet, 1)], &["--no-block-sync"]);
    let began = joiner.follows().await;
    let client = joiner.client();
    let goal = reach(&client, height(&first).await.unwrap().max(began + 5)).await;
    done.store(true, SeqCst);
    for task in staking {
        task.await.unwrap();
    }
    assert_eq!(root(&client, goal).await, root(&first, goal).await);
    let mut powers = Vec::new();
    for at in began - 1..began + 4 {
        let block = first.light_block(at).await.unwrap();
        powers.push(block.validators.iter().map(|validator| validator.power).sum::<u64>());
    }
    assert!(powers.windows(2).all(|pair| pair[0] < pair[1]), "validators change with each block: {powers:?}");
    let (after, hash) = sent.lock().range(began + 1..).next().map(|(at, hash)| (*at, *hash)).unwrap();
    assert_eq!(after, began + 1);
    assert_eq!(client.transaction(&hash).await.unwrap().height, after);
    assert!(!joiner.log().contains("invalid proposal signature"), "{}", joiner.log());
    assert!(joiner.stop().success());
}
