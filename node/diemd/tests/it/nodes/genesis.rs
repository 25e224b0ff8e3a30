//! `diemd genesis`: what it shows of a genesis, and what it judges of one.

use std::fs;

use crate::support::process::{run, words};

#[test]
fn a_genesis_is_shown_hashed_and_judged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("genesis.toml");
    let text = diem_genesis::presets::LOCALNET.replace("\"now\"", "\"2026-11-20T12:00:00Z\"");
    fs::write(&path, &text).unwrap();
    let path = path.to_str().unwrap();
    let out = |args: &[&str]| {
        let output = run(args);
        assert!(output.status.success(), "{}", words(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let shown = out(&["genesis", "show", path]);
    assert!(shown.contains("diem1wkneq2gee5cttejgalaq7lmad3van7e0mfzpu3") && shown.contains("1000000"), "{shown}");
    let hash = out(&["genesis", "hash", path]);
    let json = folder.path().join("genesis.json");
    fs::write(&json, out(&["genesis", "show", path, "--output", "json"])).unwrap();
    assert_eq!(out(&["genesis", "hash", json.to_str().unwrap()]), hash);
    assert_eq!(hex::encode(diem_genesis::load(&json, None).unwrap().hash()), hash.trim());
    assert!(out(&["genesis", "validate", path]).contains("can start"));
    let now = ["genesis", "hash", "localnet", "--now", "2026-11-20T12:00:00Z"];
    assert_eq!(out(&now), hash);

    let refused = |text: String| {
        fs::write(path, text).unwrap();
        let output = run(&["genesis", "validate", path]);
        assert_eq!(output.status.code(), Some(2));
        words(&output)
    };
    let zero = "0x0000000000000000000000000000000000000000";
    let said = refused(text.replacen("diem1wkneq2gee5cttejgalaq7lmad3van7e0mfzpu3", zero, 1));
    assert!(said.contains("genesis, section `bank`"), "{said}");
    assert!(refused(text.replace("power", "pwoer")).contains("did you mean `power`?"));
    let without = run(&["genesis", "hash", "dev"]);
    assert!(words(&without).contains("write a time such as"), "{}", words(&without));
}
