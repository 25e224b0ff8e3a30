//! The steps at the begin and the end of a block: which there are, in which order, and what happens when one fails.
//!
//! Each runs in an overlay of its own. None loops over all accounts: indices settle lazily, and queues drain with a
//! limit per block.

use diem_core::{BlockContext, CallError, Events, Fatal, StateWrite};
use diem_store::Overlay;
use diem_types::chain::ChainEvent;

use crate::chain::{self, HOOK_FAILURES, LAST_BLOCK};

/// What a failure of a hook means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// The node must stop: supply, the validator set or a day would be wrong.
    Must,
    /// Its writes are dropped, `hook_failed` is reported, and it runs again in the next block.
    Retry,
}

/// A step of a block.
#[derive(Clone, Copy)]
pub struct Hook {
    /// Its number in the row that counts its failures; never reused.
    pub number: u8,
    /// Its name in events and logs.
    pub name: &'static str,
    /// What a failure means.
    pub policy: Policy,
    /// The step.
    pub run: fn(&mut BlockContext<'_>) -> Result<(), CallError>,
}

/// The hooks of a block in their order.
#[derive(Clone)]
pub struct Hooks {
    /// Before the transactions.
    pub begin: Vec<Hook>,
    /// After them.
    pub end: Vec<Hook>,
}

impl Default for Hooks {
    /// The chain's own list. Every line says why it stands where it stands.
    fn default() -> Self {
        Self {
            begin: vec![
                // First: every later step may ask what time it is.
                Hook { number: 0, name: "last_block", policy: Policy::Must, run: record_block },
            ],
            end: vec![],
        }
    }
}

/// Records height and time, and refuses a block whose time runs backwards.
fn record_block(ctx: &mut BlockContext<'_>) -> Result<(), CallError> {
    let block = ctx.block.info;
    if let Some(last) = LAST_BLOCK.get(ctx.state)
        && last.time > block.time
    {
        return Err(CallError {
            codespace: "chain",
            code: u32::MAX,
            message: format!("block {} is of {}, before its predecessor's {}", block.height, block.time, last.time),
        });
    }
    LAST_BLOCK.set(ctx.state, &block);
    Ok(())
}

/// Runs `hooks` in order on `state`.
///
/// # Errors
/// A Must hook failed.
pub(crate) fn run(
    hooks: &[Hook],
    state: &mut Overlay<'_>,
    events: &mut Events,
    block: &diem_core::Block,
) -> Result<(), Fatal> {
    for hook in hooks {
        let mark = events.mark();
        let (outcome, writes) = {
            let mut overlay = Overlay::new(&*state);
            let outcome = (hook.run)(&mut BlockContext { state: &mut overlay, events, block });
            (outcome, overlay.into_writes())
        };
        match outcome {
            Ok(()) => {
                state.apply(writes);
                clear_failures(state, hook);
            }
            Err(error) if hook.policy == Policy::Must => {
                return Err(Fatal(format!("block {}: step `{}` failed: {error}", block.info.height, hook.name)));
            }
            Err(error) => {
                events.rewind(mark);
                let failures = count_failure(state, hook);
                tracing::warn!(hook = hook.name, failures, %error, "a step failed and runs again next block");
                events.emit(chain::ID, &ChainEvent::HookFailed { hook: hook.name.into(), failures });
            }
        }
    }
    Ok(())
}

fn clear_failures(state: &mut dyn StateWrite, hook: &Hook) {
    if hook.policy == Policy::Retry && HOOK_FAILURES.get(state, &hook.number).is_some() {
        HOOK_FAILURES.remove(state, &hook.number);
    }
}

fn count_failure(state: &mut dyn StateWrite, hook: &Hook) -> u64 {
    let failures = HOOK_FAILURES.get(state, &hook.number).unwrap_or(0).saturating_add(1);
    HOOK_FAILURES.set(state, &hook.number, &failures);
    failures
}
