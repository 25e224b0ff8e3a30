//! Every command that the documentation shows is run, on a devnet of the development engine.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use diem_client::Client;

use crate::support::{client::PATIENCE, left_out::say, ports::Ports};

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_path_buf()
}

/// Lists the pages of the book and the README.
fn pages() -> Vec<PathBuf> {
    let mut folders = vec![root().join("docs/src")];
    let mut pages = vec![root().join("README.md")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    pages.sort();
    pages
}

/// Reads the blocks marked `sh` of a page, in order.
fn commands(page: &Path) -> Vec<String> {
    marked(page, "sh")
}

/// Reads the blocks of a page with this mark, in order.
pub(crate) fn marked(page: &Path, mark: &str) -> Vec<String> {
    let text = std::fs::read_to_string(page).unwrap();
    let begin = format!("```{mark}\n");
    let blocks = text.split(&begin).skip(1);
    blocks.map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

/// A devnet that ends with the test, by its own process id.
pub(crate) struct Devnet {
    child: Child,
    pub(crate) scratch: tempfile::TempDir,
    pub(crate) api: String,
    /// The URL of its metrics.
    metrics: String,
    /// The URL of its local Base, if it has one.
    base: Option<String>,
    _ports: Ports,
}

/// The local Base of the book.
const BASE: &str = "http://127.0.0.1:8545";
/// The metrics of the book.
const METRICS: &str = "http://127.0.0.1:9464/metrics";

/// The page whose commands need CometBFT, and the ports on it that are those of a second node.
const JOINING: &str = "joining.md";
const SECOND_NODE: [(u16, u16); 3] = [(2_317, 1_317), (27_656, 26_656), (27_657, 26_657)];

impl Devnet {
    /// Starts a devnet; `base` gives it a local Base, where its program is installed.
    pub(crate) fn start(engine: &str, base: bool) -> Self {
        let base = base && diem_anvil::find_for_tests().is_some();
        let scratch = tempfile::tempdir().unwrap();
        let ready = scratch.path().join("ready.json");
        let (ports, log) = (Ports::claim(), scratch.path().join("devnet.log"));
        let child = Command::new(env!("CARGO_BIN_EXE_diemd"))
            .args(["devnet", "--engine", engine, "--validators", "1", "--port-offset", &ports.offset.to_string()])
            .args((!base).then_some("--no-base"))
            // These are the default places of the wallet and the devnet for a user whose HOME is this folder.
            .arg("--home")
            .arg(scratch.path().join(".diem"))
            .arg("--ready-file")
            .arg(&ready)
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let mut devnet = Self { child, scratch, api: String::new(), metrics: String::new(), base: None, _ports: ports };
        let started = Instant::now();
        while !ready.exists() {
            let ended = devnet.child.try_wait().unwrap();
            assert!(ended.is_none(), "the devnet ended: {}", std::fs::read_to_string(&log).unwrap());
            assert!(started.elapsed() < PATIENCE, "the devnet does not get ready");
            std::thread::sleep(Duration::from_millis(50));
        }
        let ready: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(ready).unwrap()).unwrap();
        devnet.api = ready["nodes"][0]["api"].as_str().unwrap().to_owned();
        devnet.metrics = ready["nodes"][0]["metrics"].as_str().unwrap().to_owned();
        devnet.base = ready["base"]["rpc"].as_str().map(str::to_owned);
        devnet
    }

    /// Opens a new day: the commands of a script spend, offer and buy on one day, and the days of this chain are short.
    fn next_day(&self) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let client = Client::new(&self.api).unwrap();
            let command = async |name: &str, body: serde_json::Value| {
                let url = format!("{}/v1/dev/{name}", self.api);
                reqwest::Client::new().post(url).json(&body).send().await.unwrap()
            };
            command("mine", serde_json::json!({})).await.error_for_status().unwrap();
            let today = client.today(None).await.unwrap();
            // Where that moment is over already, the next block opens a day anyway.
            command("warp", serde_json::json!({ "to": today.closes_at.time })).await;
            command("mine", serde_json::json!({})).await.error_for_status().unwrap();
            assert!(client.today(None).await.unwrap().day > today.day);
        });
    }

    /// Runs a script as the reader of a page would: with `diemd` in the PATH, in a folder of its own. Nothing else is
    /// set, so that a page which needs more must say so. Only the addresses of the node and of Base differ from the book's,
    /// because the ports of the book may be in use on this machine.
    pub(crate) fn run(&self, script: &str) -> std::process::Output {
        let binaries = Path::new(env!("CARGO_BIN_EXE_diemd")).parent().unwrap();
        let script = script.replace("http://127.0.0.1:1317", &self.api);
        let script = script.replace(METRICS, &self.metrics);
        let script = script.replace(BASE, self.base.as_deref().unwrap_or(BASE));
        let path = format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap());
        Command::new("timeout")
            .args(["--kill-after", "10", "300", "bash", "-euo", "pipefail", "-c", &script])
            .env("PATH", path)
            .current_dir(self.scratch.path())
            .env_remove("DIEM_HOME")
            .env_remove("DIEM_UPDATE_DOCS")
            .env("HOME", self.scratch.path())
            .env("DIEM_NODE", &self.api)
            .output()
            .unwrap()
    }
}

impl Drop for Devnet {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.child.wait();
    }
}

#[test]
fn every_command_of_the_documentation_works() {
    let devnet = Devnet::start("instant", true);
    let mut run = 0;
    for page in pages().into_iter().filter(|page| !page.ends_with(JOINING)) {
        for script in commands(&page) {
            if script.contains(BASE) && devnet.base.is_none() {
                say(&format!("anvil is not installed here: {script}"));
                continue;
            }
            devnet.next_day();
            let output = devnet.run(&script);
            let said =
                format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            assert!(output.status.success(), "{}:\n{script}\n{said}", page.display());
            run += script.lines().count();
        }
    }
    assert!(run > 15, "only {run} commands were found");
}

#[test]
fn a_node_joins_by_the_commands_of_the_page_alone() {
    let (devnet, second) = (Devnet::start("comet", false), Ports::claim());
    let page = root().join("docs/src/operate").join(JOINING);
    let blocks = commands(&page);
    assert_eq!(blocks.len(), 3, "the page has one command, and two steps by hand");
    for mut script in blocks {
        for (written, usual) in SECOND_NODE {
            script = script.replace(&format!("127.0.0.1:{written}"), &format!("127.0.0.1:{}", usual + second.offset));
        }
        // Another test may have the usual ports, and CometBFT was found once already.
        let at = |port: u16| format!("127.0.0.1:{}", port + second.offset);
        let (api, p2p, rpc) = (at(1_317), at(26_656), at(26_657));
        let cache =
            std::env::var("XDG_CACHE_HOME").unwrap_or_else(|_| format!("{}/.cache", std::env::var("HOME").unwrap()));
        let settings = format!(
            "export DIEM_API_LISTEN={api} DIEM_COMET_P2P={p2p} DIEM_COMET_RPC={rpc} DIEM_METRICS_LISTEN=off \
             DIEM_COMET_METRICS=off XDG_CACHE_HOME={cache}"
        );
        // The processes that the script starts end with it, however it ends.
        let script = format!("{settings}\ntrap 'kill $(jobs -p) 2> /dev/null || true' EXIT\n{script}");
        let output = devnet.run(&script);
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let log = std::fs::read_to_string(devnet.scratch.path().join("joined.log")).unwrap_or_default();
        assert!(output.status.success(), "{script}\n{said}\n{log}");
    }
}

#[test]
fn the_readme_names_commands_that_the_makefile_has() {
    let makefile = std::fs::read_to_string(root().join("Makefile")).unwrap();
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        for target in
            text.split("make ").skip(1).filter_map(|rest| rest.split(|c: char| !c.is_ascii_lowercase()).next())
        {
            let known = makefile.contains(&format!("\n{target}:"));
            assert!(
                known
                    || !["devnet", "test", "bench", "lint", "fuzz", "setup", "build", "install", "package"]
                        .contains(&target),
                "make {target}"
            );
        }
    }
}

/// Reads the last cells of the rows of a page's table whose last column has that name.
fn column<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let heading = format!("| {name} |");
    let rows =
        text.lines().skip_while(|line| !line.ends_with(&heading)).skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_end_matches('|').rsplit('|').next().unwrap().trim().trim_matches('`')).collect()
}

#[test]
fn settings_are_called_what_the_configuration_calls_them() {
    let text = std::fs::read_to_string(root().join("docs/src/operate/README.md")).unwrap();
    let (named, known) = (column(&text, "setting"), diem_config::Config::keys());
    assert_eq!(named.len(), 5, "{named:?}");
    for setting in named {
        assert!(known.iter().any(|key| key == setting), "there is no setting `{setting}`");
    }
}

#[test]
fn every_exit_code_is_explained() {
    let text = std::fs::read_to_string(root().join("docs/src/use/README.md")).unwrap();
    let exits = [
        diem_cli::Exit::Failed,
        diem_cli::Exit::Usage,
        diem_cli::Exit::Rejected,
        diem_cli::Exit::FailedInBlock,
        diem_cli::Exit::Unknown,
        diem_cli::Exit::Halted,
        diem_cli::Exit::Signing,
        diem_cli::Exit::Disk,
        diem_cli::Exit::Unwritten,
    ];
    assert!(text.contains("\n| 0 | "));
    for exit in exits {
        assert!(text.contains(&format!("\n| {} | ", exit as u8)), "{exit:?}");
    }
}

#[test]
fn the_page_of_errors_is_the_table_of_errors() {
    let mut page = String::from(
        "# Errors\n\nEvery refusal has a codespace and a number that never change; texts may. `retry` says whether the same bytes may\nsucceed later; those of a transaction only until it is in a block: once it failed there, its answers say `false`. This page\nis generated; `DIEM_UPDATE_DOCS=1 cargo test -p diem-node --test it docs::` writes it.\n\n\
         | codespace | code | name | HTTP | retry |\n|---|---|---|---|---|\n",
    );
    for diem_api::ErrorLine { codespace, code, name, http, retry } in diem_api::error_table() {
        let retry = if retry { "yes" } else { "no" };
        page += &format!("| {codespace} | {code} | {name} | {http} | {retry} |\n");
    }
    generated("errors.md", &page);
}

#[test]
fn the_page_of_routes_is_the_table_of_routes_and_other_pages_name_no_others() {
    let mut page = String::from(
        "# All routes\n\nThis is what `GET /v1` answers, as a table. `{day|today}` takes a number or the word. A list has `after`, its last\nkey so far, and `limit`. Routes under `/v1/dev` exist with the development engine only. This page is generated;\n`DIEM_UPDATE_DOCS=1 cargo test -p diem-node --test it docs::` writes it.\n\n\
         | method | path | query |\n|---|---|---|\n",
    );
    let mut known = vec![("GET".to_owned(), "/v1".to_owned())];
    for line in diem_http::route_lines() {
        let (method, rest) = line.split_once(' ').unwrap();
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let query: Vec<String> = query.split('&').filter(|part| !part.is_empty()).map(code).collect();
        page += &format!("| {method} | {} | {} |\n", code(path), query.join(" "));
        known.push((method.into(), path.into()));
    }
    generated("routes.md", &page);

    // `/v1/x` and `GET /v1/x` in the text of any page are a route, whatever a parameter is called there.
    let shape = |path: &str| -> Vec<String> {
        let name = |part: &str| if part.starts_with('{') { "{}".into() } else { part.to_owned() };
        path.split('/').map(name).collect()
    };
    let mut named = 0;
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        for quoted in text.split('`').skip(1).step_by(2) {
            let (method, path) = quoted.split_once(' ').unwrap_or(("", quoted));
            let path = path.split(['?', ' ']).next().unwrap_or_default();
            if !path.starts_with("/v1") || !["", "GET", "POST"].contains(&method) {
                continue;
            }
            named += 1;
            let fits = |(verb, route): &(String, String)| {
                let as_written = shape(path) == shape(route);
                (method.is_empty() || method == verb) && (as_written || route.starts_with(path) && method.is_empty())
            };
            assert!(known.iter().any(fits), "{} names `{quoted}`, which is no route", page.display());
        }
    }
    assert!(named > 30, "the pages name {named} routes");
}

/// A cell of a table with this text as code.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|"))
}

/// Compares a page that is made by a program with the one in the book, or writes it.
fn generated(name: &str, page: &str) {
    let path = root().join("docs/src/build").join(name);
    if std::env::var_os("DIEM_UPDATE_DOCS").is_some() {
        std::fs::write(&path, page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let write = "run DIEM_UPDATE_DOCS=1 cargo test -p diem-node --test it docs::";
    assert!(written == page, "docs/src/build/{name} is not what the node knows: {write}");
}

/// The texts of all files below a folder whose names end like this, in one.
fn sources(folder: &Path, ending: &str) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = entry.file_name().unwrap().to_string_lossy().into_owned();
        if entry.is_dir() && !["target", "node_modules"].contains(&&*name) {
            text.push_str(&sources(&entry, ending));
        } else if name.ends_with(ending) {
            text.push_str(&std::fs::read_to_string(&entry).unwrap());
        }
    }
    text
}

#[test]
fn every_test_that_the_page_of_failures_names_is_there() {
    let page = std::fs::read_to_string(root().join("docs/src/develop/bridge-failures.md")).unwrap();
    let rooms = ["modules", "runtime", "node", "client", "genesis"].map(|room| sources(&root().join(room), ".rs"));
    let known = [rooms.concat(), sources(&root().join("contracts/test"), ".sol")].concat();
    let rows = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| failure"));
    for row in rows {
        let tests = row.rsplit(" | ").next().unwrap();
        let names: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "no test is named: {row}");
        for name in names {
            let is_module = name.strip_suffix("::").is_some_and(|module| known.contains(&format!("mod {module};")));
            let is_test = ["fn ", "function "].iter().any(|word| known.contains(&format!("{word}{name}(")));
            assert!(is_module || is_test, "there is no test {name}");
        }
    }
}

/// The places that the links of a page lead to, each with its heading if it names one.
pub(crate) fn links(page: &Path) -> Vec<(PathBuf, Option<String>)> {
    let text = std::fs::read_to_string(page).unwrap();
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let inside = targets.filter(|target| !target.contains("://"));
    inside
        .map(|target| {
            let (file, heading) =
                target.split_once('#').map_or((target, None), |(file, heading)| (file, Some(heading)));
            let file = if file.is_empty() { page.into() } else { page.parent().unwrap().join(file) };
            (file, heading.map(str::to_owned))
        })
        .collect()
}

/// Whether a page has a heading that a link calls so.
pub(crate) fn has_heading(page: &Path, wanted: &str) -> bool {
    let text = std::fs::read_to_string(page).unwrap();
    text.lines().filter_map(|line| line.strip_prefix('#')).any(|line| {
        let words = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        words.replace(|letter: char| !letter.is_alphanumeric() && !"-_".contains(letter), "") == wanted
    })
}

#[test]
fn every_link_leads_somewhere() {
    let mut seen = 0;
    for page in pages() {
        for (file, heading) in links(&page) {
            assert!(file.exists(), "{}: {} leads nowhere", page.display(), file.display());
            let is_there = heading.as_ref().is_none_or(|heading| has_heading(&file, heading));
            assert!(is_there, "{}: {} has no heading {heading:?}", page.display(), file.display());
            seen += 1;
        }
    }
    assert!(seen > 10, "the book has links");
    // A page that the book does not list is one that nobody finds.
    let summary = std::fs::read_to_string(root().join("docs/src/SUMMARY.md")).unwrap();
    for page in pages() {
        let Ok(name) = page.strip_prefix(root().join("docs/src")) else { continue };
        assert!(
            name.ends_with("SUMMARY.md") || summary.contains(name.to_str().unwrap()),
            "{} is not listed",
            name.display()
        );
    }
}

#[test]
fn a_client_written_from_the_pages_alone_pays_with_both_kinds_of_key() {
    use diem_core::keys::SecretKey;
    let devnet = Devnet::start("instant", false);
    let program = root().join("docs/examples/pay.py");
    let secret = devnet.scratch.path().join("secret");
    std::fs::write(&secret, hex::encode([1; 32])).unwrap();
    let recipient = "0x00000000000000000000000000000000000000ab";
    let keys = [("ed25519", SecretKey::ed25519(&[1; 32])), ("ethereum", SecretKey::ethereum(&[1; 32]).unwrap())];
    for (kind, key) in keys {
        let fund = devnet.run(&format!("diemd tx transfer {} 5VVV --from alice --yes", key.address()));
        assert!(fund.status.success(), "{}", String::from_utf8_lossy(&fund.stderr));
        let (program, secret) = (program.display(), secret.display());
        let paid =
            devnet.run(&format!("python3 -B {program} {} {kind} {secret} {recipient} 1500000000000000000", devnet.api));
        let said = [paid.stdout, paid.stderr].concat();
        assert!(paid.status.success(), "{kind}: {}", String::from_utf8_lossy(&said));
        assert!(String::from_utf8_lossy(&said).contains(&key.address().to_hex()), "the address of {kind} is another");
    }
    let balance = devnet.run(&format!("diemd query account {recipient} --output json"));
    let account: serde_json::Value = serde_json::from_slice(&balance.stdout).unwrap();
    assert_eq!(account["vvv"]["display"], "3 VVV");
}
