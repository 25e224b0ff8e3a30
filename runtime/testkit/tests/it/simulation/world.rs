//! The chain of a history: who lives on it, and the parameters, which differ from seed to seed.

use std::collections::BTreeMap;

use diem_bank as bank;
use diem_core::{Address, Amount, Time, keys::SecretKey};
use diem_credits::genesis::{GenesisProvider, GenesisStake};
use diem_diem::curve::{Curve, Formula};
use diem_emissions::Segment;
use diem_staking::{CreateValidator, Description, KeyProof, consensus_address};
use diem_testkit::{Person, Rng, genesis, operator, people, with_validators};
use diem_types::GenesisDoc;

/// One VVV, one DIEM or one credit.
pub(crate) const ONE: u128 = Amount::ONE.get();

const USERS: usize = 20;
const PROVIDERS: usize = 10;
/// Of the providers, those from genesis on; others may register.
const FIRST_PROVIDERS: usize = 7;
const KEYS: usize = 4;
const VALIDATORS: u32 = 5;
/// The number of accounts that can become validators besides.
const CANDIDATES: u32 = 9;

/// An account that acts, and how histories call it.
pub(crate) struct Actor {
    pub(crate) person: Person,
    pub(crate) name: String,
}

/// A validator of genesis or one that may come.
pub(crate) struct Candidate {
    pub(crate) operator: Address,
    pub(crate) consensus: SecretKey,
    pub(crate) public: [u8; 32],
    /// The name of the validator in consensus.
    pub(crate) name: [u8; 20],
}

/// The chain of a history and everyone on it.
pub(crate) struct World {
    pub(crate) doc: GenesisDoc,
    pub(crate) actors: Vec<Actor>,
    pub(crate) validators: Vec<Candidate>,
    places: BTreeMap<Address, usize>,
}

/// The role of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    User,
    Provider,
    SessionKey,
    Operator,
}

fn whole(units: u64) -> Amount {
    Amount::new(u128::from(units) * ONE)
}

fn candidate(number: u32) -> Candidate {
    let mut seed = [0xc5; 32];
    seed[..4].copy_from_slice(&number.to_be_bytes());
    let consensus = SecretKey::ed25519(&seed);
    let SecretKey::Ed25519(key) = &consensus else { panic!("an ed25519 key") };
    let public = key.verifying_key().to_bytes();
    Candidate { operator: operator(number).address, public, name: consensus_address(&public), consensus }
}

impl World {
    /// The world of a seed.
    pub(crate) fn new(rng: &mut Rng) -> Self {
        let count = USERS + PROVIDERS + KEYS + 2;
        let mut actors: Vec<Actor> = Vec::new();
        let mut add = |person, name| actors.push(Actor { person, name });
        let mut everyone = people(count as u32).into_iter();
        let mut next = || everyone.next().unwrap();
        (0..USERS).for_each(|n| add(next(), format!("u{n}")));
        (0..PROVIDERS).for_each(|n| add(next(), format!("p{n}")));
        (0..KEYS).for_each(|n| add(next(), format!("k{n}")));
        add(next(), "authority".into());
        add(next(), "payer".into());
        (0..VALIDATORS + CANDIDATES).for_each(|n| add(operator(n), format!("v{n}")));
        let places = actors.iter().enumerate().map(|(place, actor)| (actor.person.address, place)).collect();
        let validators = (0..VALIDATORS + CANDIDATES).map(candidate).collect();
        let mut world = Self { doc: genesis(&[]), actors, validators, places };
        world.doc = world.document(rng);
        world
    }

    /// The place of whoever has this address.
    pub(crate) fn place(&self, address: &Address) -> Option<usize> {
        self.places.get(address).copied()
    }

    /// The address of an actor.
    pub(crate) fn address(&self, place: usize) -> Address {
        self.actors[place].person.address
    }

    /// The places of all of a kind.
    pub(crate) fn all(kind: Kind) -> std::ops::Range<usize> {
        let operators = USERS + PROVIDERS + KEYS + 2;
        match kind {
            Kind::User => 0..USERS,
            Kind::Provider => USERS..USERS + PROVIDERS,
            Kind::SessionKey => USERS + PROVIDERS..USERS + PROVIDERS + KEYS,
            Kind::Operator => operators..operators + (VALIDATORS + CANDIDATES) as usize,
        }
    }

    /// The place of the authority that lists providers.
    pub(crate) const AUTHORITY: usize = USERS + PROVIDERS + KEYS;
    /// The place of the account that pays fees for those who cannot.
    pub(crate) const PAYER: usize = Self::AUTHORITY + 1;

    /// A text with every address replaced by its name.
    pub(crate) fn readable(&self, text: &str) -> String {
        self.actors.iter().fold(text.to_string(), |text, actor| {
            let address = actor.person.address.to_string();
            if text.contains(&address) { text.replace(&address, &actor.name) } else { text }
        })
    }

    /// What the validator `number` says when it is made; its proof speaks for `bridge`, the number of its bridge key.
    pub(crate) fn creation(&self, number: usize, bridge: u32, commission: [u16; 3], stake: Amount) -> CreateValidator {
        let validator = &self.validators[number];
        let bridge = bridge_key(bridge);
        let proof = KeyProof::sign(&self.doc.chain_id, &validator.operator, &validator.consensus, &bridge).unwrap();
        CreateValidator {
            consensus_key: validator.public,
            bridge_address: bridge.address(),
            proof,
            commission: commission[0],
            max_commission: commission[1],
            max_commission_change: commission[2],
            description: Description { moniker: format!("validator-{number}"), website: String::new() },
            self_stake: stake,
        }
    }

    fn document(&self, rng: &mut Rng) -> GenesisDoc {
        let mut doc = self.doc.clone();
        let epoch_ms = rng.pick(&[86_400_000, 86_400_000, 3_600_000, 20_000]);
        doc.genesis_time = Time(1_790_000_000_000 + rng.below(epoch_ms));
        for (place, actor) in self.actors.iter().enumerate() {
            let vvv = if place == Self::PAYER { whole(1_000_000) } else { whole(5_000 + rng.below(60_000)) };
            // A third of the users has DIEM from the start; the first validator's stake is locked for it.
            let diem = if place < USERS && place % 3 == 0 { whole(1 + rng.below(10)) } else { Amount::ZERO };
            doc.app.bank.accounts.insert(actor.person.address, bank::Account { nonce: 0, vvv, diem });
        }
        let keys = self.validators.iter().take(VALIDATORS as usize);
        let keys: Vec<_> = keys.map(|one| (one.consensus.clone(), 1_500 + rng.below(8_000))).collect();
        let mut doc = with_validators(doc, &keys);
        for one in &self.validators[VALIDATORS as usize..] {
            let row = bank::Account { vvv: whole(20_000), ..bank::Account::default() };
            doc.app.bank.accounts.insert(one.operator, row);
        }
        let seats = 3 + rng.below(3) as u16;
        doc.validators.sort_by_key(|validator| std::cmp::Reverse(validator.power));
        doc.validators.truncate(seats.into());
        self.parameters(rng, &mut doc, epoch_ms, seats);
        self.credit(rng, &mut doc, epoch_ms);
        doc.canonical()
    }

    fn parameters(&self, rng: &mut Rng, doc: &mut GenesisDoc, epoch_ms: u64, seats: u16) {
        let app = &mut doc.app;
        app.epoch_ms = epoch_ms.try_into().unwrap();
        let staking = &mut app.staking.params;
        staking.max_validators = seats;
        staking.min_self_stake = whole(1_000);
        staking.unbonding_ms = epoch_ms / 2 + rng.below(3 * epoch_ms);
        staking.signed_window = 10 + rng.below(40) as u32;
        staking.min_signed_bps = rng.pick(&[5_000, 5_000, 8_000, 1_000]);
        staking.downtime_bps = rng.pick(&[1, 100, 1_000, 0]);
        staking.jail_ms = 1_000 + rng.below(epoch_ms / 4);
        for row in &mut app.staking.validators {
            let most = rng.pick(&[2_000, 10_000, 0]);
            row.validator.max_commission = most;
            row.validator.max_commission_change = most / 10;
            row.validator.commission = rng.below(u64::from(most) + 1) as u16;
        }
        app.emissions.params.fee_bps = rng.pick(&[2_000, 2_000, 0, 3_333, 5_000]);
        app.emissions.schedule = schedule(rng, doc.genesis_time, epoch_ms);
        let width = ONE * u128::from(3 + rng.below(20)) + rng.below_wide(ONE);
        app.diem.curve = Curve::Formula(Formula {
            base: whole(90),
            power: Amount::new(ONE / 10 * u128::from(10 + rng.below(20))),
            target: whole(200 + rng.below(400)),
            step: Amount::new(width),
            steps: 30,
        });
    }

    fn credit(&self, rng: &mut Rng, doc: &mut GenesisDoc, epoch_ms: u64) {
        let credits = &mut doc.app.credits;
        credits.params.authority = self.address(Self::AUTHORITY);
        credits.params.cooldown_ms = epoch_ms + rng.pick(&[0, 1, epoch_ms / 3, epoch_ms]);
        credits.params.grace_ms = rng.pick(&[epoch_ms / 12, epoch_ms / 12, 0, epoch_ms - 1]);
        credits.params.provider_unbonding_ms = epoch_ms + rng.below(3 * epoch_ms);
        credits.params.min_bond = whole(10);
        credits.params.stakers_bps = rng.pick(&[0, 0, 2_500, 10_000]);
        let first = Self::all(Kind::Provider).take(FIRST_PROVIDERS);
        credits.providers = first.map(|place| provider(rng, self.address(place))).collect();
        let holders = Self::all(Kind::User).step_by(6).map(|place| self.address(place));
        credits.stakes =
            holders.map(|staker| GenesisStake { staker, beneficiary: None, amount: Amount::new(ONE / 2) }).collect();
    }
}

/// The bridge key of that number; never one of genesis.
pub(crate) fn bridge_key(number: u32) -> SecretKey {
    let mut seed = [0xbb; 32];
    seed[..4].copy_from_slice(&number.to_be_bytes());
    SecretKey::ethereum(&seed).unwrap()
}

fn schedule(rng: &mut Rng, start: Time, epoch_ms: u64) -> Vec<Segment> {
    let mut from = start;
    let mut next = |rng: &mut Rng| {
        let segment = Segment { from, per_year: Amount::new(rng.below_wide(10_000_000 * ONE)) };
        from = Time(from.millis() + 1 + rng.below(20 * epoch_ms));
        segment
    };
    (0..1 + rng.below(3)).map(|_| next(rng)).collect()
}

fn provider(rng: &mut Rng, provider: Address) -> GenesisProvider {
    let (endpoint, moniker) = ("https://provider.example".into(), "provider".into());
    let (bond, listed) = (whole(10 + rng.below(60)), rng.chance(75));
    GenesisProvider { provider, payout: None, endpoint, moniker, bond, listed, prices: Default::default() }
}
