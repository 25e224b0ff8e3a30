//! A chain of the modules below diem, in memory: two validators, Ada with stake at both, and a curve.

use diem_bank::{self as bank, Account, Bank};
use diem_core::{
    Address, Amount, BlockInfo, CallError, Denom, Events, GenesisContext, Module, QueryContext, StateWrite, Time,
    chain::{IDENTITY, Identity},
    keys::SecretKey,
};
use diem_diem::{Curve, Diem, Genesis, Msg};
use diem_overlay::{Empty, Overlay};
use diem_staking::{CreateValidator, Description, KeyProof, Staking, genesis::GenesisStake, genesis::GenesisValidator};
use diem_svvv::{Svvv, genesis::GenesisLock};

use crate::curves::whole;

pub(crate) const ADA: Address = Address([1; 20]);
pub(crate) const BOB: Address = Address([2; 20]);
/// The two validators of the chain.
pub(crate) const NORTH: Address = Address([11; 20]);
pub(crate) const SOUTH: Address = Address([12; 20]);

/// A committed state without rows.
pub(crate) fn empty() -> Empty {
    Empty
}

/// A validator with a stake of its own.
fn validator(operator: Address) -> GenesisValidator {
    let consensus = SecretKey::ed25519(&[operator.0[0]; 32]);
    let SecretKey::Ed25519(key) = &consensus else { panic!("an ed25519 key") };
    let consensus_key = key.verifying_key().to_bytes();
    let bridge = SecretKey::ethereum(&[operator.0[0]; 32]).unwrap();
    let proof = KeyProof::sign("test", &operator, &consensus, &bridge).unwrap();
    let validator = CreateValidator {
        consensus_key,
        bridge_address: bridge.address(),
        proof,
        commission: 0,
        max_commission: 10_000,
        max_commission_change: 10_000,
        description: Description { moniker: "one".into(), website: String::new() },
        self_stake: whole(1_000),
    };
    GenesisValidator { operator, validator }
}

/// The start of a chain.
pub(crate) struct Start {
    pub(crate) bank: bank::Genesis,
    pub(crate) staking: diem_staking::Genesis,
    pub(crate) svvv: diem_svvv::Genesis,
    pub(crate) diem: Genesis,
}

/// Ada and Bob have 10 million VVV each, staked half and half with the two validators.
pub(crate) fn start(curve: Curve) -> Start {
    let accounts = [(NORTH, 1_000), (SOUTH, 1_000), (ADA, 10_000_000), (BOB, 10_000_000)];
    let row = |amount| Account { vvv: whole(amount), ..Account::default() };
    let stake = |account, validator| GenesisStake { account, validator, amount: whole(5_000_000) };
    Start {
        bank: bank::Genesis {
            accounts: accounts.map(|(who, amount)| (who, row(amount))).into(),
            ..bank::Genesis::default()
        },
        staking: diem_staking::Genesis {
            validators: vec![validator(NORTH), validator(SOUTH)],
            stakes: vec![stake(ADA, NORTH), stake(ADA, SOUTH), stake(BOB, NORTH), stake(BOB, SOUTH)],
            ..diem_staking::Genesis::default()
        },
        svvv: diem_svvv::Genesis::default(),
        diem: Genesis { curve },
    }
}

impl Start {
    /// DIEM that exists from the start, and the lock of the same account for it.
    pub(crate) fn with_diem(mut self, account: Address, validator: Address, lock: Amount, diem: Amount) -> Self {
        self.bank.accounts.entry(account).or_default().diem = diem;
        self.svvv.locks.push(GenesisLock { account, validator, vvv: lock, diem });
        self
    }

    pub(crate) fn init(&self, state: &mut dyn StateWrite) -> Result<(), CallError> {
        let mut ctx = GenesisContext { state, time: Time(1_000) };
        IDENTITY.set(ctx.state, &Identity { chain_id: "test".into(), ..Identity::default() });
        Bank::init_genesis(&mut ctx, &self.bank)?;
        Staking::init_genesis(&mut ctx, &self.staking)?;
        Svvv::init_genesis(&mut ctx, &self.svvv)?;
        Diem::init_genesis(&mut ctx, &self.diem)
    }
}

/// A chain that has started.
pub(crate) struct Chain<'a> {
    pub(crate) state: Overlay<'a>,
}

impl<'a> Chain<'a> {
    pub(crate) fn new(base: &'a Empty, start: &Start) -> Self {
        let mut state = Overlay::new(base);
        start.init(&mut state).unwrap();
        Self { state }
    }

    /// Runs a call as a transaction with this call alone would: all or nothing, and every invariant holds after it. It
    /// returns the events.
    pub(crate) fn call(&mut self, sender: Address, msg: &Msg) -> Result<Vec<u8>, CallError> {
        let block = BlockInfo { height: 1, time: Time(2_000) };
        let outcome = diem_overlay::execute(&mut self.state, block, sender, msg);
        self.check();
        outcome
    }

    pub(crate) fn check(&self) {
        let checks =
            [Bank::check_invariants, Staking::check_invariants, Svvv::check_invariants, Diem::check_invariants];
        checks.iter().for_each(|check| check(&self.state).unwrap());
    }

    pub(crate) fn ctx(&self) -> QueryContext<'_> {
        QueryContext { state: &self.state, block: BlockInfo::default() }
    }

    pub(crate) fn diem(&self, account: Address) -> Amount {
        bank::balance(&self.state, &account, Denom::Diem)
    }

    pub(crate) fn supply(&self) -> Amount {
        bank::supply(&self.state, Denom::Diem)
    }

    /// The value that the account can still lock, in avvv.
    pub(crate) fn free(&self, account: Address, validator: Address) -> Amount {
        diem_svvv::free_to_lock(&self.state, &account, &validator)
    }

    /// Gives DIEM away, as a transfer does.
    pub(crate) fn send(&mut self, from: Address, to: Address, amount: Amount) {
        bank::transfer(&mut self.state, &mut Events::default(), &from, &to, Denom::Diem, amount).unwrap();
    }
}
