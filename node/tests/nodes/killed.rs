//! The application killed at any moment: what was told committed is there, and the sums are right.

use std::{fs, time::Duration};

use diem_client::api::{State, Wait};
use diem_core::{Address, Amount};
use diem_testkit::TxBuilder;

use crate::common::{Ports, Single, instant_home, person, reach, run, words};

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
        // What was not confirmed may have been committed.
        confirmed = before.get() / Amount::ONE.get();
        let mut nonce = client.account(&alice.address, None, false).await.unwrap().nonce;
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
        accounts + doc.app.bank.pools.iter().map(|(_, _, amount)| amount.get()).sum::<u128>()
    };
    assert_eq!(total(&exported), total(&doc));
    assert!(confirmed > 0);
}
