//! The alert rules of `docker/prometheus/rules-bridge.yml`: they name metrics that a node has and pages that the book has,
//! and no fault is without one.

#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use saphyr::{LoadableYamlNode as _, Yaml};

use crate::{faults::Fault, metrics::tests::exported};

/// What somebody should be called for. Source: the specification of the bridge, section 8.
const WANTED: [&str; 12] = [
    "NotAttested",
    "NotRelayed",
    "RelayerLowOnEth",
    "StatementsDisagree",
    "EndpointsDisagree",
    "SetNearExpiry",
    "SetExpired",
    "EarlyAlarm",
    "Halted",
    "SignerStopped",
    "EndpointRefused",
    "CodeChanged",
];

struct Rule {
    name: String,
    expr: String,
    command: String,
    page: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn file() -> PathBuf {
    root().join("docker/prometheus/rules-bridge.yml")
}

/// The rules, each with all that it must have.
fn rules() -> Vec<Rule> {
    let text = fs::read_to_string(file()).unwrap();
    let documents = Yaml::load_from_str(&text).unwrap();
    let [document] = &documents[..] else { panic!("{} documents", documents.len()) };
    let groups = document["groups"].as_vec().unwrap();
    let rules = groups.iter().flat_map(|group| group["rules"].as_vec().unwrap());
    rules
        .map(|rule| {
            let word = |value: &Yaml<'_>| value.as_str().unwrap().to_owned();
            let annotations = &rule["annotations"];
            assert!(word(&annotations["summary"]).ends_with('.'), "a summary is a sentence");
            assert!(["page", "ticket"].contains(&word(&rule["labels"]["severity"]).as_str()));
            Rule {
                name: word(&rule["alert"]),
                expr: word(&rule["expr"]),
                command: word(&annotations["command"]),
                page: word(&annotations["page"]),
            }
        })
        .collect()
}

/// The words of an expression that begin like a metric of this node.
fn metrics_of(expr: &str) -> impl Iterator<Item = &str> {
    expr.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| word.starts_with("diem_"))
}

/// The faults that an expression asks for.
fn faults_of(expr: &str) -> Vec<&str> {
    let quoted = expr.split('"').skip(1).step_by(2);
    quoted.flat_map(|names| names.split('|')).collect()
}

#[test]
fn every_metric_of_a_rule_is_one_that_a_node_with_a_bridge_exports() {
    let (names, _) = exported();
    for rule in rules() {
        let used: Vec<&str> = metrics_of(&rule.expr).collect();
        assert!(!used.is_empty(), "{} asks for nothing of this node", rule.name);
        for metric in used {
            assert!(names.iter().any(|name| name == metric), "{}: no node exports {metric}", rule.name);
        }
    }
}

#[test]
fn every_fault_and_every_failure_of_the_specification_has_a_rule() {
    let rules = rules();
    for wanted in WANTED {
        assert!(rules.iter().any(|rule| rule.name == format!("DiemBridge{wanted}")), "no rule {wanted}");
    }
    let known: BTreeSet<&str> = Fault::ALL.iter().map(|fault| fault.name()).collect();
    let asked: BTreeSet<&str> = rules.iter().flat_map(|rule| faults_of(&rule.expr)).collect();
    assert_eq!(asked, known);
}

#[test]
fn every_rule_names_a_command_and_a_page_of_the_book() {
    for Rule { name, command, page, .. } in rules() {
        assert!(!command.is_empty(), "{name}");
        let (path, anchor) = page.split_once('#').unwrap();
        let text = fs::read_to_string(root().join("docs/src").join(path)).unwrap();
        let headings = text.lines().filter_map(|line| line.strip_prefix("## "));
        let mut anchors = headings.map(|heading| heading.to_lowercase().replace(' ', "-"));
        assert!(anchors.any(|heading| heading == anchor), "{name}: {page} is no page");
        let page = fs::read_to_string(root().join("docs/src/operate/watching.md")).unwrap();
        assert!(page.contains(&format!("`{name}`")), "watching.md does not list {name}");
    }
}

#[test]
fn there_are_as_few_series_as_the_node_counts_on() {
    let registry = crate::metrics::Registry::new();
    let metrics = crate::metrics::Metrics::new(&registry).unwrap();
    ["set", "proposal", "action", "batch", "pause"].iter().for_each(|what| metrics.relayed(what));
    metrics.balance(1);
    metrics.unrelayed(0);
    metrics.watcher();
    let (names, _) = exported();
    let labelled: usize = registry.gather().iter().map(|family| family.get_metric().len() - 1).sum();
    assert!(names.len() + labelled <= 45, "{} and {labelled}", names.len());
}

#[test]
fn no_label_holds_an_address_or_a_url() {
    let (_, values) = exported();
    for value in values {
        let is_word = value.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        assert!(is_word && value.len() < 40, "{value}");
    }
}

#[test]
fn prometheus_reads_the_rules_where_it_is_installed() {
    let checked = match Command::new("promtool").args(["check", "rules"]).arg(file()).output() {
        Ok(checked) => checked,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            #[expect(clippy::print_stderr, reason = "what was left out is said")]
            {
                eprintln!("left out: promtool is not installed here");
            }
            return;
        }
        Err(error) => panic!("{error}"),
    };
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}
