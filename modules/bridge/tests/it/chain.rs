//! A chain of bank, staking, the mint curve and the bridge, in memory.

use borsh::BorshDeserialize as _;
use diem_bank::Pool;
use diem_bridge::{
    Bridge, BridgeVotes, Error, Event, Genesis, Outbound, OutboundKind, Params, Statement, Transfer, applying, booking,
    closing, credits, refunds, sealing, sets,
    setup::{self, Terms},
    state, transfers,
};
use diem_core::{
    Address, Amount, Block, BlockContext, CallError, Denom, Events, Forgetful, GenesisContext, Module as _,
    ModuleError as _, ModuleId, StateRead, TxContext,
    keys::{EthereumKey, KeyKind},
};
use diem_diem::Diem;
use diem_overlay::{Empty, Overlay};

use crate::staking_chain::{World, bridge, units, vvv, who};

/// The account that decides.
pub(crate) const AUTHORITY: u8 = 30;
/// An account with DIEM.
pub(crate) const ALICE: u8 = 31;
/// Another account with DIEM.
pub(crate) const BOB: u8 = 32;
/// Base's chain id.
pub(crate) const BASE: u64 = 8453;

pub(crate) const TERMS: Terms = Terms {
    chain_id: BASE,
    max_set_age: 30 * 86_400,
    mint_capacity: Amount::new(10_000 * Amount::ONE.get()),
    share_bps: 1_000,
    guardian: Address([7; 20]),
};

/// So many hundredths of a DIEM.
pub(crate) const fn cents(hundredths: u128) -> Amount {
    Amount::new(hundredths * (Amount::ONE.get() / 100))
}

pub(crate) fn params() -> Params {
    Params {
        seal_wait_ms: 2_000,
        batch_life_ms: 600_000,
        set_every_ms: 600_000,
        set_gap_ms: 5_000,
        authority: who(AUTHORITY),
        ..Params::default()
    }
}

pub(crate) struct Chain<'a> {
    pub(crate) world: World<'a>,
    /// The kind of the key of whoever sends.
    pub(crate) key: KeyKind,
    /// What the bridge's own steps and calls reported.
    pub(crate) events: Vec<Event>,
}

impl<'a> Chain<'a> {
    /// Four validators of equal power; Alice and Bob have 10,000 DIEM each.
    pub(crate) fn new(base: &'a Empty) -> Self {
        Self::with(base, 4, 200_000, params())
    }

    /// Validators with 1,000 VVV and so much stake of others each.
    pub(crate) fn with(base: &'a Empty, validators: u8, stake: u128, params: Params) -> Self {
        let mut world = World::new(base, validators);
        for number in 1..=validators {
            if stake > 0 {
                world.stake(10 + number, number, vvv(stake)).unwrap();
            }
        }
        world.next();
        let mut ctx = GenesisContext { state: &mut world.state, time: world.now.time };
        Diem::init_genesis(&mut ctx, &diem_diem::Genesis::default()).unwrap();
        Bridge::init_genesis(&mut ctx, &Genesis { params, ..Genesis::default() }).unwrap();
        for account in [ALICE, BOB] {
            let diem = units(10_000 * Amount::ONE.get());
            diem_bank::mint(&mut world.state, ModuleId::DIEM, &who(account), Denom::Diem, diem).unwrap();
        }
        Self { world, key: KeyKind::Ed25519, events: Vec::new() }
    }

    /// A chain whose bridge is at work.
    pub(crate) fn ready(base: &'a Empty) -> Self {
        let mut chain = Self::new(base);
        chain.make_ready(4);
        chain
    }

    pub(crate) fn make_ready(&mut self, validators: u8) {
        self.prepare(AUTHORITY, TERMS).unwrap();
        self.activate(AUTHORITY).unwrap();
        for number in 1..=validators {
            let statement = self.statement(number, OutboundKind::Valset, self.issued().sets);
            self.apply(vec![statement]);
        }
        assert!(state::contract(&self.world.state).unwrap().is_ready);
    }

    /// Runs a call of `sender`: all of it or nothing. Every invariant holds after it.
    pub(crate) fn call<T>(
        &mut self,
        sender: u8,
        call: impl FnOnce(&mut TxContext<'_>) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        let (block, mut events) = (self.world.now, Events::default());
        let (outcome, writes) = {
            let mut state = Overlay::new(&self.world.state);
            let sender = who(sender);
            let key = self.key;
            let mut ctx =
                TxContext { state: &mut state, events: &mut events, block, sender, key, verifier: &Forgetful };
            (call(&mut ctx), state.into_writes())
        };
        if outcome.is_ok() {
            self.world.state.apply(writes);
            self.report(events);
        }
        self.check();
        outcome
    }

    pub(crate) fn prepare(&mut self, sender: u8, terms: Terms) -> Result<(), CallError> {
        self.call(sender, |ctx| setup::prepare(ctx, terms))
    }

    pub(crate) fn activate(&mut self, sender: u8) -> Result<(), CallError> {
        self.call(sender, |ctx| setup::activate(ctx, [9; 32], 40_000_000))
    }

    pub(crate) fn send(&mut self, sender: u8, amount: Amount, fee: Amount) -> Result<u64, CallError> {
        let mint = Transfer { recipient: Address([0xb5; 20]), amount };
        self.call(sender, |ctx| transfers::send(ctx, mint, fee))
    }

    pub(crate) fn cancel(&mut self, sender: u8, id: u64) -> Result<(), CallError> {
        self.call(sender, |ctx| transfers::cancel(ctx, id))
    }

    pub(crate) fn bump_fee(&mut self, sender: u8, id: u64, fee: Amount) -> Result<(), CallError> {
        self.call(sender, |ctx| transfers::bump_fee(ctx, id, fee))
    }

    /// Ends this block, and begins one that is `ms` later.
    pub(crate) fn block(&mut self, ms: u64) {
        self.step(|ctx| applying::apply_due(ctx).unwrap());
        self.check();
        self.step(|ctx| credits::pay_due(ctx).unwrap());
        self.step(|ctx| refunds::refund_due(ctx).unwrap());
        self.step(|ctx| sealing::seal(ctx).unwrap());
        self.step(|ctx| closing::drop_old(ctx).unwrap());
        self.world.block(ms, vec![], vec![]);
        self.step(|ctx| sets::make_due(ctx).unwrap());
        self.check();
    }

    /// Books the statements as a block does; returns how many were taken.
    pub(crate) fn apply(&mut self, statements: Vec<Statement>) -> usize {
        self.votes(&BridgeVotes { statements, chunk: None })
    }

    /// Takes in the first transaction of a block, which every node has checked by the state before it.
    pub(crate) fn votes(&mut self, votes: &BridgeVotes) -> usize {
        let (mut booked, block) = (0, self.world.now);
        self.step(|ctx| booked = booking::apply_votes(ctx.state, ctx.events, &Forgetful, block, votes));
        self.check();
        booked
    }

    fn step(&mut self, step: impl FnOnce(&mut BlockContext<'_>)) {
        let block = Block { info: self.world.now, ..Block::default() };
        let mut events = Events::default();
        step(&mut BlockContext { state: &mut self.world.state, events: &mut events, block: &block });
        self.report(events);
    }

    fn report(&mut self, events: Events) {
        let bytes = events.into_bytes();
        let mut rest = &bytes[..];
        while let Some((module, after)) = rest.split_first() {
            rest = after;
            match ModuleId(*module) {
                Bridge::ID => self.events.push(Event::deserialize(&mut rest).unwrap()),
                // Whoever is convicted is slashed, which staking reports.
                ModuleId::STAKING => drop(diem_staking::Event::deserialize(&mut rest).unwrap()),
                ModuleId(other) => panic!("module {other} reports nothing here"),
            }
        }
    }

    pub(crate) fn check(&self) {
        Bridge::check_invariants(&self.world.state).unwrap();
    }

    pub(crate) fn issued(&self) -> diem_bridge::Issued {
        state::issued(&self.world.state)
    }

    pub(crate) fn diem(&self, account: u8) -> Amount {
        diem_bank::balance(&self.world.state, &who(account), Denom::Diem)
    }

    pub(crate) fn escrow(&self) -> Amount {
        diem_bank::pool(&self.world.state, Pool::BridgeEscrow, Denom::Diem)
    }

    /// What validator `number` states of what the chain issued under this kind and nonce.
    pub(crate) fn statement(&self, number: u8, kind: OutboundKind, nonce: u64) -> Statement {
        signed(&self.world.state, &EthereumKey::new(&[number; 32]).unwrap(), kind, nonce)
    }
}

/// The statement of a key.
pub(crate) fn signed(state: &dyn StateRead, key: &EthereumKey, kind: OutboundKind, nonce: u64) -> Statement {
    let hash = booking::wanted_hash(state, kind, nonce).unwrap();
    let digest = state::domain(state).unwrap().digest(&hash);
    Statement::Outbound(Outbound { kind, nonce, digest, signature: key.sign(&digest) })
}

/// The bridge key of a validator.
pub(crate) fn key_of(number: u8) -> Address {
    bridge(number).address()
}

pub(crate) use crate::vectors::name;

/// The name of a refusal, by whichever module.
pub(crate) fn refusal<T>(outcome: Result<T, CallError>) -> &'static str {
    let error = outcome.map(|_| ()).unwrap_err();
    let table = if error.codespace == "bank" { diem_bank::Error::TABLE } else { Error::TABLE };
    table.iter().find(|line| line.code == error.code).unwrap().name
}
