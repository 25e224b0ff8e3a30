//! Broken set-ups: each is named, alone and beside another one, and a good one has nothing.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command, time::Duration};

use diem_api::{Hash, Status};
use diem_types::APP_VERSION;

use super::{Trial, only, well};
use crate::support::{
    files::copy,
    ports::Ports,
    process::{run, words},
    single::comet_home,
    stand_in::{node_that_says, status_of},
};

/// Has the node listen on all addresses of the machine.
fn open_to_all(trial: &Trial, key: &str) {
    let all = trial.setting(key).replace("127.0.0.1", "0.0.0.0");
    trial.set(key, &all);
}

/// The distances, in the list, between the two set-ups of a pair: neighbours, and those that have nothing to do with each other.
const APART: [usize; 2] = [1, 5];

/// The checks that are made by settings, and so cannot be where the file of settings cannot be read.
const BY_SETTINGS: [&str; 8] =
    ["memory", "ports", "open_to_the_world", "cometbft", "peers", "external_address", "signer", "log"];

/// Whether a set-up cannot be seen beside one with this name.
fn is_hidden(name: &str, beside: &str) -> bool {
    beside == "configuration" && BY_SETTINGS.contains(&name)
}

type Break = (&'static str, i32, fn(&mut Trial));

/// The broken set-ups: what is found, the exit code, and how it is broken. Neighbours do not hide each other.
const BREAKS: [Break; 39] = [
    // It starts a node, which nothing else may hinder.
    ("state", 1, |trial| {
        let home = trial.home.to_str().unwrap();
        let line = ["start", "--engine", "instant", "--block-time", "100ms", "--halt-at", "2", "--home", home];
        let ran = run(&line);
        assert_eq!(ran.status.code(), Some(6), "{}", words(&ran));
        fs::create_dir(trial.comet("data/state.db")).unwrap();
    }),
    ("memory", 1, |trial| trial.set("store.cache_mib", "1048576")),
    ("open_files", 1, |trial| trial.before.push("ulimit -n 512")),
    ("ports", 1, |trial| trial.occupy("api.listen")),
    ("open_to_the_world", 0, |trial| open_to_all(trial, "metrics.listen")),
    ("cometbft", 1, |trial| trial.set("comet.binary", "/bin/true")),
    ("peers", 1, |trial| {
        trial.set("comet.peers", "0123456789abcdef0123456789abcdef01234567@127.0.0.1:9");
    }),
    ("external_address", 0, |trial| {
        let p2p = trial.setting("comet.p2p").replace("127.0.0.1", "0.0.0.0");
        trial.set("comet.p2p", &p2p);
        trial.set("comet.local", "false");
    }),
    ("key_mode", 0, |trial| {
        let file = trial.comet("config/priv_validator_key.json");
        fs::set_permissions(file, fs::Permissions::from_mode(0o644)).unwrap();
    }),
    ("open_to_the_world", 0, |trial| open_to_all(trial, "api.listen")),
    ("genesis", 1, |trial| {
        let mut other = status_of(&trial.home);
        other.genesis_hash = Hash([7; 32]);
        trial.urls.push(node_that_says(&other, Duration::ZERO));
    }),
    ("signing_state", 1, |trial| fs::remove_file(trial.comet("data/priv_validator_state.json")).unwrap()),
    ("version", 1, |trial| {
        let later = Status { app_version: APP_VERSION + 1, ..status_of(&trial.home) };
        trial.urls.push(node_that_says(&later, Duration::ZERO));
    }),
    ("external_address", 1, |trial| trial.set("comet.external_address", "no-such-host.invalid:26656")),
    ("open_to_the_world", 0, |trial| open_to_all(trial, "comet.rpc")),
    // The keys of this chain are known to everybody.
    ("key_in_two_homes", 0, |trial| copy(&trial.home, &trial.home.with_file_name("moved"))),
    ("nodes", 0, |trial| trial.urls.push("http://127.0.0.1:9".into())),
    ("key", 1, |trial| fs::remove_file(trial.comet("config/priv_validator_key.json")).unwrap()),
    ("cometbft", 1, |trial| {
        let other = trial.home.with_file_name("cometbft-0.37.2");
        fs::write(&other, "#!/bin/sh\necho 0.37.2\n").unwrap();
        fs::set_permissions(&other, fs::Permissions::from_mode(0o755)).unwrap();
        trial.set("comet.binary", other.to_str().unwrap());
    }),
    ("archive", 1, |trial| fs::create_dir(trial.home.join("restore")).unwrap()),
    ("signing_state", 1, |trial| fs::write(trial.comet("data/priv_validator_state.json"), "{}").unwrap()),
    ("clock", 1, |trial| {
        trial.urls.push(node_that_says(&status_of(&trial.home), Duration::from_secs(120)));
    }),
    ("nodes", 0, |trial| {
        trial.before.push("export SSL_CERT_FILE=/nowhere/at/all SSL_CERT_DIR=/nowhere/either");
        trial.urls.push("https://node.example".into());
    }),
    ("key", 1, |trial| fs::write(trial.comet("config/priv_validator_key.json"), "{}").unwrap()),
    ("ports", 1, |trial| trial.occupy("comet.p2p")),
    ("state", 1, |trial| {
        let old = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/homes/v4.tar.gz");
        let unpacked = trial.home.with_file_name("old");
        fs::create_dir(&unpacked).unwrap();
        let done = Command::new("tar").arg("-xzf").arg(old).arg("-C").arg(&unpacked).status().unwrap();
        assert!(done.success());
        let _ = fs::remove_dir_all(trial.home.join("data"));
        fs::rename(unpacked.join("home/data"), trial.home.join("data")).unwrap();
        fs::remove_dir_all(unpacked).unwrap();
    }),
    ("signer", 1, |trial| {
        trial.set("comet.signer", &format!("tcp://{}", trial.spare()));
    }),
    ("home_mode", 0, |trial| {
        fs::set_permissions(trial.home.join("data"), fs::Permissions::from_mode(0o770)).unwrap();
    }),
    ("log", 0, |trial| trial.set("log.file", "missing/node.log")),
    ("key", 1, |trial| fs::write(trial.home.join("bridge_key.json"), "{").unwrap()),
    ("open_to_the_world", 0, |trial| {
        trial.set("comet.abci", &format!("0.0.0.0:{}", trial.spare().port()));
    }),
    ("key", 1, |trial| fs::write(trial.comet("config/node_key.json"), "{").unwrap()),
    ("ports", 1, |trial| {
        trial.set("comet.abci", &trial.spare().to_string());
        trial.occupy("comet.abci");
    }),
    ("genesis", 1, |trial| fs::remove_file(trial.home.join("genesis.json")).unwrap()),
    ("home", 1, |trial| {
        let _ = fs::remove_dir_all(trial.home.join("data"));
        fs::write(trial.home.join("data"), "").unwrap();
    }),
    ("genesis", 1, |trial| fs::write(trial.home.join("genesis.json"), "{").unwrap()),
    ("configuration", 1, |trial| {
        let file = trial.home.join("config.toml");
        let text = fs::read_to_string(&file).unwrap().replace("\nfile = \"\"", "\nfile = \"bridge_key.json\"");
        fs::write(file, text).unwrap();
    }),
    ("home_mode", 0, |trial| {
        fs::set_permissions(trial.home.join("cometbft"), fs::Permissions::from_mode(0o770)).unwrap();
    }),
    ("configuration", 1, |trial| {
        let file = trial.home.join("config.toml");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(file, format!("momiker = \"x\"\n{text}")).unwrap();
    }),
];

#[test]
fn each_broken_set_up_is_named_alone_and_beside_another_and_a_good_one_has_nothing() {
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let (good, _) = comet_home(folder.path(), &ports, ["--preset", "dev"]);
    let mut trial = Trial::of(&good);
    trial.urls.push(node_that_says(&status_of(&good), Duration::ZERO));
    fs::remove_dir_all(trial.home.join("run")).unwrap();
    assert_eq!(trial.examined(), well());
    assert!(!trial.home.join("run").exists(), "nothing is made in the home");
    let screen = run(&["doctor", "--home", good.to_str().unwrap()]);
    assert_eq!(String::from_utf8_lossy(&screen.stdout), "nothing was found that is not well\n");

    for (name, code, hurt) in BREAKS {
        let mut trial = Trial::of(&good);
        hurt(&mut trial);
        assert_eq!(trial.examined(), only(name, code), "{name}");
    }
    for apart in APART {
        for first in 0..BREAKS.len() - apart {
            let pair = [BREAKS[first], BREAKS[first + apart]];
            let [(one, one_code, _), (other, other_code, _)] = pair;
            let mut trial = Trial::of(&good);
            pair.iter().for_each(|(_, _, hurt)| hurt(&mut trial));
            let names = [one, other].into_iter().filter(|name| !is_hidden(name, other)).map(str::to_owned).collect();
            let code = if is_hidden(one, other) { other_code } else { one_code.max(other_code) };
            assert_eq!(trial.examined(), (names, Some(code)), "{one} and {other}, number {first} and {apart} after it");
        }
    }
}
