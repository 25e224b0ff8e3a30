//! The chain on which every call finds the most to do.

use std::collections::BTreeMap;

use bytes::Bytes;
use diem_bank as bank;
use diem_core::{Address, Amount, Block, BlockContext, Denom, Fatal, Time, context::Vote};
use diem_credits::{
    self as credits, Msg as Credits,
    grants::ProviderLimit,
    prices::{LongContext, ModelPrices, Price, PriceSheet, Unit},
};
use diem_diem::{self as diem, Curve, Msg as Diem, Step};
use diem_runtime::{
    App, Options,
    hooks::{Hook, Run},
};
use diem_staking::{self as staking, Msg as Staking, Offence, Reach};
use diem_svvv::Msg as Svvv;
use diem_types::{Call, GenesisDoc, Tx};

use super::{Shape, Use};
use crate::{
    chain::TestChain,
    economy::{consensus, milli, public, rate_of, validator, whole},
    people::{Person, genesis, operator, people, with_validators},
    story::{allocate, stake, stake_diem, unstake, unstake_diem},
};

/// The number of validators; an account that stakes has a position with each.
pub(super) const VALIDATORS: u8 = 16;
/// The number of providers: an account allocates to the first half on one day and to the other half on the next.
const PROVIDERS: usize = 32;
/// The number of accounts that sell credit.
const SELLERS: usize = 16;
/// The number of accounts that have a balance and nothing else.
const NEWCOMERS: usize = 64;
/// The number of accounts with stake for all of the curve.
const WHALES: usize = 16;
/// The number of accounts whose stake, all of it locked, is on its way from one half of the validators to the other.
const MOVERS: usize = 16;
/// The number of moves that each of them has.
pub(super) const MOVES: usize = VALIDATORS as usize / 2;
/// The number of slashes that wait before everything that left a validator. With the parameters of the live preset, and
/// a million entries before them, at most two for downtime and one for a double vote are waiting at one time.
const SLASHES: usize = 4;
/// The number of rows of each kind that a full account has: as many more still fit.
pub(super) const HALF: usize = 16;
/// The number of steps of the curve, all but the first of one DIEM.
const STEPS: u128 = diem::curve::MAX_STEPS as u128;
const EPOCH_MS: u64 = 3_600_000;
const GRACE_MS: u64 = 600_000;

/// The numbers of accounts that a scene has.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// The number of accounts with every row that an account can have.
    pub full: usize,
    /// The number of accounts whose credit others touch, for the first time on the day: with allocations, and a session
    /// key.
    pub customers: usize,
}

/// The prepared chain, with the accounts by their part in it.
pub struct Scene {
    /// The chain with its application.
    pub chain: TestChain,
    pub(super) full: Vec<Person>,
    pub(super) customers: Vec<Person>,
    pub(super) sellers: Vec<Person>,
    pub(super) newcomers: Vec<Person>,
    pub(super) whales: Vec<Person>,
    pub(super) movers: Vec<Person>,
    /// The providers, by address ascending.
    pub(super) providers: Vec<Person>,
    pub(super) operators: Vec<Person>,
    /// The amount of DIEM up to just before the end of the curve, and their cost in VVV.
    pub(super) rest_of_curve: (Amount, Amount),
    pub(super) today: u64,
    genesis_hash: [u8; 32],
}

impl Scene {
    /// The options that the application is to be opened with: no queue carries out what is due before it is collected,
    /// and slashes wait before it.
    pub fn options() -> Options {
        let mut options = Options::default();
        options.hooks.begin.retain(|hook| !["slash_jobs", "unbonded", "cooled_down"].contains(&hook.name));
        let slashes = Hook { number: u8::MAX, name: "slashes", run: Run::Must(slash_all) };
        options.hooks.begin.push(slashes);
        options
    }

    /// Prepares a chain in `app`, which is empty and has [`Scene::options`]. It ends in the first minutes of its third
    /// day.
    ///
    /// # Panics
    /// A call of the preparation fails.
    pub fn new(app: App, size: Size) -> Self {
        let counts = [size.full, size.customers, SELLERS, NEWCOMERS, WHALES, MOVERS, PROVIDERS];
        let all = people(u32::try_from(counts.iter().sum::<usize>()).unwrap());
        let mut rest = all.clone();
        let [full, customers, sellers, newcomers, whales, movers, mut providers] =
            counts.map(|count| rest.drain(..count).collect::<Vec<_>>());
        providers.sort_by_key(|provider| provider.address);
        let (doc, steps) = document(&all, &full, &whales, &movers);
        let operators = (0..VALIDATORS).map(|number| operator(number.into())).collect();
        let genesis_hash = doc.hash();
        let chain = TestChain::start(app, all, doc);
        let rest_of_curve = (Amount::ZERO, Amount::ZERO);
        let (today, chain) = (0, chain);
        let mut scene = Self {
            chain,
            full,
            customers,
            sellers,
            newcomers,
            whales,
            movers,
            providers,
            operators,
            rest_of_curve,
            today,
            genesis_hash,
        };
        scene.next(0, Vec::new());
        scene.first_day();
        scene.second_day();
        scene.third_day();
        let supply = bank::supply(&scene.chain.app.store().latest(), Denom::Diem);
        let end = steps.last().unwrap().edge;
        let out = end.checked_sub(supply).unwrap().checked_sub(milli(500)).unwrap();
        let lock = diem::quote_out(steps, supply, out).unwrap();
        scene.rest_of_curve = (out, Amount::new(lock.to()));
        scene
    }

    /// The accounts that send transactions of this use.
    pub fn senders(&self, what: Use) -> &[Person] {
        match what {
            Use::CreateValidator | Use::RegisterProvider => &self.newcomers,
            Use::EditValidator | Use::RotateBridgeKey => &self.operators,
            Use::Unjail => &self.operators[usize::from(VALIDATORS) - 1..],
            Use::ListProvider | Use::DelistProvider => &self.operators[..1],
            Use::EditProvider | Use::AddBond | Use::PublishPrices | Use::Deregister => &self.providers,
            Use::SettleVouchers => &self.providers[HALF..],
            Use::WithdrawOffer => &self.sellers,
            Use::Mint | Use::MintExact => &self.whales,
            Use::Collect => &self.movers,
            _ => &self.full,
        }
    }

    /// Makes the `number`th transaction of a block of this use, not signed, and names its signer.
    pub fn transaction(&self, what: Use, shape: Shape, number: usize) -> (Tx, &Person) {
        let senders = self.senders(what);
        let sender = &senders[number % senders.len()];
        let calls = shape.of(self.calls(what, sender, number));
        (self.tx(sender, (number / senders.len()) as u64, calls), sender)
    }

    /// Makes the `number`th transaction of a block of transfers as honest people send them, not signed, and names its
    /// signer.
    pub fn transfer(&self, number: usize) -> (Tx, &Person) {
        let sender = &self.full[number % self.full.len()];
        let (to, amount) = (self.customer(number), Amount::new(1));
        let calls = vec![Call::Bank(bank::Msg::Transfer { to, denom: Denom::Vvv, amount })];
        (self.tx(sender, (number / self.full.len()) as u64, calls), sender)
    }

    /// The block in which this use is tried: the next one, or one so late that what is on its way is due.
    pub fn block(&self, what: Use) -> Block {
        let mut block = self.chain.next_block();
        if matches!(what, Use::Collect | Use::CollectTranche) {
            block.info.time = Time(block.info.time.millis() + self.chain.doc.app.staking.params.unbonding_ms + 1);
        }
        block
    }

    /// Makes a transaction with the sender's next nonce plus `ahead`.
    fn tx(&self, sender: &Person, ahead: u64, calls: Vec<Call>) -> Tx {
        let doc = &self.chain.doc;
        Tx {
            chain_id: doc.chain_id.clone(),
            genesis_hash: self.genesis_hash,
            sender: sender.address,
            nonce: bank::nonce(&self.chain.app.store().latest(), &sender.address) + ahead,
            expiry: u64::MAX,
            gas_price: doc.app.gas.min_price,
            max_fee: Amount::ONE,
            fee_payer: None,
            calls,
            memo: String::new(),
        }
    }

    /// The chain id and genesis hash, as vouchers name them.
    pub(super) fn chain_name(&self) -> (String, [u8; 32]) {
        (self.chain.doc.chain_id.clone(), self.genesis_hash)
    }

    /// The limits of a session key: as many as it can have.
    pub(super) fn limits(&self, limit: Amount) -> Vec<ProviderLimit> {
        let limit = |provider: &Person| ProviderLimit { provider: provider.address, limit };
        self.providers[HALF..].iter().map(limit).collect()
    }

    /// Describes a block `elapsed` milliseconds later.
    fn block_after(&self, elapsed: u64) -> Block {
        let mut block = self.chain.next_block();
        if let Some(last) = self.chain.app.store().meta() {
            block.info.time = Time(last.time_ms + elapsed);
        }
        block
    }

    /// Makes a block with these calls, one transaction for each list; all must succeed.
    fn next(&mut self, elapsed: u64, lists: Vec<(Person, Vec<Call>)>) {
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
    fn first_day(&mut self) {
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
    fn second_day(&mut self) {
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
    fn third_day(&mut self) {
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

    pub(super) fn customer(&self, number: usize) -> Address {
        self.customers[number % self.customers.len()].address
    }
}

/// Makes the genesis, and the steps of its curve, the first of which ends a little above the supply.
fn document(all: &[Person], full: &[Person], whales: &[Person], movers: &[Person]) -> (GenesisDoc, Vec<Step>) {
    let mut doc = genesis(all);
    doc.app.epoch_ms = EPOCH_MS.try_into().unwrap();
    for person in all {
        doc.app.bank.accounts.get_mut(&person.address).unwrap().vvv = whole(3_000_000);
    }
    let params = &mut doc.app.staking.params;
    (params.jail_ms, params.signed_window, params.downtime_bps) = (1_000, 10, 0);
    let params = &mut doc.app.credits.params;
    (params.cooldown_ms, params.grace_ms, params.authority) = (3 * EPOCH_MS, GRACE_MS, validator(0));
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
fn slash_all(ctx: &mut BlockContext<'_>) -> Result<(), Fatal> {
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

/// The address of a session key; nobody needs to have the key.
pub(super) fn session_key(number: usize) -> Address {
    let mut address = [0xaa; 20];
    address[..8].copy_from_slice(&(number as u64).to_be_bytes());
    Address(address)
}

/// The seed of the session key of a customer.
pub(super) fn key_seed(person: &Person) -> [u8; 32] {
    diem_core::sha256(&[b"session", &person.address.0])
}

fn key_of(person: &Person) -> Address {
    diem_core::keys::SecretKey::ed25519(&key_seed(person)).address()
}

fn grant(key: Address, last_day: u64, limits: Vec<ProviderLimit>) -> Call {
    Call::Credits(Credits::Grant { key, last_day, limits })
}

fn publish(sheet: PriceSheet) -> Call {
    Call::Credits(Credits::PublishPrices { sheet })
}

/// Makes the call by which the sender becomes a provider with the longest texts.
pub(super) fn register(payout: Address) -> Call {
    let most = credits::providers::MAX_TEXT_BYTES;
    let (endpoint, moniker) = (longest_url(most), "x".repeat(most));
    Call::Credits(Credits::RegisterProvider { bond: whole(1_000), payout, endpoint, moniker })
}

/// Makes a URL of that many bytes.
pub(super) fn longest_url(bytes: usize) -> String {
    format!("{:x<bytes$}", "https://ai.example/")
}

/// Makes the largest sheet; two with different letters have no model in common.
pub(super) fn big_sheet(letter: &str) -> PriceSheet {
    let units = [
        Unit::InputToken,
        Unit::OutputToken,
        Unit::CachedToken,
        Unit::CacheWriteToken,
        Unit::Image,
        Unit::Second,
        Unit::Character,
        Unit::Call,
    ];
    let prices = units.map(|unit| Price { unit, price: Amount::new(7) }).to_vec();
    let model = |number: usize| ModelPrices {
        model: format!("{letter}{number:03}{}", "m".repeat(credits::prices::MAX_MODEL_BYTES - 4)),
        long_context: Some(LongContext { threshold: 1, multiplier_bps: 20_000 }),
        prices: prices.clone(),
    };
    PriceSheet { models: (0..credits::prices::MAX_MODELS).map(model).collect() }
}

/// The `number`th validator, modulo their number.
pub(super) fn nth_validator(number: usize) -> Address {
    validator(u32::try_from(number % usize::from(VALIDATORS)).unwrap())
}

/// Makes a call that stakes with the `number`th validator, modulo their number.
pub(super) fn stake_with(number: usize, amount: Amount) -> Call {
    stake(nth_validator(number), amount)
}

/// Makes a call of staking with the `number`th validator, modulo their number.
pub(super) fn with(number: usize, call: fn(Address) -> Staking) -> Call {
    Call::Staking(call(nth_validator(number)))
}
