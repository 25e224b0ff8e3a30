//! `diemd demo`: the product in one play on a running development chain. Every step is a command of this program, shown
//! as it is run, so that whoever watches can repeat it; it is also the smoke test of the whole.

mod far_side;
mod player;

use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use diem_core::{Amount, Denom};

use crate::devnet::{BRIDGES, ON_BASE, usual_base};
use diem_cli::{
    Failure,
    common::{Common, block_on},
    failure::{failed, usage},
};
use far_side::FarSide;
use player::{Player, event, units};

/// Plays the product on a running development chain: stake, lock, mint, spend credit, sell what is not used, settle the
/// day, claim, burn, send DIEM to Base and bring it home. Each step shows its command.
#[derive(Debug, Args)]
pub struct DemoCommand {
    /// URL of the local Base of the devnet.
    #[arg(long, env = "DIEM_BASE_RPC", value_name = "URL", default_value_t = usual_base())]
    base_rpc: String,
    #[command(flatten)]
    common: Common,
}

/// The validator with which alice stakes.
const VALIDATOR: &str = "validator-1";
/// The VVV that she stakes, and the part of it that she locks.
const STAKE: &str = "20000VVV";
const LOCK: &str = "9500VVV";
/// The title of the last act.
const ACT_FIVE: &str = "DIEM goes to Base, and comes home";
/// The demo waits for the end of a day only if it is not further away.
const LONGEST_WAIT: Duration = Duration::from_secs(150);
/// The steps that belong to one day take about so long; with less left, the demo waits for the next one.
const ONE_ACT: Duration = Duration::from_secs(12);

impl DemoCommand {
    /// Plays the demo to its end.
    ///
    /// # Errors
    /// A step failed: its own words say why.
    pub fn run(self) -> Result<(), Failure> {
        let status = block_on(async { Ok(self.common.client()?.status().await?) })?;
        if !diem_core::development::is_development(&status.chain_id) {
            return Err(usage(anyhow!(
                "the demo spends alice's, bob's, carol's and dave's coins, and {} is no chain for development: start one with `diemd devnet`",
                status.chain_id
            )));
        }
        for name in ["alice", "bob", "carol", "dave"] {
            self.common.keys().get(name).map_err(|error| {
                usage(anyhow!(
                    "{error}; `diemd devnet` puts the keys of its people into ~/.diem, or where its --home says"
                ))
            })?;
        }
        let far_side = block_on(far_side::look(&self.common.client()?, &self.base_rpc))?;
        let mut player = Player::new(&self.common, status.engine == "instant")?;
        let height = status.latest.map_or(0, |head| head.height);
        player.say(&format!("{} at height {height}. Every line after `$` can be typed as it stands.", status.chain_id));
        let shares = mint(&mut player)?;
        let day = use_credit(&mut player, &shares)?;
        if settle(&mut player, day)? {
            take_out(&mut player, &shares, &status.genesis_hash.to_string())?;
        }
        match far_side {
            FarSide::Answers => {
                out_and_back(&mut player, &self.common, &self.base_rpc, &status.genesis_hash.to_string())?;
            }
            FarSide::Missing(why) => {
                player.act(ACT_FIVE);
                player.result(&why);
            }
        }
        player.end();
        Ok(())
    }
}

/// What alice does with the DIEM that she minted.
struct Shares {
    /// The DIEM that she stakes for bob's credit.
    bob: Amount,
    /// The DIEM that she stakes for her own.
    own: Amount,
    /// The DIEM that she burns in the end.
    burn: Amount,
}

/// Act one: VVV becomes sVVV, sVVV becomes DIEM.
fn mint(player: &mut Player) -> Result<Shares, Failure> {
    player.act("VVV is staked, sVVV is locked, DIEM is minted");
    player.step("alice stakes VVV: it becomes sVVV and earns at once");
    player.tx(&["tx", "stake", STAKE, "--validator", VALIDATOR, "--from", "alice"])?;
    player.step("What would a lock give? The curve says");
    player.see(&["query", "quote", LOCK])?;
    player.step("alice locks sVVV, which keeps earning, and mints DIEM");
    let minted = player.tx(&["tx", "mint", LOCK, "--validator", VALIDATOR, "--from", "alice"])?;
    let minted = event(&minted, "diem", "minted")?;
    let out = units(&minted, "amount")?;
    player.result(&format!("{} for {}", out.display(Denom::Diem), units(&minted, "lock")?.display(Denom::Vvv)));
    let part = |percent: u128| rounded(out.mul_div_floor(percent, 100).map_err(failed)?);
    Ok(Shares { bob: part(60)?, own: part(25)?, burn: part(10)? })
}

/// Act two: a day of credit. It returns the day.
fn use_credit(player: &mut Player, shares: &Shares) -> Result<u64, Failure> {
    player.act("One staked DIEM is one dollar of inference a day");
    player.step("alice stakes DIEM: the credit of the larger part is bob's, who builds with AI");
    let bob = diem(shares.bob);
    player.tx(&["tx", "stake-diem", &bob, "--beneficiary", "bob", "--from", "alice"])?;
    player.tx(&["tx", "stake-diem", &diem(shares.own), "--from", "alice"])?;
    let day = player.fresh_day(ONE_ACT, LONGEST_WAIT)?;
    player.step("bob allocates a part of every day to carol: she may serve without asking the chain");
    let allocation = half(shares.bob)?;
    player.tx(&["tx", "allocate", &allocation.to_string(), "--provider", "carol", "--from", "bob"])?;
    player.step("carol serves three requests; bob signs a voucher, off chain, for all of today so far");
    let file = player.file(&format!("voucher-{day}-{}.json", std::process::id()));
    let used = half(allocation)?.to_string();
    player.see(&[
        "voucher",
        "sign",
        &used,
        "--provider",
        "carol",
        "--requests",
        "3",
        "--from",
        "bob",
        "--out",
        &file,
        "--yes",
    ])?;
    player.step("carol hands it in: thousands of requests can be one line on chain");
    let settled = player.tx(&["tx", "settle", &file, "--from", "carol"])?;
    event(&settled, "credits", "vouchers_settled")?;
    player.see(&["query", "credit", "bob"])?;
    player.step("Or without an allocation, on chain, at once");
    player.tx(&["tx", "spend", "1", "--provider", "carol", "--reference", "one image", "--from", "bob"])?;
    player.step("alice does not need hers today: she offers it, and dave buys some");
    let offered = shares.own.to_string();
    player.tx(&["tx", "offer", &offered, "--price", "0.01VVV", "--from", "alice"])?;
    let bought = player.tx(&["tx", "buy", "2", "--seller", "alice", "--max-price", "0.01VVV", "--from", "dave"])?;
    let bought = event(&bought, "credits", "bought")?;
    player.result(&format!(
        "{} credit for {}",
        units(&bought, "amount")?,
        units(&bought, "payment")?.display(Denom::Vvv)
    ));
    player.tx(&["tx", "spend", "2", "--provider", "carol", "--from", "dave"])?;
    Ok(day)
}

/// Act three: the day ends and is settled. It returns false if that is too far away to wait for.
fn settle(player: &mut Player, day: u64) -> Result<bool, Failure> {
    player.act("The day ends: the rent goes to whoever provided the compute");
    if !player.wait_for_settlement(day, LONGEST_WAIT)? {
        let number = day.to_string();
        player.result(&format!("day {day} ends later than anyone wants to wait: see then `diemd query day {number}`"));
        return Ok(false);
    }
    player.step("What the day was");
    player.see(&["query", "day", &day.to_string()])?;
    player.step("carol was paid by the block itself. Her bond, her prices, and what she can still earn today:");
    player.see(&["query", "provider", "carol"])?;
    Ok(true)
}

/// Act four: rewards, and the way back.
fn take_out(player: &mut Player, shares: &Shares, genesis_hash: &str) -> Result<(), Failure> {
    player.act("Rewards, and the way back");
    player.step("alice claims what her stake has earned, locked or not");
    let claimed = player.tx(&["tx", "claim", "--validator", VALIDATOR, "--from", "alice"])?;
    let claimed = event(&claimed, "staking", "claimed")?;
    player.result(&units(&claimed, "amount")?.display(Denom::Vvv));
    player.step("Burning DIEM opens her lock again, in the same proportion, whatever the curve says today");
    player.tx(&["tx", "burn", &diem(shares.burn), "--validator", VALIDATOR, "--from", "alice"])?;
    player.see(&["query", "locks", "alice"])?;
    player.step("And her account, proven against the headers that the validators signed");
    player.see(&["query", "account", "alice", "--verify", "--genesis-hash", genesis_hash])
}

/// Act five: DIEM goes to Base and comes home.
fn out_and_back(player: &mut Player, common: &Common, base_rpc: &str, genesis_hash: &str) -> Result<(), Failure> {
    player.act(ACT_FIVE);
    let to = common.keys().get(ON_BASE).map_err(|error| usage(anyhow!(error)))?.address.to_hex();
    player.step(
        "dave sends 1 DIEM to his account on Base: it waits in escrow, and more than 2/3 of the validators sign it",
    );
    player.see(&[
        "bridge",
        "out",
        "1DIEM",
        "--to",
        &to,
        "--from",
        BRIDGES,
        "--base-rpc",
        base_rpc,
        "--follow",
        "--yes",
    ])?;
    player.step("He burns half of it there: validators attest the block once it is final, and the escrow pays some blocks later");
    player.see(&[
        "bridge",
        "back",
        "0.5DIEM",
        "--to",
        BRIDGES,
        "--key",
        ON_BASE,
        "--base-rpc",
        base_rpc,
        "--follow",
        "--yes",
    ])?;
    player.step("Every nDIEM is covered, which both chains prove");
    player.see(&["bridge", "verify-supply", "--base-rpc", base_rpc, "--genesis-hash", genesis_hash])
}

/// DIEM as the command line takes it.
fn diem(amount: Amount) -> String {
    format!("{amount}DIEM")
}

fn half(amount: Amount) -> Result<Amount, Failure> {
    rounded(amount.mul_div_floor(1, 2).map_err(failed)?)
}

/// Rounds down to hundredths, which are enough for a play.
fn rounded(amount: Amount) -> Result<Amount, Failure> {
    let hundredth = Amount::ONE.mul_div_floor(1, 100).map_err(failed)?;
    let rest = amount.get().checked_rem(hundredth.get()).unwrap_or_default();
    Ok(amount.saturating_sub(Amount::new(rest)))
}
