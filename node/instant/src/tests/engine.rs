//! The engine as HTTP sees it: one thread that makes blocks, many that ask.

use std::{sync::Arc, time::Duration};

use diem_core::Amount;
use diem_engine::{
    Engine as _,
    engine::{BlockMode, DevControls as _, EngineError, SubmitError, Wait},
};
use diem_host::clock::wall_clock;
use diem_runtime::App;
use tokio::sync::oneshot;

use super::{Rig, commits, options};
use crate::{InstantEngine, Options, worker::MAX_MINED};

const PATIENCE: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(50);

fn start(rig: &Rig, mode: BlockMode) -> (Arc<App>, InstantEngine) {
    let app = Arc::new(App::in_memory(options()));
    let on_fatal = Arc::new(|reason: &str| panic!("{reason}"));
    let how = Options { keys: rig.keys.clone(), mode, clock: wall_clock(), on_fatal };
    let engine = InstantEngine::start(Arc::clone(&app), commits(&app), &rig.doc.clone().into(), how).unwrap();
    (app, engine)
}

#[tokio::test]
async fn on_demand_a_transaction_makes_a_block_and_the_next_header_one_empty_block() {
    let rig = Rig::new();
    let (app, engine) = start(&rig, BlockMode::OnDemand);
    assert_eq!(engine.status().await.unwrap().latest_height, 1);
    let sent = engine.submit(vec![rig.incoming(0, 0, 1, 1), rig.incoming(0, 1, 1, 1)], Wait::Checked).await;
    assert_eq!(sent, [Ok(()), Ok(())]);
    let header = engine.signed_header(2, PATIENCE).await.unwrap();
    assert_eq!(header.header.height.value(), 2);
    assert_eq!(app.index().block(2).unwrap().tx_count, 2);
    // The next header carries the root after height 2.
    let next = engine.signed_header(3, PATIENCE).await.unwrap();
    assert_eq!(next.header.app_hash.as_bytes(), app.index().block(2).unwrap().root);
    assert_eq!((app.info().height, app.index().block(3).unwrap().tx_count), (3, 0));
    // Asking again makes no other block.
    engine.signed_header(3, PATIENCE).await.unwrap();
    assert_eq!(app.info().height, 3);
    assert_eq!(engine.signed_header(9, SHORT).await, Err(EngineError::NotYet { asked: 9, latest: 3 }));
    assert_eq!(engine.signed_header(0, SHORT).await, Err(EngineError::Gone(0)));
    assert_eq!(engine.validators(3).await.unwrap().hash(), next.header.validators_hash);
}

#[tokio::test]
async fn without_patience_a_transaction_is_handed_on_and_lands() {
    let rig = Rig::new();
    let (app, engine) = start(&rig, BlockMode::OnDemand);
    assert_eq!(engine.submit(vec![rig.incoming(0, 0, 1, 1)], Wait::None).await, [Ok(())]);
    engine.signed_header(2, PATIENCE).await.unwrap();
    assert_eq!(app.index().block(2).unwrap().tx_count, 1);
    let refused = engine.submit(vec![rig.refused()], Wait::Checked).await;
    assert!(matches!(refused.as_slice(), [Err(SubmitError::Rejected { .. })]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_does_not_hold_the_timer_up() {
    let rig = Rig::new();
    let (_, engine) = start(&rig, BlockMode::Every(Duration::from_millis(2)));
    let engine = Arc::new(engine);
    let flooding = {
        let (engine, refused) = (Arc::clone(&engine), rig.refused());
        tokio::spawn(async move {
            loop {
                let _ = engine.submit(vec![refused.clone(); 100], Wait::None).await;
                tokio::task::yield_now().await;
            }
        })
    };
    engine.signed_header(10, PATIENCE).await.unwrap();
    flooding.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_that_take_longer_than_their_period_hold_no_command_up() {
    let rig = Rig::new();
    let (app, engine) = start(&rig, BlockMode::Every(Duration::from_nanos(1)));
    let sent = engine.submit(vec![rig.incoming(0, 0, 1, 1)], Wait::Checked);
    let sent = tokio::time::timeout(PATIENCE, sent).await;
    // It stops on a thread that nobody waits for if it never does.
    let (told, stopped) = oneshot::channel();
    std::thread::spawn(move || {
        drop(engine);
        let _ = told.send(());
    });
    assert_eq!(sent.expect("an answer"), [Ok(())]);
    tokio::time::timeout(PATIENCE, stopped).await.expect("it stops").unwrap();
    assert!(app.info().height > 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_the_checks_before_waits_for_none_after() {
    let rig = Rig::new();
    let (app, engine) = start(&rig, BlockMode::Manual);
    let engine = Arc::new(engine);
    let stream = {
        let (engine, refused) = (Arc::clone(&engine), rig.refused());
        tokio::spawn(async move {
            loop {
                let _ = engine.submit(vec![refused.clone(); 1_000], Wait::None).await;
                tokio::task::yield_now().await;
            }
        })
    };
    let mut sent = 0;
    while sent < 10 {
        // It is refused where the flood of transactions has filled the way to the pool.
        if engine.submit(vec![rig.incoming(0, sent, 1, 1)], Wait::None).await == [Ok(())] {
            sent += 1;
            let done = engine.checks_done(Duration::from_secs(3_600));
            tokio::time::timeout(PATIENCE, done).await.expect("the stream goes on, the checks before it are done");
            assert_eq!(app.next_nonce(&rig.people[0].address), sent);
        }
        tokio::task::yield_now().await;
    }
    assert!(!stream.is_finished());
    stream.abort();
}

#[tokio::test]
async fn nobody_waits_for_the_checks_of_an_engine_that_has_ended() {
    let rig = Rig::new();
    let (_, engine) = start(&rig, BlockMode::Manual);
    let _ = engine.submit(vec![rig.incoming(0, 0, 1, 1)], Wait::None).await;
    engine.stop();
    let done = engine.checks_done(Duration::from_secs(3_600));
    tokio::time::timeout(PATIENCE, done).await.expect("there is nothing to wait for");
}

#[tokio::test]
async fn commands_see_what_was_sent_before_them() {
    let rig = Rig::new();
    let (app, engine) = start(&rig, BlockMode::Manual);
    let (id, height) = engine.snapshot().await.unwrap();
    assert_eq!(engine.submit(vec![rig.incoming(0, 0, 1, 1)], Wait::Checked).await, [Ok(())]);
    assert_eq!(app.info().height, height);
    assert_eq!(engine.mine(3).await.unwrap(), height + 3);
    assert_eq!(app.index().block(height + 1).unwrap().tx_count, 1);
    assert!(matches!(engine.mine(u64::MAX).await, Err(EngineError::Invalid(_))));
    assert_eq!(engine.revert(id).await.unwrap(), height);
    assert_eq!(
        engine.signed_header(height + 2, SHORT).await,
        Err(EngineError::NotYet { asked: height + 2, latest: height })
    );
    engine.set_mode(BlockMode::OnDemand).await.unwrap();
    assert_eq!(engine.submit(vec![rig.incoming(0, 0, 2, 5)], Wait::Checked).await, [Ok(())]);
    engine.signed_header(height + 1, PATIENCE).await.unwrap();
    let paid = diem_bank::balance(&app.snapshot(None).unwrap(), &rig.people[2].address, diem_core::Denom::Vvv);
    assert_eq!(paid, Amount::ONE.checked_mul(1_005).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_does_not_wait_for_what_is_still_to_be_mined() {
    let rig = Rig::new();
    let (app, engine) = start(&rig, BlockMode::Manual);
    let engine = Arc::new(engine);
    let mine = |_| {
        let engine = Arc::clone(&engine);
        tokio::spawn(async move { engine.mine(MAX_MINED).await })
    };
    let mining: Vec<_> = (0..8).map(mine).collect();
    engine.signed_header(4, PATIENCE).await.unwrap();
    engine.stop();
    for answer in mining {
        assert!(matches!(answer.await.unwrap(), Err(EngineError::Unavailable(_))));
    }
    assert!(app.info().height < MAX_MINED);
}

#[tokio::test]
async fn a_stopped_engine_says_so() {
    let rig = Rig::new();
    let (_, engine) = start(&rig, BlockMode::OnDemand);
    engine.stop();
    let sent = engine.submit(vec![rig.incoming(0, 0, 1, 1)], Wait::Checked).await;
    assert!(matches!(sent.as_slice(), [Err(SubmitError::Unavailable(_))]));
    assert!(matches!(engine.mine(1).await, Err(EngineError::Unavailable(_))));
}
