//! The steps at the begin and the end of a block: which there are, in which order, and what happens when one fails.
//!
//! Each runs in an overlay of its own. None loops over all accounts: indices settle lazily, and queues drain with a
//! limit per block.

use diem_bridge as bridge;
use diem_core::{BlockContext, CallError, Events, Fatal, ModuleId, StateWrite};
use diem_credits as credits;
use diem_emissions as emissions;
use diem_overlay::Overlay;
use diem_staking as staking;
use diem_svvv as svvv;
use diem_types::chain::ChainEvent;

use crate::chain::{HOOK_FAILURES, LAST_BLOCK};

/// The function that carries out a hook. What its failure leads to stands in its type.
#[derive(Clone, Copy)]
pub enum Run {
    /// Where it fails, the node must stop: supply, the validator set or a day would be wrong.
    Must(fn(&mut BlockContext<'_>) -> Result<(), Fatal>),
    /// Where it fails, its writes are dropped, `hook_failed` is reported, and it runs again in the next block.
    Retry(fn(&mut BlockContext<'_>) -> Result<(), CallError>),
}

/// A step of a block.
#[derive(Clone, Copy)]
pub struct Hook {
    /// Its number in the row that counts its failures; never reused.
    pub number: u8,
    /// Its name in events and logs.
    pub name: &'static str,
    /// The function that carries it out.
    pub run: Run,
}

/// The hooks of a block in their order.
#[derive(Clone)]
pub struct Hooks {
    /// The hooks before the transactions.
    pub begin: Vec<Hook>,
    /// The hooks after the transactions.
    pub end: Vec<Hook>,
}

impl Hooks {
    /// The names of the steps whose failure does not stop the node.
    pub fn retried(&self) -> impl Iterator<Item = &'static str> {
        let all = self.begin.iter().chain(&self.end);
        all.filter(|hook| matches!(hook.run, Run::Retry(_))).map(|hook| hook.name)
    }
}

impl Default for Hooks {
    /// The chain's own list. Every line says why it stands where it stands.
    fn default() -> Self {
        Self {
            begin: vec![
                // This comes first, because every later step may ask what time it is.
                must(0, "last_block", record_block),
                // It counts what stood idle until this block, before anything of the block changes the supply of DIEM.
                must(1, "credits_idle", |ctx| credits::day::track_idle(ctx).map_err(stop)),
                // A validator that misbehaved earns nothing of this block.
                must(2, "staking_begin", |ctx| staking::begin_block(ctx).map(|_| ()).map_err(stop)),
                // A block's emission belongs to the day that it closes.
                must(3, "emissions", |ctx| emissions::begin_block(ctx).map_err(stop)),
                // The day before is settled before the next one closes, so that two are never unsettled.
                must(4, "credits_settle", |ctx| credits::day::settle(ctx).map_err(stop)),
                must(5, "credits_day", |ctx| credits::day::close_and_open(ctx).map_err(stop)),
                // Slashes reach what is on its way before it is paid. svvv's step wraps staking's, because locks
                // follow.
                retry(6, "slash_jobs", |ctx| svvv::run_slash_jobs(ctx, 500)),
                retry(7, "unbonded", |ctx| staking::pay_matured(ctx, 1_000)),
                retry(8, "cooled_down", |ctx| credits::stake::pay_matured(ctx, 1_000)),
                retry(9, "provider_payouts", |ctx| credits::payouts::pay_providers(ctx, 100)),
                retry(10, "provider_bonds", |ctx| credits::providers::pay_bonds(ctx, 100)),
                retry(11, "old_offers", |ctx| credits::market::clear_offers(ctx, 1_000)),
                retry(12, "lapsed_credit", |ctx| credits::accounts::clear_lapsed(ctx, 1_000)),
                retry(13, "ended_grants", |ctx| credits::grants::clear_ended(ctx, 100)),
                // A set is of the validators that consensus was last told, which the end of this block changes.
                retry(14, "bridge_set", bridge::sets::make_due),
            ],
            end: vec![
                // Events of Base that this block proved are applied by it, and their block is completed.
                retry(16, "bridge_apply", bridge::applying::apply_due),
                // What a completed block owes is paid at once.
                retry(17, "bridge_pay", bridge::credits::pay_due),
                // A batch that was executed in time is closed by now, so that it is never paid back too.
                retry(18, "bridge_refund", bridge::refunds::refund_due),
                // What this block sent waits for the next batch, or is sealed at once where fifty wait.
                retry(15, "bridge_seal", bridge::sealing::seal),
                // What nobody can ask for any more is dropped.
                retry(19, "bridge_drop", bridge::closing::drop_old),
            ],
        }
    }
}

/// A step whose failure stops the node.
fn must(number: u8, name: &'static str, run: fn(&mut BlockContext<'_>) -> Result<(), Fatal>) -> Hook {
    Hook { number, name, run: Run::Must(run) }
}

/// Turns a module's error into a reason to stop, for steps in which nothing may be refused.
fn stop(error: CallError) -> Fatal {
    Fatal(error.to_string())
}

/// A step with a limit a block: the next block retries it where it failed, and continues where it stopped.
fn retry(number: u8, name: &'static str, run: fn(&mut BlockContext<'_>) -> Result<(), CallError>) -> Hook {
    Hook { number, name, run: Run::Retry(run) }
}

/// Records height and time, and refuses a block whose time runs backwards.
fn record_block(ctx: &mut BlockContext<'_>) -> Result<(), Fatal> {
    let block = ctx.block.info;
    if let Some(last) = LAST_BLOCK.get(ctx.state)
        && last.time > block.time
    {
        let (height, time, before) = (block.height, block.time, last.time);
        return Err(Fatal(format!("block {height} is of {time}, before its predecessor's {before}")));
    }
    LAST_BLOCK.set(ctx.state, &block);
    Ok(())
}

/// A step that failed and runs again in the next block. An event tells everybody; the error is for this node's log.
pub(crate) struct Failure {
    hook: &'static str,
    failures: u64,
    error: CallError,
}

impl Failure {
    /// The name of the step.
    pub(crate) const fn hook(&self) -> &'static str {
        self.hook
    }

    /// Logs the failure. It is called only for blocks that were decided: proposals and dry runs may fail in many ways
    /// that never happen.
    pub(crate) fn log(&self) {
        let Self { hook, failures, error } = self;
        tracing::warn!(hook, failures, %error, "a step failed and runs again next block");
    }
}

/// Runs `hooks` in order on `state`; returns the failures of those that run again in the next block.
///
/// # Errors
/// A Must hook failed.
pub(crate) fn run(
    hooks: &[Hook],
    state: &mut Overlay<'_>,
    events: &mut Events,
    block: &diem_core::Block,
) -> Result<Vec<Failure>, Fatal> {
    let mut failed = Vec::new();
    for hook in hooks {
        let mark = events.mark();
        let stopped = |Fatal(why)| Fatal(format!("block {}: step `{}` failed: {why}", block.info.height, hook.name));
        let (refused, writes) = {
            let mut overlay = Overlay::new(&*state);
            let mut ctx = BlockContext { state: &mut overlay, events, block };
            let refused = match hook.run {
                Run::Must(run) => run(&mut ctx).map(|()| None).map_err(stopped)?,
                Run::Retry(run) => run(&mut ctx).err(),
            };
            (refused, overlay.into_writes())
        };
        match refused {
            None => {
                state.apply(writes);
                clear_failures(state, hook);
            }
            Some(error) => {
                events.rewind(mark);
                let failures = count_failure(state, hook);
                events.emit(ModuleId::CHAIN, &ChainEvent::HookFailed { hook: hook.name.into(), failures });
                failed.push(Failure { hook: hook.name, failures, error });
            }
        }
    }
    Ok(failed)
}

fn clear_failures(state: &mut dyn StateWrite, hook: &Hook) {
    if matches!(hook.run, Run::Retry(_)) && HOOK_FAILURES.get(state, &hook.number).is_some() {
        HOOK_FAILURES.remove(state, &hook.number);
    }
}

fn count_failure(state: &mut dyn StateWrite, hook: &Hook) -> u64 {
    let failures = HOOK_FAILURES.get(state, &hook.number).unwrap_or(0).saturating_add(1);
    HOOK_FAILURES.set(state, &hook.number, &failures);
    failures
}
