//! Sentences about what happened in a transaction, or in a block outside of any.

use diem_core::{Address, Amount};
use diem_credits::vouchers::{Outcome, Verdict};
use diem_staking::Offence;
use diem_types::{Event, chain::ChainEvent};

use super::units::{date, show_credit, show_diem, show_percent, show_vvv};

/// The sentences about the events, one each; several for vouchers, of which each has its own verdict.
pub(super) fn lines(events: &[Event]) -> Vec<String> {
    events.iter().flat_map(words).collect()
}

/// The sentences with all vouchers of a call in one line; [`unpaid`] has those that were not paid in full.
pub(super) fn short(events: &[Event]) -> Vec<String> {
    let brief = |event: &Event| match event {
        Event::Credits(diem_credits::Event::VouchersSettled { outcomes, .. }) => {
            let paid = outcomes.iter().filter(|outcome| is_paid(outcome)).count();
            // Together they are a part of the credit of some days, which fits an amount.
            let add = |sum: Amount, outcome: &Outcome| sum.checked_add(outcome.paid).unwrap_or(Amount::MAX);
            let sum = show_credit(outcomes.iter().fold(Amount::ZERO, add));
            vec![format!("{paid} of {} vouchers paid in full, {sum} in all", outcomes.len())]
        }
        event => words(event),
    };
    events.iter().flat_map(brief).collect()
}

/// The sentences about vouchers that were not paid in full, because their provider has to know.
pub(super) fn unpaid(events: &[Event]) -> Vec<String> {
    let settled = events.iter().filter_map(|event| match event {
        Event::Credits(diem_credits::Event::VouchersSettled { outcomes, .. }) => Some(outcomes),
        _ => None,
    });
    let told = settled.flat_map(|outcomes| vouchers(outcomes).into_iter().zip(outcomes));
    told.filter(|(_, outcome)| !is_paid(outcome)).map(|(line, _)| line).collect()
}

fn is_paid(outcome: &Outcome) -> bool {
    outcome.verdict == Verdict::Paid
}

fn words(event: &Event) -> Vec<String> {
    match event {
        Event::Bank(diem_bank::Event::Transferred { from, to, denom, amount }) => {
            vec![format!("{from} sent {} to {to}", amount.display(*denom))]
        }
        Event::Staking(event) => vec![staking(event)],
        Event::Svvv(event) => svvv(event),
        Event::Diem(event) => vec![diem(event)],
        Event::Credits(event) => credits(event),
        Event::Chain(ChainEvent::HookFailed { hook, failures }) => {
            vec![format!("step {hook} failed, {failures} times in a row: the next block repeats it")]
        }
        Event::Emissions(diem_emissions::Event::Shared { emitted, fees, rent }) => vec![format!(
            "shared out: {} new, {} of fees; {} of it is rent",
            show_vvv(*emitted),
            show_vvv(*fees),
            show_vvv(*rent)
        )],
        Event::Bridge(event) => vec![event.text()],
        #[allow(unreachable_patterns, reason = "a new module can be without words of its own here")]
        other => vec![format!("{other:?}")],
    }
}

fn staking(event: &diem_staking::Event) -> String {
    use diem_staking::Event;
    match event {
        Event::ValidatorCreated { validator, .. } => format!("{validator} is a validator"),
        Event::ValidatorEdited { commission: Some(bps), .. } => {
            format!("the validator takes {} from tomorrow", show_percent((*bps).into()))
        }
        Event::ValidatorEdited { .. } => "the validator is described anew".into(),
        Event::Unjailed { .. } => "unjailed: the validator makes blocks again as soon as its stake suffices".into(),
        Event::BridgeKeyRotated { bridge_address, .. } => {
            format!("the validator's bridge key is {}", bridge_address.to_hex())
        }
        Event::Staked { validator, amount, .. } => format!("{} staked with {validator}", show_vvv(*amount)),
        Event::Unstaked { amount, tranche, .. } => format!("{} on its way out as tranche {tranche}", show_vvv(*amount)),
        Event::UnstakeCancelled { tranche, amount, .. } => {
            format!("{} of tranche {tranche} staked again", show_vvv(*amount))
        }
        Event::Restaked { to, amount, .. } => format!("{} moved to {to}", show_vvv(*amount)),
        Event::Claimed { amount, .. } => format!("{} of rewards claimed", show_vvv(*amount)),
        Event::TranchePaid { account, tranche, amount, .. } => {
            format!("{} of tranche {tranche} paid to {account}", show_vvv(*amount))
        }
        Event::MoveSettled { account, id, .. } => format!("moved stake {id} of {account} may move again"),
        Event::Slashed { validator, offence, bps, burned } => {
            let part = show_percent((*bps).into());
            format!("{validator} slashed by {part} for {}: {} burned", what_for(*offence), show_vvv(*burned))
        }
        Event::EntrySlashed { account, id, burned, .. } => {
            format!("entry {id} of {account}, which had left the validator, slashed: {} burned", show_vvv(*burned))
        }
        Event::Jailed { validator, until } => format!("{validator} jailed until {}", date(*until)),
        Event::Tombstoned { validator } => format!("{validator} is out for ever"),
    }
}

const fn what_for(offence: Offence) -> &'static str {
    match offence {
        Offence::Equivocation => "two votes in one round",
        Offence::Downtime => "missed blocks",
        Offence::Forgery => "a statement of the bridge that the chain never made",
    }
}

fn svvv(event: &diem_svvv::Event) -> Vec<String> {
    use diem_svvv::Event;
    match event {
        // The events of minting and burning say it themselves.
        Event::Locked { .. } | Event::Released { .. } => Vec::new(),
        Event::LockMoved { to, diem, .. } => vec![format!("the lock for {} moved to {to}", show_diem(*diem))],
        Event::Trimmed { validator, .. } => vec![format!("a slash took of the lock with {validator}")],
    }
}

fn diem(event: &diem_diem::Event) -> String {
    use diem_diem::Event;
    match event {
        Event::Minted { lock, amount, .. } => format!("{lock} sVVV locked, {} minted", show_diem(*amount)),
        Event::Burned { amount, .. } => format!("{} burned, sVVV unlocked in proportion", show_diem(*amount)),
    }
}

fn credits(event: &diem_credits::Event) -> Vec<String> {
    use diem_credits::Event;
    let line = match event {
        Event::VouchersSettled { outcomes, .. } => return vouchers(outcomes),
        Event::Staked { beneficiary, amount, .. } => {
            format!("{} staked for the credit of {beneficiary}", show_diem(*amount))
        }
        Event::Unstaked { amount, tranche, due, .. } => {
            format!("{} on its way out as tranche {tranche}, paid after {}", show_diem(*amount), date(*due))
        }
        Event::UnstakeCancelled { amount, tranche, .. } => {
            format!("{} of tranche {tranche} staked again", show_diem(*amount))
        }
        Event::TranchePaid { staker, amount, tranche } => {
            format!("{} of tranche {tranche} paid to {staker}", show_diem(*amount))
        }
        Event::Allocated { provider, today, next, .. } => {
            format!("allocated to {provider}: {} today, {} every day after", show_credit(*today), show_credit(*next))
        }
        Event::Granted { key, last_day, .. } => format!("key {key} may sign until day {last_day}"),
        Event::Revoked { key, .. } => format!("key {key} may not sign from tomorrow on"),
        Event::Spent { provider, amount, day, .. } => {
            format!("{} of day {day} spent at {provider}", show_credit(*amount))
        }
        Event::Gifted { to, amount, day, .. } => format!("{} of day {day} given to {to}", show_credit(*amount)),
        Event::Offered { amount, price, .. } => {
            format!("{} for sale at {} each", show_credit(*amount), show_vvv(*price))
        }
        Event::OfferWithdrawn { amount, .. } => format!("{} no longer for sale", show_credit(*amount)),
        Event::Bought { seller, amount, payment, .. } => {
            format!("{} bought from {seller} for {}", show_credit(*amount), show_vvv(*payment))
        }
        other => return day(other).or_else(|| provider(other)).into_iter().collect(),
    };
    vec![line]
}

fn day(event: &diem_credits::Event) -> Option<String> {
    use diem_credits::Event;
    Some(match event {
        Event::DayOpened { day, allowance } => format!("day {day} opened with {}", show_credit(*allowance)),
        Event::DayClosed { day, rent, .. } => format!("day {day} closed with a rent of {}", show_vvv(*rent)),
        Event::DaySettled { day, record } => format!(
            "day {day} settled: {} used, {} for providers, {} to the treasury, {} to stakers",
            show_credit(record.consumed),
            show_vvv(record.pot),
            show_vvv(record.treasury),
            show_vvv(record.stakers)
        ),
        Event::ProviderPaid { day, provider, to, amount, .. } => paid(*day, provider, to, *amount),
        _ => return None,
    })
}

fn provider(event: &diem_credits::Event) -> Option<String> {
    use diem_credits::Event;
    Some(match event {
        Event::ProviderRegistered { bond, .. } => format!("registered as provider with a bond of {}", show_vvv(*bond)),
        Event::ProviderEdited { .. } => "the provider is described anew".into(),
        Event::BondAdded { bond, .. } => format!("the bond is {}, which counts from tomorrow", show_vvv(*bond)),
        Event::PricesPublished { today, next, .. } if today == next => "the prices count at once".into(),
        Event::PricesPublished { .. } => "what became dearer or went counts from tomorrow, the rest at once".into(),
        Event::ProviderLeft { day, due, .. } => {
            format!("day {day} is the provider's last, its bond is paid after {}", date(*due))
        }
        Event::ProviderListed { provider } => format!("{provider} earns rent from tomorrow on"),
        Event::ProviderDelisted { provider, forfeited } if forfeited.is_zero() => {
            format!("{provider} earns no rent any more")
        }
        Event::ProviderDelisted { provider, forfeited } => {
            format!(
                "{provider} earns no rent any more and forfeits its bond, {} for the treasury",
                show_vvv(*forfeited)
            )
        }
        Event::BondPaid { provider, amount } => format!("the bond of {provider} is paid back, {}", show_vvv(*amount)),
        _ => return None,
    })
}

fn paid(day: u64, provider: &Address, to: &Address, amount: Amount) -> String {
    let whose = if provider == to { String::new() } else { format!(", for provider {provider}") };
    format!("{} of rent for day {day} paid to {to}{whose}", show_vvv(amount))
}

/// The verdict on each voucher, by its place in the call.
fn vouchers(outcomes: &[Outcome]) -> Vec<String> {
    let line = |(number, outcome): (usize, &Outcome)| {
        let verdict = match outcome.verdict {
            Verdict::Paid => format!("paid, {}", show_credit(outcome.paid)),
            Verdict::Capped => {
                format!("capped, {}: the allocation or the limit holds no more", show_credit(outcome.paid))
            }
            Verdict::NothingNew => "nothing new: all of it was paid before".into(),
            Verdict::Refused(code) => format!("bad, {}", why(code)),
        };
        format!("voucher {} of {}, day {}: {verdict}", number.saturating_add(1), outcome.account, outcome.day)
    };
    outcomes.iter().enumerate().map(line).collect()
}

/// The reason of a refusal: its name in the table of errors, and words where the name alone says too little.
pub(super) fn why(code: u32) -> String {
    let name = diem_types::error_info("credits", code).map_or("unknown", |info| info.name);
    let words = match name {
        "voucher_chain" => "it is for another chain",
        "voucher_provider" => "it is for another provider",
        "voucher_day" => "its day is settled or has not begun",
        "voucher_signature" => "its signature is not by its signer",
        "voucher_below" => "more was paid already: amounts count from the day's begin",
        "no_allocation" => "nothing is allocated to this provider that day",
        "no_grant" => "its signer is not granted for this account, provider and day",
        "grant_expired" => "its signer's grant is over",
        _ => "see `diemd query errors`",
    };
    format!("{name} (credits {code}): {words}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use diem_core::ModuleError as _;

    #[test]
    fn every_verdict_of_a_voucher_has_its_words() {
        let outcome = |verdict| Outcome { account: Address([7; 20]), day: 4, paid: Amount::ONE, verdict };
        let refused = Verdict::Refused(diem_credits::Error::VoucherSignature.code());
        let outcomes = [Verdict::Paid, Verdict::Capped, Verdict::NothingNew, refused].map(outcome);
        let event = diem_credits::Event::VouchersSettled { provider: Address([8; 20]), outcomes: outcomes.to_vec() };
        let said = lines(&[Event::Credits(event.clone())]);
        let expected = ["paid, 1 credit", "capped, 1 credit", "nothing new", "bad, voucher_signature (credits 37)"];
        assert_eq!(said.len(), expected.len());
        let events = [Event::Credits(event)];
        assert_eq!(short(&events), ["1 of 4 vouchers paid in full, 4 credit in all"]);
        assert_eq!(unpaid(&events), said[1..]);
        for (number, (line, expected)) in said.iter().zip(expected).enumerate() {
            assert!(line.starts_with(&format!("voucher {} of diem1", number.saturating_add(1))), "{line}");
            assert!(line.contains(&format!("day 4: {expected}")), "{line}");
        }
    }

    #[test]
    fn a_jailed_validator_and_a_forfeited_bond_are_told() {
        let (validator, provider) = (Address([7; 20]), Address([8; 20]));
        let downtime =
            diem_staking::Event::Slashed { validator, offence: Offence::Downtime, bps: 1, burned: Amount::ONE };
        let jailed = diem_staking::Event::Jailed { validator, until: diem_core::Time(0) };
        let forfeited = diem_credits::Event::ProviderDelisted { provider, forfeited: Amount::ONE };
        let said = lines(&[Event::Staking(downtime), Event::Staking(jailed), Event::Credits(forfeited)]);
        let expected = [
            format!("{validator} slashed by 0.01% for missed blocks: 1 VVV burned"),
            format!("{validator} jailed until 1970-01-01T00:00:00Z"),
            format!("{provider} earns no rent any more and forfeits its bond, 1 VVV for the treasury"),
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn what_a_voucher_can_be_refused_for_is_explained() {
        for error in [
            diem_credits::Error::VoucherChain,
            diem_credits::Error::VoucherProvider,
            diem_credits::Error::VoucherDay { day: 1 },
            diem_credits::Error::VoucherSignature,
            diem_credits::Error::VoucherBelow { paid: Amount::ONE, amount: Amount::ZERO },
            diem_credits::Error::NoAllocation { provider: Address([1; 20]) },
            diem_credits::Error::NoGrant,
            diem_credits::Error::GrantExpired,
        ] {
            assert!(!why(error.code()).contains("diemd query errors"), "{error}");
        }
    }
}
