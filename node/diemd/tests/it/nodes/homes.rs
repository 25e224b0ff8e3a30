//! Homes that another binary made: which a node goes on with, and which it refuses and leaves as they are.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Stdio},
};

use diem_overlay::WriteSet;
use diem_store::Store;
use diem_types::{APP_VERSION, GenesisDoc};
use rustix::process::Signal;

use crate::support::{
    client::{height, reach, root, until},
    files::copy,
    ports::Ports,
    process::{program, run, signal, words},
    single::{Single, comet_home},
};

/// Every file of a folder with the hash of its bytes, but for the lock of a home, which names the last process that took
/// it.
fn hashes(folder: &Path) -> BTreeMap<PathBuf, [u8; 32]> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(hashes(&path));
        } else if path.is_file() && !path.ends_with("run/diemd.pid") {
            found.insert(path.clone(), diem_core::sha256(&[&fs::read(&path).unwrap()]));
        }
    }
    found
}

/// Starts a node on a home that it must refuse and leave as it is, and returns the words with which it did. Another program
/// of this machine may have the ports of its configuration.
fn refusal(home: &Path, ports: &Ports) -> String {
    let (before, flags) = (hashes(home), ports.flags());
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let refused = run(&[&["start", "--home", home.to_str().unwrap()], &flags[..]].concat());
    let said = words(&refused);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    let after = hashes(home);
    let changed: Vec<_> =
        before.keys().chain(after.keys()).filter(|path| before.get(*path) != after.get(*path)).collect();
    assert!(changed.is_empty(), "the refused start changed {changed:?}");
    said
}

/// The home of a chain, as the last `diemd` of this version of the state machine left it.
fn home_of_version(version: u64, folder: &Path) -> PathBuf {
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../tests/homes/v{version}.tar.gz"));
    let unpacked = std::process::Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(folder).status().unwrap();
    assert!(unpacked.success());
    folder.join("home")
}

#[test]
fn a_home_of_any_earlier_version_of_the_state_machine_is_refused_and_left_as_it_is() {
    let ports = Ports::claim();
    for version in 1..APP_VERSION {
        let folder = tempfile::tempdir().unwrap();
        let home = home_of_version(version, folder.path());
        let both = format!("a state of version {version}, and this diemd computes version {APP_VERSION}");
        let said = refusal(&home, &ports);
        assert!(said.contains(&both) && said.contains("new home"), "{said}");
        let before = hashes(&home);
        for command in [&["check"][..], &["genesis", "export"]] {
            let refused = run(&[command, &["--home", home.to_str().unwrap()]].concat());
            assert!(!refused.status.success() && words(&refused).contains(&both), "{command:?}: {}", words(&refused));
        }
        assert_eq!(hashes(&home), before, "a refused home was changed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_would_start_with_another_version_leaves_no_trace_in_its_home() {
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let (home, _) = comet_home(folder.path(), &ports, ["--preset", "dev"]);
    let genesis = home.join("genesis.json");
    let doc = diem_genesis::load(&genesis, None).unwrap();
    for app_version in [APP_VERSION - 1, APP_VERSION + 1] {
        fs::write(&genesis, diem_genesis::to_json(&GenesisDoc { app_version, ..doc.clone() })).unwrap();
        let said = refusal(&home, &ports);
        assert!(said.contains(&format!("the chain starts with version {app_version}")), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_of_another_version_or_chain_is_refused_and_stays_as_it_was() {
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let (home, _) = comet_home(folder.path(), &ports, ["--preset", "dev"]);
    let node = Single::start(&home, &[]);
    reach(&node.client(), 2).await;
    assert!(node.stop().success());

    for version in [APP_VERSION - 1, APP_VERSION + 1] {
        let other = folder.path().join(format!("version-{version}"));
        copy(&home, &other);
        {
            let store = Store::open(&other.join("data"), diem_store::Options::default()).unwrap();
            let held = store.meta().unwrap();
            let staged = store.stage(WriteSet::new()).unwrap();
            store.commit(staged, held.height + 1, held.time_ms + 1, version, Vec::new()).unwrap();
        }
        let said = refusal(&other, &ports);
        assert!(said.contains(&format!("a state of version {version}")), "{said}");
        assert!(said.contains(&format!("computes version {APP_VERSION}")), "{said}");
    }

    // This is another chain of the same name.
    let genesis = home.join("genesis.json");
    let doc = diem_genesis::load(&genesis, None).unwrap();
    let other = GenesisDoc { genesis_time: diem_core::Time(doc.genesis_time.0 - 1), ..doc.clone() };
    fs::write(&genesis, diem_genesis::to_json(&other)).unwrap();
    let said = refusal(&home, &ports);
    assert!(said.contains(&hex::encode(doc.hash())) && said.contains(&hex::encode(other.hash())), "{said}");
}

/// The program under test with another version number in place of its own.
fn program_of_version(number: &str, folder: &Path) -> PathBuf {
    let (own, other) = (env!("CARGO_PKG_VERSION").as_bytes(), number.as_bytes());
    assert_eq!(own.len(), other.len(), "the number is replaced in the bytes of the program");
    let mut bytes = fs::read(env!("CARGO_BIN_EXE_diemd")).unwrap();
    let places: Vec<usize> = memchr::memmem::find_iter(&bytes, own).collect();
    for place in places {
        bytes[place..place + own.len()].copy_from_slice(other);
    }
    let path = folder.join("diemd");
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// A running program, which ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail where the program has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_of_another_version_number_goes_on_with_a_home_and_hands_it_back() {
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let (home, _) = comet_home(folder.path(), &ports, ["--preset", "dev"]);
    let genesis = home.join("cometbft/config/genesis.json");
    let node = Single::start(&home, &[]);
    let (client, begun) = (node.client(), reach(&node.client(), 2).await);
    let first = root(&client, 1).await;
    assert!(node.stop().success());
    let written = fs::read(&genesis).unwrap();

    let number = "9.8.7";
    let other_version = program_of_version(number, folder.path());
    let version = program(&other_version).arg("--version").output().unwrap();
    assert_eq!(String::from_utf8_lossy(&version.stdout).trim(), format!("diemd {number}"));
    let mut other = program(&other_version);
    let log = fs::File::create(folder.path().join("other.log")).unwrap();
    other.arg("start").arg("--home").arg(&home).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    let mut running = Running(other.spawn().unwrap());
    let gone_on = reach(&client, begun + 2).await;
    assert_eq!(client.status().await.unwrap().version, number);
    assert_eq!(root(&client, 1).await, first);
    signal(running.0.id(), Signal::TERM);
    let ended = until("the end of the other program", async || running.0.try_wait().unwrap()).await;
    assert!(ended.success());

    let node = Single::start(&home, &[]);
    reach(&node.client(), gone_on + 1).await;
    assert!(height(&node.client()).await.is_some_and(|height| height > gone_on));
    assert!(node.stop().success());
    assert_eq!(fs::read(&genesis).unwrap(), written, "CometBFT's genesis belongs to the chain");
}
