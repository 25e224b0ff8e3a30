//! What is not well with the home of a node and the machine under it, found without the node: a start that fails says one
//! thing at a time, and only once it fails.
//!
//! ```text
//! running    the node that runs in the home: its process, what the system allows it, and what it says of itself
//! machine    clock, disk, memory, open files, ports and who can reach them
//! owners     whose the files of the home are, who can read them and who can change them
//! keys       signing state, a key that lies in two homes, a remote signer that does not come
//! chain      CometBFT, versions, genesis and clock of the nodes that are asked, peers, snapshots
//! bundle     what support needs to see, without a secret
//! redaction  what may be a secret, in settings and in free text
//! ```
//!
//! It creates and changes nothing in the home: what root makes there, the user of the node cannot use.

mod bundle;
mod chain;
mod keys;
mod machine;
mod owners;
mod redaction;
mod running;

use std::{fs, io, path::PathBuf, time::Duration};

use diem_client::Client;
use diem_config::Config;
use diem_host::home::{Home, HomeError, default_home};
use serde::Serialize;

pub(crate) use bundle::write as write_bundle;
pub(crate) use running::Answers;

use running::Running;

/// The time within which a peer, a node or a server of names answers that is well.
const PATIENCE: Duration = Duration::from_secs(5);

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
    /// Whether a node runs in it, or may run: its ports are then its own.
    pub(crate) runs: bool,
    /// The id of the process of the node that runs, where it can be told.
    pub(crate) process: Option<u32>,
    /// Other nodes of the chain, whose answers are compared.
    pub(crate) nodes: &'a [Client],
}

impl Patient<'_> {
    /// A command of diemd as it is to be typed for this home.
    fn command(&self, line: &str) -> String {
        command(self.home, line)
    }
}

fn command(home: &Home, line: &str) -> String {
    if *home == Home::at(&default_home()) {
        return format!("diemd {line}");
    }
    format!("diemd {line} --home {}", home.root().display())
}

/// What was found, and what a bundle has beside it.
pub(crate) struct Examined {
    /// The findings; those that stop a node come first.
    pub(crate) findings: Vec<Finding>,
    /// What the node says that runs.
    pub(crate) answers: Answers,
    /// The file of the node's log, if it has one.
    pub(crate) log: Option<PathBuf>,
}

/// Looks at a home and its machine; `urls` are those of other nodes of the chain.
pub(crate) async fn examine(home: &Home, urls: &[String]) -> Examined {
    if let Err(finding) = is_home(home) {
        return Examined { findings: vec![finding], answers: Answers::none("there is no home"), log: None };
    }
    let mut found = Vec::new();
    let config = match Config::load(&home.config_file(), std::env::vars(), &[]) {
        Ok(config) => config,
        Err(error) => {
            let todo = command(home, "config check");
            found.push(Finding::stops("configuration", error, "the node does not start with it", todo));
            // What does not depend on the file is looked at all the same.
            Config::default()
        }
    };
    let readable = found.is_empty();
    let nodes = nodes(urls, &mut found);
    let running = running::find(home);
    let (runs, process) = match &running {
        Ok(Running::No) => (false, None),
        Ok(Running::Yes(process)) => (true, *process),
        // Nothing is said that would be wrong where a node runs.
        Err(_) => (true, None),
    };
    let patient = Patient { home, config: &config, runs, process, nodes: &nodes };
    let answers = match running {
        Ok(Running::No) => Answers::none("no node runs in this home"),
        Ok(Running::Yes(_)) if readable => running::ask(&patient, &mut found).await,
        Ok(Running::Yes(_)) => Answers::none("the configuration does not say where the node answers"),
        Err(error) => {
            found.push(hidden(home, error));
            Answers::none("this user may not see whether a node runs")
        }
    };
    machine::examine(&patient, readable, &mut found).await;
    owners::examine(home, &mut found);
    keys::examine(&patient, &mut found).await;
    chain::examine(&patient, readable, &mut found).await;
    found.sort_by_key(|finding| finding.weight);
    let log = Some(&config.log.file).filter(|file| !file.is_empty()).map(|file| home.root().join(file));
    Examined { findings: found, answers, log }
}

/// Whether there is a home that this user can look into.
fn is_home(home: &Home) -> Result<(), Finding> {
    let path = home.config_file();
    match fs::metadata(&path) {
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return Err(hidden(home, HomeError::io(&path, error)));
        }
        Err(_) => {}
    }
    let todo = format!("diemd init --home {0}, or diemd join URL --home {0}", home.root().display());
    let what = match home.missing() {
        HomeError::Missing(root) => format!("{} is not the home of a node", root.display()),
        error => error.to_string(),
    };
    Err(Finding::stops("home", what, "there is no node to look at", todo))
}

/// The finding where this user may not look.
fn hidden(home: &Home, error: HomeError) -> Finding {
    let todo =
        format!("run it as the owner of the home, or as root: sudo diemd doctor --home {}", home.root().display());
    Finding::stops("home", error, "this user cannot tell how the node is", todo)
}

/// Clients of the nodes at these URLs. One that cannot be asked from here is a finding, and the others are asked.
fn nodes(urls: &[String], found: &mut Vec<Finding>) -> Vec<Client> {
    let mut nodes = Vec::new();
    for url in urls {
        match Client::new(url) {
            Ok(node) => nodes.push(node),
            Err(error) => {
                let todo = "do as the sentence says, or name another one with --url";
                found.push(Finding::advice("nodes", error, "nothing could be compared with it", todo));
            }
        }
    }
    nodes
}
