//! The way back: nDIEM is burned on Base, and this chain pays DIEM out of the escrow.

use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use diem_api::{At, Bridge, BridgeBurn, BurnState, Coin, Hash};
use diem_base::{Call, Receipt};
use diem_bridge::BaseEvent;
use diem_cli::{
    Exit, Failure,
    common::{Common, confirm},
    failure::{failed, usage},
    output::{plain, say},
    units,
};
use diem_core::{Address, Amount, Denom};
use serde::Serialize;

use crate::{
    base::{BaseAccount, OnBase, is_base, on_base},
    tables::home,
};

/// The pause between two looks at a burn that is followed.
const LOOK_PAUSE: Duration = Duration::from_secs(1);
/// The same beside a local chain, where a burn is final within seconds.
const LOCAL_LOOK_PAUSE: Duration = Duration::from_millis(200);
/// The time for which a burn is followed: longer than Base usually takes to be final.
const PATIENCE: Duration = Duration::from_secs(45 * 60);
/// The least that the contract burns, in adiem. Source: the specification of the bridge, section 3.
const MIN_BURN: Amount = Amount::new(10_000_000_000_000_000);

#[derive(Debug, Args)]
pub(crate) struct BackCommand {
    /// Amount to burn on Base, such as 1DIEM.
    #[arg(value_parser = units::diem)]
    amount: Amount,
    /// Account of this chain that gets it: an address (diem1... or 0x...) or the name of a key. A contract of Base has no
    /// key here.
    #[arg(long, value_name = "WHO")]
    to: String,
    /// Go on until it is paid here, which takes as long as Base needs to be final.
    #[arg(long)]
    follow: bool,
    /// Do not ask before sending.
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    account: BaseAccount,
}

/// A burn that is in a block of Base.
#[derive(Debug, Serialize)]
pub(crate) struct Burned {
    /// The account here that is paid.
    pub(crate) recipient: Address,
    /// The amount that was burned.
    pub(crate) amount: Coin,
    /// The nonce of the event that says so, by which it is found here.
    pub(crate) event: u64,
    /// The hash of the transaction on Base.
    pub(crate) transaction: Hash,
    /// The number of the block of Base that holds it.
    pub(crate) block: u64,
    /// The height of this chain when the endpoint first called that block final, if it was followed so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) final_at_height: Option<u64>,
    /// The credit that paid it, if it was followed so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) credit: Option<BridgeBurn>,
}

impl BackCommand {
    pub(crate) async fn run(self, common: &Common) -> Result<(), Failure> {
        if self.amount < MIN_BURN {
            let least = MIN_BURN.display(Denom::Diem);
            return Err(usage(anyhow!("Base burns at least {least}. Nothing was signed")));
        }
        let on = OnBase::open(common, &self.account).await?;
        let recipient = common.keys().resolve(&self.to, &on.chain_id).map_err(|error| usage(anyhow!(error)))?;
        self.check(&on, &recipient).await?;
        on.bridge.notices.iter().for_each(|notice| say(&format!("the bridge: {}", plain(notice))));
        say(&home::before_burning(&on.bridge, on.sender.address(), &recipient, self.amount));
        confirm("Burn it?", self.yes)?;
        let receipt = on.send(&Call::burn(self.amount, &recipient)).await?;
        let mut burned = self.burned(&receipt, recipient)?;
        say(&format!(
            "burned on Base as event {}: `diemd bridge status --event {}` says how far it has come",
            burned.event, burned.event
        ));
        if self.follow {
            follow(&on, &mut burned).await?;
        }
        common.output.print(&burned, home::burned)
    }

    /// Finds out what the contract would refuse, while nothing is signed.
    async fn check(&self, on: &OnBase, recipient: &Address) -> Result<(), Failure> {
        if *recipient == Address::ZERO {
            return Err(usage(anyhow!(
                "nobody has the zero address: name an account of this chain. Nothing was signed"
            )));
        }
        let sender = on.sender.address();
        let balance = on.contract.balance_of(sender).await.map_err(on_base)?;
        if balance < self.amount {
            return Err(failed(anyhow!(
                "{} has {} on Base, not {}. Nothing was signed",
                sender.to_hex(),
                balance.display(Denom::Diem),
                self.amount.display(Denom::Diem)
            )));
        }
        on.contract.simulate(sender, &Call::burn(self.amount, recipient)).await.map_err(on_base)
    }

    fn burned(&self, receipt: &Receipt, recipient: Address) -> Result<Burned, Failure> {
        let burn = receipt.events.iter().find(|logged| matches!(logged.event, BaseEvent::Burn { .. }));
        let transaction = Hash(receipt.hash);
        let event = burn.map(|logged| logged.nonce).ok_or_else(|| {
            failed(anyhow!("transaction 0x{transaction} on Base shows no burn: look at it with an explorer of Base"))
        })?;
        let (amount, block) = (Coin::diem(self.amount), receipt.block);
        Ok(Burned { recipient, amount, event, transaction, block, final_at_height: None, credit: None })
    }
}

/// Looks at a burn until it is paid.
async fn follow(on: &OnBase, burned: &mut Burned) -> Result<(), Failure> {
    let (begun, event) = (tokio::time::Instant::now(), burned.event);
    let look_pause = if is_base(on.base_chain_id()) { LOOK_PAUSE } else { LOCAL_LOOK_PAUSE };
    let mut shown = String::new();
    loop {
        if burned.final_at_height.is_none() {
            burned.final_at_height = height_if_final(on, burned.block).await;
        }
        let found = on.client.bridge_burn_of(event).await?;
        let line = match &found {
            Some(burn) => format!("credit {}: {}: {}", burn.id, home::state(burn.state), plain(&burn.reason)),
            None => finalizing(&on.client.bridge().await?),
        };
        if line != shown {
            say(&line);
            shown = line;
        }
        match found {
            Some(burn) if burn.state == BurnState::Credited => {
                burned.credit = Some(burn.answer);
                return Ok(());
            }
            Some(burn) if burn.state != BurnState::Attested => return Err(later(event, &burn)),
            _ if begun.elapsed() >= PATIENCE => {
                let error = anyhow!(
                    "it takes longer than usual: `diemd bridge status --event {event}` goes on looking. It was burned: do \
                     not burn it again"
                );
                return Err(Failure { exit: Exit::Unknown, error });
            }
            _ => tokio::time::sleep(look_pause).await,
        }
    }
}

/// The height of this chain, if the endpoint calls this block of Base final now. It is shown beside the result and
/// nothing follows from it, so that an endpoint that does not answer holds nothing up.
async fn height_if_final(on: &OnBase, block: u64) -> Option<u64> {
    let last = on.contract.base().finalized().await.ok()?.number;
    if last < block {
        return None;
    }
    on.client.status().await.ok()?.latest.map(|head| head.height)
}

/// It will be paid, but nobody waits for that at a terminal.
fn later(event: u64, burn: &BridgeBurn) -> Failure {
    let until = burn.expected.as_ref().map(|moment| format!(" until {}", units::moment(moment))).unwrap_or_default();
    let error = anyhow!(
        "credit {} is {}{until}: {}; `diemd bridge status --event {event}` goes on looking",
        burn.id,
        home::state(burn.state),
        plain(&burn.reason)
    );
    Failure { exit: Exit::Unknown, error }
}

/// What is told of a burn that is not attested yet.
fn finalizing(bridge: &At<Bridge>) -> String {
    match &bridge.progress.attested {
        Some(last) => format!("finalizing: block {} of Base is the last that is attested", last.number),
        None => "finalizing: no block of Base is attested yet".to_owned(),
    }
}
