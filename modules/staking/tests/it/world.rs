//! A chain of bank and staking alone, in memory: blocks, calls, and what they report.
#![allow(dead_code, reason = "the tests of svvv use another part of it than those of staking")]

use borsh::BorshDeserialize;
use diem_bank::{Bank, Pool};
use diem_core::{
    Address, Amount, Block, BlockContext, BlockInfo, CallError, Denom, Events, Forgetful, GenesisContext, Message as _,
    Module, ModuleError, StateWrite, Time, TxContext, Value,
    chain::{IDENTITY, Identity},
    context::{Misbehaviour, MisbehaviourKind, Vote},
    keys::SecretKey,
};
use diem_overlay::{Empty, Overlay};
use diem_staking::{
    CreateValidator, Description, Error, Event, Genesis, KeyProof, Msg, Params, Slash, Staking, Trimmed,
    ValidatorUpdate, consensus_address, genesis::GenesisValidator, position, validator,
};

pub(crate) const CHAIN: &str = "diem-test-dev";
pub(crate) const ONE: u128 = 1_000_000_000_000_000_000;
pub(crate) const DAY: u64 = 86_400_000;
/// Noon of some day, so that a few blocks do not reach midnight.
pub(crate) const START: u64 = 20_000 * DAY + DAY / 2;

pub(crate) fn empty() -> Empty {
    Empty
}

/// An account by its number.
pub(crate) const fn who(number: u8) -> Address {
    Address([number; 20])
}

/// An amount of that many base units.
pub(crate) const fn units(units: u128) -> Amount {
    Amount::new(units)
}

/// An amount of whole VVV.
pub(crate) const fn vvv(whole: u128) -> Amount {
    Amount::new(whole * ONE)
}

pub(crate) fn consensus_key(number: u8) -> [u8; 32] {
    let SecretKey::Ed25519(key) = SecretKey::ed25519(&[number; 32]) else { panic!("an ed25519 key") };
    key.verifying_key().to_bytes()
}

/// The name of validator `number` in consensus.
pub(crate) fn name(number: u8) -> [u8; 20] {
    consensus_address(&consensus_key(number))
}

pub(crate) fn bridge(number: u8) -> SecretKey {
    SecretKey::ethereum(&[number; 32]).unwrap()
}

/// Says which chain this is, as the runtime does before the modules' first rows.
pub(crate) fn name_the_chain(state: &mut dyn StateWrite, chain_id: &str) {
    IDENTITY.set(state, &Identity { chain_id: chain_id.into(), ..Identity::default() });
}

pub(crate) fn proof(number: u8, bridge: &SecretKey) -> KeyProof {
    KeyProof::sign(CHAIN, &who(number), &SecretKey::ed25519(&[number; 32]), bridge).unwrap()
}

/// The description of validator `number`, operated by account `number`: 10% commission, at most 50%, 5% a day.
pub(crate) fn description(number: u8, self_stake: Amount) -> CreateValidator {
    let bridge = bridge(number);
    CreateValidator {
        consensus_key: consensus_key(number),
        bridge_address: bridge.address(),
        proof: proof(number, &bridge),
        commission: 1_000,
        max_commission: 5_000,
        max_commission_change: 500,
        description: Description { moniker: format!("validator {number}"), website: String::new() },
        self_stake,
    }
}

pub(crate) struct World<'a> {
    pub(crate) state: Overlay<'a>,
    pub(crate) now: BlockInfo,
    /// Entries that slash jobs reach in a block.
    pub(crate) job_limit: u32,
    /// Entries that are paid in a block.
    pub(crate) pay_limit: u32,
    /// The sum of what each [`World::reward`] left.
    pub(crate) left: Amount,
}

impl<'a> World<'a> {
    /// Validators 1 to `validators` with 1,000 VVV of their own and no commission; everybody has 1,000,000 VVV.
    pub(crate) fn new(base: &'a Empty, validators: u8) -> Self {
        Self::with(base, validators, Params::default(), 0)
    }

    pub(crate) fn with(base: &'a Empty, validators: u8, params: Params, commission: u16) -> Self {
        let mut state = Overlay::new(base);
        for number in 1..=40 {
            diem_bank::mint(&mut state, Bank::ID, &who(number), Denom::Vvv, vvv(1_000_000)).unwrap();
        }
        let validator = |number| GenesisValidator {
            operator: who(number),
            validator: CreateValidator { commission, ..description(number, vvv(1_000)) },
        };
        let genesis = Genesis { params, validators: (1..=validators).map(validator).collect(), ..Genesis::default() };
        name_the_chain(&mut state, CHAIN);
        let mut ctx = GenesisContext { state: &mut state, time: Time(START) };
        Staking::init_genesis(&mut ctx, &genesis).unwrap();
        let mut world = World {
            state,
            now: BlockInfo { height: 0, time: Time(START) },
            job_limit: 500,
            pay_limit: 1_000,
            left: Amount::ZERO,
        };
        world.next();
        world
    }

    /// Lets stakes and entries be as small as they like, past the bounds of the parameter: what divisions leave shows
    /// in the smallest numbers.
    pub(crate) fn without_minimum(mut self) -> Self {
        let params = Params { min_stake: Amount::ZERO, ..diem_staking::params(&self.state) };
        self.state.set(&[Staking::ID.0, 0], Value::from_vec(borsh::to_vec(&params).unwrap()));
        self
    }

    /// Makes the next block, a second later.
    pub(crate) fn next(&mut self) -> Begun {
        self.block(1_000, vec![], vec![])
    }

    /// Blocks until `ms` have passed, in two steps, so that what leaves now has its date.
    pub(crate) fn wait(&mut self, ms: u64) {
        self.next();
        self.block(ms, vec![], vec![]);
    }

    /// Ends this block and begins the next one.
    pub(crate) fn block(&mut self, ms: u64, votes: Vec<Vote>, misbehaviour: Vec<Misbehaviour>) -> Begun {
        let updates = diem_staking::end_block(&mut self.state).unwrap();
        self.now = BlockInfo { height: self.now.height + 1, time: Time(self.now.time.0 + ms) };
        let block = Block { info: self.now, votes, misbehaviour, ..Block::default() };
        let mut events = Events::default();
        let mut ctx = BlockContext { state: &mut self.state, events: &mut events, block: &block };
        let slashes = diem_staking::begin_block(&mut ctx).unwrap();
        let trimmed = diem_staking::run_slash_jobs(&mut ctx, self.job_limit).unwrap();
        diem_staking::pay_matured(&mut ctx, self.pay_limit).unwrap();
        Begun { updates, slashes, trimmed, events: decode(events) }
    }

    /// A block with evidence of an offence of validator `number` at `height`, as old as those blocks.
    pub(crate) fn offence(&mut self, number: u8, height: u64) -> Begun {
        let age = (self.now.height + 1 - height) * 1_000;
        let time = Time(self.now.time.0 + 1_000 - age);
        self.block(1_000, vec![], vec![evidence(number, height, time)])
    }

    /// Runs a transaction with this call alone; nothing is written if it fails.
    pub(crate) fn call(&mut self, sender: u8, msg: &Msg) -> Result<Vec<Event>, CallError> {
        let now = self.now;
        self.try_do(|state, events| {
            let mut ctx = TxContext {
                state,
                events,
                block: now,
                sender: who(sender),
                key: diem_core::keys::KeyKind::Ed25519,
                verifier: &Forgetful,
            };
            msg.validate()?;
            msg.execute(&mut ctx)
        })
        .map(|(_, events)| events)
    }

    pub(crate) fn try_do<T>(
        &mut self,
        step: impl FnOnce(&mut dyn diem_core::StateWrite, &mut Events) -> Result<T, CallError>,
    ) -> Result<(T, Vec<Event>), CallError> {
        let mut events = Events::default();
        let (outcome, writes) = {
            let mut overlay = Overlay::new(&self.state);
            let outcome = step(&mut overlay, &mut events);
            (outcome, overlay.into_writes())
        };
        let done = outcome?;
        self.state.apply(writes);
        Ok((done, decode(events)))
    }

    pub(crate) fn stake(&mut self, account: u8, validator: u8, amount: Amount) -> Result<Vec<Event>, CallError> {
        self.call(account, &Msg::Stake { validator: who(validator), amount })
    }

    pub(crate) fn unstake(&mut self, account: u8, validator: u8, amount: Amount) -> Result<u64, CallError> {
        let events = self.call(account, &Msg::Unstake { validator: who(validator), amount })?;
        let id =
            events.iter().find_map(|e| if let Event::Unstaked { tranche, .. } = e { Some(*tranche) } else { None });
        Ok(id.unwrap())
    }

    pub(crate) fn cancel(&mut self, account: u8, tranche: u64) -> Result<Vec<Event>, CallError> {
        self.call(account, &Msg::CancelUnstake { tranche })
    }

    pub(crate) fn restake(&mut self, account: u8, from: u8, to: u8, amount: Amount) -> Result<(), CallError> {
        let now = self.now;
        let (from, to) = (who(from), who(to));
        self.try_do(|state, events| {
            let route = diem_staking::Route { from: &from, to: &to };
            diem_staking::move_stake(state, events, now, &who(account), route, amount)
        })
        .map(|_| ())
    }

    pub(crate) fn collect(&mut self, account: u8, entry: u64) -> Result<Vec<Event>, CallError> {
        let now = self.now;
        self.try_do(|state, events| diem_staking::collect(state, events, now, &who(account), entry).map(|_| ()))
            .map(|(_, events)| events)
    }

    pub(crate) fn lock(&mut self, account: u8, validator: u8, shares: u128) -> Result<(), CallError> {
        self.try_do(|state, _| diem_staking::lock_shares(state, &who(account), &who(validator), shares)).map(|_| ())
    }

    /// Puts new VVV into the pool of rewards and shares it.
    pub(crate) fn reward(&mut self, amount: Amount, fee_bps: u16) -> diem_staking::Rewarded {
        let emissions = diem_core::ModuleId::EMISSIONS;
        diem_bank::mint_to_pool(&mut self.state, emissions, Pool::Rewards, Denom::Vvv, amount).unwrap();
        let rewarded = diem_staking::reward(&mut self.state, amount, fee_bps).unwrap();
        self.left = self.left.checked_add(rewarded.left).unwrap();
        rewarded
    }

    pub(crate) fn balance(&self, account: u8) -> Amount {
        diem_bank::balance(&self.state, &who(account), Denom::Vvv)
    }

    pub(crate) fn pool(&self, pool: Pool) -> Amount {
        diem_bank::pool(&self.state, pool, Denom::Vvv)
    }

    pub(crate) fn tokens(&self, number: u8) -> Amount {
        validator(&self.state, &who(number)).unwrap().tokens
    }

    /// The value of a position.
    pub(crate) fn staked(&self, account: u8, number: u8) -> Amount {
        let position = position(&self.state, &who(account), &who(number));
        validator(&self.state, &who(number)).unwrap().value_of(position.shares)
    }

    pub(crate) fn shares(&self, account: u8, number: u8) -> u128 {
        position(&self.state, &who(account), &who(number)).shares
    }

    /// The rewards that a claim would pay to `account`.
    pub(crate) fn pending(&self, account: u8, number: u8) -> Amount {
        let row = validator(&self.state, &who(number)).unwrap();
        let earned = position(&self.state, &who(account), &who(number)).earned(&row).unwrap().split().unwrap().0;
        if account == number { earned.checked_add(row.commission_due).unwrap() } else { earned }
    }

    pub(crate) fn check(&self) {
        Bank::check_invariants(&self.state).unwrap();
        Staking::check_invariants(&self.state).unwrap();
    }
}

/// The outcome of a block's start.
pub(crate) struct Begun {
    /// The updates that consensus was told at the end of the block before.
    pub(crate) updates: Vec<ValidatorUpdate>,
    pub(crate) slashes: Vec<Slash>,
    pub(crate) trimmed: Vec<Trimmed>,
    pub(crate) events: Vec<Event>,
}

pub(crate) fn evidence(number: u8, height: u64, time: Time) -> Misbehaviour {
    Misbehaviour { kind: MisbehaviourKind::DuplicateVote, validator: name(number), power: 1, height, time }
}

pub(crate) fn vote(number: u8, signed: bool) -> Vote {
    Vote { validator: name(number), power: 1, signed }
}

/// The events of staking among all.
pub(crate) fn decode(events: Events) -> Vec<Event> {
    let bytes = events.into_bytes();
    let mut rest = &bytes[..];
    let mut found = Vec::new();
    while let Some((module, after)) = rest.split_first() {
        rest = after;
        assert_eq!(*module, Staking::ID.0, "only staking reports here");
        found.push(Event::deserialize(&mut rest).unwrap());
    }
    found
}

/// The name of the error in a refusal.
pub(crate) fn refusal<T>(outcome: Result<T, CallError>) -> &'static str {
    let error = outcome.map(|_| ()).unwrap_err();
    if error.codespace == "bank" {
        return diem_bank::Error::TABLE.iter().find(|line| line.code == error.code).unwrap().name;
    }
    assert_eq!(error.codespace, "staking");
    Error::TABLE.iter().find(|line| line.code == error.code).unwrap().name
}

/// A chain in the middle of everything: tranches with and without a date, a move, a slash half done, someone jailed.
pub(crate) fn busy(base: &Empty) -> World<'_> {
    let mut world = World::with(base, 4, Params { signed_window: 20, ..Params::default() }, 700);
    for account in 5..15 {
        world.stake(account, 1, vvv(100)).unwrap();
        world.unstake(account, 1, vvv(10)).unwrap();
        world.restake(account, 1, 2, vvv(10)).unwrap();
    }
    world.reward(vvv(3), 2_000);
    world.job_limit = 3;
    for _ in 0..12 {
        world.block(1_000, vec![vote(3, false), vote(4, true)], vec![]);
    }
    world.block(1_000, vec![vote(4, false)], vec![]);
    world.offence(1, 1);
    world.unstake(5, 1, vvv(10)).unwrap();
    world.check();
    world
}
