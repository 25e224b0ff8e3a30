//! The keys of validators mint on Base what this chain never sent: minting is paused early, or nothing of it is paid until
//! somebody has paid it in, and whoever signed it is punished once.

use std::{fs, time::Duration};

use diem_api::{BreachKind, ValidatorStanding};
use diem_base::{Bridge, Call, Sender};
use diem_bridge::{Batch, Domain, Preimage, SignatureList, Transfer, UNTIL_UNPAUSE, ValidatorSet};
use diem_client::Client;
use diem_core::{
    Address, Amount,
    keys::{CompactSignature, EthereumKey},
};
use diem_genesis::presets::bridge_secret;
use serde_json::json;

use super::{
    apart::Apart,
    base::{account, arrives, burn, contract, key},
};
use crate::support::{
    client::{commit, height, reach, until},
    devnet::EngineUnderTest,
    network::turn,
};

/// The index of the phrase whose account on Base gets what is forged, and of the one that submits it.
const THIEF: u32 = 41;
const SUBMITTER: u32 = 42;
/// The number of a batch that the chain never gets to.
const NONCE: u64 = 7_777;
/// The number of validators.
const NODES: usize = 4;
/// The number of blocks of an epoch of a Base whose blocks are final so late that validators have paused minting before,
/// however slow the machine is: after a minute.
const LATE: u32 = 32;

fn diem(whole: u128) -> Amount {
    Amount::new(whole * Amount::ONE.get())
}

/// What was forged, and the signatures under it.
struct Forged {
    preimage: Preimage,
    signatures: Vec<(Address, CompactSignature)>,
}

/// Every key of the installed set signs a batch that mints so much for the thief, outside the chain, and it is executed.
async fn forge(client: &Client, bridge: &Bridge, amount: Amount) -> Forged {
    // The set of the constructor mints nothing.
    let installed = until("the first set", async || {
        let installed = bridge.state().await.unwrap().set_nonce;
        (installed > 0).then_some(installed)
    })
    .await;
    let set = client.bridge_set(installed).await.unwrap().answer;
    let set = ValidatorSet::decode(&set.bytes.0).unwrap();
    let place = client.bridge().await.unwrap().answer.contract.unwrap();
    let domain = Domain {
        base_chain_id: place.base_chain_id,
        bridge: place.deployed.unwrap().bridge,
        salt: place.constructor.salt.0,
    };
    let deadline = bridge.base().latest().await.unwrap().timestamp + 3_600;
    let transfers = vec![Transfer { recipient: account(THIEF), amount }];
    let batch = Batch { nonce: NONCE, deadline, fee: Amount::ZERO, transfers };
    let preimage = Preimage::Batch(batch.clone());
    let digest = domain.digest(&preimage.struct_hash());
    let signed = |member: &Address| {
        let keys = (1..=NODES).map(|number| EthereumKey::new(&bridge_secret(number)).unwrap());
        keys.into_iter().find(|key| key.address() == *member).unwrap().sign(&digest)
    };
    let signatures: Vec<_> = set.members().iter().map(|member| (member.address, signed(&member.address))).collect();
    let list = SignatureList::new(signatures.iter().map(|(_, signature)| Some(*signature)).collect());
    let sender = Sender::new(bridge.base().clone(), key(SUBMITTER));
    sender.send(bridge, &Call::submit_batch(&set, &list, &batch)).await.unwrap();
    assert_eq!(bridge.balance_of(&account(THIEF)).await.unwrap(), amount);
    Forged { preimage, signatures }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_mint_has_minting_paused_before_it_is_final() {
    // A block is final so late that two checkpoints in a row can show it before.
    let Some(mut chain) = Apart::with_epoch(EngineUnderTest::Instant, Duration::from_secs(1), LATE) else { return };
    chain.start(&["instant.blocks=500ms"]).await;
    let (client, bridge) = (chain.client(), contract(&chain.devnet).await);
    assert_eq!(bridge.pause_state().await.unwrap().pause_nonce, 0);
    forge(&client, &bridge, diem(3)).await;
    // The validators sign it, and whoever has the turn to relay sends it.
    until("the pause", async || {
        let now = bridge.pause_state().await.unwrap();
        (now.paused_until == UNTIL_UNPAUSE).then(|| assert_eq!(now.pause_nonce, 1))
    })
    .await;
    assert_eq!(client.bridge().await.unwrap().answer.halt, None, "nothing of it is final");
    // The chain goes on, and it knows once the block is attested.
    commit(&client, chain.devnet.transfer(0, 0, Address([4; 20]), 1)).await;
    until("the halt", async || client.bridge().await.unwrap().answer.halt).await;
    chain.stop_and_check();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_mint_halts_the_bridge_before_it_is_paid_and_its_signer_is_punished_once() {
    let _turn = turn().await;
    let Some(mut chain) = Apart::prepared(EngineUnderTest::Comet, Duration::from_secs(1)) else { return };
    chain.start(&["bridge.pause_on_alarm=false"]).await;
    let (client, bridge) = (chain.client(), contract(&chain.devnet).await);
    // There is something in the escrow that could be stolen.
    let honest = account(40);
    chain.bridge(&format!("out 5DIEM --to {} --from dave --yes", honest.to_hex())).await;
    arrives(&bridge, &honest, diem(5)).await;

    let forged = forge(&client, &bridge, diem(3)).await;
    let loot = Address([0x66; 20]);
    burn(&bridge, THIEF, diem(2), &loot).await;
    let halt = until("the halt", async || client.bridge().await.unwrap().answer.halt).await;
    assert_eq!((halt.breach, halt.healable), (BreachKind::Event, true), "{halt:?}");
    let status = chain.run("bridge status").await.ok().stdout;
    assert!(status.contains("is halted") && status.contains(&halt.reason), "{status}");
    all_is_applied(&client, &bridge).await;
    assert_eq!(chain.diem(&loot).await, Amount::ZERO);

    the_signer_is_punished_once(&chain, &forged).await;
    chain.bridge("resume --from validator-1 --yes").await;
    let now = client.bridge().await.unwrap().answer;
    assert_eq!((now.halt, now.books.uncovered.amount), (None, diem(3)));
    chain.bridge("cover 3DIEM --from dave --yes").await;
    until("the payment", async || (chain.diem(&loot).await == diem(2)).then_some(())).await;
    let now = height(&client).await.unwrap();
    reach(&client, now + 3).await;
    assert_eq!(client.bridge().await.unwrap().answer.books.uncovered.amount, Amount::ZERO);
    assert_eq!(chain.diem(&loot).await, diem(2));
    chain.supply_is_proven().await;
    chain.stop_and_check();
}

/// Waits until the chain has applied all events of Base.
async fn all_is_applied(client: &Client, bridge: &Bridge) {
    until("the events of Base", async || {
        let (now, there) = (client.bridge().await.unwrap().answer, bridge.state().await.unwrap());
        (now.progress.replay.is_none() && now.base.event_nonce == there.event_nonce).then_some(())
    })
    .await;
}

/// Hands in the signature of the last validator, which costs its stake and its place, and hands it in again.
async fn the_signer_is_punished_once(chain: &Apart, forged: &Forged) {
    let last = EthereumKey::new(&bridge_secret(NODES)).unwrap().address();
    let (_, signature) = forged.signatures.iter().find(|(signer, _)| *signer == last).unwrap();
    let file = chain.devnet.dir().with_file_name("forged.json");
    fs::write(&file, json!({ "preimage": forged.preimage, "signature": signature }).to_string()).unwrap();
    let stake = async || {
        let all = chain.client().validators().await.unwrap().answer.items;
        all.into_iter().find(|validator| validator.bridge_address == last).unwrap()
    };
    let before = stake().await;
    let line = format!("bridge evidence {} --from alice --yes", file.display());
    chain.run(&line).await.ok();
    let after = stake().await;
    assert_eq!(after.standing, ValidatorStanding::Tombstoned);
    // A fifth of it, and the staking module rounds against whoever is slashed.
    let lost = before.staked.amount.get() - after.staked.amount.get();
    assert!(lost.abs_diff(before.staked.amount.get() / 5) <= 1, "{before:?} {after:?}");
    let again = chain.run(&line).await;
    assert_eq!(again.code, 3, "{}", again.stderr);
    assert!(again.stderr.contains("convicted"), "{}", again.stderr);
    assert_eq!(stake().await.staked, after.staked);
}
