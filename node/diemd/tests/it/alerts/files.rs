//! The files for Prometheus and Grafana, judged without a node.

use std::{fs, process::Command};

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
            assert!(!word(&annotations["command"]).is_empty());
            assert!(["page", "ticket"].contains(&word(&rule["labels"]["severity"]).as_str()));
            Rule { name: word(&rule["alert"]), expr: word(&rule["expr"]), page: word(&annotations["page"]) }
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
