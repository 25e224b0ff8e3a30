//! Every variable that `make soak` sets is read by a test: one that nobody reads makes nothing large.

use std::{collections::BTreeSet, fs, path::Path};

fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).expect("a folder of this workspace") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !["target", ".git"].contains(&name.as_str()) {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let tests = path.to_string_lossy().contains("/tests/");
            found.extend(tests.then(|| (path.display().to_string(), fs::read_to_string(&path).expect("a source"))));
        }
    }
}

#[test]
fn every_long_proof_sets_variables_that_its_test_reads() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let script = fs::read_to_string(root.join("scripts/soak.sh")).expect("the script");
    let mut tests = Vec::new();
    sources(root, &mut tests);
    let mut seen = BTreeSet::new();
    for line in script.lines().filter(|line| line.contains("|--test ")) {
        let (head, rest) = line.split_once("|--test ").expect("found above");
        let mut selected = rest.split('|').next().unwrap_or_default().split_whitespace();
        let (test, filter) = (selected.next().expect("the name of a binary"), selected.next().expect("a test of it"));
        let (modules, name) = filter.rsplit_once("::").expect("modules and the start of a name");
        let place = format!("/tests/{test}/{}", modules.replace("::", "/"));
        let of_module = |path: &str| path.contains(&format!("{place}.rs")) || path.contains(&format!("{place}/"));
        let own = || tests.iter().filter(|(path, _)| of_module(path)).map(|(_, source)| source);
        assert!(own().any(|source| source.contains(&format!("fn {name}"))), "{line}: no such test");
        for variable in head.split_whitespace().skip(1) {
            let name = variable.split('=').next().unwrap_or_default();
            assert!(own().any(|source| source.contains(&format!("\"{name}\""))), "{filter} does not read {name}");
            seen.insert(name.to_owned());
        }
    }
    assert!(seen.len() > 5, "the proofs of the script were not found: {seen:?}");
}
