//! The application is killed at any moment: what was reported as committed is there, and the sums are right.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use diem_api::{State, Wait};
use diem_core::{Address, Amount, Denom};
use diem_testkit::TxBuilder;

use rustix::process::Signal;

use crate::support::{
    client::{commit, height, person, reach, until},
    ports::Ports,
    process::{run, signal, words},
    single::{Single, instant_home},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_node_keeps_what_it_confirmed() {
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let home = instant_home(folder.path(), &ports);
    let doc = diem_genesis::load(&home.join("genesis.json"), None).unwrap();
    let (alice, to) = (person(0), Address([5; 20]));
    let mut confirmed = 0u128;
    for round in 0..5u64 {
        let node = Single::start(&home, &["--block-time", "3ms"]);
        let client = node.client();
        reach(&client, 1).await;
        let before = client.account(&to, None, false).await.unwrap().vvv.amount;
        assert!(before >= Amount::ONE.checked_mul(confirmed).unwrap(), "round {round}: {confirmed} were confirmed");
        // A payment that was not confirmed may have been committed.
        confirmed = before.get() / Amount::ONE.get();
        let mut nonce = client.account(&alice.address, None, false).await.unwrap().nonce;
        // One payment is confirmed before the kill, however slow the machine is.
        commit(&client, TxBuilder::transfer(&doc, &alice, nonce, to, Amount::ONE).bytes()).await;
        (nonce, confirmed) = (nonce + 1, confirmed + 1);
        let killer = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(60 + round * 37)).await;
            node.kill();
        });
        loop {
            let tx = TxBuilder::transfer(&doc, &alice, nonce, to, Amount::ONE).bytes();
            match client.submit(tx.to_vec(), Wait::Committed, Duration::from_secs(10)).await {
                Ok(submitted) if submitted.state == State::Committed => confirmed += 1,
                _ => break,
            }
            nonce += 1;
        }
        killer.await.unwrap();
    }
    let export = run(&["genesis", "export", "--home", home.to_str().unwrap()]);
    assert!(export.status.success(), "{}", words(&export));
    let file = folder.path().join("export.json");
    fs::write(&file, &export.stdout).unwrap();
    let exported = diem_genesis::load(&file, None).unwrap();
    let total = |doc: &diem_types::GenesisDoc| {
        let accounts: u128 = doc.app.bank.accounts.values().map(|row| row.vvv.get()).sum();
        let pools = doc.app.bank.pools.iter().filter(|pool| pool.denom == Denom::Vvv);
        accounts + pools.map(|pool| pool.amount.get()).sum::<u128>()
    };
    let emitted = exported.app.emissions.progress.as_ref().unwrap().emitted.get();
    let burned = exported.app.staking.rows.as_ref().unwrap().burned.get();
    assert!(emitted > 0);
    assert_eq!(total(&exported), total(&doc) + emitted - burned);
    assert!(confirmed >= 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_ends_in_order_from_its_first_answer_on() {
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let home = instant_home(folder.path(), &ports);
    for round in 0..10 {
        let node = Single::start(&home, &[]);
        let host = node.api.trim_start_matches("http://").to_owned();
        let mut stream = until("the port", async || TcpStream::connect(&host).ok()).await;
        stream.write_all(format!("GET /livez HTTP/1.1\r\nhost: {host}\r\n\r\n").as_bytes()).unwrap();
        stream.read_exact(&mut [0]).unwrap();
        let ended = node.stop();
        assert!(ended.success(), "round {round}: {ended}");
    }
}

/// A reader of the store must not make the process abort when the node ends.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_read_all_the_time_ends_in_order() {
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let home = instant_home(folder.path(), &ports);
    for round in 0..5 {
        let node = Single::start(&home, &["--block-time", "5ms"]);
        reach(&node.client(), (round + 1) * 50).await;
        let answers = Arc::new(AtomicU32::new(0));
        let read = |_| {
            let (http, url) = (reqwest::Client::new(), format!("{}/v1/blocks?limit=100", node.api));
            let answers = Arc::clone(&answers);
            tokio::spawn(async move {
                while let Ok(answer) = http.get(&url).send().await {
                    answers.fetch_add(u32::from(answer.bytes().await.is_ok()), Ordering::Relaxed);
                }
            })
        };
        let readers: Vec<_> = (0..8).map(read).collect();
        until("answers", async || (answers.load(Ordering::Relaxed) > 50).then_some(())).await;
        signal(node.pid(), Signal::TERM);
        let (ended, said) = node.ended();
        assert!(ended.success(), "round {round}: {ended}: {said}");
        for reader in readers {
            reader.await.unwrap();
        }
    }
}

/// The most blocks that one command mines.
const MAX_MINED: u64 = 10_000;

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_ends_a_node_that_mines() {
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let home = instant_home(folder.path(), &ports);
    let node = Single::start(&home, &[]);
    reach(&node.client(), 1).await;
    let mine = |_| {
        let request = reqwest::Client::new().post(format!("{}/v1/dev/mine", node.api));
        let request = request.header("content-type", "application/json").body(format!("{{\"blocks\":{MAX_MINED}}}"));
        tokio::spawn(async move { request.send().await.map(|answer| answer.status().as_u16()) })
    };
    let mining: Vec<_> = (0..8).map(mine).collect();
    reach(&node.client(), 5).await;
    signal(node.pid(), Signal::INT);
    let (status, said) = node.ended();
    assert!(status.success(), "{said}");
    let (asked, mut mined) = (mining.len() as u64, 0);
    for answer in mining {
        // A connection that the stopping node did not accept is as good as a refusal.
        mined += u64::from(answer.await.unwrap().ok() == Some(200));
    }
    // One command after the other is carried out; on a slow machine some of them are before the signal is there.
    assert!(mined < asked, "all commands were carried out");
    let node = Single::start(&home, &["--block-time", "manual"]);
    reach(&node.client(), 5).await;
    assert!(height(&node.client()).await.unwrap() < asked * MAX_MINED);
    assert!(node.stop().success());
}
