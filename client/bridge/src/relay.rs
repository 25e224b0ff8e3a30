//! Relaying by hand: whoever waits for a relayer hands a batch in on Base himself, and gets the fee.

use anyhow::anyhow;
use clap::Subcommand;
use diem_api::{At, BridgeBatchDetail, BridgeSignatures, Hash};
use diem_base::Call;
use diem_bridge::{Batch, BridgeState, OutboundKind, SignatureList, Threshold, Transfer, ValidatorSet};
use diem_cli::{
    Failure,
    common::{Common, confirm},
    failure::failed,
    output::say,
};
use serde::Serialize;

use crate::{
    base::{BaseAccount, OnBase, SentOnBase, on_base},
    replay, tables,
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
    /// Have what waits in the queue on Base minted, once its time has come
    #[command(after_help = "Example: diemd bridge release 4 --base-rpc http://127.0.0.1:8545 --key relayer\n\
                      `diemd bridge list --queue` shows what waits and until when.")]
    Release {
        /// Number of the item in the queue.
        queue_id: u64,
        /// Do not ask before sending.
        #[arg(long, short)]
        yes: bool,
        #[command(flatten)]
        account: Box<BaseAccount>,
    },
    /// Hand in events of Base that are attested and that nobody has handed in
    #[command(after_help = "Example: diemd bridge replay --base-rpc http://127.0.0.1:8545 --from dave\n\
                      The chain takes no other events than those of Base, whoever sends them.")]
    Replay(Box<replay::ReplayCommand>),
}

impl Verb {
    pub(crate) async fn run(self, common: &Common) -> Result<(), Failure> {
        match self {
            Self::Relay { batch, yes, account } => Self::relay(common, batch, yes, &account).await,
            Self::Release { queue_id, yes, account } => release(common, queue_id, yes, &account).await,
            Self::Replay(command) => command.run(common).await,
        }
    }

    async fn relay(common: &Common, batch: u64, yes: bool, account: &BaseAccount) -> Result<(), Failure> {
        let on = OnBase::open(common, account).await?;
        let mut relayed = Relayed { batch, already_minted: false, set: None, transactions: Vec::new() };
        if on.contract.executed(batch).await.map_err(on_base)? {
            relayed.already_minted = true;
        } else {
            Relay(&on).batch(batch, yes, &mut relayed).await?;
        }
        common.output.print(&relayed, tables::relayed)
    }
}

/// Mints an item of the queue. What the chain knows of it is shown; whether it can be minted now, the contract says.
async fn release(common: &Common, queue_id: u64, yes: bool, account: &BaseAccount) -> Result<(), Failure> {
    let on = OnBase::open(common, account).await?;
    let what = match on.client.bridge_queue_item(queue_id).await {
        Ok(item) => {
            say(&tables::home::item(&item));
            format!("item {queue_id}, {}", item.amount.display)
        }
        // Base may be ahead of what is attested here.
        Err(_) => format!("item {queue_id}, which this chain does not know of yet"),
    };
    let call = Call::release(queue_id);
    on.contract.simulate(on.sender.address(), &call).await.map_err(on_base)?;
    say(&format!("{} pays the gas on Base; whoever the item is for gets it", on.sender.address().to_hex()));
    confirm(&format!("Have {what} minted?"), yes)?;
    let receipt = on.send(&call).await?;
    let sent = SentOnBase::new(format!("item {queue_id} of the queue is minted"), &receipt);
    common.output.print(&sent, tables::home::sent)
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

struct Relay<'a>(&'a OnBase);

impl Relay<'_> {
    async fn batch(&self, nonce: u64, yes: bool, relayed: &mut Relayed) -> Result<(), Failure> {
        let detail = self.0.client.bridge_batch(nonce).await?;
        let state = self.0.contract.state().await.map_err(on_base)?;
        let fee = &detail.batch.fee.display;
        say(&format!(
            "{} pays the gas on Base and gets the fees of batch {nonce}, {fee}",
            self.0.sender.address().to_hex()
        ));
        let mut signed = self.signatures(OutboundKind::Batch, nonce, state.set_nonce).await?;
        let newest = Some(self.0.bridge.issued.sets).filter(|newest| *newest > state.set_nonce);
        if let Some(newest) = newest.filter(|_| !state.active || !signed.power.is_enough) {
            signed = self.signatures(OutboundKind::Batch, nonce, newest).await?;
            enough(&signed, "batch")?;
            let call = self.update(newest, &state).await?;
            confirm(&format!("Send validator set {newest} and batch {nonce}?"), yes)?;
            let receipt = self.0.send(&call).await?;
            relayed.set = Some(newest);
            relayed.transactions.push(Hash(receipt.hash));
        } else {
            enough(&signed, "batch")?;
            confirm(&format!("Send batch {nonce}?"), yes)?;
        }
        let (set, list) = decoded(&signed, Threshold::MoreThanTwoThirds)?;
        let call = Call::submit_batch(&set, &list, &content(&detail));
        let receipt = self.0.send(&call).await?;
        relayed.transactions.push(Hash(receipt.hash));
        Ok(())
    }

    /// The call that puts the newest set in place of the one that Base has.
    async fn update(&self, newest: u64, state: &BridgeState) -> Result<Call, Failure> {
        let signed = self.signatures(OutboundKind::Valset, newest, state.set_nonce).await?;
        enough(&signed, "validator set")?;
        let (set, list) = decoded(&signed, Threshold::MoreThanTwoThirds)?;
        let newer = self.0.client.bridge_set(newest).await?;
        let members = ValidatorSet::decode(&newer.bytes.0).map_err(failed)?;
        Ok(Call::update_set(&set, &list, newest, newer.created_at, &members))
    }

    async fn signatures(&self, kind: OutboundKind, nonce: u64, set: u64) -> Result<BridgeSignatures, Failure> {
        Ok(self.0.client.bridge_signatures(kind, nonce, Some(set)).await?.answer)
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

/// The set and the fewest of its signatures that reach the threshold.
pub(crate) fn decoded(
    signed: &BridgeSignatures,
    threshold: Threshold,
) -> Result<(ValidatorSet, SignatureList), Failure> {
    let set = ValidatorSet::decode(&signed.set_bytes.0).map_err(failed)?;
    let list = SignatureList::decode(&signed.list.0, set.members().len()).map_err(failed)?;
    // Each signature costs gas, and no more of them are needed.
    let list = list.fewest(&set, threshold).unwrap_or(list);
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
