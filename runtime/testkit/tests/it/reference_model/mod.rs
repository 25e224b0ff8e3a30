//! A model of the economy, written in Python from its rules alone, lives random histories beside the chain. After every
//! block both must say the same of everything: each result, each balance, share, reward, credit and day.
//!
//! `DIEM_MODEL_SEEDS` says how many histories there are, `DIEM_MODEL_FIRST_SEED` with which seed they begin. A
//! difference is reported with the shortest history found that shows one.

mod draw;
mod generate;
mod observe;
mod play;
mod scene;
mod shrink;
mod tally;
mod translate;

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use diem_testkit::Rng;
use serde_json::Value;

use self::{
    generate::Generator,
    observe::Numbers,
    play::{Plan, Play, ask_model, python},
    scene::Scene,
    tally::Tally,
};

/// Blocks of a history.
const BLOCKS: usize = 60;
/// Histories where no variable says how many.
const SEEDS: u64 = 32;

fn variable(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

/// The first thing that chain and model say differently.
#[derive(Debug)]
struct Difference {
    /// The number of the block, from 0.
    block: usize,
    /// The difference, in the words of both.
    text: String,
}

fn differences(chain: &Numbers, model: &Numbers) -> Vec<String> {
    let names: std::collections::BTreeSet<&String> = chain.keys().chain(model.keys()).collect();
    let of = |numbers: &Numbers, name: &String| numbers.get(name).cloned().unwrap_or_else(|| "0".into());
    let all = names.into_iter().filter(|name| chain.get(*name) != model.get(*name));
    all.map(|name| format!("  {name}: chain {}, model {}", of(chain, name), of(model, name))).collect()
}

/// Compares what was seen of the chain with what the model says.
fn compare(scene: &Scene, play: &Play<'_>) -> Option<Difference> {
    let model = ask_model(scene, &play.blocks);
    assert_eq!(model.len(), play.seen.len(), "the model answers for every block");
    for (block, ((results, state), (model_results, model_state))) in play.seen.iter().zip(&model).enumerate() {
        let mut found = Vec::new();
        let calls = play.blocks[block]["calls"].as_array().unwrap();
        for ((call, chain), model) in calls.iter().zip(array(results)).zip(array(model_results)) {
            if chain != model {
                found.push(format!("  result of {call}: chain {chain}, model {model}"));
            }
        }
        found.extend(differences(state, model_state));
        if !found.is_empty() {
            return Some(Difference { block, text: found.join("\n") });
        }
    }
    None
}

fn array(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

/// Plays the history of a seed; returns its plans beside.
fn play<'a>(scene: &'a Scene, rng: Rng) -> (Play<'a>, Vec<Plan>) {
    let (mut play, mut generator) = (Play::new(scene), Generator::new(scene, rng));
    let mut plans = vec![generator.first()];
    play.block(&plans[0]);
    for _ in 1..BLOCKS {
        let plan = generator.block(&play);
        play.block(&plan);
        plans.push(plan);
    }
    (play, plans)
}

#[test]
fn the_model_knows_the_known_answers() {
    python(&["-m", "unittest", "-q", "test_economy"], &[]);
}

/// The calls that a history can hold, by their names in the model.
const CALLS: [&str; 31] = [
    "transfer",
    "stake",
    "unstake",
    "cancel_unstake",
    "restake",
    "collect",
    "claim",
    "claim_and_stake",
    "edit_commission",
    "mint",
    "mint_exact",
    "burn",
    "stake_diem",
    "unstake_diem",
    "cancel_diem",
    "collect_tranche",
    "register",
    "set_payout",
    "add_bond",
    "deregister",
    "list",
    "delist",
    "allocate",
    "grant",
    "revoke",
    "settle",
    "spend",
    "gift",
    "offer",
    "withdraw_offer",
    "buy",
];

/// Lives the history of a seed on the chain and in the model.
///
/// # Panics
/// Chain and model differ.
fn live(seed: u64) -> Tally {
    let mut rng = Rng::new(seed);
    let scene = Scene::new(&mut rng);
    let (play, plans) = play(&scene, rng);
    let Some(difference) = compare(&scene, &play) else { return play.tally };
    let shortest = shrink::report(&scene, &plans, &difference);
    panic!(
        "seed {seed}: chain and model differ after block {}:\n{}\n\n{shortest}\n\nagain: DIEM_MODEL_FIRST_SEED={seed} \
         DIEM_MODEL_SEEDS=1 cargo test -p diem-testkit --test it reference_model::chain_and_model",
        difference.block + 1,
        difference.text,
    )
}

#[test]
fn chain_and_model_agree_on_random_histories() {
    let first = variable("DIEM_MODEL_FIRST_SEED", 1);
    let seeds = variable("DIEM_MODEL_SEEDS", SEEDS);
    let next = AtomicU64::new(first);
    let work = || {
        let mut tally = Tally::default();
        loop {
            let seed = next.fetch_add(1, SeqCst);
            if seed >= first + seeds {
                return tally;
            }
            tally.merge(&live(seed));
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let tally = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut all = Tally::default();
        for worker in workers {
            all.merge(&worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        all
    });
    eprintln!("{} calls in {seeds} histories:\n{}", tally.executed, tally.text());
    if seeds >= SEEDS {
        assert!(tally.executed as u64 >= 150 * seeds, "histories are too short");
        assert_eq!(tally.missing(&CALLS), Vec::<String>::new(), "never happened");
    }
}
