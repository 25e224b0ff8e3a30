//! Random blocks that look for trouble: around midnight and the end of a grace, after halts, many in one millisecond,
//! with slashes while stake is on its way.

use std::collections::BTreeSet;

use diem_core::{Amount, Time};
use diem_emissions::Segment;
use diem_testkit::Rng;

use super::{
    draw::Draw,
    machine::Machine,
    plan::{Evidence, Op, Plan, Step},
    snapshot::Snapshot,
    world::{ONE, World},
};

/// A source of blocks.
pub(crate) struct Generator {
    rng: Rng,
    /// The times of blocks, from the first height on.
    times: Vec<u64>,
    /// Validators, by number, that sign nothing at present.
    away: BTreeSet<usize>,
    bridge_keys: u32,
}

impl Generator {
    /// The generator of a seed.
    pub(crate) fn new(rng: Rng) -> Self {
        Self { rng, times: Vec::new(), away: BTreeSet::new(), bridge_keys: 0 }
    }

    /// Draws the next block. The first stands at the time of genesis and is empty.
    pub(crate) fn block(&mut self, machine: &Machine<'_>) -> Plan {
        let (world, seen) = (machine.world, &machine.snapshot);
        if self.times.is_empty() {
            self.times.push(machine.last.time.millis());
            return Plan { time: machine.last.time.millis(), ..Plan::default() };
        }
        let time = self.time(machine.last.time.millis(), seen);
        let steps = if self.rng.chance(4) { vec![self.step(world, seen, time)] } else { Vec::new() };
        let evidence = self.evidence(world).into_iter().collect();
        self.times.push(time);
        let missed = self.missed(world);
        let count = match self.rng.below(10) {
            0 => self.rng.below(4),
            _ => 30 + self.rng.below(60),
        };
        let today = day_at(seen, time);
        let mut draw = Draw { rng: &mut self.rng, world, seen, today, bridge_keys: &mut self.bridge_keys };
        let mut ops: Vec<Op> = (0..count).map(|_| draw.op()).collect();
        if draw.rng.chance(1) {
            ops.extend(draw.burst());
        }
        Plan { time, steps, missed, evidence, ops, restart: self.rng.chance(2) }
    }

    fn time(&mut self, now: u64, seen: &Snapshot) -> u64 {
        let day = seen.app.epoch_ms.get();
        let midnight = (now / day + 1) * day;
        let unsettled = seen.credits().open_day.unsettled();
        let grace = unsettled.map(|closed| closed.closed_at.millis() + seen.app.credits.params.grace_ms);
        // The last moment at which vouchers of the closed day come in, and the one after it.
        let mark = grace.filter(|end| *end > now).unwrap_or(midnight);
        match self.rng.below(40) {
            0..=2 => mark,
            3 | 4 => mark + 1,
            5..=7 => midnight,
            8 => (midnight - 1).max(now),
            9 => now + 3 * day,
            10 => now + day * (1 + self.rng.below(4)) + self.rng.below(day),
            11..=15 => now,
            16..=19 => now + 1,
            20 => now + self.rng.below(day),
            _ => now + 1 + self.rng.below(day / 30),
        }
    }

    /// Some validators fall asleep for a while; others miss a block now and then.
    fn missed(&mut self, world: &World) -> Vec<usize> {
        let number = self.rng.place(world.validators.len());
        if self.rng.chance(3) {
            self.away.insert(number);
        } else if self.rng.chance(25) {
            self.away.remove(&number);
        }
        let mut missed: Vec<usize> = self.away.iter().copied().collect();
        if self.rng.chance(10) && !missed.contains(&number) {
            missed.push(number);
        }
        missed
    }

    fn evidence(&mut self, world: &World) -> Option<Evidence> {
        if !self.rng.chance(2) {
            return None;
        }
        let last = self.times.len() as u64;
        let back = if self.rng.chance(75) { self.rng.below(5) } else { self.rng.below(last) };
        let height = (last - back.min(last - 1)).max(1);
        let time = self.times[height as usize - 1];
        // Beyond the last there are strangers.
        let who = self.rng.place(world.validators.len() + 1);
        Some(Evidence { who, height, time, light_client: self.rng.chance(20) })
    }

    fn step(&mut self, world: &World, seen: &Snapshot, time: u64) -> Step {
        let rng = &mut self.rng;
        let day = seen.app.epoch_ms.get();
        match rng.below(9) {
            0 | 1 => {
                let mut params = seen.app.staking.params;
                params.unbonding_ms = rng.pick(&[day / 2, day, 2 * day, 0]);
                params.max_validators = rng.pick(&[2, 3, 4, 5]);
                params.min_self_stake = Amount::new(ONE * u128::from(rng.pick(&[1_000_u64, 1_000, 500, 2_000])));
                params.min_stake = Amount::new(ONE / 100 * u128::from(rng.pick(&[100_u64, 100, 1, 10_000, 10_001])));
                params.signed_window = rng.pick(&[10, 20, 50, params.signed_window]);
                params.equivocation_bps = rng.pick(&[500, 500, 1, 10_000]);
                Step::Staking(params)
            }
            2 | 3 => Step::Emissions(diem_emissions::Params { fee_bps: rng.pick(&[2_000, 0, 5_000, 5_001, 1]) }),
            4 | 5 => {
                let mut params = seen.app.credits.params.clone();
                params.grace_ms = rng.pick(&[day / 12, 0, day - 1, day]);
                params.cooldown_ms = rng.pick(&[day, day + 1, 2 * day, day - 1]);
                params.stakers_bps = rng.pick(&[0, 2_500, 10_000, 10_001]);
                params.min_bond = Amount::new(ONE * u128::from(rng.pick(&[10_u64, 20, 5])));
                Step::Credits(params)
            }
            6 | 7 => {
                let from = if rng.chance(70) { time + rng.below(4 * day) } else { rng.below(time) };
                Step::Schedule(Segment { from: Time(from), per_year: Amount::new(rng.below_wide(20_000_000 * ONE)) })
            }
            _ => {
                let place = rng.place(world.validators.len());
                // A small part, so that a history keeps its validators.
                Step::Forgery(world.validators[place].operator, rng.pick(&[1, 100, 5_000]))
            }
        }
    }
}

/// The day that is open in a block at `time`, unless governance changes the grace before it.
fn day_at(seen: &Snapshot, time: u64) -> u64 {
    let global = &seen.credits().open_day;
    let grace = seen.app.credits.params.grace_ms;
    let waits = global.unsettled().is_some_and(|closed| time <= closed.closed_at.millis() + grace);
    if waits { global.day } else { global.day.max(time / seen.app.epoch_ms.get()) }
}
