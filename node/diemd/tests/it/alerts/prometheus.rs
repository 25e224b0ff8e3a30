//! A real Prometheus with the rules of the repository, whose times are shortened.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
};

use diem_client::Client;
use serde_json::Value;

use super::root;
use crate::support::{client::until, home::free_ports};

/// What is shortened in the rules: minutes and hours become seconds, in which tests make faults.
const SHORTER: [(&str, &str); 12] = [
    ("for: 1m\n", "for: 2s\n"),
    ("for: 2m\n", "for: 2s\n"),
    ("for: 5m\n", "for: 2s\n"),
    ("for: 10m\n", "for: 2s\n"),
    ("for: 30m\n", "for: 2s\n"),
    ("for: 1h\n", "for: 2s\n"),
    ("[5m]", "[15s]"),
    ("[15m]", "[40s]"),
    ("[1h]", "[30s]"),
    ("[6h]", "[20s]"),
    ("settlement_lag_seconds > 3600", "settlement_lag_seconds > 4"),
    ("+ 600", "+ 5"),
];

/// A Prometheus that reads metrics every second. It ends with its value, by its own process id.
pub(super) struct Prometheus {
    child: Child,
    url: String,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    /// Starts Prometheus for nodes whose metrics, and those of their CometBFT, are at these ports of this machine. It has
    /// the configuration of the repository, but for the targets and the intervals.
    pub(super) async fn start(tools: &Path, ports: &[u16], of_comet: &[u16]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // The first user decides the cryptography that reqwest wants even for http, so our client is made first.
        Client::new("http://127.0.0.1:1").unwrap();
        let shipped = |name: &str| fs::read_to_string(root().join("docker/prometheus").join(name)).unwrap();
        let changed = |mut text: String, changes: &[(&str, &str)]| {
            for (from, to) in changes {
                assert!(text.contains(from), "there is no `{from}` any more");
                text = text.replace(from, to);
            }
            text
        };
        let targets = |ports: &[u16]| {
            let quoted: Vec<String> = ports.iter().map(|port| format!("\"{}\"", instance(*port))).collect();
            quoted.join(", ")
        };
        let config = [
            ("_interval: 15s", "_interval: 1s"),
            ("\"127.0.0.1:9464\"", &targets(ports)),
            ("\"127.0.0.1:26660\"", &targets(of_comet)),
        ];
        fs::write(folder.path().join("prometheus.yml"), changed(shipped("prometheus.yml"), &config)).unwrap();
        fs::write(folder.path().join("rules.yml"), changed(shipped("rules.yml"), &SHORTER)).unwrap();
        fs::write(folder.path().join("rules-bridge.yml"), shipped("rules-bridge.yml")).unwrap();
        let [free] = free_ports();
        let mut command = Command::new(tools.join("prometheus"));
        command.arg("--config.file=prometheus.yml").arg("--storage.tsdb.path=data").current_dir(folder.path());
        command.arg(format!("--web.listen-address={free}")).arg("--log.level=error").stdin(Stdio::null());
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let prometheus = Self { child, url: format!("http://{free}"), _folder: folder };
        until("Prometheus is there", async || {
            let answer = reqwest::get(format!("{}/-/ready", prometheus.url)).await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
        prometheus
    }

    async fn ask(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        let url = reqwest::Url::parse_with_params(&format!("{}{path}", self.url), parameters).unwrap();
        let answer: Value = serde_json::from_str(&reqwest::get(url).await.unwrap().text().await.unwrap()).unwrap();
        assert_eq!(answer["status"], "success", "{path} {parameters:?}: {answer}");
        answer["data"].clone()
    }

    /// The number of series that an expression gives now.
    pub(super) async fn series(&self, expr: &str) -> usize {
        self.ask("/api/v1/query", &[("query", expr)]).await["result"].as_array().unwrap().len()
    }

    /// The alerts that fire now, as `name instance`.
    pub(super) async fn firing(&self) -> Vec<String> {
        let alerts = self.ask("/api/v1/alerts", &[]).await["alerts"].as_array().unwrap().clone();
        let firing = alerts.into_iter().filter(|alert| alert["state"] == "firing");
        let word = |alert: &Value, label: &str| alert["labels"][label].as_str().unwrap_or_default().to_owned();
        firing.map(|alert| format!("{} {}", word(&alert, "alertname"), word(&alert, "instance"))).collect()
    }

    /// Waits until an alert fires for the node with this port.
    pub(super) async fn fires(&self, alert: &str, port: u16) {
        let wanted = format!("{alert} {}", instance(port));
        until(&format!("{wanted} fires"), async || self.firing().await.contains(&wanted).then_some(())).await;
    }

    /// Waits until an alert does not fire any more for the node with this port.
    pub(super) async fn resolves(&self, alert: &str, port: u16) {
        let wanted = format!("{alert} {}", instance(port));
        until(&format!("{wanted} resolves"), async || (!self.firing().await.contains(&wanted)).then_some(())).await;
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The label by which a node is told from others.
fn instance(port: u16) -> String {
    format!("127.0.0.1:{port}")
}
