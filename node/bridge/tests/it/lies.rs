//! Endpoints that lie, beside honest ones: nothing wrong is stated, the liar is named, and nobody is held up.

use std::{collections::BTreeSet, time::Duration};

use diem_bridge::{attesting, replay, state, token_address};
use diem_lying_base::{Lie, Scope};

use crate::{
    apart::{is_true, round, validator_with},
    scene::metric,
    watched::{Watched, WatchingNode},
};

/// A time that no test lasts.
const LONG: Duration = Duration::from_secs(600);

/// What becomes of an endpoint that tells a lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Log and metrics say that it does not count, and why.
    Named,
    /// What it says alone is not believed, but a slow or hasty honest endpoint would say the same.
    Outvoted,
}

/// A made-up state in which nDIEM exists that nobody minted; all else of the bridge is as it is.
fn forged_mint(watched: &Watched) -> Lie {
    let bridge = state::domain(&watched.state()).unwrap().bridge;
    let (bridge, token) = (bridge.to_hex(), token_address(&bridge).to_hex());
    let supply = 1_u128 << 100;
    format!("forge-state={bridge}:0,{bridge}:1,{bridge}:2,{token}:2={supply}").parse().unwrap()
}

/// Has a batch relayed, which makes an event of Base, and lets the node live on.
async fn live_with_events(watched: &Watched, node: &mut WatchingNode, rounds: usize) -> BTreeSet<String> {
    let mut said = BTreeSet::new();
    watched.world.batch(3);
    watched.relay(2).await;
    for _ in 0..rounds {
        watched.live(node, 1).await;
        said.extend(node.watcher.refusal().map(str::to_owned));
    }
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn one_lying_endpoint_of_three_changes_nothing_and_is_named() {
    let Some(watched) = Watched::start().await else { return };
    let lies = [
        (Lie::WrongChainId(1), Fate::Named),
        (Lie::ForgeStateRoot, Fate::Named),
        (Lie::ForgeHeader("timestamp".into()), Fate::Named),
        (Lie::ForgeHeaderRehashed("number".into()), Fate::Named),
        (Lie::ForgeProof, Fate::Named),
        (Lie::ForgeAbsentSlot, Fate::Named),
        (Lie::ForgeAbsentAccount, Fate::Named),
        (forged_mint(&watched), Fate::Named),
        (Lie::FinalityBack(3), Fate::Named),
        (Lie::UnknownHeaderField, Fate::Named),
        (Lie::DropLogs(1), Fate::Named),
        (Lie::ForgeLogs, Fate::Named),
        (Lie::DuplicateLogs, Fate::Named),
        (Lie::InventLogs, Fate::Named),
        (Lie::InternalError, Fate::Named),
        (Lie::TooManyRequests, Fate::Named),
        (Lie::Refuse, Fate::Named),
        (Lie::CutOff, Fate::Named),
        (Lie::Dribble, Fate::Named),
        (Lie::Flood, Fate::Named),
        (Lie::Slow(7_000), Fate::Named),
        (Lie::LatestAsFinalized, Fate::Outvoted),
        (Lie::FinalitySteps(32), Fate::Outvoted),
        (Lie::StaleFinalized(100), Fate::Outvoted),
        (Lie::LagBlocks(100), Fate::Outvoted),
        (Lie::DelayLogs(100), Fate::Named),
        (Lie::ReorderLogs, Fate::Outvoted),
        (Lie::MoveLogs, Fate::Outvoted),
        (Lie::TimestampMs, Fate::Outvoted),
        // Only the nodes of a proof are read, so that what is claimed beside them is nothing.
        (Lie::ForgeAccount, Fate::Outvoted),
        (Lie::ForgeSlot, Fate::Outvoted),
        (Lie::ForgeCodeHash, Fate::Outvoted),
    ];
    for (number, (lie, fate)) in lies.into_iter().enumerate() {
        let before = watched.last().map_or(0, |last| last.number);
        watched.proxy.honest();
        watched.proxy.lie_within(Scope::victim("two"), lie.clone());
        let mut node = watched.node_with(&format!("node-{number}"), 3, |settings| settings.refuse_for = LONG);
        let mut said = BTreeSet::new();
        let is_named =
            |said: &BTreeSet<String>| said.iter().any(|text| text.contains("an endpoint of Base does not count"));
        // Each endpoint is the first that is asked for events at some time.
        for cycle in 0..8 {
            if cycle >= 2 && (fate == Fate::Outvoted || is_named(&said)) && watched.last().unwrap().number > before {
                break;
            }
            said.extend(live_with_events(&watched, &mut node, 5).await);
        }
        let last = watched.last().unwrap();
        assert!(last.number > before, "{lie:?}: {before} to {last:?}, {said:?}");
        is_true(&watched, &last).await;
        assert!(!node.stop.exists(), "{lie:?}");
        assert_eq!(is_named(&said), fate == Fate::Named, "{lie:?}: {said:?}");
        assert!(!said.iter().any(|text| text.contains("never caused")), "{lie:?}: {said:?}");
    }
    watched.proxy.honest();
    let mut node = watched.node("node", 3);
    watched.live(&mut node, 8).await;
    assert_eq!(replay::missing(&watched.state()), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_lie_alike_or_are_gone_let_nothing_be_stated_until_they_stop() {
    for lie in [Lie::ForgeStateRoot, Lie::Refuse, Lie::WrongChainId(1), Lie::UnknownHeaderField] {
        let Some(watched) = Watched::start().await else { return };
        let mut node = watched.node("node", 3);
        for victim in ["two", "three"] {
            watched.proxy.lie_within(Scope::victim(victim), lie.clone());
        }
        watched.live(&mut node, 8).await;
        assert_eq!(attesting::named(&watched.state()), Vec::<u64>::new(), "{lie:?}");
        let reason = node.watcher.refusal().unwrap_or_default().to_owned();
        watched.proxy.honest();
        watched.live(&mut node, 10).await;
        assert!(watched.last().is_some(), "{lie:?}: {reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_slow_is_left_alone() {
    let Some(watched) = Watched::start().await else { return };
    watched.proxy.lie_within(Scope::victim("two"), Lie::Slow(7_000));
    let mut node = watched.node_with("node", 3, |settings| settings.refuse_for = LONG);
    watched.live(&mut node, 2).await;
    let asked = |victim: &str| watched.proxy.counts().asked_by(victim, "eth_chainId");
    let (slow, quick) = (asked("two"), asked("one"));
    let reason = node.watcher.refusal().unwrap_or_default().to_owned();
    assert!(reason.contains("much later than the others"), "{reason}");
    watched.live(&mut node, 10).await;
    assert!(watched.last().is_some());
    assert!(asked("one") > quick);
    assert_eq!(asked("two"), slow, "it rests");
    // If another one dies, the slow one is better than none.
    watched.proxy.lie_within(Scope::victim("three"), Lie::Refuse);
    watched.live(&mut node, 2).await;
    assert!(asked("two") > slow);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_whose_blocks_are_lied_about_get_no_honest_endpoint_refused() {
    let Some(watched) = Watched::start().await else { return };
    watched.proxy.lie_within(Scope::victim("two"), Lie::MoveLogs);
    let mut node = watched.node_with("node", 3, |settings| settings.refuse_for = LONG);
    for _ in 0..8 {
        watched.world.batch(3);
        watched.relay(2).await;
        for _ in 0..3 {
            watched.mine(2).await;
            // It looks twice while one event is missed, so that the chunks are asked for in another round than the blocks.
            node.watcher.round().await.unwrap();
            node.watcher.round().await.unwrap();
            assert_eq!(metric(&node.registry, "diem_bridge_refused_endpoints"), "0", "{:?}", node.watcher.refusal());
            node.signer.round();
            watched.world.scene.chain.propose(Vec::new());
        }
    }
    watched.live(&mut node, 8).await;
    assert_eq!((replay::missing(&watched.state()), node.watcher.refusal()), (None, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn proofs_of_young_blocks_that_are_made_up_are_taken_again_from_others_while_they_are_young() {
    /// The blocks by which finality is behind, and those of which endpoints serve proofs.
    const FINALITY: u64 = 14;
    const PROVEN: u64 = 6;
    let Some(watched) = Watched::start().await else { return };
    watched.proxy.set_finality(Some(FINALITY));
    let mut node = watched.node("node", 3);
    let forgery = forged_mint(&watched);
    let mut attested = BTreeSet::new();
    for _ in 0..60 {
        let head = watched.world.bridge.base().latest().await.unwrap().number;
        watched.proxy.honest();
        watched.proxy.lie(Lie::ProofWindow(PROVEN));
        // What is nearly final is shown as it is, so that nothing is ever called final that the others do not have.
        watched.proxy.lie_within(Scope::victim("two").above(head.saturating_sub(FINALITY - 2)), forgery.clone());
        watched.live(&mut node, 1).await;
        if let Some(last) = watched.last() {
            is_true(&watched, &last).await;
            attested.insert(last.number);
        }
    }
    let turns: BTreeSet<u64> = attested.iter().map(|number| number / 5 % 3).collect();
    assert_eq!(turns.len(), 3, "no endpoint's turn is lost: {attested:?}");
    let gap = attested.iter().zip(attested.iter().skip(1)).map(|(one, next)| next - one).max();
    assert!(gap <= Some(15), "{attested:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn validators_of_which_each_has_liars_of_its_own_attest_the_truth() {
    let Some(watched) = Watched::start().await else { return };
    let forgery = forged_mint(&watched);
    let liars: [&[(usize, Lie)]; 4] = [
        &[(1, forgery.clone())],
        &[(2, Lie::MoveLogs), (3, Lie::LatestAsFinalized)],
        &[(3, Lie::ForgeProof)],
        // Two alike deceive their validator, and nobody else.
        &[(1, forgery.clone()), (2, forgery.clone())],
    ];
    let mut nodes: Vec<WatchingNode> =
        (1..=4).map(|validator| validator_with(&watched, validator, &[], Duration::ZERO)).collect();
    for (validator, lies) in (1..).zip(liars) {
        for (endpoint, lie) in lies {
            watched.proxy.lie_within(Scope::victim(&format!("of-{validator}-{endpoint}")), lie.clone());
        }
    }
    let mut seen = BTreeSet::new();
    for _ in 0..25 {
        round(&watched, &mut nodes, 3).await;
        if let Some(last) = watched.last() {
            is_true(&watched, &last).await;
            seen.insert(last.number);
        }
    }
    assert!(seen.len() >= 3, "{seen:?}");
}
