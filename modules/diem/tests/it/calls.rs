//! What minting and burning promise, one sentence at a time.

use borsh::BorshDeserialize as _;
use diem_core::{Address, Amount, CallError, Message as _, Module as _, ModuleError as _};
use diem_diem::{CurrentRate, Curve, Diem, Error, Event, Genesis, Msg, Query, QuoteIn, QuoteOut, Step, query};
use diem_svvv::{Lock, Svvv};

use crate::chain::{ADA, BOB, Chain, NORTH, SOUTH, empty, start};
use crate::curves::{live_table, rate, step, whole};

/// One whole unit in base units: 10^18.
const ONE: u128 = Amount::ONE.get();

/// 10 DIEM at 3, 10 at 5 and 10 at 7 sVVV each.
fn stairs() -> Vec<Step> {
    [(10, 3), (20, 5), (30, 7)].map(|(edge, price)| step(edge * ONE, &(price * ONE).to_string())).to_vec()
}

fn on_stairs(base: &diem_overlay::Empty) -> Chain<'_> {
    Chain::new(base, &start(Curve::Table(stairs())))
}

fn mint(lock: u128, min_out: u128) -> Msg {
    Msg::Mint { validator: NORTH, lock: Amount::new(lock), min_out: Amount::new(min_out) }
}

fn mint_exact(out: u128, max_lock: u128) -> Msg {
    Msg::MintExact { validator: NORTH, out: Amount::new(out), max_lock: Amount::new(max_lock) }
}

fn burn(amount: u128) -> Msg {
    Msg::Burn { validator: NORTH, amount: Amount::new(amount) }
}

fn lock(chain: &Chain<'_>, account: Address, validator: Address) -> Lock {
    diem_svvv::lock_of(&chain.state, &account, &validator)
}

/// The name of a refusal, behind its codespace.
fn name(error: &CallError) -> String {
    let table = match error.codespace {
        "diem" => Error::TABLE,
        "staking" => diem_staking::Error::TABLE,
        "svvv" => diem_svvv::Error::TABLE,
        "bank" => diem_bank::Error::TABLE,
        other => panic!("there is no codespace {other}"),
    };
    format!("{}.{}", error.codespace, table.iter().find(|line| line.code == error.code).unwrap().name)
}

fn refused(chain: &mut Chain<'_>, sender: Address, msg: &Msg) -> String {
    name(&chain.call(sender, msg).unwrap_err())
}

#[test]
fn a_mint_locks_exactly_what_was_offered_and_gives_what_it_buys() {
    let base = empty();
    let mut chain = on_stairs(&base);
    let events = chain.call(ADA, &mint(35 * ONE, 0)).unwrap();
    assert_eq!(chain.diem(ADA), whole(11));
    assert_eq!(chain.supply(), whole(11));
    assert_eq!(lock(&chain, ADA, NORTH), Lock { shares: 35 * ONE, outstanding: whole(11) });
    assert_eq!(chain.free(ADA, NORTH), whole(5_000_000 - 35));
    assert_eq!(chain.free(ADA, SOUTH), whole(5_000_000), "the other position is untouched");
    // svvv's event comes first, diem's after it.
    let expected = Event::Minted { account: ADA, validator: NORTH, lock: whole(35), amount: whole(11) };
    let own = &events[events.len() - borsh::to_vec(&expected).unwrap().len() - 1..];
    assert_eq!(own[0], Diem::ID.0);
    assert_eq!(Event::try_from_slice(&own[1..]).unwrap(), expected);
    assert_eq!(events[0], Svvv::ID.0);
}

#[test]
fn a_mint_of_an_exact_amount_locks_what_it_costs() {
    let base = empty();
    let mut chain = on_stairs(&base);
    chain.call(ADA, &mint_exact(11 * ONE, 35 * ONE)).unwrap();
    assert_eq!(lock(&chain, ADA, NORTH), Lock { shares: 35 * ONE, outstanding: whole(11) });
    chain.call(BOB, &mint_exact(ONE, 100 * ONE)).unwrap();
    assert_eq!(lock(&chain, BOB, NORTH), Lock { shares: 5 * ONE, outstanding: whole(1) }, "not what he would allow");
}

#[test]
fn the_published_mints_are_met_on_the_live_table() {
    for (supply, offered, known) in [
        (37_713_457 * ONE / 1_000, ONE, 2_000_096_858_529_171),
        (37_713_660 * ONE / 1_000, 200_000 * ONE, 392_484_346_337_035_987_873),
    ] {
        let base = empty();
        let start = start(Curve::Table(live_table().steps().to_vec()));
        let start = start.with_diem(BOB, SOUTH, whole(4_000_000), Amount::new(supply));
        let mut chain = Chain::new(&base, &start);
        chain.call(ADA, &mint(offered, known)).unwrap();
        assert_eq!(chain.diem(ADA).get(), known);
        assert_eq!(chain.supply().get(), supply + known);
    }
}

#[test]
fn a_burn_opens_its_part_of_the_lock() {
    let base = empty();
    // 300 sVVV are locked for 2 DIEM; 0.5 are burned: 75 are free again, 225 stay for 1.5.
    let start = start(Curve::default()).with_diem(ADA, NORTH, whole(300), whole(2));
    let mut chain = Chain::new(&base, &start);
    let free = chain.free(ADA, NORTH);
    chain.call(ADA, &burn(ONE / 2)).unwrap();
    assert_eq!(lock(&chain, ADA, NORTH), Lock { shares: 225 * ONE, outstanding: Amount::new(ONE * 3 / 2) });
    assert_eq!(chain.free(ADA, NORTH), free.checked_add(whole(75)).unwrap());
    assert_eq!(chain.diem(ADA).get(), ONE * 3 / 2);
    assert_eq!(chain.supply().get(), ONE * 3 / 2);
}

#[test]
fn to_mint_and_to_burn_all_returns_exactly_what_was_locked() {
    let base = empty();
    let mut chain = Chain::new(&base, &start(Curve::default()));
    let before = chain.free(ADA, NORTH);
    chain.call(ADA, &mint(123_456_789_012_345_678_901, 1)).unwrap();
    chain.call(ADA, &mint_exact(777_777_777_777_777_777, u128::MAX)).unwrap();
    let all = chain.diem(ADA).get();
    for part in [all / 3, all / 7, 1, all - all / 3 - all / 7 - 1] {
        chain.call(ADA, &burn(part)).unwrap();
    }
    assert_eq!(chain.free(ADA, NORTH), before);
    assert_eq!(lock(&chain, ADA, NORTH), Lock::default());
    assert_eq!((chain.diem(ADA), chain.supply()), (Amount::ZERO, Amount::ZERO));
}

#[test]
fn any_diem_opens_the_burners_own_lock_and_no_other() {
    let base = empty();
    let mut chain = on_stairs(&base);
    chain.call(ADA, &mint(30 * ONE, 0)).unwrap();
    chain.call(BOB, &mint(50 * ONE, 0)).unwrap();
    chain.send(BOB, ADA, whole(4));
    chain.call(ADA, &burn(10 * ONE)).unwrap();
    assert_eq!(lock(&chain, ADA, NORTH), Lock::default(), "opened at what it cost, not at today's price");
    assert_eq!(lock(&chain, BOB, NORTH), Lock { shares: 50 * ONE, outstanding: whole(10) });
    assert_eq!(refused(&mut chain, ADA, &burn(1)), "svvv.outstanding", "4 DIEM are left, and no lock");
    assert_eq!(refused(&mut chain, BOB, &burn(7 * ONE)), "bank.insufficient_funds", "6 DIEM are left of 10");
    let other = Msg::Burn { validator: SOUTH, amount: Amount::ONE };
    assert_eq!(refused(&mut chain, BOB, &other), "svvv.outstanding", "the lock is with the other validator");
}

#[test]
fn a_burn_makes_the_next_diem_cheaper() {
    let base = empty();
    let mut chain = on_stairs(&base);
    chain.call(ADA, &mint_exact(10 * ONE, u128::MAX)).unwrap();
    let price = |chain: &Chain<'_>| query::rate(&chain.ctx());
    let (supply, left, until) = (whole(10), whole(20), Some(whole(20)));
    assert_eq!(price(&chain), CurrentRate { supply, rate: Some(rate("5000000000000000000")), until, left });
    chain.call(ADA, &burn(1)).unwrap();
    assert_eq!(price(&chain).rate, Some(rate("3000000000000000000")));
    chain.call(ADA, &mint_exact(20 * ONE + 1, u128::MAX)).unwrap();
    let end = CurrentRate { supply: whole(30), rate: None, until: None, left: Amount::ZERO };
    assert_eq!(price(&chain), end);
}

#[test]
fn the_minters_bounds_hold_to_the_last_unit() {
    let base = empty();
    let mut chain = on_stairs(&base);
    assert_eq!(refused(&mut chain, ADA, &mint(35 * ONE, 11 * ONE + 1)), "diem.below_minimum");
    assert_eq!(refused(&mut chain, ADA, &mint_exact(11 * ONE, 35 * ONE - 1)), "diem.above_maximum");
    assert_eq!(refused(&mut chain, ADA, &mint_exact(1, 0)), "diem.above_maximum");
    chain.call(ADA, &mint(35 * ONE, 11 * ONE)).unwrap();
}

#[test]
fn nothing_is_neither_minted_nor_burned() {
    let base = empty();
    let mut chain = on_stairs(&base);
    for msg in [mint(0, 0), mint_exact(0, ONE), burn(0)] {
        assert_eq!(refused(&mut chain, ADA, &msg), "diem.zero_amount");
    }
    assert_eq!(refused(&mut chain, ADA, &mint(2, 0)), "diem.nothing", "2 avvv are worth less than an adiem");
    chain.call(ADA, &mint(3, 0)).unwrap();
    assert_eq!(chain.diem(ADA).get(), 1);
}

#[test]
fn past_the_end_nothing_is_minted() {
    let base = empty();
    let mut chain = on_stairs(&base);
    assert_eq!(refused(&mut chain, ADA, &mint(150 * ONE + 1, 0)), "diem.past_end");
    assert_eq!(refused(&mut chain, ADA, &mint_exact(30 * ONE + 1, u128::MAX)), "diem.past_end");
    assert_eq!(refused(&mut chain, ADA, &mint_exact(u128::MAX, u128::MAX)), "diem.past_end");
    chain.call(ADA, &mint(150 * ONE, 30 * ONE)).unwrap();
    assert_eq!(refused(&mut chain, ADA, &mint(1, 0)), "diem.past_end");
    assert_eq!(refused(&mut chain, ADA, &mint_exact(1, ONE)), "diem.past_end");
}

#[test]
fn only_free_stake_with_that_validator_can_be_locked() {
    let base = empty();
    let mut chain = Chain::new(&base, &start(Curve::Table(vec![step(30 * ONE, &(300_000 * ONE).to_string())])));
    let all = 5_000_000 * ONE;
    assert_eq!(refused(&mut chain, ADA, &mint(all + 1, 0)), "staking.not_free");
    assert_eq!(refused(&mut chain, ADA, &mint(u128::MAX, 0)), "staking.not_free");
    assert_eq!(refused(&mut chain, ADA, &mint_exact(17 * ONE, u128::MAX)), "diem.too_little_stake");
    assert_eq!(
        refused(&mut chain, ADA, &mint_exact(17 * ONE, all)),
        "diem.above_maximum",
        "what was allowed is short too"
    );
    let stranger = Msg::Mint { validator: ADA, lock: Amount::ONE, min_out: Amount::ZERO };
    assert_eq!(refused(&mut chain, ADA, &stranger), "staking.unknown_validator");
    let stranger = Msg::MintExact { validator: ADA, out: Amount::ONE, max_lock: Amount::MAX };
    assert_eq!(refused(&mut chain, ADA, &stranger), "staking.unknown_validator");
    assert_eq!(refused(&mut chain, Address([7; 20]), &mint(1, 0)), "staking.not_free");
    chain.call(ADA, &mint(all, 0)).unwrap();
    assert_eq!(refused(&mut chain, ADA, &mint(1, 0)), "staking.not_free");
    assert_eq!(refused(&mut chain, ADA, &mint_exact(1, u128::MAX)), "diem.too_little_stake");
}

#[test]
fn queries_say_what_the_calls_will_do() {
    let base = empty();
    let mut chain = on_stairs(&base);
    chain.call(BOB, &mint_exact(4 * ONE, u128::MAX)).unwrap();
    let supply = whole(4);
    let quote = query::quote_in(&chain.ctx(), whole(23)).unwrap();
    assert_eq!(quote, QuoteIn { supply, diem_out: whole(7), charged: whole(23) });
    let quote = query::quote_out(&chain.ctx(), whole(7)).unwrap();
    assert_eq!(quote, QuoteOut { supply, lock_needed: rate("23000000000000000000") });
    assert_eq!(query::quote_in(&chain.ctx(), Amount::new(2)).unwrap().diem_out, Amount::ZERO);
    let too_much = query::quote_in(&chain.ctx(), Amount::MAX).unwrap_err();
    let too_many = query::quote_out(&chain.ctx(), whole(27)).unwrap_err();
    for error in [too_much, too_many] {
        assert_eq!(name(&error), "diem.past_end");
        assert!(error.message.contains("only 26 more DIEM"), "{}", error.message);
    }
    assert_eq!(query::curve(&chain.ctx()), stairs());
    chain.call(ADA, &mint(23 * ONE, 7 * ONE)).unwrap();
}

#[test]
fn answers_in_json_are_strings_of_base_units() {
    let base = empty();
    let chain = on_stairs(&base);
    let json = |query| serde_json::to_value(query::answer(&chain.ctx(), query).unwrap()).unwrap();
    let rate = serde_json::json!({
        "supply": "0", "rate": "3000000000000000000", "until": "10000000000000000000", "left": "30000000000000000000",
    });
    assert_eq!(json(Query::Rate), rate);
    assert_eq!(json(Query::Curve)[2], serde_json::json!(["30000000000000000000", "7000000000000000000"]));
    let quote = serde_json::json!({"supply": "0", "diem_out": "0", "charged": "1"});
    assert_eq!(json(Query::QuoteIn(Amount::new(1))), quote);
}

#[test]
fn genesis_diem_needs_its_locks_and_a_real_curve() {
    let base = empty();
    let mut state = diem_overlay::Overlay::new(&base);
    let mut unlocked = start(Curve::default());
    unlocked.bank.accounts.get_mut(&ADA).unwrap().diem = Amount::new(1);
    assert_eq!(name(&unlocked.init(&mut state).unwrap_err()), "diem.unlocked");
    let mut state = diem_overlay::Overlay::new(&base);
    let no_curve = start(Curve::Table(vec![]));
    assert_eq!(name(&no_curve.init(&mut state).unwrap_err()), "diem.curve");
}

#[test]
fn an_export_starts_the_same_curve_again() {
    let base = empty();
    let mut chain = Chain::new(&base, &start(Curve::default()));
    chain.call(ADA, &mint(whole(1_000).get(), 1)).unwrap();
    let exported = Diem::export_genesis(&chain.state);
    let table = Curve::default().table().unwrap();
    assert_eq!(exported, Genesis { curve: Curve::Table(table.steps().to_vec()) });
    let text = serde_json::to_string(&exported).unwrap();
    assert_eq!(serde_json::from_str::<Genesis>(&text).unwrap(), exported);
    let again = Chain::new(&base, &start(exported.curve));
    assert_eq!(query::curve(&again.ctx()), query::curve(&chain.ctx()));
}

#[test]
fn an_invariant_is_missed_when_diem_appears_from_nowhere() {
    let base = empty();
    let mut chain = on_stairs(&base);
    diem_bank::mint(&mut chain.state, Diem::ID, &ADA, diem_core::Denom::Diem, Amount::new(1)).unwrap();
    let words = Diem::check_invariants(&chain.state).unwrap_err();
    assert!(words.contains("0.000000000000000001 DIEM, but 0 are outstanding"), "{words}");
}

#[test]
fn a_wallet_is_shown_what_is_locked_minted_and_burned() {
    let north = NORTH.to_hex();
    let text = [mint(ONE * 3 / 2, ONE), mint_exact(ONE, 2 * ONE), burn(ONE / 4)].map(|msg| msg.text());
    let expected = [
        format!("Lock 1.5 sVVV with {north} and mint at least 1 DIEM"),
        format!("Mint 1 DIEM and lock at most 2 sVVV with {north}"),
        format!("Burn 0.25 DIEM and unlock sVVV with {north}"),
    ];
    assert_eq!(text, expected);
}

#[test]
fn stored_bytes_never_change() {
    let base = empty();
    let chain = Chain::new(&base, &start(Curve::Table(vec![step(5, "7"), step(258, "65536")])));
    let own = diem_core::StateRead::range(&chain.state, &[Diem::ID.0], Some(&[Diem::ID.0 + 1]), 10);
    let rows: Vec<String> = own.iter().map(|(key, row)| format!("{} {}", hex::encode(key), hex::encode(row))).collect();
    let zeros = |bytes: usize| "00".repeat(bytes);
    assert_eq!(
        rows,
        [
            format!("0401 0201{}", zeros(14)),
            // A step ends at an edge, has a rate, and all up to it have a price.
            format!("040200000000 05{}07{}01{}", zeros(15), zeros(31), zeros(31)),
            format!("040200000001 0201{}000001{}02{}", zeros(14), zeros(29), zeros(31)),
        ]
    );
    let calls = [mint(1, 2), mint_exact(1, 2), burn(1)].map(|msg| hex::encode(borsh::to_vec(&msg).unwrap()));
    let (north, one, two) = ("0b".repeat(20), format!("01{}", zeros(15)), format!("02{}", zeros(15)));
    assert_eq!(calls, [format!("00{north}{one}{two}"), format!("01{north}{one}{two}"), format!("02{north}{one}")]);
}
