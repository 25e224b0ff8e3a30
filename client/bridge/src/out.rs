//! The verbs that send DIEM to Base.

use std::time::Duration;

use anyhow::anyhow;
use clap::Subcommand;
use diem_api::{At, Bridge, BridgeDeployed, BridgeTransfer, ErrorBody, TransferState};
use diem_bridge::{Deployed, Error, Msg, Transfer, transfers};
use diem_cli::{
    Exit, Failure,
    failure::usage,
    output::{plain, say},
    tx::{Make, Wallet},
    units,
};
use diem_core::{Address, Amount, CallError, keys::KeyKind};
use diem_types::Call;

use crate::{
    base::BaseSource,
    status::{self, BatchOnBase},
    tables,
};

/// The pause between two looks at a transfer that is followed.
const LOOK_PAUSE: Duration = Duration::from_millis(500);
/// The time for which a transfer is followed beyond the wait for its batch.
const PATIENCE: Duration = Duration::from_secs(120);
/// The same where Base mints nothing, which it may do for days: the reason is there at once.
const CLOSED_PATIENCE: Duration = Duration::from_secs(10);

/// The verbs that send DIEM to Base.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Send DIEM to an account on Base
    #[command(after_help = "Example: diemd bridge out 1DIEM --to 0xBcd4042DE499D14e55001CcbB24a551F3b954096 --from \
                      dave\n`diemd bridge status ID` says how far it has come.")]
    Out {
        /// Amount that the recipient gets, such as 1DIEM.
        #[arg(value_parser = units::diem)]
        amount: Amount,
        /// Account on Base that gets it: an address (0x...) or the name of an Ethereum key.
        #[arg(long, value_name = "WHO")]
        to: String,
        /// Amount that whoever has it minted gets, such as 0.001DIEM [default: the least that the chain takes].
        #[arg(long, value_name = "AMOUNT", value_parser = units::diem)]
        fee: Option<Amount>,
        /// Go on until its batch is signed; with --base-rpc, until it is minted.
        #[arg(long)]
        follow: bool,
        #[command(flatten)]
        base: BaseSource,
        #[command(flatten)]
        make: Box<Make>,
    },
    /// Raise the fee of a transfer that waits, so that it goes before others
    #[command(after_help = "Example: diemd bridge bump-fee 3 0.002DIEM --from dave")]
    BumpFee {
        /// Number of the transfer.
        id: u64,
        /// New fee, such as 0.002DIEM.
        #[arg(value_parser = units::diem)]
        fee: Amount,
        #[command(flatten)]
        make: Box<Make>,
    },
    /// Take back a transfer that waits, with its fee
    #[command(after_help = "Example: diemd bridge cancel 3 --from dave")]
    Cancel {
        /// Number of the transfer.
        id: u64,
        #[command(flatten)]
        make: Box<Make>,
    },
}

impl Verb {
    pub(crate) async fn run(self, wallet: &Wallet<'_>) -> Result<(), Failure> {
        let (msg, make) = match self {
            Self::Out { amount, to, fee, follow, base, make } => {
                let sent = Sent { amount, to, fee };
                return sent.send(wallet, &make, follow.then_some(&base)).await;
            }
            Self::BumpFee { id, fee, make } => (Msg::BumpFee { id, fee }, make),
            Self::Cancel { id, make } => (Msg::Cancel { id }, make),
        };
        wallet.send(&make, Call::Bridge(msg)).await
    }
}

/// A transfer as the user asked for it.
struct Sent {
    amount: Amount,
    to: String,
    fee: Option<Amount>,
}

impl Sent {
    /// Shows, signs and sends the transfer; `follow` goes on until it is signed or minted.
    async fn send(&self, wallet: &Wallet<'_>, make: &Make, follow: Option<&BaseSource>) -> Result<(), Failure> {
        let bridge = wallet.client.bridge().await?;
        let key = wallet.keys.get(&make.from)?;
        let mint = Transfer { recipient: self.recipient(wallet)?, amount: self.amount };
        let fee = self.fee.unwrap_or(bridge.params.min_fee);
        let deployed = bridge.contract.as_ref().and_then(|contract| contract.deployed.as_ref()).map(known);
        transfers::check(deployed.as_ref(), &bridge.params, (&key.address, key.kind), &mint, fee).map_err(refused)?;
        if self.fee.is_none() {
            wallet.tell("fee for the relayer", bridge.params.min_fee.display(diem_core::Denom::Diem));
        }
        bridge.notices.iter().for_each(|notice| say(&format!("the bridge: {}", plain(notice))));
        if let Some(step) = &bridge.next_step {
            say(&format!("the bridge is not at work yet, so the transfer waits: {}", plain(step)));
        }
        if !make.sending.yes || make.sending.verbose {
            // Most nodes relay nothing and do not know what it costs.
            let costs = wallet.client.bridge_fee().await.ok();
            say(&tables::before_sending(&bridge, &mint, fee, costs.as_ref()));
        }
        // An endpoint that does not answer is told before anything is signed.
        let contract = match follow {
            Some(base) => base.bridge(&bridge).await?,
            None => None,
        };
        let last = bridge.issued.transfers;
        let call = Call::Bridge(Msg::BridgeOut { amount: mint.amount, fee, recipient: mint.recipient });
        wallet.send(make, call).await?;
        match follow {
            Some(_) if !make.dry_run && !make.unsigned => self::follow(wallet, contract, &key.address, last).await,
            _ => Ok(()),
        }
    }

    /// The recipient. Nobody on Base has an ed25519 key, so the name of one is refused whoever sends.
    fn recipient(&self, wallet: &Wallet<'_>) -> Result<Address, Failure> {
        let recipient = wallet.who(&self.to)?;
        match wallet.keys.get(&self.to) {
            Ok(key) if key.kind == KeyKind::Ed25519 => Err(usage(anyhow!(
                "`{}` is an ed25519 key, whose address nobody has on Base: name an Ethereum key or an address of Base. \
                 Nothing was signed",
                self.to
            ))),
            _ => Ok(recipient),
        }
    }
}

/// The contract as the chain's own rules take it.
fn known(place: &BridgeDeployed) -> Deployed {
    let BridgeDeployed { bridge, token, init_code_hash, deploy_block } = *place;
    Deployed { init_code_hash: init_code_hash.0, deploy_block, bridge, token }
}

/// The refusal in the chain's words, before anything is signed.
fn refused(error: Error) -> Failure {
    let why = ErrorBody::from(&CallError::from(error));
    Failure { exit: Exit::Rejected, error: anyhow!("this would fail: {why}. Nothing was signed") }
}

/// Looks at the newest transfer of this sender until its batch is signed, or minted where an endpoint of Base is known.
async fn follow(
    wallet: &Wallet<'_>,
    contract: Option<diem_base::Bridge>,
    sender: &Address,
    last: u64,
) -> Result<(), Failure> {
    let bridge = wallet.client.bridge().await?;
    let seal_wait = Duration::from_millis(bridge.params.seal_wait_ms);
    let begun = tokio::time::Instant::now();
    let mut shown = String::new();
    loop {
        let own = wallet.client.bridge_transfers(Some(sender)).await?;
        let newest = own.items.iter().filter(|transfer| transfer.id > last).max_by_key(|transfer| transfer.id);
        let Some(transfer) = newest else {
            return Err(lost(&bridge));
        };
        let seen = match (&contract, &transfer.batch) {
            (Some(contract), Some(batch)) => {
                status::batch_on_base(contract, batch.nonce).await.map_err(|failure| unseen(transfer, &failure))?
            }
            _ => BatchOnBase::Open,
        };
        let line = progress(transfer, &seen);
        if line != shown {
            say(&line);
            shown = line;
        }
        if seen != BatchOnBase::Open || (contract.is_none() && transfer.state == TransferState::Signed) {
            return Ok(());
        }
        let waited = begun.elapsed().saturating_sub(seal_wait);
        let is_closed = match &contract {
            Some(contract) if waited >= CLOSED_PATIENCE => {
                status::mints_nothing(contract).await.is_ok_and(|why| why.is_some())
            }
            _ => false,
        };
        if is_closed || waited >= PATIENCE {
            return Err(too_slow(contract.as_ref(), transfer).await);
        }
        tokio::time::sleep(LOOK_PAUSE).await;
    }
}

fn lost(bridge: &At<Bridge>) -> Failure {
    let error = anyhow!("the node at height {} shows no transfer of yours: look again in a moment", bridge.height);
    Failure { exit: Exit::Unknown, error }
}

/// Base cannot be seen any more, but the transfer was sent: sending it again would pay twice.
fn unseen(transfer: &BridgeTransfer, failure: &Failure) -> Failure {
    let (id, why) = (transfer.id, &failure.error);
    let error =
        anyhow!("transfer {id} is sent, but Base cannot be seen: {why}; `diemd bridge status {id}` goes on looking");
    Failure { exit: Exit::Unknown, error }
}

/// The transfer has not arrived within the usual time: the state that it is in, why, and what comes next.
async fn too_slow(contract: Option<&diem_base::Bridge>, transfer: &BridgeTransfer) -> Failure {
    let BridgeTransfer { id, reason, next_step, .. } = transfer;
    // The chain learns of what happened on Base a finality later; an endpoint shows it now.
    let on_base = match contract {
        Some(contract) => status::mints_nothing(contract).await.unwrap_or_default(),
        None => None,
    };
    let on_base = on_base.map(|why| format!("; on Base, {why}")).unwrap_or_default();
    let error = anyhow!(
        "it takes longer than usual: transfer {id} is {}: {}{on_base}. Next: {}. It was sent, so do not send it again: \
         `diemd bridge status {id}` goes on looking",
        tables::state(transfer.state),
        plain(reason),
        plain(next_step)
    );
    Failure { exit: Exit::Unknown, error }
}

fn progress(transfer: &BridgeTransfer, seen: &BatchOnBase) -> String {
    let BridgeTransfer { id, reason, .. } = transfer;
    match seen {
        BatchOnBase::Open => format!("transfer {id}: {}: {}", tables::state(transfer.state), plain(reason)),
        BatchOnBase::Minted => format!("transfer {id}: minted, seen on Base"),
        BatchOnBase::Queued { queued } => format!("transfer {id}: {}", tables::queued(queued)),
    }
}
