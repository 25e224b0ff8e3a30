//! What a run has really exercised.

use std::collections::BTreeMap;

use diem_credits::vouchers::Verdict;
use diem_types::TxResult;
use diem_types::{Event, chain::ChainEvent};

use super::{
    machine::{Violation, broken},
    plan::{Plan, Step},
};

/// Successes and failures by kind of operation, and which errors were met.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    pub(crate) kinds: BTreeMap<&'static str, [u64; 2]>,
    pub(crate) errors: BTreeMap<(String, u32), u64>,
    pub(crate) blocks: u64,
}

impl Tally {
    fn count(&mut self, kind: &'static str, good: bool) {
        self.kinds.entry(kind).or_default()[usize::from(!good)] += 1;
    }

    /// All operations so far.
    pub(crate) fn operations(&self) -> u64 {
        let operations = self.kinds.iter().filter(|(kind, _)| !kind.starts_with("seen:"));
        operations.map(|(_, [good, bad])| good + bad).sum()
    }

    pub(crate) fn step(&mut self, step: &Step, good: bool) {
        let kind = match step {
            Step::Staking(_) => "governance staking parameters",
            Step::Emissions(_) => "governance emissions parameters",
            Step::Credits(_) => "governance credits parameters",
            Step::Schedule(_) => "governance schedule",
            Step::Forgery(..) => "governance forgery",
        };
        self.count(kind, good);
    }

    pub(crate) fn restart(&mut self) {
        self.count("seen: export and restart", true);
    }

    /// Counts a block, and finds results that no state may give.
    pub(crate) fn block(&mut self, plan: &Plan, results: &[TxResult], events: &[Event]) -> Result<(), Violation> {
        self.blocks += 1;
        for (op, result) in plan.ops.iter().zip(results) {
            self.count(op.kind(), result.code == 0);
            if result.code != 0 {
                *self.errors.entry((result.codespace.clone(), result.code)).or_default() += 1;
            }
            sane(result)?;
            for event in Event::decode_all(&result.events).unwrap_or_default() {
                self.seen(&event);
            }
        }
        let slashed = events.iter().filter(|event| is_equivocation(event)).count();
        (0..plan.evidence.len()).for_each(|number| self.count("evidence of equivocation", number < slashed));
        for event in events {
            self.seen(event);
            if let Event::Chain(ChainEvent::HookFailed { hook, .. }) = event {
                return Err(broken("no step fails", format!("step {hook} failed")));
            }
        }
        Ok(())
    }

    fn seen(&mut self, event: &Event) {
        use diem_credits::Event as Credits;
        use diem_staking::Event as Staking;
        let kind = match event {
            Event::Staking(Staking::Jailed { .. }) => "seen: jailed for downtime",
            Event::Staking(Staking::Tombstoned { .. }) => "seen: tombstoned",
            Event::Staking(Staking::TranchePaid { .. }) => "seen: tranche of stake paid",
            Event::Staking(Staking::MoveSettled { .. }) => "seen: moved stake freed",
            Event::Staking(Staking::EntrySlashed { .. }) => "seen: stake that had left slashed",
            Event::Svvv(diem_svvv::Event::Trimmed { .. }) => "seen: lock trimmed by a slash",
            Event::Svvv(diem_svvv::Event::LockMoved { .. }) => "seen: locked stake moved",
            Event::Credits(Credits::TranchePaid { .. }) => "seen: tranche of DIEM paid",
            Event::Credits(Credits::BondPaid { .. }) => "seen: bond paid back",
            Event::Credits(Credits::ProviderPaid { amount, .. }) if !amount.is_zero() => "seen: provider paid",
            Event::Credits(Credits::ProviderDelisted { forfeited, .. }) if !forfeited.is_zero() => {
                "seen: bond forfeited"
            }
            Event::Credits(Credits::DayClosed { .. }) => "seen: day closed",
            Event::Credits(Credits::DaySettled { .. }) => "seen: day settled",
            Event::Credits(Credits::VouchersSettled { outcomes, .. }) => {
                outcomes.iter().for_each(|outcome| self.voucher(outcome.verdict));
                return;
            }
            _ => return,
        };
        self.count(kind, true);
    }

    fn voucher(&mut self, verdict: Verdict) {
        let kind = match verdict {
            Verdict::Paid => "seen: voucher paid",
            Verdict::Capped => "seen: voucher capped",
            Verdict::NothingNew => "seen: voucher with nothing new",
            Verdict::Refused(code) => {
                *self.errors.entry(("credits".into(), code)).or_default() += 1;
                "seen: voucher refused"
            }
        };
        self.count(kind, true);
    }

    /// Adds the counts of another tally.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (kind, [good, bad]) in &other.kinds {
            let sum = self.kinds.entry(kind).or_default();
            *sum = [sum[0] + good, sum[1] + bad];
        }
        for (error, count) in &other.errors {
            *self.errors.entry(error.clone()).or_default() += count;
        }
        self.blocks += other.blocks;
    }
}

fn is_equivocation(event: &Event) -> bool {
    let offence = diem_staking::Offence::Equivocation;
    matches!(event, Event::Staking(diem_staking::Event::Slashed { offence: found, .. }) if *found == offence)
}

/// A pool that holds less than rows say, a module that lacks a right, or a subtraction below zero: no call of a user
/// may meet them, whatever it asks for.
fn sane(result: &TxResult) -> Result<(), Violation> {
    let contradiction = result.codespace == "bank" && [6, 7].contains(&result.code)
        || result.log.contains("below zero")
        || result.log.contains("division by zero");
    match contradiction {
        true => Err(broken("no call finds a contradiction", format!("{} {}", result.codespace, result.log))),
        false => Ok(()),
    }
}
