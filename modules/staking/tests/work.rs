//! How much a step of a block reads: bounded by its limit, whatever waits.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "tests")]

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};

use common::{DAY, World, empty, units, vvv, who};
use diem_core::{Block, BlockContext, Events, Key, StateRead, StateWrite, Value};
use diem_staking::{Offence, Reach, pay_matured, slash};

/// State that counts the rows it shows.
struct Counting<'a> {
    state: &'a mut dyn StateWrite,
    rows: AtomicUsize,
}

impl StateRead for Counting<'_> {
    fn get(&self, key: &[u8]) -> Option<Value> {
        self.rows.fetch_add(1, Ordering::Relaxed);
        self.state.get(key)
    }

    fn range(&self, start: &[u8], end: Option<&[u8]>, limit: usize) -> Vec<(Key, Value)> {
        let rows = self.state.range(start, end, limit);
        self.rows.fetch_add(rows.len(), Ordering::Relaxed);
        rows
    }
}

impl StateWrite for Counting<'_> {
    fn set(&mut self, key: &[u8], value: Value) {
        self.state.set(key, value);
    }

    fn remove(&mut self, key: &[u8]) {
        self.state.remove(key);
    }
}

/// The rows that paying what is due reads with this limit.
fn rows_read(world: &mut World<'_>, limit: u32) -> usize {
    let block = Block { info: world.now, ..Block::default() };
    let mut events = Events::default();
    let mut state = Counting { state: &mut world.state, rows: AtomicUsize::new(0) };
    pay_matured(&mut BlockContext { state: &mut state, events: &mut events, block: &block }, limit).unwrap();
    state.rows.into_inner()
}

#[test]
fn what_waits_for_a_slash_costs_a_few_rows_for_each_of_the_limit() {
    const LIMIT: u32 = 40;
    let base = empty();
    let mut world = World::new(&base, 2);
    world.stake(9, 1, vvv(1)).unwrap();
    // As many groups as a block takes on, with as many entries in each.
    for _ in 0..LIMIT {
        for _ in 0..LIMIT {
            world.restake(9, 1, 2, units(1)).unwrap();
        }
        world.next();
    }
    world.job_limit = 0;
    world.pay_limit = 0;
    let forgery = (Offence::Forgery, Reach::Everything);
    world.try_do(|state, events| slash(state, events, &who(1), forgery.0, 500, forgery.1)).unwrap();
    world.wait(8 * DAY);
    let waiting = rows_read(&mut world, LIMIT);
    assert!(waiting <= 8 * LIMIT as usize, "{waiting} rows read for a limit of {LIMIT}");
    // All of them wait still, in the queue.
    world.check();
    world.job_limit = u32::MAX;
    world.next();
    let paid = rows_read(&mut world, LIMIT);
    assert!(paid <= 8 * LIMIT as usize, "{paid} rows read for a limit of {LIMIT}");
    world.check();
}
