//! What an endpoint gives is proven, at every block and whatever has been minted.

use std::time::Duration;

use diem_base::{BaseError, BlockName, CheckpointProof, HeaderError, Part, ProofError, check_endpoint, code_hashes};
use diem_bridge::{Domain, EventBytes, fold};
use diem_core::Address;

use crate::{
    stand_in::liar,
    world::{CHAIN_ID, DIEM, Signing, World, key},
};

fn domain(signing: &Signing) -> Domain {
    Domain { base_chain_id: CHAIN_ID, bridge: *signing.bridge.address(), salt: signing.arguments.salt }
}

#[tokio::test]
async fn a_checkpoint_is_proven_before_and_after_the_first_mint_and_at_the_final_block() {
    let Some(world) = World::start(|_| ()).await else { return };
    let signing = Signing::deploy(&world.sender).await;
    let (base, bridge) = (world.base().clone(), *signing.bridge.address());
    let young = base.latest().await.unwrap();
    let (proof, facts) = base.checkpoint_proof(&bridge, young.number).await.unwrap().unwrap();
    assert_eq!(facts.checkpoint.supply.get(), 0, "a supply that was never written is proven to be absent");
    assert_eq!((facts.checkpoint.block_hash, facts.checkpoint.timestamp), (young.hash, young.timestamp));
    assert_eq!((facts.state, facts.set_hash), (signing.bridge.state().await.unwrap(), signing.arguments.set_hash));
    assert_eq!(facts.checkpoint.rolling_hash, domain(&signing).separator(), "no event yet");
    let expected = code_hashes(&domain(&signing), signing.arguments.max_set_age);
    assert_eq!((facts.bridge_code, facts.token_code), (expected.bridge, expected.token));

    let signing = signing.activate(&world.sender).await;
    let batch = signing.batch(1, &[key("ada").address(), key("bob").address()]);
    world.sender.send(&signing.bridge, &signing.submit(&batch, 7)).await.unwrap();
    let number = base.latest().await.unwrap().number;
    let (later, minted) = base.checkpoint_proof(&bridge, number).await.unwrap().unwrap();
    assert_eq!(minted.checkpoint.supply, signing.bridge.supply().await.unwrap());
    assert!(minted.checkpoint.supply > DIEM);
    assert_eq!(minted.state, signing.bridge.state().await.unwrap());
    assert_eq!(minted.checkpoint.rolling_hash, signing.bridge.rolling_hash().await.unwrap());

    let finalized = base.header(BlockName::Finalized).await.unwrap().unwrap();
    let (_, at_finalized) = base.checkpoint_proof(&bridge, finalized.number()).await.unwrap().unwrap();
    assert_eq!(&at_finalized.checkpoint.block_hash, finalized.hash());
    // A proof is the same after it was kept, and says the same of its own block for ever.
    assert_eq!(CheckpointProof::decode(&proof.encode()).unwrap().verify(&bridge), Ok(facts));
    assert_eq!(base.checkpoint_proof(&bridge, number + 100).await.unwrap(), None, "no block yet");
    assert_eq!(base.header_by_hash(&young.hash).await.unwrap().unwrap().raw(), &proof.header[..]);
    assert_eq!(base.header_by_hash(&[7; 32]).await.unwrap(), None);
    assert!(later.encode().len() < 20_000);
}

#[tokio::test]
async fn five_blocks_in_a_second_are_proven_one_by_one() {
    let Some(world) = World::start(|options| options.block_time = Some(Duration::from_millis(200))).await else {
        return;
    };
    let signing = Signing::deploy(&world.sender).await;
    let first = world.base().latest().await.unwrap().number;
    while world.base().latest().await.unwrap().number < first + 6 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut times = Vec::new();
    for number in first..=first + 6 {
        let found = world.base().checkpoint_proof(signing.bridge.address(), number).await.unwrap().unwrap();
        times.push(found.1.checkpoint.timestamp);
    }
    assert!(times.is_sorted() && times.windows(2).any(|pair| pair[0] == pair[1]), "{times:?}");
}

#[tokio::test]
async fn a_block_without_the_bridge_proves_that_it_is_not_there() {
    let Some(world) = World::start(|_| ()).await else { return };
    // The genesis block of anvil has not the root of its state.
    diem_base::Dev::new(world.base().clone()).mine(1).await.unwrap();
    let signing = Signing::deploy(&world.sender).await;
    let number = world.base().latest().await.unwrap().number;
    for (number, bridge, part) in [
        (1, *signing.bridge.address(), Part::Account),
        (number, Address([9; 20]), Part::Account),
        // An account without code has no token either.
        (number, *world.sender.address(), Part::Token),
    ] {
        let error = world.base().checkpoint_proof(&bridge, number).await.unwrap_err();
        let BaseError::Unproven { error: ProofError::NoBridge { missing, .. }, .. } = error else { panic!("{error}") };
        assert_eq!(missing, part);
    }
}

#[tokio::test]
async fn every_node_and_every_header_that_an_endpoint_changes_is_noticed() {
    let Some(world) = World::start(|_| ()).await else { return };
    let signing = Signing::deploy(&world.sender).await.activate(&world.sender).await;
    let (bridge, number) = (*signing.bridge.address(), world.base().latest().await.unwrap().number);
    let (proof, facts) = world.base().checkpoint_proof(&bridge, number).await.unwrap().unwrap();
    let mut swapped = proof.clone();
    swapped.slots.swap(0, 1);
    assert!(matches!(swapped.verify(&bridge), Err(ProofError::Way { part: Part::Slot(0), .. })));
    let mut without = proof.clone();
    without.supply.clear();
    let verdict = without.verify(&bridge);
    assert!(verdict == Ok(facts) || matches!(verdict, Err(ProofError::Way { part: Part::Supply, .. })), "{verdict:?}");
    let mut other = proof.clone();
    std::mem::swap(&mut other.bridge, &mut other.token);
    assert!(matches!(other.verify(&bridge), Err(ProofError::Way { part: Part::Account, .. })));
    for place in 0..proof.header.len() {
        let mut changed = proof.clone();
        changed.header[place] ^= 1;
        // A header that still proves something is that of another block, whose hash no other endpoint knows.
        let hash = changed.verify(&bridge).map(|other| other.checkpoint.block_hash);
        assert_ne!(hash, Ok(facts.checkpoint.block_hash), "byte {place}");
    }
}

#[tokio::test]
async fn an_endpoint_that_lies_about_headers_or_proofs_is_named_with_the_reason() {
    let Some(world) = World::start(|_| ()).await else { return };
    let signing = Signing::deploy(&world.sender).await;
    let (bridge, number) = (*signing.bridge.address(), world.base().latest().await.unwrap().number);
    let forged = liar(&world.local.url(), |method, result| {
        if method == "eth_getBlockByNumber" {
            result["stateRoot"] = serde_json::json!(format!("0x{}", "11".repeat(32)));
        }
    });
    let error = diem_base::Base::connect(&forged, CHAIN_ID).await.unwrap().checkpoint_proof(&bridge, number).await;
    let error = error.unwrap_err();
    assert!(
        matches!(&error, BaseError::Unproven { error: ProofError::Header(HeaderError::UnknownFields { .. }), .. }),
        "{error}"
    );
    assert!(error.to_string().contains(&forged) && error.to_string().contains("update diemd"), "{error}");
    for (field, part) in [("accountProof", "the account"), ("storageProof", "slot 0")] {
        let url = liar(&world.local.url(), move |method, result| {
            if method == "eth_getProof" {
                result[field] = serde_json::json!([]);
            }
        });
        let base = diem_base::Base::connect(&url, CHAIN_ID).await.unwrap();
        let text = base.checkpoint_proof(&bridge, number).await.unwrap_err().to_string();
        assert!(text.contains(&url) && text.contains(&format!("the proof of {part} does not hold")), "{text}");
    }
    let silent = liar(&world.local.url(), |method, result| {
        if method == "eth_getBlockByNumber" {
            result["number"] = serde_json::json!("0x0");
        }
    });
    let base = diem_base::Base::connect(&silent, CHAIN_ID).await.unwrap();
    assert!(base.header(BlockName::Number(number)).await.is_err());
}

#[tokio::test]
async fn events_are_found_by_their_nonces_and_fold_to_the_proven_hash() {
    let Some(world) = World::start(|_| ()).await else { return };
    let signing = Signing::deploy(&world.sender).await;
    let start = domain(&signing).separator();
    let signing = signing.activate(&world.sender).await;
    for nonce in 1..=3 {
        let batch = signing.batch(nonce, &[key("ada").address()]);
        world.sender.send(&signing.bridge, &signing.submit(&batch, 7)).await.unwrap();
    }
    let (base, bridge) = (world.base(), *signing.bridge.address());
    let number = base.latest().await.unwrap().number;
    let (_, facts) = base.checkpoint_proof(&bridge, number).await.unwrap().unwrap();
    let last = facts.checkpoint.event_nonce;
    let events = base.events(&bridge, 1..=last, 0..=number).await.unwrap();
    let nonces: Vec<u64> = events.iter().map(|found| found.nonce).collect();
    assert_eq!(nonces, (1..=last).collect::<Vec<_>>());
    let folded = events.iter().fold(start, |hash, found| {
        let EventBytes { kind, payload } = &found.event;
        fold(&hash, found.nonce, *kind, payload)
    });
    assert_eq!(folded, facts.checkpoint.rolling_hash);
    // Some nonces, and some blocks.
    let some = base.events(&bridge, 2..=3, 0..=number).await.unwrap();
    assert_eq!(some, events[1..3]);
    let block = events[1].block;
    let there = base.events(&bridge, 1..=last, block..=block).await.unwrap();
    assert!(!there.is_empty() && there.iter().all(|found| found.block == block));
    assert_eq!(base.events(&key("nobody").address(), 1..=last, 0..=number).await.unwrap(), []);
}

#[tokio::test]
async fn logs_that_were_not_asked_for_are_no_answer() {
    let Some(world) = World::start(|_| ()).await else { return };
    let signing = Signing::deploy(&world.sender).await.activate(&world.sender).await;
    let (bridge, number) = (*signing.bridge.address(), world.base().latest().await.unwrap().number);
    type Lie = fn(&mut serde_json::Value);
    let lies: [(&str, Lie); 4] = [
        ("no event of the bridge", |logs| logs[0]["address"] = serde_json::json!(format!("0x{}", "11".repeat(20)))),
        ("no event of the bridge", |logs| logs[0]["data"] = serde_json::json!("0x00")),
        ("a block that was not asked for", |logs| logs[0]["blockNumber"] = serde_json::json!("0xffff")),
        ("there twice", |logs| {
            let first = logs[0].clone();
            logs.as_array_mut().unwrap().push(first);
        }),
    ];
    for (reason, lie) in lies {
        let url = liar(&world.local.url(), move |method, result| {
            if method == "eth_getLogs" {
                lie(result);
            }
        });
        let base = diem_base::Base::connect(&url, CHAIN_ID).await.unwrap();
        let text = base.events(&bridge, 1..=1, 0..=number).await.unwrap_err().to_string();
        assert!(text.contains(reason) && text.contains("eth_getLogs"), "{text}");
    }
}

#[tokio::test]
async fn a_check_of_an_endpoint_says_what_it_serves_and_what_not() {
    let Some(world) = World::start(|options| options.epoch = 2).await else { return };
    diem_base::Dev::new(world.base().clone()).mine(200).await.unwrap();
    let good = check_endpoint(&world.local.url(), &Address([7; 20])).await.unwrap();
    assert!(good.is_good() && good.proofs_at_finalized.is_ok(), "{good:?}");
    assert_eq!((good.chain_id, good.latest.clone().unwrap().number), (CHAIN_ID, 200));
    assert!(good.finalized.unwrap().number < 200 && good.block_ms.is_some());
    let poor = liar(&world.local.url(), |method, result| {
        if method == "eth_getProof" {
            result["accountProof"] = serde_json::json!([]);
        }
    });
    let report = check_endpoint(&poor, &Address([7; 20])).await.unwrap();
    assert!(!report.is_good() && report.latest.is_ok());
    assert!(report.proofs_at_latest.unwrap_err().contains("does not hold"));
    assert!(check_endpoint("http://", &Address([7; 20])).await.is_err());
}

#[tokio::test]
async fn an_honest_endpoint_of_a_young_chain_is_good() {
    let Some(world) = World::start(|options| options.epoch = 2).await else { return };
    let url = world.local.url();
    let newborn = check_endpoint(&url, &Address([7; 20])).await.unwrap();
    assert!(!newborn.is_good() && newborn.proofs_at_latest.unwrap_err().contains("genesis of the chain"));
    for blocks in [1, 4, 122, 1, 1, 1] {
        diem_base::Dev::new(world.base().clone()).mine(blocks).await.unwrap();
        let young = check_endpoint(&url, &Address([7; 20])).await.unwrap();
        let number = young.latest.clone().unwrap().number;
        assert!(young.is_good() && young.window == (number - 1).min(128), "{young:?}");
    }
}
