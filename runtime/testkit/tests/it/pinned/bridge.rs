//! One of each call, event and question of bridge.

use diem_bridge::{
    AdminAction, Chunk, Event as E, EventBytes, Msg, Outbound, OutboundKind, Params, Preimage, Query as Q, Statement,
    Valset,
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
    events.map(Event::Bridge).into()
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
    ];
    queries.map(Query::Bridge).into()
}
