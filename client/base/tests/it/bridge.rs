//! The contract is deployed where everybody expects it, and does what validators signed.

use diem_base::{BaseError, Bridge, Call, Deployed, Limits, PauseState, init_code};
use diem_bridge::{
    AdminAction, BaseEvent, BridgeState, Constructor, Preimage, UNTIL_UNPAUSE, bridge_address, pause_struct_hash,
    token_address,
};
use diem_core::{Address, Amount, keccak256};

use crate::world::{CHAIN_ID, DIEM, Signing, Validators, World, arguments, key};

/// The name of the error with which the contract refuses.
fn name(error: &BaseError) -> &str {
    error.refusal().map_or("", |refusal| refusal.name)
}

#[tokio::test]
async fn the_bridge_lies_where_its_code_says_and_is_deployed_once() {
    let Some(world) = World::start(|_| ()).await else { return };
    let (arguments, _) = arguments("validator", 1_800_000_000);
    let code = init_code(&arguments);
    let expected = bridge_address(&arguments.salt, &keccak256(&code));
    assert_eq!(world.base().code_hash(&expected).await.unwrap(), None);

    let first = world.sender.deploy(&code, &arguments.salt).await.unwrap();
    assert_eq!(first.address, expected);
    assert!(first.receipt.is_some_and(|receipt| receipt.gas_used < diem_base::MAX_GAS));
    assert!(world.base().code_hash(&expected).await.unwrap().is_some());
    assert!(world.base().code_hash(&token_address(&expected)).await.unwrap().is_some());
    let again = world.sender.deploy(&code, &arguments.salt).await.unwrap();
    assert_eq!(again, Deployed { address: expected, receipt: None });
}

#[tokio::test]
async fn a_constructor_that_refuses_is_named_although_the_deployer_is_silent() {
    let Some(world) = World::start(|_| ()).await else { return };
    let arguments = Constructor { share_bps: 10_001, ..arguments("validator", 1_800_000_000).0 };
    let error = world.sender.deploy(&init_code(&arguments), &arguments.salt).await.unwrap_err();
    let told = "the contract on Base refuses the call: a share is 0.01% to 100%: name another [WrongShare()]";
    assert_eq!(error.to_string(), told);
}

#[tokio::test]
async fn a_fresh_bridge_shows_the_terms_of_its_constructor() {
    let Some(world) = World::start(|_| ()).await else { return };
    let Signing { bridge, arguments, .. } = Signing::deploy(&world.sender).await;
    let (event_nonce, set_nonce, set_created_at) = (0, 0, arguments.created_at);
    let state = BridgeState { event_nonce, set_nonce, set_created_at, active: false };
    assert_eq!(bridge.state().await.unwrap(), state);
    assert_eq!(bridge.set_hash().await.unwrap(), arguments.set_hash);
    assert_ne!(bridge.rolling_hash().await.unwrap(), [0; 32]);
    let (mint_capacity, share_bps) = (arguments.mint_capacity, arguments.share_bps);
    let limits = Limits { mint_capacity, share_bps, room: mint_capacity, queued: Amount::ZERO, next: None };
    assert_eq!(bridge.limits().await.unwrap(), limits);
    let open = PauseState { paused_until: 0, pause_nonce: 0, guardian_again_at: 0 };
    assert_eq!(bridge.pause_state().await.unwrap(), open);
    assert_eq!(bridge.supply().await.unwrap(), Amount::ZERO);
    assert!(!bridge.executed(1).await.unwrap());
}

#[tokio::test]
async fn what_is_no_bridge_is_not_taken_for_one() {
    let Some(world) = World::start(|_| ()).await else { return };
    for address in [key("nobody").address(), diem_bridge::CREATE2_DEPLOYER] {
        let stranger = Bridge::new(world.base().clone(), address);
        for error in [stranger.state().await.map(drop), stranger.executed(1).await.map(drop)] {
            let error = error.unwrap_err();
            let shows_it = matches!(error, BaseError::NotTheContract { .. } | BaseError::Reverted(_));
            assert!(shows_it, "{error}");
        }
    }
}

#[tokio::test]
async fn a_batch_of_a_newer_set_arrives_once() {
    let Some(world) = World::start(|_| ()).await else { return };
    let signing = Signing::deploy(&world.sender).await;
    let people: Vec<Address> = (0..3).map(|number| key(&format!("person {number}")).address()).collect();
    let batch = signing.batch(1, &people);
    let early = world.sender.send(&signing.bridge, &signing.submit(&batch, 4)).await.unwrap_err();
    assert_eq!(name(&early), "Fresh");

    let next = Validators::new("next", 7);
    let weak = world.sender.send(&signing.bridge, &signing.update(1, &next, 2)).await.unwrap_err();
    let weak = weak.to_string();
    assert!(weak.starts_with("the contract on Base refuses the call: 20 of 40 power has signed"), "{weak}");
    assert!(weak.ends_with("[NotEnoughPower(20, 40)]"), "{weak}");
    let installed = world.sender.send(&signing.bridge, &signing.update(1, &next, 3)).await.unwrap();
    let events: Vec<_> = installed.events.iter().map(|logged| (logged.nonce, logged.event)).collect();
    let created_at = signing.arguments.created_at + 1;
    let set_hash = next.set.hash(&signing.arguments.salt, 1, created_at);
    let submitter = *world.sender.address();
    assert_eq!(events, [(1, BaseEvent::SetInstalled { nonce: 1, set_hash, submitter })]);
    let old = world.sender.send(&signing.bridge, &signing.submit(&batch, 4)).await.unwrap_err();
    assert_eq!(name(&old), "WrongSet");

    let signing = Signing { stored: next, ..signing };
    let call = signing.submit(&batch, 5);
    signing.bridge.simulate(world.sender.address(), &call).await.unwrap();
    let receipt = world.sender.send(&signing.bridge, &call).await.unwrap();
    let [logged] = &receipt.events[..] else { panic!("{receipt:?}") };
    let (minted, fee, queued) = (Amount::new(3 * DIEM.get()), batch.fee, Amount::ZERO);
    let (struct_hash, relayer) = (batch.struct_hash(), submitter);
    assert_eq!(logged.event, BaseEvent::BatchExecuted { batch_nonce: 1, struct_hash, relayer, minted, fee, queued });
    for person in &people {
        assert_eq!(signing.bridge.balance_of(person).await.unwrap(), DIEM);
    }
    assert_eq!(signing.bridge.balance_of(&relayer).await.unwrap(), fee);
    assert_eq!(signing.bridge.supply().await.unwrap().get(), minted.get() + fee.get());
    assert!(signing.bridge.executed(1).await.unwrap());

    let replay = world.sender.send(&signing.bridge, &call).await.unwrap_err();
    assert!(replay.to_string().ends_with("[NonceUsed(1)]"), "{replay}");
}

#[tokio::test]
async fn what_the_validators_decided_is_done_and_a_burn_goes_home() {
    let Some(world) = World::start(|_| ()).await else { return };
    let signing = Signing::deploy(&world.sender).await.activate(&world.sender).await;
    let (bridge, sender) = (&signing.bridge, &world.sender);
    sender.send(bridge, &signing.submit(&signing.batch(1, &[*sender.address()]), 5)).await.unwrap();

    let lower = AdminAction::SetLimits { mint_capacity: DIEM, share_bps: 500 }.issue(1, 0);
    let receipt = sender.send(bridge, &signing.decide(&lower)).await.unwrap();
    assert_eq!(receipt.events.len(), 2, "the action and what it did");
    assert_eq!(bridge.limits().await.unwrap().mint_capacity, DIEM);
    assert_eq!(bridge.admin_nonce().await.unwrap(), 1);
    let raise = AdminAction::SetLimits { mint_capacity: Amount::new(2 * DIEM.get()), share_bps: 500 }.issue(2, 0);
    sender.send(bridge, &signing.decide(&raise)).await.unwrap();
    let limits = bridge.limits().await.unwrap();
    assert_eq!(limits.mint_capacity, DIEM, "what rises waits for two days");
    assert_eq!(limits.next.unwrap().mint_capacity.get(), 2 * DIEM.get());

    let domain =
        diem_bridge::Domain { base_chain_id: CHAIN_ID, bridge: *bridge.address(), salt: signing.arguments.salt };
    let third = signing.stored.sign(&domain.digest(&pause_struct_hash(1)), 3);
    sender.send(bridge, &Call::pause(&signing.stored.set, &third, 1)).await.unwrap();
    assert_eq!(bridge.pause_state().await.unwrap().paused_until, UNTIL_UNPAUSE);
    let paused = sender.send(bridge, &signing.submit(&signing.batch(2, &[*sender.address()]), 5)).await.unwrap_err();
    assert_eq!(name(&paused), "Paused");

    let home = key("home").address();
    let burned = sender.send(bridge, &Call::burn(DIEM, &home)).await.unwrap();
    let events: Vec<_> = burned.events.iter().map(|logged| logged.event).collect();
    assert_eq!(events, [BaseEvent::Burn { sender: *sender.address(), recipient: home, amount: DIEM }]);
    let poor = sender.send(bridge, &Call::burn(DIEM, &home)).await.unwrap_err();
    assert_eq!(name(&poor), "ERC20InsufficientBalance");
    let unpause = Preimage::Unpause { admin_nonce: 3, pause_nonce: 1 };
    sender.send(bridge, &signing.decide(&unpause)).await.unwrap();
    assert_eq!(bridge.pause_state().await.unwrap().paused_until, 0);
}
