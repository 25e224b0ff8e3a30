//! The shortest history found that still breaks the same rule.

use diem_runtime::hooks::Hooks;

use super::{
    machine::{Machine, Violation},
    plan::Plan,
    world::World,
};

/// The number of shorter histories that are tried.
const TRIES: usize = 3_000;

/// A history and what it ends in.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// The last block breaks the rule.
    pub(crate) plans: Vec<Plan>,
    pub(crate) violation: Violation,
}

/// Plays a history; says what it breaks, and in which block.
pub(crate) fn play(world: &World, hooks: &Hooks, plans: &[Plan]) -> Option<(usize, Violation)> {
    let mut machine = Machine::new(world, hooks.clone());
    plans.iter().enumerate().find_map(|(number, plan)| Some((number, machine.play(plan).err()?)))
}

struct Shrinker<'a> {
    world: &'a World,
    hooks: &'a Hooks,
    best: Found,
    tries: usize,
}

/// Leaves out blocks and parts of blocks, in ever smaller pieces, as long as the same rule is broken.
pub(crate) fn shrink(world: &World, hooks: &Hooks, found: Found) -> Found {
    let mut shrinker = Shrinker { world, hooks, best: found, tries: 0 };
    loop {
        let before = size(&shrinker.best.plans);
        // Parts first: empty blocks are played fast.
        shrinker.pass(|plans| plans.iter().map(Plan::parts).sum(), without_parts);
        shrinker.pass(Vec::len, without_blocks);
        if size(&shrinker.best.plans) == before || shrinker.tries >= TRIES {
            return shrinker.best;
        }
    }
}

fn size(plans: &[Plan]) -> (usize, usize) {
    (plans.len(), plans.iter().map(Plan::parts).sum())
}

impl Shrinker<'_> {
    fn pass(&mut self, count: fn(&Vec<Plan>) -> usize, without: fn(&[Plan], usize, usize) -> Vec<Plan>) {
        let mut size = count(&self.best.plans).div_ceil(2);
        while size > 0 {
            let mut place = 0;
            while place < count(&self.best.plans) && self.tries < TRIES {
                let shorter = without(&self.best.plans, place, size);
                if !self.breaks(shorter) {
                    place += size;
                }
            }
            size /= 2;
        }
    }

    /// Takes a shorter history if it breaks the rule.
    fn breaks(&mut self, mut plans: Vec<Plan>) -> bool {
        self.tries += 1;
        match play(self.world, self.hooks, &plans) {
            Some((last, violation)) if violation.rule == self.best.violation.rule => {
                plans.truncate(last + 1);
                self.best = Found { plans, violation };
                true
            }
            _ => false,
        }
    }
}

fn without_blocks(plans: &[Plan], place: usize, size: usize) -> Vec<Plan> {
    let stays = |number: &usize| !(place..place + size).contains(number);
    plans.iter().enumerate().filter(|(number, _)| stays(number)).map(|(_, plan)| plan.clone()).collect()
}

fn without_parts(plans: &[Plan], place: usize, size: usize) -> Vec<Plan> {
    let mut number = 0;
    let mut stays = || {
        number += 1;
        !(place + 1..=place + size).contains(&number)
    };
    let mut plans = plans.to_vec();
    plans.iter_mut().for_each(|plan| plan.keep(&mut stays));
    plans
}

impl Found {
    /// The number of operations of a history.
    pub(crate) fn operations(&self) -> usize {
        self.plans.iter().map(Plan::operations).sum()
    }

    /// The history in words.
    pub(crate) fn text(&self, world: &World) -> String {
        let first = world.doc.initial_height;
        let blocks = (first..).zip(&self.plans).map(|(height, plan)| plan.text(world, height));
        let blocks = blocks.collect::<Vec<_>>().join("\n");
        let Violation { rule, text } = &self.violation;
        format!("{blocks}\nbreaks \"{rule}\":\n  {}", world.readable(text))
    }
}
