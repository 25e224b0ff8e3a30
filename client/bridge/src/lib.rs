//! `diemd bridge`: DIEM to Base and what belongs to it.
//!
//! ```text
//! out       sends DIEM to Base; a higher fee, and back, until it is sealed
//! status    the bridge or one transfer: its state, the reason, the next step
//! base      an endpoint of Base, and the account that pays gas there
//! relay     has a batch minted on Base
//! setup     prepare, deploy, activate: the making of the contract
//! params    the parameters, and their change by the authority
//! admin     what the authority orders on Base
//! files     statements and evidence that somebody hands over in a file
//! ```
//!
//! Whatever the chain has to do goes the way of `diemd tx`: the same preview, the same guard, one signature.
#![allow(clippy::disallowed_methods, reason = "a command reads clocks; execution does not")]

mod admin;
mod base;
mod files;
mod out;
mod params;
mod relay;
mod setup;
mod status;
mod tables;

use clap::{Args, Subcommand};
use diem_cli::{
    Failure,
    common::{Common, block_on},
    headings::{Group, template},
    tx::Wallet,
};

/// Send DIEM to Base, and look after the bridge.
#[derive(Debug, Args)]
#[command(help_template = help())]
pub struct BridgeCommand {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    #[command(flatten)]
    Out(out::Verb),
    #[command(flatten)]
    Look(status::Verb),
    #[command(flatten)]
    Relay(relay::Verb),
    #[command(flatten)]
    Setup(setup::Verb),
    #[command(flatten)]
    Authority(Authority),
}

/// The verbs of the authority, and of whoever watches the validators.
#[derive(Debug, Subcommand)]
enum Authority {
    /// Show the parameters of the bridge, or change some of them as the authority
    Params(params::ParamsCommand),
    /// Order an administrative action on Base, as the authority
    Admin(admin::AdminCommand),
    #[command(flatten)]
    Files(files::Verb),
}

fn help() -> String {
    template(&[
        Group::of::<out::Verb>("Sending DIEM to Base"),
        Group::of::<status::Verb>("Looking at it"),
        Group::of::<relay::Verb>("Going on without a relayer"),
        Group::of::<setup::Verb>("Making the bridge"),
        Group::of::<Authority>("Looking after it"),
    ])
}

impl BridgeCommand {
    /// Runs the command and prints its result.
    ///
    /// # Errors
    /// The exit code tells how far a transaction came; the sentence says what to do.
    pub fn run(self) -> Result<(), Failure> {
        let common = &self.common;
        block_on(async {
            match self.verb {
                Verb::Out(verb) => verb.run(&Wallet::open(common).await?).await,
                Verb::Look(verb) => verb.run(common).await,
                Verb::Relay(verb) => verb.run(common).await,
                Verb::Setup(verb) => verb.run(common).await,
                Verb::Authority(Authority::Params(command)) => command.run(common).await,
                Verb::Authority(Authority::Admin(command)) => command.run(&Wallet::open(common).await?).await,
                Verb::Authority(Authority::Files(verb)) => verb.run(&Wallet::open(common).await?).await,
            }
        })
    }
}
