//! What an operator sees by: the metrics of a node, the alert rules of `docker/prometheus`, the dashboard of
//! `docker/grafana`.

mod defects;
mod faults;
mod files;
mod metrics;
mod prometheus;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::support::left_out::say;

/// The root of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_path_buf()
}

/// The folder with promtool and Prometheus; `None`, and a line that says so, where this machine cannot get them.
pub(crate) fn tools() -> Option<PathBuf> {
    let found = Command::new(root().join("scripts/prometheus.sh")).output().unwrap();
    assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
    let folder = String::from_utf8(found.stdout).unwrap().trim().to_owned();
    if folder.is_empty() {
        let why = String::from_utf8_lossy(&found.stderr);
        say(&format!("this machine has no promtool and cannot get one: {why}"));
        return None;
    }
    Some(folder.into())
}

/// The words of an expression that are names of metrics of a node: `diem_*` and `process_*`.
fn names_in(expr: &str) -> impl Iterator<Item = &str> {
    let words = expr.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("diem_") || word.starts_with("process_"))
}
