//! Several endpoints of the same chain, some of which lie.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use diem_base::{BaseError, Dev, Quorum};
use serde_json::json;

use crate::{
    stand_in::liar,
    world::{CHAIN_ID, World},
};

async fn world_with_blocks(blocks: u64) -> Option<World> {
    let world = World::start(|_| ()).await?;
    Dev::new(world.base().clone()).mine(blocks).await.unwrap();
    Some(world)
}

fn quorum(urls: &[&str]) -> Quorum {
    let urls: Vec<String> = urls.iter().map(|url| (*url).to_owned()).collect();
    Quorum::new(&urls, CHAIN_ID).unwrap()
}

#[test]
fn no_endpoint_too_many_or_one_twice_is_refused() {
    let url = |number: u16| format!("http://127.0.0.1:{number}");
    for urls in [vec![], vec![url(1), url(1)], (1..=4).map(url).collect()] {
        assert!(matches!(Quorum::new(&urls, CHAIN_ID), Err(BaseError::Endpoints)), "{urls:?}");
    }
    let alone = quorum(&["http://127.0.0.1:1"]);
    assert!(alone.is_alone() && alone.needed() == 1);
    let two = quorum(&["http://127.0.0.1:1", "http://127.0.0.1:2"]);
    assert!(!two.is_alone() && two.needed() == 2);
}

#[tokio::test]
async fn two_of_three_that_agree_make_a_block_final_and_the_third_is_named() {
    let Some(world) = world_with_blocks(20).await else { return };
    let url = world.local.url();
    // They are the same endpoint by three names, so that each could lie alone.
    let (one, other) = (liar(&url, |_, _| ()), liar(&url, |_, _| ()));
    let third = liar(&url, |method, result| {
        if method == "eth_chainId" {
            *result = json!("0x1");
        }
    });
    let mut three = quorum(&[&one, &other, &third]);
    let survey = three.survey(&[1, 5, 1_000]).await;
    let real = world.base().header(diem_base::BlockName::Number(5)).await.unwrap().unwrap();
    assert_eq!(survey.final_hash(5), Some(*real.hash()));
    assert_eq!((survey.agreed_hash(1_000), survey.final_hash(1_000)), (None, None));
    let refused = three.refused();
    assert_eq!(refused.len(), 1);
    assert!(refused[0].url.ends_with(&third) && refused[0].reason.contains("endpoint of chain 1"), "{refused:?}");
    assert_eq!(three.answering().iter().map(|(place, _)| *place).collect::<Vec<_>>(), [0, 1]);

    // Without one of the two nothing is final, and never by the survivor.
    let mut fewer = quorum(&[&one, "http://127.0.0.1:1", &third]);
    let survey = fewer.survey(&[5]).await;
    assert_eq!((survey.finalized(), survey.final_hash(5), survey.agreed_hash(5)), (None, None, None));
    assert_eq!(survey.newest(), Some(20), "a proof of one is enough, since it proves itself");
    assert_eq!(fewer.refused().len(), 2);
}

#[tokio::test]
async fn an_endpoint_whose_final_block_goes_back_counts_again_after_a_while() {
    let Some(world) = world_with_blocks(20).await else { return };
    let url = world.local.url();
    let jump = Arc::new(AtomicU64::new(0));
    let lies = Arc::clone(&jump);
    // It serves the newest block as the final one for as long as it is told to.
    let liar = crate::stand_in::forward(&url, move |request| {
        if lies.load(Ordering::SeqCst) == 1 && request["params"][0] == "finalized" {
            request["params"][0] = json!("latest");
        }
    });
    let mut alone = quorum(&[&liar]).refusing_for(Duration::from_millis(1));
    jump.store(1, Ordering::SeqCst);
    assert_eq!(alone.survey(&[]).await.finalized(), Some(20));
    jump.store(0, Ordering::SeqCst);
    assert_eq!(alone.survey(&[]).await.finalized(), None);
    let reason = alone.refused().pop().unwrap().reason;
    assert!(reason.contains("went back: it was 20"), "{reason}");
    tokio::time::sleep(Duration::from_millis(5)).await;
    let honest = alone.survey(&[]).await.finalized();
    assert!(honest.is_some_and(|number| number < 20), "{honest:?}");
    assert!(alone.refused().is_empty());

    // A chain for development goes back with everybody.
    let mut reverting = quorum(&[&liar]);
    jump.store(1, Ordering::SeqCst);
    assert_eq!(reverting.survey(&[]).await.finalized(), Some(20));
    jump.store(0, Ordering::SeqCst);
    reverting.forget_marks();
    assert_eq!(reverting.survey(&[]).await.finalized(), honest);
}

#[tokio::test]
async fn an_endpoint_on_another_branch_is_named_and_two_such_let_nothing_be_final() {
    let Some(world) = world_with_blocks(20).await else { return };
    let Some(branch) = world_with_blocks(20).await else { return };
    // The same chain id and the same numbers, and from a first transaction on other hashes.
    branch.ask("anvil_reorg", json!([5, []])).await;
    Dev::new(branch.base().clone()).warp(1_000).await.unwrap();
    Dev::new(branch.base().clone()).mine(20).await.unwrap();
    Dev::new(world.base().clone()).mine(20).await.unwrap();
    let (one, other, alone) = (world.local.url(), liar(&world.local.url(), |_, _| ()), branch.local.url());
    let mut three = quorum(&[&one, &alone, &other]);
    let survey = three.survey(&[30]).await;
    let real = world.base().header(diem_base::BlockName::Number(30)).await.unwrap().unwrap();
    assert_eq!(survey.final_hash(30), Some(*real.hash()));
    let refused = three.refused();
    assert!(
        refused.len() == 1
            && refused[0].url == format!("endpoint 2 of 3, {alone}")
            && refused[0].reason.contains("block 30"),
        "{refused:?}"
    );
    // One against one is no agreement, and nobody is to blame.
    let mut two = quorum(&[&one, &alone]);
    assert_eq!(two.survey(&[30]).await.final_hash(30), None);
    assert!(two.refused().is_empty());
}
