//! What the bridge answers to whoever asks.

use diem_bridge::{
    Answer, OutboundKind, Query, SignatureList, ValidatorSet,
    query::{self, answer},
};
use diem_core::{CallError, Page, QueryContext};

use crate::{
    chain::{ALICE, AUTHORITY, Chain, cents, refusal},
    staking_chain::empty,
};

fn ask(chain: &Chain<'_>, question: Query) -> Result<Answer, CallError> {
    answer(&QueryContext { state: &chain.world.state, block: chain.world.now }, question)
}

#[test]
fn a_relayer_finds_everything_that_the_contract_takes() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    chain.send(ALICE, cents(100), cents(1)).unwrap();
    chain.block(2_000);
    chain.block(1_000);
    for number in 1..=3 {
        chain.apply(vec![chain.statement(number, OutboundKind::Batch, 1)]);
    }
    let Answer::Batch(view) = ask(&chain, Query::Batch(1)).unwrap() else { panic!("a batch") };
    assert_eq!((view.ids.as_slice(), view.signatures.is_enough), (&[1][..], true));
    let set = ValidatorSet::decode(&view.signatures.set).unwrap();
    let list = SignatureList::decode(&view.signatures.list, set.members().len()).unwrap();
    let domain = diem_bridge::state::domain(&chain.world.state).unwrap();
    let digest = domain.digest(&view.batch.struct_hash());
    assert_eq!(digest, view.signatures.digest);
    assert_eq!(list.power(&set, &digest), Ok(view.signatures.signed));
    assert_eq!((view.signatures.signed, view.signatures.total), (603_000, 804_000));
}

#[test]
fn the_turn_goes_round_the_installed_set_a_minute_each() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    chain.send(ALICE, cents(100), cents(1)).unwrap();
    chain.block(2_000);
    chain.block(59_999);
    let turn = |chain: &Chain<'_>| {
        let Answer::Batch(view) = ask(chain, Query::Batch(1)).unwrap() else { panic!("a batch") };
        view.turn
    };
    let Answer::Set(set) = ask(&chain, Query::Set(0)).unwrap() else { panic!("a set") };
    let members: Vec<_> = set.set().members().iter().map(|member| member.address).collect();
    // Batch 1 begins with the member at place 1.
    for place in [1, 2, 3, 0, 1] {
        assert_eq!(turn(&chain), members[place]);
        chain.block(60_000);
    }
}

#[test]
fn the_overview_says_what_is_there_and_what_finds_room() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    chain.send(ALICE, cents(100), cents(1)).unwrap();
    chain.block(2_000);
    chain.block(1_000);
    chain.send(ALICE, cents(200), cents(1)).unwrap();
    let Answer::Overview(overview) = ask(&chain, Query::Overview).unwrap() else { panic!("an overview") };
    assert_eq!((overview.books.waiting, overview.books.open), (cents(201), cents(101)));
    assert!(overview.contract.unwrap().is_ready && overview.salt.is_some());
    assert_eq!((overview.issued.transfers, overview.issued.batches, overview.issued.open), (2, 1, 1));
    // A second has drained a day's part of the capacity.
    let drained = cents(1_000_000).mul_div_floor(1_000, 86_400_000).unwrap();
    let level = cents(101).saturating_sub(drained);
    assert_eq!(overview.room, cents(1_000_000).checked_sub(level).unwrap());
}

#[test]
fn lists_come_in_pages_and_what_is_not_there_is_said_to_be_missing() {
    let base = empty();
    let mut chain = Chain::ready(&base);
    for _ in 0..5 {
        chain.send(ALICE, cents(100), cents(1)).unwrap();
    }
    let ids = |chain: &Chain<'_>, after, limit| {
        let ctx = QueryContext { state: &chain.world.state, block: chain.world.now };
        let page = query::transfers(&ctx, &Page { after, limit });
        page.into_iter().map(|(id, _)| id).collect::<Vec<_>>()
    };
    assert_eq!(ids(&chain, None, 3), [1, 2, 3]);
    assert_eq!(ids(&chain, Some(3), 3), [4, 5]);
    for (question, name) in [
        (Query::Transfer(6), "unknown_transfer"),
        (Query::Batch(1), "unknown_nonce"),
        (Query::Set(9), "unknown_nonce"),
        (Query::Action(1), "unknown_nonce"),
        (Query::Signatures { kind: OutboundKind::Pause, nonce: 5, set: 0 }, "unknown_nonce"),
    ] {
        assert_eq!(refusal(ask(&chain, question)), name);
    }
    chain.call(AUTHORITY, |ctx| diem_bridge::admin::issue(ctx, diem_bridge::AdminAction::Unpause)).unwrap();
    assert!(ask(&chain, Query::Action(1)).is_ok());
    assert!(ask(&chain, Query::Signatures { kind: OutboundKind::Admin, nonce: 1, set: 0 }).is_ok());
}
