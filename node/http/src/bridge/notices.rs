//! What holds the bridge up, one sentence each, with what still works; and what has to happen until it is at work.

use diem_api::{BridgeStage, Coin, SignedPower, base_time};
use diem_bridge::{Applied, Contract, Params, UNTIL_UNPAUSE, query::Overview, state::stored_set};
use diem_core::Amount;
use diem_index::bridge::attested_at;

use super::views;
use crate::snapshot_reader::Reader;

const SECOND_MS: u64 = 1_000;
const MINUTE_MS: u64 = 60_000;
/// The time after which somebody should look why no block of Base is attested. Base is final in steps of some minutes.
const LATE_MS: u64 = 20 * MINUTE_MS;
/// A set is installed long before this part of its life is left.
const LAST_PARTS: (u64, u64) = (2, 5);

/// What has to happen until the bridge is at work.
pub(super) fn next_step(stage: BridgeStage, newest: Option<&SignedPower>) -> Option<String> {
    Some(match stage {
        BridgeStage::Unprepared => {
            "the authority fixes what the contract is made with: `diemd bridge prepare`".to_owned()
        }
        BridgeStage::Prepared => "anybody creates the contract on Base with `diemd bridge deploy`, then the authority \
                                  names it with `diemd bridge activate`"
            .to_owned(),
        BridgeStage::Activated => {
            let signed = newest.map_or_else(String::new, |SignedPower { signed, total, .. }| {
                format!(": {signed} of {total} power has signed")
            });
            format!("validators sign a set for the contract, more than 2/3 of the power of set 0{signed}")
        }
        BridgeStage::AtWork => return None,
    })
}

/// What holds the bridge up while it is at work, and what works all the same.
pub(super) fn all(reader: &Reader, overview: &Overview, params: &Params) -> Vec<String> {
    let Overview { contract, applied, books, halt, issued, .. } = overview;
    let Some(contract) = contract.as_ref().filter(|one| views::stage(Some(one)) == BridgeStage::AtWork) else {
        return Vec::new();
    };
    let mut notices = Vec::new();
    if let Some(halt) = halt {
        notices.push(format!(
            "the bridge is halted: {}; nothing is sealed, paid or refunded; waiting transfers can be cancelled, and \
             burning on Base works",
            halt.breach.text()
        ));
    }
    notices.extend(minting(reader, contract, applied));
    notices.extend(late(reader, overview));
    if !books.uncovered.is_zero() {
        notices.push(format!(
            "the escrow lacks {}: what it cannot pay waits in line; anybody pays it in with `diemd bridge cover`",
            shown(books.uncovered)
        ));
    }
    notices.extend(capacity(params, issued.open));
    notices
}

/// What keeps Base from minting.
fn minting(reader: &Reader, contract: &Contract, applied: &Applied) -> Vec<String> {
    let now = reader.time().millis() / SECOND_MS;
    let mut notices = Vec::new();
    if applied.is_paused_at(now) {
        let end = match applied.paused_until {
            UNTIL_UNPAUSE => "until the validators end it".to_owned(),
            second => format!("until {}", base_time(second)),
        };
        notices.push(format!(
            "minting on Base is paused {end}: no batch is sealed and nothing is released; waiting transfers can be \
             cancelled, and burning on Base works"
        ));
    }
    let set = applied.set;
    if let Some(stored) = stored_set(reader.snapshot(), set) {
        let expires = stored.created_at.saturating_add(contract.max_set_age);
        let (part, parts) = LAST_PARTS;
        let last = contract.max_set_age.saturating_mul(part).checked_div(parts).unwrap_or_default();
        if expires < now {
            notices.push(format!(
                "validator set {set} on Base is too old since {}: nothing is minted until a newer one was proposed there \
                 and has waited; burning on Base works, and refunds go on",
                base_time(expires)
            ));
        } else if expires.saturating_sub(last) < now {
            notices.push(format!(
                "validator set {set} on Base mints nothing from {} on, unless a newer one is installed before: `diemd \
                 bridge relay` sends it with a batch",
                base_time(expires)
            ));
        }
    }
    if applied.limits_at(now).mint_capacity.is_zero() {
        notices.push(
            "minting on Base is closed, because its capacity is 0: no batch is sealed; waiting transfers can be cancelled, \
             and burning on Base works"
                .to_owned(),
        );
    }
    if let Some(moving) = applied.moving {
        notices.push(format!(
            "the bridge {} is announced to the token on Base, which obeys it from {} on",
            moving.bridge.to_hex(),
            base_time(moving.at)
        ));
    }
    notices
}

/// That no block of Base was attested for long.
fn late(reader: &Reader, overview: &Overview) -> Option<String> {
    let Some(last) = overview.attested.last else {
        return Some("no block of Base is attested yet: what is minted or burned there is not seen here".to_owned());
    };
    let at = attested_at(reader.snapshot(), last.number).unwrap_or_else(|| base_time(last.timestamp));
    let ms = reader.time().millis().saturating_sub(at.millis());
    (ms >= LATE_MS).then(|| {
        format!(
            "no block of Base was attested for {} minutes: what is minted or burned there is seen later, and nothing is \
             lost; `GET /v1/bridge/signers` shows who does not state any",
            ms / MINUTE_MS
        )
    })
}

/// What this chain's own parameters keep from going on.
fn capacity(params: &Params, open: u32) -> Vec<String> {
    let mut notices = Vec::new();
    if params.out_capacity.is_zero() {
        notices.push(
            "the way to Base is closed, because its capacity is 0: no transfer is taken; waiting ones can be cancelled"
                .to_owned(),
        );
    }
    if params.credit_capacity.is_zero() {
        notices.push(
            "the way back leaves no room at once, because its capacity is 0: every burn is paid a day after it is attested"
                .to_owned(),
        );
    }
    if open >= params.max_open {
        notices.push(format!(
            "as many batches are open as may be, {open}: transfers are taken and wait, and can be cancelled; open ones can \
             still be relayed, and are closed once it is attested that they were executed or are too late"
        ));
    }
    notices
}

fn shown(amount: Amount) -> String {
    Coin::diem(amount).display
}
