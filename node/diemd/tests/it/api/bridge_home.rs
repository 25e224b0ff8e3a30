//! The way back over HTTP, and how everything ends: burns, the queue on Base, refunds, a halt; each with its reason and
//! its way out.

use diem_api::{BurnKind, BurnState, QueueState, QueuedPart, TransferState};
use diem_bridge::{Msg, Params};
use diem_core::{Amount, Time};
use diem_engine::Engine as _;
use diem_testkit::{
    economy::{milli, whole},
    people::operator,
};
use diem_types::Call;
use serde_json::Value;

use super::{
    bridge::{at_work, at_work_with, get, keys, mine, out},
    running::Running,
};
use crate::support::far_side::{FEE, FarSide, is_level, state_block};

const DAY_MS: u64 = 86_400_000;

/// A node that pays at once what is at most a DIEM.
async fn narrow() -> Running {
    at_work_with(|params: &mut Params| params.credit_capacity = whole(10)).await
}

/// Sends transfers of so many DIEM and has them sealed; returns the nonce of the batch.
async fn sealed(node: &Running, amounts: &[u128]) -> u64 {
    let calls = amounts.iter().map(|amount| out(whole(*amount), milli(1))).collect();
    node.commit(&node.people[0], calls).await;
    node.pass(2_000).await;
    let batches = node.client.bridge_batches().await.unwrap();
    let nonce = batches.items.last().unwrap().batch.nonce;
    // The chain may seal some of them earlier than others, as time goes on.
    assert_eq!(batches.items.len(), 1, "{batches:?}");
    nonce
}

/// Has the validators attest Base as it is now, without its events.
async fn attest(node: &Running, far: &mut FarSide) {
    far.now = far.now.max(node.client.bridge().await.unwrap().time.millis() / 1_000);
    let checkpoint = far.checkpoint(&node.app);
    state_block(&node.app, &keys(), checkpoint);
    mine(node).await;
}

/// Follows Base up to now.
async fn follow(node: &Running, far: &mut FarSide) {
    attest(node, far).await;
    while let Some(chunk) = far.missing(&node.app, 200) {
        node.app.offer_chunk(chunk).unwrap();
        mine(node).await;
    }
    while !is_level(&node.app) {
        mine(node).await;
    }
    mine(node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_minted_and_burned_is_told_with_its_end() {
    let node = at_work().await;
    let mut far = FarSide::of(&node.app);
    let batch = sealed(&node, &[1]).await;
    far.execute(&node.app, batch, &[]);
    let recipient = node.address_of(1);
    let before = node.client.account(&recipient, None, false).await.unwrap().diem.amount;
    let event = far.burn(recipient, milli(400));
    assert_eq!(node.client.bridge_burn_of(event).await.unwrap(), None, "nobody has attested it");
    assert_eq!(get(&node, "/v1/bridge/burns/1").await.0, 404);
    follow(&node, &mut far).await;

    let minted = node.client.bridge_transfer(1).await.unwrap();
    let end = minted.end.clone().unwrap();
    assert_eq!((minted.state, end.batch.unwrap().0, end.returned), (TransferState::Minted, batch, None));
    assert_eq!((minted.sender, minted.amount.amount, minted.fee.amount), (node.address_of(0), whole(1), milli(1)));
    let burn = node.client.bridge_burn_of(event).await.unwrap().unwrap();
    assert_eq!((burn.state, burn.kind, burn.id), (BurnState::Credited, BurnKind::Burn, 1));
    assert_eq!((burn.event.unwrap().0, burn.recipient, burn.amount.amount), (event, Some(recipient), milli(400)));
    assert_eq!(node.client.bridge_burn(1).await.unwrap().answer, burn.answer);
    assert_eq!(
        node.client.account(&recipient, None, false).await.unwrap().diem.amount,
        before.saturating_add(milli(400))
    );
    assert!(node.client.bridge_burns(None).await.unwrap().items.is_empty(), "a list has what is not over");

    let bridge = node.client.bridge().await.unwrap();
    let (progress, base) = (&bridge.progress, &bridge.base);
    assert_eq!((progress.completed.as_ref(), progress.attested_blocks), (progress.attested.as_ref(), 1));
    assert!(progress.attested_at.is_some() && progress.replay.is_none());
    assert_eq!((base.event_nonce, base.supply.amount), (event, milli(601)));
    assert_eq!((base.burned.amount, base.minted.amount, base.fees.amount), (milli(400), whole(1), milli(1)));
    assert_eq!((bridge.books.escrow.amount, bridge.books.owed.amount), (milli(601), Amount::ZERO));
    // An answer of a height before it knows nothing of what came later.
    let before = end.height - 1;
    assert_eq!(get(&node, &format!("/v1/bridge/burns/1?height={before}")).await.0, 404);
    let (_, then) = get(&node, &format!("/v1/bridge/transfers/1?height={before}")).await;
    assert_eq!(then["state"], "sealed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_began_later_says_that_it_does_not_know() {
    let node = at_work().await;
    let mut far = FarSide::of(&node.app);
    let batch = sealed(&node, &[1]).await;
    far.execute(&node.app, batch, &[]);
    far.burn(node.address_of(1), milli(400));
    follow(&node, &mut far).await;
    let later = node.continued().await;
    mine(&later).await;
    for path in ["transfers/1", "burns/1"] {
        let (status, answer) = get(&later, &format!("/v1/bridge/{path}")).await;
        assert_eq!((status, &answer["error"]["name"]), (410, &"pruned".into()), "{path}: {answer}");
    }
    assert_eq!(get(&later, "/v1/bridge/transfers/2").await.0, 404, "there never was one");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_back_is_not_told_any_more() {
    let node = at_work().await;
    let mut far = FarSide::of(&node.app);
    let batch = sealed(&node, &[1]).await;
    let controls = node.engine.dev().unwrap();
    let (mark, _) = controls.snapshot().await.unwrap();
    far.execute(&node.app, batch, &[]);
    let event = far.burn(node.address_of(1), milli(400));
    follow(&node, &mut far).await;
    assert!(node.client.bridge_burn_of(event).await.unwrap().is_some());
    controls.revert(mark).await.unwrap();
    assert_eq!(node.client.bridge_burn_of(event).await.unwrap(), None);
    assert_eq!(get(&node, "/v1/bridge/burns/1").await.0, 404);
    let bridge = node.client.bridge().await.unwrap();
    assert_eq!((bridge.progress.attested.as_ref(), bridge.progress.attested_at), (None, None));
    assert_eq!(node.client.bridge_transfer(1).await.unwrap().state, TransferState::Sealed);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_missing_events_of_an_attested_block_are_named() {
    let node = at_work().await;
    let mut far = FarSide::of(&node.app);
    let batch = sealed(&node, &[1]).await;
    far.execute(&node.app, batch, &[]);
    for _ in 0..4 {
        far.burn(node.address_of(1), milli(10));
    }
    attest(&node, &mut far).await;
    let replay = node.client.bridge().await.unwrap().progress.replay.clone().unwrap();
    let missing = replay.missing.unwrap();
    assert_eq!((replay.events, replay.proven, missing.first, missing.last), (5, 0, 1, 5));
    node.app.offer_chunk(far.missing(&node.app, 2).unwrap()).unwrap();
    mine(&node).await;
    let replay = node.client.bridge().await.unwrap().progress.replay.clone().unwrap();
    let missing = replay.missing.unwrap();
    assert_eq!((replay.events, replay.proven, missing.last), (5, 2, 3));
    // Anybody may hand in the rest.
    let chunk = far.missing(&node.app, 200).unwrap();
    node.commit(&node.people[2], vec![Call::Bridge(Msg::Replay { chunk })]).await;
    mine(&node).await;
    assert_eq!(node.client.bridge().await.unwrap().progress.replay, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_burn_waits_a_day_and_may_be_held_back() {
    let node = narrow().await;
    let mut far = FarSide::of(&node.app);
    let batch = sealed(&node, &[3, 2]).await;
    far.execute(&node.app, batch, &[]);
    let (first, second) = (far.burn(node.address_of(1), whole(2)), far.burn(node.address_of(2), whole(2)));
    follow(&node, &mut far).await;
    let of = async |event| node.client.bridge_burn_of(event).await.unwrap().unwrap().answer;
    let delayed = of(first).await;
    assert_eq!((delayed.state, delayed.paid), (BurnState::Delayed, None));
    let waits = delayed.expected.unwrap().time.millis() - delayed.since.unwrap().time.millis();
    assert!((DAY_MS..DAY_MS + 60_000).contains(&waits), "{waits}");
    node.commit(&operator(0), vec![Call::Bridge(Msg::Hold { credit: 1 })]).await;
    let held = of(first).await;
    assert_eq!(held.state, BurnState::Held);
    assert!(held.reason.contains("fourteen days"), "{}", held.reason);
    let own = node.client.bridge_burns(Some(&node.address_of(2))).await.unwrap();
    assert_eq!(own.items.iter().map(|burn| burn.event.unwrap().0).collect::<Vec<_>>(), [second]);
    assert_eq!(node.client.bridge_burns(None).await.unwrap().items.len(), 2);

    node.pass(DAY_MS + 60_000).await;
    mine(&node).await;
    assert_eq!((of(first).await.state, of(second).await.state), (BurnState::Held, BurnState::Credited));
    node.pass(14 * DAY_MS).await;
    mine(&node).await;
    assert_eq!(of(first).await.state, BurnState::Credited);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_on_base_is_shown_until_it_is_released_or_cancelled() {
    let node = at_work().await;
    let mut far = FarSide::of(&node.app);
    let batch = sealed(&node, &[2, 1]).await;
    // The transfer of two DIEM and the fee find no room.
    far.execute(&node.app, batch, &[(1, 0), (2, FEE)]);
    follow(&node, &mut far).await;
    let queued = node.client.bridge_transfer(1).await.unwrap();
    assert_eq!((queued.state, queued.queue_id.unwrap().0), (TransferState::Queued, 1));
    assert!(queued.next_step.contains("diemd bridge release 1"), "{}", queued.next_step);
    assert_eq!(node.client.bridge_transfer(2).await.unwrap().state, TransferState::Minted);
    let items = node.client.bridge_queue().await.unwrap().answer.items;
    assert_eq!(items.iter().map(|item| item.part).collect::<Vec<_>>(), [QueuedPart::Transfer, QueuedPart::Fee]);
    assert_eq!((items[0].transfer.unwrap().0, items[0].state, items[0].batch), (1, QueueState::Waiting, batch));

    let until = far.now + 14 * 86_400;
    far.report(diem_bridge::BaseEvent::Veto { what: diem_bridge::VetoOf::Item, id: 1, until });
    follow(&node, &mut far).await;
    let item = node.client.bridge_queue_item(1).await.unwrap();
    assert_eq!((item.state, item.vetoed_until), (QueueState::Vetoed, Some(Time(until * 1_000))));
    assert_eq!(node.client.bridge_transfer(1).await.unwrap().state, TransferState::Vetoed);

    // The freeze is over, and the fee was released meanwhile.
    node.pass(15 * DAY_MS).await;
    far.release(2, milli(2));
    follow(&node, &mut far).await;
    let item = node.client.bridge_queue_item(1).await.unwrap();
    assert_eq!((item.state, item.vetoed_until), (QueueState::Ready, None));
    assert!(item.next_step.contains("its time has come"), "{}", item.next_step);
    assert_eq!(get(&node, "/v1/bridge/queue/2").await.0, 404);

    far.report(diem_bridge::BaseEvent::Cancelled { queue_id: 1, amount: whole(2) });
    follow(&node, &mut far).await;
    let refunded = node.client.bridge_transfer(1).await.unwrap();
    let credit = refunded.end.as_ref().unwrap().credit.unwrap().0;
    assert_eq!((refunded.state, credit), (TransferState::Refunded, 1));
    let credit = node.client.bridge_burn(credit).await.unwrap();
    assert_eq!((credit.kind, credit.state, credit.queue_id.unwrap().0), (BurnKind::Cancelled, BurnState::Credited, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_nobody_relayed_is_expired_and_then_refunded() {
    let node = at_work().await;
    let mut far = FarSide::of(&node.app);
    sealed(&node, &[1]).await;
    node.pass(700_000).await;
    assert_eq!(node.client.bridge_transfer(1).await.unwrap().state, TransferState::Expired);
    follow(&node, &mut far).await;
    let refunded = node.client.bridge_transfer(1).await.unwrap();
    let end = refunded.end.clone().unwrap();
    assert_eq!((refunded.state, end.returned.unwrap().amount), (TransferState::Refunded, milli(1_001)));
    assert_eq!((end.credit, end.batch), (None, None));
    // Whoever takes his transfer back is told so as well.
    node.commit(&node.people[0], vec![out(whole(1), milli(1))]).await;
    node.commit(&node.people[0], vec![Call::Bridge(Msg::Cancel { id: 2 })]).await;
    let cancelled = node.client.bridge_transfer(2).await.unwrap();
    assert_eq!(cancelled.state, TransferState::Cancelled);
    assert_eq!(cancelled.end.clone().unwrap().returned.unwrap().amount, milli(1_001));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_halt_is_named_with_its_way_out() {
    let node = at_work().await;
    let mut far = FarSide::of(&node.app);
    let batch = sealed(&node, &[1]).await;
    far.execute(&node.app, batch, &[]);
    far.forge(whole(3));
    let burn = far.burn(node.address_of(1), whole(1));
    follow(&node, &mut far).await;
    let bridge = node.client.bridge().await.unwrap();
    let halt = bridge.halt.clone().unwrap();
    assert!(halt.healable && halt.next_step.contains("diemd bridge resume"), "{halt:?}");
    assert!(bridge.notices[0].contains("is halted") && bridge.notices[0].contains("burning on Base works"));
    let owed = node.client.bridge_burn_of(burn).await.unwrap().unwrap();
    assert_eq!(owed.state, BurnState::Attested);
    assert!(owed.next_step.contains("a breach has halted the bridge"), "{}", owed.next_step);

    node.commit(&operator(0), vec![Call::Bridge(Msg::Resume)]).await;
    mine(&node).await;
    let bridge = node.client.bridge().await.unwrap();
    assert_eq!((bridge.halt.clone(), bridge.books.uncovered.amount), (None, whole(3)));
    let notice = bridge.notices.iter().find(|notice| notice.contains("diemd bridge cover"));
    assert!(notice.is_some_and(|notice| notice.contains("3 DIEM")), "{:?}", bridge.notices);
    node.commit(&node.people[2], vec![Call::Bridge(Msg::Cover { amount: whole(3) })]).await;
    mine(&node).await;
    assert_eq!(node.client.bridge().await.unwrap().books.uncovered.amount, Amount::ZERO);
    assert_eq!(node.client.bridge_burn_of(burn).await.unwrap().unwrap().state, BurnState::Credited);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_and_a_silent_base_are_noticed() {
    let node = at_work().await;
    let notices = async || node.client.bridge().await.unwrap().notices.clone();
    assert!(notices().await.iter().any(|notice| notice.contains("no block of Base is attested yet")));
    let mut far = FarSide::of(&node.app);
    follow(&node, &mut far).await;
    assert_eq!(notices().await, Vec::<String>::new());
    node.pass(30 * 60_000).await;
    let silent = notices().await;
    assert!(silent.iter().any(|notice| notice.contains("no block of Base was attested for 30 minutes")), "{silent:?}");
    far.pause(1);
    follow(&node, &mut far).await;
    let bridge = node.client.bridge().await.unwrap();
    assert_eq!((bridge.base.pause.clone().unwrap().until, bridge.pause_nonce), (None, 1));
    assert!(bridge.notices.iter().any(|notice| notice.contains("until the validators end it")), "{:?}", bridge.notices);
    node.pass(31 * DAY_MS).await;
    assert!(notices().await.iter().any(|notice| notice.contains("validator set 0 on Base is too old")));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_states_what_of_base_is_shown_with_the_power_behind_it() {
    let node = at_work().await;
    let mut far = FarSide::of(&node.app);
    follow(&node, &mut far).await;
    far.now += 60;
    let (checkpoint, mut other) = (far.checkpoint(&node.app), far.checkpoint(&node.app));
    other.number = checkpoint.number;
    other.block_hash = [0xaa; 32];
    state_block(&node.app, &keys()[..1], checkpoint);
    state_block(&node.app, &keys()[2..], other);
    mine(&node).await;
    let stated = node.client.bridge_checkpoint(checkpoint.number).await.unwrap();
    let powers: Vec<u64> = stated.contents.iter().map(|content| content.power).collect();
    assert_eq!((stated.closed, powers, stated.total), (false, vec![12_000, 6_000], 26_000));
    assert_eq!(stated.contents[0].checkpoint.block_hash.0, checkpoint.block_hash);
    let named = node.client.bridge_checkpoints().await.unwrap().answer.items;
    let row = (named[0].number, named[0].statements, named[0].agreeing, named[0].total);
    assert_eq!((named.len(), row), (1, (checkpoint.number, 2, 12_000, 26_000)));
    let signers = node.client.bridge_signers().await.unwrap().answer.items;
    assert_eq!(signers.iter().map(|signer| signer.power).sum::<u64>(), 26_000);
    let newest = signers.iter().filter(|signer| signer.stated.map(|one| one.0) == Some(checkpoint.number)).count();
    assert_eq!(newest, 2);
    assert!(signers.iter().all(|signer| signer.signed <= signer.owed.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_equalities_are_made_of_is_proven_on_request() {
    let node = at_work().await;
    let mut far = FarSide::of(&node.app);
    let batch = sealed(&node, &[2]).await;
    far.execute(&node.app, batch, &[(1, 0)]);
    follow(&node, &mut far).await;
    let (_, json) = get(&node, "/v1/bridge?prove=true").await;
    let bridge: diem_api::At<diem_api::Bridge> = serde_json::from_value(json.clone()).unwrap();
    let proofs = bridge.proofs.clone().unwrap();
    assert_eq!(proofs.len(), 4);
    for proof in &proofs {
        let verified = node.trust().verify(&proof.key.0, proof).unwrap();
        assert_eq!((verified.height, verified.value.is_some()), (bridge.height, true));
    }
    // The keys are those that the module's own functions read, which a client runs on proven rows.
    let mut light = diem_client::LightClient::new(node.client.clone(), node.trust());
    let proven = light.ask(None, |state| diem_bridge::inbound::applied(state)).await.unwrap();
    assert_eq!(proven.answer.supply(), bridge.base.supply.amount);
    assert!(light.ask(None, |state| diem_bridge::state::open_batches(state)).await.is_err(), "no range is proven");
    for (path, exists) in [("transfers/1", true), ("queue/1", true), ("transfers/1?height=1", false)] {
        let mark = if path.contains('?') { '&' } else { '?' };
        let (status, answer) = get(&node, &format!("/v1/bridge/{path}{mark}prove=true")).await;
        if !exists {
            assert_ne!(status, 200, "{path}");
            continue;
        }
        let proof: diem_api::Proof = serde_json::from_value(answer["proof"].clone()).unwrap();
        assert!(node.trust().verify(&proof.key.0, &proof).unwrap().value.is_some(), "{path}");
    }
    assert_eq!(json["proof"], Value::Null);
}
