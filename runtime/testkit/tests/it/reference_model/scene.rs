//! The chain of a history: who lives on it, and the parameters, which differ from seed to seed.

use std::collections::BTreeMap;

use diem_bank as bank;
use diem_core::{Address, Amount, Time, keys::SecretKey};
use diem_credits::genesis::GenesisProvider;
use diem_diem::curve::{Curve, Formula};
use diem_emissions::Segment;
use diem_testkit::{Person, Rng, genesis, operator, people, with_validators};
use diem_types::GenesisDoc;
use serde_json::{Value, json};

/// A day of the clock.
pub(crate) const DAY_MS: u64 = 86_400_000;
/// One VVV, one DIEM or one credit.
pub(crate) const ONE: u128 = Amount::ONE.get();

const VALIDATORS: u32 = 3;
const PROVIDERS: usize = 5;
/// How many of them serve from the start; the others register, or never do.
const SERVING: usize = 3;
const USERS: usize = 5;
const KEYS: usize = 2;

/// The chain of a history and everyone on it, by place: providers, users, session keys, the authority, operators.
pub(crate) struct Scene {
    /// The genesis of the chain.
    pub(crate) doc: GenesisDoc,
    /// The people who sign transactions.
    pub(crate) people: Vec<Person>,
    /// The validators as consensus calls them, by operator.
    pub(crate) consensus: BTreeMap<Address, [u8; 20]>,
    names: BTreeMap<Address, String>,
    /// Whether the queues stand still: then what is due waits until its owner collects it.
    pub(crate) queues_stand: bool,
}

impl Scene {
    /// The scene of a seed.
    pub(crate) fn new(rng: &mut Rng) -> Self {
        let mut people = people((PROVIDERS + USERS + KEYS + 1) as u32);
        let mut names: Vec<String> = (0..PROVIDERS).map(|n| format!("p{n}")).collect();
        names.extend((0..USERS).map(|n| format!("u{n}")));
        names.extend((0..KEYS).map(|n| format!("k{n}")));
        names.push("gov".into());
        people.extend((0..VALIDATORS).map(operator));
        names.extend((0..VALIDATORS).map(|n| format!("v{n}")));
        let (doc, consensus) = document(rng, &people);
        let names = people.iter().map(|person| person.address).zip(names).collect();
        Self { doc, people, consensus, names, queues_stand: rng.chance(40) }
    }

    /// The name of an account in the model.
    pub(crate) fn name(&self, address: &Address) -> String {
        self.names.get(address).cloned().unwrap_or_else(|| format!("stranger {}", address.to_hex()))
    }

    /// The account of that name.
    pub(crate) fn named(&self, name: &str) -> &Person {
        let found = self.people.iter().find(|person| self.names[&person.address] == name);
        found.unwrap_or_else(|| panic!("nobody is called {name}"))
    }

    /// The names that begin with `kind`: `p`, `u`, `k`, `v`.
    pub(crate) fn all(&self, kind: &str) -> Vec<String> {
        let names = self.people.iter().map(|person| self.names[&person.address].clone());
        names.filter(|name| name.starts_with(kind) && name != "gov").collect()
    }

    /// The genesis as the model reads it.
    pub(crate) fn json(&self) -> Value {
        let app = &self.doc.app;
        let (staking, credits) = (&app.staking.params, &app.credits.params);
        let Curve::Formula(formula) = &app.diem.curve else { panic!("the scene's curve is a formula") };
        let schedule = app.emissions.schedule.iter();
        let accounts = app.bank.accounts.iter();
        let accounts =
            accounts.map(|(address, row)| json!({"address": self.name(address), "vvv": row.vvv.get().to_string()}));
        let validators = app.staking.validators.iter().map(|row| {
            let (commission, stake) = (row.validator.commission, row.validator.self_stake.get().to_string());
            json!({"operator": self.name(&row.operator), "self_stake": stake, "commission_bps": commission})
        });
        let providers = app.credits.providers.iter().map(|row| {
            let (name, bond) = (self.name(&row.provider), row.bond.get().to_string());
            json!({"address": name, "bond": bond, "listed": row.listed})
        });
        json!({
            "time_ms": self.doc.genesis_time.millis(),
            "epoch_ms": app.epoch_ms.get(),
            "unbonding_ms": staking.unbonding_ms,
            "max_validators": staking.max_validators,
            "min_stake": staking.min_stake.get().to_string(),
            "queues_stand": u8::from(self.queues_stand),
            "min_self_stake": staking.min_self_stake.get().to_string(),
            "equivocation_bps": staking.equivocation_bps,
            "max_commission_bps": 2_000,
            "max_commission_change_bps": 100,
            "cooldown_ms": credits.cooldown_ms,
            "grace_ms": credits.grace_ms,
            "provider_unbonding_ms": credits.provider_unbonding_ms,
            "min_bond": credits.min_bond.get().to_string(),
            "stakers_bps": credits.stakers_bps,
            "authority": self.name(&credits.authority),
            "protocol_fee_bps": app.emissions.params.fee_bps,
            "schedule": schedule.map(|s| json!([s.from.millis(), s.per_year.get().to_string()])).collect::<Vec<_>>(),
            "curve": {
                "base": formula.base.get().to_string(),
                "power": formula.power.get().to_string(),
                "target": formula.target.get().to_string(),
                "step": formula.step.get().to_string(),
                "steps": formula.steps,
            },
            "accounts": accounts.collect::<Vec<_>>(),
            "validators": validators.collect::<Vec<_>>(),
            "providers": providers.collect::<Vec<_>>(),
        })
    }
}

fn whole(units: u128) -> Amount {
    Amount::new(units * ONE)
}

fn document(rng: &mut Rng, people: &[Person]) -> (GenesisDoc, BTreeMap<Address, [u8; 20]>) {
    let mut doc = genesis(&[]);
    // Some way into a day, so that the first one is short.
    doc.genesis_time = Time(20_000 * DAY_MS + rng.below(DAY_MS));
    let (providers, others) = people.split_at(PROVIDERS);
    for person in providers.iter().chain(&others[..USERS]).chain(&others[USERS + KEYS..=USERS + KEYS]) {
        let row = bank::Account { vvv: whole(u128::from(20_000 + rng.below(80_000))), ..bank::Account::default() };
        doc.app.bank.accounts.insert(person.address, row);
    }
    let keys: Vec<SecretKey> = (0..VALIDATORS as u8).map(|n| SecretKey::ed25519(&[7 + n; 32])).collect();
    let validators: Vec<(SecretKey, u64)> = keys.into_iter().map(|key| (key, 1_000 + rng.below(9_000))).collect();
    let mut doc = with_validators(doc, &validators);
    let seats = 2 + rng.below(2) as u16;
    doc.validators.sort_by_key(|validator| std::cmp::Reverse(validator.power));
    doc.validators.truncate(seats.into());
    let app = &mut doc.app;
    app.staking.params.max_validators = seats;
    let mut consensus = BTreeMap::new();
    for row in &mut app.staking.validators {
        row.validator.commission = rng.below(2_001) as u16;
        consensus.insert(row.operator, diem_staking::consensus_address(&row.validator.consensus_key));
    }
    app.staking.params.min_self_stake = whole(1_000);
    app.staking.params.min_stake = Amount::new(ONE / 100 * u128::from(rng.pick(&[100_u64, 1, 10_000])));
    app.staking.params.unbonding_ms = DAY_MS * (1 + rng.below(6)) + rng.below(DAY_MS);
    app.emissions.params.fee_bps = rng.pick(&[2_000, 2_000, 0, 3_333, 5_000]);
    app.emissions.schedule = schedule(rng, doc.genesis_time);
    app.diem.curve = Curve::Formula(Formula {
        base: whole(90),
        power: Amount::new(ONE / 10 * u128::from(10 + rng.below(20))),
        target: whole(400),
        step: Amount::new(ONE * u128::from(3 + rng.below(20)) + rng.below_wide(ONE)),
        steps: 50,
    });
    let params = &mut app.credits.params;
    params.authority = people[PROVIDERS + USERS + KEYS].address;
    params.cooldown_ms = DAY_MS + rng.pick(&[0, 1, 3_600_000, DAY_MS]);
    params.grace_ms = rng.pick(&[7_200_000, 7_200_000, 1, DAY_MS - 1]);
    params.provider_unbonding_ms = DAY_MS + rng.below(3 * DAY_MS);
    params.min_bond = whole(10);
    params.stakers_bps = rng.pick(&[0, 0, 2_500, 10_000]);
    app.credits.providers = providers[..SERVING].iter().map(|person| provider(rng, person.address)).collect();
    (doc.canonical(), consensus)
}

fn schedule(rng: &mut Rng, start: Time) -> Vec<Segment> {
    let mut from = start;
    let mut next = |rng: &mut Rng| {
        let segment = Segment { from, per_year: Amount::new(rng.below_wide(10_000_000 * ONE)) };
        from = Time(from.millis() + 1 + rng.below(5 * DAY_MS));
        segment
    };
    (0..1 + rng.below(3)).map(|_| next(rng)).collect()
}

fn provider(rng: &mut Rng, provider: Address) -> GenesisProvider {
    let (endpoint, moniker) = ("https://provider.example".into(), "provider".into());
    let bond = whole(u128::from(10 + rng.below(60)));
    GenesisProvider {
        provider,
        payout: None,
        endpoint,
        moniker,
        bond,
        listed: rng.chance(80),
        prices: Default::default(),
    }
}
