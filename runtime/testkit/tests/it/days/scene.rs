//! A chain with a listed provider and a customer who has DIEM staked, and what was paid on it.

use diem_core::{Address, Amount, Block, Time};
use diem_credits::{
    Event as Credits, Msg, SignedVoucher, Voucher,
    genesis::{GenesisProvider, GenesisStake},
    state::DayRecord,
    vouchers::{Outcome, Verdict},
};
use diem_runtime::App;
use diem_testkit::{Person, genesis, people};
use diem_types::{Call, Event, GenesisDoc};

/// One VVV, one DIEM or one credit.
pub(crate) const ONE: u128 = Amount::ONE.get();
/// A day of the clock.
pub(crate) const DAY_MS: u64 = 86_400_000;
/// The time for which a closed day takes vouchers.
pub(crate) const GRACE_MS: u64 = 2 * 3_600_000;

pub(crate) fn credit(tenths: u128) -> Amount {
    Amount::new(tenths * ONE / 10)
}

/// Provider and customer of a chain that starts an hour after midnight.
pub(crate) struct Scene {
    pub(crate) doc: GenesisDoc,
    pub(crate) people: Vec<Person>,
    /// The day on which it starts.
    pub(crate) first: u64,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let people = people(3);
        let mut doc = genesis(&people);
        let first = 20_000;
        doc.genesis_time = Time(first * DAY_MS + 3_600_000);
        let (provider, customer) = (people[0].address, people[1].address);
        let credits = &mut doc.app.credits;
        credits.params.grace_ms = GRACE_MS;
        credits.params.min_bond = Amount::new(ONE);
        credits.stakes = vec![GenesisStake { staker: customer, beneficiary: None, amount: Amount::new(5 * ONE) }];
        credits.providers = vec![GenesisProvider {
            provider,
            // Somebody who does nothing else, so that its balance is what was paid.
            payout: Some(people[2].address),
            endpoint: "https://provider.example".into(),
            moniker: "provider".into(),
            bond: Amount::new(100 * ONE),
            listed: true,
            prices: Default::default(),
        }];
        Self { doc, people, first }
    }

    pub(crate) fn provider(&self) -> &Person {
        &self.people[0]
    }

    pub(crate) fn customer(&self) -> &Person {
        &self.people[1]
    }

    /// The account that is paid for the provider's days.
    pub(crate) fn payee(&self) -> Address {
        self.people[2].address
    }

    /// The customer allocates so much a day.
    pub(crate) fn allocate(&self, amount: Amount) -> (&Person, Call) {
        let provider = self.provider().address;
        (self.customer(), Call::Credits(Msg::Allocate { provider, amount }))
    }

    /// The provider hands in the customer's voucher of `day`.
    pub(crate) fn settle(&self, day: u64, amount: Amount) -> (&Person, Call) {
        let vouchers = vec![self.voucher(day, amount)];
        (self.provider(), Call::Credits(Msg::SettleVouchers { provider: self.provider().address, vouchers }))
    }

    fn voucher(&self, day: u64, amount: Amount) -> SignedVoucher {
        let (account, provider) = (self.customer().address, self.provider().address);
        let voucher = Voucher {
            chain_id: self.doc.chain_id.clone(),
            genesis_hash: self.doc.hash(),
            account,
            signer: account,
            provider,
            day,
            amount,
            requests: 1,
            price_sheet: [0; 32],
            usage_root: [0; 32],
        };
        voucher.sign(&self.customer().key)
    }
}

/// The block after the last one of `app`, at `time`.
pub(crate) fn block_at(app: &App, doc: &GenesisDoc, time: u64) -> Block {
    let mut block = diem_testkit::chain::next_block(app, doc);
    block.info.time = Time(time);
    block
}

/// What the events of a history say of days.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) opened: Vec<u64>,
    pub(crate) closed: Vec<u64>,
    pub(crate) settled: Vec<(u64, DayRecord)>,
    /// The payments, as (day, VVV).
    pub(crate) paid: Vec<(u64, Amount)>,
    pub(crate) vouchers: Vec<Outcome>,
}

impl Told {
    /// Reads the events of one more block.
    pub(crate) fn read(&mut self, bytes: &[u8]) {
        for event in Event::decode_all(bytes).unwrap() {
            match event {
                Event::Credits(Credits::DayOpened { day, .. }) => self.opened.push(day),
                Event::Credits(Credits::DayClosed { day, .. }) => self.closed.push(day),
                Event::Credits(Credits::DaySettled { day, record }) => self.settled.push((day, *record)),
                Event::Credits(Credits::ProviderPaid { day, amount, .. }) => self.paid.push((day, amount)),
                Event::Credits(Credits::VouchersSettled { outcomes, .. }) => self.vouchers.extend(outcomes),
                _ => {}
            }
        }
    }

    /// The verdict on the last voucher, and what it brought.
    pub(crate) fn last_voucher(&self) -> (Verdict, Amount) {
        let outcome = self.vouchers.last().unwrap();
        (outcome.verdict, outcome.paid)
    }
}

/// The rent that a day owes to a provider: floor(rent * counted / base).
pub(crate) fn due(record: &DayRecord, counted: Amount) -> Amount {
    record.rent.mul_div_floor(counted.get(), record.base.get()).unwrap()
}
