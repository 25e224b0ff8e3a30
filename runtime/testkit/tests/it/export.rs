//! A chain that is started from the export of another.

use std::collections::BTreeMap;

use bytes::Bytes;
use diem_runtime::{App, Options};
use diem_testkit::{
    TestChain,
    economy::{PROVIDER, milli, validator},
    story::{self, allocate, hooks_without_slash_jobs, stake, stake_diem, unstake, unstake_diem},
};

/// Rows that an export does not give again: who the chain is, with its genesis hash and first height, which vouchers
/// name too; and pools that are empty.
fn is_new(key: &[u8], value: &[u8]) -> bool {
    matches!(key, [0, 0, ..] | [6, 1, ..]) || matches!(key, [1, 2, ..]) && value == [0; 16]
}

fn rows(app: &App) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let rows = app.store().state_rows().map(|(key, value)| (key.to_vec(), value.to_vec()));
    rows.filter(|(key, value)| !is_new(key, value)).collect()
}

/// A transaction of each person, for the chain that is asked.
fn daily_life(chain: &TestChain, block: u64) -> Vec<Bytes> {
    let person = |number: u64| &chain.people[usize::try_from(number).unwrap() % chain.people.len()];
    let v1 = validator(1);
    let calls = match block % 4 {
        0 => vec![stake(v1, milli(1_500)), allocate(chain.people[PROVIDER].address, milli(100))],
        1 => vec![unstake(v1, milli(500))],
        2 => vec![stake_diem(milli(20), None)],
        _ => vec![unstake_diem(milli(10), None)],
    };
    vec![chain.tx(person(block / 4), calls).bytes()]
}

/// Both chains live the same blocks afterwards, over the settlement of the exported day, a slash that has not reached
/// all entries, payouts and what else was on its way.
#[test]
fn an_export_starts_the_same_chain_again() {
    let options = || Options { hooks: hooks_without_slash_jobs(), ..Options::default() };
    let mut old = story::history(options());
    let now = diem_core::Time(old.chain.app.store().meta().unwrap().time_ms);
    let before = old.chain.app.export(diem_core::Time(now.0 - 1)).unwrap_err();
    assert!(before.0.contains("cannot start at"), "{before}");
    let doc = old.chain.app.export(now).unwrap();
    assert_eq!(doc.initial_height, old.chain.app.info().height + 1);
    let json = serde_json::to_string(&doc).unwrap();
    assert_eq!(serde_json::from_str::<diem_types::GenesisDoc>(&json).unwrap(), doc);
    let new = TestChain::start(App::in_memory(options()), old.chain.people.clone(), doc);
    let mut refused = 0;
    for number in 0..80 {
        let block = old.block_after(900);
        let (old_txs, new_txs) = match number {
            0 => Default::default(),
            _ => (daily_life(&old.chain, number), daily_life(&new, number)),
        };
        let (before, after) = (old.chain.run(block.clone(), old_txs), new.run(block, new_txs));
        assert_eq!(before.finalized.events, after.finalized.events, "block {number}");
        assert_eq!(before.finalized.results, after.finalized.results, "block {number}");
        assert_eq!(before.finalized.validator_updates, after.finalized.validator_updates, "block {number}");
        refused += before.results().iter().filter(|result| result.code != 0).count();
        assert_eq!(rows(&old.chain.app), rows(&new.app), "block {number}");
        let time = after.block.info.time;
        assert_eq!(old.chain.app.export(time).unwrap(), new.app.export(time).unwrap(), "block {number}");
        new.app.check_invariants().unwrap();
    }
    assert!(refused < 40, "most of the calls work: {refused} do not");
    assert!(old.today() > 2 + new.doc.app.credits.rows.as_ref().unwrap().open_day.day, "days went by");
}
