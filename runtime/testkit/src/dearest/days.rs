//! The genesis of the chain, and its three days: all that happened on it before the dearest calls.

use std::collections::BTreeMap;

use bytes::Bytes;
use diem_core::{Address, Amount, Block, BlockContext, Fatal, Time, context::Vote};
use diem_credits::{self as credits, Msg as Credits};
use diem_diem::{self as diem, Curve, Msg as Diem, Step};
use diem_staking::{self as staking, Offence, Reach};
use diem_svvv::Msg as Svvv;
use diem_types::{Call, GenesisDoc};

use super::{
    Scene,
    arguments::{big_sheet, grant, key_of, nth_validator, publish, register, session_key},
    scene::{HALF, MOVES, VALIDATORS},
};
use crate::{
    economy::{consensus, milli, public, rate_of, validator, whole},
    people::{Person, genesis, with_validators},
    story::{allocate, stake_diem, unstake, unstake_diem},
};

/// The number of slashes that wait before everything that left a validator. With the parameters of the live preset, and
/// a million entries before them, at most two for downtime and one for a double vote are waiting at one time.
const SLASHES: usize = 4;
/// The number of steps of the curve, all but the first of one DIEM.
const STEPS: u128 = diem::curve::MAX_STEPS as u128;
const EPOCH_MS: u64 = 3_600_000;
const GRACE_MS: u64 = 600_000;

impl Scene {
    /// Describes a block `elapsed` milliseconds later.
    fn block_after(&self, elapsed: u64) -> Block {
        let mut block = self.chain.next_block();
        if let Some(last) = self.chain.app.store().meta() {
            block.info.time = Time(last.time_ms + elapsed);
        }
        block
    }

    /// Makes a block with these calls, one transaction for each list; all must succeed.
    pub(super) fn next(&mut self, elapsed: u64, lists: Vec<(Person, Vec<Call>)>) {
        let mut nonces = BTreeMap::<Address, u64>::new();
        let txs = lists.into_iter().map(|(sender, calls)| {
            let ahead = nonces.entry(sender.address).or_default();
            let tx = self.tx(&sender, *ahead, calls);
            *ahead += 1;
            Bytes::from(tx.sign(&sender.key, None).unwrap())
        });
        let txs: Vec<Bytes> = txs.collect();
        // The transactions of many accounts need more than one block: the dearest of them, which grants many keys,
        // needs one and a half million gas.
        let mut elapsed = elapsed;
        for txs in txs.chunks(200) {
            let outcome = self.chain.run(self.block_after(elapsed), txs.to_vec());
            for result in outcome.results() {
                assert_eq!(result.code, 0, "{}", result.log);
            }
            elapsed = 1;
        }
        if txs.is_empty() {
            self.chain.run(self.block_after(elapsed), txs);
        }
        self.today = credits::state::open_day(&self.chain.app.store().latest()).day;
    }

    /// The accounts that have credit.
    fn with_credit(&self) -> Vec<Person> {
        [&self.full[..], &self.customers, &self.sellers].concat()
    }

    /// Repeats the calls for each of these people.
    fn each(people: &[Person], calls: impl Fn(&Person) -> Vec<Call>) -> Vec<(Person, Vec<Call>)> {
        people.iter().map(|person| (person.clone(), calls(person))).collect()
    }

    /// Prepares the first day: providers; credit, allocated to half of them; session keys that end today.
    pub(super) fn first_day(&mut self) {
        self.next(1, Self::each(&self.providers, |provider| vec![register(provider.address)]));
        let first: Vec<Address> = self.providers[..HALF].iter().map(|provider| provider.address).collect();
        let allocation = |amount: Amount| first.iter().map(|provider| allocate(*provider, amount)).collect::<Vec<_>>();
        let with_credit = self.with_credit();
        self.next(1, Self::each(&with_credit, |_| vec![stake_diem(whole(5), None)]));
        self.next(1, Self::each(&with_credit, |_| allocation(milli(10))));
        self.next(1, Self::each(&with_credit, |_| allocation(Amount::ZERO)));
        let (today, limits) = (self.today, self.limits(milli(10)));
        let grants = |from: usize| {
            let keys = (from..from + HALF).map(|number| grant(session_key(number), today, limits.clone()));
            keys.collect::<Vec<_>>()
        };
        self.next(1, Self::each(&self.full, |_| grants(HALF)));
    }

    /// Prepares the second day: allocations to the other half; session keys; entries in every queue.
    pub(super) fn second_day(&mut self) {
        let second: Vec<Address> = self.providers[HALF..].iter().map(|provider| provider.address).collect();
        let allocation = second.iter().map(|provider| allocate(*provider, milli(10))).collect::<Vec<_>>();
        self.next(EPOCH_MS, Self::each(&self.with_credit(), |_| allocation.clone()));
        let (later, limits) = (self.today + 9, self.limits(milli(10)));
        let grants = |keys: usize| (0..keys).map(|key| grant(session_key(key), later, limits.clone())).collect();
        self.next(1, Self::each(&self.full, |_| grants(HALF)));
        self.next(1, Self::each(&self.customers, |person| vec![grant(key_of(person), later, limits.clone())]));
        let (even, odd) = (|number: usize| nth_validator(2 * number), |number: usize| nth_validator(2 * number + 1));
        let mut unstakes = Vec::new();
        for (number, person) in self.full.clone().into_iter().enumerate() {
            let others: Vec<Address> = (0..HALF).map(|other| self.customer(number * HALF + other)).collect();
            let stakes = others.iter().map(|other| stake_diem(milli(50), Some(*other)));
            unstakes.push((person.clone(), stakes.collect()));
            let tranches = others.iter().map(|other| unstake_diem(milli(10), Some(*other)));
            unstakes.push((person.clone(), tranches.collect()));
            // An entry that waits for a slash cannot be cancelled, so these are of validators without one.
            let out = (0..HALF).map(|number| unstake(odd(number), whole(2)));
            unstakes.push((person.clone(), out.collect()));
            let mint = Diem::Mint { validator: validator(0), lock: whole(50), min_out: Amount::ZERO };
            unstakes.push((person, vec![Call::Diem(mint)]));
        }
        self.next(1, unstakes);
        let lock = |from: usize| Diem::Mint { validator: even(from), lock: whole(200), min_out: Amount::ZERO };
        self.next(1, Self::each(&self.movers, |_| (0..MOVES).map(|from| Call::Diem(lock(from))).collect()));
        let move_on = |number: usize| Svvv::Restake { from: even(number), to: odd(number), amount: whole(200) };
        self.next(1, Self::each(&self.movers, |_| (0..MOVES).map(|number| Call::Svvv(move_on(number))).collect()));
        self.next(1, Self::each(&self.providers, |_| vec![publish(big_sheet("a"))]));
        self.consume();
    }

    /// Prepares the third day: offers; a second price sheet; consumption at every provider; a validator that may come
    /// back.
    pub(super) fn third_day(&mut self) {
        self.next(EPOCH_MS, Self::each(&self.providers, |_| vec![publish(big_sheet("b"))]));
        let offer = Credits::OfferCredit { day: self.today, amount: whole(1), price: Amount::new(1) };
        self.next(1, Self::each(&self.sellers, |_| vec![Call::Credits(offer.clone())]));
        self.consume();
        let jailed = |scene: &Self| {
            let state = scene.chain.app.store().latest();
            staking::validator(&state, &validator((VALIDATORS - 1).into())).unwrap().jailed_until.is_some()
        };
        while !jailed(self) {
            let mut block = self.block_after(1);
            block.votes = (0..VALIDATORS).map(|number| vote(number, number != VALIDATORS - 1)).collect();
            self.chain.run(block, Vec::new());
        }
        self.next(1, Vec::new());
    }

    /// Consumes some credit of today at every provider.
    fn consume(&mut self) {
        let spend = |provider: &Person| {
            let (provider, day, reference) = (provider.address, self.today, String::new());
            Call::Credits(Credits::Spend { provider, day, amount: milli(1), reference })
        };
        let spends = self.providers.chunks(HALF).map(|some| some.iter().map(spend).collect::<Vec<_>>());
        let spends = spends.map(|calls| (self.sellers[0].clone(), calls)).collect();
        self.next(1, spends);
    }
}

/// Makes the genesis, and the steps of its curve, the first of which ends a little above the supply.
pub(super) fn document(
    all: &[Person],
    full: &[Person],
    whales: &[Person],
    movers: &[Person],
) -> (GenesisDoc, Vec<Step>) {
    let mut doc = genesis(all);
    doc.app.epoch_ms = EPOCH_MS.try_into().unwrap();
    for person in all {
        doc.app.bank.accounts.get_mut(&person.address).unwrap().vvv = whole(3_000_000);
    }
    let params = &mut doc.app.staking.params;
    (params.jail_ms, params.signed_window, params.downtime_bps) = (1_000, 10, 0);
    let params = &mut doc.app.credits.params;
    (params.cooldown_ms, params.grace_ms, params.authority) = (3 * EPOCH_MS, GRACE_MS, validator(0));
    doc.app.bridge.params.authority = validator(0);
    let validators: Vec<_> = (0..VALIDATORS).map(|number| (consensus(number), 100_000)).collect();
    let mut doc = with_validators(doc, &validators);
    // The DIEM that `full` and `movers` mint is less: one for each lock of the former, three for each of the latter.
    let minted = full.len() + 3 * MOVES * movers.len();
    let supply = whole(10 * all.len() as u128 + minted as u128);
    let edge = |number: u128| supply.checked_add(whole(1 + number)).unwrap();
    let steps = (0..STEPS).map(|number| Step { edge: edge(number), rate: rate_of(90 + number / 8) });
    let steps: Vec<Step> = steps.collect();
    doc.app.diem.curve = Curve::Table(steps.clone());
    let mut stake_of = |account: &Person, number: u8, amount: u128| {
        let (account, validator, amount) = (account.address, validator(number.into()), whole(amount));
        doc.app.staking.stakes.push(staking::genesis::GenesisStake { account, validator, amount });
    };
    for number in 0..VALIDATORS {
        full.iter().for_each(|account| stake_of(account, number, 200));
    }
    whales.iter().for_each(|account| stake_of(account, 0, 2_000_000));
    for number in (0..VALIDATORS).step_by(2) {
        movers.iter().for_each(|account| stake_of(account, number, 200));
    }
    for number in 0..VALIDATORS {
        let whales = if number == 0 { whales.len() * 2_000_000 } else { 0 };
        let key = public(&consensus(number));
        let row = doc.validators.iter_mut().find(|validator| validator.public_key == key).unwrap();
        let moving = if number % 2 == 0 { movers.len() * 200 } else { 0 };
        row.power = 100_000 + (full.len() * 200 + whales + moving) as u64;
    }
    (doc, steps)
}

/// Slashes every second validator a few times, once the last one has been jailed.
pub(super) fn slash_all(ctx: &mut BlockContext<'_>) -> Result<(), Fatal> {
    let standing = |number: u8| staking::validator(ctx.state, &validator(number.into()));
    let jailed = standing(VALIDATORS - 1).is_some_and(|last| last.jailed_until.is_some());
    if !jailed || standing(0).is_some_and(|first| first.jobs > 0) {
        return Ok(());
    }
    for number in (0..VALIDATORS).step_by(2).flat_map(|number| [number; SLASHES]) {
        staking::slash(ctx.state, ctx.events, &validator(number.into()), Offence::Downtime, 1, Reach::Everything)
            .map_err(|error| Fatal(error.to_string()))?;
    }
    Ok(())
}

fn vote(number: u8, signed: bool) -> Vote {
    Vote { validator: staking::consensus_address(&public(&consensus(number))), power: 1, signed }
}
