//! The verbs that look: the bridge as a whole, one transfer, all of them.

use clap::Subcommand;
use diem_api::{At, Bridge, BridgeTransfer, Coin};
use diem_cli::{Failure, common::Common, names::Names, output::say};
use serde::Serialize;

use crate::{
    base::{BaseSource, on_base},
    tables,
};

/// The verbs that look at the bridge.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Show how the bridge or one transfer stands: its state, the reason, and what comes next
    #[command(after_help = "Example: diemd bridge status 3 --base-rpc http://127.0.0.1:8545")]
    Status {
        /// Number of a transfer [default: the bridge as a whole].
        id: Option<u64>,
        #[command(flatten)]
        base: BaseSource,
    },
    /// List the transfers that are not over, the oldest first
    #[command(after_help = "Example: diemd bridge list --sender dave")]
    List {
        /// Account whose transfers to list: an address or the name of a key [default: all].
        #[arg(long, value_name = "WHO")]
        sender: Option<String>,
    },
}

/// The bridge, with what the endpoint shows.
#[derive(Debug, Serialize)]
pub(crate) struct BridgeStatus {
    #[serde(flatten)]
    pub(crate) chain: At<Bridge>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) on_base: Option<ContractStatus>,
}

/// What an endpoint shows of the contract, unproven.
#[derive(Debug, Serialize)]
pub(crate) struct ContractStatus {
    /// The nonce of the validator set that is installed.
    pub(crate) set: u64,
    /// Whether a set after the constructor's was installed, without which nothing is minted.
    pub(crate) active: bool,
    /// Whether that set is too old by the clock of Base: nothing is minted until a newer one was proposed and waited.
    pub(crate) stale: bool,
    /// The second until which minting is paused; 0 if it is not.
    pub(crate) paused_until: u64,
    /// What a batch may mint now; the rest of it waits a day.
    pub(crate) room: Coin,
    /// All nDIEM there is.
    pub(crate) supply: Coin,
}

/// A transfer, with what the endpoint shows.
#[derive(Debug, Serialize)]
pub(crate) struct TransferStatus {
    #[serde(flatten)]
    pub(crate) chain: At<BridgeTransfer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) on_base: Option<MintStatus>,
}

/// What an endpoint shows of a transfer, unproven.
#[derive(Debug, Serialize)]
pub(crate) struct MintStatus {
    /// Whether the batch of the transfer was executed, and how.
    pub(crate) batch: BatchOnBase,
    /// The nDIEM that its recipient has.
    pub(crate) balance: Coin,
}

impl Verb {
    pub(crate) async fn run(self, common: &Common) -> Result<(), Failure> {
        match self {
            Self::Status { id: None, base } => bridge(common, &base).await,
            Self::Status { id: Some(id), base } => transfer(common, id, &base).await,
            Self::List { sender } => list(common, sender.as_deref()).await,
        }
    }
}

async fn bridge(common: &Common, base: &BaseSource) -> Result<(), Failure> {
    let chain = common.client()?.bridge().await?;
    let on_base = seen(async || match base.bridge(&chain).await? {
        Some(contract) => contract_status(&contract, &chain).await.map(Some),
        None => Ok(None),
    })
    .await;
    common.output.print(&BridgeStatus { chain, on_base }, tables::bridge)
}

/// What the endpoint shows. The state of the chain is told without it as well, so its trouble is said and stops nothing.
async fn seen<T>(look: impl AsyncFnOnce() -> Result<Option<T>, Failure>) -> Option<T> {
    look().await.unwrap_or_else(|failure| {
        say(&format!("nothing of Base is shown: {}", failure.error));
        None
    })
}

async fn contract_status(contract: &diem_base::Bridge, chain: &Bridge) -> Result<ContractStatus, Failure> {
    let state = contract.state().await.map_err(on_base)?;
    let now = contract.base().latest().await.map_err(on_base)?.timestamp;
    let max_age = chain.contract.as_ref().map_or(u64::MAX, |contract| contract.constructor.max_set_age);
    Ok(ContractStatus {
        set: state.set_nonce,
        active: state.active,
        stale: now > state.set_created_at.saturating_add(max_age),
        paused_until: contract.pause_state().await.map_err(on_base)?.paused_until,
        room: Coin::diem(contract.limits().await.map_err(on_base)?.room),
        supply: Coin::diem(contract.supply().await.map_err(on_base)?),
    })
}

async fn transfer(common: &Common, id: u64, base: &BaseSource) -> Result<(), Failure> {
    let client = common.client()?;
    let chain = client.bridge_transfer(id).await?;
    let bridge = client.bridge().await?;
    let on_base = seen(async || match base.bridge(&bridge).await? {
        Some(contract) => mint_status(&contract, &chain).await.map(Some),
        None => Ok(None),
    })
    .await;
    let names = names(common, &client.status().await?.chain_id);
    common.output.print(&TransferStatus { chain, on_base }, |status| tables::transfer(status, &names))
}

async fn mint_status(contract: &diem_base::Bridge, transfer: &BridgeTransfer) -> Result<MintStatus, Failure> {
    let batch = match &transfer.batch {
        Some(batch) => batch_on_base(contract, batch.nonce).await?,
        None => BatchOnBase::Open,
    };
    let balance = contract.balance_of(&transfer.recipient).await.map_err(on_base)?;
    Ok(MintStatus { batch, balance: Coin::diem(balance) })
}

/// What Base, as an endpoint shows it, has done with a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub(crate) enum BatchOnBase {
    /// It was not executed.
    Open,
    /// It was executed and all of it is minted.
    Minted,
    /// It was executed while something waits in the queue of the contract: what is above its limits waits there for a day.
    Queued {
        /// The sum of all that waits there, of whichever batch.
        queued: Coin,
    },
}

/// Whether an endpoint shows that Base has executed a batch. While nothing waits in the queue, all of it is minted.
pub(crate) async fn batch_on_base(contract: &diem_base::Bridge, batch: u64) -> Result<BatchOnBase, Failure> {
    if !contract.executed(batch).await.map_err(on_base)? {
        return Ok(BatchOnBase::Open);
    }
    let queued = contract.limits().await.map_err(on_base)?.queued;
    Ok(if queued.is_zero() { BatchOnBase::Minted } else { BatchOnBase::Queued { queued: Coin::diem(queued) } })
}

async fn list(common: &Common, sender: Option<&str>) -> Result<(), Failure> {
    let client = common.client()?;
    let chain_id = client.status().await?.chain_id;
    let resolve = |text: &str| {
        let found = common.keys().resolve(text, &chain_id);
        found.map_err(|error| diem_cli::failure::usage(anyhow::anyhow!(error)))
    };
    let sender = sender.map(resolve).transpose()?;
    let transfers = client.bridge_transfers(sender.as_ref()).await?;
    let names = names(common, &chain_id);
    common.output.print(&transfers, |transfers| tables::transfers(transfers, &names))
}

fn names(common: &Common, chain_id: &str) -> Names {
    Names::of(&common.keys(), chain_id)
}
