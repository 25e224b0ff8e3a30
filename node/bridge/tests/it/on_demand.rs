//! The signer's task beside the development engine, which makes blocks on demand.

use std::{sync::Arc, time::Duration};

use diem_bridge::{OutboundKind, booking, state};
use diem_core::keys::EthereumKey;
use diem_engine::{
    Commits, Engine,
    engine::{BlockMode, Wait},
};
use diem_host::{clock::wall_clock, home::Home};
use diem_instant::InstantEngine;
use diem_node_bridge::{Keys, Metrics, Registry, Signer, Tasks, Watch};
use diem_runtime::{App, Options};
use diem_testkit::{Person, TestChain, operator, people, people::bridge_secret};
use diem_types::Call;
use ed25519_dalek::SigningKey;

use crate::scene::{activate, bridge_out, doc, prepare};

const PATIENCE: Duration = Duration::from_secs(60);

/// Sends a call and waits until it is in a block.
async fn send(chain: &TestChain, engine: &InstantEngine, sender: &Person, msg: diem_bridge::Msg) {
    let height = chain.app.info().height;
    let tx = chain.tx(sender, vec![Call::Bridge(msg)]).bytes();
    assert_eq!(engine.submit(vec![tx.try_into().unwrap()], Wait::Checked).await, [Ok(())]);
    engine.signed_header(height + 1, PATIENCE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_is_sealed_and_signed_without_another_transaction_and_then_no_more_blocks_come() {
    let (app, doc) = (Arc::new(App::in_memory(Options::default())), doc(2));
    let registry = Registry::new();
    let commits = Commits::new(&app, Arc::new(diem_engine::metrics::Metrics::new(registry.clone()).unwrap()));
    let options = diem_instant::Options {
        keys: [1, 2].map(|seed| SigningKey::from_bytes(&[seed; 32])).into(),
        mode: BlockMode::OnDemand,
        clock: wall_clock(),
        on_fatal: Arc::new(|reason: &str| panic!("{reason}")),
    };
    let engine = InstantEngine::start(Arc::clone(&app), Arc::clone(&commits), &doc.clone().into(), options).unwrap();
    let (engine, mut heights) = (Arc::new(engine), commits.subscribe());
    let chain = TestChain { app: Arc::clone(&app), doc, people: people(4) };
    let folder = tempfile::tempdir().unwrap();
    let secrets = (1..=2).map(|number| EthereumKey::new(&bridge_secret(number)).unwrap());
    let keys = Keys::of_home(Home::at(folder.path()), chain.doc.chain_id.clone()).and_development(secrets.collect());
    let metrics = Arc::new(Metrics::new(&registry).unwrap());
    let (signed, watch) =
        (folder.path().join("signed"), Watch { commits: commits.subscribe(), engine: engine.clone() });
    let mut tasks = Tasks::default();
    let shared = Arc::clone(&app);
    tasks.spawn("signer", move || {
        let signer = Signer::new(Arc::clone(&shared), keys.clone(), &signed, Arc::clone(&metrics)).unwrap();
        signer.on_a_chain_that_reverts().run(watch.clone())
    });

    send(&chain, &engine, &operator(0), prepare()).await;
    send(&chain, &engine, &operator(0), activate(&app.store().latest())).await;
    let ready = heights.wait_for(|_| state::contract(&app.store().latest()).is_some_and(|contract| contract.is_ready));
    tokio::time::timeout(PATIENCE, ready).await.unwrap().unwrap();
    let before = app.info().height;
    send(&chain, &engine, &chain.people[0], bridge_out(1)).await;
    let signed = heights.wait_for(|_| booking::has_quorum(&app.store().latest(), OutboundKind::Batch, 1, 0));
    tokio::time::timeout(PATIENCE, signed).await.unwrap().unwrap();
    // One block for the transfer, one that seals, and at most one for each validator's statement.
    let after = app.info().height;
    assert!((before + 3..=before + 4).contains(&after), "{before} {after}");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(app.info().height <= before + 4);
    drop(tasks);
    engine.stop();
}
