//! `diemd bridge`: DIEM to Base and back, and what belongs to it.
//!
//! ```text
//! out       sends DIEM to Base; a higher fee, and back, until it is sealed
//! back      burns nDIEM on Base, for DIEM here
//! status    the bridge, a transfer or a burn: its state, the reason, the next step
//! supply    proves that every nDIEM is covered
//! base      an endpoint of Base, and the account that pays gas there; endpoint says what one is good for
//! relay     has a batch or a queued item minted on Base; replay hands in what happened there
//! setup     prepare, deploy, activate: the making of the contract
//! params    the parameters, and their change by the authority
//! admin     what the authority orders on Base
//! pause     stops minting there
//! faults    resume, hold, cover: when something is wrong
//! files     statements and evidence that somebody hands over in a file
//! ```
//!
//! Whatever the chain has to do goes the way of `diemd tx`: the same preview, the same guard, one signature.
#![allow(clippy::disallowed_methods, reason = "a command reads clocks; execution does not")]

mod admin;
mod back;
mod base;
mod endpoint;
mod faults;
mod files;
mod out;
mod params;
mod pause;
mod relay;
mod replay;
mod setup;
mod status;
mod supply;
mod tables;

use clap::{Args, Subcommand};
use diem_cli::{
    Failure,
    common::{Common, block_on},
    headings::{Group, template},
    tx::Wallet,
};

/// Send DIEM to Base and back, and look after the bridge.
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
    Back(Back),
    #[command(flatten)]
    Look(status::Verb),
    #[command(flatten)]
    Relay(relay::Verb),
    #[command(flatten)]
    Setup(setup::Verb),
    #[command(flatten)]
    Authority(Authority),
}

/// The verb of the way back.
#[derive(Debug, Subcommand)]
enum Back {
    /// Burn nDIEM on Base, for DIEM on this chain
    #[command(
        after_help = "Example: diemd bridge back 1DIEM --to dave --base-rpc http://127.0.0.1:8545 --from relayer\n\
                      It is paid here once Base takes the block for final, some 20 minutes later; a local Base takes seconds."
    )]
    Back(Box<back::BackCommand>),
}

/// The verbs of the authority, and of whoever watches the validators.
#[derive(Debug, Subcommand)]
enum Authority {
    /// Show the parameters of the bridge, or change some of them as the authority
    Params(params::ParamsCommand),
    /// Order an administrative action on Base, as the authority
    Admin(admin::AdminCommand),
    /// Stop what Base mints, with a third of the validators' power or as the guardian
    Pause(pause::PauseCommand),
    #[command(flatten)]
    Faults(faults::Verb),
    #[command(flatten)]
    Files(files::Verb),
}

fn help() -> String {
    template(&[
        Group::of::<out::Verb>("Sending DIEM to Base"),
        Group::of::<Back>("Bringing it back"),
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
                Verb::Back(Back::Back(command)) => command.run(common).await,
                Verb::Look(verb) => verb.run(common).await,
                Verb::Relay(verb) => verb.run(common).await,
                Verb::Setup(verb) => verb.run(common).await,
                Verb::Authority(Authority::Params(command)) => command.run(common).await,
                Verb::Authority(Authority::Admin(command)) => command.run(&Wallet::open(common).await?).await,
                Verb::Authority(Authority::Pause(command)) => command.run(common).await,
                Verb::Authority(Authority::Faults(verb)) => verb.run(&Wallet::open(common).await?).await,
                Verb::Authority(Authority::Files(verb)) => verb.run(&Wallet::open(common).await?).await,
            }
        })
    }
}
