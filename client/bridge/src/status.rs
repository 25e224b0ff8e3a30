//! The verbs that look: the bridge as a whole, transfers and burns, what waits on Base, and the proof of the supply.

use anyhow::anyhow;
use clap::Subcommand;
use diem_api::{At, Bridge, BridgeTransfer, Coin};
use diem_cli::{
    Failure,
    common::Common,
    failure::{failed, usage},
    names::Names,
    output::say,
};
use diem_core::Address;
use serde::Serialize;

use crate::{
    base::{BaseSource, deployed, is_base, on_base},
    endpoint, supply, tables,
};

/// The verbs that look at the bridge.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Show how the bridge, a transfer or a burn stands: its state, the reason, and what comes next
    #[command(after_help = "Example: diemd bridge status 3 --base-rpc http://127.0.0.1:8545\n\
                      `diemd bridge status --event 12` shows what became of a burn on Base.")]
    Status {
        /// Number of a transfer [default: the bridge as a whole].
        id: Option<u64>,
        /// Number of a credit for what came back.
        #[arg(long, value_name = "ID", conflicts_with = "id")]
        burn: Option<u64>,
        /// Number of the event of a burn on Base.
        #[arg(long, value_name = "NONCE", conflicts_with_all = ["id", "burn"])]
        event: Option<u64>,
        #[command(flatten)]
        base: BaseSource,
    },
    /// List the transfers that are not over, the oldest first; or what is on its way back, or waits on Base
    #[command(after_help = "Example: diemd bridge list --sender dave\n\
                      Example: diemd bridge list --burns --recipient dave")]
    List {
        /// Account whose transfers to list: an address or the name of a key [default: all].
        #[arg(long, value_name = "WHO", conflicts_with_all = ["burns", "queue"])]
        sender: Option<String>,
        /// List the credits for what came back that are not paid.
        #[arg(long)]
        burns: bool,
        /// Account whose credits to list [default: all].
        #[arg(long, value_name = "WHO", requires = "burns")]
        recipient: Option<String>,
        /// List what waits on Base to be minted.
        #[arg(long, conflicts_with = "burns")]
        queue: bool,
    },
    /// Prove that every nDIEM on Base is covered by DIEM in escrow here
    #[command(
        after_help = "Example: diemd bridge verify-supply --genesis-hash HASH --base-rpc http://127.0.0.1:8545\n\
                      Neither the node nor the endpoint is believed. What is not covered ends with exit code 1."
    )]
    VerifySupply(Box<supply::SupplyCommand>),
    /// Say what an endpoint of Base is good for
    #[command(after_help = "Example: diemd bridge check-endpoint http://127.0.0.1:8545\n\
                      One that is not good enough for the watcher ends with exit code 1.")]
    CheckEndpoint(endpoint::CheckEndpointCommand),
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
            Self::Status { id: Some(id), base, .. } => transfer(common, id, &base).await,
            Self::Status { burn: Some(id), .. } => burn(common, id).await,
            Self::Status { event: Some(event), base, .. } => burn_of(common, event, &base).await,
            Self::Status { base, .. } => bridge(common, &base).await,
            Self::List { burns: true, recipient, .. } => burns(common, recipient.as_deref()).await,
            Self::List { queue: true, .. } => {
                common.output.print(&common.client()?.bridge_queue().await?, tables::home::queue)
            }
            Self::List { sender, .. } => list(common, sender.as_deref()).await,
            Self::VerifySupply(command) => command.run(common).await,
            Self::CheckEndpoint(command) => command.run(common).await,
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

async fn burn(common: &Common, id: u64) -> Result<(), Failure> {
    let client = common.client()?;
    let burn = client.bridge_burn(id).await?;
    let names = names(common, &client.status().await?.chain_id);
    common.output.print(&burn, |burn| tables::home::burn(burn, &names))
}

/// What an endpoint shows of a burn that the chain does not know of yet.
#[derive(Debug, Serialize)]
pub(crate) struct BurnSeen {
    /// The nonce of the event.
    pub(crate) event: u64,
    /// The block of Base that holds it, as the endpoint shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) burned_in: Option<u64>,
    /// The newest block that is final, as the endpoint says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) final_block: Option<u64>,
    /// The last block of Base that is attested here.
    pub(crate) attested: Option<u64>,
    /// Whether an endpoint of Base was named.
    #[serde(skip)]
    pub(crate) endpoint_named: bool,
    /// Whether it is a local chain, and not Base, where a block is final within seconds.
    #[serde(skip)]
    pub(crate) is_local: bool,
}

async fn burn_of(common: &Common, event: u64, base: &BaseSource) -> Result<(), Failure> {
    let client = common.client()?;
    if let Some(burn) = client.bridge_burn_of(event).await? {
        let names = names(common, &client.status().await?.chain_id);
        return common.output.print(&burn, |burn| tables::home::burn(burn, &names));
    }
    let bridge = client.bridge().await?;
    if event <= bridge.base.event_nonce {
        return Err(failed(anyhow!(
            "event {event} of Base is applied, and it is no burn, or this node has not executed that block: `diemd bridge \
             list --burns` shows what is not paid"
        )));
    }
    let attested = bridge.progress.attested.as_ref().map(|last| last.number);
    let seen = seen(async || match base.bridge(&bridge).await? {
        Some(contract) => event_on_base(&contract, &bridge, event).await.map(Some),
        None => Ok(None),
    })
    .await;
    let (burned_in, final_block) = seen.unwrap_or_default();
    let chain_id = bridge.contract.as_ref().map_or(0, |contract| contract.base_chain_id);
    let is_local = !is_base(chain_id);
    let seen = BurnSeen { event, burned_in, final_block, attested, endpoint_named: base.is_named(), is_local };
    common.output.print(&seen, tables::home::burn_seen)
}

/// The block of an event, and the newest final block, as an endpoint shows them.
async fn event_on_base(
    contract: &diem_base::Bridge,
    bridge: &Bridge,
    event: u64,
) -> Result<(Option<u64>, Option<u64>), Failure> {
    let base = contract.base();
    let last = base.latest().await.map_err(on_base)?.number;
    let applied = bridge.progress.applied.as_ref().map(|applied| applied.number);
    let first = applied.map_or(deployed(bridge)?.deploy_block, |number| number.saturating_add(1));
    let found = base.events(contract.address(), event..=event, first..=last).await.map_err(on_base)?;
    let finalized = base.finalized().await.map_err(on_base)?.number;
    Ok((found.first().map(|found| found.block), Some(finalized)))
}

async fn burns(common: &Common, recipient: Option<&str>) -> Result<(), Failure> {
    let client = common.client()?;
    let chain_id = client.status().await?.chain_id;
    let recipient = recipient.map(|text| who(common, text, &chain_id)).transpose()?;
    let burns = client.bridge_burns(recipient.as_ref()).await?;
    let names = names(common, &chain_id);
    common.output.print(&burns, |burns| tables::home::burns(burns, &names))
}

fn who(common: &Common, text: &str, chain_id: &str) -> Result<Address, Failure> {
    common.keys().resolve(text, chain_id).map_err(|error| usage(anyhow!(error)))
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

/// The reason for which Base mints nothing now, as an endpoint shows it; `None` if nothing keeps it from minting.
pub(crate) async fn mints_nothing(contract: &diem_base::Bridge) -> Result<Option<String>, Failure> {
    let now = contract.base().latest().await.map_err(on_base)?.timestamp;
    let paused_until = contract.pause_state().await.map_err(on_base)?.paused_until;
    if paused_until > now {
        return Ok(Some(format!("minting is paused {}", tables::pause_end(paused_until))));
    }
    let is_closed = contract.limits().await.map_err(on_base)?.mint_capacity.is_zero();
    Ok(is_closed.then(|| "minting is closed, because its capacity is 0".to_owned()))
}

async fn list(common: &Common, sender: Option<&str>) -> Result<(), Failure> {
    let client = common.client()?;
    let chain_id = client.status().await?.chain_id;
    let sender = sender.map(|text| who(common, text, &chain_id)).transpose()?;
    let transfers = client.bridge_transfers(sender.as_ref()).await?;
    let names = names(common, &chain_id);
    common.output.print(&transfers, |transfers| tables::transfers(transfers, &names))
}

fn names(common: &Common, chain_id: &str) -> Names {
    Names::of(&common.keys(), chain_id)
}
