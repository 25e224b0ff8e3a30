//! One of each call, event and question of bridge.

use diem_bridge::{
    AdminAction, Breach, Checkpoint, Chunk, Event as E, EventBytes, Msg, Outbound, OutboundKind, Params, Preimage,
    Query as Q, Reason, Statement, Valset,
};
use diem_core::{Page, keys::CompactSignature};
use diem_types::{Call, Event, Query};

use super::{FROM, TO, amount};

pub(crate) fn calls() -> Vec<Call> {
    let outbound = Outbound { kind: OutboundKind::Batch, nonce: 7, digest: [3; 32], signature: signature() };
    let chunk = Chunk { first: 7, before: [4; 32], events: vec![EventBytes { kind: 1, payload: vec![5; 56] }] };
    let valset = Valset { nonce: 7, created_at: 1_790_000_000, set_hash: [6; 32] };
    let calls = [
        Msg::BridgeOut { amount: amount(), fee: amount(), recipient: TO },
        Msg::BumpFee { id: 7, fee: amount() },
        Msg::Cancel { id: 7 },
        Msg::Submit { statements: vec![Statement::Outbound(outbound)] },
        Msg::Replay { chunk },
        Msg::Evidence { preimage: Preimage::Valset(valset), signature: signature() },
        Msg::Prepare { chain_id: 8_453, max_set_age: 432_000, mint_capacity: amount(), share_bps: 1_000, guardian: TO },
        Msg::Activate { init_code_hash: [8; 32], deploy_block: 40_000_000 },
        Msg::Admin { action: AdminAction::SetLimits { mint_capacity: amount(), share_bps: 500 } },
        Msg::SetParams { params: Params { authority: FROM, silence_jail_bps: Some(5_000), ..Params::default() } },
        Msg::Resume,
        Msg::Hold { credit: 7 },
        Msg::Cover { amount: amount() },
    ];
    calls.map(Call::Bridge).into()
}

const fn signature() -> CompactSignature {
    CompactSignature([9; 64])
}

pub(crate) fn events() -> Vec<Event> {
    let (id, nonce, amount) = (7, 8, amount());
    let events = [
        E::TransferWaits { id, sender: FROM, recipient: TO, amount, fee: amount },
        E::FeeRaised { id, fee: amount },
        E::TransferCancelled { id },
        E::BatchSealed { nonce, deadline: 1_790_000_000, transfers: 2, fee: amount },
        E::SetMade { nonce },
        E::Prepared { chain_id: 8_453 },
        E::Activated { bridge: FROM, token: TO },
        E::Ready,
        E::ActionIssued { nonce },
        E::ParamsChanged,
        E::Convicted { validator: FROM, kind: OutboundKind::Valset, nonce },
    ];
    events.into_iter().chain(events_of_base()).map(Event::Bridge).collect()
}

fn events_of_base() -> Vec<E> {
    let (id, nonce, amount, until) = (7, 8, amount(), diem_core::Time(1_790_000_000_123));
    let checkpoint = Checkpoint {
        number: 40_000_200,
        block_hash: [1; 32],
        timestamp: 1_790_000_000,
        event_nonce: 9,
        rolling_hash: [2; 32],
        supply: amount,
    };
    let breach = Breach::Supply { number: 40_000_200, proven: amount, booked: diem_core::Amount::ONE };
    let reason = Reason::Burn { event: 9, sender: TO };
    vec![
        E::Attested { checkpoint },
        E::Completed { number: 40_000_200, timestamp: 1_790_000_000 },
        E::Halted { breach },
        E::Resumed { uncovered: amount },
        E::Covered { by: FROM, amount, uncovered: amount },
        E::UnknownEvent { nonce, kind: 14 },
        E::CreditOwed { id, reason, recipient: Some(FROM), amount },
        E::CreditDelayed { id, until },
        E::CreditHeld { id, until },
        E::CreditPaid { id, reason: Reason::Cancelled { queue_id: 3 }, recipient: None, amount },
        E::BatchExecuted { nonce, minted: amount, fee: amount, queued: amount },
        E::TransferMinted { id, batch: nonce },
        E::TransferQueued { id, queue_id: 3, ready_at: 1_790_086_400 },
        E::TransferRefunded { id, amount },
        E::BatchRefunded { nonce },
        E::SetInstalled { nonce },
        E::ActionExecuted { nonce },
        E::PauseChanged { paused_until: 1_790_000_000, pause_nonce: 3 },
        E::LimitsChanged { mint_capacity: amount, share_bps: 500, from: 1_790_000_000 },
        E::MoveAnnounced { bridge: TO, at: 1_790_000_000 },
        E::Vetoed { what: 0, id, until: 1_790_000_000 },
    ]
}

/// Questions about the bridge of the story: batch 1 is open, transfer 2 waits, action 1 was ordered.
pub(crate) fn queries() -> Vec<Query> {
    let page = Page { after: None, limit: 10 };
    let queries = [
        Q::Params,
        Q::Overview,
        Q::Transfer(2),
        Q::Transfers(page),
        Q::Batch(1),
        Q::Batches(page),
        Q::Set(0),
        Q::Action(1),
        Q::Signatures { kind: OutboundKind::Batch, nonce: 1, set: 0 },
        Q::Credit(2),
        Q::Credits(page),
        Q::QueueItem(1),
        Q::Queue(page),
        Q::Attestations(900),
    ];
    queries.map(Query::Bridge).into()
}
