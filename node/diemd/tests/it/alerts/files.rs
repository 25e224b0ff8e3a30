//! The files for Prometheus and Grafana, judged without a node.

use std::{fs, process::Command};

use clap::CommandFactory as _;
use diem_node::cli::Cli;
use saphyr::{LoadableYamlNode as _, Yaml};

use super::{names_in, root, tools};

/// What somebody should be called for. Source: the specification of operation, section 8.
const WANTED: [&str; 14] = [
    "DiemDown",
    "DiemBehind",
    "DiemNoPeers",
    "DiemMissingBlocks",
    "DiemJailed",
    "DiemSigningElsewhere",
    "DiemSettlementLate",
    "DiemDiskLow",
    "DiemDiskFullSoon",
    "DiemCometRestarting",
    "DiemSnapshotOld",
    "DiemPanics",
    "DiemHooksFailing",
    "DiemApiRefusing",
];

/// A rule with all that it must have.
pub(super) struct Rule {
    pub(super) name: String,
    pub(super) expr: String,
    pub(super) page: String,
    /// What shows more of it.
    command: String,
}

/// The rules about a node, which all have a sentence, a command and a severity.
pub(super) fn rules() -> Vec<Rule> {
    let text = fs::read_to_string(root().join("docker/prometheus/rules.yml")).unwrap();
    let documents = Yaml::load_from_str(&text).unwrap();
    let groups = documents[0]["groups"].as_vec().unwrap();
    let rules = groups.iter().flat_map(|group| group["rules"].as_vec().unwrap());
    rules
        .map(|rule| {
            let word = |value: &Yaml<'_>| value.as_str().unwrap().to_owned();
            let annotations = &rule["annotations"];
            assert!(word(&annotations["summary"]).ends_with('.'), "a summary is a sentence");
            assert!(["page", "ticket"].contains(&word(&rule["labels"]["severity"]).as_str()));
            let command = word(&annotations["command"]);
            assert!(!command.is_empty());
            Rule { name: word(&rule["alert"]), expr: word(&rule["expr"]), page: word(&annotations["page"]), command }
        })
        .collect()
}

/// The expressions of the dashboard, as Grafana would send them.
pub(super) fn queries() -> Vec<(String, String)> {
    let text = fs::read_to_string(root().join("docker/grafana/dashboards/diem.json")).unwrap();
    let dashboard: serde_json::Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().clone();
    let of = |panel: serde_json::Value| {
        let title = panel["title"].as_str().unwrap().to_owned();
        let targets = panel["targets"].as_array().cloned().unwrap_or_default();
        targets.into_iter().map(move |target| {
            let expr = target["expr"].as_str().unwrap();
            (title.clone(), expr.replace("$instance", ".*").replace("$__rate_interval", "1m"))
        })
    };
    panels.into_iter().flat_map(of).collect()
}

#[test]
fn every_failure_of_the_specification_has_a_rule_with_a_page_and_a_test() {
    let rules = rules();
    for wanted in WANTED {
        assert!(rules.iter().any(|rule| rule.name == wanted), "no rule {wanted}");
    }
    let summary = fs::read_to_string(root().join("docs/src/SUMMARY.md")).unwrap();
    let index = fs::read_to_string(root().join("docs/src/operate/alerts/README.md")).unwrap();
    let tests = fs::read_to_string(root().join("docker/prometheus/tests/rules.yml")).unwrap();
    for Rule { name, page, .. } in rules {
        let text = fs::read_to_string(root().join("docs/src").join(&page)).unwrap();
        assert!(text.starts_with(&format!("# {name}\n")), "{page} is not the page of {name}");
        assert!(summary.contains(&format!("({page})")), "the book does not list {page}");
        assert!(index.contains(&format!("[{name}](")), "the page of alerts does not list {name}");
        assert!(tests.contains(&format!("alertname=\"{name}\"")), "{name} fires in no test");
    }
}

/// What of a page must stand in each, in this order.
const PARTS: [&str; 4] =
    ["\n\n## How to look\n\n```sh as root\n", "\n## What to do\n\n", "\n## When it ends\n\n", "It ends "];

/// The commands of the program that code names. What is called and is none fails; the name alone is that of a service.
fn commands_of_the_program(code: &str) -> Vec<String> {
    let program = Cli::command();
    let called = code.split("diemd ").skip(1).filter(|rest| rest.starts_with(|first: char| first.is_ascii_lowercase()));
    called
        .map(|rest| {
            let mut words = rest.split(|letter: char| !letter.is_ascii_lowercase() && letter != '-');
            let (mut command, mut names) = (&program, Vec::new());
            while command.has_subcommands() {
                names.push(words.next().unwrap_or_default());
                let found = command.find_subcommand(names[names.len() - 1]);
                command = found.unwrap_or_else(|| panic!("`diemd {}` is no command", names.join(" ")));
            }
            names.join(" ")
        })
        .collect()
}

#[test]
fn every_page_of_an_alert_says_how_to_look_what_to_do_and_when_it_ends_by_commands_that_there_are() {
    let rules = rules();
    for Rule { name, page, command, .. } in &rules {
        let text = fs::read_to_string(root().join("docs/src").join(page)).unwrap();
        let mut rest = &text[..];
        for part in PARTS {
            (_, rest) = rest.split_once(part).unwrap_or_else(|| panic!("{page} has no `{part}` in its place"));
        }
        let code = text.split('`').skip(1).step_by(2).collect::<Vec<_>>().join("\n");
        let named = commands_of_the_program(&code);
        assert!(!named.is_empty(), "{page} names no command of ours");
        commands_of_the_program(command);
        // The program does not find the home of a service by itself.
        for call in [command, &code].into_iter().flat_map(|text| text.split("runuser -u diem -- ").skip(1)) {
            let call = call.split([';', '\n']).next().unwrap();
            assert!(call.contains(" --home /var/lib/diem/home"), "{name}: {call} names no home");
        }
    }
    let all: String = rules.iter().map(|rule| format!("{}\n", rule.command)).collect();
    for wanted in
        ["diemd peers", "diemd doctor", "diemd validator status", "diemd healthz --ready", "diemd snapshot list"]
    {
        assert!(all.contains(wanted), "no rule names `{wanted}`");
    }
}

#[test]
fn promtool_takes_rules_tests_and_configuration() {
    let Some(tools) = tools() else { return };
    let folder = root().join("docker/prometheus");
    let run = |args: &[&str]| {
        let output = Command::new(tools.join("promtool")).args(args).current_dir(&folder).output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.success(), told)
    };
    for args in [
        &["check", "rules", "rules.yml", "rules-bridge.yml"][..],
        &["check", "config", "prometheus.yml"],
        &["test", "rules", "tests/rules.yml"],
    ] {
        let (good, told) = run(args);
        assert!(good, "promtool {args:?}: {told}");
    }
    // A rule that is wrong is noticed by its test.
    let broken = tempfile::tempdir().unwrap();
    fs::create_dir(broken.path().join("tests")).unwrap();
    let rules = fs::read_to_string(folder.join("rules.yml")).unwrap();
    let wrong = rules.replace("diem_validator_jailed == 1", "diem_validator_jailed == 2");
    assert_ne!(rules, wrong);
    fs::write(broken.path().join("rules.yml"), wrong).unwrap();
    let tests = broken.path().join("tests/rules.yml");
    fs::copy(folder.join("tests/rules.yml"), &tests).unwrap();
    let (good, told) = run(&["test", "rules", tests.to_str().unwrap()]);
    assert!(!good && told.contains("DiemJailed"), "{told}");
}

#[test]
fn the_dashboard_has_its_uid_and_asks_for_metrics_of_a_node_only() {
    let text = fs::read_to_string(root().join("docker/grafana/dashboards/diem.json")).unwrap();
    let dashboard: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(dashboard["uid"], "diem-node");
    let panels = dashboard["panels"].as_array().unwrap();
    let mut ids: Vec<_> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), panels.len(), "each panel has an id of its own");
    for (title, expr) in queries() {
        assert!(names_in(&expr).next().is_some() || expr.starts_with("up{"), "{title}: {expr}");
        assert!(!expr.contains('$'), "{title} uses a variable that Grafana would not fill: {expr}");
    }
    let (source, provider) = ("provisioning/datasources/prometheus.yml", "provisioning/dashboards/diem.yml");
    for (file, needle) in [(source, "type: prometheus"), (provider, "path: /var/lib/grafana/dashboards")] {
        let text = fs::read_to_string(root().join("docker/grafana").join(file)).unwrap();
        Yaml::load_from_str(&text).unwrap();
        assert!(text.contains(needle), "{file}");
    }
}
