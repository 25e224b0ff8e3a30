//! How much a step of a block reads: bounded by its limit, whatever waits.

use diem_core::{Block, BlockContext, Events};
use diem_staking::{Offence, Reach, pay_matured, slash};

use crate::counting::Counting;
use crate::world::{DAY, World, empty, vvv, who};

/// The rows that paying what is due reads with this limit.
fn rows_read(world: &mut World<'_>, limit: u32) -> usize {
    let block = Block { info: world.now, ..Block::default() };
    let mut events = Events::default();
    let mut state = Counting::new(&mut world.state);
    pay_matured(&mut BlockContext { state: &mut state, events: &mut events, block: &block }, limit).unwrap();
    state.got.into_inner() + state.listed.into_inner()
}

#[test]
fn what_waits_for_a_slash_costs_a_few_rows_for_each_of_the_limit() {
    // The most entries that an account may have.
    const LIMIT: u8 = 32;
    let base = empty();
    let mut world = World::new(&base, 2);
    for account in 5..5 + LIMIT {
        world.stake(account, 1, vvv(LIMIT.into())).unwrap();
    }
    // These are as many groups as a block takes on, with as many entries in each.
    for _ in 0..LIMIT {
        for account in 5..5 + LIMIT {
            world.restake(account, 1, 2, vvv(1)).unwrap();
        }
        world.next();
    }
    world.job_limit = 0;
    world.pay_limit = 0;
    let forgery = (Offence::Forgery, Reach::Everything);
    world.try_do(|state, events| slash(state, events, &who(1), forgery.0, 500, forgery.1)).unwrap();
    world.wait(8 * DAY);
    let waiting = rows_read(&mut world, LIMIT.into());
    assert!(waiting <= 8 * usize::from(LIMIT), "{waiting} rows read for a limit of {LIMIT}");
    // All of them wait still, in the queue.
    world.check();
    world.job_limit = u32::MAX;
    world.next();
    let paid = rows_read(&mut world, LIMIT.into());
    assert!(paid <= 8 * usize::from(LIMIT), "{paid} rows read for a limit of {LIMIT}");
    world.check();
}
