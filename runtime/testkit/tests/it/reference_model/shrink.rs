//! The shortest history found that still shows a difference.

use serde_json::Value;

use super::{
    Difference, compare,
    play::{Plan, Play},
    scene::Scene,
};

/// The number of shorter histories that are tried.
const TRIES: usize = 150;

/// A history as text, after leaving out what the difference does not need.
pub(crate) fn report(scene: &Scene, plans: &[Plan], difference: &Difference) -> String {
    let mut shortest = plans[..=difference.block].to_vec();
    let mut found = difference.text.clone();
    let (mut tries, mut size) = (0, shortest.len().div_ceil(2));
    while size > 0 && tries < TRIES {
        let mut place = 0;
        while place < parts(&shortest).max(1) && tries < TRIES {
            tries += 1;
            let shorter = without(&shortest, place, size);
            match differs(scene, &shorter) {
                Some(other) => {
                    shortest = shorter[..=other.block].to_vec();
                    found = other.text;
                }
                None => place += size,
            }
        }
        size /= 2;
    }
    let mut play = Play::new(scene);
    shortest.iter().for_each(|plan| play.block(plan));
    let has = |block: &Value, what: &str| block[what].as_array().is_some_and(|list| !list.is_empty());
    let blocks = play.blocks.iter().filter(|block| has(block, "calls") || has(block, "evidence"));
    let lines = blocks.map(Value::to_string).collect::<Vec<_>>().join("\n");
    format!(
        "the shortest of {tries} tries, {} blocks, of which the empty ones are left out:\n{lines}\n{found}",
        shortest.len()
    )
}

/// What can be left out: evidence and calls. Blocks stay, since their times open and close days.
fn parts(plans: &[Plan]) -> usize {
    plans.iter().map(|plan| plan.evidence.len() + plan.calls.len()).sum()
}

fn without(plans: &[Plan], place: usize, size: usize) -> Vec<Plan> {
    let mut number = 0;
    let mut stays = || {
        number += 1;
        !(place + 1..=place + size).contains(&number)
    };
    let mut plans = plans.to_vec();
    for plan in &mut plans {
        plan.evidence.retain(|_| stays());
        plan.calls.retain(|_| stays());
    }
    plans
}

fn differs(scene: &Scene, plans: &[Plan]) -> Option<Difference> {
    let mut play = Play::new(scene);
    plans.iter().for_each(|plan| play.block(plan));
    compare(scene, &play)
}
