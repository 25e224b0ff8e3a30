//! The tables of diem.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{
    Amount, Module as _, StateRead, StateWrite,
    cell::{Item, Map},
};
use ruint::aliases::U256;

use crate::{
    Diem,
    curve::{MAX_STEPS, Rate, Step, Table},
    quote::cost,
};

// Table 0 held the steps by their upper edges.
/// The last edge: how much DIEM there can be.
const END: Item<Amount> = Item::new(Diem::ID, 1);
/// The curve's steps, numbered from 0.
const STEPS: Map<u32, Row> = Map::new(Diem::ID, 2);

/// A step as it is stored.
#[derive(Debug, Clone, Copy, BorshSerialize, BorshDeserialize)]
pub(crate) struct Row {
    /// The supply at which it ends.
    pub(crate) edge: Amount,
    /// The price of DIEM inside the step.
    pub(crate) rate: Rate,
    /// The price of all steps up to the end of this one, each rounded up by itself. With this prefix sum, a mint over
    /// many steps reads a few rows.
    pub(crate) total: Rate,
}

/// The step with this number.
pub(crate) fn step(state: &dyn StateRead, number: u32) -> Option<Row> {
    STEPS.get(state, &number)
}

/// Finds by binary search the first step from `from` on for which `is_before` does not hold; if it holds for all of
/// them, the number after the last. It must hold up to some step and for none after it. The search reads about ten
/// rows.
pub(crate) fn partition_point(state: &dyn StateRead, from: u32, is_before: impl Fn(&Row) -> bool) -> u32 {
    let (mut low, mut high) = (from, MAX_STEPS);
    while low < high {
        let middle = low.midpoint(high);
        if step(state, middle).is_some_and(|row| is_before(&row)) {
            low = middle.saturating_add(1);
        } else {
            high = middle;
        }
    }
    low
}

/// The steps of the curve, in order.
pub(crate) fn all_steps(state: &dyn StateRead) -> Vec<Step> {
    let rows = STEPS.range(state, None, MAX_STEPS as usize);
    rows.into_iter().map(|(_, row)| Step { edge: row.edge, rate: row.rate }).collect()
}

/// The DIEM that can still be minted.
pub(crate) fn left(state: &dyn StateRead, supply: Amount) -> Amount {
    END.get(state).unwrap_or_default().saturating_sub(supply)
}

/// Writes the curve of a new chain.
pub(crate) fn set_table(state: &mut dyn StateWrite, table: &Table) {
    let (mut begin, mut total) = (Amount::ZERO, U256::ZERO);
    for (number, Step { edge, rate }) in (0..).zip(table.steps()) {
        // There are at most 1,024 steps of less than 2^256 / 10^18 each.
        total = total.saturating_add(cost(*rate, edge.saturating_sub(begin)));
        begin = *edge;
        STEPS.set(state, &number, &Row { edge: *edge, rate: *rate, total: Rate(total) });
        END.set(state, edge);
    }
}
