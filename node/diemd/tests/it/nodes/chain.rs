//! The same story over both engines: to their users they are one chain.

use std::time::Duration;

use diem_api::{MAX_BATCH_TXS, State, Wait};
use diem_client::{Client, LightClient, build::Intent, verify::VerifyError};
use diem_core::{Address, Amount, Denom, keys::KeyKind};
use diem_testkit::TxBuilder;
use diem_types::Call;

use crate::support::{
    client::{commit, height, person, reach, root, until},
    devnet::{Devnet, EngineUnderTest},
    network::turn,
    process::{processes_of, run, words},
};

#[tokio::test(flavor = "multi_thread")]
async fn the_story_on_cometbft() {
    let _turn = turn().await;
    story(EngineUnderTest::Comet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_story_on_the_instant_engine() {
    story(EngineUnderTest::Instant).await;
}

async fn story(engine: EngineUnderTest) {
    let mut devnet = Devnet::start(engine);
    let committed = a_transfer_is_found_at_once_and_proven_elsewhere(&devnet).await;
    nonces_in_any_order_land(&devnet).await;
    who_waits_for_no_block_is_never_refused(&devnet).await;
    what_is_wrong_is_refused_alike(&devnet).await;
    readers_are_few_threads_and_blocks_go_on(&devnet).await;
    trust_follows_a_stake(&devnet).await;
    a_restart_forgets_nothing(&mut devnet, committed).await;
}

/// Strangers that read everything and wait for what never comes are served by few threads of their own.
async fn readers_are_few_threads_and_blocks_go_on(devnet: &Devnet) {
    const STREAMS: usize = 100;
    let client = devnet.client(0);
    let url = format!("{}/v1/events?from=1", client.url());
    let (http, mut streams) = (reqwest::Client::new(), Vec::new());
    for _ in 0..STREAMS {
        streams.push(http.get(&url).send().await.unwrap());
    }
    let sender = person(2).address;
    let nonce = client.account(&sender, None, false).await.unwrap().nonce_to_send();
    let later = devnet.transfer(2, nonce + 1, Address([9; 20]), 1).to_vec();
    let repeated = vec![later; MAX_BATCH_TXS];
    let batches = (0..10).map(|_| client.submit_batch(&repeated, Wait::Committed, Duration::from_secs(5)));
    let others = async {
        // While all of them wait or are read, a transaction comes into a block, and the next one does too.
        let mut nonce = client.account(&person(1).address, None, false).await.unwrap().nonce_to_send();
        for _ in 0..2 {
            commit(&client, devnet.transfer(1, nonce, Address([9; 20]), 1)).await;
            nonce += 1;
        }
        threads(devnet.pid(0))
    };
    let (answers, threads) = futures::join!(futures::future::join_all(batches), others);
    for answer in answers {
        let answer = answer.unwrap();
        assert_eq!(answer.len(), MAX_BATCH_TXS);
        assert!(answer.iter().all(|one| one.state == State::Unknown), "{:?}", answer[0]);
    }
    for (name, count) in [("http-events", 1), ("http-read", 2), ("http-simulate", 1)] {
        assert_eq!(threads.iter().filter(|thread| *thread == name).count(), count, "{threads:?}");
    }
    assert!(threads.len() < STREAMS, "{threads:?}");
    for stream in &mut streams {
        // The first event of each stream is the first block, after the heartbeats of a stream that had to wait its
        // turn.
        let mut text = String::new();
        while !text.split_once("id: ").is_some_and(|(_, event)| event.contains("\n\n")) {
            text.push_str(&String::from_utf8_lossy(&stream.chunk().await.unwrap().unwrap()));
        }
        let (_, first) = text.split_once("id: ").unwrap();
        assert!(first.starts_with("1.0."), "{text}");
    }
}

/// The names of a process's threads, as the system shows them.
fn threads(pid: u32) -> Vec<String> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    // A thread may end while the list is read.
    let name = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm")).ok();
    tasks.filter_map(name).map(|name| name.trim().to_owned()).collect()
}

fn vvv(whole: u128) -> Amount {
    Amount::ONE.checked_mul(whole).unwrap()
}

/// Checks a transfer and its proof; returns the height of its block.
async fn a_transfer_is_found_at_once_and_proven_elsewhere(devnet: &Devnet) -> u64 {
    let (first, last) = (devnet.client(0), devnet.last());
    let stranger = Address([7; 20]);
    let submitted = commit(&first, devnet.transfer(0, 0, stranger, 5)).await;
    let tx = submitted.tx.unwrap();
    assert_eq!(first.transaction(&submitted.hash).await.unwrap().height, tx.height);
    let block = first.block(diem_api::BlockId::Height(tx.height), None).await.unwrap();
    assert!(serde_json::to_string(&block).unwrap().contains(&submitted.hash.to_string()));

    // The proof of a height needs the next header, for which the request waits.
    reach(&last, tx.height).await;
    let mut light = LightClient::new(last.clone(), devnet.trust());
    let (known, verified) = light.account(&stranger, Some(tx.height)).await.unwrap();
    assert_eq!((known.vvv.amount, known.height), (vvv(5), tx.height));
    assert!(verified.exists);
    assert_eq!(verified.account.vvv, vvv(5));
    let absent = Address([8; 20]);
    let (_, unknown) = light.account(&absent, Some(tx.height)).await.unwrap();
    assert!(!unknown.exists);
    // A proof is valid for its own account only.
    assert!(light.trust().verify_account(&absent, &known).is_err());
    tx.height
}

/// Most of the power moves, and a client that trusts the genesis still verifies what is proven afterwards.
async fn trust_follows_a_stake(devnet: &Devnet) {
    let (first, last, dave) = (devnet.client(0), devnet.last(), person(3));
    let operator = devnet.doc.app.staking.validators[0].operator;
    let nonce = first.account(&dave.address, None, false).await.unwrap().nonce;
    let stake = diem_staking::Msg::Stake { validator: operator, amount: vvv(50_000) };
    let tx = TxBuilder::new(&devnet.doc, &dave, nonce, vec![Call::Staking(stake)]).bytes();
    let staked = commit(&first, tx).await.tx.unwrap();
    assert!(staked.result.ok, "{staked:?}");
    // The validator set that counts from two heights later signs this one's next header.
    let changed = staked.height + 2;
    let mut nonce = nonce + 1;
    while reach(&first, staked.height).await < changed {
        commit(&first, devnet.transfer(3, nonce, Address([6; 20]), 1)).await;
        nonce += 1;
    }
    reach(&last, changed).await;
    let answer = last.account(&dave.address, Some(changed), true).await.unwrap();
    let error = devnet.trust().verify_account(&dave.address, &answer).unwrap_err();
    assert!(matches!(error, VerifyError::Validators(height) if height == changed + 1), "{error}");
    let mut light = LightClient::new(last.clone(), devnet.trust());
    let (_, verified) = light.account(&dave.address, Some(changed)).await.unwrap();
    assert_eq!((verified.height, light.trust().height()), (changed, changed + 1));
    assert!(verified.account.vvv < vvv(950_000));
    // The command verifies the same.
    let genesis = devnet.home(0).join("genesis.json");
    let (node, genesis) = (last.url().to_string(), genesis.to_str().unwrap().to_string());
    let address = dave.address.to_string();
    let asked = tokio::task::spawn_blocking(move || {
        run(&["query", "account", &address, "--verify", "--genesis", &genesis, "--node", &node, "--output", "json"])
    });
    let asked = asked.await.unwrap();
    assert!(asked.status.success(), "{}", words(&asked));
    let answer: serde_json::Value = serde_json::from_slice(&asked.stdout).unwrap();
    assert_eq!(answer["verified"]["exists"], true, "{answer}");
}

async fn nonces_in_any_order_land(devnet: &Devnet) {
    let client = devnet.client(0);
    let stranger = Address([9; 20]);
    for nonce in [1, 0, 3, 2] {
        let tx = devnet.transfer(1, nonce, stranger, 1).to_vec();
        let submitted = client.submit(tx, Wait::Checked, Duration::from_secs(30)).await.unwrap();
        assert!(matches!(submitted.state, State::Checked | State::Committed), "{submitted:?}");
    }
    until("all four transfers", async || {
        let account = devnet.last().account(&stranger, None, false).await.ok()?;
        (account.vvv.amount == vvv(4)).then_some(())
    })
    .await;
}

/// Sends one payment after the other, each with the nonce that the node names, whatever its blocks do meanwhile.
async fn who_waits_for_no_block_is_never_refused(devnet: &Devnet) {
    let (client, carol, to) = (devnet.client(0), person(2), Address([5; 20]));
    for nonce in 0..40 {
        let pay = diem_bank::Msg::Transfer { to, denom: Denom::Vvv, amount: vvv(1) };
        let draft = client.draft(Intent::new(carol.address, KeyKind::Ed25519, vec![Call::Bank(pay)])).await.unwrap();
        assert_eq!(draft.tx.nonce, nonce);
        let tx = draft.tx.sign(&carol.key, None).unwrap();
        let submitted = client.submit(tx, Wait::Checked, Duration::from_secs(30)).await.unwrap();
        assert!(matches!(submitted.state, State::Checked | State::Committed), "{submitted:?}");
    }
    until("all forty payments", async || {
        let account = client.account(&carol.address, None, false).await.ok()?;
        assert_eq!(account.next_nonce, Some(40));
        (account.nonce == 40).then_some(())
    })
    .await;
}

async fn what_is_wrong_is_refused_alike(devnet: &Devnet) {
    let client = devnet.client(0);
    let refused = async |tx: Vec<u8>| {
        let submitted = client.submit(tx, Wait::Committed, Duration::from_secs(30)).await;
        let error = match submitted {
            Ok(submitted) => {
                assert_eq!(submitted.state, State::Rejected);
                submitted.error.unwrap()
            }
            Err(error) => error.refusal().unwrap().clone(),
        };
        (error.codespace.to_string(), error.code)
    };
    assert_eq!(refused(b"garbage".to_vec()).await, ("chain".into(), 1));
    assert_eq!(refused(devnet.transfer(1, 0, Address([9; 20]), 2).to_vec()).await, ("chain".into(), 13));
    // Sending the same bytes again is idempotent: the answer is their block.
    let again = devnet.transfer(1, 0, Address([9; 20]), 1).to_vec();
    let again = client.submit(again, Wait::Committed, Duration::from_secs(30)).await.unwrap();
    assert_eq!(again.state, State::Committed);
    assert_eq!(refused(devnet.transfer(1, 1_000, Address([9; 20]), 1).to_vec()).await, ("chain".into(), 14));
    let mut broken = devnet.transfer(1, 4, Address([9; 20]), 1).to_vec();
    let last = broken.len() - 1;
    broken[last] ^= 1;
    assert_eq!(refused(broken).await.0, "chain");
}

/// A node that is stopped or killed, and then started again, loses nothing and has the same roots.
async fn a_restart_forgets_nothing(devnet: &mut Devnet, committed: u64) {
    let before = root(&devnet.client(0), committed).await;
    let reached = height(&devnet.client(0)).await.unwrap();
    assert!(devnet.stop().success());
    assert_eq!(devnet.processes(), Vec::<u32>::new());
    assert!(!devnet.ready_file().exists());
    devnet.again(&[]);
    goes_on(&devnet.client(0), committed, &before, reached).await;

    devnet.kill();
    let folder = devnet.dir();
    until("the end of what a killed devnet started", async || processes_of(&folder).is_empty().then_some(())).await;
    devnet.again(&[]);
    goes_on(&devnet.client(0), committed, &before, reached).await;
    let carol = person(2).address;
    let account = devnet.client(0).account(&carol, None, false).await.unwrap();
    commit(&devnet.client(0), devnet.transfer(2, account.nonce, Address([7; 20]), 1)).await;
}

async fn goes_on(client: &Client, committed: u64, before: &str, reached: u64) {
    assert!(height(client).await.unwrap() >= reached);
    assert_eq!(root(client, committed).await, before);
}
