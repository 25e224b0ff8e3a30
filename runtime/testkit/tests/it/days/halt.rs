//! Halts of three days with vouchers outstanding.

use diem_core::{Amount, Denom, ModuleError as _, Page};
use diem_credits::{Error, query, vouchers::Verdict};
use diem_runtime::{App, Options};
use diem_testkit::{Person, TestChain, chain::sign};
use diem_types::Call;

use super::scene::{DAY_MS, GRACE_MS, Scene, Told, block_at, credit, due};

struct Story {
    scene: Scene,
    chain: TestChain,
    told: Told,
}

impl Story {
    /// A chain with an allocation of 2 a day, half an hour after its start.
    fn new() -> Self {
        let scene = Scene::new();
        let chain = TestChain::start(App::in_memory(Options::default()), scene.people.clone(), scene.doc.clone());
        let mut story = Self { scene, chain, told: Told::default() };
        let start = story.scene.doc.genesis_time.millis();
        story.block(start, |_| Vec::new());
        story.block(start + 1_800_000, |scene| vec![scene.allocate(credit(20))]);
        story
    }

    fn block(&mut self, time: u64, calls: impl FnOnce(&Scene) -> Vec<(&Person, Call)>) {
        let txs = sign(&self.chain.app, &self.scene.doc, &calls(&self.scene));
        let outcome = self.chain.run(block_at(&self.chain.app, &self.scene.doc, time), txs);
        self.told.read(&outcome.finalized.events);
        for result in outcome.results() {
            assert_eq!(result.code, 0, "{}", result.log);
            self.told.read(&result.events);
        }
        self.chain.app.check_invariants().unwrap();
    }

    fn paid_out(&self) -> Amount {
        let before = self.scene.doc.app.bank.accounts[&self.scene.payee()].vvv;
        self.chain.balance(&self.scene.payee(), Denom::Vvv).checked_sub(before).unwrap()
    }

    /// The days of which there are records.
    fn days(&self) -> Vec<u64> {
        let days = query::days(&self.chain.app.store().latest().context(), &Page::largest(None));
        days.into_iter().map(|day| day.day).collect()
    }
}

fn refused(error: &Error) -> (Verdict, Amount) {
    (Verdict::Refused(error.code()), Amount::ZERO)
}

#[test]
fn vouchers_of_the_day_before_a_halt_of_three_days_are_paid_in_the_grace_after_it() {
    let mut story = Story::new();
    let first = story.scene.first;
    let back = (first + 3) * DAY_MS + 5 * 3_600_000;
    // The block that ends the halt closes the day; its own transactions are in the grace already.
    story.block(back, |scene| vec![scene.settle(first, credit(5))]);
    assert_eq!(story.told.last_voucher(), (Verdict::Paid, credit(5)));
    assert_eq!((story.told.closed.clone(), story.told.opened.clone()), (vec![first], vec![first + 3]));
    // To the last millisecond of the grace; what is beyond the allocation is capped.
    story.block(back + GRACE_MS, |scene| vec![scene.settle(first, credit(25))]);
    assert_eq!(story.told.last_voucher(), (Verdict::Capped, credit(15)));
    assert!(story.told.settled.is_empty() && story.told.paid.is_empty());
    story.block(back + GRACE_MS + 1, |scene| vec![scene.settle(first, credit(25))]);
    assert_eq!(story.told.last_voucher(), refused(&Error::VoucherDay { day: first }));
    for hour in 1..12 {
        story.block(back + GRACE_MS + hour * 3_600_000, |_| Vec::new());
    }
    let [(day, record)] = &story.told.settled[..] else { panic!("{:?}", story.told.settled) };
    assert_eq!((*day, record.consumed), (first, credit(20)));
    assert_eq!(story.told.paid, [(first, due(record, credit(20)))]);
    assert!(!record.pot.is_zero());
    assert_eq!(story.paid_out(), record.pot, "one provider, and nothing is lost by dividing");
    // Nothing is known of the days on which the chain stood still.
    assert_eq!(story.days(), [first, first + 3]);
    let missing = query::day(&story.chain.app.store().latest().context(), first + 1);
    assert!(missing.is_err(), "{missing:?}");
}

#[test]
fn a_halt_of_three_days_in_the_grace_settles_the_old_day_and_closes_the_open_one_once_each() {
    let mut story = Story::new();
    let first = story.scene.first;
    let close = (first + 1) * DAY_MS + 1;
    story.block(close, |scene| vec![scene.settle(first, credit(8)), scene.settle(first + 1, credit(3))]);
    // The grace ends while nobody makes blocks: its vouchers are late, those of the day that just closed are not.
    let back = close + 3 * DAY_MS;
    story.block(back, |scene| vec![scene.settle(first, credit(9)), scene.settle(first + 1, credit(6))]);
    assert_eq!(story.told.vouchers[2].verdict, refused(&Error::VoucherDay { day: first }).0);
    assert_eq!(story.told.last_voucher(), (Verdict::Paid, credit(3)));
    assert_eq!(story.told.closed, [first, first + 1]);
    assert_eq!(story.told.opened, [first + 1, first + 4]);
    assert_eq!(story.told.settled.len(), 1);
    for hour in 1..12 {
        story.block(back + hour * 3_600_000, |_| Vec::new());
    }
    let settled: Vec<u64> = story.told.settled.iter().map(|(day, _)| *day).collect();
    assert_eq!(settled, [first, first + 1]);
    let due: Vec<(u64, Amount)> =
        story.told.settled.iter().map(|(day, record)| (*day, due(record, record.counted))).collect();
    assert_eq!(story.told.paid, due);
    let sum = due.iter().fold(Amount::ZERO, |sum, (_, amount)| sum.checked_add(*amount).unwrap());
    assert_eq!(story.paid_out(), sum);
    assert_eq!(story.days(), [first, first + 1, first + 4]);
}
