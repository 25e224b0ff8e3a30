//! What the contract reports.

use std::collections::BTreeSet;

use diem_bridge::{BaseEvent, VetoOf, fold};

use crate::vectors::{Vector, file, name};

fn event(kind: u8, of: &Vector) -> BaseEvent {
    match kind {
        1 => BaseEvent::Burn {
            sender: of.address("sender"),
            recipient: of.address("recipient"),
            amount: of.amount("amount"),
        },
        2 => BaseEvent::BatchExecuted {
            batch_nonce: of.number("batchNonce"),
            struct_hash: of.array("structHash"),
            relayer: of.address("relayer"),
            minted: of.amount("minted"),
            fee: of.amount("fee"),
            queued: of.amount("queued"),
        },
        3 => BaseEvent::SetInstalled {
            nonce: of.number("nonce"),
            set_hash: of.array("setHash"),
            submitter: of.address("submitter"),
        },
        4 => BaseEvent::Queued {
            queue_id: of.number("queueId"),
            batch_nonce: of.number("batchNonce"),
            index: of.number("index"),
            amount: of.amount("amount"),
            ready_at: of.number("readyAt"),
        },
        5 => BaseEvent::Released { queue_id: of.number("queueId"), amount: of.amount("amount") },
        6 => BaseEvent::Cancelled { queue_id: of.number("queueId"), amount: of.amount("amount") },
        7 => BaseEvent::StatusChanged { paused_until: of.number("pausedUntil"), pause_nonce: of.number("pauseNonce") },
        8 => BaseEvent::LimitsChanged {
            mint_capacity: of.amount("mintCapacity"),
            share_bps: of.number("shareBps"),
            at: of.number("at"),
        },
        9 => BaseEvent::MoveAnnounced { bridge: of.address("bridge"), at: of.number("at") },
        10 => BaseEvent::GuardianChanged { guardian: of.address("guardian") },
        11 => BaseEvent::Veto {
            what: match of.number("what") {
                0 => VetoOf::Item,
                1 => VetoOf::Set,
                2 => VetoOf::Move,
                other => panic!("{other} is nothing that can be vetoed"),
            },
            id: of.number("id"),
            until: of.number("until"),
        },
        12 => BaseEvent::AdminExecuted { admin_nonce: of.number("adminNonce"), struct_hash: of.array("structHash") },
        13 => BaseEvent::SetProposed {
            nonce: of.number("nonce"),
            set_hash: of.array("setHash"),
            install_at: of.number("installAt"),
        },
        other => panic!("{other} is no kind"),
    }
}

#[test]
fn every_kind_has_the_payload_that_solidity_packs() {
    let mut kinds = BTreeSet::new();
    for case in file("events").cases() {
        let kind = case.number("kind");
        let event = event(kind, &case.get("fields"));
        assert_eq!(event.kind(), kind);
        assert_eq!(hex::encode(event.payload()), hex::encode(case.bytes("payload")), "{}", case.text("name"));
        assert_eq!(BaseEvent::decode(kind, &case.bytes("payload")), Ok(event));
        kinds.insert(kind);
    }
    assert!(kinds.into_iter().eq(1..=13));
}

#[test]
fn what_is_no_event_is_told_apart() {
    for case in file("events").list("invalid") {
        let refusal = BaseEvent::decode(case.number("kind"), &case.bytes("payload")).unwrap_err();
        assert_eq!(name(&refusal), case.text("error"), "{}", case.text("name"));
    }
}

#[test]
fn the_rolling_hash_begins_with_the_domain_and_takes_in_every_event() {
    let vectors = file("events");
    let mut hash = vectors.array("before");
    assert_eq!(hash, file("salt_and_domain").list("domain")[0].as_domain().separator());
    for (case, nonce) in vectors.cases().iter().zip(1..) {
        assert_eq!(case.number::<u64>("nonce"), nonce);
        hash = fold(&hash, nonce, case.number("kind"), &case.bytes("payload"));
        assert_eq!(hash, case.array("rollingHash"));
    }
}
