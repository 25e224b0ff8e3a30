//! How the bridge stands, as a node shows it that has no key, no watcher and no relayer.

use std::{sync::Arc, time::Duration};

use diem_bridge::{Checkpoint, Msg, Statement, state};
use diem_core::{Amount, keys::EthereumKey};
use diem_node_bridge::{Metrics, Registry, show_health};
use diem_testkit::people::bridge_secret;
use tokio::sync::watch;

use crate::scene::{Scene, metric};

const VALIDATORS: u32 = 4;

/// Lets all validators sign what they owe.
fn sign(scene: &Scene) {
    let node = scene.node_at("validators");
    for validator in 1..=VALIDATORS {
        node.put_key(validator, &format!("bridge_key-{validator}.json"));
    }
    node.signer().round();
    scene.chain.propose(Vec::new());
}

/// The metrics of a node that looks at the chain once; without any of the bridge if there is none at work.
async fn shown(scene: &Scene) -> Registry {
    let registry = Registry::new();
    let metrics = Arc::new(Metrics::new(&registry).unwrap());
    let (_commits, committed) = watch::channel(0);
    let task = tokio::spawn(show_health(Arc::clone(&scene.chain.app), metrics, committed));
    let is_shown = || registry.gather().iter().any(|family| family.name() == "diem_bridge_present_halts");
    for _ in 0..200 {
        if is_shown() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    task.abort();
    registry
}

fn number(registry: &Registry, what: &str) -> u64 {
    metric(registry, &format!("diem_bridge_{what}")).parse().unwrap()
}

/// What a validator states of block 5 of Base, with this supply.
fn stated(scene: &Scene, validator: u32, supply: u128) -> Statement {
    let checkpoint = Checkpoint {
        number: 5,
        block_hash: [5; 32],
        timestamp: 1,
        event_nonce: 0,
        rolling_hash: [0; 32],
        supply: Amount::new(supply),
    };
    let digest = state::domain(&scene.state()).unwrap().digest(&checkpoint.struct_hash());
    let key = EthereumKey::new(&bridge_secret(validator)).unwrap();
    Statement::Inbound { checkpoint, signature: key.sign(&digest) }
}

#[tokio::test(flavor = "multi_thread")]
async fn ages_disagreement_and_what_nobody_relays_are_shown_by_the_state_alone() {
    let scene = Scene::activated(4);
    let before = shown(&scene).await;
    assert!(!before.gather().iter().any(|family| family.name().contains("set_age")), "nothing is at work yet");
    sign(&scene);
    let young = shown(&scene).await;
    for (what, expected) in
        [("present_halts", 0), ("attested_blocks", 0), ("disputed_blocks", 0), ("oldest_batch_age_seconds", 0)]
    {
        assert_eq!(number(&young, what), expected, "{what}");
    }
    assert_eq!(number(&young, "max_set_age_seconds"), 30 * 86_400);
    // Before a block is attested, the set's age stands for that of the last one.
    assert_eq!(number(&young, "attested_age_seconds"), number(&young, "set_age_seconds"));

    scene.seal(1);
    sign(&scene);
    let sender = &scene.chain.people[0];
    scene.run(sender, Msg::Submit { statements: vec![stated(&scene, 1, 0)] });
    assert_eq!(number(&shown(&scene).await, "disputed_blocks"), 0);
    scene.run(sender, Msg::Submit { statements: vec![stated(&scene, 2, 1)] });
    for _ in 0..10 {
        scene.chain.propose(Vec::new());
    }
    let old = shown(&scene).await;
    assert_eq!(number(&old, "disputed_blocks"), 1);
    assert!(number(&old, "oldest_batch_age_seconds") > 0);
    assert!(number(&old, "set_age_seconds") > number(&young, "set_age_seconds"));

    // Three state it alike: it is attested, and the fourth's statement is still another.
    for validator in [3, 4] {
        scene.run(sender, Msg::Submit { statements: vec![stated(&scene, validator, 0)] });
    }
    scene.chain.propose(Vec::new());
    let attested = shown(&scene).await;
    assert_eq!((number(&attested, "attested_blocks"), number(&attested, "disputed_blocks")), (5, 1));
    assert!(number(&attested, "attested_age_seconds") > number(&attested, "set_age_seconds"), "its time is of 1970");
}
