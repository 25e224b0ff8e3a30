//! The making of a home: bad input is refused before anything is written, and nothing of others is replaced.

use std::{fs, path::Path};

use diem_genesis::presets;
use diem_host::ports;

use crate::support::{
    client::reach,
    ports::Ports,
    process::{diemd, run, words},
    single::{Single, instant_home, own_chain},
};

/// Runs `init` for a home that must not be made; returns its error text, and checks the exit code of a wrong command
/// line.
fn refused(home: &Path, args: &[&str]) -> String {
    let output = run(&[&["init", "--home", home.to_str().unwrap()], args].concat());
    assert_eq!(output.status.code(), Some(2), "{args:?}: {}", words(&output));
    words(&output)
}

fn made(home: &Path, args: &[&str]) -> serde_json::Value {
    let output = run(&[&["init", "--home", home.to_str().unwrap(), "--output", "json"], args].concat());
    assert!(output.status.success(), "{args:?}: {}", words(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn keys_that_everybody_knows_make_no_chain_but_one_for_development() {
    let folder = tempfile::tempdir().unwrap();
    let (home, file) = (folder.path().join("home"), folder.path().join("chain.toml"));
    for preset in presets::NAMES {
        let said = refused(&home, &["--preset", preset, "--chain-id", "diem-1"]);
        assert!(said.contains("everybody knows the consensus key of development validator"), "{preset}: {said}");
        assert!(said.contains("a chain id with a part -dev, which `diem-1` has not"), "{preset}: {said}");
    }
    // An account whose secret is public is refused in every role, by either derivation.
    let own = own_chain("diem-1");
    let (ed25519, ethereum) =
        ("diem1wkneq2gee5cttejgalaq7lmad3van7e0mfzpu3", "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
    for known in [ed25519, ethereum] {
        let account = format!("{own}\n[[accounts]]\naddress = \"{known}\"\nbalances = [\"1VVV\"]\n");
        let authority = format!("{own}\n[credits]\nauthority = \"{known}\"\n");
        let stake = "[[stakes]]\nvalidator = \"founder\"\namount = \"1VVV\"\n";
        let stake = format!("{own}\n{stake}account = \"{known}\"\n");
        for (text, role) in
            [(account, "an account"), (authority, "the authority over providers"), (stake, "who stakes VVV")]
        {
            fs::write(&file, text).unwrap();
            let said = refused(&home, &["--genesis", file.to_str().unwrap()]);
            assert!(said.contains("of the phrase `test test ... junk`") && said.contains(role), "{said}");
        }
    }
    assert!(!home.exists(), "nothing is left");
    // Without such a key the chain is fine, and so is a real chain on other keys.
    fs::write(&file, &own).unwrap();
    made(&home, &["--genesis", file.to_str().unwrap()]);
    made(&folder.path().join("live"), &["--preset", "live"]);
}

#[test]
fn a_real_chain_does_not_start_on_a_key_that_everybody_knows() {
    let folder = tempfile::tempdir().unwrap();
    let (home, other, file) =
        (folder.path().join("home"), folder.path().join("other"), folder.path().join("chain.toml"));
    fs::write(&file, own_chain("diem-1")).unwrap();
    made(&home, &["--genesis", file.to_str().unwrap()]);
    made(&other, &["--preset", "dev"]);
    let start = || {
        let output = run(&["start", "--home", home.to_str().unwrap(), "--api", "127.0.0.1:0", "--metrics", "off"]);
        assert_eq!(output.status.code(), Some(1), "{}", words(&output));
        words(&output)
    };
    for key in ["bridge_key.json", "cometbft/config/priv_validator_key.json"] {
        fs::copy(other.join(key), home.join(key)).unwrap();
        let said = start();
        assert!(said.contains(key) && said.contains("everybody knows"), "{said}");
    }
    // A genesis that was edited afterwards is refused as well.
    let genesis = other.join("genesis.json");
    fs::write(&genesis, fs::read_to_string(&genesis).unwrap().replace("diem-dev-1", "diem-1")).unwrap();
    let output = run(&["start", "--home", other.to_str().unwrap(), "--api", "127.0.0.1:0", "--metrics", "off"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(words(&output).contains("everybody knows"), "{}", words(&output));
}

#[test]
fn a_genesis_that_no_start_would_take_is_refused_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (home, file) = (folder.path().join("a/home"), folder.path().join("chain.toml"));
    for (from, to, said) in [
        ("signed_window = 100", "signed_window = 0", "signed_window must be 10 to 100,000 blocks"),
        ("cooldown = \"30s\"", "cooldown = \"9000d\"", "genesis, section `credits`"),
        ("base = \"90VVV\"", "base = \"0VVV\"", "genesis, section `diem`"),
    ] {
        let text = presets::DEV.replace(from, to);
        assert_ne!(text, presets::DEV, "{from}");
        fs::write(&file, text).unwrap();
        let words = refused(&home, &["--genesis", file.to_str().unwrap()]);
        assert!(words.contains(said), "{words}");
    }
    assert!(refused(&home, &["--set", "store.cache_mib=0"]).contains("store.cache_mib"));
    let same = refused(&home, &["--api", "127.0.0.1:26657"]);
    assert!(same.contains("`api.listen` and `comet.rpc` both listen on port 26657"), "{same}");
    assert!(!folder.path().join("a").exists(), "nothing is left");
}

#[test]
fn a_devnet_that_is_refused_leaves_nothing_and_takes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let foreign = folder.path().join("foreign");
    made(&foreign, &["--preset", "dev"]);
    let devnet = |dir: &Path, args: &[&str]| {
        let wallet = folder.path().join("wallet");
        let mut all = [&["devnet", "--dir", dir.to_str().unwrap()], args].concat();
        if !args.contains(&"--home") {
            all.extend(["--home", wallet.to_str().unwrap()]);
        }
        let output = run(&all);
        assert!(!output.status.success(), "{}", words(&output));
        words(&output)
    };
    let before = everything(&foreign);
    for args in [&[][..], &["--fresh"], &["--engine", "instant"]] {
        assert!(devnet(&foreign, args).contains("no devnet has made it"));
        assert_eq!(everything(&foreign), before, "{args:?}");
    }
    // A port is taken: neither the folder nor its new parents are left.
    let ports = Ports::claim();
    let (port, offset) = (1_317 + ports.offset, ports.offset.to_string());
    let taken = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let new = folder.path().join("a/b/devnet");
    let said = devnet(&new, &["--engine", "instant", "--port-offset", &offset]);
    assert!(said.contains(&format!("port {port}")), "{said}");
    assert!(!folder.path().join("a").exists() && !folder.path().join("wallet").exists());
    ports::give_back(taken);
    // The wallet's home is a file.
    fs::write(folder.path().join("file"), "").unwrap();
    let file = folder.path().join("file");
    let said = devnet(&new, &["--engine", "instant", "--port-offset", &offset, "--home", file.to_str().unwrap()]);
    assert!(said.contains("file is no folder: name another one with --home"), "{said}");
    assert!(!folder.path().join("a").exists());
    // Nothing is left in an empty folder that somebody made, and the folder stays.
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    devnet(&empty, &["--chain-id", "diem-1"]);
    assert_eq!(everything(&empty), Vec::<std::path::PathBuf>::new());
    assert!(empty.is_dir());
}

#[test]
fn what_the_disk_refuses_half_way_is_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    // A folder stands where one of the last files would be written.
    let blocked = home.join("cometbft/config/node_key.json");
    fs::create_dir_all(&blocked).unwrap();
    fs::create_dir(home.join("keys")).unwrap();
    fs::write(home.join("keys/mine.json"), "{}").unwrap();
    let before = everything(&home);
    let output = run(&["init", "--home", home.to_str().unwrap()]);
    assert!(!output.status.success());
    assert_eq!(everything(&home), before, "{}", words(&output));
    fs::remove_dir(&blocked).unwrap();
    made(&home, &[]);
}

/// Lists every file and folder below `folder`.
fn everything(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(everything(&path));
        }
        found.push(path);
    }
    found.sort();
    found
}

#[test]
fn a_genesis_that_lies_in_the_home_is_used_and_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let (home, other) = (folder.path().join("home"), folder.path().join("other"));
    let (mine, theirs) = (made(&other, &["--preset", "dev"]), folder.path().join("theirs"));
    made(&theirs, &["--preset", "dev"]);
    fs::create_dir(&home).unwrap();
    let genesis = home.join("genesis.json");
    fs::copy(other.join("genesis.json"), &genesis).unwrap();
    let before = fs::read(&genesis).unwrap();
    let file = theirs.join("genesis.json");
    for args in [&["--preset", "dev"][..], &["--preset", "live"], &["--genesis", file.to_str().unwrap()]] {
        let said = refused(&home, args);
        assert!(
            said.contains("genesis.json is there already")
                && said.contains("let `diemd init` use it, without --genesis"),
            "{said}"
        );
        assert!(said.contains(mine["genesis_hash"].as_str().unwrap()), "{said}");
        assert_eq!(fs::read(&genesis).unwrap(), before);
    }
    let renamed = refused(&home, &["--chain-id", "other-dev"]);
    assert!(renamed.contains("--chain-id cannot rename it"), "{renamed}");
    let made_here = made(&home, &[]);
    assert_eq!(made_here["genesis_hash"], mine["genesis_hash"]);
    assert_eq!(fs::read(&genesis).unwrap(), before);
    // A damaged genesis is named in the error, and left alone too.
    let damaged = folder.path().join("damaged");
    fs::create_dir(&damaged).unwrap();
    fs::write(damaged.join("genesis.json"), "{").unwrap();
    assert!(refused(&damaged, &[]).contains("genesis.json, line 1"));
    assert!(refused(&damaged, &["--preset", "dev"]).contains("has hash none"));
}

#[test]
fn only_a_rehearsal_and_a_real_chain_expect_other_machines() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chain.toml");
    let local = |name: &str, args: &[&str]| {
        let home = folder.path().join(name);
        made(&home, args);
        let config: toml::Table = toml::from_str(&fs::read_to_string(home.join("config.toml")).unwrap()).unwrap();
        config["comet"]["local"].as_bool().unwrap()
    };
    assert!(local("dev", &["--preset", "dev"]) && local("localnet", &["--preset", "localnet"]));
    assert!(!local("live", &["--preset", "live"]));
    assert!(local("live-here", &["--preset", "live", "--set", "comet.local=true"]));
    fs::write(&file, own_chain("diem-1")).unwrap();
    assert!(!local("real", &["--genesis", file.to_str().unwrap()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_kubernetes_puts_into_the_environment_is_said_and_ignored() {
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let home = instant_home(folder.path(), &ports);
    let links = [("DIEM_PORT", "tcp://10.96.0.7:1317"), ("DIEM_SERVICE_HOST", "10.96.0.7")];
    let node = Single::with_environment(&home, &[], &links);
    reach(&node.client(), 1).await;
    assert!(node.stop().success());
    let said = fs::read_to_string(home.join("node.log")).unwrap();
    assert!(said.contains("Kubernetes") && said.contains("DIEM_PORT") && said.contains("DIEM_SERVICE_HOST"), "{said}");
}

#[test]
fn a_key_whose_phrase_could_not_be_shown_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let add = |stdout: fs::File| {
        let mut command = diemd();
        command.args(["keys", "add", "mine", "--plain-for", "diem-dev-1", "--home"]).arg(folder.path());
        command.stdin(std::process::Stdio::null()).stdout(stdout).output().unwrap()
    };
    assert!(!add(fs::File::options().write(true).open("/dev/full").unwrap()).status.success());
    assert!(!folder.path().join("keys/mine.json").exists());
    assert!(add(fs::File::create(folder.path().join("phrase")).unwrap()).status.success());
    assert!(folder.path().join("keys/mine.json").exists());
}
