//! Books kept beside the chain from what it reports: what was made, paid, burned and consumed since genesis. The rows
//! must say the same.

use std::collections::{BTreeMap, BTreeSet};

use diem_bank::Pool;
use diem_core::{Address, Amount, Denom, Time};
use diem_credits::{Event as Credits, Params, state::DayRecord};
use diem_diem::Event as Diem;
use diem_runtime::ValidatorUpdate;
use diem_staking::Event as Staking;
use diem_types::Event;
use diem_types::TxResult;

use super::{
    machine::{Violation, broken},
    snapshot::Snapshot,
};

/// The books; every amount is in base units.
pub(crate) struct Ledger {
    genesis: [u128; 2],
    bonded: u128,
    bonds: u128,
    emitted: u128,
    fees: u128,
    forfeited: u128,
    claimed: u128,
    paid: u128,
    staked: u128,
    unstaked: u128,
    minted: u128,
    burned: u128,
    /// Rent booked and not closed yet.
    rent: u128,
    /// (DIEM supply - credit) * milliseconds since the day opened.
    idle: u128,
    opened_at: Time,
    days: BTreeMap<u64, Day>,
    told: BTreeMap<[u8; 32], u64>,
}

/// What the chain has said of a day.
#[derive(Default)]
struct Day {
    consumed: u128,
    closed: Option<(Time, Amount, Amount)>,
    settled: Option<Box<DayRecord>>,
    paid: BTreeSet<Address>,
    paid_sum: u128,
}

const DAY: &str = "a day is closed, settled and paid once, by its rules";

fn equal(rule: &'static str, what: &str, rows: u128, books: u128) -> Result<(), Violation> {
    if rows == books { Ok(()) } else { Err(broken(rule, format!("{what}: the rows say {rows}, the books {books}"))) }
}

fn mul_div(a: u128, b: u128, c: u128) -> u128 {
    Amount::new(a).mul_div_floor(b, c).expect("rent fits").get()
}

impl Ledger {
    pub(crate) fn new(genesis: &Snapshot, time: Time) -> Self {
        let told = genesis.staking().consensus_set.iter().map(|(key, told)| (*key, told.power)).collect();
        let days = BTreeMap::from([(genesis.credits().open_day.day, Day::default())]);
        Self {
            genesis: genesis.supply,
            bonded: genesis.pool(Pool::Bonded),
            bonds: genesis.pool(Pool::ProviderBonds),
            emitted: 0,
            fees: 0,
            forfeited: 0,
            claimed: 0,
            paid: 0,
            staked: 0,
            unstaked: 0,
            minted: 0,
            burned: 0,
            rent: 0,
            idle: 0,
            opened_at: time,
            days,
            told,
        }
    }

    /// Books the fees of a block.
    pub(crate) fn fees(&mut self, results: &[TxResult]) {
        self.fees += results.iter().map(|result| result.fee.get()).sum::<u128>();
    }

    /// Books what the passing of time makes: VVV by the schedule, and DIEM that stood idle.
    pub(crate) fn time(&mut self, before: &Snapshot, last: Time, now: Time) {
        self.emitted += emitted(before, now) - emitted(before, last);
        let idle = before.supply[Denom::Diem as usize] - before.credits().open_day.allowance.get();
        self.idle += idle * u128::from(now.millis() - last.millis());
    }

    /// Books what happened, in the order in which it happened: hooks first, then calls.
    pub(crate) fn events(
        &mut self,
        before: &Snapshot,
        params: &Params,
        events: Vec<Event>,
        now: Time,
    ) -> Result<(), Violation> {
        for event in events {
            match event {
                Event::Staking(event) => self.staking(&event),
                Event::Emissions(diem_emissions::Event::Shared { rent, .. }) => self.rent += rent.get(),
                Event::Diem(Diem::Minted { amount, .. }) => self.minted += amount.get(),
                Event::Diem(Diem::Burned { amount, .. }) => self.burned += amount.get(),
                Event::Credits(event) => self.credits(before, params, event, now)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn staking(&mut self, event: &Staking) {
        match event {
            Staking::Staked { amount, .. } => self.staked += amount.get(),
            Staking::TranchePaid { amount, .. } => self.unstaked += amount.get(),
            Staking::Claimed { amount, .. } => self.claimed += amount.get(),
            _ => {}
        }
    }

    fn credits(&mut self, before: &Snapshot, params: &Params, event: Credits, now: Time) -> Result<(), Violation> {
        match event {
            Credits::ProviderRegistered { bond: amount, .. } | Credits::BondAdded { amount, .. } => {
                self.bonds += amount.get();
            }
            Credits::BondPaid { amount, .. } => self.bonds -= amount.get(),
            Credits::ProviderDelisted { forfeited, .. } => {
                self.bonds -= forfeited.get();
                self.forfeited += forfeited.get();
            }
            Credits::Spent { day, amount, .. } => self.days.entry(day).or_default().consumed += amount.get(),
            Credits::VouchersSettled { outcomes, .. } => {
                for outcome in outcomes {
                    self.consumed(outcome.day, outcome.paid)?;
                }
            }
            Credits::DayClosed { day, allowance, base, rent } => {
                return self.closed(before, day, [allowance, base, rent], now);
            }
            Credits::DayOpened { day, allowance } => return self.opened(before, day, allowance, now),
            Credits::DaySettled { day, record } => return self.settled(params, day, record, now),
            Credits::ProviderPaid { day, provider, row, amount, .. } => {
                return self.provider_paid(day, provider, row.counted, amount);
            }
            _ => {}
        }
        Ok(())
    }

    fn consumed(&mut self, day: u64, paid: Amount) -> Result<(), Violation> {
        if paid.is_zero() {
            return Ok(());
        }
        match self.days.get_mut(&day).filter(|day| day.settled.is_none()) {
            Some(day) => {
                day.consumed += paid.get();
                Ok(())
            }
            None => Err(broken(DAY, format!("a voucher of day {day} was paid, which is no open or closed day"))),
        }
    }

    fn closed(
        &mut self,
        before: &Snapshot,
        day: u64,
        [allowance, base, rent]: [Amount; 3],
        now: Time,
    ) -> Result<(), Violation> {
        let unsettled = self.days.iter().find(|(_, one)| one.closed.is_some() && one.settled.is_none());
        if let Some((other, _)) = unsettled {
            return Err(broken(DAY, format!("day {day} closes while day {other} is unsettled")));
        }
        let supply = before.supply[Denom::Diem as usize];
        let elapsed = u128::from(now.millis() - self.opened_at.millis());
        let average = if elapsed == 0 { 0 } else { self.idle.div_ceil(elapsed) };
        equal(DAY, "the credit at the close", allowance.get(), before.credits().open_day.allowance.get())?;
        equal(DAY, "the base", base.get(), supply.min(allowance.get() + average))?;
        equal(DAY, "the rent", rent.get(), before.pool(Pool::Rent) + std::mem::take(&mut self.rent))?;
        let book = self.days.get_mut(&day).ok_or_else(|| broken(DAY, format!("day {day} closes and never opened")))?;
        match book.closed.replace((now, base, rent)) {
            Some(_) => Err(broken(DAY, format!("day {day} closes twice"))),
            None => Ok(()),
        }
    }

    fn opened(&mut self, before: &Snapshot, day: u64, allowance: Amount, now: Time) -> Result<(), Violation> {
        (self.idle, self.opened_at) = (0, now);
        equal(DAY, "the day that opens", day.into(), u128::from(now.millis() / before.app.epoch_ms.get()))?;
        equal(DAY, "the credit of a new day", allowance.get(), before.credits().open_day.active.get())?;
        if self.days.keys().next_back().is_some_and(|last| *last >= day) {
            return Err(broken(DAY, format!("day {day} opens after it, or twice")));
        }
        self.days.insert(day, Day::default());
        Ok(())
    }

    fn settled(&mut self, params: &Params, day: u64, record: Box<DayRecord>, now: Time) -> Result<(), Violation> {
        let book = self.days.entry(day).or_default();
        let Some((closed_at, base, rent)) = book.closed else {
            return Err(broken(DAY, format!("day {day} is settled before it closed")));
        };
        if book.settled.is_some() || now.millis() <= closed_at.millis() + params.grace_ms {
            return Err(broken(DAY, format!("day {day} is settled at {now}, twice or within its grace")));
        }
        // Without a base all of it is the treasury's.
        let shared = |part: u128, of: u128, whole: u128| if base.is_zero() { 0 } else { mul_div(part, of, whole) };
        let pot = shared(rent.get(), record.counted.get(), base.get());
        let stakers = shared(rent.get() - pot, params.stakers_bps.into(), 10_000);
        equal(DAY, "the rent of providers", record.pot.get(), pot)?;
        equal(DAY, "the rent of stakers", record.stakers.get(), stakers)?;
        equal(DAY, "the rent of the treasury", record.treasury.get(), rent.get() - pot - stakers)?;
        equal(DAY, "the credit consumed", record.consumed.get(), book.consumed)?;
        book.settled = Some(record);
        Ok(())
    }

    fn provider_paid(&mut self, day: u64, provider: Address, counted: Amount, amount: Amount) -> Result<(), Violation> {
        self.paid += amount.get();
        let book = self.days.entry(day).or_default();
        let Some(record) = &book.settled else {
            return Err(broken(DAY, format!("{provider} is paid for day {day} before it is settled")));
        };
        let base = record.base.get();
        let due = if base == 0 { 0 } else { mul_div(record.rent.get(), counted.get(), base) };
        equal(DAY, "a payout", amount.get(), due)?;
        book.paid_sum += due;
        if !book.paid.insert(provider) || book.paid_sum > record.pot.get() {
            return Err(broken(DAY, format!("{provider} is paid twice, or more than the pot of day {day}")));
        }
        Ok(())
    }

    /// Follows the set of validators as consensus would.
    pub(crate) fn updates(&mut self, updates: &[ValidatorUpdate], after: &Snapshot) -> Result<(), Violation> {
        const RULE: &str = "consensus is told the difference";
        if !updates.is_sorted_by(|a, b| a.public_key < b.public_key) {
            return Err(broken(RULE, "the updates are not sorted, or one comes twice"));
        }
        for ValidatorUpdate { public_key, power } in updates {
            let before = if *power == 0 { self.told.remove(public_key) } else { self.told.insert(*public_key, *power) };
            if before.unwrap_or(0) == *power {
                return Err(broken(RULE, format!("{} has power {power} already", hex::encode(public_key))));
            }
        }
        let told: BTreeMap<[u8; 32], u64> =
            after.staking().consensus_set.iter().map(|(key, told)| (*key, told.power)).collect();
        match told == self.told && !told.is_empty() {
            true => Ok(()),
            false => Err(broken(RULE, format!("the rows say {told:?}, consensus knows {:?}", self.told))),
        }
    }

    /// Compares rows and books after a block.
    pub(crate) fn check(&mut self, after: &Snapshot) -> Result<(), Violation> {
        self.rent = 0;
        let [vvv, diem] = self.genesis;
        let progress = after.app.emissions.progress.expect("an export says how far the schedule is");
        equal("1: emitted by the schedule", "VVV emitted", progress.emitted.get(), self.emitted)?;
        equal("1: VVV = genesis + emitted - burned", "VVV", after.supply[0] + after.burned, vvv + self.emitted)?;
        let bonded = after.pool(Pool::Bonded) + self.unstaked + after.burned;
        equal("2: only stake and slashes change the bonded pool", "bonded", bonded, self.bonded + self.staked)?;
        equal("4: DIEM = genesis + minted - burned", "DIEM", after.supply[1] + self.burned, diem + self.minted)?;
        let pools = [Pool::Rewards, Pool::Fees, Pool::Rent, Pool::Payouts, Pool::Treasury];
        let held: u128 = pools.into_iter().map(|pool| after.pool(pool)).sum();
        let came = self.emitted + self.fees + self.forfeited;
        equal("6: pools + paid = emitted + fees", "VVV earned", held + self.claimed + self.paid, came)?;
        equal("6: bonds", "bonds", after.pool(Pool::ProviderBonds), self.bonds)?;
        let rows = after.credits();
        for (day, record) in rows.days.iter().rev().take(2) {
            let book = self.days.entry(*day).or_default();
            equal("5: consumed = spent + vouchers", "consumption", record.consumed.get(), book.consumed)?;
            let said = (book.closed.map(|(at, ..)| at), book.settled.is_some(), book.paid_sum);
            let rows = (record.closed_at, record.settled_at.is_some(), record.paid.get());
            if said != rows {
                return Err(broken(DAY, format!("day {day}: events say {said:?}, its record {rows:?}")));
            }
        }
        equal(DAY, "how many days", rows.days.len() as u128, self.days.len() as u128)
    }
}

/// All VVV that the schedule has made until `time`: each segment's floor of its rate a second.
fn emitted(snapshot: &Snapshot, time: Time) -> u128 {
    let segments = snapshot.schedule.segments();
    let ends = segments.iter().skip(1).map(|next| next.from.millis()).chain([u64::MAX]);
    let parts = segments.iter().zip(ends).map(|(segment, end)| {
        let ms = time.millis().min(end).saturating_sub(segment.from.millis());
        segment.per_year.get() / 31_536_000 * u128::from(ms) / 1_000
    });
    parts.sum()
}
