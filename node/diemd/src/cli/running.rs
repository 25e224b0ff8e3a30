//! The commands that speak to the running node of a home over its control socket: `diemd peers`, `diemd log` and
//! `diemd drain`. They work with its HTTP API off, and for nobody but the node's own user.

use anyhow::anyhow;
use clap::{Args, Subcommand};
use diem_cli::{
    Failure,
    failure::{failed, usage},
    output::{Output, fields, hint, list, quoted},
};
use diem_config::Length;
use serde::Serialize;

use super::{node::HomeArgs, snapshot::home_of};
use crate::{
    control::{self, Answer, Direction, Peer, Request},
    start::check_level,
};

/// Asks the running node of a home.
fn ask(args: &HomeArgs, request: &Request) -> Result<Answer, Failure> {
    control::ask(&home_of(args)?, request).map_err(failed)
}

/// The failure where a node has answered something else than it was asked.
fn another_answer() -> Failure {
    failed(anyhow!("the node answers another question: use the diemd that the node runs"))
}

/// Lists the nodes that the running node of a home is connected to.
#[derive(Debug, Args)]
pub struct PeersCommand {
    #[command(flatten)]
    home: HomeArgs,
    /// How to print the list.
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    output: Output,
}

#[derive(Debug, Serialize)]
struct Peers {
    peers: Vec<Peer>,
}

impl PeersCommand {
    /// Runs the command and prints its result.
    ///
    /// # Errors
    /// No node runs in the home, or its CometBFT does not answer.
    pub fn run(self) -> Result<(), Failure> {
        let Answer::Peers(peers) = ask(&self.home, &Request::Peers)? else { return Err(another_answer()) };
        if peers.is_empty() {
            hint("the node is connected to no other");
        }
        self.output.print(&Peers { peers }, |Peers { peers }| list(HEADINGS, peers.iter().map(row)))
    }
}

const HEADINGS: [&str; 6] = ["id", "address", "name", "direction", "height", "connected since"];

fn row(peer: &Peer) -> [String; 6] {
    let direction = match peer.direction {
        Direction::Inbound => "in",
        Direction::Outbound => "out",
    };
    let height = peer.height.map_or_else(|| "-".to_owned(), |height| height.to_string());
    let (id, address, since) = (peer.id.clone(), peer.address.clone(), peer.since.to_string());
    [id, address, quoted(&peer.moniker), direction.into(), height, since]
}

/// Looks at the log of the running node of a home, and changes it.
#[derive(Debug, Args)]
pub struct LogCommand {
    #[command(subcommand)]
    verb: LogVerb,
}

#[derive(Debug, Subcommand)]
enum LogVerb {
    /// Show the level of the log, or set another one until the node ends
    Level(LevelCommand),
}

#[derive(Debug, Args)]
struct LevelCommand {
    /// Level to set: off, error, warn, info, debug or trace, or by module such as info,diem_comet=debug.
    #[arg(value_name = "LEVEL")]
    level: Option<String>,
    #[command(flatten)]
    home: HomeArgs,
    /// How to print the level.
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    output: Output,
}

#[derive(Debug, Serialize)]
struct LevelView {
    level: String,
}

impl LogCommand {
    /// Runs the command and prints its result.
    ///
    /// # Errors
    /// No node runs in the home, or the level is none.
    pub fn run(self) -> Result<(), Failure> {
        let LogVerb::Level(LevelCommand { level, home, output }) = self.verb;
        if let Some(level) = &level {
            check_level(level).map_err(usage)?;
        }
        let sets = level.is_some();
        let Answer::Level(level) = ask(&home, &Request::Level(level))? else { return Err(another_answer()) };
        if sets {
            hint("this lasts until the node ends: `diemd config set log.level` is for its next starts");
        }
        output.print(&LevelView { level }, |view| fields([("level", view.level.clone())]))
    }
}

/// Has the running node of a home end in order, as SIGTERM does.
#[derive(Debug, Args)]
pub struct DrainCommand {
    #[command(flatten)]
    home: HomeArgs,
    /// How to print what the node does.
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    output: Output,
}

#[derive(Debug, Serialize)]
struct Stops {
    /// The time for which the node still answers, in milliseconds.
    drain_ms: u64,
}

impl DrainCommand {
    /// Runs the command and prints its result. It does not wait for the end of the node.
    ///
    /// # Errors
    /// No node runs in the home.
    pub fn run(self) -> Result<(), Failure> {
        let Answer::Stops { drain_ms } = ask(&self.home, &Request::Drain)? else { return Err(another_answer()) };
        self.output.print(&Stops { drain_ms }, |stops| match stops.drain_ms {
            0 => "the node is stopping".into(),
            drain => format!("the node is stopping, and answers for {} more", Length(drain)),
        })
    }
}

#[cfg(test)]
mod tests {
    use diem_core::Time;

    use super::*;

    #[test]
    fn the_name_of_a_peer_steers_no_terminal_and_ends_no_quotes() {
        let hostile = "x\" \u{1b}[2J\n\u{202e}\u{9b}\u{200b}";
        let peer = Peer {
            id: "ab".repeat(20),
            address: "10.0.0.7:26656".into(),
            moniker: hostile.into(),
            direction: Direction::Inbound,
            height: None,
            since: Time(0),
        };
        let table = list(HEADINGS, [row(&peer)]);
        assert_eq!(table.lines().count(), 2, "{table}");
        assert!(table.contains(r#""x\u{22} \u{1b}[2J\u{a}\u{202e}\u{9b}\u{200b}""#), "{table}");
        assert!(table.contains("  in         -  "), "{table}");
    }
}
