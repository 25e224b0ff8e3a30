//! `diemd config` on a home: what counts and why, changes that keep a file as its owner wrote it, and files of before.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use diem_config::version;

use crate::support::{
    client::reach,
    network::turn,
    ports::Ports,
    process::{diemd, words},
    single::{Single, comet_home},
};

const OLD: &str = include_str!("../../../../../tests/configs/v0.toml");
const PEER: &str = "0123456789abcdef0123456789abcdef01234567@10.0.0.7:26656";

struct Home(tempfile::TempDir);

impl Home {
    /// A new home, made with these flags.
    fn made(flags: &[&str]) -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        let line: Vec<&str> = ["init", "--preset", "dev"].into_iter().chain(flags.iter().copied()).collect();
        let (code, _, said) = home.run(&line, &[]);
        assert_eq!(code, 0, "{said}");
        home
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("home")
    }

    fn file(&self) -> PathBuf {
        self.path().join("config.toml")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.file()).unwrap()
    }

    /// Runs a command on the home: its exit code, its answer, and what it says.
    fn run(&self, line: &[&str], variables: &[(&str, &str)]) -> (i32, String, String) {
        let mut command = diemd();
        command.args(line).env("DIEM_HOME", self.path()).envs(variables.iter().copied()).stdin(Stdio::null());
        let ran = command.output().unwrap();
        (ran.status.code().unwrap(), String::from_utf8_lossy(&ran.stdout).trim().to_owned(), words(&ran))
    }

    fn config(&self, line: &str) -> (i32, String, String) {
        let words: Vec<&str> = ["config"].into_iter().chain(line.split_whitespace()).collect();
        self.run(&words, &[])
    }

    fn get(&self, key: &str) -> String {
        let (code, answer, said) = self.config(&format!("get {key}"));
        assert_eq!(code, 0, "{said}");
        answer
    }
}

#[test]
fn every_setting_is_shown_with_its_value_and_where_it_comes_from() {
    let home = Home::made(&[]);
    let (code, shown, _) = home.run(&["config", "show", "--origin"], &[("DIEM_LOG_LEVEL", "debug")]);
    assert_eq!(code, 0);
    let line = |key: &str| shown.lines().find(|line| line.starts_with(&format!("{key} = "))).unwrap().to_owned();
    assert!(line("log.level").ends_with("# DIEM_LOG_LEVEL") && line("log.level").contains("\"debug\""), "{shown}");
    assert!(line("api.listen").ends_with("# config.toml"), "{shown}");
    // Without origins the answer is a list that TOML reads.
    let (_, plain, _) = home.config("show");
    assert_eq!(plain.lines().count(), shown.lines().count());
    plain.parse::<toml::Table>().unwrap();
    let (_, json, _) = home.config("show --output json");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let sync = json.as_array().unwrap().iter().find(|setting| setting["key"] == "store.sync").unwrap();
    assert_eq!((&sync["value"], &sync["origin"]), (&true.into(), &"config.toml".into()));
}

#[test]
fn a_setting_is_read_and_changed_by_its_name() {
    let home = Home::made(&[]);
    let before = home.text();
    assert_eq!(home.get("store.keep_blocks"), "0");
    let (code, _, said) = home.config("set store.keep_blocks 1000");
    assert!(code == 0 && said.contains("store.keep_blocks is 1000 from the next start of the node on"), "{said}");
    assert_eq!(home.get("store.keep_blocks"), "1000");
    let after = home.text();
    let changed = before.lines().zip(after.lines()).filter(|(old, new)| old != new).count();
    assert_eq!((changed, before.lines().count()), (1, after.lines().count()));
    let (_, _, said) = home.run(&["config", "set", "comet.peers", ""], &[]);
    assert!(said.contains("comet.peers is empty already"), "{said}");
    // What wins over the file is said, because the change would seem to do nothing.
    let (_, _, said) = home.run(&["config", "set", "log.level", "warn"], &[("DIEM_LOG_LEVEL", "debug")]);
    assert!(said.contains("DIEM_LOG_LEVEL in the environment wins over it"), "{said}");
    for (line, expected) in [
        ("set store.keep_block 7", "did you mean `store.keep_blocks`?"),
        ("set store.sync maybe", "neither true nor false"),
        ("set store.keep_blocks many", "diemd: `store.keep_blocks`: `many` is not a whole number"),
        ("set api.listen 127.0.0.1:26657", "both listen on port 26657"),
        ("set comet.raw.p2p.laddr x", "use `comet.p2p` instead"),
        ("get api.lisen", "did you mean `api.listen`?"),
    ] {
        let text = home.text();
        let (code, _, said) = home.config(line);
        assert!(code == 2 && said.contains(expected), "{line}: {code} {said}");
        assert_eq!(home.text(), text, "{line} changed the file");
    }
}

#[test]
fn a_file_of_before_is_read_checked_and_written_anew_with_the_old_one_beside() {
    let home = Home::made(&[]);
    fs::write(home.file(), OLD).unwrap();
    let (code, _, said) = home.config("check");
    assert!(code == 0 && said.contains("`diemd config migrate`"), "{said}");
    assert!(said.contains("`log.level`: the module diem_node::abci is called diem_comet::abci now"), "{said}");
    assert_eq!(home.get("log.level"), "info,diem_comet::abci=debug");
    let (code, _, said) = home.config("set moniker new");
    assert!(code == 2 && said.contains("run `diemd config migrate` first"), "{said}");
    let (code, _, said) = home.config("migrate");
    let kept = home.file().with_extension("toml.v0");
    assert!(code == 0 && said.contains("is of version 1 now") && said.contains(kept.to_str().unwrap()), "{said}");
    assert_eq!(fs::read_to_string(&kept).unwrap(), OLD);
    assert!(home.text().contains("config_version = 1\n") && home.text().contains("# who asks for what"));
    let text = home.text();
    let (code, _, said) = home.config("migrate");
    assert!(code == 0 && said.contains("is of version 1 already"), "{said}");
    assert_eq!(home.text(), text);
    // Another old file does not take the place of the one that is kept.
    fs::write(home.file(), "moniker = \"a\"\n").unwrap();
    home.config("migrate");
    assert_eq!(fs::read_to_string(&kept).unwrap(), OLD);
    assert_eq!(fs::read_to_string(home.file().with_extension("toml.v0.1")).unwrap(), "moniker = \"a\"\n");
}

#[test]
fn a_file_behind_a_link_is_changed_where_it_is() {
    let home = Home::made(&[]);
    let kept = home.0.path().join("kept.toml");
    fs::rename(home.file(), &kept).unwrap();
    std::os::unix::fs::symlink(&kept, home.file()).unwrap();
    for line in ["set moniker other", &format!("role sentry --validator {PEER}"), "migrate"] {
        if line == "migrate" {
            fs::write(&kept, OLD).unwrap();
        }
        let (before, (code, _, said)) = (fs::read_to_string(&kept).unwrap(), home.config(line));
        assert!(code == 0 && fs::symlink_metadata(home.file()).unwrap().is_symlink(), "{line}: {said}");
        assert_ne!(fs::read_to_string(&kept).unwrap(), before, "{line}");
    }
}

#[test]
fn what_a_node_would_not_start_with_is_said() {
    let home = Home::made(&[]);
    for (text, expected) in [
        ("config_version = 2\n", "is of version 2, and this diemd knows versions up to 1"),
        ("config_version = 1\n[api]\nlisen = \"x\"\n", "line 3: unknown key `lisen`"),
        ("config_version = 1\n[comet.raw.p2p]\nlader = \"x\"\n", "is no key of CometBFT 0.38.25"),
        ("config_version = 1\nmoniker = \n", "line 2"),
    ] {
        fs::write(home.file(), text).unwrap();
        for verb in ["check", "show"] {
            let (code, answer, said) = home.config(verb);
            assert!(code == 2 && answer.is_empty() && said.contains(expected), "{verb}: {said}");
        }
        let (code, _, said) = home.run(&["start"], &[]);
        assert!(code == 2 && said.contains(expected), "start: {said}");
    }
    for (text, expected) in [("moniker = \"a\n", "line 1"), ("moniker = \"a\"\nmoniker = \"b\"\n", "line 2")] {
        fs::write(home.file(), text).unwrap();
        let (code, _, said) = home.config("migrate");
        assert!(code == 2 && said.contains("config.toml") && said.contains(expected), "{said}");
        assert_eq!(home.text(), text);
    }
    let nowhere = diemd().args(["config", "show", "--home", "/nowhere"]).output().unwrap();
    assert!(nowhere.status.code() == Some(2) && words(&nowhere).contains("`diemd init` makes a home"));
}

#[test]
fn profiles_and_roles_are_sets_of_settings() {
    let home = Home::made(&["--profile", "validator", "--role", "validator", "--sentries", &format!("{PEER},{PEER}")]);
    let id = PEER.split_once('@').unwrap().0;
    for (key, expected) in [
        ("store.keep_blocks", "100000"),
        ("snapshot.every", "off"),
        ("comet.pex", "false"),
        ("comet.max_inbound", "0"),
        ("comet.peers", &format!("[\"{PEER}\", \"{PEER}\"]")),
    ] {
        assert_eq!(home.get(key), expected, "{key}");
    }
    // What `get` shows of a list `set` takes.
    let (_, _, said) = home.run(&["config", "set", "comet.peers", &home.get("comet.peers")], &[]);
    assert!(said.contains("comet.peers") && home.get("comet.peers") == format!("[\"{PEER}\", \"{PEER}\"]"), "{said}");
    // A home that is there takes a role too, since one side has to be made before the other is known.
    let sentry = Home::made(&["--profile", "public", "--set", "store.keep_time=30d"]);
    assert_eq!((sentry.get("store.keep_time").as_str(), sentry.get("api.cors").as_str()), ("30d", "[\"*\"]"));
    let (code, answer, said) = sentry.config(&format!("role sentry --validator {PEER}"));
    assert!(code == 0 && answer.contains("comet.private_peers"), "{answer}{said}");
    assert_eq!(sentry.get("comet.private_peers"), format!("[\"{id}\"]"));
    assert!(said.contains(&format!("comet.peers was [] and is [\"{PEER}\"]")), "{said}");
    assert!(!said.contains("comet.pex was"), "{said}");
    // A validator that becomes a sentry lets others in again, and keeps those that it knows.
    let other = format!("{}@10.0.0.8:1", "89".repeat(20));
    let (code, _, said) = home.config(&format!("role sentry --validator {other}"));
    assert!(code == 0 && said.contains("comet.max_inbound was 0 and is 40"), "{said}");
    assert_eq!(home.get("comet.peers"), format!("[\"{PEER}\", \"{PEER}\", \"{other}\"]"));
    for (line, expected) in [
        ("role sentry".to_owned(), "a sentry needs its validator"),
        (format!("role validator --validator {PEER}"), "needs them and nothing else"),
        ("role validator --sentries 10.0.0.7:26656".into(), "write it as id@host:port"),
    ] {
        let (code, _, said) = sentry.config(&line);
        assert!(code == 2 && said.contains(expected), "{line}: {said}");
    }
    let made = |flags: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        let ran = diemd().args(["init", "--preset", "dev", "--home"]).arg(&home).args(flags).output().unwrap();
        assert!(!Path::exists(&home.join("config.toml")));
        (ran.status.code(), words(&ran))
    };
    for (flags, expected) in [
        (&["--profile", "light"][..], "there are validator, full, archive, public"),
        (&["--validator", PEER], "belong to a role"),
    ] {
        let (code, said) = made(flags);
        assert!(code == Some(2) && said.contains(expected), "{said}");
    }
}

/// The files that earlier versions have written.
fn old_files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/configs");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "toml")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_starts_with_each_file_of_before_and_names_each_change_in_its_log() {
    let _turn = turn().await;
    let files = old_files();
    assert!(files.iter().any(|file| file.ends_with("v0.toml")));
    for file in files {
        let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
        let (home, _) = comet_home(folder.path(), &ports, ["--preset", "dev"]);
        fs::copy(&file, home.join("config.toml")).unwrap();
        let migrated = version::of_file(&file).unwrap();
        assert!(migrated.is_old(), "{}", file.display());
        let flags = ports.flags();
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let mut node = Single::start(&home, &flags);
        node.api = format!("http://127.0.0.1:{}", 1_317 + ports.offset);
        reach(&node.client(), 2).await;
        let log = fs::read_to_string(home.join("node.log")).unwrap();
        assert!(log.contains("config.toml is of an older version: `diemd config migrate` writes it anew"), "{log}");
        for change in migrated.changes {
            assert!(log.contains(&format!("read as migrated: {change}")), "{change}: {log}");
        }
        assert!(node.stop().success());
        assert_eq!(fs::read(home.join("config.toml")).unwrap(), fs::read(&file).unwrap(), "the file stays as it is");
    }
}
