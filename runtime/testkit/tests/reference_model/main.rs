//! A model of the economy, written in Python from its rules alone, lives random histories beside the chain. After every
//! block both must say the same of everything: each result, each balance, share, reward, credit and day.
//!
//! `DIEM_SIM_SEEDS` gives the number of histories, `DIEM_SIM_FIRST_SEED` the first one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::print_stderr
)]

mod generate;
mod observe;
mod play;
mod rng;
mod scene;
mod shrink;
mod translate;

use serde_json::Value;

use crate::{
    generate::Generator,
    observe::Numbers,
    play::{Plan, Play, ask_model, python},
    rng::Rng,
    scene::Scene,
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
    /// In which block, from 0.
    block: usize,
    /// What, in the words of both.
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

#[test]
fn chain_and_model_agree_on_random_histories() {
    let first = variable("DIEM_SIM_FIRST_SEED", 1);
    let (mut executed, mut succeeded) = (0, 0);
    let seeds = variable("DIEM_SIM_SEEDS", SEEDS);
    for seed in first..first + seeds {
        let mut rng = Rng(seed);
        let scene = Scene::new(&mut rng);
        let (play, plans) = play(&scene, rng);
        if let Some(difference) = compare(&scene, &play) {
            let text = shrink::report(&scene, &plans, &difference);
            panic!(
                "seed {seed}: chain and model differ after block {}:\n{}\n{text}",
                difference.block + 1,
                difference.text
            );
        }
        executed += play.executed.0;
        succeeded += play.executed.1;
    }
    eprintln!("{seeds} histories, {executed} calls, {succeeded} of them successful");
    // Histories in which nothing happens would prove nothing.
    assert!(succeeded * 3 > executed && executed as u64 > 150 * seeds, "{succeeded} of {executed} calls");
}
