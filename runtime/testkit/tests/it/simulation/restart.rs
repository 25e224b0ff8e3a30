//! A chain that starts again from its own export.

use diem_core::BlockInfo;
use diem_overlay::MemoryRows;
use diem_runtime::{
    hooks::Hooks,
    simulation::{Simulation, export},
};

use super::machine::{Violation, broken};

const RULE: &str = "an export is the state";

/// The tables, by module and table byte, that say which chain it is, what its last block was and which steps failed:
/// they are no part of an export.
const OWN_ROWS: [[u8; 2]; 4] = [[0, 0], [0, 2], [0, 3], [6, 1]];
/// The table of the pools of bank.
const POOLS: [u8; 2] = [1, 2];

/// Starts a chain from the export of `state`, and compares every row.
pub(crate) fn restart(
    state: &MemoryRows,
    last: BlockInfo,
    hooks: &Hooks,
) -> Result<(Simulation, MemoryRows), Violation> {
    let doc = export(state, last.height, last.time).map_err(|fatal| broken(RULE, fatal.0))?;
    let (simulation, again) = Simulation::start(&doc, hooks.clone()).map_err(|fatal| broken(RULE, fatal.0))?;
    let (before, after) = (rows(state), rows(&again));
    if before == after {
        return Ok((simulation, again));
    }
    let differs = |(one, other): &(_, _)| one != other;
    let (before, after) = before.into_iter().zip(after).find(differs).unzip();
    let text = |row: Option<(&[u8], &[u8])>| {
        row.map_or("no row".into(), |(key, value)| format!("{} = {}", hex::encode(key), hex::encode(value)))
    };
    Err(broken(RULE, format!("{} became {}", text(before), text(after))))
}

/// The rows that an export must give back. A pool that holds nothing may have a row or none.
fn rows(state: &MemoryRows) -> Vec<(&[u8], &[u8])> {
    let kept = state.iter().filter(|(key, value)| {
        let table = [key[0], key[1]];
        let empty_pool = table == POOLS && value.iter().all(|byte| *byte == 0);
        !OWN_ROWS.contains(&table) && !empty_pool
    });
    kept.collect()
}
