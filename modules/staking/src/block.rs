//! The first step of a block.

use diem_core::{BlockContext, CallError, clock};

use crate::{
    downtime, leaving,
    slashing::{self, Slash},
    state::{TODAY, params},
};

/// Notes the day, dates what left in the block before, punishes what consensus has proven and who signs too few blocks.
/// It returns the slashes in their order.
///
/// # Errors
/// Rows contradict each other: the node must stop.
pub fn begin_block(ctx: &mut BlockContext<'_>) -> Result<Vec<Slash>, CallError> {
    let block = ctx.block;
    let today = clock::epoch(ctx.state, block.info.time);
    if TODAY.get(ctx.state) != Some(today) {
        TODAY.set(ctx.state, &today);
    }
    leaving::date_groups(ctx.state, block.info.time);
    let params = params(ctx.state);
    let mut slashes = Vec::new();
    for evidence in &block.misbehaviour {
        slashes.extend(slashing::punish_misbehaviour(ctx.state, ctx.events, block.info, &params, evidence)?);
    }
    for vote in &block.votes {
        slashes.extend(downtime::observe(ctx, &params, vote)?);
    }
    Ok(slashes)
}
