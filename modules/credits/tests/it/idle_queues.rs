//! What the queues of a block cost while nothing in them is due.

use diem_core::{Block, BlockContext, BlockInfo, CallError, Events, Time};
use diem_credits::{Msg, accounts, grants, market, payouts, providers, stake};

use crate::{counting::Counting, world::*};

type Step = fn(&mut BlockContext<'_>, usize) -> Result<(), CallError>;

/// The number of rows that a step of the next block reads from its queue.
fn rows_read(world: &mut World, step: Step) -> usize {
    let block = Block { info: BlockInfo { height: world.height + 1, time: Time(world.time + 1) }, ..Block::default() };
    let mut counting = Counting::new(world.state());
    step(&mut BlockContext { state: &mut counting, events: &mut Events::default(), block: &block }, 1_000).unwrap();
    counting.listed.into_inner()
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
        let limits = vec![limit(pia(), whole(1))];
        world.run(who(number), Msg::Grant { key: who(40), last_day: FIRST, limits });
    }
    for number in 1..=13 {
        world.run(who(14), Msg::GiftCredit { to: who(number), day: FIRST, amount: whole(1) });
    }
    // Before a first day has closed nothing can have lapsed.
    assert_eq!(rows_read(&mut world, accounts::clear_lapsed), 0);
    let steps: [Step; 5] =
        [stake::pay_matured, payouts::pay_providers, providers::pay_bonds, market::clear_offers, grants::clear_ended];
    assert_eq!(steps.map(|step| rows_read(&mut world, step)), [1; 5]);
    world.midnight(1);
    assert_eq!(rows_read(&mut world, accounts::clear_lapsed), 1);
}
