//! One of each event.

use diem_bank as bank;
use diem_core::{Amount, Denom, Time};
use diem_credits::{
    self as credits,
    state::{DayRecord, ProviderDay},
    vouchers::{Outcome, Verdict},
};
use diem_diem as diem;
use diem_emissions as emissions;
use diem_staking::{self as staking, Offence};
use diem_svvv as svvv;
use diem_types::{Event, chain::ChainEvent};
use serde_json::json;

use super::{FROM, TO, amount, bytes_of, kinds};

const DAY: u64 = 20_717;
const TIME: Time = Time(1_790_000_000_123);

fn staking_events() -> Vec<Event> {
    use staking::Event as E;
    let (account, validator, amount, shares) = (FROM, TO, amount(), 1_400_000_000_000_000_000);
    let slashed = |offence| E::Slashed { validator, offence, bps: 500, burned: amount };
    let events = [
        E::ValidatorCreated { validator, consensus_key: [3; 32] },
        E::ValidatorEdited { validator, commission: Some(600) },
        E::Unjailed { validator },
        E::BridgeKeyRotated { validator, bridge_address: FROM },
        E::Staked { account, validator, amount, shares },
        E::Unstaked { account, validator, amount, shares, tranche: 7 },
        E::UnstakeCancelled { account, validator, tranche: 7, amount, shares },
        E::Restaked { account, from: TO, to: FROM, amount, shares, locked: 9, id: 8 },
        E::Claimed { account, validator, amount },
        E::TranchePaid { account, validator, tranche: 7, amount },
        E::MoveSettled { account, validator, id: 8, shares },
        slashed(Offence::Equivocation),
        slashed(Offence::Downtime),
        slashed(Offence::Forgery),
        E::EntrySlashed { account, validator, id: 8, burned: amount },
        E::Jailed { validator, until: TIME },
        E::Tombstoned { validator },
    ];
    events.map(Event::Staking).into()
}

fn svvv_events() -> Vec<Event> {
    use svvv::Event as E;
    let (account, validator, shares, diem) = (FROM, TO, 1_400_000_000_000_000_000, amount());
    let events = [
        E::Locked { account, validator, shares, diem },
        E::Released { account, validator, shares, diem },
        E::LockMoved { account, from: TO, to: FROM, diem },
        E::Trimmed { account, validator, shares },
    ];
    events.map(Event::Svvv).into()
}

fn diem_events() -> Vec<Event> {
    let (account, validator) = (FROM, TO);
    let events = [
        diem::Event::Minted { account, validator, lock: Amount::ONE, amount: amount() },
        diem::Event::Burned { account, validator, amount: amount() },
    ];
    events.map(Event::Diem).into()
}

/// A day with a number of its own in every field.
pub(crate) fn record() -> DayRecord {
    let [allowance, supply, base, rent, consumed, counted, pot, treasury, stakers, paid] =
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map(Amount::new);
    DayRecord {
        opened_at: TIME,
        closed_at: Some(Time(TIME.millis() + 1)),
        settled_at: Some(Time(TIME.millis() + 2)),
        allowance,
        supply,
        base,
        rent,
        consumed,
        counted,
        requests: 11,
        pot,
        treasury,
        stakers,
        paid,
    }
}

fn credits_events() -> Vec<Event> {
    use credits::Event as E;
    let (staker, beneficiary, provider, amount, day) = (FROM, TO, TO, amount(), DAY);
    let outcome = |verdict| Outcome { account: FROM, day, paid: amount, verdict };
    let outcomes = [Verdict::Paid, Verdict::Capped, Verdict::NothingNew, Verdict::Refused(37)].map(outcome).into();
    let row = ProviderDay { consumed: amount, counted: Amount::ONE, requests: 12 };
    let events = [
        E::Staked { staker, beneficiary, amount },
        E::Unstaked { staker, beneficiary, amount, tranche: 7, due: TIME },
        E::UnstakeCancelled { staker, beneficiary, amount, tranche: 7 },
        E::TranchePaid { staker, amount, tranche: 7 },
        E::ProviderRegistered { provider, bond: amount },
        E::ProviderEdited { provider },
        E::BondAdded { provider, amount, bond: Amount::ONE },
        E::PricesPublished { provider, today: [4; 32], next: [5; 32] },
        E::ProviderLeft { provider, day, due: TIME },
        E::ProviderListed { provider },
        E::ProviderDelisted { provider, forfeited: amount },
        E::BondPaid { provider, amount },
        E::Allocated { account: FROM, provider, today: amount, next: Amount::ONE },
        E::Granted { account: FROM, key: TO, last_day: day },
        E::Revoked { account: FROM, key: TO },
        E::VouchersSettled { provider, outcomes },
        E::Spent { account: FROM, provider, day, amount, reference: "invoice 7".into() },
        E::Gifted { from: FROM, to: TO, day, amount },
        E::Offered { seller: FROM, day, amount, price: Amount::ONE },
        E::OfferWithdrawn { seller: FROM, day, amount },
        E::Bought { seller: FROM, buyer: TO, day, amount, payment: Amount::ONE },
        E::DayOpened { day, allowance: amount },
        E::DayClosed { day, allowance: amount, base: Amount::ONE, rent: Amount::new(7) },
        E::DaySettled { day, record: Box::new(record()) },
        E::ProviderPaid { day, provider, to: FROM, row, amount },
    ];
    events.map(Event::Credits).into()
}

/// One event of each kind.
pub(crate) fn events() -> Vec<Event> {
    let failed = ChainEvent::HookFailed { hook: "a_hook".into(), failures: 3 };
    let sent = bank::Event::Transferred { from: FROM, to: TO, denom: Denom::Vvv, amount: amount() };
    let shared = emissions::Event::Shared { emitted: amount(), fees: Amount::new(2), rent: Amount::new(3) };
    [
        vec![Event::Chain(failed), Event::Bank(sent)],
        staking_events(),
        svvv_events(),
        diem_events(),
        vec![Event::Emissions(shared)],
        credits_events(),
        super::bridge::events(),
    ]
    .concat()
}

#[test]
fn every_event() {
    let events = events();
    let mut found: Vec<[u8; 2]> = events.iter().map(kinds).collect();
    found.dedup();
    assert_eq!(found, super::known::<Event>());
    for event in &events {
        let json = serde_json::to_value(event).unwrap();
        assert_eq!(&serde_json::from_value::<Event>(json).unwrap(), event);
    }
    let pinned = events.iter().map(|event| json!({"borsh": bytes_of(event), "json": event}));
    insta::assert_json_snapshot!(pinned.collect::<Vec<_>>());
}
