//! The price of a row of state: a gigabyte of rows is dear, whatever makes them.

use diem_bank::{self as bank, Output};
use diem_core::{Address, Amount, Denom, StateRead};
use diem_credits::{
    self as credits,
    grants::{self, ProviderLimit},
};
use diem_runtime::{App, Options};
use diem_testkit::{
    Economy, TestChain,
    dearest::{Scene, Shape, Size, Use},
    economy::{PROVIDER, milli, validator, whole},
    story::stake,
};
use diem_types::Call;

use crate::strangers::{least, name, pay, stranger};

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
