//! Random histories of both sides.
//!
//! `DIEM_BRIDGE_MODEL_CHECKPOINTS` says how many blocks of Base are completed in all, `DIEM_BRIDGE_MODEL_FIRST_SEED` with
//! which seed the histories begin. What a history breaks is reported with the shortest one that breaks it too.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use crate::play::{Found, History, Tally, shrink};

const CHECKPOINTS: u64 = 1_500;
/// The steps of a history.
const STEPS: usize = 600;
/// So many checkpoints see everything that can happen.
const ENOUGH: u64 = 20_000;

fn variable(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

/// Tells the seed of a history in which the model itself panics.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {} panics", self.0);
        }
    }
}

/// Lives histories from this seed on, on all processors, until so many blocks of Base were completed.
fn live_all(first: u64, checkpoints: u64) -> Tally {
    let (next, completed) = (AtomicU64::new(first), AtomicU64::new(0));
    let work = || {
        let mut tally = Tally::default();
        while completed.load(SeqCst) < checkpoints {
            let seed = Seed(next.fetch_add(1, SeqCst));
            let history = History::of(seed.0, STEPS, None);
            match history.live() {
                Ok(lived) => {
                    completed.fetch_add(lived.completions, SeqCst);
                    tally.merge(&lived);
                }
                Err(found) => panic!("{}", report(&history, seed.0, found)),
            }
        }
        tally
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut all = Tally::default();
        for worker in workers {
            match worker.join() {
                Ok(tally) => all.merge(&tally),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    })
}

/// What was found, the shortest history that shows it, and how to see it again.
fn report(history: &History, seed: u64, found: Found) -> String {
    let (length, violation) = (found.steps.len(), found.violation.clone());
    let shortest = shrink(history.shape, found);
    let steps: String = shortest.steps.iter().map(|step| format!("  {step:?}\n")).collect();
    format!(
        "seed {seed}, step {length} breaks \"{}\":\n  {}\n\n{:?}, the shortest history found:\n{steps}{}\n\nagain: \
         DIEM_BRIDGE_MODEL_FIRST_SEED={seed} DIEM_BRIDGE_MODEL_CHECKPOINTS=1 cargo test -p diem-bridge-model-test \
         --test it histories::",
        violation.rule, violation.text, history.shape, shortest.violation.text,
    )
}

/// What cannot be refused: time, and blocks.
const NEVER_REFUSED: [&str; 9] = [
    "time",
    "block",
    "block with a lie",
    "Base halts",
    "Base goes on",
    "order",
    "rotate",
    "stake",
    "change parameters",
];

fn assert_exercised(tally: &Tally) {
    let idle =
        |(name, [done, refused]): &(&&str, &[u64; 2])| *done == 0 || (*refused == 0 && !NEVER_REFUSED.contains(name));
    // What was taken once is never taken again.
    let again = tally.steps.get("send a call again");
    assert!(again.is_some_and(|[done, refused]| *done == 0 && *refused > 0), "{again:?}");
    let others = tally.steps.iter().filter(|(name, _)| **name != "send a call again");
    let idle: Vec<_> = others.filter(idle).collect();
    assert!(idle.is_empty(), "never done, or never refused: {idle:?}");
    assert_eq!(tally.steps.len(), 41, "kinds of steps: {:?}", tally.steps.keys());
    assert_eq!(tally.told.len(), 21, "kinds of what the chain tells: {:?}", tally.told.keys());
}

#[test]
fn random_histories_of_both_sides_keep_every_rule() {
    let first = variable("DIEM_BRIDGE_MODEL_FIRST_SEED", 1);
    let checkpoints = variable("DIEM_BRIDGE_MODEL_CHECKPOINTS", CHECKPOINTS);
    let all = live_all(first, checkpoints);
    for (name, [done, refused]) in &all.steps {
        eprintln!("{done:>9} {refused:>9}  {name}");
    }
    for ((name, error), count) in &all.errors {
        eprintln!("{count:>19}  {name}: {error}");
    }
    for (name, count) in &all.told {
        eprintln!("{count:>19}  the chain tells: {name}");
    }
    eprintln!("{} checkpoints were completed, with both equalities", all.completions);
    assert!(all.completions >= checkpoints);
    // Few histories do not meet everything.
    if checkpoints >= ENOUGH {
        assert_exercised(&all);
    }
}
