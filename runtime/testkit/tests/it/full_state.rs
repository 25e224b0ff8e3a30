//! What happens when there are nearly as many rows of state as a chain may have.

use bytes::Bytes;
use diem_bank::{self as bank, Output};
use diem_core::{Amount, Denom, ModuleError, Time, keys::SecretKey};
use diem_credits as credits;
use diem_runtime::{App, Options};
use diem_testkit::{
    BlockOutcome, Economy, Person, Shadows, TestChain,
    economy::{PROVIDER, UNBONDING_MS, economy_genesis, milli, validator, whole},
    people::{genesis, operator, people},
    story::{deregister, offer, settle, stake, stake_diem, unstake, unstake_diem},
};
use diem_types::{Call, ChainError, GenesisDoc, Signed};

use crate::strangers::{least, name, pay, stranger};

/// The smallest bound that a chain may have, and from where on it counts as full.
const MAX_ROWS: u64 = 10_000;
const FULL: u64 = 9_000;

/// Gives a chain that bound, and so few validators that a tenth of it has room for what the chain writes by itself.
fn bound(doc: &mut GenesisDoc) {
    doc.app.chain.max_rows = MAX_ROWS;
    (doc.app.staking.params.max_validators, doc.app.staking.params.signed_window) = (10, 10);
}

/// The first blocks of a chain: with them come the rows that every chain has, such as the pool of fees.
fn begin(chain: &TestChain) -> Vec<BlockOutcome> {
    let mut blocks = vec![chain.force(Vec::new())];
    let own = pay(chain.people[3].address, Amount::new(1));
    blocks.push(chain.force(vec![chain.tx(&chain.people[3], vec![own]).bytes()]));
    blocks.push(chain.force(Vec::new()));
    blocks
}

/// A chain without a block that has `rows` rows of at most [`MAX_ROWS`] once it has begun.
fn chain_of(rows: u64) -> TestChain {
    let people = people(4);
    let with = |strangers: u64| {
        let mut doc = genesis(&people);
        bound(&mut doc);
        let row = bank::Account { vvv: Amount::new(1), ..bank::Account::default() };
        doc.app.bank.accounts.extend((0..strangers).map(|number| (stranger(1 << 40 | number), row)));
        TestChain::start(App::in_memory(Options::default()), people.clone(), doc)
    };
    let alone = with(0);
    begin(&alone);
    with(rows - count(&alone.app))
}

fn count(app: &App) -> u64 {
    let snapshot = app.store().latest();
    assert_eq!(snapshot.row_count(), snapshot.rows().count() as u64);
    assert_eq!(app.state_size().0, snapshot.row_count());
    snapshot.row_count()
}

/// A chain that is nearly full, and applications that follow each of its blocks.
struct Full {
    chain: TestChain,
    shadows: Shadows,
}

impl Full {
    fn run(&mut self, txs: Vec<Bytes>) -> BlockOutcome {
        let outcome = self.chain.force(txs);
        self.shadows.follow(&outcome);
        outcome
    }

    fn tx(&self, person: usize, calls: Vec<Call>) -> Bytes {
        self.chain.tx(&self.chain.people[person], calls).bytes()
    }

    fn vvv(&self, person: usize) -> Amount {
        self.chain.balance(&self.chain.people[person].address, Denom::Vvv)
    }

    fn rows(&self) -> u64 {
        count(&self.chain.app)
    }

    /// Stakes and unstakes, and makes accounts with the room that is left: what the transactions of a block made before
    /// counts for each.
    fn fill(&mut self) {
        let own = operator(0).address;
        // The rows of a stake and of what leaves it, with a date from the block after it.
        let calls = vec![stake(own, whole(10)), unstake(own, whole(5)), unstake(own, whole(2))];
        let outcome = self.run(vec![self.tx(0, calls)]);
        assert_eq!(name(&outcome, 0), "ok");
        self.run(Vec::new());
        let room = FULL - self.rows();
        let outcome = self.run(vec![
            self.tx(1, payments(0, room - 2)),
            self.tx(2, payments(room - 2, room + 1)),
            self.tx(3, payments(room - 2, room)),
            self.tx(0, payments(room, room + 1)),
        ]);
        assert_eq!(names(&outcome), ["ok", "chain/state_full", "ok", "chain/state_full"]);
        assert_eq!(self.rows(), FULL);
    }
}

fn payments(from: u64, to: u64) -> Vec<Call> {
    (from..to).map(|number| pay(stranger(number), least())).collect()
}

/// The names of the four results of a block.
fn names(outcome: &BlockOutcome) -> [String; 4] {
    [0, 1, 2, 3].map(|place| name(outcome, place))
}

#[test]
fn above_nine_tenths_of_the_bound_a_call_that_makes_rows_fails_and_every_node_agrees() {
    let chain = chain_of(FULL - 22);
    let shadows = Shadows::new(&chain.doc);
    let mut full = Full { chain, shadows };
    begin(&full.chain).iter().for_each(|outcome| full.shadows.follow(outcome));
    assert_eq!(full.rows(), FULL - 22);
    full.fill();

    let (own, before) = (operator(0).address, full.vvv(1));
    let outcome = full.run(vec![
        full.tx(1, vec![pay(stranger(99), whole(1))]),
        full.tx(2, vec![pay(stranger(0), Amount::new(1)), pay(own, whole(1))]),
        full.tx(3, vec![stake(own, whole(10))]),
        // It makes a row, and ends more than that.
        full.tx(0, vec![Call::Staking(diem_staking::Msg::CancelUnstake { tranche: 0 }), pay(stranger(98), least())]),
    ]);
    assert_eq!(names(&outcome), ["chain/state_full", "ok", "chain/state_full", "ok"]);
    let refused = &outcome.results()[0];
    assert!(refused.log.contains(&format!("{FULL} of at most {MAX_ROWS}")), "{}", refused.log);
    assert_eq!(full.vvv(1), before.checked_sub(refused.fee).unwrap());
    let outcome = full.run(vec![full.tx(1, payments(97, 98))]);
    assert_eq!((name(&outcome, 0).as_str(), full.rows()), ("ok", FULL), "the row that went made room for one");
    // A dry run says the same before anything is paid.
    let tx = Signed::decode(&full.tx(1, payments(99, 100))).unwrap();
    let app = &full.chain.app;
    let dry = app.simulate(&app.store().latest(), Time(0), &tx).unwrap();
    assert_eq!((dry.result.codespace.as_str(), dry.result.code), ("chain", state_full(FULL).code()));

    // The chain's own rows go on: days are opened, what was unstaked is paid.
    let waiting = full.vvv(0);
    let mut block = full.chain.next_block();
    block.info.time = Time(block.info.time.millis() + 8 * 86_400_000);
    full.shadows.follow(&full.chain.run(block, Vec::new()));
    full.run(Vec::new());
    assert_eq!(full.vvv(0), waiting.checked_add(whole(2)).unwrap());
    let replayed = full.shadows.replay();
    assert_eq!(replayed.info(), full.chain.app.info());
    assert_eq!(count(&replayed), full.rows());
}

fn state_full(rows: u64) -> ChainError {
    ChainError::StateFull { rows, max_rows: MAX_ROWS }
}

#[test]
fn what_a_rollback_takes_back_makes_room_again() {
    let chain = chain_of(FULL - 1);
    begin(&chain);
    let fill = chain.tx(&chain.people[0], vec![pay(stranger(0), least())]).bytes();
    let more = |chain: &TestChain| chain.tx(&chain.people[1], vec![pay(stranger(1), least())]).bytes();
    assert_eq!(name(&chain.force(vec![fill]), 0), "ok");
    assert_eq!(count(&chain.app), FULL);
    assert_eq!(name(&chain.force(vec![more(&chain)]), 0), "chain/state_full");
    for _ in 0..2 {
        chain.app.rollback().unwrap();
    }
    assert_eq!(count(&chain.app), FULL - 1);
    assert_eq!(name(&chain.force(vec![more(&chain)]), 0), "ok");
}

#[test]
fn a_genesis_with_more_rows_than_it_allows_or_a_bound_out_of_bounds_is_refused() {
    let mut doc = genesis(&people(4));
    for max_rows in [0, 9_999, 100_000_001, u64::MAX] {
        doc.app.chain.max_rows = max_rows;
        assert!(doc.validate().unwrap_err().to_string().contains("chain.max_rows must be 10,000 to 100,000,000"));
    }
    // A hundred validators with their windows do not fit into a tenth.
    doc.app.chain.max_rows = MAX_ROWS;
    let error = doc.validate().unwrap_err().to_string();
    assert!(
        error.contains("app.chain.max_rows must be at least 51500") && error.contains("up to 5150 rows"),
        "{error}"
    );
    doc.app.chain.max_rows = 51_500;
    doc.validate().unwrap();
    bound(&mut doc);
    let row = bank::Account { vvv: Amount::new(1), ..bank::Account::default() };
    doc.app.bank.accounts.extend((0..MAX_ROWS).map(|number| (stranger(number), row)));
    let error = App::in_memory(Options::default()).init_chain(&doc).unwrap_err().to_string();
    assert!(error.contains("more than the 10000 of `chain.max_rows`"), "{error}");
}

/// An economy of that bound and so many people.
fn bounded_economy(count: u32) -> Economy {
    let people = people(count);
    let mut doc = economy_genesis(&people);
    bound(&mut doc);
    let chain = TestChain::start(App::in_memory(Options::default()), people, doc);
    let first = chain.force(Vec::new());
    Economy { chain, silent: Vec::new(), evidence: Vec::new(), blocks: vec![first] }
}

/// A payment to so many strangers.
fn pay_many(numbers: std::ops::Range<u64>) -> Call {
    let outputs = numbers.map(|number| Output { to: stranger(number), amount: least() }).collect();
    Call::Bank(bank::Msg::MultiTransfer { denom: Denom::Vvv, outputs })
}

/// Fills the state as far as it goes, in one block that would fill more than all of it.
fn fill(economy: &Economy) -> BlockOutcome {
    let chain = &economy.chain;
    let room = FULL - count(&chain.app);
    let tx = |nonce: u64, calls: Vec<Call>| chain.tx(&chain.people[4], calls).with(|tx| tx.nonce += nonce).bytes();
    let whole: Vec<Bytes> = (0..14).map(|at| tx(at, vec![pay_many(at * 1_000..(at + 1) * 1_000)])).collect();
    let rest = tx(14, vec![pay_many(room / 1_000 * 1_000..room - 5)]);
    let outcome = chain.force(whole.into_iter().chain([rest]).collect());
    for number in 1 << 20.. {
        let one = chain.tx(&chain.people[4], vec![pay(stranger(number), least())]).bytes();
        if name(&chain.force(vec![one]), 0) != "ok" {
            break;
        }
    }
    outcome
}

#[test]
fn one_block_cannot_fill_the_state_beyond_nine_tenths_and_an_export_of_a_full_chain_starts_one() {
    const LEAVE: std::ops::Range<usize> = 6..26;
    let mut economy = bounded_economy(26);
    economy.people_block(100, LEAVE.map(|person| (person, vec![stake(validator(0), whole(100))])).collect());
    let room = FULL - count(&economy.chain.app);
    let outcome = fill(&economy);
    let paid = (0..15).filter(|at| name(&outcome, *at) == "ok").count() as u64;
    assert_eq!(paid, room / 1_000 + 1, "those that found room");
    assert!(name(&outcome, 13) == "chain/state_full" && name(&outcome, 14) == "ok");
    let full = count(&economy.chain.app);
    assert!((FULL..FULL + 10).contains(&full), "beside {full} rows the chain's own of that block");
    // As much leaves as can: it counts beside the others, in a genesis too.
    let leave = || LEAVE.map(|person| (person, vec![unstake(validator(0), whole(1)); 16]));
    economy.people_block(100, leave().chain(leave()).collect());
    economy.people_block(100, vec![]);
    assert!(count(&economy.chain.app) > MAX_ROWS);
    let app = &economy.chain.app;
    let doc = app.export(Time(app.store().meta().unwrap().time_ms)).unwrap();
    App::in_memory(Options::default()).init_chain(&doc).unwrap();
}

#[test]
fn whoever_fills_the_state_locks_nobody_in() {
    let mut economy = bounded_economy(6);
    let today = economy.today();
    let own = validator(0);
    let mint = Call::Diem(diem_diem::Msg::Mint { validator: own, lock: whole(900), min_out: whole(9) });
    economy.people_block(100, vec![(0, vec![mint, stake_diem(whole(3), None), unstake(own, whole(2)), offer(today)])]);
    fill(&economy);
    let full = count(&economy.chain.app);

    let credits = Call::Credits;
    let exits = [
        (0, unstake(own, whole(100))),
        (0, Call::Staking(diem_staking::Msg::Claim { validator: own })),
        (0, Call::Diem(diem_diem::Msg::Burn { validator: own, amount: whole(1) })),
        (0, unstake_diem(whole(1), None)),
        (0, credits(credits::Msg::WithdrawOffer)),
        (PROVIDER, settle(economy.who(PROVIDER), vec![economy.signed(0, PROVIDER, today, milli(10))])),
        (PROVIDER, deregister()),
    ];
    // A call is no exit because one stands beside it.
    for (person, exit) in &exits[..4] {
        let smuggled = vec![exit.clone(), pay(stranger(1 << 30), least())];
        let tx = Signed::decode(&economy.chain.tx(&economy.chain.people[*person], smuggled).bytes()).unwrap();
        let dry = economy.chain.app.simulate(&economy.chain.app.store().latest(), Time(0), &tx).unwrap();
        assert!(dry.result.log.contains("the state is nearly full"), "{exit:?}: {}", dry.result.log);
    }
    for (person, exit) in exits {
        let text = format!("{exit:?}");
        // It panics where a call fails.
        economy.people_block(10, vec![(person, vec![exit])]);
        assert!(count(&economy.chain.app) >= FULL, "{text} found no room of its own");
    }
    assert!(count(&economy.chain.app) > full, "they made rows");
    for (person, entry) in [(1, stake(own, whole(1))), (2, stake_diem(whole(1), None))] {
        let tx = economy.chain.tx(&economy.chain.people[person], vec![entry]).bytes();
        assert_eq!(name(&economy.chain.force(vec![tx]), 0), "chain/state_full");
    }
    // What has waited is paid, at once to whoever asks.
    economy.people_block(UNBONDING_MS, vec![]);
    let vvv = economy.chain.balance(&economy.who(0), Denom::Vvv);
    assert!(vvv > whole(97_000), "{vvv}");
}

#[test]
fn whoever_was_never_paid_sends_nothing_whoever_pays_the_fee() {
    let chain = TestChain::new();
    let key = SecretKey::ed25519(&[0x77; 32]);
    let nobody = Person { address: key.address(), key };
    let sponsored = |chain: &TestChain| {
        let call = pay(chain.people[1].address, Amount::new(1));
        chain.tx(&nobody, vec![call]).paid_by(&chain.people[0]).bytes()
    };
    let code = ChainError::NoAccount(nobody.address).code();
    let checked = chain.check(&sponsored(&chain));
    assert_eq!((checked.codespace.as_str(), checked.code), ("chain", code), "{}", checked.log);
    assert!(chain.app.prepare(&chain.next_block(), vec![sponsored(&chain)], &[], 1 << 20).is_empty());
    let outcome = chain.force(vec![sponsored(&chain)]);
    assert_eq!((outcome.results()[0].code, outcome.results()[0].fee), (code, Amount::ZERO));
    assert!(!bank::has_account(&chain.app.store().latest(), &nobody.address));

    let first = chain.tx(&chain.people[2], vec![pay(nobody.address, least())]).bytes();
    chain.force(vec![first]);
    assert_eq!(chain.check(&sponsored(&chain)).code, 0);
    assert_eq!(name(&chain.propose(vec![sponsored(&chain)]), 0), "ok");
}
