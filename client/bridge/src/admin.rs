//! What the authority orders on Base: validators sign it, and anybody hands it in there.

use clap::{ArgGroup, Args, Subcommand};
use diem_bridge::{AdminAction, Msg};
use diem_cli::{
    Failure,
    output::say,
    tx::{Make, Wallet},
    units,
};
use diem_core::Amount;
use diem_types::Call;

use crate::tables::home;

#[derive(Debug, Args)]
pub(crate) struct AdminCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// End the pause that is in force on Base
    #[command(after_help = "Example: diemd bridge admin unpause --from validator-1")]
    Unpause {
        #[command(flatten)]
        make: Box<Make>,
    },
    /// Set both limits of minting; where one of them rises, both count two days later
    #[command(after_help = "Example: diemd bridge admin limits 5000DIEM 5% --from validator-1")]
    Limits {
        /// Amount that Base mints in a day; 0DIEM closes it.
        #[arg(value_parser = units::diem)]
        mint_capacity: Amount,
        /// Part of it that one mint may be.
        #[arg(value_parser = units::percent)]
        share: u16,
        #[command(flatten)]
        make: Box<Make>,
    },
    /// Decide about an item that waits on Base
    #[command(
        after_help = "Example: diemd bridge admin resolve 4 --cancel --from validator-1",
        group(ArgGroup::new("decision").required(true).args(["release", "cancel"]))
    )]
    Resolve {
        /// Id of the item in the queue.
        queue_id: u64,
        /// Let it be minted at once.
        #[arg(long)]
        release: bool,
        /// Cancel it.
        #[arg(long)]
        cancel: bool,
        #[command(flatten)]
        make: Box<Make>,
    },
    /// Put another guardian in place
    #[command(after_help = "Example: diemd bridge admin guardian 0xBcd4042DE499D14e55001CcbB24a551F3b954096 --from \
                      validator-1")]
    Guardian {
        /// Account on Base: an address or an Ethereum key.
        guardian: String,
        #[command(flatten)]
        make: Box<Make>,
    },
    /// Announce another bridge to the token, which obeys it a week later
    #[command(after_help = "Example: diemd bridge admin move 0xBcd4042DE499D14e55001CcbB24a551F3b954096 --from \
                      validator-1")]
    Move {
        /// Contract on Base.
        bridge: String,
        #[command(flatten)]
        make: Box<Make>,
    },
}

impl AdminCommand {
    pub(crate) async fn run(self, wallet: &Wallet<'_>) -> Result<(), Failure> {
        let (action, make) = match self.action {
            Action::Unpause { make } => (AdminAction::Unpause, make),
            Action::Limits { mint_capacity, share, make } => {
                (AdminAction::SetLimits { mint_capacity, share_bps: share }, make)
            }
            Action::Resolve { queue_id, release, make, .. } => {
                say(&item(wallet, queue_id).await?);
                (AdminAction::ResolveQueue { queue_id, release }, make)
            }
            Action::Guardian { guardian, make } => {
                (AdminAction::SetGuardian { guardian: wallet.who(&guardian)? }, make)
            }
            Action::Move { bridge, make } => (AdminAction::MoveBridge { bridge: wallet.who(&bridge)? }, make),
        };
        wallet.send(&make, Call::Bridge(Msg::Admin { action })).await
    }
}

/// What the chain knows of an item that the authority decides about. Base may be ahead of what is attested here, so that an
/// item that is not known is no error.
async fn item(wallet: &Wallet<'_>, queue_id: u64) -> Result<String, Failure> {
    match wallet.client.bridge_queue_item(queue_id).await {
        Ok(item) => Ok(home::item(&item)),
        Err(error) if error.refusal().is_some_and(|refusal| refusal.name == "unknown_nonce") => Ok(format!(
            "the chain knows of no item {queue_id} that waits on Base: it was minted or cancelled before, or it is not \
             attested yet, or it never was; `diemd bridge list --queue` shows what waits. Where there is none, the \
             action is refused on Base"
        )),
        Err(error) => Err(error.into()),
    }
}
