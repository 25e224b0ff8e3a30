//! When something is wrong: the authority's way out of a breach and its hold on a delayed credit, and what anybody pays in.

use clap::Subcommand;
use diem_bridge::Msg;
use diem_cli::{
    Failure,
    output::{plain, say},
    tx::{Make, Wallet},
    units,
};
use diem_core::Amount;
use diem_types::Call;

use crate::tables::home;

/// The verbs for when something is wrong.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Let the bridge go on after a breach that can be healed, as the authority
    #[command(after_help = "Example: diemd bridge resume --from validator-1\n\
                      What the escrow lacks from then on is told by `diemd bridge status`.")]
    Resume {
        #[command(flatten)]
        make: Box<Make>,
    },
    /// Hold back a delayed credit for fourteen days, once, as the authority
    #[command(after_help = "Example: diemd bridge hold 7 --from validator-1\n\
                      `diemd bridge list --burns` shows which credits are delayed.")]
    Hold {
        /// Number of the credit.
        credit: u64,
        #[command(flatten)]
        make: Box<Make>,
    },
    /// Pay into the escrow what it lacks, or a part of it; nobody gives it back
    #[command(after_help = "Example: diemd bridge cover 5DIEM --from alice")]
    Cover {
        /// Amount to pay in, such as 5DIEM.
        #[arg(value_parser = units::diem)]
        amount: Amount,
        #[command(flatten)]
        make: Box<Make>,
    },
}

impl Verb {
    pub(crate) async fn run(self, wallet: &Wallet<'_>) -> Result<(), Failure> {
        let (msg, make) = match self {
            Self::Resume { make } => {
                if let Some(halt) = &wallet.client.bridge().await?.halt {
                    say(&format!("the bridge is halted: {}; {}", plain(&halt.reason), plain(&halt.next_step)));
                }
                (Msg::Resume, make)
            }
            Self::Hold { credit, make } => {
                if let Ok(burn) = wallet.client.bridge_burn(credit).await {
                    say(&home::burn(&burn, &wallet.names()));
                }
                (Msg::Hold { credit }, make)
            }
            Self::Cover { amount, make } => (Msg::Cover { amount }, make),
        };
        wallet.send(&make, Call::Bridge(msg)).await
    }
}
