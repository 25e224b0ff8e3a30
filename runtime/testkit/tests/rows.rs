//! What a row of state costs, and what happens when there are nearly too many.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, clippy::indexing_slicing)]

use bytes::Bytes;
use diem_bank::{self as bank, MinNewAccount, Output};
use diem_core::{Address, Amount, Denom, ModuleError, StateRead, Time, keys::SecretKey, sha256};
use diem_credits::{
    self as credits,
    grants::{self, ProviderLimit},
};
use diem_runtime::{App, Options};
use diem_testkit::{
    BlockOutcome, Economy, Person, Shadows, TestChain,
    dearest::{Scene, Shape, Size, Use},
    economy::{PROVIDER, UNBONDING_MS, economy_genesis, milli, validator, whole},
    people::{genesis, operator, people},
    story::{deregister, offer, settle, stake, stake_diem, unstake, unstake_diem},
};
use diem_types::{Call, ChainError, GenesisDoc, Signed};

/// An address that nobody has paid yet.
fn stranger(number: u64) -> Address {
    let mut address = [0; 20];
    address.copy_from_slice(&sha256(&[b"stranger", &number.to_be_bytes()])[..20]);
    Address(address)
}

fn pay(to: Address, amount: Amount) -> Call {
    Call::Bank(bank::Msg::Transfer { to, denom: Denom::Vvv, amount })
}

fn least() -> Amount {
    MinNewAccount::default().vvv
}

/// The name of a result: `ok`, or that of its error.
fn name(outcome: &BlockOutcome, place: usize) -> String {
    let result = &outcome.results()[place];
    let info = diem_types::error_info(&result.codespace, result.code);
    info.map_or("ok".into(), |info| format!("{}/{}", result.codespace, info.name))
}

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

#[test]
fn above_nine_tenths_of_the_bound_a_call_that_makes_rows_fails_and_every_node_agrees() {
    let chain = chain_of(FULL - 22);
    let mut shadows = Shadows::new(&chain.doc);
    begin(&chain).iter().for_each(|outcome| shadows.follow(outcome));
    let mut run = |txs: Vec<Bytes>| {
        let outcome = chain.force(txs);
        shadows.follow(&outcome);
        outcome
    };
    assert_eq!(count(&chain.app), FULL - 22);
    let own = operator(0).address;
    let calls = |person: usize, calls: Vec<Call>| chain.tx(&chain.people[person], calls).bytes();
    // The rows of a stake and of what leaves it, with a date from the block after it.
    let outcome = run(vec![calls(0, vec![stake(own, whole(10)), unstake(own, whole(5)), unstake(own, whole(2))])]);
    assert_eq!(name(&outcome, 0), "ok");
    run(Vec::new());
    // What the transactions before it made counts for each.
    let room = FULL - count(&chain.app);
    let payments = |from: u64, to: u64| (from..to).map(|n| pay(stranger(n), least())).collect::<Vec<_>>();
    let outcome = run(vec![
        calls(1, payments(0, room - 2)),
        calls(2, payments(room - 2, room + 1)),
        calls(3, payments(room - 2, room)),
        calls(0, payments(room, room + 1)),
    ]);
    let names: Vec<String> = (0..4).map(|place| name(&outcome, place)).collect();
    assert_eq!(names, ["ok", "chain/state_full", "ok", "chain/state_full"]);
    let rows = count(&chain.app);
    assert_eq!(rows, FULL);

    let before = chain.balance(&chain.people[1].address, Denom::Vvv);
    let outcome = run(vec![
        calls(1, vec![pay(stranger(99), whole(1))]),
        calls(2, vec![pay(stranger(0), Amount::new(1)), pay(own, whole(1))]),
        calls(3, vec![stake(own, whole(10))]),
        // It makes a row, and ends more than that.
        calls(0, vec![Call::Staking(diem_staking::Msg::CancelUnstake { tranche: 0 }), pay(stranger(98), least())]),
    ]);
    let names: Vec<String> = (0..4).map(|place| name(&outcome, place)).collect();
    assert_eq!(names, ["chain/state_full", "ok", "chain/state_full", "ok"]);
    assert!(
        outcome.results()[0].log.contains(&format!("{rows} of at most {MAX_ROWS}")),
        "{}",
        outcome.results()[0].log
    );
    let paid = outcome.results()[0].fee;
    assert_eq!(chain.balance(&chain.people[1].address, Denom::Vvv), before.checked_sub(paid).unwrap());
    let outcome = run(vec![calls(1, payments(97, 98))]);
    let rows = count(&chain.app);
    assert_eq!((name(&outcome, 0).as_str(), rows), ("ok", FULL), "the row that went made room for one");
    // A dry run says the same before anything is paid.
    let tx = Signed::decode(&calls(1, payments(99, 100))).unwrap();
    let dry = chain.app.simulate(&chain.app.store().latest(), Time(0), &tx).unwrap();
    assert_eq!((dry.result.codespace.as_str(), dry.result.code), ("chain", state_full(rows).code()));

    // The chain's own rows go on: days are opened, what was unstaked is paid.
    let waiting = chain.balance(&chain.people[0].address, Denom::Vvv);
    let mut block = chain.next_block();
    block.info.time = Time(block.info.time.millis() + 8 * 86_400_000);
    for outcome in [chain.run(block, Vec::new()), chain.force(Vec::new())] {
        shadows.follow(&outcome);
    }
    let paid = chain.balance(&chain.people[0].address, Denom::Vvv);
    assert_eq!(paid, waiting.checked_add(whole(2)).unwrap());
    assert_eq!(shadows.replay().info(), chain.app.info());
    assert_eq!(count(&shadows.replay()), count(&chain.app));
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
    assert!(chain.app.prepare(&chain.next_block(), vec![sponsored(&chain)], 1 << 20).is_empty());
    let outcome = chain.force(vec![sponsored(&chain)]);
    assert_eq!((outcome.results()[0].code, outcome.results()[0].fee), (code, Amount::ZERO));
    assert!(!bank::has_account(&chain.app.store().latest(), &nobody.address));

    let first = chain.tx(&chain.people[2], vec![pay(nobody.address, least())]).bytes();
    chain.force(vec![first]);
    assert_eq!(chain.check(&sponsored(&chain)).code, 0);
    assert_eq!(name(&chain.propose(vec![sponsored(&chain)]), 0), "ok");
}

/// What a way to make rows made of them, and what it cost.
struct Made {
    rows: u64,
    bytes: u64,
    /// The avvv that are paid and gone.
    fees: u128,
    /// The avvv that cannot be used for anything else while the rows are there.
    held: u128,
}

impl Made {
    /// VVV for a gigabyte of rows and of the tree above them: a leaf of 72 bytes, and nearly one and a half inner nodes
    /// of 80 bytes.
    fn a_gigabyte(&self, avvv: u128) -> u128 {
        let bytes = u128::from(self.bytes + self.rows * (72 + 3 * 80 / 2));
        avvv * 1_000_000_000 / bytes / Amount::ONE.get()
    }
}

/// An economy that has every row that every chain has.
fn economy() -> Economy {
    let mut economy = Economy::new();
    let own = pay(economy.who(0), Amount::new(1));
    economy.people_block(100, vec![(0, vec![own])]);
    economy
}

/// The number of rows, and their bytes.
fn size(chain: &TestChain) -> (u64, u64) {
    let snapshot = chain.app.store().latest();
    let bytes = snapshot.rows().map(|(key, value)| (key.len() + value.len()) as u64).sum::<u64>();
    (snapshot.row_count(), bytes)
}

/// Runs `calls` of a person in a block of its own and looks at what they made.
fn make(economy: &mut Economy, person: usize, calls: Vec<Call>, held: Amount) -> Made {
    // What a block changes by itself has settled.
    economy.people_block(100, vec![]);
    let before = size(&economy.chain);
    let outcome = economy.people_block(100, vec![(person, calls)]);
    let after = size(&economy.chain);
    let fees = outcome.results()[0].fee.get();
    Made { rows: after.0 - before.0, bytes: after.1 - before.1, fees, held: held.get() }
}

#[test]
fn a_gigabyte_of_state_has_its_price() {
    let mut economy = economy();
    let one = make(&mut economy, 0, vec![pay(stranger(0), least())], least());
    assert_eq!((one.rows, one.held), (1, 10_000_000_000_000_000));
    let outputs = (1..=1_000).map(|n| Output { to: stranger(n), amount: least() }).collect();
    let all = least().checked_mul(1_000).unwrap();
    let many = make(&mut economy, 0, vec![Call::Bank(bank::Msg::MultiTransfer { denom: Denom::Vvv, outputs })], all);
    assert_eq!(many.rows, 1_000);
    // Whoever keeps what the addresses must receive holds 0.01 VVV for each row.
    for kept in [&one, &many] {
        let price = kept.a_gigabyte(kept.held + kept.fees);
        assert!(price > 30_000, "{price} VVV hold a gigabyte");
    }
    // Whoever sends it on from each address pays a transaction for each row, whose nonce was used and which stays.
    let passed_on = one.a_gigabyte(one.fees);
    assert!(passed_on > 20, "{passed_on} VVV of fees");
    // The state is full long before that fills a node's memory.
    let params = economy.chain.doc.app.chain;
    let to_the_bound = u128::from(params.full_above()) * one.fees / Amount::ONE.get();
    assert!(to_the_bound > 100, "{to_the_bound} VVV of fees");
    let held_at_the_bound = u128::from(params.full_above()) * one.held / Amount::ONE.get();
    assert!(held_at_the_bound >= 180_000, "{held_at_the_bound} VVV");
    let memory = u128::from(params.max_rows) * (72 + 3 * 80 / 2);
    assert!(memory < 4 << 30, "{memory} bytes of memory at the bound");
}

#[test]
fn rows_of_other_modules_are_no_cheaper_than_those_of_accounts() {
    let mut economy = economy();
    let today = economy.today();
    let provider = economy.who(PROVIDER);
    // A row of credit needs 0.01 credit of a day, and goes by itself when that day is over.
    let gift = Call::Credits(credits::Msg::GiftCredit { to: stranger(1), day: today, amount: milli(10) });
    let credit = make(&mut economy, 0, vec![gift], Amount::ZERO);
    assert!(credit.rows <= 2, "the row, and its place in the queue that removes it");
    let dust = Call::Credits(credits::Msg::GiftCredit { to: stranger(2), day: today, amount: milli(9) });
    let refused = economy.chain.tx(&economy.chain.people[0], vec![dust]).bytes();
    assert_eq!(name(&economy.chain.force(vec![refused]), 0), "credits/new_credit");
    // A session key: at most sixteen at sixteen providers for an account, which has its own price.
    let limits = vec![ProviderLimit { provider, limit: whole(1) }];
    let key = stranger(3);
    let grant = Call::Credits(credits::Msg::Grant { key, last_day: today + 1, limits });
    let granted = make(&mut economy, 0, vec![grant], Amount::ZERO);
    // A stake holds what it is worth for at least the unbonding time.
    let staked = make(&mut economy, 1, vec![stake(validator(0), whole(1))], whole(1));
    for (what, made, least) in [("credit", &credit, 10), ("grants", &granted, 10), ("stake", &staked, 1_000_000)] {
        let price = made.a_gigabyte(made.held + made.fees);
        assert!(price > least, "{what}: {price} VVV a gigabyte");
    }
    let rows = |economy: &Economy, table: u8| {
        economy.chain.app.store().latest().range(&[6, table], Some(&[6, table + 1]), 100).len()
    };
    let (before, of_keys) = (rows(&economy, 5), [7, 17, 19]);
    assert_eq!(of_keys.map(|table| rows(&economy, table)), [1; 3]);
    for _ in 0..4 {
        economy.people_block(20_000, vec![]);
        economy.people_block(6_000, vec![]);
    }
    assert_eq!(rows(&economy, 5), before - 1, "what was given has lapsed with its row");
    assert_eq!(of_keys.map(|table| rows(&economy, table)), [0; 3], "the key has ended with its rows");
}

/// Rows of which nothing says when they end, by the fees alone: whatever has to be staked or put up for them can be had
/// back.
#[test]
fn no_row_that_may_stay_for_ever_is_much_cheaper_than_an_account() {
    let scene = Scene::new(App::in_memory(Options::default()), Size { full: 1, customers: 20 });
    let providers: Vec<Address> = {
        let all = scene.senders(Use::PublishPrices).iter().map(|provider| provider.address);
        all.take(grants::MAX_LIMITS).collect()
    };
    let stake = Call::Credits(credits::Msg::StakeDiem { amount: whole(1), beneficiary: None });
    let limits: Vec<_> =
        providers.iter().map(|provider| ProviderLimit { provider: *provider, limit: whole(1) }).collect();
    let until = |key| credits::Msg::Grant { key: stranger(key), last_day: u64::MAX, limits: limits.clone() };
    let allocation = |provider: &Address| credits::Msg::Allocate { provider: *provider, amount: milli(10) };
    let text = "x".repeat(credits::providers::MAX_TEXT_BYTES);
    let register = |payout| credits::Msg::RegisterProvider {
        bond: whole(1_000),
        payout,
        endpoint: format!("{:x<1$}", "https://ai.example/", text.len()),
        moniker: text.clone(),
    };
    let newcomer = scene.senders(Use::RegisterProvider)[0].address;
    let cases = [
        ("session keys", 45, Use::RegisterProvider, (0..16).map(|key| Call::Credits(until(key))).collect()),
        ("DIEM staked", 80, Use::RegisterProvider, vec![stake]),
        ("allocations", 250, Use::RegisterProvider, providers.iter().map(|to| Call::Credits(allocation(to))).collect()),
        ("a provider", 30, Use::RegisterProvider, vec![Call::Credits(register(newcomer))]),
        ("a validator", 20, Use::CreateValidator, Vec::new()),
        ("a bridge key", 120, Use::RotateBridgeKey, Vec::new()),
    ];
    for (what, least, kind, calls) in cases {
        let (mut tx, sender) = scene.transaction(kind, Shape::Whole, 0);
        // What the scene has of a kind is one call, again and again.
        tx.calls.truncate(1);
        if !calls.is_empty() {
            tx.calls = calls;
        }
        let bytes = tx.sign(&sender.key, None).unwrap();
        let before = size(&scene.chain);
        let outcome = scene.chain.force(vec![bytes.into()]);
        assert_eq!(name(&outcome, 0), "ok", "{what}: {}", outcome.results()[0].log);
        let after = size(&scene.chain);
        let fees = outcome.results()[0].fee.get();
        let made = Made { rows: after.0 - before.0, bytes: after.1 - before.1, fees, held: 0 };
        let price = made.a_gigabyte(made.fees);
        assert!(price >= least, "{what}: {} rows, {} bytes, {price} VVV of fees a gigabyte", made.rows, made.bytes);
        // Each is alone on the chain, but for the stake that allocations need.
        if what != "DIEM staked" {
            scene.chain.app.rollback().unwrap();
        }
    }
}
