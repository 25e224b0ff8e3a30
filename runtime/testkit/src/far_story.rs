//! A history of a bridge after which every table of what a chain knows of Base has a row.

use diem_bridge::{Batch, MAX_EVENTS, Msg, Transfer, inbound, sealing::batch, state::issued};
use diem_core::{Address, Amount};
use diem_runtime::Options;
use diem_types::Call;

use crate::{
    bridge::{Bridged, bridge_key},
    economy::milli,
    far_side::FarSide,
};

const DAY_MS: u64 = 86_400_000;
/// Enough validators that one of them may be jailed for silence.
const VALIDATORS: u8 = 12;

/// A chain that is halted in the middle of a replay, some weeks after its bridge began to work.
pub fn chain_with_every_row_of_base() -> Bridged {
    let bridged = Bridged::of(VALIDATORS, Options::default());
    bridged.block(0, Vec::new());
    bridged.activate();
    bridged.state_all();
    let app = &bridged.chain.app;
    let mut far = FarSide::of(app);
    let sealed = || {
        bridged.send(1);
        bridged.block(1_000, Vec::new());
        bridged.block(1_000, Vec::new());
        let state = app.store().latest();
        batch(&state, issued(&state).batches).unwrap()
    };

    // The silent third is counted, and one of it jailed.
    let mut params = bridged.chain.doc.app.bridge.params;
    params.silence_jail_bps = Some(5_000);
    let set = bridged.chain.tx(&bridged.chain.people[0], vec![Call::Bridge(Msg::SetParams { params })]);
    assert_eq!(bridged.block(1, vec![set.bytes()]).results()[0].code, 0);
    far.execute(&sealed());
    for _ in 0..usize::from(diem_bridge::silence::WINDOW) + diem_bridge::attesting::KEPT_BLOCKS {
        far.follow(&bridged);
    }
    // The struct hash of the first batch is dropped.
    bridged.block(32 * DAY_MS, Vec::new());
    far.now = app.store().meta().unwrap().time_ms / 1_000;

    // One batch waits in the queue, one is still open, and a burn is delayed.
    far.execute_with_queue(&sealed(), &[(1, 0), (2, u16::MAX)]);
    params.share_bps = 1;
    params.credit_capacity = milli(1);
    let set = bridged.chain.tx(&bridged.chain.people[0], vec![Call::Bridge(Msg::SetParams { params })]);
    assert_eq!(bridged.block(1, vec![set.bytes()]).results()[0].code, 0);
    let recipient = bridged.chain.people[2].address;
    far.burn(recipient, Amount::new(1));
    far.burn(recipient, milli(10));
    far.follow(&bridged);
    let third = sealed();
    sealed();

    // A forged batch halts the bridge, and of the third one the items are not all named when the block's events end.
    let forged = Transfer { recipient: Address([0xba; 20]), amount: milli(5) };
    far.execute(&Batch { nonce: 77, deadline: u64::MAX, fee: Amount::ZERO, transfers: vec![forged] });
    while far.journal.last() < inbound::applied(&app.store().latest()).event_nonce + MAX_EVENTS as u64 - 1 {
        far.burn(recipient, Amount::new(1));
    }
    far.execute_with_queue(&third, &[(3, 0), (4, u16::MAX)]);
    far.attest(&bridged);
    // One validator is ahead of the others.
    bridged.offer(&FarSide::stated(app, &bridge_key(0), far.checkpoint()));
    let first = inbound::applied(&app.store().latest()).event_nonce + 1;
    let cut = first + MAX_EVENTS as u64 - 1;
    for chunk in [far.journal.chunk(cut + 1, far.journal.last()), far.journal.chunk(first, cut)] {
        app.offer_chunk(chunk.unwrap()).unwrap();
        bridged.block(1, Vec::new());
    }
    bridged
}
