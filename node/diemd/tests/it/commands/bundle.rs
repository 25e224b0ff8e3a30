//! `diemd doctor --bundle`: what support needs to see, and no secret.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::doctor::ready;
use crate::support::{
    client::until,
    ports::Ports,
    process::{run, words},
    single::{Single, comet_home, instant_home},
};

/// Writes a bundle of a home, and checks that it has none of its keys nor these words; returns its bytes.
fn bundle(home: &Path, words_of_secrets: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bundle.tar");
    let line = ["doctor", "--home", home.to_str().unwrap(), "--bundle", file.to_str().unwrap()];
    run(&line);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let bundle = fs::read(&file).unwrap();
    let mut secrets: Vec<String> = words_of_secrets.iter().map(|word| (*word).to_owned()).collect();
    // Every string of some length in the files of keys.
    let own = ["cometbft/config/priv_validator_key.json", "cometbft/config/node_key.json", "bridge_key.json"];
    let mut files: Vec<PathBuf> = own.map(|path| home.join(path)).into();
    files.extend(fs::read_dir(home.join("keys")).unwrap().map(|entry| entry.unwrap().path()));
    for file in files.iter().filter(|file| file.exists()) {
        secrets.extend(long_strings(&fs::read_to_string(file).unwrap()));
    }
    assert!(secrets.len() > words_of_secrets.len(), "{secrets:?}");
    for secret in secrets {
        assert!(!holds(&bundle, &secret), "{secret}");
    }
    // A second one does not replace it.
    let again = run(&line);
    assert_eq!(again.status.code(), Some(1));
    assert!(words(&again).contains("cannot be written"), "{}", words(&again));
    bundle
}

fn holds(bundle: &[u8], text: &str) -> bool {
    memchr::memmem::find(bundle, text.as_bytes()).is_some()
}

/// Makes a key of an account in a home.
fn add_key(home: &Path) {
    let made = run(&["keys", "add", "k", "--home", home.to_str().unwrap(), "--plain-for", "diem-dev-1"]);
    assert!(made.status.success(), "{}", words(&made));
}

const ENDPOINT: &str = "http://user:word-of-a-user@127.0.0.1:8545/v2/word-in-a-path?key=word-in-a-query";
const WORDS: [&str; 4] = ["word-of-a-user", "word-in-a-path", "word-in-a-query", "SEKRET"];

#[test]
fn a_bundle_holds_no_secret() {
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let (home, _) = comet_home(folder.path(), &ports, ["--preset", "dev"]);
    add_key(&home);
    let config = fs::read_to_string(home.join("config.toml")).unwrap();
    let text = config.replace("base_rpc = \"\"", &format!("base_rpc = \"{ENDPOINT}\""));
    fs::write(home.join("config.toml"), &text).unwrap();
    // One setting is misspelt, and one is not for operators.
    let more = "\n[comet.raw.tx_index]\npsql-conn = \"SEKRET123\"\n";
    fs::write(home.join("config.toml"), format!("base_rcp = \"SEKRETkey\"\n{text}{more}")).unwrap();
    let said = bundle(&home, &WORDS);
    for part in ["base_rcp = \"(hidden)\"", "psql-conn = \"(hidden)\"", "unknown key"] {
        assert!(holds(&said, part), "{part}");
    }

    fs::write(home.join("config.toml"), &text).unwrap();
    let said = bundle(&home, &WORDS);
    for part in ["findings.json", "config.toml", "priv_validator_key.json", "no node runs in this home"] {
        assert!(holds(&said, part), "{part}");
    }
    assert!(holds(&said, "log.file is not set"));

    let text = text.replace("\nfile = \"\"", "\nfile = \"kept.log\"");
    fs::write(home.join("config.toml"), &text).unwrap();
    let lines = format!("the first line\n{{\"endpoint\":\"{ENDPOINT}\"}}\nBase at {ENDPOINT} is silent\n");
    let lines = lines
        + "Authorization: Bearer SEKRET1 was refused\nrpc.example?key=SEKRET2 is slow\ntoken=SEKRET3 password=SEKRET4 end\n";
    fs::write(home.join("kept.log"), lines).unwrap();
    let said = bundle(&home, &WORDS);
    assert!(holds(&said, "the first line") && holds(&said, "Base at http://127.0.0.1:8545/... is silent"));
    assert!(holds(&said, "rpc.example?key=(hidden) is slow") && holds(&said, "password=(hidden) end"));

    // No log is a file with a key, whatever its name.
    let set = run(&["config", "set", "log.file", "bridge_key.json", "--home", home.to_str().unwrap()]);
    assert!(set.status.code() == Some(2) && words(&set).contains("is for keys or data"), "{}", words(&set));
    std::os::unix::fs::symlink("bridge_key.json", home.join("kept.log.1")).unwrap();
    fs::hard_link(home.join("bridge_key.json"), home.join("linked.log")).unwrap();
    bundle(&home, &WORDS);
    for (name, shown) in [("linked.log", "linked.log cannot be read: it holds a key"), ("bridge_key.json", "log.txt")] {
        fs::write(home.join("config.toml"), text.replace("kept.log", name)).unwrap();
        assert!(holds(&bundle(&home, &WORDS), shown), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_has_the_chain_and_what_the_node_says_and_logs() {
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let home = instant_home(folder.path(), &ports);
    add_key(&home);
    let set = run(&["config", "set", "log.file", "kept.log", "--home", home.to_str().unwrap()]);
    assert!(set.status.success(), "{}", words(&set));
    let _node = Single::start(&home, &[]);
    ready(&home, &[]).await;
    until("a line of the log", async || fs::metadata(home.join("kept.log")).ok().filter(|file| file.len() > 0)).await;
    let said = bundle(&home, &[]);
    let genesis = diem_genesis::load(&home.join("genesis.json"), None).unwrap();
    let first = fs::read_to_string(home.join("kept.log")).unwrap();
    for part in [
        &*format!("\"chain_id\": \"{}\"", genesis.chain_id),
        &hex::encode(genesis.hash()),
        "\"ready\": true",
        "\"uptime_seconds\"",
        first.lines().next().unwrap(),
    ] {
        assert!(holds(&said, part), "{part}");
    }
}

/// The strings of a JSON text that are long enough to be secret.
fn long_strings(text: &str) -> Vec<String> {
    fn collect(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::String(text) if text.len() >= 24 => found.push(text.clone()),
            Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
            Value::Object(fields) => fields.values().for_each(|field| collect(field, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    collect(&serde_json::from_str(text).unwrap(), &mut found);
    found
}
