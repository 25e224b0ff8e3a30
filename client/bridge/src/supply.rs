//! The proof that every nDIEM is covered: what Base proves of the token, and what this chain proves of its escrow, put
//! side by side by this program alone.

use anyhow::anyhow;
use clap::Args;
use diem_api::{BaseCheckpoint, Coin};
use diem_bank::{Pool, pool};
use diem_base::{Base, Facts};
use diem_bridge::{Applied, Attested, Books, Checkpoint, Contract, Halt, inbound, state};
use diem_cli::{
    Failure,
    common::Common,
    failure::failed,
    trust::{TrustSource, not_proven},
};
use diem_client::{LightClient, ProvenAnswer};
use diem_core::{Address, Amount, Denom, StateRead, Time};
use serde::Serialize;

use crate::{base::on_base, tables::supply};

#[derive(Debug, Args)]
pub(crate) struct SupplyCommand {
    /// URL of an endpoint of Base that serves proofs of final blocks. It is believed nothing [default: what more than two
    /// thirds of the validators attested is taken for Base].
    #[arg(long, env = "DIEM_BASE_RPC", value_name = "URL")]
    base_rpc: Option<String>,
    #[command(flatten)]
    trust: TrustSource,
}

/// The rows that both equalities are made of, read from proven state.
struct Rows {
    contract: Option<Contract>,
    applied: Applied,
    attested: Attested,
    books: Books,
    escrow: Amount,
    halt: Option<Halt>,
}

impl Rows {
    fn read(state: &dyn StateRead) -> Self {
        Self {
            contract: state::contract(state),
            applied: inbound::applied(state),
            attested: inbound::attested(state),
            books: state::books(state),
            escrow: pool(state, Pool::BridgeEscrow, Denom::Diem),
            halt: inbound::halt(state),
        }
    }
}

/// Two sums that have to be the same.
#[derive(Debug, Serialize)]
pub(crate) struct Equality {
    /// The names and values of the left side.
    pub(crate) left: Vec<Term>,
    /// The names and values of the right side.
    pub(crate) right: Vec<Term>,
    /// The sum of the left side.
    pub(crate) left_sum: Coin,
    /// The sum of the right side.
    pub(crate) right_sum: Coin,
    /// Whether both are the same.
    pub(crate) holds: bool,
}

/// A value of a sum.
#[derive(Debug, Serialize)]
pub(crate) struct Term {
    /// What it is.
    pub(crate) name: &'static str,
    /// Its amount.
    pub(crate) amount: Coin,
    /// Whether it is taken away.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) minus: bool,
}

/// What both proofs show.
#[derive(Debug, Serialize)]
pub(crate) struct SupplyReport {
    /// The height of this chain whose state was proven.
    pub(crate) height: u64,
    /// The time of the header that holds its root.
    pub(crate) header_time: Time,
    /// The block of Base.
    pub(crate) checkpoint: BaseCheckpoint,
    /// Whether Base's own storage proof shows the supply in that block; otherwise it is what validators attested.
    pub(crate) proven_by_base: bool,
    /// The supply on Base, and the events that make it.
    pub(crate) supply: Equality,
    /// The escrow here, and everything that is owed for it.
    pub(crate) escrow: Equality,
    /// What the escrow is known to lack.
    pub(crate) uncovered: Coin,
    /// The breach by which the bridge is halted.
    pub(crate) halted: Option<String>,
    /// Whether every nDIEM is covered: both equalities hold, and the escrow lacks nothing.
    pub(crate) covered: bool,
}

impl SupplyCommand {
    pub(crate) async fn run(self, common: &Common) -> Result<(), Failure> {
        let client = common.client()?;
        let trust = self.trust.trust(common, &client).await?;
        // The newest state is proven by the block after it, for which the node waits.
        let latest = client.status().await?.latest.map(|head| head.height);
        let mut light = LightClient::new(client, trust);
        let proven = light.ask(latest, Rows::read).await.map_err(not_proven)?;
        let checkpoint = checkpoint(&proven.answer)?;
        if let Some(url) = &self.base_rpc {
            prove(url, &proven.answer, &checkpoint).await?;
        }
        let report = report(&proven, &checkpoint, self.base_rpc.is_some());
        common.output.print(&report, supply::report)?;
        if report.covered { Ok(()) } else { Err(failed(anyhow!("not covered: {}", supply::verdict(&report)))) }
    }
}

/// The block of Base whose events are exactly those that were applied.
fn checkpoint(rows: &Rows) -> Result<Checkpoint, Failure> {
    let none = || {
        failed(anyhow!(
            "no block of Base is completed yet, so that there is nothing to compare: `diemd bridge status` says how far the \
             chain has followed it"
        ))
    };
    let checkpoint = rows.attested.applied.ok_or_else(none)?;
    if checkpoint.event_nonce == rows.applied.event_nonce {
        return Ok(checkpoint);
    }
    Err(failed(anyhow!(
        "events of Base are being applied right now, {} so far: try again once `diemd bridge status` shows no replay",
        rows.applied.event_nonce
    )))
}

/// Has Base prove the facts that validators attested, in the block with the hash that they attested.
async fn prove(url: &str, rows: &Rows, checkpoint: &Checkpoint) -> Result<(), Failure> {
    let contract = rows.contract.as_ref().and_then(|contract| Some((contract.chain_id, contract.deployed?.bridge)));
    let (chain_id, bridge): (u64, Address) =
        contract.ok_or_else(|| failed(anyhow!("the chain has no bridge on Base yet")))?;
    let base = Base::connect(url, chain_id).await.map_err(on_base)?;
    let number = checkpoint.number;
    let proof = base.checkpoint_proof(&bridge, number).await.map_err(|error| {
        failed(anyhow!(
            "Base proves nothing of block {number}: {error}. Many endpoints prove recent blocks only: name one that keeps \
             more, such as a node of your own with `--rpc.eth-proof-window`, or leave --base-rpc out and take the word of \
             more than two thirds of the validators"
        ))
    })?;
    let Some((_, Facts { checkpoint: shown, .. })) = proof else {
        return Err(failed(anyhow!("this endpoint of Base has no block {number}, which validators attested")));
    };
    if shown == *checkpoint {
        return Ok(());
    }
    Err(failed(anyhow!(
        "this endpoint proves another block {number} than validators attested, with {} nDIEM in place of {}: either it \
         follows another chain, or more than two thirds of the validators lie",
        shown.supply.display(Denom::Diem),
        checkpoint.supply.display(Denom::Diem)
    )))
}

fn report(proven: &ProvenAnswer<Rows>, checkpoint: &Checkpoint, proven_by_base: bool) -> SupplyReport {
    let Rows { applied, books, escrow, halt, .. } = &proven.answer;
    let supply = equality(
        vec![plus("nDIEM on Base", checkpoint.supply)],
        vec![
            plus("minted by batches", applied.minted),
            plus("fees minted", applied.fees),
            plus("released from the queue", applied.released),
            minus("burned", applied.burned),
        ],
    );
    let escrow = equality(
        vec![plus("escrow here", *escrow), plus("known to be uncovered", books.uncovered)],
        vec![
            plus("nDIEM on Base", checkpoint.supply),
            plus("waiting to be sealed", books.waiting),
            plus("in open batches", books.open),
            plus("queued on Base", books.queued),
            plus("owed here", books.owed),
        ],
    );
    let covered = supply.holds && escrow.holds && books.uncovered.is_zero();
    SupplyReport {
        height: proven.height,
        header_time: proven.header_time,
        checkpoint: BaseCheckpoint::from(checkpoint),
        proven_by_base,
        supply,
        escrow,
        uncovered: Coin::diem(books.uncovered),
        halted: halt.map(|halt| halt.breach.text()),
        covered,
    }
}

fn plus(name: &'static str, amount: Amount) -> Term {
    Term { name, amount: Coin::diem(amount), minus: false }
}

fn minus(name: &'static str, amount: Amount) -> Term {
    Term { minus: true, ..plus(name, amount) }
}

fn equality(left: Vec<Term>, right: Vec<Term>) -> Equality {
    let (left_sum, right_sum) = (sum(&left), sum(&right));
    // A sum that fits nowhere is no sum.
    let holds = left_sum.is_some() && left_sum == right_sum;
    let coin = |sum: Option<Amount>| Coin::diem(sum.unwrap_or_default());
    Equality { left, right, left_sum: coin(left_sum), right_sum: coin(right_sum), holds }
}

/// The sum of terms, what is taken away last; `None` if it fits nowhere.
fn sum(terms: &[Term]) -> Option<Amount> {
    let of = |minus: bool| terms.iter().filter(move |term| term.minus == minus).map(|term| term.amount.amount);
    let all = of(false).try_fold(Amount::ZERO, |sum, amount| sum.checked_add(amount).ok())?;
    of(true).try_fold(all, |sum, amount| sum.checked_sub(amount).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(amounts: &[(u128, bool)]) -> Vec<Term> {
        let term = |(amount, is_minus): &(u128, bool)| {
            let amount = Amount::new(*amount);
            if *is_minus { minus("", amount) } else { plus("", amount) }
        };
        amounts.iter().map(term).collect()
    }

    #[test]
    fn an_equality_holds_to_the_last_unit_and_never_where_a_sum_does_not_fit() {
        let holds = |left: &[(u128, bool)], right: &[(u128, bool)]| equality(terms(left), terms(right)).holds;
        assert!(holds(&[(7, false)], &[(9, false), (1, false), (3, true)]));
        assert!(!holds(&[(7, false)], &[(9, false), (1, false), (2, true)]));
        assert!(holds(&[(5, false)], &[(9, true), (14, false)]), "the order of terms does not matter");
        assert!(!holds(&[(0, false)], &[(1, false), (2, true)]));
        assert!(!holds(&[(u128::MAX, false), (1, false)], &[(u128::MAX, false), (1, false)]));
    }
}
