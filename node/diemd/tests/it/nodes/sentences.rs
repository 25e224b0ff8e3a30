//! Everything that can go wrong at the start of a node: each error is a sentence that says what to do.

use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt as _, path::Path};

use rustix::process::Signal;

use crate::support::{
    client::reach,
    left_out::left_out,
    ports::Ports,
    process::{diemd, pid_of, run, signal, words},
    single::{Single, comet_home, instant_home, own_chain},
};

fn start(home: &Path, args: &[&str]) -> (Option<i32>, String) {
    let output = run(&[&["start", "--home", home.to_str().unwrap()], args].concat());
    (output.status.code(), words(&output))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_a_home_is_told_who_has_it() {
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let home = instant_home(folder.path(), &ports);
    let node = Single::start(&home, &[]);
    reach(&node.client(), 1).await;
    assert_eq!(pid_of(&home), node.pid());
    let (code, said) = start(&home, &[]);
    assert_eq!(code, Some(1));
    assert!(said.contains(&format!("is in use by process {}", node.pid())), "{said}");
    assert!(said.contains("--home"), "{said}");
    // The first node is not disturbed.
    reach(&node.client(), 1).await;
    // Every command that needs the home says so, and ends with the same code.
    let archive = folder.path().join("archive");
    for line in [
        &["genesis", "export"][..],
        &["check"],
        &["prune", "--keep-blocks", "10"],
        &["reset", "--yes"],
        &["rollback", "--yes"],
        &["snapshot", "create", archive.to_str().unwrap()],
        &["validator", "export-key", archive.to_str().unwrap()],
    ] {
        let refused = run(&[line, &["--home", home.to_str().unwrap()]].concat());
        let said = words(&refused);
        assert!(refused.status.code() == Some(1) && said.contains("in use by process"), "{line:?}: {said}");
    }
    assert!(node.stop().success());
}

#[test]
fn a_busy_port_is_named_with_its_setting() {
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let home = instant_home(folder.path(), &ports);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (flag, setting) in [("--api", "api.listen"), ("--metrics", "metrics.listen")] {
        let (code, said) = start(&home, &[flag, &address]);
        assert_eq!(code, Some(1));
        let port = taken.local_addr().unwrap().port();
        assert!(
            said.contains(&format!("port {port} on 127.0.0.1")) && said.contains(&format!("`{setting}`")),
            "{said}"
        );
    }
    let (_, said) = start(&home, &["--api", "192.0.2.1:1"]);
    assert!(said.contains("192.0.2.1:1, for the HTTP API, cannot be listened on"), "{said}");
}

#[test]
fn a_typo_in_the_configuration_is_named_with_its_line() {
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let home = instant_home(folder.path(), &ports);
    let file = home.join("config.toml");
    let text = fs::read_to_string(&file).unwrap();
    let line = text.lines().position(|line| line.starts_with("moniker")).unwrap() + 1;
    fs::write(&file, text.replace("\nmoniker", "\nmonicker")).unwrap();
    let (code, said) = start(&home, &[]);
    assert_eq!(code, Some(2));
    assert!(
        said.contains(&format!("config.toml, line {line}: unknown key `monicker`: did you mean `moniker`?")),
        "{said}"
    );
    fs::write(&file, &text).unwrap();
    let output = diemd().args(["start", "--home"]).arg(&home).env("DIEM_MONIKR", "x").output().unwrap();
    assert!(words(&output).contains("DIEM_MONIKR: no setting has this variable: did you mean DIEM_MONIKER?"));
    let (code, said) = start(&home, &["--set", "store.keep_block=1"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("--set: unknown key `store.keep_block`: did you mean `store.keep_blocks`?"), "{said}");
    for level in ["loud,,x=y=z", "loud", ""] {
        let output = diemd().args(["start", "--home"]).arg(&home).env("DIEM_LOG_LEVEL", level).output().unwrap();
        let said = words(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(&format!("log.level: `{level}` is no level: write off, error, warn")), "{said}");
    }
}

#[test]
fn a_wrong_cometbft_is_named() {
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let home = instant_home(folder.path(), &ports);
    let fake = folder.path().join("cometbft");
    fs::write(&fake, "#!/bin/sh\necho 0.37.4\n").unwrap();
    fs::set_permissions(&fake, fs::Permissions::from_mode(0o755)).unwrap();
    let (code, said) = start(&home, &["--engine", "comet", "--cometbft", fake.to_str().unwrap()]);
    assert_eq!(code, Some(1));
    assert!(said.contains("is CometBFT 0.37.4, this node needs 0.38."), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_genesis_or_engine_than_that_of_the_state_is_refused() {
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let home = instant_home(folder.path(), &ports);
    let node = Single::start(&home, &[]);
    reach(&node.client(), 1).await;
    assert!(node.stop().success());

    let (code, said) = start(&home, &["--engine", "comet"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("made by the instant engine"), "{said}");

    let file = home.join("genesis.json");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("diem-dev-1", "diem-dev-2")).unwrap();
    let (code, said) = start(&home, &[]);
    assert_eq!(code, Some(1));
    assert!(said.contains("put the old genesis.json back"), "{said}");
    fs::write(&file, text.replace("\"chain_id\"", "\"chainid\"")).unwrap();
    let (code, said) = start(&home, &[]);
    assert_eq!(code, Some(2));
    assert!(said.contains("genesis.json, line 2: unknown key `chainid`: did you mean `chain_id`?"), "{said}");
}

#[test]
fn a_home_that_is_not_there_or_there_already_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nowhere");
    // A service manager does not start it again and again: this is a matter of the command line.
    let (code, said) = start(&nowhere, &[]);
    assert_eq!(code, Some(2));
    assert!(said.contains("is not the home of a node") && said.contains("diemd init"), "{said}");
    let ports = Ports::claim();
    let home = instant_home(folder.path(), &ports);
    let again = run(&["init", "--home", home.to_str().unwrap()]);
    assert_eq!(again.status.code(), Some(1));
    assert!(words(&again).contains("is the home of a node already"), "{}", words(&again));
    // Where the configuration alone is missing, that is said, and it can be made anew beside the keys.
    let key = fs::read(home.join("cometbft/config/priv_validator_key.json")).unwrap();
    fs::remove_file(home.join("config.toml")).unwrap();
    let (code, said) = start(&home, &[]);
    assert!(code == Some(2) && said.contains("whose config.toml is missing"), "{said}");
    let again = run(&["init", "--home", home.to_str().unwrap()]);
    assert!(again.status.success(), "{}", words(&again));
    assert_eq!(fs::read(home.join("cometbft/config/priv_validator_key.json")).unwrap(), key);
}

#[test]
fn a_validator_key_that_is_lost_is_never_made_anew() {
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let (home, _) = comet_home(folder.path(), &ports, ["--preset", "dev"]);
    let key = home.join("cometbft/config/priv_validator_key.json");
    fs::remove_file(&key).unwrap();
    let (code, said) = start(&home, &[]);
    assert!(code == Some(1) && said.contains("is missing although its signing state"), "{said}");
    assert!(said.contains("`diemd validator import-key`") && !key.exists(), "{said}");
}

#[test]
fn a_genesis_is_taken_only_with_the_promised_hash() {
    let folder = tempfile::tempdir().unwrap();
    let (home, genesis) = (folder.path().join("home"), folder.path().join("genesis.toml"));
    fs::write(&genesis, diem_genesis::presets::DEV.replace("\"now\"", "\"2026-11-20T12:00:00Z\"")).unwrap();
    let init = |hash: &str| {
        let args =
            ["init", "--home", home.to_str().unwrap(), "--genesis", genesis.to_str().unwrap(), "--genesis-hash", hash];
        run(&args)
    };
    let refused = init(&"ab".repeat(32));
    assert_eq!(refused.status.code(), Some(2));
    assert!(words(&refused).contains("it is not the file that you were promised"), "{}", words(&refused));
    assert!(!home.exists(), "nothing is left of it");
    let hash = run(&["genesis", "hash", genesis.to_str().unwrap()]);
    let hash = String::from_utf8(hash.stdout).unwrap();
    assert!(init(hash.trim()).status.success());
}

#[test]
fn the_instant_engine_refuses_a_real_chain() {
    let folder = tempfile::tempdir().unwrap();
    let (home, file) = (folder.path().join("home"), folder.path().join("chain.toml"));
    fs::write(&file, own_chain("diem-1")).unwrap();
    let init = |engine| {
        run(&["init", "--home", home.to_str().unwrap(), "--engine", engine, "--genesis", file.to_str().unwrap()])
    };
    let output = init("instant");
    assert_eq!(output.status.code(), Some(2));
    assert!(words(&output).contains("refuses chain `diem-1`"), "{}", words(&output));
    assert!(!home.exists(), "nothing is left of it");
    let made = init("comet");
    assert!(made.status.success(), "{}", words(&made));
    // Another program of this machine may have the ports of its configuration.
    let ports = Ports::claim();
    let own = ports.flags();
    let flags: Vec<&str> = ["--engine", "instant"].into_iter().chain(own.iter().map(String::as_str)).collect();
    let (_, said) = start(&home, &flags);
    assert!(said.contains("refuses chain `diem-1`"), "{said}");
}

#[test]
fn a_read_only_disk_is_named() {
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let home = instant_home(folder.path(), &ports);
    // The test needs a mount of its own, and the right to make one.
    let allowed = std::process::Command::new("unshare").args(["--mount", "--map-root-user", "true"]).status();
    if !allowed.is_ok_and(|status| status.success()) {
        left_out("mounts", "this machine does not let a test have mounts of its own");
        return;
    }
    let script =
        "mount --bind \"$1\" \"$1\" && mount -o remount,ro,bind \"$1\" || exit 99; exec \"$2\" start --home \"$1\"";
    let output = std::process::Command::new("unshare")
        .args(["--mount", "--map-root-user", "sh", "-c", script, "sh"])
        .arg(&home)
        .arg(env!("CARGO_BIN_EXE_diemd"))
        .output()
        .unwrap();
    let said = words(&output);
    if output.status.code() == Some(99) {
        left_out("mounts", format!("this machine does not let a test mount a read-only disk: {said}"));
        return;
    }
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("read-only file system: mount it writable"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_the_node_and_room_starts_it_again() {
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let home = instant_home(folder.path(), &ports);
    // No file may grow beyond 64 KiB: the first writes succeed, and then one fails.
    let script = "trap '' XFSZ; ulimit -f 128; exec \"$1\" start --home \"$2\" --block-time 5ms";
    let output = std::process::Command::new("sh")
        .args(["-c", script, "sh", env!("CARGO_BIN_EXE_diemd")])
        .arg(&home)
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let said = words(&output);
    assert_eq!(output.status.code(), Some(8), "{said}");
    assert!(said.contains("no space left for"), "{said}");
    let node = Single::start(&home, &[]);
    reach(&node.client(), 2).await;
    signal(node.pid(), Signal::INT);
    let (status, _) = node.ended();
    assert!(status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_of_a_stopped_node_is_checked() {
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let home = instant_home(folder.path(), &ports);
    let check = || run(&["check", "--home", home.to_str().unwrap(), "--output", "json"]);
    let empty = check();
    assert!(words(&empty).contains("there is nothing to check"), "{}", words(&empty));
    let node = Single::start(&home, &[]);
    reach(&node.client(), 1).await;
    let running = check();
    assert!(words(&running).contains("in use"), "{}", words(&running));
    assert!(node.stop().success());
    let checked = check();
    assert!(checked.status.success(), "{}", words(&checked));
    let checked: serde_json::Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert!(checked["height"].as_u64() >= Some(1) && checked["broken"].is_null(), "{checked}");
}

/// The sources of what a node says, in one text: a sentence that goes on in the next line of its source is one line.
fn sources() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let mut folders: Vec<_> = ["node", "host", "genesis", "runtime", "client"].map(|room| root.join(room)).into();
    let mut text = String::new();
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() && !path.ends_with("tests") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                text.push_str(&fs::read_to_string(path).unwrap());
            }
        }
    }
    let mut pieces = text.split("\\\n");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |whole, piece| whole + piece.trim_start())
}

#[test]
fn the_words_by_which_the_book_finds_a_trouble_are_those_that_a_node_says() {
    let (page, sources) = (include_str!("../../../../../docs/src/operate/trouble.md"), sources());
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split(" |").next());
    let mut words = 0;
    for row in rows {
        for said in row.split('`').step_by(2) {
            assert!(sources.contains(said), "no source says `{said}`, which trouble.md names");
            words += 1;
        }
    }
    assert!(words > 25, "{words}");
}
