//! A small economy in a test: three validators, a provider that is listed, people with VVV and DIEM, and days
//! of twenty seconds.

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

/// How long a day lasts, in milliseconds. The first one begins at genesis.
pub const EPOCH_MS: u64 = 20_000;
/// How long after its close a day takes vouchers.
pub const GRACE_MS: u64 = 5_000;
/// How long stake takes to leave, and a provider's bond.
pub const UNBONDING_MS: u64 = 40_000;
/// How long a validator that missed too many blocks stays out.
pub const JAIL_MS: u64 = 3_000;
/// People with 100,000 VVV and 10 DIEM each.
pub const PEOPLE: u32 = 6;
/// Of the people, who is a listed provider with a bond of 2,000 VVV.
pub const PROVIDER: usize = 3;
/// The voting powers of the three validators at genesis.
const POWERS: [u64; 3] = [10_000, 8_000, 6_000];

/// Whole units.
pub fn whole(units: u128) -> Amount {
    Amount::ONE.checked_mul(units).unwrap()
}

/// Thousandths of a unit.
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

/// Who validates, by number.
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

/// VVV for a DIEM, as a rate of the curve.
pub(crate) fn rate_of(vvv: u128) -> diem::curve::Rate {
    diem::curve::Rate(U256::from(whole(vvv).get()))
}

/// A chain of this economy, and what the next blocks are told beside their transactions.
pub struct Economy {
    /// The chain.
    pub chain: TestChain,
    /// Whose signatures are missing in the next blocks, by the number of the validator.
    pub silent: Vec<u8>,
    /// Who is proven to have voted twice, by number and height of the offence; for the next block.
    pub evidence: Vec<(u8, u64)>,
    /// Every block so far.
    pub blocks: Vec<BlockOutcome>,
}

impl Economy {
    /// A chain with one empty block.
    pub fn new() -> Self {
        Self::with(Options::default(), PEOPLE)
    }

    /// The same with other options, and with this many people.
    pub fn with(options: Options, count: u32) -> Self {
        let people = people(count);
        let doc = economy_genesis(&people);
        let chain = TestChain::start(App::in_memory(options), people, doc);
        let first = chain.force(Vec::new());
        Self { chain, silent: Vec::new(), evidence: Vec::new(), blocks: vec![first] }
    }

    /// A person's address.
    pub fn who(&self, person: usize) -> Address {
        self.chain.people[person].address
    }

    /// The day that is open.
    pub fn today(&self) -> u64 {
        credits::state::global(&self.chain.app.store().latest()).day
    }

    /// The next block, so many milliseconds after the last one, as consensus would tell it.
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

    /// A block with one transaction of each sender, all of which must succeed.
    ///
    /// # Panics
    /// One of them fails.
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

    /// The same with the people by their numbers.
    ///
    /// # Panics
    /// One of the transactions fails.
    pub fn people_block(&mut self, elapsed: u64, calls: Vec<(usize, Vec<Call>)>) -> BlockOutcome {
        let of = |(person, calls): (usize, Vec<Call>)| (self.chain.people[person].clone(), calls);
        let calls = calls.into_iter().map(of).collect();
        self.block(elapsed, calls)
    }

    /// A voucher of a person for the person's own credit.
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

    /// The same, signed.
    pub fn signed(&self, account: usize, provider: usize, day: u64, amount: Amount) -> SignedVoucher {
        self.voucher(account, provider, day, amount).sign(&self.chain.people[account].key)
    }
}

impl Default for Economy {
    fn default() -> Self {
        Self::new()
    }
}
