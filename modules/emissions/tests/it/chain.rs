//! A chain of the modules below emissions, in memory, and blocks of it.

use diem_bank::{self as bank, Account, Bank, Pool};
use diem_core::{
    Address, Amount, Block, BlockContext, BlockInfo, Denom, Events, GenesisContext, Module, StateWrite, Time,
    chain::{IDENTITY, Identity},
    keys::SecretKey,
};
use diem_emissions::{Emissions, Genesis, Schedule, Segment, begin_block};
use diem_overlay::{Empty, Overlay};
use diem_staking::{
    CreateValidator, Description, KeyProof, Staking,
    genesis::{GenesisStake, GenesisValidator},
    lock_shares,
};

/// Two validators; NORTH takes a commission that the test sets, SOUTH none.
pub(crate) const NORTH: Address = Address([11; 20]);
pub(crate) const SOUTH: Address = Address([12; 20]);
pub(crate) const ADA: Address = Address([1; 20]);
pub(crate) const BOB: Address = Address([2; 20]);

/// The genesis time: some day in 2026.
pub(crate) const GENESIS: Time = Time(1_790_000_000_123);

/// An amount of that many whole VVV.
pub(crate) fn whole(amount: u128) -> Amount {
    Amount::ONE.checked_mul(amount).unwrap()
}

/// The time that many milliseconds after genesis.
pub(crate) fn after(ms: u64) -> Time {
    Time(GENESIS.millis() + ms)
}

/// A committed state without rows.
pub(crate) fn empty() -> Empty {
    Empty
}

fn validator(operator: Address, commission: u16, self_stake: Amount) -> GenesisValidator {
    let consensus = SecretKey::ed25519(&[operator.0[0]; 32]);
    let SecretKey::Ed25519(key) = &consensus else { panic!("an ed25519 key") };
    let consensus_key = key.verifying_key().to_bytes();
    let bridge = SecretKey::ethereum(&[operator.0[0]; 32]).unwrap();
    let validator = CreateValidator {
        consensus_key,
        bridge_address: bridge.address(),
        proof: KeyProof::sign("test", &operator, &consensus, &bridge).unwrap(),
        commission,
        max_commission: 10_000,
        max_commission_change: 10_000,
        description: Description { moniker: "one".into(), website: String::new() },
        self_stake,
    };
    GenesisValidator { operator, validator }
}

/// The stakes of the start, and the genesis of emissions.
pub(crate) struct Start {
    /// (validator, commission, own stake).
    pub(crate) validators: Vec<(Address, u16, Amount)>,
    /// The stakes as (account, validator, amount).
    pub(crate) stakes: Vec<(Address, Address, Amount)>,
    /// VVV that is not staked, to pay fees with.
    pub(crate) purses: Vec<(Address, Amount)>,
    pub(crate) emissions: Genesis,
}

impl Start {
    pub(crate) fn emitting(segments: Vec<Segment>) -> Self {
        let emissions = Genesis { schedule: segments, ..Genesis::default() };
        Self { validators: vec![], stakes: vec![], purses: vec![], emissions }
    }

    pub(crate) fn init(&self, state: &mut dyn StateWrite, time: Time) {
        let mut bank = bank::Genesis::default();
        let own = self.validators.iter().map(|(operator, _, stake)| (*operator, *stake));
        let stakes = self.stakes.iter().map(|(account, _, stake)| (*account, *stake));
        for (account, stake) in own.chain(stakes).chain(self.purses.iter().copied()) {
            let row: &mut Account = bank.accounts.entry(account).or_default();
            row.vvv = row.vvv.checked_add(stake).unwrap();
        }
        let validators = self.validators.iter().map(|(who, commission, stake)| validator(*who, *commission, *stake));
        let stakes = self.stakes.iter().map(|(account, validator, amount)| GenesisStake {
            account: *account,
            validator: *validator,
            amount: *amount,
        });
        let staking = diem_staking::Genesis {
            validators: validators.collect(),
            stakes: stakes.collect(),
            ..diem_staking::Genesis::default()
        };
        let mut ctx = GenesisContext { state, time };
        Bank::init_genesis(&mut ctx, &bank).unwrap();
        IDENTITY.set(ctx.state, &Identity { chain_id: "test".into(), ..Identity::default() });
        Staking::init_genesis(&mut ctx, &staking).unwrap();
        Emissions::init_genesis(&mut ctx, &self.emissions).unwrap();
    }
}

/// A chain that has started.
pub(crate) struct Chain<'a> {
    pub(crate) state: Overlay<'a>,
}

impl<'a> Chain<'a> {
    pub(crate) fn new(base: &'a Empty, start: &Start) -> Self {
        let mut state = Overlay::new(base);
        start.init(&mut state, GENESIS);
        Self { state }
    }

    /// Runs the begin step of a block at this time; returns its events. Every invariant holds after it.
    pub(crate) fn block(&mut self, time: Time) -> Vec<u8> {
        let mut events = Events::default();
        let block = Block { info: BlockInfo { height: 1, time }, ..Block::default() };
        begin_block(&mut BlockContext { state: &mut self.state, events: &mut events, block: &block }).unwrap();
        self.check();
        events.into_bytes()
    }

    pub(crate) fn check(&self) {
        let checks = [Bank::check_invariants, Staking::check_invariants, Emissions::check_invariants];
        checks.iter().for_each(|check| check(&self.state).unwrap());
    }

    pub(crate) fn pool(&self, pool: Pool) -> Amount {
        bank::pool(&self.state, pool, Denom::Vvv)
    }

    pub(crate) fn lock(&mut self, account: Address, validator: Address, shares: Amount) {
        lock_shares(&mut self.state, &account, &validator, shares.get()).unwrap();
    }

    /// Fees as the runtime collects them at the end of a block, out of what the account has.
    pub(crate) fn pay_fees(&mut self, payer: Address, fees: Amount) {
        bank::pay_into_pool(&mut self.state, &payer, Pool::Fees, Denom::Vvv, fees).unwrap();
    }

    /// The rewards that an account could claim of a position, in whole avvv.
    pub(crate) fn pending(&self, account: Address, validator: Address) -> Amount {
        let row = diem_staking::validator(&self.state, &validator).unwrap();
        diem_staking::position(&self.state, &account, &validator).earned(&row).unwrap().split().unwrap().0
    }
}

/// A rate from genesis on.
pub(crate) fn flat(per_year: Amount) -> Vec<Segment> {
    Schedule::new(vec![Segment { from: GENESIS, per_year }]).unwrap().segments().to_vec()
}
