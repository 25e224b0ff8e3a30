//! The chain on which every call finds the most to do.

use diem_bank as bank;
use diem_core::{Address, Amount, Block, Denom, Time};
use diem_credits::grants::ProviderLimit;
use diem_diem as diem;
use diem_runtime::{
    App, Options,
    hooks::{Hook, Run},
};
use diem_types::{Call, Tx};

use super::{
    Shape, Use,
    days::{document, slash_all},
};
use crate::{
    chain::TestChain,
    economy::milli,
    people::{Person, operator, people},
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
/// The number of rows of each kind that a full account has: as many more still fit.
pub(super) const HALF: usize = 16;

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
        scene.start_bridge();
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
            Use::Prepare | Use::Activate | Use::Admin | Use::SetParams | Use::Resume | Use::Hold => {
                &self.operators[..1]
            }
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
    pub(super) fn tx(&self, sender: &Person, ahead: u64, calls: Vec<Call>) -> Tx {
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

    pub(super) fn customer(&self, number: usize) -> Address {
        self.customers[number % self.customers.len()].address
    }
}
