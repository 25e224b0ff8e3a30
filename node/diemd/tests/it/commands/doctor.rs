//! `diemd doctor` on broken set-ups: each is named, alone and beside another one, and a good one has nothing.

use std::{
    any::Any,
    collections::BTreeSet,
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use diem_api::{Hash, Status};
use diem_types::APP_VERSION;
use serde_json::Value;

use crate::support::{
    disk::SmallDisk,
    files::copy,
    ports::Ports,
    process::{run, words},
    single::{Single, comet_home, instant_home},
};

/// A copy of a good home, on which a break is tried.
struct Trial {
    home: PathBuf,
    urls: Vec<String>,
    /// What the shell does before.
    before: &'static str,
    held: Vec<Box<dyn Any>>,
    _folder: tempfile::TempDir,
}

impl Trial {
    fn of(good: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        copy(good, &home);
        Self { home, urls: Vec::new(), before: "ulimit -n 4096", held: Vec::new(), _folder: folder }
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

    /// Listens where the node would.
    fn occupy(&mut self, key: &str) {
        self.held.push(Box::new(TcpListener::bind(self.setting(key)).unwrap()));
    }

    /// The names of what the doctor finds, and its exit code.
    fn examined(&self) -> (BTreeSet<String>, Option<i32>) {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{}; exec \"$0\" \"$@\"", self.before), env!("CARGO_BIN_EXE_diemd")]);
        command.args(["doctor", "--output", "json", "--home"]).arg(&self.home).stdin(Stdio::null());
        for url in &self.urls {
            command.args(["--url", url]);
        }
        let ran = command.output().unwrap();
        let report: Value = serde_json::from_slice(&ran.stdout).unwrap_or_else(|_| panic!("{}", words(&ran)));
        let mut names = BTreeSet::new();
        for finding in report["findings"].as_array().unwrap() {
            for part in ["what", "why", "todo"] {
                assert!(finding[part].as_str().is_some_and(|text| text.len() > 5), "{finding}");
            }
            names.insert(finding["check"].as_str().unwrap().to_owned());
        }
        (names, ran.status.code())
    }
}

/// A node that says this status at this time, as long as the test runs.
fn node_that_says(status: &Status, date: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let body = serde_json::to_string(status).unwrap();
    let head =
        format!("HTTP/1.1 200 OK\r\ndate: {date}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
        }
    });
    url
}

fn now() -> String {
    httpdate::fmt_http_date(std::time::SystemTime::now())
}

fn status_of(home: &Path) -> Status {
    let genesis = diem_genesis::load(&home.join("genesis.json"), None).unwrap();
    Status {
        chain_id: genesis.chain_id.clone(),
        genesis_hash: Hash(genesis.hash()),
        app_version: APP_VERSION,
        version: "0".into(),
        moniker: "other".into(),
        engine: "cometbft".into(),
        engine_version: None,
        latest: None,
        oldest_state_height: None,
        began_at: None,
        first_block: None,
        snapshots: Vec::new(),
        catching_up: Some(false),
        peers: Some(1),
        trouble: None,
        peer: None,
        uptime_seconds: 1,
    }
}

type Break = (&'static str, i32, fn(&mut Trial));

/// The broken set-ups: what is found, the exit code, and how it is broken. Neighbours do not hide each other.
const BREAKS: [Break; 23] = [
    ("memory", 1, |trial| trial.set("store.cache_mib", "1048576")),
    ("open_files", 1, |trial| trial.before = "ulimit -n 512"),
    ("ports", 1, |trial| trial.occupy("api.listen")),
    ("open_to_the_world", 0, |trial| {
        let metrics = trial.setting("metrics.listen").replace("127.0.0.1", "0.0.0.0");
        trial.set("metrics.listen", &metrics);
    }),
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
    ("genesis", 1, |trial| {
        let mut other = status_of(&trial.home);
        other.genesis_hash = Hash([7; 32]);
        trial.urls.push(node_that_says(&other, &now()));
    }),
    ("signing_state", 1, |trial| fs::remove_file(trial.comet("data/priv_validator_state.json")).unwrap()),
    ("version", 1, |trial| {
        let later = Status { app_version: APP_VERSION + 1, ..status_of(&trial.home) };
        trial.urls.push(node_that_says(&later, &now()));
    }),
    ("key_in_two_homes", 1, |trial| copy(&trial.home, &trial.home.with_file_name("moved"))),
    ("nodes", 0, |trial| trial.urls.push("http://127.0.0.1:9".into())),
    ("key", 1, |trial| fs::remove_file(trial.comet("config/priv_validator_key.json")).unwrap()),
    ("archive", 1, |trial| fs::create_dir(trial.home.join("restore")).unwrap()),
    ("signing_state", 1, |trial| fs::write(trial.comet("data/priv_validator_state.json"), "{}").unwrap()),
    ("clock", 1, |trial| {
        let date = httpdate::fmt_http_date(std::time::SystemTime::now() + std::time::Duration::from_secs(120));
        trial.urls.push(node_that_says(&status_of(&trial.home), &date));
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
        let address = trial.setting("comet.p2p").replace(":2", ":1");
        trial.set("comet.signer", &format!("tcp://{address}"));
    }),
    ("genesis", 1, |trial| fs::write(trial.home.join("genesis.json"), "{").unwrap()),
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
    let mut well = Trial::of(&good);
    well.urls.push(node_that_says(&status_of(&good), &now()));
    assert_eq!(well.examined(), (BTreeSet::new(), Some(0)));
    let screen = run(&["doctor", "--home", good.to_str().unwrap()]);
    assert_eq!(String::from_utf8_lossy(&screen.stdout), "nothing was found that is not well\n");

    for (name, code, hurt) in BREAKS {
        let mut trial = Trial::of(&good);
        hurt(&mut trial);
        assert_eq!(trial.examined(), (BTreeSet::from([name.to_owned()]), Some(code)), "{name}");
    }
    for pair in BREAKS.windows(2) {
        let mut trial = Trial::of(&good);
        pair.iter().for_each(|(_, _, hurt)| hurt(&mut trial));
        let names = pair.iter().map(|(name, _, _)| (*name).to_owned()).collect();
        let code = pair.iter().map(|(_, code, _)| *code).max();
        assert_eq!(trial.examined(), (names, code), "{} and {}", pair[0].0, pair[1].0);
    }
}

#[test]
fn a_small_disk_an_old_snapshot_and_a_folder_without_a_home_are_named() {
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let nothing = run(&["doctor", "--home", folder.path().join("nothing").to_str().unwrap()]);
    assert_eq!(nothing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&nothing.stdout).contains("is not the home of a node"));

    let home = instant_home(folder.path(), &ports);
    let node = Single::start(&home, &[]);
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

#[test]
fn a_bundle_holds_no_secret() {
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let (home, _) = comet_home(folder.path(), &ports, ["--preset", "dev"]);
    let made = run(&["keys", "add", "k", "--home", home.to_str().unwrap(), "--plain-for", "diem-dev-1"]);
    assert!(made.status.success(), "{}", words(&made));
    let endpoint = "http://user:word-of-a-user@127.0.0.1:8545/v2/word-in-a-path?key=word-in-a-query";
    let config = fs::read_to_string(home.join("config.toml")).unwrap();
    let text = config.replace("base_rpc = \"\"", &format!("base_rpc = \"{endpoint}\""));
    fs::write(home.join("config.toml"), &text).unwrap();

    let file = folder.path().join("bundle.tar");
    let line = ["doctor", "--home", home.to_str().unwrap(), "--bundle", file.to_str().unwrap()];
    run(&line);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let bundle = fs::read(&file).unwrap();
    let holds = |secret: &[u8]| memchr::memmem::find(&bundle, secret).is_some();
    assert!(holds(b"findings.json") && holds(b"config.toml") && holds(b"priv_validator_key.json"));
    let mut secrets: Vec<String> =
        ["word-of-a-user", "word-in-a-path", "word-in-a-query"].map(String::from).into_iter().collect();
    // Every string of some length in the files of keys, and every word of a phrase that was shown.
    for path in ["cometbft/config/priv_validator_key.json", "cometbft/config/node_key.json", "bridge_key.json"] {
        secrets.extend(long_strings(&fs::read_to_string(home.join(path)).unwrap()));
    }
    for entry in fs::read_dir(home.join("keys")).unwrap() {
        secrets.extend(long_strings(&fs::read_to_string(entry.unwrap().path()).unwrap()));
    }
    assert!(secrets.len() > 6, "{secrets:?}");
    for secret in secrets {
        assert!(!holds(secret.as_bytes()), "{secret}");
    }
    // A second one does not replace it.
    let again = run(&line);
    assert_eq!(again.status.code(), Some(1));
    assert!(words(&again).contains("cannot be written"), "{}", words(&again));
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
