//! `diemd validator status`: how a validator stands, once.

use clap::Args;
use diem_api::ValidatorStanding;
use diem_cli::{
    Failure,
    common::block_on,
    output::{fields, hint, quoted},
    query::staking::standing,
    units::{date, show_percent},
};

use super::look::{KeyPlace, ValidatorStatus, Which};

#[derive(Debug, Args)]
pub(super) struct StatusCommand {
    #[command(flatten)]
    which: Which,
}

impl StatusCommand {
    pub(super) fn run(self) -> Result<(), Failure> {
        let output = self.which.output;
        let mut looker = self.which.looker()?;
        let status = block_on(async { Ok(looker.look(true).await?) })?;
        output.print(&status, |status| {
            if status.verified.is_some() {
                hint("the place of the key, the versions and what waits on Base are not proven");
            }
            fields(lines(status))
        })
    }
}

/// The lines of a validator, without those that have no value.
pub(super) fn lines(status: &ValidatorStatus) -> Vec<(&'static str, String)> {
    let ValidatorStatus { validator, signing, versions, .. } = status;
    let commission = &validator.commission;
    let next = commission.next.map(|next| format!(", {} from day {} on", show_percent(next.bps.into()), next.epoch));
    let place = match status.key_place {
        KeyPlace::Home => "in this home",
        KeyPlace::RemoteSigner => "the node of this home has a remote signer",
        KeyPlace::Exported => "exported from this home, which signs no more",
        KeyPlace::Elsewhere => "not in this home",
    };
    let bridge = match status.bridge_key_pending {
        Some(true) => ", which Base does not know yet: the change is pending",
        Some(false) | None => "",
    };
    let engine = versions.cometbft.as_ref().map(|version| format!(", CometBFT {version}"));
    let lines = [
        ("name", quoted(&validator.moniker)),
        ("operator", validator.operator.to_string()),
        ("standing", standing_words(status)),
        ("power", validator.power.to_string()),
        ("own stake", validator.self_stake.display.clone()),
        ("staked", validator.staked.display.clone()),
        ("commission", format!("{}{}", show_percent(commission.today_bps.into()), next.unwrap_or_default())),
        ("missed blocks", format!("{} of at most {}, of {}", validator.missed, validator.may_miss, signing.window)),
        ("last signed", signing.last_signed.map_or("not known".into(), |height| format!("block {height}"))),
        ("key in use", format!("{} ({place})", validator.address)),
        ("bridge key", format!("{}{bridge}", validator.bridge_address.to_hex())),
        ("at height", format!("{}, {}", status.height, date(status.time))),
        (
            "not current",
            status.trouble.as_ref().map(|trouble| format!("{trouble}; all this is of before")).unwrap_or_default(),
        ),
        ("clock", status.clock.clone().unwrap_or_default()),
        ("versions", format!("state {}, diemd {}{}", versions.app, versions.diemd, engine.unwrap_or_default())),
        ("verified", status.verified.as_ref().map(|proven| proven.words()).unwrap_or_default()),
    ];
    lines.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

/// The standing with what its operator can do.
fn standing_words(status: &ValidatorStatus) -> String {
    let validator = &status.validator;
    match (validator.standing, &validator.jailed_until) {
        (ValidatorStanding::Jailed, Some(until)) if until.time <= status.time => {
            format!("jailed until {}, which is over: `diemd tx unjail` brings it back", date(until.time))
        }
        (ValidatorStanding::Jailed, Some(until)) => {
            format!("jailed until {}: then `diemd tx unjail` brings it back", date(until.time))
        }
        (ValidatorStanding::Waiting, _) => "waiting: its stake is too little for the set".into(),
        (other, _) => standing(other).into(),
    }
}
