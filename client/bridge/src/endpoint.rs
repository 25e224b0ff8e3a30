//! What an endpoint of Base is good for.

use anyhow::anyhow;
use clap::Args;
use diem_base::{EndpointReport, SeenBlock, USUAL_PROOF_WINDOW, check_endpoint};
use diem_cli::{Failure, common::Common, failure::failed, output::fields, units};
use diem_core::{Address, Time};
use serde::Serialize;

use crate::base::on_base;

#[derive(Debug, Args)]
pub(crate) struct CheckEndpointCommand {
    /// URL of the endpoint, such as http://127.0.0.1:8545.
    url: String,
}

/// What was found, for people and programs.
#[derive(Debug, Serialize)]
struct Found {
    url: String,
    chain_id: u64,
    latest: Answered<Block>,
    finalized: Answered<Block>,
    proofs_at_latest: Answered<()>,
    proofs_in_window: Answered<()>,
    /// The number of blocks before the newest one at which that was asked.
    window: u64,
    proofs_at_finalized: Answered<()>,
    slowest_answer_ms: u64,
    block_ms: Option<u64>,
    /// Whether the watcher of a validator can work with it.
    good: bool,
}

#[derive(Debug, Serialize)]
struct Block {
    number: u64,
    time: Time,
}

/// An answer, or the reason why there was none.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Answered<T> {
    Yes(T),
    No(String),
}

impl<T> Answered<T> {
    fn of<U>(answer: Result<U, String>, map: impl FnOnce(U) -> T) -> Self {
        match answer {
            Ok(found) => Self::Yes(map(found)),
            Err(reason) => Self::No(reason),
        }
    }

    fn text(&self, map: impl FnOnce(&T) -> String) -> String {
        match self {
            Self::Yes(found) => map(found),
            Self::No(reason) => format!("no: {reason}"),
        }
    }
}

impl CheckEndpointCommand {
    pub(crate) async fn run(self, common: &Common) -> Result<(), Failure> {
        // Any account will do, also where no bridge lies yet.
        let report = check_endpoint(&self.url, &Address::ZERO).await.map_err(on_base)?;
        let found = Found::from(report);
        common.output.print(&found, table)?;
        if found.good { Ok(()) } else { Err(failed(anyhow!("the endpoint is not good enough for the watcher"))) }
    }
}

impl From<EndpointReport> for Found {
    fn from(report: EndpointReport) -> Self {
        let good = report.is_good();
        let block = |seen: SeenBlock| Block { number: seen.number, time: diem_api::base_time(seen.timestamp) };
        let none = |()| ();
        Self {
            url: report.url,
            chain_id: report.chain_id,
            latest: Answered::of(report.latest, block),
            finalized: Answered::of(report.finalized, block),
            proofs_at_latest: Answered::of(report.proofs_at_latest, none),
            proofs_in_window: Answered::of(report.proofs_in_window, none),
            window: report.window,
            proofs_at_finalized: Answered::of(report.proofs_at_finalized, none),
            slowest_answer_ms: report.slowest_answer_ms,
            block_ms: report.block_ms,
            good,
        }
    }
}

fn table(found: &Found) -> String {
    let block = |block: &Block| format!("{}, of {}", block.number, units::date(block.time));
    let yes = |_: &()| "yes".to_owned();
    let in_window = match found.window {
        USUAL_PROOF_WINDOW => "yes".to_owned(),
        fewer => format!("yes, {fewer} blocks before it, for the chain is not older"),
    };
    let verdict = match (found.good, &found.proofs_at_finalized) {
        (false, _) => "no: the watcher needs headers with their hashes and proofs of recent blocks",
        (true, Answered::No(_)) => {
            "yes, for the watcher, which asks for proofs while blocks are young; `verify-supply` needs proofs of final blocks, \
             which a node of your own serves with `--rpc.eth-proof-window`"
        }
        (true, Answered::Yes(_)) => "yes, for the watcher and for `diemd bridge verify-supply`",
    };
    fields([
        ("endpoint", found.url.clone()),
        ("chain id", found.chain_id.to_string()),
        ("newest block", found.latest.text(block)),
        ("newest final block", found.finalized.text(block)),
        ("proofs in the newest block", found.proofs_at_latest.text(yes)),
        (PROOFS_IN_WINDOW, found.proofs_in_window.text(|()| in_window.clone())),
        ("proofs in the newest final block", found.proofs_at_finalized.text(yes)),
        ("slowest answer", format!("{} ms", found.slowest_answer_ms)),
        ("time of a block", found.block_ms.map_or("not seen".to_owned(), |ms| format!("{ms} ms"))),
        ("good enough", verdict.to_owned()),
    ])
}

/// The name of the line about the depth that many endpoints serve.
const PROOFS_IN_WINDOW: &str = {
    assert!(USUAL_PROOF_WINDOW == 128, "the line below names another number");
    "proofs 128 blocks before it"
};
