//! A small economy for tests: three validators, a listed provider, people with VVV and DIEM, and days of twenty
//! seconds.

use std::collections::BTreeMap;

use diem_core::{
    Address, Amount, Block, Time,
    context::{Misbehaviour, MisbehaviourKind, Vote},
    keys::SecretKey,
};
use diem_credits::{
    self as credits, SignedVoucher, Voucher,
    prices::{ModelPrices, Price, PriceSheet, Unit},
};
use diem_diem::{self as diem, Curve};
use diem_runtime::{App, Options};
use diem_staking as staking;
use diem_types::{Call, GenesisDoc};
use ruint::aliases::U256;

use crate::{
    chain::{BlockOutcome, TestChain},
    people::{Person, genesis, operator, people, with_validators},
};

/// The length of a day in milliseconds. The first day begins at genesis.
pub const EPOCH_MS: u64 = 20_000;
/// The grace period in milliseconds, in which a closed day takes vouchers.
pub const GRACE_MS: u64 = 5_000;
/// The unbonding time of stake and of a provider's bond, in milliseconds.
pub const UNBONDING_MS: u64 = 40_000;
/// The time in milliseconds for which a validator that missed too many blocks stays jailed.
pub const JAIL_MS: u64 = 3_000;
/// The number of people, with 100,000 VVV and 10 DIEM each.
pub const PEOPLE: u32 = 6;
/// The place, among the people, of the listed provider, who has a bond of 2,000 VVV.
pub const PROVIDER: usize = 3;
/// The voting powers of the three validators at genesis.
const POWERS: [u64; 3] = [10_000, 8_000, 6_000];

/// The amount of that many whole units.
pub fn whole(units: u128) -> Amount {
    Amount::ONE.checked_mul(units).unwrap()
}

/// The amount of that many thousandths of a unit.
pub fn milli(thousandths: u128) -> Amount {
    Amount::new(thousandths * (Amount::ONE.get() / 1_000))
}

/// The consensus key of a validator, counted from 0.
pub fn consensus(number: u8) -> SecretKey {
    SecretKey::ed25519(&[7 + number; 32])
}

/// The public half of a consensus key.
pub fn public(key: &SecretKey) -> [u8; 32] {
    let SecretKey::Ed25519(key) = key else { panic!("a consensus key is ed25519") };
    key.verifying_key().to_bytes()
}

/// The operator's address of a validator, by its number.
pub fn validator(number: u32) -> Address {
    operator(number).address
}

/// A bridge key that no validator of the genesis has.
pub fn bridge(number: u8) -> SecretKey {
    SecretKey::ethereum(&[0x40 + number; 32]).unwrap()
}

/// A price sheet of one model, with this price of a token.
pub fn sheet(price: u128) -> PriceSheet {
    let prices = vec![Price { unit: Unit::InputToken, price: Amount::new(price) }];
    PriceSheet { models: vec![ModelPrices { model: "small-1".into(), long_context: None, prices }] }
}

/// The genesis of this economy, with a short curve.
pub fn economy_genesis(people: &[Person]) -> GenesisDoc {
    let mut doc = genesis(people);
    doc.app.epoch_ms = EPOCH_MS.try_into().unwrap();
    for person in people {
        doc.app.bank.accounts.get_mut(&person.address).unwrap().vvv = whole(100_000);
    }
    let steps = [(1_000, 90), (2_000, 100), (3_000, 120)];
    let step = |(edge, rate)| diem::curve::Step { edge: whole(edge), rate: rate_of(rate) };
    doc.app.diem.curve = Curve::Table(steps.map(step).to_vec());
    let params = &mut doc.app.staking.params;
    (params.unbonding_ms, params.jail_ms, params.signed_window) = (UNBONDING_MS, JAIL_MS, 10);
    let params = &mut doc.app.credits.params;
    (params.cooldown_ms, params.grace_ms, params.provider_unbonding_ms) = (EPOCH_MS, GRACE_MS, UNBONDING_MS);
    (params.authority, params.stakers_bps) = (validator(0), 1_000);
    let params = &mut doc.app.bridge.params;
    (params.authority, params.seal_wait_ms) = (validator(0), 1_000);
    let validators = (0..).zip(POWERS).map(|(number, power)| (consensus(number), power)).collect::<Vec<_>>();
    let mut doc = with_validators(doc, &validators);
    let delegator = people[0].address;
    doc.app.staking.stakes =
        vec![staking::genesis::GenesisStake { account: delegator, validator: validator(0), amount: whole(2_000) }];
    doc.app.credits.stakes =
        vec![credits::genesis::GenesisStake { staker: delegator, beneficiary: None, amount: whole(3) }];
    doc.app.credits.providers = vec![credits::genesis::GenesisProvider {
        provider: people[PROVIDER].address,
        payout: None,
        endpoint: "https://one.example".into(),
        moniker: "one".into(),
        bond: whole(2_000),
        listed: true,
        prices: sheet(1_000_000_000_000),
    }];
    let power = POWERS[0] + 2_000;
    let first = public(&consensus(0));
    doc.validators.iter_mut().find(|validator| validator.public_key == first).unwrap().power = power;
    doc
}

/// The rate of the curve at which a DIEM costs this much VVV.
pub(crate) fn rate_of(vvv: u128) -> diem::curve::Rate {
    diem::curve::Rate(U256::from(whole(vvv).get()))
}

/// A chain of this economy, with what the next blocks are told beside their transactions.
pub struct Economy {
    /// The chain with its application.
    pub chain: TestChain,
    /// The validators, by number, whose signatures are missing in the next blocks.
    pub silent: Vec<u8>,
    /// The validators that the next block proves to have voted twice, by number and height of the offence.
    pub evidence: Vec<(u8, u64)>,
    /// Every block that was made so far.
    pub blocks: Vec<BlockOutcome>,
}

impl Economy {
    /// Makes a chain with one empty block.
    pub fn new() -> Self {
        Self::with(Options::default(), PEOPLE)
    }

    /// Makes a chain as [`Self::new`] does, with other options and this many people.
    pub fn with(options: Options, count: u32) -> Self {
        let people = people(count);
        let doc = economy_genesis(&people);
        let chain = TestChain::start(App::in_memory(options), people, doc);
        let first = chain.force(Vec::new());
        Self { chain, silent: Vec::new(), evidence: Vec::new(), blocks: vec![first] }
    }

    /// The address of a person.
    pub fn who(&self, person: usize) -> Address {
        self.chain.people[person].address
    }

    /// The number of the open day.
    pub fn today(&self) -> u64 {
        credits::state::open_day(&self.chain.app.store().latest()).day
    }

    /// Describes the next block, `elapsed` milliseconds after the last one, as consensus would.
    pub fn block_after(&mut self, elapsed: u64) -> Block {
        let mut block = self.chain.next_block();
        let last = self.chain.app.store().meta().unwrap();
        block.info.time = Time(last.time_ms + elapsed);
        let power = 1;
        block.votes = (0..3)
            .map(|number| Vote {
                validator: staking::consensus_address(&public(&consensus(number))),
                power,
                signed: !self.silent.contains(&number),
            })
            .collect();
        let offence = |(number, height): (u8, u64)| Misbehaviour {
            kind: MisbehaviourKind::DuplicateVote,
            validator: staking::consensus_address(&public(&consensus(number))),
            power,
            height,
            time: Time(last.time_ms),
        };
        block.misbehaviour = std::mem::take(&mut self.evidence).into_iter().map(offence).collect();
        block
    }

    /// Makes a block with one transaction of each sender, all of which must succeed.
    ///
    /// # Panics
    /// One of the transactions fails.
    pub fn block(&mut self, elapsed: u64, calls: Vec<(Person, Vec<Call>)>) -> BlockOutcome {
        let mut nonces = BTreeMap::<Address, u64>::new();
        let txs = calls.into_iter().map(|(sender, calls)| {
            let waiting = nonces.entry(sender.address).or_default();
            let builder = self.chain.tx(&sender, calls).with(|tx| tx.nonce += *waiting);
            *waiting += 1;
            builder.bytes()
        });
        let txs = txs.collect();
        let block = self.block_after(elapsed);
        let outcome = self.chain.run(block, txs);
        for (place, result) in outcome.results().iter().enumerate() {
            assert_eq!(result.code, 0, "transaction {place} of block {}: {}", outcome.block.info.height, result.log);
        }
        self.chain.app.check_invariants().unwrap();
        self.blocks.push(outcome.clone());
        outcome
    }

    /// Makes a block as [`Self::block`] does, with the senders by their numbers.
    ///
    /// # Panics
    /// One of the transactions fails.
    pub fn people_block(&mut self, elapsed: u64, calls: Vec<(usize, Vec<Call>)>) -> BlockOutcome {
        let of = |(person, calls): (usize, Vec<Call>)| (self.chain.people[person].clone(), calls);
        let calls = calls.into_iter().map(of).collect();
        self.block(elapsed, calls)
    }

    /// Makes a voucher of a person for the person's own credit.
    pub fn voucher(&self, account: usize, provider: usize, day: u64, amount: Amount) -> Voucher {
        let account = self.who(account);
        Voucher {
            chain_id: self.chain.doc.chain_id.clone(),
            genesis_hash: self.chain.doc.hash(),
            account,
            signer: account,
            provider: self.who(provider),
            day,
            amount,
            requests: 3,
            price_sheet: sheet(1_000_000_000_000).hash(),
            usage_root: [0x11; 32],
        }
    }

    /// Makes a voucher as [`Self::voucher`] does, and signs it.
    pub fn signed(&self, account: usize, provider: usize, day: u64, amount: Amount) -> SignedVoucher {
        self.voucher(account, provider, day, amount).sign(&self.chain.people[account].key)
    }
}

impl Default for Economy {
    fn default() -> Self {
        Self::new()
    }
}
