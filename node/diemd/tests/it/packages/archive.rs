//! The archive that `make package` makes: the same bytes twice, all that it promises, and the way from it to a running
//! node, by the commands of the book alone.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
    thread,
};

use crate::{
    docs::{Devnet, marked, root},
    support::{
        ports::Ports,
        process::{signal, words},
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
        "SHA256SUMS",
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

/// Programs that the machine of a test lacks, or that a test must not use: they do what is left of it without root.
const STANDINS: [(&str, &str); 5] = [
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
         \tDIEM_HOME=$home setsid $line > \"$ROOT/journal\" 2>&1 < /dev/null &\n\
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

/// The machine of an operator: a folder in place of its file system.
struct Machine {
    folder: tempfile::TempDir,
    ports: Ports,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, body) in STANDINS {
            let path = folder.path().join("standins").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, format!("#!/bin/bash\n{body}")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        for inside in ["usr/local/bin", "etc/systemd/system", "var/lib"] {
            fs::create_dir_all(folder.path().join(inside)).unwrap();
        }
        Self { folder, ports: Ports::claim() }
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
        let at_port = |port: u16| format!("127.0.0.1:{}", port + self.ports.offset);
        Command::new("timeout")
            .args(["--kill-after", "10", "300", "bash", "-euo", "pipefail", "-c", &script])
            .current_dir(at)
            .env_clear()
            .env("ROOT", root)
            .env("PATH", format!("{root}/standins:{root}/usr/local/bin:/usr/bin:/bin"))
            .env("DIEM_API_LISTEN", at_port(1_317))
            .env("DIEM_COMET_P2P", at_port(26_656))
            .env("DIEM_COMET_RPC", at_port(26_657))
            .env("DIEM_METRICS_LISTEN", "off")
            .env("DIEM_COMET_METRICS", "off")
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

#[test]
fn an_operator_comes_from_the_archive_to_a_running_node_by_the_commands_of_the_page() {
    let (devnet, machine) = (Devnet::start("comet", false), Machine::new());
    let archive = pack(machine.folder.path());
    let page = root().join("docs/src/operate/systemd.md");
    let blocks = marked(&page, "sh as root");
    assert_eq!(blocks.len(), 5, "the archive, the user, the home, the service, and a new version");
    let unpacked = machine.path(archive.file_name().unwrap().to_str().unwrap().trim_end_matches(".tar.gz"));
    for (number, block) in blocks.iter().enumerate() {
        // The page names nodes that are not there, and the architecture of most machines.
        let script = block.replace("https://one.example https://two.example", &devnet.api);
        let script = script
            .replace("node.example", "127.0.0.1")
            .replace("linux-x86_64", &format!("linux-{}", std::env::consts::ARCH));
        let at = if number == 0 { machine.folder.path() } else { &unpacked };
        let ran = machine.run(&script, at);
        let said = format!("{}{}", String::from_utf8_lossy(&ran.stdout), words(&ran));
        assert!(ran.status.success(), "{script}\n{said}");
        if script.contains("journalctl") {
            assert!(said.contains("running") && said.contains("healthy"), "{said}");
        }
    }
    let asked = machine.asked();
    for line in ["useradd --system --user-group --home-dir", "systemctl enable --now diemd", "systemctl restart diemd"]
    {
        assert!(asked.contains(line), "{line}\n{asked}");
    }
    // What was packed is installed: stripped, whole, and with its page.
    assert!(machine.path("usr/local/share/man/man1/diemd-start.1").exists());
    let mode = fs::metadata(machine.path("var/lib/diem/home")).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "nobody else looks into the home");
    // The node follows the chain, and shows its state with a proof.
    let proven = machine.run(
        &format!(
            "until diemd healthz --ready --home /var/lib/diem/home 2> /dev/null; do sleep 0.5; done\n\
             diemd query account 0x0000000000000000000000000000000000000001 --node http://127.0.0.1:{} --verify \
             --genesis /var/lib/diem/home/genesis.json",
            1_317 + machine.ports.offset
        ),
        &unpacked,
    );
    assert!(proven.status.success(), "{}", words(&proven));
}
