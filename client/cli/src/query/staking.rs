//! Reading stake: validators, and what accounts have with them.

use std::cmp::Reverse;

use clap::Subcommand;
use diem_api::{At, List, Lock, Position, Reward, Unstaking, ValidatorDetail, ValidatorStanding as Standing};
use diem_client::Client;
use diem_core::{Amount, Denom};

use super::{AccountAt, Height, who};
use crate::{
    Failure, brief,
    common::Common,
    output::{fields, hint, list, quoted},
    units::{moment, show_percent},
};

/// The verbs of `diemd query` that read stake.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// List all validators: what is staked with them, what they take
    Validators {
        #[command(flatten)]
        at: Height,
    },
    /// Show one validator with everything known of it
    Validator {
        /// Operator of the validator: an address or the name of a key.
        #[arg(value_name = "WHO")]
        operator: String,
        #[command(flatten)]
        at: Height,
    },
    /// List what an account has staked, by validator
    Positions(AccountAt),
    /// List what an account has on its way out of stake, and what it moved lately
    Unstaking(AccountAt),
    /// List what an account has locked for DIEM, by validator
    Locks(AccountAt),
    /// List what an account may claim, by validator
    Rewards(AccountAt),
}

impl Verb {
    pub(super) async fn answer(&self, common: &Common, client: &Client) -> Result<(), Failure> {
        let output = common.output;
        match self {
            Self::Validators { at } => output.print(&client.validators_at(at.height).await?, validators),
            Self::Validator { operator, at } => output
                .print(&client.validator(&who(common, client, operator).await?, at.height, false).await?, validator),
            Self::Positions(of) => {
                output.print(&client.positions(&of.address(common, client).await?, of.at.height).await?, positions)
            }
            Self::Unstaking(of) => {
                output.print(&client.unstaking(&of.address(common, client).await?, of.at.height).await?, unstaking)
            }
            Self::Locks(of) => {
                output.print(&client.locks(&of.address(common, client).await?, of.at.height).await?, locks)
            }
            Self::Rewards(of) => {
                output.print(&client.rewards(&of.address(common, client).await?, of.at.height).await?, rewards)
            }
        }
    }
}

/// The standing of a validator in words.
pub const fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Active => "active",
        Standing::Waiting => "waiting",
        Standing::Jailed => "jailed",
        Standing::Tombstoned => "out for ever",
    }
}

fn validators(all: &List<ValidatorDetail>) -> String {
    let row = |validator: &ValidatorDetail| {
        [
            quoted(&validator.moniker),
            validator.operator.to_string(),
            standing(validator.standing).into(),
            validator.power.to_string(),
            validator.staked.display.clone(),
            show_percent(validator.commission.today_bps.into()),
        ]
    };
    let mut by_power: Vec<&ValidatorDetail> = all.items.iter().collect();
    by_power.sort_by_key(|validator| Reverse(validator.power));
    list(["name", "operator", "standing", "power", "staked", "commission"], by_power.into_iter().map(row))
}

fn validator(validator: &At<ValidatorDetail>) -> String {
    let commission = &validator.commission;
    let mut lines = vec![
        ("name", quoted(&validator.moniker)),
        ("operator", validator.operator.to_string()),
        ("website", validator.website.clone()),
        ("standing", standing(validator.standing).into()),
        ("power", validator.power.to_string()),
        ("staked", format!("{}, {} of it locked", validator.staked.display, validator.locked.display)),
        ("own stake", validator.self_stake.display.clone()),
        (
            "commission",
            format!(
                "{}, at most {}, changing by at most {} a day",
                show_percent(commission.today_bps.into()),
                show_percent(commission.max_bps.into()),
                show_percent(commission.max_change_bps.into())
            ),
        ),
    ];
    lines.extend(
        commission
            .next
            .map(|next| ("next commission", format!("{} from day {} on", show_percent(next.bps.into()), next.epoch))),
    );
    lines.extend([
        ("commission due", commission.due.display.clone()),
        ("missed blocks", format!("{} of at most {}", validator.missed, validator.may_miss)),
    ]);
    lines.extend(validator.jailed_until.as_ref().map(|until| ("jailed until", moment(until))));
    lines.extend([
        ("consensus key", validator.public_key.to_string()),
        ("key address", validator.address.to_string()),
        ("bridge key", validator.bridge_address.to_hex()),
    ]);
    fields(lines.into_iter().filter(|(_, value)| !value.is_empty()))
}

fn positions(all: &List<Position>) -> String {
    let row = |position: &Position| {
        [
            position.validator.to_string(),
            position.staked.display.clone(),
            position.locked.display.clone(),
            position.free_to_unstake.display.clone(),
            position.free_to_lock.display.clone(),
            position.rewards.display.clone(),
        ]
    };
    let headings = ["validator", "staked", "locked", "free to unstake", "free to lock", "rewards"];
    or_nothing(headings, &all.items, row, "nothing is staked: `diemd tx stake` does it")
}

fn unstaking(all: &List<Unstaking>) -> String {
    let row = |entry: &Unstaking| {
        let until = entry.until.as_ref().map_or("known after the next block".into(), moment);
        let what = entry.moved_to.map_or("paid by itself".into(), |to| brief::sentence(&format!("moved to {to}")));
        [entry.id.to_string(), entry.amount.display.clone(), what, until, entry.validator.to_string()]
    };
    let headings = ["entry", "amount", "outcome", "free after", "left validator"];
    or_nothing(headings, &all.items, row, "nothing is on its way out of stake")
}

fn locks(all: &List<Lock>) -> String {
    let row = |lock: &Lock| {
        let (locked, burn) = (lock.locked.display.clone(), lock.outstanding.display.clone());
        [lock.validator.to_string(), locked, burn, lock.free_to_lock.display.clone()]
    };
    let headings = ["validator", "locked", "opened by burning", "free to lock"];
    or_nothing(headings, &all.items, row, "nothing is locked: `diemd tx mint` does it")
}

fn rewards(all: &List<Reward>) -> String {
    let rows = all.items.iter().map(|reward| [reward.validator.to_string(), reward.amount.display.clone()]);
    // Together they are a part of all VVV, which fits an amount.
    let add = |sum: Amount, reward: &Reward| sum.checked_add(reward.amount.amount).unwrap_or(Amount::MAX);
    let total = ["in all".to_owned(), all.items.iter().fold(Amount::ZERO, add).display(Denom::Vvv)];
    list(["validator", "claimable"], rows.chain([total]))
}

/// Makes a table; where it is empty, a word on stderr says why.
pub(super) fn or_nothing<T, const N: usize>(
    headings: [&str; N],
    items: &[T],
    row: impl Fn(&T) -> [String; N],
    nothing: &str,
) -> String {
    if items.is_empty() {
        hint(nothing);
    }
    list(headings, items.iter().map(row))
}
