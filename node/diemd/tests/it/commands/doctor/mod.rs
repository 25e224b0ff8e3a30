//! `diemd doctor` on homes and machines in all kinds of states.

mod breaks;

use std::{
    collections::BTreeSet,
    fs,
    io::ErrorKind,
    net::{SocketAddr, TcpListener},
    os::unix::{
        fs::{PermissionsExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use diem_host::ports;
use rustix::process::{Pid, Resource, Rlimit, Signal, geteuid, prlimit};
use serde_json::Value;

use crate::support::{
    client::until,
    disk::SmallDisk,
    files::copy,
    left_out::{left_out, say},
    ports::Ports,
    process::{diemd, run, signal, words},
    single::{Single, comet_home, instant_home, own_chain},
};

/// A copy of a good home, on which a break is tried.
struct Trial {
    home: PathBuf,
    urls: Vec<String>,
    /// What the shell does before.
    before: Vec<&'static str>,
    held: Vec<TcpListener>,
    /// The ports of a home that no other trial has.
    _ports: Option<Ports>,
    _folder: tempfile::TempDir,
}

impl Trial {
    fn of(good: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        copy(good, &home);
        Self { home, urls: Vec::new(), before: vec!["ulimit -n 4096"], held: Vec::new(), _ports: None, _folder: folder }
    }

    /// A good home of a chain that is none of development.
    fn of_a_real_chain() -> Self {
        let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
        let genesis = folder.path().join("genesis.toml");
        fs::write(&genesis, own_chain("doctor-1")).unwrap();
        let (good, _) = comet_home(folder.path(), &ports, ["--genesis", genesis.to_str().unwrap()]);
        let mut trial = Self::of(&good);
        trial._ports = Some(ports);
        trial
    }

    fn comet(&self, file: &str) -> PathBuf {
        self.home.join("cometbft").join(file)
    }

    fn set(&self, key: &str, value: &str) {
        let set = run(&["config", "set", key, value, "--home", self.home.to_str().unwrap()]);
        assert!(set.status.success(), "{}", words(&set));
    }

    fn setting(&self, key: &str) -> String {
        let got = run(&["config", "get", key, "--home", self.home.to_str().unwrap()]);
        String::from_utf8(got.stdout).unwrap().trim().into()
    }

    /// An address of this home that nothing has: of the four nodes for which ports were claimed, it is the first.
    fn spare(&self) -> SocketAddr {
        let p2p: SocketAddr = self.setting("comet.p2p").parse().unwrap();
        SocketAddr::new(p2p.ip(), p2p.port() + 100)
    }

    /// Listens where the node would.
    fn occupy(&mut self, key: &str) {
        self.held.push(TcpListener::bind(self.setting(key)).unwrap());
    }

    fn examined(&self) -> Seen {
        examined(&self.home, &self.before.join("; "), &self.urls)
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        // The next trial has the same ports.
        self.held.drain(..).for_each(ports::give_back);
    }
}

/// The names of what the doctor finds, and its exit code.
type Seen = (BTreeSet<String>, Option<i32>);

/// What is seen where nothing is wrong.
fn well() -> Seen {
    (BTreeSet::new(), Some(0))
}

fn only(name: &str, code: i32) -> Seen {
    (BTreeSet::from([name.to_owned()]), Some(code))
}

/// Looks at a home, after what the shell does before.
fn examined(home: &Path, before: &str, urls: &[String]) -> Seen {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{before}; exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_diemd")]);
    command.args(["doctor", "--output", "json", "--home"]).arg(home).stdin(Stdio::null());
    for url in urls {
        command.args(["--url", url]);
    }
    let ran = command.output().unwrap();
    let report: Value = serde_json::from_slice(&ran.stdout).unwrap_or_else(|_| panic!("{}", words(&ran)));
    let mut names = BTreeSet::new();
    for finding in report["findings"].as_array().unwrap() {
        for part in ["what", "why", "todo"] {
            assert!(finding[part].as_str().is_some_and(|text| text.len() > 5), "{finding}");
        }
        // What is advised is about this home, and not about the default one.
        for line in finding["todo"].as_str().unwrap().split("diemd ").skip(1) {
            let verb = line.split_whitespace().next().unwrap_or_default();
            let names_home = line.contains("--home ") || line.contains("--api ");
            assert!(names_home || !["config", "join", "prune", "snapshot", "healthz"].contains(&verb), "{finding}");
        }
        names.insert(finding["check"].as_str().unwrap().to_owned());
    }
    (names, ran.status.code())
}

/// Waits until the node of a home is ready, asked at its own address or another one.
pub(super) async fn ready(home: &Path, flags: &[&str]) {
    let line = [&["healthz", "--ready", "--home", home.to_str().unwrap()], flags].concat();
    until("a ready node", async || run(&line).status.success().then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_disk_an_old_snapshot_and_a_folder_without_a_home_are_named() {
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let nothing = run(&["doctor", "--home", folder.path().join("nothing").to_str().unwrap()]);
    assert_eq!(nothing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&nothing.stdout).contains("is not the home of a node"));

    let home = instant_home(folder.path(), &ports);
    let node = Single::start(&home, &[]);
    ready(&home, &[]).await;
    let snapshot = home.join("data/snapshots/1");
    fs::create_dir_all(&snapshot).unwrap();
    assert!(Command::new("touch").args(["-d", "2 days ago"]).arg(&snapshot).status().unwrap().success());
    let ran = run(&["doctor", "--home", home.to_str().unwrap()]);
    let screen = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(screen.contains("advice: snapshots") && ran.status.success(), "{screen}");
    drop(node);

    let small = tempfile::tempdir().unwrap();
    let Some(mut disk) = SmallDisk::mount(small.path(), "100m") else { return };
    let (copied, said) = (small.path().join("home"), folder.path().join("said"));
    assert_eq!(disk.run(&format!("cp -a '{}' '{}'", home.display(), copied.display())), Some(0));
    let diemd = env!("CARGO_BIN_EXE_diemd");
    let line = format!("'{diemd}' doctor --home '{}' > '{}' 2>&1", copied.display(), said.display());
    assert_eq!(disk.run(&line), Some(1));
    let said = fs::read_to_string(said).unwrap();
    assert!(said.contains("STOPS: disk") && said.contains("make room"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_node_that_runs_is_asked_and_its_own_limits_count() {
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let home = instant_home(folder.path(), &ports);
    let (many, few) = ("ulimit -n 4096", "ulimit -n 512");
    assert_eq!(examined(&home, few, &[]), only("open_files", 1));
    let node = Single::start(&home, &[]);
    ready(&home, &[]).await;
    assert_eq!(examined(&home, few, &[]), well());
    let limit = Rlimit { current: Some(600), maximum: Some(600) };
    prlimit(Pid::from_raw(i32::try_from(node.pid()).unwrap()), Resource::Nofile, limit).unwrap();
    assert_eq!(examined(&home, many, &[]), only("open_files", 1));
    drop(node);

    let node = Single::start(&home, &[]);
    ready(&home, &[]).await;
    signal(node.pid(), Signal::STOP);
    assert_eq!(examined(&home, many, &[]), only("readiness", 1));
    signal(node.pid(), Signal::CONT);
    drop(node);

    // What such a node would need is more than any disk has.
    let node = Single::start(&home, &["--set", "ready.disk_mib=1000000000"]);
    until("a node that is not ready", async || {
        let asked = run(&["healthz", "--ready", "--home", home.to_str().unwrap()]);
        words(&asked).contains("the disk has room for").then_some(())
    })
    .await;
    assert_eq!(examined(&home, many, &[]), only("readiness", 0));
    drop(node);

    // One that was started with another address works all the same.
    let elsewhere = format!("127.0.0.1:{}", 1_417 + ports.offset);
    let node = Single::start(&home, &["--api", &elsewhere]);
    ready(&home, &["--api", &elsewhere]).await;
    assert_eq!(examined(&home, many, &[]), only("readiness", 0));
    drop(node);

    let list = || {
        let listed = Command::new("find").arg(&home).args(["-printf", "%p %U %m %i %s %T@\\n"]).output().unwrap();
        String::from_utf8(listed.stdout).unwrap()
    };
    let before = list();
    assert_eq!(examined(&home, many, &[]), well());
    assert_eq!(list(), before, "nothing in the home is changed");
}

#[test]
fn the_files_are_judged_for_the_owner_of_the_home_and_not_for_who_asks() {
    if !geteuid().is_root() {
        left_out("root", "only root can give files to other users");
        return;
    }
    let (owner, other) = (12_345, 54_321);
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let (good, _) = comet_home(folder.path(), &ports, ["--preset", "dev"]);
    let trial = Trial::of(&good);
    let given = Command::new("chown").args(["-R", &format!("{owner}:{owner}")]).arg(&trial.home).status().unwrap();
    assert!(given.success());
    assert_eq!(trial.examined(), well());

    let key = "cometbft/config/priv_validator_key.json";
    for path in ["data/LOCK", "data/LOG", "cometbft/data/LOG"] {
        fs::write(trial.home.join(path), "").unwrap();
        chown(trial.home.join(path), Some(owner), Some(owner)).unwrap();
    }
    let cases = [
        (key, (0, 0, 0o600), Some("key_owner")),
        // What root lends to the group of the node alone is as good as its own.
        (key, (0, owner, 0o640), None),
        (key, (other, owner, 0o640), Some("key_owner")),
        (key, (owner, owner, 0o200), Some("key_owner")),
        ("config.toml", (0, 0, 0o600), Some("home_owner")),
        ("config.toml", (0, 0, 0o644), None),
        ("genesis.json", (0, 0, 0o640), Some("home_owner")),
        ("cometbft/data", (0, 0, 0o755), Some("home_owner")),
        ("run", (other, other, 0o755), Some("home_owner")),
        // Some files are opened for writing as they are.
        ("data/LOCK", (0, 0, 0o644), Some("home_owner")),
        ("data/LOG", (0, 0, 0o644), None),
        ("cometbft/data/LOG", (0, 0, 0o644), Some("home_owner")),
        ("data/LOCK", (owner, owner, 0o600), None),
    ];
    for (path, (user, group, mode), finding) in cases {
        let path = trial.home.join(path);
        let kept = fs::metadata(&path).unwrap().permissions();
        chown(&path, Some(user), Some(group)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let expected = finding.map_or_else(well, |name| only(name, 1));
        assert_eq!(trial.examined(), expected, "{} of {user}:{group} {mode:o}", path.display());
        chown(&path, Some(owner), Some(owner)).unwrap();
        fs::set_permissions(&path, kept).unwrap();
    }

    // Who may not look is told that, and not that there is no node.
    fs::set_permissions(trial.home.parent().unwrap(), fs::Permissions::from_mode(0o755)).unwrap();
    let ran = diemd().args(["doctor", "--home"]).arg(&trial.home).uid(other).gid(other).output();
    match ran {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            say(&format!("no other user can run {}", env!("CARGO_BIN_EXE_diemd")));
        }
        ran => {
            let screen = String::from_utf8(ran.unwrap().stdout).unwrap();
            assert!(screen.contains("STOPS: home") && screen.contains("Permission denied"), "{screen}");
        }
    }
}

#[test]
fn a_key_of_a_real_chain_in_two_homes_stops_the_node() {
    let trial = Trial::of_a_real_chain();
    copy(&trial.home, &trial.home.with_file_name("moved"));
    assert_eq!(trial.examined(), only("key_in_two_homes", 1));
}

#[test]
fn blocks_that_are_pruned_while_evidence_counts_leave_headers_on_a_real_chain() {
    let trial = Trial::of_a_real_chain();
    assert_eq!(trial.examined(), well());
    let seen = |blocks: &str, time: &str, block_time: &str| {
        trial.set("store.keep_blocks", blocks);
        trial.set("store.keep_time", time);
        trial.set("comet.block_time", block_time);
        trial.examined()
    };
    let left = only("left_headers", 0);
    assert_eq!(seen("100000", "off", "1s"), left);
    let screen = run(&["doctor", "--home", trial.home.to_str().unwrap()]);
    let advised = format!("diemd config set store.keep_time 13d --home {}", trial.home.display());
    let screen = String::from_utf8_lossy(&screen.stdout).into_owned();
    assert!(screen.contains(&advised), "{screen}");
    assert_eq!(seen("0", "8d", "100ms"), left);
    // A million blocks of a second are more than nine days.
    assert_eq!(seen("0", "9d", "1s"), left);
    for (blocks, time, block_time) in
        [("100000", "13d", "1s"), ("0", "9d", "100ms"), ("1000000", "off", "1s"), ("0", "off", "1s")]
    {
        assert_eq!(seen(blocks, time, block_time), well(), "{blocks} {time} {block_time}");
    }

    // The chains of devnets do not live that long.
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let (dev, _) = comet_home(folder.path(), &ports, ["--preset", "dev"]);
    let trial = Trial::of(&dev);
    trial.set("store.keep_blocks", "100");
    assert_eq!(trial.examined(), well());
}

#[test]
fn file_systems_and_limits_of_control_groups_are_named() {
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let (home, said) = (instant_home(folder.path(), &ports), folder.path().join("said"));
    let line = |home: &Path| {
        let (diemd, home, said) = (env!("CARGO_BIN_EXE_diemd"), home.display(), said.display());
        format!("'{diemd}' doctor --home '{home}' > '{said}' 2>&1")
    };
    let small = tempfile::tempdir().unwrap();
    if let Some(mut disk) = SmallDisk::mount(small.path(), "100m") {
        let copied = small.path().join("home");
        let read_only = format!(
            "cp -a '{}' '{}' && mount -o remount,ro '{}'",
            home.display(),
            copied.display(),
            small.path().display()
        );
        assert_eq!((disk.run(&read_only), disk.run(&line(&copied))), (Some(0), Some(1)));
        let screen = fs::read_to_string(&said).unwrap();
        assert!(screen.contains("STOPS: file_system") && screen.contains("read-only"), "{screen}");

        let groups = "mount -t tmpfs tmpfs /sys/fs/cgroup && mkdir /sys/fs/cgroup/memory";
        assert_eq!(disk.run(groups), Some(0));
        for (file, limit) in [("memory.max", 300_u64), ("memory/memory.limit_in_bytes", 200)] {
            assert_eq!(disk.run(&format!("echo {} > /sys/fs/cgroup/{file}", limit << 20)), Some(0));
            disk.run(&line(&home));
            let screen = fs::read_to_string(&said).unwrap();
            let is_named =
                screen.contains(&format!("the control group of a node that is started from here has {limit} MiB"));
            assert!(is_named && screen.contains("STOPS: memory"), "{file}: {screen}");
        }
    }

    // A file system of this kind tells what it is to everybody, also where nobody serves it; it needs root.
    let snapshots = home.join("data/snapshots");
    fs::create_dir_all(&snapshots).unwrap();
    let mount = "exec 7<>/dev/fuse && mount -i -t fuse -o fd=7,rootmode=40000,user_id=1,group_id=1 fuse";
    let script = format!("{{ {mount} '{}'; }} || exit 77; {}", snapshots.display(), line(&home));
    let ran = Command::new("unshare").args(["--mount", "bash", "-c", &script]).output();
    match ran {
        Ok(ran) if ran.status.code() == Some(77) || words(&ran).contains("unshare failed") => {
            left_out("fuse", format!("this machine does not let a test mount FUSE: {}", words(&ran)));
        }
        Err(_) => left_out("fuse", "there is no unshare here"),
        Ok(_) => {
            let screen = fs::read_to_string(&said).unwrap();
            assert!(screen.contains("advice: file_system") && screen.contains("data/snapshots is on FUSE"), "{screen}");
        }
    }
}
