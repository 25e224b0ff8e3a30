//! Statements of validators: which are wanted, who may make them, and when they are enough.

use diem_bridge::{
    AdminAction, Applied, Bridge, BridgeVotes, Event, Outbound, OutboundKind, Statement, Threshold, admin, booking,
    state,
};
use diem_core::{
    Address, Forgetful, Module as _, StateWrite as _, Value, encode,
    keys::{CompactSignature, EthereumKey, SecretKey},
};
use diem_staking::{KeyProof, Msg};

use crate::{
    chain::{ALICE, AUTHORITY, Chain, TERMS, cents, refusal, signed},
    staking_chain::{CHAIN, bridge, consensus_key, empty, who},
    vectors::name,
};

fn verdict(chain: &Chain<'_>, statement: &Statement) -> &'static str {
    booking::check_wanted(&chain.world.state, &Forgetful, statement).map_or_else(|error| name(&error), |_| "wanted")
}

fn content(statement: Statement) -> Outbound {
    let Statement::Outbound(outbound) = statement else { panic!("a statement for Base") };
    outbound
}

/// A chain with one open batch.
fn with_batch(base: &diem_overlay::Empty) -> Chain<'_> {
    let mut chain = Chain::ready(base);
    chain.send(ALICE, cents(100), cents(1)).unwrap();
    chain.block(2_000);
    chain.block(1_000);
    assert_eq!(chain.issued().batches, 1);
    chain
}

#[test]
fn more_than_two_thirds_of_the_installed_set_make_a_batch_mintable() {
    let base = empty();
    let mut chain = with_batch(&base);
    for number in 1..=4 {
        let enough = number > 3;
        assert_eq!(booking::has_quorum(&chain.world.state, OutboundKind::Batch, 1, 0), enough);
        assert_eq!(chain.apply(vec![chain.statement(number, OutboundKind::Batch, 1)]), 1);
    }
    assert_eq!(booking::signed_power(&chain.world.state, OutboundKind::Batch, 1, 0), Some((804_000, 804_000)));
    // The list is what the contract would count.
    let set = state::stored_set(&chain.world.state, 0).unwrap().set();
    let digest = content(chain.statement(1, OutboundKind::Batch, 1)).digest;
    let list = booking::signatures(&chain.world.state, OutboundKind::Batch, 1, 0).unwrap();
    assert_eq!(list.power(&set, &digest), Ok(804_000));
}

#[test]
fn a_statement_that_is_not_wanted_is_told_why() {
    let base = empty();
    let mut chain = with_batch(&base);
    let good = content(chain.statement(1, OutboundKind::Batch, 1));
    assert_eq!(verdict(&chain, &Statement::Outbound(good)), "wanted");
    let stranger = EthereumKey::new(&[99; 32]).unwrap();
    let mut high = good;
    high.signature.0[32..].copy_from_slice(&[0xff; 32]);
    high.signature.0[32] = 0x7f;
    let other = [3; 32];
    for (statement, expected) in [
        (Outbound { nonce: 2, ..good }, "unwanted"),
        (Outbound { kind: OutboundKind::Valset, ..good }, "other_content"),
        (Outbound { kind: OutboundKind::Admin, ..good }, "unwanted"),
        (Outbound { kind: OutboundKind::Pause, ..good }, "other_content"),
        (
            Outbound { digest: other, signature: EthereumKey::new(&[1; 32]).unwrap().sign(&other), ..good },
            "other_content",
        ),
        (Outbound { signature: stranger.sign(&good.digest), ..good }, "not_a_signer"),
        (high, "high_s"),
        (Outbound { signature: CompactSignature([0; 64]), ..good }, "no_signer"),
    ] {
        assert_eq!(verdict(&chain, &Statement::Outbound(statement)), expected, "{statement:?}");
    }
    let inbound: Statement = crate::vectors::file("statements").cases()[4].json("statement");
    assert_eq!(verdict(&chain, &inbound), "not_a_signer");
    chain.apply(vec![Statement::Outbound(good)]);
    assert_eq!(verdict(&chain, &Statement::Outbound(good)), "stated");
}

#[test]
fn only_the_newest_set_is_signed() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    let old = chain.statement(4, OutboundKind::Valset, 1);
    chain.block(600_000);
    assert_eq!(chain.issued().sets, 2);
    assert_eq!(verdict(&chain, &old), "unwanted");
    assert_eq!(verdict(&chain, &chain.statement(4, OutboundKind::Valset, 2)), "wanted");
}

#[test]
fn a_pause_is_one_to_four_above_the_last_one() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    for (nonce, is_wanted) in [(0, false), (1, true), (4, true), (5, false)] {
        let hash = booking::wanted_hash(&chain.world.state, OutboundKind::Pause, nonce);
        assert_eq!(hash.is_some(), is_wanted, "{nonce}");
    }
    assert!(!booking::has_quorum(&chain.world.state, OutboundKind::Pause, 1, 0));
    chain.apply(vec![chain.statement(1, OutboundKind::Pause, 1)]);
    assert!(!booking::has_quorum(&chain.world.state, OutboundKind::Pause, 1, 0), "a quarter");
    chain.apply(vec![chain.statement(2, OutboundKind::Pause, 1)]);
    assert!(booking::has_quorum(&chain.world.state, OutboundKind::Pause, 1, 0), "a half");
}

#[test]
fn a_move_takes_more_power_than_other_actions() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    let to_other = AdminAction::MoveBridge { bridge: Address([5; 20]) };
    for action in [AdminAction::Unpause, to_other] {
        chain.call(AUTHORITY, |ctx| admin::issue(ctx, action)).unwrap();
    }
    for nonce in [1, 2] {
        for number in 1..=3 {
            assert_eq!(chain.apply(vec![chain.statement(number, OutboundKind::Admin, nonce)]), 1);
        }
    }
    assert!(Threshold::MoreThanTwoThirds.is_reached(3, 4) && !Threshold::MoreThanThreeQuarters.is_reached(3, 4));
    assert!(booking::has_quorum(&chain.world.state, OutboundKind::Admin, 1, 0));
    assert!(!booking::has_quorum(&chain.world.state, OutboundKind::Admin, 2, 0), "exactly three quarters");
    chain.apply(vec![chain.statement(4, OutboundKind::Admin, 2)]);
    assert!(booking::has_quorum(&chain.world.state, OutboundKind::Admin, 2, 0));
}

#[test]
fn an_action_is_the_authoritys_and_one_that_the_contract_takes() {
    let base = empty();
    let mut chain = Chain::new(&base);
    assert_eq!(refusal(chain.call(AUTHORITY, |ctx| admin::issue(ctx, AdminAction::Unpause))), "inactive");
    chain.make_ready(4);
    let zero = Address::ZERO;
    let capacity = cents(1);
    for (sender, action, expected) in [
        (ALICE, AdminAction::Unpause, "not_authority"),
        (AUTHORITY, AdminAction::SetLimits { mint_capacity: capacity, share_bps: 0 }, "terms"),
        (AUTHORITY, AdminAction::SetLimits { mint_capacity: capacity, share_bps: 10_001 }, "terms"),
        (AUTHORITY, AdminAction::SetGuardian { guardian: zero }, "terms"),
        (AUTHORITY, AdminAction::MoveBridge { bridge: zero }, "terms"),
    ] {
        assert_eq!(refusal(chain.call(sender, |ctx| admin::issue(ctx, action))), expected);
    }
    assert_eq!(chain.call(AUTHORITY, |ctx| admin::issue(ctx, AdminAction::Unpause)), Ok(1));
    assert!(chain.events.contains(&Event::ActionIssued { nonce: 1 }));
    assert_eq!(admin::action(&chain.world.state, 1), Some(AdminAction::Unpause.issue(1, 0)));
}

#[test]
fn a_rotated_key_counts_until_a_set_without_it_is_installed_and_the_new_one_with_its_first_set() {
    let base = empty();
    let mut chain = with_batch(&base);
    let new = bridge(50);
    let proof = KeyProof::sign(CHAIN, &who(1), &SecretKey::ed25519(&[1; 32]), &new).unwrap();
    let rotate = Msg::RotateBridgeKey { consensus_key: consensus_key(1), bridge_address: new.address(), proof };
    chain.world.call(1, &rotate).unwrap();
    let by_new =
        |chain: &Chain<'_>| signed(&chain.world.state, &EthereumKey::new(&[50; 32]).unwrap(), OutboundKind::Batch, 1);
    assert_eq!(verdict(&chain, &by_new(&chain)), "not_a_signer");
    // A quarter of the power has another address now, so that a set is made once the gap is over.
    chain.block(5_000);
    assert_eq!(chain.issued().sets, 2);
    assert_eq!(verdict(&chain, &by_new(&chain)), "wanted");
    assert_eq!(verdict(&chain, &chain.statement(1, OutboundKind::Batch, 1)), "wanted");
    chain.apply(vec![by_new(&chain)]);
    let power = booking::signed_power(&chain.world.state, OutboundKind::Batch, 1, 0);
    assert_eq!(power, Some((0, 804_000)), "the new key is not in the installed set");
}

#[test]
fn the_same_words_for_another_contract_are_another_statement() {
    let base = empty();
    let mut chain = Chain::new(&base);
    chain.prepare(AUTHORITY, TERMS).unwrap();
    chain.activate(AUTHORITY).unwrap();
    let before = chain.statement(1, OutboundKind::Pause, 1);
    assert_eq!(chain.apply(vec![before]), 1);
    chain.prepare(AUTHORITY, TERMS).unwrap();
    assert_eq!(verdict(&chain, &before), "inactive");
    chain.call(AUTHORITY, |ctx| diem_bridge::setup::activate(ctx, [8; 32], 1)).unwrap();
    assert_eq!(verdict(&chain, &before), "other_content");
    assert_eq!(verdict(&chain, &chain.statement(1, OutboundKind::Pause, 1)), "wanted");
    assert_eq!(booking::signed_power(&chain.world.state, OutboundKind::Pause, 1, 0), Some((0, 804_000)));
}

/// Statements of some validators about the batch, as a block has them.
fn votes(chain: &Chain<'_>, numbers: &[u8]) -> BridgeVotes {
    let mut statements: Vec<_> =
        numbers.iter().map(|number| chain.statement(*number, OutboundKind::Batch, 1)).collect();
    let domain = state::domain(&chain.world.state).unwrap();
    statements.sort_by_key(|statement| statement.signer(&domain).unwrap());
    BridgeVotes { statements, chunk: None }
}

#[test]
fn a_block_with_any_bad_statement_is_refused_and_told_which() {
    let base = empty();
    let mut chain = with_batch(&base);
    let judge = |chain: &Chain<'_>, votes: &BridgeVotes| {
        let read = booking::read_votes(&chain.world.state, &votes.encode());
        let judged = read.and_then(|votes| booking::check_signers(&chain.world.state, &Forgetful, &votes));
        judged.map_err(|error| name(&error))
    };
    let good = votes(&chain, &[1, 2, 3]);
    assert_eq!(judge(&chain, &good), Ok(()));
    let changed = |change: fn(&mut Vec<Statement>)| {
        let mut votes = good.clone();
        change(&mut votes.statements);
        votes
    };
    assert_eq!(judge(&chain, &changed(|list| list.swap(0, 2))), Err("votes_order"));
    assert_eq!(judge(&chain, &changed(|list| list[1] = list[0])), Err("votes_duplicate"));
    assert_eq!(judge(&chain, &changed(Vec::clear)), Err("votes_empty"));
    let relabelled = changed(|list| {
        let Statement::Outbound(outbound) = &mut list[0] else { panic!("a statement for Base") };
        outbound.nonce = 2;
    });
    assert_eq!(judge(&chain, &relabelled), Err("unwanted"));
    let with_events = BridgeVotes { chunk: crate::vectors::file("votes").cases()[1].json("chunk"), ..good.clone() };
    assert_eq!(judge(&chain, &with_events), Err("not_replaying"));
    chain.apply(good.statements[..1].to_vec());
    assert_eq!(judge(&chain, &good), Err("stated"));
}

#[test]
fn what_became_unwanted_takes_no_other_statement_with_it() {
    let base = empty();
    let mut chain = with_batch(&base);
    let mut statements = votes(&chain, &[1, 2, 3]).statements;
    chain.apply(statements[1..2].to_vec());
    let stranger = EthereumKey::new(&[99; 32]).unwrap();
    statements.push(signed(&chain.world.state, &stranger, OutboundKind::Batch, 1));
    assert_eq!(chain.apply(statements), 2);
    assert_eq!(booking::signed_power(&chain.world.state, OutboundKind::Batch, 1, 0), Some((603_000, 804_000)));
}

#[test]
fn a_transaction_brings_what_proposers_left_out() {
    let base = empty();
    let mut chain = with_batch(&base);
    let three = votes(&chain, &[1, 2, 3]).statements;
    let submit = |chain: &mut Chain<'_>, list: &[Statement]| chain.call(ALICE, |ctx| booking::submit(ctx, list));
    assert_eq!(refusal(submit(&mut chain, &[])), "submitted");
    assert_eq!(refusal(submit(&mut chain, &[three[0]; 17])), "submitted");
    chain.apply(three[..1].to_vec());
    assert_eq!(submit(&mut chain, &three[..2]), Ok(()));
    assert_eq!(refusal(submit(&mut chain, &three[..2])), "stated");
    let stranger = EthereumKey::new(&[99; 32]).unwrap();
    let foreign = signed(&chain.world.state, &stranger, OutboundKind::Batch, 1);
    assert_eq!(refusal(submit(&mut chain, &[three[2], foreign])), "not_a_signer");
    let power = booking::signed_power(&chain.world.state, OutboundKind::Batch, 1, 0);
    assert_eq!(power, Some((402_000, 804_000)), "a refused transaction books nothing");
}

#[test]
fn a_pause_does_not_put_the_bridge_to_work() {
    let base = empty();
    let mut chain = Chain::new(&base);
    chain.prepare(AUTHORITY, TERMS).unwrap();
    chain.activate(AUTHORITY).unwrap();
    for number in 1..=4 {
        chain.apply(vec![chain.statement(number, OutboundKind::Pause, 1)]);
    }
    assert!(booking::has_quorum(&chain.world.state, OutboundKind::Pause, 1, 0));
    assert!(!state::contract(&chain.world.state).unwrap().is_ready);
    assert!(!chain.events.contains(&Event::Ready));
}

#[test]
fn a_key_that_is_in_no_set_from_the_installed_one_on_counts_no_more() {
    let base = empty();
    let mut chain = with_batch(&base);
    let new = bridge(50);
    let proof = KeyProof::sign(CHAIN, &who(1), &SecretKey::ed25519(&[1; 32]), &new).unwrap();
    let rotate = Msg::RotateBridgeKey { consensus_key: consensus_key(1), bridge_address: new.address(), proof };
    chain.world.call(1, &rotate).unwrap();
    chain.block(5_000);
    let (old, other) = (chain.statement(1, OutboundKind::Batch, 1), chain.statement(2, OutboundKind::Batch, 1));
    assert_eq!(verdict(&chain, &old), "wanted");
    // As it will be once an event of Base says that set 2 is installed.
    let row = encode(&Applied { set: 2, ..Applied::default() });
    chain.world.state.set(&[Bridge::ID.0, 14], Value::from_vec(row));
    assert_eq!(verdict(&chain, &old), "not_a_signer");
    assert_eq!(verdict(&chain, &other), "wanted");
    let by_new = signed(&chain.world.state, &EthereumKey::new(&[50; 32]).unwrap(), OutboundKind::Batch, 1);
    assert_eq!(chain.apply(vec![by_new]), 1);
    let power = booking::signed_power(&chain.world.state, OutboundKind::Batch, 1, 2);
    assert_eq!(power, Some((201_000, 804_000)), "a quorum is counted over the installed set");
}

#[test]
fn a_pause_follows_the_last_one_that_was_applied() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    let row = encode(&Applied { pause_nonce: 6, ..Applied::default() });
    chain.world.state.set(&[Bridge::ID.0, 14], Value::from_vec(row));
    for (nonce, is_wanted) in [(6, false), (7, true), (10, true), (11, false)] {
        let hash = booking::wanted_hash(&chain.world.state, OutboundKind::Pause, nonce);
        assert_eq!(hash.is_some(), is_wanted, "{nonce}");
    }
    chain.call(AUTHORITY, |ctx| admin::issue(ctx, AdminAction::Unpause)).unwrap();
    assert_eq!(admin::action(&chain.world.state, 1), Some(AdminAction::Unpause.issue(1, 6)));
}
