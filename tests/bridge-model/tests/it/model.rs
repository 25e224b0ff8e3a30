//! Both sides of the bridge, with the time outside and the validators who carry what they say.

use std::collections::BTreeMap;

use diem_base::Call;
use diem_bridge::{Checkpoint, Msg, OutboundKind, Params, Statement, StoredSet, init_code_hash, setup::Terms, state};
use diem_core::{Address, Amount};
use diem_overlay::Empty;

use crate::{
    base::{Base, abi::DiemBridge},
    blocks::Memory,
    chain::{AUTHORITY, Chain, PEOPLE, Signatures, WEALTH},
    defect::Defect,
    heard::Heard,
    ledger::{Checked, Ledger, Violation},
    staking_chain::who,
    step::View,
};

/// Base's chain id.
const BASE: u64 = 8_453;
/// The guardian on Base.
pub(crate) const GUARDIAN: Address = Address([0x6a; 20]);

/// What is different from one history to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// The capacity of the mint bucket, in hundredths.
    pub(crate) mint_capacity: u128,
    /// The capacity of the bucket of transfers to Base, in hundredths.
    pub(crate) out_capacity: u128,
    pub(crate) max_set_age: u64,
    /// By how many seconds Base's clock is ahead of this chain's.
    pub(crate) base_ahead: u64,
    /// What is wrong, on purpose.
    pub(crate) defect: Option<Defect>,
}

/// A block of Base, with what is read of it beside what validators state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) checkpoint: Checkpoint,
    /// What is queued, by the contract's storage.
    pub(crate) queued: u128,
}

/// The whole.
pub(crate) struct Model<'a> {
    pub(crate) shape: Shape,
    pub(crate) params: Params,
    pub(crate) chain: Chain<'a>,
    pub(crate) base: Base,
    pub(crate) ledger: Ledger,
    /// The time outside, in milliseconds.
    now: u64,
    pub(crate) base_halts: bool,
    /// The blocks of Base that validators looked at.
    pub(crate) seen: BTreeMap<u64, Seen>,
    pub(crate) heard: Heard,
    /// How often the chain told of something.
    pub(crate) told: BTreeMap<&'static str, u64>,
    /// Every signature for Base that was ever made: somebody kept it.
    pub(crate) signatures: BTreeMap<(OutboundKind, u64), Signatures>,
    /// The calls with signatures that Base took.
    pub(crate) done: Vec<Call>,
    /// Every set that was ever made.
    pub(crate) sets: BTreeMap<u64, StoredSet>,
}

/// So many hundredths of a DIEM, in adiem.
pub(crate) const fn cents(hundredths: u128) -> u128 {
    hundredths * (Amount::ONE.get() / 100)
}

/// The parameters with which every history begins.
pub(crate) const fn params() -> Params {
    Params {
        checkpoint_blocks: 5,
        seal_wait_ms: 2_000,
        batch_life_ms: 600_000,
        min_out: Amount::new(cents(1)),
        min_fee: Amount::new(cents(1) / 100),
        max_open: 32,
        set_every_ms: 86_400_000,
        set_gap_ms: 5_000,
        out_capacity: Amount::new(cents(60_000)),
        credit_capacity: Amount::new(cents(20_000)),
        share_bps: 3_000,
        forgery_bps: 2_000,
        silence_jail_bps: None,
        authority: who(AUTHORITY),
    }
}

impl<'a> Model<'a> {
    /// Both sides, with the contract created and its first set installed.
    pub(crate) fn new(rows: &'a Empty, shape: Shape) -> Self {
        let terms = Terms {
            chain_id: BASE,
            max_set_age: shape.max_set_age,
            mint_capacity: Amount::new(cents(shape.mint_capacity)),
            share_bps: 3_000,
            guardian: GUARDIAN,
        };
        let set_every_ms = shape.max_set_age * 1_000 / 6;
        let out_capacity = Amount::new(cents(shape.out_capacity));
        let params = Params { set_every_ms, out_capacity, ..params() };
        let mut chain = Chain::new(rows, params, terms);
        let arguments = chain.constructor();
        let now = chain.now();
        let base = Base::new(BASE, now / 1_000 + shape.base_ahead, &arguments);
        let code = init_code_hash(&DiemBridge::BYTECODE, &arguments);
        chain.call(AUTHORITY, &Msg::Activate { init_code_hash: code, deploy_block: 1 }).unwrap();
        let mut model = Self {
            shape,
            params,
            chain,
            base,
            ledger: Ledger::new(PEOPLE.into_iter().map(|person| (who(person), WEALTH)).collect()),
            now,
            base_halts: false,
            seen: BTreeMap::new(),
            heard: Heard::default(),
            told: BTreeMap::new(),
            signatures: BTreeMap::new(),
            done: Vec::new(),
            sets: BTreeMap::new(),
        };
        assert_eq!(model.base.bridge, model.chain.domain().bridge, "both sides know one contract");
        model.keep_sets();
        model.block(u8::MAX, View::None, 0).unwrap();
        model.update(0).unwrap();
        model.settle().unwrap();
        model.chain.defect = shape.defect;
        model
    }

    /// Lets time pass on both sides; a Base that halts stays where it is.
    pub(crate) fn time(&mut self, ms: u64) {
        self.now += ms;
        self.move_base();
    }

    pub(crate) fn halt_base(&mut self, halts: bool) {
        self.base_halts = halts;
        self.move_base();
    }

    fn move_base(&mut self) {
        if !self.base_halts {
            self.base.now = self.base.now.max(self.now / 1_000 + self.shape.base_ahead);
        }
    }

    /// Makes a block of this chain: whoever is awake signs what is owed and states the block of Base that it sees, and the
    /// proposer brings at most so many of Base's events.
    pub(crate) fn block(&mut self, awake: u8, view: View, events: u64) -> Checked {
        self.block_with(awake, view, events, 0)
    }

    /// The same, where the validators of the mask `liars` state a block that Base does not have.
    pub(crate) fn block_with(&mut self, awake: u8, view: View, events: u64, liars: u8) -> Checked {
        let ms = (self.now - self.chain.now()).max(1);
        self.now = self.now.max(self.chain.now() + ms);
        let seen = self.view(view)?;
        self.chain.end()?;
        self.settle()?;
        let (memory, statements) = (Memory::default(), self.chain.statements(awake, seen, liars));
        self.keep(&statements);
        let chunk = self.chain.next_chunk(&self.base, events);
        let votes = self.chain.propose(&memory, &statements, chunk)?;
        self.chain.begin(ms, &memory, votes)?;
        self.keep_sets();
        self.settle()
    }

    /// The block of Base that validators look at.
    pub(crate) fn view(&mut self, view: View) -> Result<Option<Checkpoint>, Violation> {
        let newest = |model: &Self| model.seen.values().next_back().map(|seen| seen.checkpoint);
        Ok(match view {
            View::None => None,
            View::Newest if self.base_halts => newest(self),
            View::Newest => Some(self.look()?.checkpoint),
            View::Older(back) => {
                let back = usize::try_from(back).unwrap();
                self.seen.values().rev().nth(back).map(|seen| seen.checkpoint)
            }
        })
    }

    /// Remembers signatures, as a relayer does who wants to use them late.
    pub(crate) fn keep(&mut self, statements: &[Statement]) {
        for statement in statements {
            let Statement::Outbound(said) = statement else { continue };
            let signer = said.signature.recover(&said.digest).unwrap();
            self.signatures.entry((said.kind, said.nonce)).or_default().insert(signer, said.signature);
        }
    }

    fn keep_sets(&mut self) {
        let salt = self.chain.domain().salt;
        for nonce in self.sets.len() as u64..=state::issued(&self.chain.world.state).sets {
            let set = state::stored_set(&self.chain.world.state, nonce).unwrap();
            self.ledger.sets.insert(set.set().hash(&salt, nonce, set.created_at), set.created_at);
            self.sets.insert(nonce, set);
        }
    }
}
