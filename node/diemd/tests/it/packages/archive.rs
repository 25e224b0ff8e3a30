//! The archive that `make package` makes: the same bytes twice, all that it promises, and the way from it to a running
//! node, by the commands of the book alone.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
};

use diem_api::ValidatorStanding;
use diem_client::Client;
use serde_json::Value;

use crate::{
    alerts::tools,
    docs::{Devnet, has_heading, links, marked, root},
    support::{
        client::until,
        home::free_ports,
        ports::Ports,
        process::{Ended, signal, words},
    },
};

/// The moment that all files of the archive bear in these tests.
const TIME: u64 = 1_795_906_800;

/// Packs the program under test, quickly compressed, into this folder.
fn pack(into: &Path) -> PathBuf {
    let engine = diem_comet::find(None, &|_| ()).unwrap();
    let packed = Command::new(root().join("scripts/package.sh"))
        .env("DIEMD", env!("CARGO_BIN_EXE_diemd"))
        .env("COMETBFT", engine.path)
        .env("SOURCE_DATE_EPOCH", TIME.to_string())
        .env("OUT", into)
        .env("LEVEL", "1")
        .output()
        .unwrap();
    assert!(packed.status.success(), "{}", words(&packed));
    PathBuf::from(String::from_utf8(packed.stdout).unwrap().trim())
}

fn listed(archive: &Path) -> Vec<String> {
    let listed = Command::new("tar")
        .args(["--list", "--verbose", "--numeric-owner", "--utc", "--full-time", "--file"])
        .arg(archive)
        .output()
        .unwrap();
    assert!(listed.status.success(), "{}", words(&listed));
    String::from_utf8(listed.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn the_same_commit_gives_the_same_archive_and_nothing_is_missing_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let [once, again] = ["once", "again"].map(|name| {
        let into = folder.path().join(name);
        thread::spawn(move || pack(&into))
    });
    let [once, again] = [once.join().unwrap(), again.join().unwrap()];
    assert!(fs::read(&once).unwrap() == fs::read(&again).unwrap(), "two archives of one commit differ");
    assert_eq!(once.file_name(), again.file_name());

    let mut names = BTreeSet::new();
    for line in listed(&once) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [mode, owner, _, day, time, path] = fields[..] else { panic!("{line}") };
        assert_eq!((owner, day, time), ("0/0", "2026-11-28", "23:00:00"), "{line}");
        assert!(["drwxr-xr-x", "-rw-r--r--", "-rwxr-xr-x"].contains(&mode), "{line}");
        names.insert(path.split_once('/').unwrap().1.to_owned());
    }
    for wanted in [
        "bin/diemd",
        "bin/cometbft",
        "LICENSE",
        "INSTALL.md",
        "CHANGELOG.md",
        "COMPATIBILITY.md",
        "SECURITY.md",
        "SHA256SUMS",
        "book/SUMMARY.md",
        "licences/rust.txt",
        "systemd/diemd.service",
        "prometheus/rules-bridge.yml",
        "completions/diemd.bash",
        "completions/_diemd",
        "completions/diemd.fish",
        "man/man1/diemd.1",
        "man/man1/diemd-tx-create-validator.1",
    ] {
        assert!(names.contains(wanted), "{wanted} is missing: {names:?}");
    }
    // Whatever is watched with is packed.
    for room in ["prometheus", "grafana"] {
        for file in fs::read_dir(root().join("docker").join(room)).into_iter().flatten().flatten() {
            let name = format!("{room}/{}", file.file_name().to_str().unwrap());
            assert!(names.contains(&name) || file.path().is_dir(), "{name} is missing");
        }
    }
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Unpacks an archive where it lies.
fn unpacked(archive: &Path) -> PathBuf {
    let folder = archive.parent().unwrap();
    let ran = Command::new("tar").arg("-xzf").arg(archive).current_dir(folder).output().unwrap();
    assert!(ran.status.success(), "{}", words(&ran));
    folder.join(archive.file_name().unwrap().to_str().unwrap().trim_end_matches(".tar.gz"))
}

#[test]
fn every_page_that_a_file_of_the_archive_names_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let unpacked = unpacked(&pack(folder.path()));
    let mut seen = 0;
    let mut is_there = |file: &Path, named: PathBuf, heading: Option<&str>| {
        seen += 1;
        let has = named.exists() && heading.is_none_or(|heading| has_heading(&named, heading));
        assert!(has, "{} names {} {heading:?}, which is not in the archive", file.display(), named.display());
    };
    let mut pages_of_rules = 0;
    for file in files(&unpacked) {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        let (name, is_page) = (file.strip_prefix(&unpacked).unwrap(), file.extension().is_some_and(|end| end == "md"));
        if is_page {
            links(&file).into_iter().for_each(|(named, heading)| is_there(&file, named, heading.as_deref()));
        }
        if name.starts_with("prometheus") {
            for page in text.lines().filter_map(|line| line.trim().strip_prefix("page: ")) {
                let (page, heading) =
                    page.split_once('#').map_or((page, None), |(page, heading)| (page, Some(heading)));
                is_there(&file, unpacked.join("book").join(page), heading);
                pages_of_rules += 1;
            }
        }
        if name.starts_with("systemd") {
            let manual = text.lines().find_map(|line| line.strip_prefix("Documentation=")).unwrap();
            for page in manual.split(' ') {
                let page = page.strip_prefix("man:").and_then(|page| page.strip_suffix("(1)")).unwrap();
                is_there(&file, unpacked.join(format!("man/man1/{page}.1")), None);
            }
        }
        // What names a file at the root of the archive, in its text or in a comment.
        if !name.starts_with("book") && !name.starts_with("licences") {
            let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && !"/._-".contains(letter));
            for word in words.filter(|word| word.ends_with(".md")) {
                let is_capital = word.trim_end_matches(".md").chars().all(|letter| letter.is_ascii_uppercase());
                if is_capital && word != "README.md" {
                    is_there(&file, unpacked.join(word), None);
                }
            }
        }
    }
    assert!(pages_of_rules > 30 && seen > 150, "{pages_of_rules} pages of rules among {seen}");
}

/// Programs that the machine of a node lacks in a test, or that a test must not use: they do what is left of it without root.
const OF_NODE: [(&str, &str); 5] = [
    ("useradd", "echo \"useradd $*\" >> \"$ROOT/asked\"\n"),
    // Nobody but root can give files away.
    (
        "install",
        "words=()\nwhile [ $# -gt 0 ]; do case \"$1\" in -o|-g) shift 2 ;; *) words+=(\"$1\"); shift ;; esac; done\n\
         exec /usr/bin/install \"${words[@]}\"\n",
    ),
    ("runuser", "[ \"$1 $2 $3\" = '-u diem --' ] || exit 9\nshift 3\nexec \"$@\"\n"),
    (
        "systemctl",
        "echo \"systemctl $*\" >> \"$ROOT/asked\"\n\
         unit=$ROOT/etc/systemd/system/diemd.service\n\
         start() {\n\
         \tline=$(sed -n \"s|^ExecStart=/|$ROOT/|p\" \"$unit\")\n\
         \thome=$(sed -n \"s|^Environment=DIEM_HOME=/|$ROOT/|p\" \"$unit\")\n\
         \tDIEM_HOME=$home setsid $line >> \"$ROOT/journal\" 2>&1 < /dev/null &\n\
         \techo $! > \"$ROOT/pid\"\n\
         \tuntil DIEM_HOME=$home \"$ROOT/usr/local/bin/diemd\" healthz > /dev/null 2>&1; do sleep 0.2; done\n\
         }\n\
         case \"$1\" in\n\
         enable) start ;;\n\
         restart) kill \"$(cat \"$ROOT/pid\")\"; while kill -0 \"$(cat \"$ROOT/pid\")\" 2> /dev/null; do sleep 0.1; done; start ;;\n\
         esac\n",
    ),
    ("journalctl", "cat \"$ROOT/journal\"\n"),
];

/// A person at a terminal gives the passphrase and says yes.
const OF_OPERATOR: [(&str, &str); 1] = [(
    "diemd",
    "echo 'a passphrase of his own' > \"$ROOT/passphrase\"\n\
     case \"$1 $2\" in\n\
     'keys add') set -- \"$@\" --passphrase-file \"$ROOT/passphrase\" ;;\n\
     'tx '*) set -- \"$@\" --passphrase-file \"$ROOT/passphrase\" --yes ;;\n\
     esac\n\
     exec \"$DIEMD\" \"$@\"\n",
)];

/// Of the machine that watches, the packages of the distribution and what is in them.
const OF_WATCHER: [(&str, &str); 4] = [
    ("apt-get", "mkdir -p \"$ROOT/etc/prometheus\"\necho \"apt-get $*\" >> \"$ROOT/asked\"\n"),
    ("systemctl", "echo \"systemctl $*\" >> \"$ROOT/asked\"\n"),
    ("amtool", "echo \"amtool $*\" >> \"$ROOT/asked\"\n"),
    ("promtool", "[ -z \"$TOOLS\" ] || exec \"$TOOLS/promtool\" \"$@\"\n"),
];

/// A machine: a folder in place of its file system.
struct Machine {
    folder: tempfile::TempDir,
    environment: Vec<(&'static str, String)>,
}

impl Machine {
    fn new(standins: &[(&str, &str)], environment: Vec<(&'static str, String)>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, body) in standins {
            let path = folder.path().join("standins").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, format!("#!/bin/bash\n{body}")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        for inside in ["usr/local/bin", "etc/systemd/system", "var/lib"] {
            fs::create_dir_all(folder.path().join(inside)).unwrap();
        }
        Self { folder, environment }
    }

    fn path(&self, inside: &str) -> PathBuf {
        self.folder.path().join(inside)
    }

    /// Runs commands of the book in this folder of the machine.
    fn run(&self, script: &str, at: &Path) -> Output {
        let root = self.folder.path().to_str().unwrap();
        let script = ["/usr/local/", "/usr/share/", "/etc/", "/var/lib/"]
            .into_iter()
            .fold(script.to_owned(), |script, place| script.replace(&format!(" {place}"), &format!(" {root}{place}")));
        Command::new("timeout")
            .args(["--kill-after", "10", "300", "bash", "-euo", "pipefail", "-c", &script])
            .current_dir(at)
            .env_clear()
            .env("ROOT", root)
            .env("HOME", root)
            .env("PATH", format!("{root}/standins:{root}/usr/local/bin:/usr/bin:/bin"))
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .output()
            .unwrap()
    }

    fn asked(&self) -> String {
        fs::read_to_string(self.path("asked")).unwrap_or_default()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let Ok(text) = fs::read_to_string(self.path("pid")) else { return };
        let pid: u32 = text.trim().parse().unwrap();
        if Path::new(&format!("/proc/{pid}")).exists() {
            signal(pid, rustix::process::Signal::TERM);
        }
        while Path::new(&format!("/proc/{pid}")).exists() {
            thread::sleep(std::time::Duration::from_millis(50));
        }
    }
}

/// The blocks of a page that somebody types, in order, each after the words that say who.
fn typed(page: &str) -> Vec<(String, String)> {
    let text = fs::read_to_string(root().join("docs/src/operate").join(page)).unwrap();
    let blocks = text.split("```sh as ").skip(1).map(|rest| rest.split_once('\n').unwrap());
    blocks.map(|(who, rest)| (who.to_owned(), rest.split("```").next().unwrap().to_owned())).collect()
}

/// The command that watches a validator, once.
const WATCH: &str = "validator watch --once --home /var/lib/diem/home";

/// What a script has printed, which must have ended well.
fn said(script: &str, ran: &Output) -> String {
    let said = format!("{}{}", String::from_utf8_lossy(&ran.stdout), words(ran));
    assert!(ran.status.success(), "{script}\n{said}");
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_comes_from_a_bare_machine_to_a_validator_with_alerts_by_the_commands_of_the_page() {
    let (devnet, ports) = (Devnet::start("comet", false), Ports::claim());
    let at_port = |port: u16| format!("127.0.0.1:{}", port + ports.offset);
    let api = format!("http://{}", at_port(1_317));
    let node = Machine::new(
        &OF_NODE,
        vec![
            ("DIEM_API_LISTEN", at_port(1_317)),
            ("DIEM_COMET_P2P", at_port(26_656)),
            ("DIEM_COMET_RPC", at_port(26_657)),
            ("DIEM_NODE", api.clone()),
        ],
    );
    let operator = Machine::new(&OF_OPERATOR, vec![("DIEMD", env!("CARGO_BIN_EXE_diemd").into())]);
    let tools = tools();
    let folder_of_tools = tools.as_ref().map(|folder| folder.to_str().unwrap().to_owned()).unwrap_or_default();
    let watcher = Machine::new(&OF_WATCHER, vec![("TOOLS", folder_of_tools)]);

    let archive = pack(node.folder.path());
    let unpacked = node.path(archive.file_name().unwrap().to_str().unwrap().trim_end_matches(".tar.gz"));
    let genesis = devnet.scratch.path().join(".diem/devnet/genesis.json");
    let hash = said("genesis hash", &devnet.run(&format!("diemd genesis hash {}", genesis.display())));
    // The page names a chain and addresses that are not there, and the architecture of most machines.
    let mut names = vec![
        ("https://one.example https://two.example", devnet.api.clone()),
        ("https://one.example", devnet.api.clone()),
        ("HASH", hash.trim().to_owned()),
        ("node.example", "127.0.0.1".to_owned()),
        ("10.0.0.7:9464", at_port(9_464)),
        ("10.0.0.7:26660", at_port(26_660)),
        ("http://127.0.0.1:1317", api),
        ("linux-x86_64", format!("linux-{}", std::env::consts::ARCH)),
    ];
    let here = |script: &str, names: &[(&str, String)]| {
        names.iter().fold(script.to_owned(), |script, (name, value)| script.replace(name, value))
    };
    let mut last = String::new();
    for (number, (who, block)) in typed("machine.md").iter().enumerate() {
        let script = here(block, &names);
        let (machine, at) = match who.as_str() {
            "root" if number == 0 => (&node, node.folder.path()),
            "root" => (&node, unpacked.as_path()),
            "operator" => (&operator, operator.folder.path()),
            "root of the watcher" => (&watcher, unpacked.as_path()),
            who => panic!("nobody is called {who}"),
        };
        // A validator on a busy machine may have just missed a block, which its watch ends with 1 for.
        let script = script.replace(WATCH, &format!("{WATCH} || [ $? = 1 ]"));
        last = said(&script, &machine.run(&script, at));
        if script.contains("keys show") {
            // What the page has people do between its commands: VVV for the account, and copies of files.
            let address = last.split_whitespace().find(|word| word.starts_with("diem1")).unwrap().to_owned();
            let fund = format!("diemd tx transfer {address} 1100VVV --from alice --yes");
            said(&fund, &devnet.run(&fund));
            names.push(("ADDRESS", address));
        } else if script.contains("validator prove") {
            fs::copy(unpacked.join("proof.json"), operator.path("proof.json")).unwrap();
        } else if script.contains("validator status") {
            assert!(last.contains("last signed    block ") && last.contains("(in this home)"), "{last}");
        }
    }
    assert!(last.is_empty(), "the last command is that of the test alert: {last}");
    let asked = node.asked();
    for line in ["useradd --system --user-group --home-dir", "systemctl enable --now diemd"] {
        assert!(asked.contains(line), "{line}\n{asked}");
    }
    // What was packed is installed, nobody else looks into the home, and the backup has the keys without the signing state.
    assert!(node.path("usr/local/share/man/man1/diemd-start.1").exists());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o077;
    assert_eq!(mode(&node.path("var/lib/diem/home")), 0);
    let backup = unpacked.join("diem-keys.tar.gz");
    assert_eq!(mode(&backup), 0);
    let kept = listed(&backup).concat();
    assert!(kept.contains("priv_validator_key.json") && !kept.contains("priv_validator_state"), "{kept}");
    // The chain has the new validator in its set, and the node shows its state with a proof.
    let validators = Client::new(&devnet.api).unwrap().validators().await.unwrap().answer.items;
    let made = validators.iter().find(|validator| validator.operator.to_string() == names.last().unwrap().1).unwrap();
    assert_eq!(made.standing, ValidatorStanding::Active);
    let proven = here(
        "diemd query account 0x0000000000000000000000000000000000000001 --node http://127.0.0.1:1317 --verify --genesis \
         /var/lib/diem/home/genesis.json",
        &names,
    );
    said(&proven, &node.run(&proven, &unpacked));

    if let Some(tools) = tools {
        sees_the_node(&tools, &watcher).await;
    }
    // The commands of the pages of alerts, and those of a new version.
    for page in fs::read_dir(root().join("docs/src/operate/alerts")).unwrap().map(|page| page.unwrap().path()) {
        for block in marked(&page, "sh as root") {
            // A command that looks ends with 1 where it sees what is not well, as a busy machine is now and then.
            for line in here(&block, &names).lines() {
                let ran = node.run(line, &unpacked);
                assert!(matches!(ran.status.code(), Some(0 | 1)), "{line}: {}", words(&ran));
            }
        }
    }
    let [(_, update)] = &typed("systemd.md")[..] else { panic!("a new version is one block") };
    said(update, &node.run(update, &unpacked));
    assert!(node.asked().contains("systemctl restart diemd"));
    let ready = "until diemd healthz --ready --home /var/lib/diem/home 2> /dev/null; do sleep 0.5; done";
    said(ready, &node.run(ready, &unpacked));
}

/// Starts the Prometheus of the machine that watches: it has all the rules, and reads the node and its CometBFT.
async fn sees_the_node(tools: &Path, watcher: &Machine) {
    let [free] = free_ports();
    let mut command = Command::new(tools.join("prometheus"));
    command.arg(format!("--config.file={}", watcher.path("etc/prometheus/prometheus.yml").display()));
    command.arg(format!("--storage.tsdb.path={}", watcher.path("data").display()));
    command.arg(format!("--web.listen-address={free}")).arg("--log.level=error");
    let _prometheus = Ended(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let ask = async |path: &str| -> Option<Value> {
        let answer = reqwest::get(format!("http://{free}/api/v1/{path}")).await.ok()?;
        serde_json::from_str(&answer.text().await.ok()?).ok()
    };
    until("both are read", async || {
        let up = ask("query?query=sum(up)").await?;
        (up["data"]["result"][0]["value"][1] == "2").then_some(())
    })
    .await;
    let groups = ask("rules").await.unwrap()["data"]["groups"].as_array().unwrap().clone();
    let loaded: usize = groups.iter().map(|group| group["rules"].as_array().unwrap().len()).sum();
    let written = ["rules.yml", "rules-bridge.yml"].map(|name| {
        let text = fs::read_to_string(root().join("docker/prometheus").join(name)).unwrap();
        text.matches("- alert: ").count()
    });
    assert_eq!(loaded, written.iter().sum::<usize>());
    let senders = ask("alertmanagers").await.unwrap();
    assert!(senders.to_string().contains("127.0.0.1:9093/"), "{senders}");
}
