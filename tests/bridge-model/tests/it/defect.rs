//! Rules of the bridge that are broken on purpose, so that the model shows that it finds them.

use std::collections::BTreeMap;

use borsh::BorshDeserialize;
use diem_bank::{Pool, pay_from_pool};
use diem_bridge::{Attested, Bridge, Event, EventBytes, Reason, query, state};
use diem_core::{Address, Amount, BlockContext, CallError, Denom, Module as _, QueryContext, StateWrite, Value};

/// A rule that is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Defect {
    /// A batch is refunded although no completed block of Base is later than its deadline.
    RefundsEarly,
    /// A burn is paid, and paid again.
    PaysTwice,
    /// An event is applied that is not the one that was proven.
    AppliesUnproven,
    /// A batch that was executed is refunded too.
    RefundsExecuted,
    /// What was cancelled on Base is paid back twice.
    RefundsTwice,
    /// Base mints more than its bucket has room for.
    MintsPastRoom,
}

/// The rows of the blocks that were attested, and of the chunks that wait.
const ATTESTED: u8 = 15;
const CHUNKS: u8 = 20;

type Hook = fn(&mut BlockContext<'_>) -> Result<(), CallError>;

impl Defect {
    /// Runs a step of a block with the defect in it.
    pub(crate) fn around(self, name: &str, hook: Hook, ctx: &mut BlockContext<'_>) -> Result<(), CallError> {
        match (self, name) {
            (Self::RefundsEarly, "refund") => refund_early(hook, ctx),
            (Self::AppliesUnproven, "apply") => {
                raise_burn(ctx.state);
                hook(ctx)
            }
            (Self::RefundsExecuted, "apply") => refund_executed(hook, ctx),
            (Self::PaysTwice | Self::RefundsTwice, "pay") => pay_again(self, hook, ctx),
            _ => hook(ctx),
        }
    }
}

fn change<T: BorshDeserialize + borsh::BorshSerialize>(
    state: &mut dyn StateWrite,
    key: &[u8],
    change: impl FnOnce(&mut T),
) {
    if let Some(bytes) = state.get(key) {
        let mut row = T::try_from_slice(&bytes).unwrap();
        change(&mut row);
        state.set(key, Value::from_vec(borsh::to_vec(&row).unwrap()));
    }
}

/// The step sees a Base that is an hour further.
fn refund_early(hook: Hook, ctx: &mut BlockContext<'_>) -> Result<(), CallError> {
    const HOUR: u64 = 3_600;
    let key = [Bridge::ID.0, ATTESTED];
    let completed = |row: &mut Attested, time: fn(u64) -> u64| {
        if let Some(completed) = &mut row.completed {
            completed.timestamp = time(completed.timestamp);
        }
    };
    change(ctx.state, &key, |row| completed(row, |time| time + HOUR));
    let outcome = hook(ctx);
    change(ctx.state, &key, |row| completed(row, |time| time - HOUR));
    outcome
}

/// The first burn that waits to be applied is a unit more than what was proven.
fn raise_burn(state: &mut dyn StateWrite) {
    const BURN: u8 = 1;
    let from = [Bridge::ID.0, CHUNKS];
    for (key, _) in state.range(&from, Some(&[Bridge::ID.0, CHUNKS + 1]), usize::MAX) {
        change(state, &key, |events: &mut Vec<EventBytes>| {
            if let Some(burn) = events.iter_mut().find(|event| event.kind == BURN) {
                let last = burn.payload.last_mut().unwrap();
                *last = last.wrapping_add(1);
            }
        });
    }
}

/// What this step reports.
fn reported(ctx: &BlockContext<'_>) -> Vec<Event> {
    let bytes = ctx.events.clone().into_bytes();
    let mut rest = &bytes[..];
    let mut events = Vec::new();
    while let Some((_, after)) = rest.split_first() {
        rest = after;
        events.push(Event::deserialize(&mut rest).unwrap());
    }
    events
}

fn pay_again(defect: Defect, hook: Hook, ctx: &mut BlockContext<'_>) -> Result<(), CallError> {
    hook(ctx)?;
    for event in reported(ctx) {
        let Event::CreditPaid { reason, recipient: Some(recipient), amount, .. } = event else { continue };
        if matches!(reason, Reason::Burn { .. }) == (defect == Defect::PaysTwice) {
            give(ctx, &recipient, amount);
            ctx.events.emit(Bridge::ID, &event);
        }
    }
    Ok(())
}

fn refund_executed(hook: Hook, ctx: &mut BlockContext<'_>) -> Result<(), CallError> {
    let transfer = |id: &u64| {
        let transfer = query::transfer(&QueryContext { state: ctx.state, block: ctx.block.info }, *id).unwrap();
        (transfer.sender, transfer.total())
    };
    let open = state::open_batches(ctx.state).into_iter();
    let open: BTreeMap<u64, Vec<(Address, Amount)>> =
        open.map(|(nonce, batch)| (nonce, batch.transfers.iter().map(transfer).collect())).collect();
    hook(ctx)?;
    for event in reported(ctx) {
        let Event::BatchExecuted { nonce, .. } = event else { continue };
        open[&nonce].iter().for_each(|(sender, amount)| give(ctx, sender, *amount));
        ctx.events.emit(Bridge::ID, &Event::BatchRefunded { nonce });
    }
    Ok(())
}

/// Takes from the escrow, as far as it has so much.
fn give(ctx: &mut BlockContext<'_>, to: &Address, amount: Amount) {
    let _ = pay_from_pool(ctx.state, Pool::BridgeEscrow, to, Denom::Diem, amount);
}
