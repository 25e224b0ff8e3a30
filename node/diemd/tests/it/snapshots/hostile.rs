//! Archives that somebody has changed: nothing of them stays, and the home is as it was.

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
};

use diem_core::sha256;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::Value;
use tar::EntryType;

use super::{block, hashes, json, refused, snapshot, started};
use crate::support::{
    devnet::{Devnet, EngineUnderTest},
    network::turn,
    process::{diemd, words},
};

/// A member of an archive: path, kind and bytes.
type Member = (String, EntryType, Vec<u8>);

fn read(archive: &Path) -> Vec<Member> {
    let mut tar = tar::Archive::new(fs::File::open(archive).unwrap());
    let member = |entry: std::io::Result<tar::Entry<'_, fs::File>>| {
        let mut entry = entry.unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        (entry.path().unwrap().display().to_string(), EntryType::Regular, bytes)
    };
    tar.entries().unwrap().map(member).collect()
}

/// Writes an archive, whatever its members are called: the crate would refuse some of the names.
fn write(archive: &Path, members: &[Member]) {
    let mut bytes = Vec::new();
    for (path, kind, content) in members {
        let mut header = tar::Header::new_ustar();
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        if kind.is_symlink() {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    fs::write(archive, bytes).unwrap();
}

/// Changes the list of an archive.
fn relist(members: &mut [Member], change: impl FnOnce(&mut Value)) {
    let mut list: Value = serde_json::from_slice(&members[0].2).unwrap();
    change(&mut list);
    members[0].2 = serde_json::to_vec(&list).unwrap();
}

fn entry(path: &str, bytes: &[u8]) -> Value {
    serde_json::json!({ "path": path, "bytes": bytes.len(), "sha256": hex::encode(sha256(&[bytes])) })
}

/// Adds a file, and names it in the list.
fn with(members: &[Member], path: &str, bytes: &[u8]) -> Vec<Member> {
    let mut members = members.to_vec();
    relist(&mut members, |list| list["files"].as_array_mut().unwrap().push(entry(path, bytes)));
    members.push((path.into(), EntryType::Regular, bytes.to_vec()));
    members
}

/// The text of a file that is no archive.
const OTHER: &str = "a secret ";

/// The place of the largest file of the state.
fn largest(members: &[Member]) -> usize {
    let state = (1..members.len()).filter(|at| members[*at].0.starts_with("data/rows/"));
    state.max_by_key(|at| members[*at].2.len()).unwrap()
}

/// The changed archives, each with a part of what is said about it.
fn changed(good: &[Member]) -> Vec<(&'static str, Vec<Member>)> {
    let at = largest(good);
    let mut all = vec![
        ("which no archive may have", with(good, "../outside", b"x")),
        ("which no archive may have", with(good, "/tmp/outside", b"x")),
        ("which no archive may have", with(good, "cometbft/config/priv_validator_key.json", b"{}")),
        ("which no archive may have", with(good, "cometbft/data/priv_validator_state.json", b"{}")),
    ];
    let mut change = |says, change: &dyn Fn(&mut Vec<Member>)| {
        let mut members = good.to_vec();
        change(&mut members);
        all.push((says, members));
    };
    change("is no plain file", &|members| members[at].1 = EntryType::Symlink);
    change("is no plain file", &|members| members[at].1 = EntryType::Char);
    change("is no plain file", &|members| members[at].1 = EntryType::GNULongName);
    change("where", &|members| members[at].0 = "data/rows/../../../outside".into());
    change("goes on after the last file", &|members| {
        members.push(("bridge_key.json".into(), EntryType::Regular, b"{}".to_vec()));
    });
    change("it ends", &|members| drop(members.pop()));
    change("another hash than the list says", &|members| {
        let half = members[at].2.len() / 2;
        members[at].2[half] ^= 1;
    });
    change("it ends early", &|members| {
        relist(members, |list| list["files"][0]["bytes"] = serde_json::json!(1_u64 << 50));
    });
    change("its list says otherwise", &|members| {
        relist(members, |list| list["app_hash"] = "00".repeat(32).into());
    });
    change("not all of one chain", &|members| relist(members, |list| list["chain_id"] = "x-dev".into()));
    change("its form is 2", &|members| relist(members, |list| list["format"] = 2.into()));
    change("does not decode", &|members| members[0].2 = vec![b'['; 100_000]);
    change("it is empty", &|members| members.clear());
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_archive_is_refused_before_anything_is_replaced() {
    let (devnet, folder) = (Devnet::of_one(EngineUnderTest::Instant), tempfile::tempdir().unwrap());
    let (home, good) = (devnet.home(0), folder.path().join("good.tar"));
    json(&snapshot(&home, &["create", good.to_str().unwrap()]));
    let good = read(&good);
    let (bad, new): (PathBuf, PathBuf) = (folder.path().join("bad.tar"), folder.path().join("new"));
    let as_it_was = |what: &dyn std::fmt::Debug, before: &_| {
        let mut now = hashes(&home);
        now.retain(|path, _| !path.ends_with("run/diemd.pid"));
        assert!(now == *before, "{what:?}");
        assert!(!new.exists() && !home.join("restore.tmp").exists() && !home.join("restore").exists(), "{what:?}");
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left.len(), 2, "{what:?}: {left:?}");
    };
    let mut before = hashes(&home);
    before.retain(|path, _| !path.ends_with("run/diemd.pid"));
    let try_it = |says: &str| {
        let archive = bad.to_str().unwrap();
        for (home, args) in [
            (&home, &["restore", archive, "--again"][..]),
            (&new, &["restore", archive, "--engine", "instant"]),
            (&home, &["verify", archive]),
        ] {
            let said = refused(&snapshot(home, args)).replace('\n', " ");
            // A list of another chain is found by comparing it with the home's genesis first, where there is one.
            assert!(said.contains(says) && !said.contains(OTHER), "{says}: {said}");
            as_it_was(&says, &before);
        }
    };
    for (says, members) in changed(&good) {
        write(&bad, &members);
        try_it(says);
    }

    // Truncated anywhere, and no archive at all.
    write(&bad, &good);
    let whole = fs::read(&bad).unwrap();
    for length in [whole.len() / 2, 700, 511, 100] {
        fs::write(&bad, &whole[..length]).unwrap();
        try_it("");
    }
    fs::write(&bad, "no archive").unwrap();
    try_it("");
    // A named pipe to which nobody writes is not waited for.
    fs::remove_file(&bad).unwrap();
    mknodat(CWD, &bad, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    try_it("it is no file");
    fs::remove_file(&bad).unwrap();
    // What is in a file that is none is not shown.
    fs::write(&bad, OTHER.repeat(100)).unwrap();
    try_it("does not begin as an archive of `diemd snapshot create` does");

    // Flipped bits of the state that the list was made to fit are found by the checksums of the database.
    for eighth in 1..8 {
        let (mut members, at) = (good.clone(), largest(&good));
        let place = members[at].2.len() * eighth / 8;
        members[at].2[place] ^= 1;
        let (path, bytes) = (members[at].0.clone(), members[at].2.clone());
        relist(&mut members, |list| list["files"][at - 1] = entry(&path, &bytes));
        write(&bad, &members);
        try_it("damaged");
    }
}

/// Leaves out the files whose paths are not kept, and has the list fit what is left.
fn only(members: &[Member], kept: impl Fn(&str) -> bool) -> Vec<Member> {
    relisted(members[..1].iter().chain(members[1..].iter().filter(|member| kept(&member.0))).cloned().collect())
}

/// An archive whose list fits its files.
fn relisted(mut members: Vec<Member>) -> Vec<Member> {
    let files = members[1..].iter().map(|(path, _, bytes)| entry(path, bytes)).collect();
    relist(&mut members, |list| list["files"] = files);
    members
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_with_which_cometbft_cannot_go_on_is_refused_before_anything_is_replaced() {
    const BLOCKS: &str = "cometbft/data/blockstore.db/";
    const STATE: &str = "cometbft/data/state.db/";
    let _turn = turn().await;
    let (devnet, folder) = (Devnet::of_one(EngineUnderTest::Comet), tempfile::tempdir().unwrap());
    let (home, file) = (devnet.home(0), folder.path().join("a.tar"));
    let archive = file.to_str().unwrap();
    json(&snapshot(&home, &["create", archive]));
    let older = read(&file);
    let (node, client) = started(&home).await;
    for _ in 0..3 {
        block(&devnet, &client).await;
    }
    assert!(node.stop().success());
    fs::remove_file(&file).unwrap();
    let made = json(&snapshot(&home, &["create", archive]));
    let good = read(&file);

    let garbled = |folder: &str| {
        let garble = |(path, kind, bytes): Member| match path.starts_with(folder) {
            true => (path, kind, b"garbage".to_vec()),
            false => (path, kind, bytes),
        };
        relisted(good.iter().cloned().map(garble).collect())
    };
    let behind = {
        let old = older.iter().filter(|member| member.0.starts_with(BLOCKS)).cloned();
        relisted(only(&good, |path| !path.starts_with(BLOCKS)).into_iter().chain(old).collect())
    };
    let before = hashes(&home.join("cometbft"));
    let state = hashes(&home.join("data"));
    for (says, members) in [
        ("it has no cometbft/data/blockstore.db/CURRENT", only(&good, |path| !path.starts_with("cometbft/"))),
        ("it has no cometbft/data/state.db/MANIFEST-", only(&good, |path| !path.contains("state.db/MANIFEST-"))),
        ("CometBFT does not open its databases", garbled(BLOCKS)),
        ("CometBFT does not open its databases", garbled(STATE)),
        ("its blocks end at height", behind),
    ] {
        write(&file, &members);
        for args in [&["verify", archive][..], &["restore", archive, "--again"]] {
            let said = refused(&snapshot(&home, args)).replace('\n', " ");
            assert!(said.contains(says), "{says}: {said}");
            assert!(hashes(&home.join("cometbft")) == before && hashes(&home.join("data")) == state, "{says}");
        }
    }

    // Where there is no CometBFT, that is said, and the state is verified all the same.
    write(&file, &good);
    let known = json(&snapshot(&home, &["verify", archive]));
    assert!(known["blocks"].as_u64() >= made["archive"]["height"].as_u64(), "{known}");
    let mut without = diemd();
    without.args(["snapshot", "verify", archive, "--output", "json"]);
    let without = without.env("PATH", "").env("XDG_CACHE_HOME", folder.path()).output().unwrap();
    assert!(words(&without).contains("CometBFT is not on this machine"), "{}", words(&without));
    assert!(json(&without)["blocks"].is_null());
}
