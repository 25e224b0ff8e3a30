//! Every input in `corpus/` goes through its target, and through every target: what broke one decoder may break
//! another.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "a test")]

mod seeds;

use std::{fs, path::PathBuf};

use diem_fuzz::{
    TARGETS,
    plan::{Plan, Step, steps},
};

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
    for target in ["transaction", "init_chain", "query", "proof", "events"] {
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

/// The stages read the same kind of input.
fn is_stage(target: &str) -> bool {
    ["check_tx", "prepare_proposal", "process_proposal", "finalize_block"].contains(&target)
}

#[test]
fn a_step_is_read_as_it_was_written() {
    let plan = Plan { sender: 3, nonce: -2, calls: 9, to: 1, amount: 255, payer: 4, oddity: 20 };
    let written = [
        Step::Signed(plan),
        Step::Spoilt(plan, 513, 0x80),
        Step::Cut(plan, 77),
        Step::Raw(b"anything".to_vec()),
        Step::Again(2),
        Step::Block,
    ];
    let mut bytes = Vec::new();
    written.iter().for_each(|step| step.write(&mut bytes));
    assert_eq!(steps(&bytes), written);
}

/// The seeds are what a valid input looks like. Without them a fuzzer would need days to find the first transaction.
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
