//! What the queues of a block cost while nothing in them is due.

use std::sync::atomic::{AtomicUsize, Ordering};

use diem_core::{Block, BlockContext, BlockInfo, CallError, Events, Key, StateRead, StateWrite, Time, Value};
use diem_credits::{Msg, market, payouts, providers, stake};

use crate::world::*;

/// State that counts the rows which ranges read.
struct Counting<'a> {
    state: &'a mut dyn StateWrite,
    rows: AtomicUsize,
}

impl StateRead for Counting<'_> {
    fn get(&self, key: &[u8]) -> Option<Value> {
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

type Step = fn(&mut BlockContext<'_>, usize) -> Result<(), CallError>;

/// How many rows a step of the next block reads from its queue.
fn rows_read(world: &mut World, step: Step) -> usize {
    let block = Block { info: BlockInfo { height: world.height + 1, time: Time(world.time + 1) }, ..Block::default() };
    let mut counting = Counting { state: world.state(), rows: AtomicUsize::new(0) };
    step(&mut BlockContext { state: &mut counting, events: &mut Events::default(), block: &block }, 1_000).unwrap();
    counting.rows.into_inner()
}

#[test]
fn a_queue_in_which_nothing_is_due_costs_one_row() {
    let mut world = World::new();
    world.block_at(HOUR);
    for number in 14..=30 {
        let register = Msg::RegisterProvider {
            bond: whole(1_000),
            payout: who(number),
            endpoint: "https://provider.example".into(),
            moniker: "one of many".into(),
        };
        world.run(who(number), register);
        world.run(who(number), stake_diem(whole(100)));
        world.run(who(number), spend(who(number), FIRST, whole(1)));
        world.run(who(number), Msg::OfferCredit { day: FIRST, amount: whole(1), price: whole(1) });
        world.run(who(number), Msg::Deregister);
        for _ in 0..4 {
            world.run(who(number), unstake_diem(whole(1)));
        }
    }
    let steps: [Step; 4] = [stake::pay_matured, payouts::pay_providers, providers::pay_bonds, market::clear_offers];
    assert_eq!(steps.map(|step| rows_read(&mut world, step)), [1; 4]);
}
