//! The tables of diem.

use diem_core::{
    Amount, Module as _, StateRead, StateWrite,
    cell::{Item, Map},
};

use crate::{
    Diem,
    curve::{MAX_STEPS, Rate, Step, Table},
};

/// The curve: each step's rate by its upper edge in adiem.
const STEPS: Map<u128, Rate> = Map::new(Diem::ID, 0);
/// The last edge: how much DIEM there can be.
const END: Item<Amount> = Item::new(Diem::ID, 1);

/// How many steps are read at a time: a mint seldom crosses more than one edge.
const PAGE: usize = 4;

/// The steps that end above `supply`, in ascending order, read as they are asked for.
pub(crate) fn steps_from(state: &dyn StateRead, supply: Amount) -> impl Iterator<Item = Step> + '_ {
    let mut next = supply.get().checked_add(1);
    let pages = std::iter::from_fn(move || {
        let page = STEPS.range(state, Some(&next?), PAGE);
        next = page.last().and_then(|(edge, _)| edge.checked_add(1));
        (!page.is_empty()).then_some(page)
    });
    pages.flatten().map(|(edge, rate)| Step { edge: Amount::new(edge), rate })
}

/// Every step.
pub(crate) fn all_steps(state: &dyn StateRead) -> Vec<Step> {
    let rows = STEPS.range(state, None, MAX_STEPS as usize);
    rows.into_iter().map(|(edge, rate)| Step { edge: Amount::new(edge), rate }).collect()
}

/// How much DIEM can still be minted.
pub(crate) fn left(state: &dyn StateRead, supply: Amount) -> Amount {
    END.get(state).unwrap_or_default().saturating_sub(supply)
}

/// Writes the curve of a new chain.
pub(crate) fn set_table(state: &mut dyn StateWrite, table: &Table) {
    for step in table.steps() {
        STEPS.set(state, &step.edge.get(), &step.rate);
        END.set(state, &step.edge);
    }
}
