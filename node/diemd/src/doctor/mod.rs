//! What is not well with the home of a node and the machine under it, found without the node: a start that fails says one
//! thing at a time, and only once it fails.
//!
//! ```text
//! machine  clock, disk, memory, open files, ports and who can reach them
//! keys     owners and modes, signing state, a key that lies in two homes, a remote signer that does not come
//! chain    CometBFT, versions, genesis and clock of the nodes that are asked, peers, snapshots
//! bundle   what support needs to see, without a secret
//! ```

mod bundle;
mod chain;
mod keys;
mod machine;

use diem_client::Client;
use diem_config::Config;
use diem_host::home::{Home, HomeError};
use serde::Serialize;

pub(crate) use bundle::write as write_bundle;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Weight {
    /// The node does not start, does not go on, or must not sign.
    Stops,
    /// It runs, and its operator should know.
    Advice,
}

/// Something that is not well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// The name of the check.
    pub(crate) check: &'static str,
    pub(crate) weight: Weight,
    /// What was found.
    pub(crate) what: String,
    /// What comes of it.
    pub(crate) why: String,
    /// What to type or to do.
    pub(crate) todo: String,
}

impl Finding {
    fn stops(check: &'static str, what: impl ToString, why: impl ToString, todo: impl ToString) -> Self {
        Self::new(check, Weight::Stops, what, why, todo)
    }

    fn advice(check: &'static str, what: impl ToString, why: impl ToString, todo: impl ToString) -> Self {
        Self::new(check, Weight::Advice, what, why, todo)
    }

    fn new(check: &'static str, weight: Weight, what: impl ToString, why: impl ToString, todo: impl ToString) -> Self {
        Self { check, weight, what: what.to_string(), why: why.to_string(), todo: todo.to_string() }
    }
}

/// The home that is looked at.
pub(crate) struct Patient<'a> {
    pub(crate) home: &'a Home,
    pub(crate) config: &'a Config,
    /// Whether a node runs in it: its ports are then its own.
    pub(crate) runs: bool,
    /// Other nodes of the chain, whose answers are compared.
    pub(crate) nodes: &'a [Client],
}

/// Looks at a home and its machine; `nodes` are other nodes of the chain. The findings that stop a node come first.
pub(crate) async fn examine(home: &Home, nodes: &[Client]) -> Vec<Finding> {
    if !home.exists() {
        let why = "there is no node to look at";
        let todo = format!("diemd init --home {0}, or diemd join URL --home {0}", home.root().display());
        let what = match home.missing() {
            HomeError::Missing(root) => format!("{} is not the home of a node", root.display()),
            error => error.to_string(),
        };
        return vec![Finding::stops("home", what, why, todo)];
    }
    let mut found = Vec::new();
    let config = match Config::load(&home.config_file(), std::env::vars(), &[]) {
        Ok(config) => config,
        Err(error) => {
            let todo = format!("diemd config check --home {}", home.root().display());
            found.push(Finding::stops("configuration", error, "the node does not start with it", todo));
            // What does not depend on the file is looked at all the same.
            Config::default()
        }
    };
    let readable = found.is_empty();
    // The lock tells whether a node runs, and is given back at once.
    let runs = match home.lock() {
        Ok(_) => false,
        Err(HomeError::InUse { .. }) => true,
        Err(error) => {
            found.push(Finding::stops(
                "home",
                error,
                "the node cannot write there",
                "give the folder to the user of the node",
            ));
            false
        }
    };
    let patient = Patient { home, config: &config, runs, nodes };
    machine::examine(&patient, readable, &mut found).await;
    keys::examine(&patient, &mut found).await;
    chain::examine(&patient, readable, &mut found).await;
    found.sort_by_key(|finding| finding.weight);
    found
}
