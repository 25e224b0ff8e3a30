//! A chain with bank and credits alone: blocks at chosen times, calls, and the invariants after each of them.

use borsh::BorshDeserialize as _;
use diem_bank::{self as bank, Bank, Pool};
use diem_core::{
    Address, Amount, Block, BlockContext, BlockInfo, CallError, Denom, Events, GenesisContext, Module as _,
    ModuleError as _, ModuleId, QueryContext, StateRead, StateWrite, Time,
    chain::{IDENTITY, Identity},
    keys::SecretKey,
};
use diem_credits::{
    Credits, Error, Event, Genesis, Msg, Params, SignedVoucher, Voucher, accounts, day, genesis::GenesisProvider,
    genesis::GenesisStake, grants, grants::ProviderLimit, market, payouts, providers, query, query::AccountInfo,
    query::DayInfo, query::ProviderInfo, query::TodayInfo, stake, state::DayRecord, vouchers::Outcome,
};
use diem_overlay::{Empty, Overlay, WriteSet};

pub(crate) const HOUR: u64 = 3_600_000;
pub(crate) const DAY: u64 = 24 * HOUR;
/// The day on which every test begins, at its midnight.
pub(crate) const FIRST: u64 = 100;
pub(crate) const CHAIN_ID: &str = "diem-test";
pub(crate) const GENESIS_HASH: [u8; 32] = [7; 32];

/// Somebody's key; the address is the key's.
pub(crate) fn key(number: u8) -> SecretKey {
    SecretKey::ed25519(&[number; 32])
}

pub(crate) fn who(number: u8) -> Address {
    key(number).address()
}

/// Alice and Bob are customers.
pub(crate) fn alice() -> Address {
    who(1)
}
pub(crate) fn bob() -> Address {
    who(2)
}
/// Listed providers with 1,000 and 5,000 VVV of bond.
pub(crate) fn pia() -> Address {
    who(11)
}
pub(crate) fn quin() -> Address {
    who(12)
}
/// A provider that is not listed.
pub(crate) fn rita() -> Address {
    who(13)
}
pub(crate) fn authority() -> Address {
    who(99)
}

/// An amount of whole units.
pub(crate) fn whole(units: u128) -> Amount {
    Amount::new(units * 1_000_000_000_000_000_000)
}

/// A decimal number of units.
pub(crate) fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}

pub(crate) fn params() -> Params {
    Params { authority: authority(), ..Params::default() }
}

fn provider(number: u8, bond: u128, listed: bool) -> GenesisProvider {
    GenesisProvider {
        provider: who(number),
        payout: None,
        endpoint: "https://provider.example".into(),
        moniker: format!("provider {number}"),
        bond: whole(bond),
        listed,
        prices: Default::default(),
    }
}

/// Pia and quin listed, rita not; nobody has staked.
pub(crate) fn genesis() -> Genesis {
    Genesis {
        params: params(),
        providers: vec![provider(11, 1_000, true), provider(12, 5_000, true), provider(13, 1_000, false)],
        ..Genesis::default()
    }
}

pub(crate) fn staked(number: u8, amount: Amount) -> GenesisStake {
    GenesisStake { staker: who(number), beneficiary: None, amount }
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) state: State,
    pub(crate) time: u64,
    pub(crate) height: u64,
    /// The events of the steps of the last block.
    pub(crate) events: Vec<Event>,
}

/// An overlay that can be shown.
pub(crate) struct State(pub(crate) Overlay<'static>);

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("State")
    }
}

impl World {
    /// A chain with everybody (1 to 30) owning `diem` DIEM and 100,000 VVV.
    pub(crate) fn with(genesis: &Genesis, diem: u128) -> Self {
        let mut world = Self::unfunded();
        for number in 1..=30 {
            bank::mint(&mut world.state.0, Bank::ID, &who(number), Denom::Vvv, whole(100_000)).unwrap();
            bank::mint(&mut world.state.0, Bank::ID, &who(number), Denom::Diem, whole(diem)).unwrap();
        }
        world.start(genesis).unwrap();
        world
    }

    pub(crate) fn unfunded() -> Self {
        let state = State(Overlay::with_writes(&Empty, WriteSet::new()));
        Self { state, time: FIRST * DAY, height: 0, events: Vec::new() }
    }

    pub(crate) fn start(&mut self, genesis: &Genesis) -> Result<(), CallError> {
        name_the_chain(&mut self.state.0);
        let mut ctx = GenesisContext { state: &mut self.state.0, time: Time(self.time) };
        Credits::init_genesis(&mut ctx, genesis)
    }

    pub(crate) fn new() -> Self {
        Self::with(&genesis(), 1_000)
    }

    pub(crate) fn state(&mut self) -> &mut dyn StateWrite {
        &mut self.state.0
    }

    /// A block at `time` milliseconds after the first day began, with the steps in the runtime's order.
    pub(crate) fn block_at(&mut self, time: u64) -> &mut Self {
        self.block_with(time, 1_000)
    }

    pub(crate) fn block_with(&mut self, time: u64, limit: usize) -> &mut Self {
        self.time = FIRST * DAY + time;
        self.height += 1;
        let block = Block { info: self.info(), ..Block::default() };
        let mut events = Events::default();
        let mut ctx = BlockContext { state: &mut self.state.0, events: &mut events, block: &block };
        day::track_idle(&mut ctx).unwrap();
        day::settle(&mut ctx).unwrap();
        day::close_and_open(&mut ctx).unwrap();
        stake::pay_matured(&mut ctx, limit).unwrap();
        payouts::pay_providers(&mut ctx, limit.min(100)).unwrap();
        providers::pay_bonds(&mut ctx, limit).unwrap();
        market::clear_offers(&mut ctx, limit).unwrap();
        accounts::clear_lapsed(&mut ctx, limit).unwrap();
        grants::clear_ended(&mut ctx, limit).unwrap();
        self.events = decode(&events.into_bytes());
        self.check();
        self
    }

    pub(crate) fn info(&self) -> BlockInfo {
        BlockInfo { height: self.height, time: Time(self.time) }
    }

    /// Makes the next block, a second later.
    pub(crate) fn block(&mut self) -> &mut Self {
        self.block_at(self.time - FIRST * DAY + 1_000)
    }

    /// The first block of the day `days` after the first, a second after midnight.
    pub(crate) fn midnight(&mut self, days: u64) -> &mut Self {
        self.block_at(days * DAY + 1_000)
    }

    #[track_caller]
    pub(crate) fn check(&self) {
        assert_eq!(Bank::check_invariants(&self.state.0), Ok(()));
        assert_eq!(Credits::check_invariants(&self.state.0), Ok(()));
    }

    /// Runs a transaction with this call alone: all or nothing.
    pub(crate) fn call(&mut self, sender: Address, msg: &Msg) -> Result<Vec<Event>, CallError> {
        let info = self.info();
        let events = diem_overlay::execute(&mut self.state.0, info, sender, msg)?;
        self.check();
        Ok(decode(&events))
    }

    #[track_caller]
    pub(crate) fn run(&mut self, sender: Address, msg: Msg) -> Vec<Event> {
        self.call(sender, &msg).unwrap()
    }

    /// Checks that the call is refused with the error of this name.
    #[track_caller]
    pub(crate) fn refuses(&mut self, sender: Address, msg: Msg, name: &str) {
        let error = self.call(sender, &msg).expect_err(name);
        let table = if error.codespace == "bank" { bank::Error::TABLE } else { Error::TABLE };
        let info = table.iter().find(|info| info.code == error.code).unwrap();
        assert_eq!(info.name, name, "{error}");
    }

    /// The number of rows of a table of credits.
    pub(crate) fn rows(&self, table: u8) -> usize {
        let (start, end) = ([Credits::ID.0, table], [Credits::ID.0, table + 1]);
        self.state.0.range(&start, Some(&end), usize::MAX).len()
    }

    pub(crate) fn ctx(&self) -> QueryContext<'_> {
        QueryContext { state: &self.state.0, block: self.info() }
    }

    pub(crate) fn account(&self, address: Address) -> AccountInfo {
        query::account(&self.ctx(), &address)
    }

    pub(crate) fn provider(&self, address: Address) -> ProviderInfo {
        query::provider(&self.ctx(), &address).unwrap()
    }

    pub(crate) fn today(&self) -> TodayInfo {
        query::today(&self.ctx())
    }

    pub(crate) fn day(&self, days: u64) -> DayInfo {
        query::day(&self.ctx(), FIRST + days).unwrap()
    }

    pub(crate) fn record(&self, days: u64) -> DayRecord {
        self.day(days).record
    }

    pub(crate) fn balance(&self, address: Address, denom: Denom) -> Amount {
        bank::balance(&self.state.0, &address, denom)
    }

    pub(crate) fn pool(&self, pool: Pool, denom: Denom) -> Amount {
        bank::pool(&self.state.0, pool, denom)
    }

    /// A transfer of DIEM, which fails without its writes.
    pub(crate) fn transfer_diem(&mut self, from: Address, to: Address, amount: Amount) -> Result<(), bank::Error> {
        if self.balance(from, Denom::Diem) < amount {
            return Err(bank::Error::ZeroAmount);
        }
        bank::transfer(&mut self.state.0, &mut Events::default(), &from, &to, Denom::Diem, amount)
    }

    /// Books rent as emissions do.
    pub(crate) fn add_rent(&mut self, amount: Amount) {
        bank::mint_to_pool(&mut self.state.0, ModuleId::EMISSIONS, Pool::Rent, Denom::Vvv, amount).unwrap();
    }

    /// Makes DIEM as the curve does.
    pub(crate) fn mint(&mut self, to: Address, amount: Amount) {
        bank::mint(&mut self.state.0, ModuleId::DIEM, &to, Denom::Diem, amount).unwrap();
    }

    pub(crate) fn burn(&mut self, from: Address, amount: Amount) {
        bank::burn(&mut self.state.0, ModuleId::DIEM, &from, Denom::Diem, amount).unwrap();
    }

    /// Settles vouchers and returns the outcome of each.
    #[track_caller]
    pub(crate) fn settle(&mut self, provider: Address, vouchers: Vec<SignedVoucher>) -> Vec<Outcome> {
        let events = self.run(provider, Msg::SettleVouchers { provider, vouchers });
        let [Event::VouchersSettled { outcomes, .. }] = &events[..] else { panic!("{events:?}") };
        outcomes.clone()
    }
}

/// Says which chain this is, as the runtime does before the modules' first rows.
pub(crate) fn name_the_chain(state: &mut dyn StateWrite) {
    let identity = Identity { chain_id: CHAIN_ID.into(), genesis_hash: GENESIS_HASH, ..Identity::default() };
    IDENTITY.set(state, &identity);
}

/// Events of credits among `bytes`.
fn decode(mut bytes: &[u8]) -> Vec<Event> {
    let mut events = Vec::new();
    while let Some((module, mut rest)) = bytes.split_first() {
        if *module == Bank::ID.0 {
            bank::Event::deserialize(&mut rest).unwrap();
        } else {
            events.push(Event::deserialize(&mut rest).unwrap());
        }
        bytes = rest;
    }
    events
}

pub(crate) fn error_code(name: &str) -> u32 {
    Error::TABLE.iter().find(|info| info.name == name).unwrap().code
}

/// A voucher of key `number` for its own account.
pub(crate) fn voucher(number: u8, provider: Address, day: u64, amount: Amount) -> Voucher {
    Voucher {
        chain_id: CHAIN_ID.into(),
        genesis_hash: GENESIS_HASH,
        account: who(number),
        signer: who(number),
        provider,
        day,
        amount,
        requests: 1,
        price_sheet: [0; 32],
        usage_root: [0; 32],
    }
}

pub(crate) fn signed(number: u8, provider: Address, day: u64, amount: Amount) -> SignedVoucher {
    voucher(number, provider, day, amount).sign(&key(number))
}

/// A voucher of session key `session` for account `number`.
pub(crate) fn by_session(number: u8, session: u8, provider: Address, day: u64, amount: Amount) -> SignedVoucher {
    Voucher { signer: who(session), ..voucher(number, provider, day, amount) }.sign(&key(session))
}

pub(crate) fn stake_diem(amount: Amount) -> Msg {
    Msg::StakeDiem { amount, beneficiary: None }
}

pub(crate) fn unstake_diem(amount: Amount) -> Msg {
    Msg::UnstakeDiem { amount, beneficiary: None }
}

pub(crate) fn allocate(provider: Address, amount: Amount) -> Msg {
    Msg::Allocate { provider, amount }
}

pub(crate) fn spend(provider: Address, day: u64, amount: Amount) -> Msg {
    Msg::Spend { provider, day, amount, reference: String::new() }
}

pub(crate) fn limit(provider: Address, limit: Amount) -> ProviderLimit {
    ProviderLimit { provider, limit }
}
