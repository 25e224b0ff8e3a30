//! What happened in the histories: agreement about nothing would prove nothing.

use std::collections::BTreeMap;

use serde_json::Value;

use super::observe::Numbers;

/// The number of times that each thing happened.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Calls that were executed.
    pub(crate) executed: usize,
    seen: BTreeMap<String, usize>,
}

/// Besides every call, once successful and once refused, these must happen.
const EVENTS: [&str; 12] = [
    "voucher paid",
    "voucher capped",
    "voucher nothing_new",
    "voucher bad",
    "day with payouts",
    "day with more consumed than counted",
    "day with rent for stakers",
    "day that was skipped",
    "block that finds a closed day unsettled",
    "block with allocations scaled",
    "block that slashes",
    "block with shares worth less than they cost",
];

impl Tally {
    fn count(&mut self, what: String) {
        *self.seen.entry(what).or_default() += 1;
    }

    /// Counts a call and its outcome.
    pub(crate) fn call(&mut self, name: &str, outcome: &Value) {
        self.executed += 1;
        let verdict = if outcome["ok"] == true { "done" } else { "refused" };
        self.count(format!("{name} {verdict}"));
        for voucher in outcome["vouchers"].as_array().into_iter().flatten() {
            self.count(format!("voucher {}", voucher[0].as_str().unwrap()));
        }
    }

    /// Counts what a block changed.
    pub(crate) fn block(&mut self, before: &Numbers, after: &Numbers) {
        let number = |of: &Numbers, name: &str| of.get(name).map_or(0, |text| text.parse::<u128>().unwrap());
        let today = number(after, "day");
        let closed = number(before, "day");
        let is_new = today > closed;
        let of_closed = |field: &str| number(after, &format!("day {closed} {field}"));
        let settled = |field: &str| {
            after
                .iter()
                .any(|(name, _)| name.starts_with("day ") && name.ends_with(field) && !before.contains_key(name))
        };
        let scaled = after.iter().any(|(name, next)| {
            let today = name.strip_suffix(" next").map(|allocation| number(after, &format!("{allocation} today")));
            today.is_some_and(|today| 0 < today && today < next.parse().unwrap())
        });
        let below_cost = after.iter().any(|(name, shares)| {
            let tokens = name.strip_suffix(" shares").filter(|at| at.starts_with("validator "));
            tokens.is_some_and(|at| number(after, &format!("{at} tokens")) < shares.parse().unwrap())
        });
        let happened = [
            (settled(" pot"), "day with payouts"),
            (settled(" stakers"), "day with rent for stakers"),
            (is_new && of_closed("consumed") > of_closed("counted"), "day with more consumed than counted"),
            (today > closed + 1, "day that was skipped"),
            (is_new && of_closed("rent") > 0, "block that finds a closed day unsettled"),
            (is_new && scaled, "block with allocations scaled"),
            (number(after, "burned") > number(before, "burned"), "block that slashes"),
            (below_cost, "block with shares worth less than they cost"),
        ];
        happened.into_iter().filter(|(did, _)| *did).for_each(|(_, what)| self.count(what.into()));
    }

    /// Adds the counts of another tally.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.executed += other.executed;
        for (what, times) in &other.seen {
            *self.seen.entry(what.clone()).or_default() += times;
        }
    }

    /// What never happened and should: each of these calls done and refused, and every event.
    pub(crate) fn missing(&self, calls: &[&str]) -> Vec<String> {
        let calls = calls.iter().flat_map(|name| [format!("{name} done"), format!("{name} refused")]);
        let all = calls.chain(EVENTS.map(String::from));
        all.filter(|what| !self.seen.contains_key(what)).collect()
    }

    /// The counts as text, one on a line.
    pub(crate) fn text(&self) -> String {
        self.seen.iter().map(|(what, times)| format!("  {times:>8} {what}\n")).collect()
    }
}
