//! Relaying by hand: whoever waits for a relayer hands a batch in on Base himself, and gets the fee.

use anyhow::anyhow;
use clap::Subcommand;
use diem_api::{At, Bridge, BridgeBatchDetail, BridgeSignatures, Hash};
use diem_base::{Call, Sender};
use diem_bridge::{Batch, BridgeState, OutboundKind, SignatureList, Threshold, Transfer, ValidatorSet};
use diem_cli::{
    Failure,
    common::{Common, confirm},
    failure::failed,
    output::say,
};
use diem_client::Client;
use serde::Serialize;

use crate::{
    base::{BaseAccount, deployed, on_base},
    tables,
};

/// The verbs by which a user goes on without a relayer.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Have a signed batch minted on Base; its fees are for whoever does it
    #[command(after_help = "Example: diemd bridge relay 1 --base-rpc http://127.0.0.1:8545 --key relayer\n\
                      The newest validator set is sent first where the batch needs it.")]
    Relay {
        /// Nonce of the batch.
        batch: u64,
        /// Do not ask before sending.
        #[arg(long, short)]
        yes: bool,
        #[command(flatten)]
        account: Box<BaseAccount>,
    },
}

impl Verb {
    pub(crate) async fn run(self, common: &Common) -> Result<(), Failure> {
        let Self::Relay { batch, yes, account } = self;
        let client = common.client()?;
        let bridge = client.bridge().await?;
        let place = deployed(&bridge)?.bridge;
        let base_chain_id = bridge.contract.as_ref().map(|contract| contract.base_chain_id).unwrap_or_default();
        let chain_id = client.status().await?.chain_id;
        let sender = account.sender(common, &chain_id, base_chain_id).await?;
        let contract = diem_base::Bridge::new(sender.base().clone(), place);
        let mut relayed = Relayed { batch, already_minted: false, set: None, transactions: Vec::new() };
        if contract.executed(batch).await.map_err(on_base)? {
            relayed.already_minted = true;
        } else {
            let relay = Relay { client: &client, bridge: &bridge, contract: &contract, sender: &sender };
            relay.batch(batch, yes, &mut relayed).await?;
        }
        common.output.print(&relayed, tables::relayed)
    }
}

/// What came of relaying a batch.
#[derive(Debug, Serialize)]
pub(crate) struct Relayed {
    /// The nonce of the batch.
    pub(crate) batch: u64,
    /// Whether somebody was faster.
    pub(crate) already_minted: bool,
    /// The validator set that was sent before it.
    pub(crate) set: Option<u64>,
    /// The hashes of the transactions on Base, in order.
    pub(crate) transactions: Vec<Hash>,
}

struct Relay<'a> {
    client: &'a Client,
    bridge: &'a At<Bridge>,
    contract: &'a diem_base::Bridge,
    sender: &'a Sender,
}

impl Relay<'_> {
    async fn batch(&self, nonce: u64, yes: bool, relayed: &mut Relayed) -> Result<(), Failure> {
        let detail = self.client.bridge_batch(nonce).await?;
        let state = self.contract.state().await.map_err(on_base)?;
        let fee = &detail.batch.fee.display;
        say(&format!(
            "{} pays the gas on Base and gets the fees of batch {nonce}, {fee}",
            self.sender.address().to_hex()
        ));
        let mut signed = self.signatures(OutboundKind::Batch, nonce, state.set_nonce).await?;
        let newest = Some(self.bridge.issued.sets).filter(|newest| *newest > state.set_nonce);
        if let Some(newest) = newest.filter(|_| !state.active || !signed.power.is_enough) {
            signed = self.signatures(OutboundKind::Batch, nonce, newest).await?;
            enough(&signed, "batch")?;
            let call = self.update(newest, &state).await?;
            confirm(&format!("Send validator set {newest} and batch {nonce}?"), yes)?;
            let receipt = self.sender.send(self.contract, &call).await.map_err(on_base)?;
            relayed.set = Some(newest);
            relayed.transactions.push(Hash(receipt.hash));
        } else {
            enough(&signed, "batch")?;
            confirm(&format!("Send batch {nonce}?"), yes)?;
        }
        let (set, list) = decoded(&signed)?;
        let call = Call::submit_batch(&set, &list, &content(&detail));
        let receipt = self.sender.send(self.contract, &call).await.map_err(on_base)?;
        relayed.transactions.push(Hash(receipt.hash));
        Ok(())
    }

    /// The call that puts the newest set in place of the one that Base has.
    async fn update(&self, newest: u64, state: &BridgeState) -> Result<Call, Failure> {
        let signed = self.signatures(OutboundKind::Valset, newest, state.set_nonce).await?;
        enough(&signed, "validator set")?;
        let (set, list) = decoded(&signed)?;
        let newer = self.client.bridge_set(newest).await?;
        let members = ValidatorSet::decode(&newer.bytes.0).map_err(failed)?;
        Ok(Call::update_set(&set, &list, newest, newer.created_at, &members))
    }

    async fn signatures(&self, kind: OutboundKind, nonce: u64, set: u64) -> Result<BridgeSignatures, Failure> {
        Ok(self.client.bridge_signatures(kind, nonce, Some(set)).await?.answer)
    }
}

fn enough(signed: &BridgeSignatures, what: &str) -> Result<(), Failure> {
    let BridgeSignatures { nonce, power, .. } = signed;
    if power.is_enough {
        return Ok(());
    }
    Err(failed(anyhow!(
        "{what} {nonce} is signed by {} of {} power of set {}, which Base has: it takes more than 2/3, so wait for more \
         validators to sign. Nothing of it was sent",
        power.signed,
        power.total,
        power.set
    )))
}

fn decoded(signed: &BridgeSignatures) -> Result<(ValidatorSet, SignatureList), Failure> {
    let set = ValidatorSet::decode(&signed.set_bytes.0).map_err(failed)?;
    let list = SignatureList::decode(&signed.list.0, set.members().len()).map_err(failed)?;
    // Each signature costs gas, and no more of them are needed.
    let list = list.fewest(&set, Threshold::MoreThanTwoThirds).unwrap_or(list);
    Ok((set, list))
}

/// The batch as the contract takes it.
fn content(detail: &At<BridgeBatchDetail>) -> Batch {
    let transfer = |one: &diem_api::BatchTransfer| Transfer { recipient: one.recipient, amount: one.amount.amount };
    Batch {
        nonce: detail.batch.batch.nonce,
        deadline: detail.batch.batch.deadline.millis() / 1_000,
        fee: detail.batch.fee.amount,
        transfers: detail.transfers.iter().map(transfer).collect(),
    }
}
