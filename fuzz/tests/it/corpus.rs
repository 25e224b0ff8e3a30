//! Every input in `corpus/` goes through its target, and through every other target: an input that broke one decoder
//! may break another.

use std::{collections::BTreeSet, fs, path::PathBuf};

use diem_core::typed_data;
use diem_fuzz::{
    TARGETS,
    plan::{Plan, Step, steps},
    results,
};
use diem_types::Signed;

use crate::seeds;

fn corpus(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target)
}

/// The inputs of a corpus in the order of their names.
fn inputs(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let mut paths: Vec<PathBuf> = fs::read_dir(corpus(target)).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// Replays the corpora of the targets that `of` picks through `target`.
fn replay(target: &str, of: impl Fn(&str) -> bool) {
    let (_, run) = TARGETS.iter().find(|(name, _)| *name == target).unwrap();
    for (path, input) in TARGETS.iter().filter(|(name, _)| of(name)).flat_map(|(name, _)| inputs(name)) {
        let ended = std::panic::catch_unwind(|| run(&input));
        assert!(ended.is_ok(), "{} breaks the target {target}", path.display());
    }
}

#[test]
fn every_target_has_a_corpus_and_a_binary_and_nothing_else_is_there() {
    let mut folders: Vec<String> =
        fs::read_dir(corpus("")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    folders.sort();
    let mut names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    assert_eq!(folders, names);
    let binaries = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz_targets");
    assert_eq!(fs::read_dir(&binaries).unwrap().count(), names.len());
    for name in names {
        assert!(inputs(name).len() >= 5, "{name}");
        assert!(binaries.join(name).with_extension("rs").exists(), "{name}");
    }
}

#[test]
fn the_decoders_take_every_input_of_every_corpus() {
    let decoders = [
        "transaction",
        "init_chain",
        "query",
        "proof",
        "events",
        "vouchers",
        "bridge_votes",
        "base_header",
        "base_proof",
        "state_snapshot",
    ];
    for target in decoders {
        replay(target, |_| true);
    }
}

#[test]
fn check_tx_takes_its_corpus() {
    replay("check_tx", is_stage);
}

#[test]
fn prepare_proposal_takes_its_corpus() {
    replay("prepare_proposal", is_stage);
}

#[test]
fn process_proposal_takes_its_corpus() {
    replay("process_proposal", is_stage);
}

#[test]
fn finalize_block_takes_its_corpus() {
    replay("finalize_block", is_stage);
}

/// Whether the target is a stage: the stages read the same kind of input.
fn is_stage(target: &str) -> bool {
    ["check_tx", "prepare_proposal", "process_proposal", "finalize_block"].contains(&target)
}

#[test]
fn a_step_is_read_as_it_was_written() {
    let plan = Plan { sender: 3, nonce: -2, calls: 9, to: 1, amount: 255, payer: 4, oddity: 20, detail: 77 };
    let written = [
        Step::Signed(plan),
        Step::Spoilt(plan, 513, 0x80),
        Step::Cut(plan, 77),
        Step::Raw(b"anything".to_vec()),
        Step::Again(2),
        Step::Block,
        Step::Later(0xc7),
        Step::Signed(plan),
    ];
    let mut bytes = Vec::new();
    written.iter().for_each(|step| step.write(&mut bytes));
    assert_eq!(steps(&bytes), written);
}

/// Without such seeds the fuzzer would have to find by itself what makes a call of each module succeed.
#[test]
fn every_call_works_in_some_seed() {
    let mut all = BTreeSet::new();
    let mut worked = BTreeSet::new();
    let mut refused = Vec::new();
    for (_, path, input) in seeds::all().into_iter().filter(|(target, ..)| *target == "finalize_block") {
        for (tx, result) in results(&input) {
            let Ok(signed) = Signed::decode(&tx) else { continue };
            let kinds = signed.tx.calls.iter().map(|call| typed_data::kind(&diem_core::encode(call)));
            let kinds: Vec<u16> = kinds.collect();
            all.extend(kinds.clone());
            if result.code == 0 {
                worked.extend(kinds);
            } else if ["life", "offices", "punished", "collected"].contains(&&path[..]) {
                refused.push(format!("{path}: {:04x?}: {}", kinds, result.log));
            }
        }
    }
    assert_eq!(refused, Vec::<String>::new());
    assert_eq!(all.len(), 36, "there are so many calls");
    assert_eq!(worked, all);
}

/// The seeds are examples of valid input. Without them a fuzzer would need days to find the first transaction.
#[test]
#[ignore = "writes into the checkout: run it after the format of a transaction changed"]
fn write_seeds() {
    for (target, name, bytes) in seeds::all() {
        fs::create_dir_all(corpus(target)).unwrap();
        fs::write(corpus(target).join(format!("seed-{name}")), bytes).unwrap();
    }
}

#[test]
fn the_seeds_are_up_to_date() {
    for (target, name, bytes) in seeds::all() {
        let path = corpus(target).join(format!("seed-{name}"));
        let found = fs::read(&path).unwrap_or_default();
        assert!(
            found == bytes,
            "{} is not what this code makes: cargo test -p diem-fuzz -- --ignored write_seeds",
            path.display()
        );
    }
}

/// A generator of pseudo-random numbers with a fixed seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit.max(1)
    }

    fn byte(&mut self) -> u8 {
        // The value is one that matters in many formats, or any other.
        [0, 1, 0x7f, 0x80, 0xff, u8::try_from(self.below(256)).unwrap()][self.below(6)]
    }

    /// Makes a few changes to `input`, some of them taken from `other`.
    fn spoil(&mut self, mut input: Vec<u8>, other: &[u8]) -> Vec<u8> {
        for _ in 0..=self.below(6) {
            let at = self.below(input.len());
            match self.below(5) {
                0 if at < input.len() => input[at] = self.byte(),
                1 => input.insert(at, self.byte()),
                2 if at < input.len() => {
                    input.remove(at);
                }
                3 => input.truncate(at),
                _ => {
                    let from = self.below(other.len());
                    let part = &other[from..(from + self.below(64)).min(other.len())];
                    input.splice(at..at, part.iter().copied());
                }
            }
        }
        input
    }
}

/// This is a little of what a fuzzer does, on every machine: `DIEM_FUZZ_ROUNDS` sets the number of inputs for each
/// target, and `DIEM_FUZZ_SEED` selects them.
#[test]
fn spoilt_seeds_are_taken_too() {
    let number = |name, default| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let rounds = number("DIEM_FUZZ_ROUNDS", 60);
    let mut dice = Dice(number("DIEM_FUZZ_SEED", 1));
    for (name, run) in TARGETS {
        let inputs: Vec<Vec<u8>> = inputs(name).into_iter().map(|(_, input)| input).collect();
        for _ in 0..rounds {
            let (one, other) = (dice.below(inputs.len()), dice.below(inputs.len()));
            let input = dice.spoil(inputs[one].clone(), &inputs[other]);
            let ended = std::panic::catch_unwind(|| run(&input));
            assert!(ended.is_ok(), "this breaks the target {name}: {}", hex::encode(&input));
        }
    }
}
