//! Every row of state and of the index of blocks.

use std::collections::BTreeSet;

use bytes::Bytes;
use diem_core::{BlockContext, CallError, Module, ModuleId};
use diem_runtime::{
    Options,
    hooks::{Hook, Hooks, Run},
};
use diem_testkit::{
    Economy, TestChain,
    economy::GRACE_MS,
    far_story::chain_with_every_row_of_base,
    story::{self, hooks_without_slash_jobs},
};
use diem_types::{ChainError, Event, chain::ChainEvent};
use serde_json::{Value, json};

use super::transactions;

/// The tables of a module: number and name.
type Names = &'static [(u8, &'static str)];

const CHAIN: Names = &[
    (0, "identity"),
    (1, "gas"),
    (2, "last_block"),
    (3, "hook_failures"),
    (5, "epoch_ms"),
    (6, "params"),
    (7, "consensus"),
    (8, "storage_versions"),
];
const BANK: Names = &[(0, "accounts"), (1, "supply"), (2, "pools"), (3, "params")];
const STAKING: Names = &[
    (0, "params"),
    (2, "today"),
    (3, "next_entry"),
    (4, "next_job"),
    (5, "earnings"),
    (6, "validators"),
    (7, "descriptions"),
    (8, "by_consensus"),
    (9, "bridge_keys"),
    (10, "ranking"),
    (11, "consensus_set"),
    (12, "positions"),
    (13, "entries"),
    (14, "entries_by_account"),
    (15, "entry_counts"),
    (16, "unbonding_started"),
    (17, "unbonding_queue"),
    (18, "jobs"),
    (19, "job_queue"),
    (20, "signing"),
    (21, "missed"),
    (22, "unbonding_ends"),
    (23, "burned"),
];
const SVVV: Names = &[(0, "locks")];
const DIEM: Names = &[(1, "end"), (2, "steps")];
const EMISSIONS: Names = &[(0, "params"), (1, "schedule"), (2, "progress")];
const CREDITS: Names = &[
    (0, "params"),
    (2, "open_day"),
    (3, "idle_supply"),
    (4, "next_tranche"),
    (5, "accounts"),
    (6, "allocations"),
    (7, "grants"),
    (8, "positions"),
    (9, "tranches"),
    (10, "maturing"),
    (11, "offers"),
    (12, "providers"),
    (13, "sheets"),
    (14, "leaving"),
    (15, "days"),
    (16, "provider_days"),
    (17, "keys"),
    (18, "lapsing"),
    (19, "ending"),
];

/// Nothing of Base is followed yet, so that `applied` (14) has no row.
const BRIDGE: Names = &[
    (0, "params"),
    (1, "salt"),
    (2, "contract"),
    (3, "issued"),
    (4, "books"),
    (5, "out_bucket"),
    (6, "transfers"),
    (7, "waiting"),
    (8, "batches"),
    (9, "struct_hashes"),
    (10, "sets"),
    (11, "key_sets"),
    (12, "actions"),
    (13, "statements"),
    (14, "applied"),
    (15, "attested"),
    (16, "recent"),
    (17, "inbound"),
    (18, "stated"),
    (19, "replay"),
    (20, "chunks"),
    (21, "executed"),
    (22, "queue"),
    (23, "credits"),
    (24, "delayed"),
    (25, "credit_bucket"),
    (26, "halt"),
    (27, "deadlines"),
    (28, "closed"),
    (29, "hashed"),
    (30, "latest_dropped"),
    (31, "duties"),
    (32, "jailed"),
];

/// The tables by the first two bytes of their keys: the module and the number.
fn tables() -> Vec<([u8; 2], String)> {
    let modules: [(u8, &str, Names); 8] = [
        (0, "chain", CHAIN),
        (diem_bank::Bank::ID.0, diem_bank::Bank::NAME, BANK),
        (diem_staking::Staking::ID.0, diem_staking::Staking::NAME, STAKING),
        (diem_svvv::Svvv::ID.0, diem_svvv::Svvv::NAME, SVVV),
        (diem_diem::Diem::ID.0, diem_diem::Diem::NAME, DIEM),
        (diem_emissions::Emissions::ID.0, diem_emissions::Emissions::NAME, EMISSIONS),
        (diem_credits::Credits::ID.0, diem_credits::Credits::NAME, CREDITS),
        (diem_bridge::Bridge::ID.0, diem_bridge::Bridge::NAME, BRIDGE),
    ];
    let of = |(id, module, tables): (u8, &str, Names)| {
        tables.iter().map(|(number, name)| ([id, *number], format!("{module} {name}"))).collect::<Vec<_>>()
    };
    modules.into_iter().flat_map(of).collect()
}

fn always_fails(_: &mut BlockContext<'_>) -> Result<(), CallError> {
    Err(ChainError::NotStarted.into())
}

fn with_a_hook_that_fails(mut hooks: Hooks) -> Options {
    hooks.end.push(Hook { number: 200, name: "always_fails", run: Run::Retry(always_fails) });
    Options { hooks, ..Options::default() }
}

/// A chain with a row in every table.
pub(crate) fn chain_with_every_row() -> Economy {
    story::history(with_a_hook_that_fails(hooks_without_slash_jobs()))
}

#[test]
fn every_row_of_state() {
    let chain = chain_with_every_row().chain;
    let tables = tables();
    let mut found = BTreeSet::new();
    // Of the second chain only the bridge is new.
    let halted = chain_with_every_row_of_base().chain;
    let of_bridge = halted.app.store().state_rows().filter(|(key, _)| key[0] == diem_bridge::Bridge::ID.0);
    let rows = chain.app.store().state_rows().chain(of_bridge).map(|(key, value)| {
        let table = tables.iter().find(|(prefix, _)| key.starts_with(prefix));
        let (_, name) = table.unwrap_or_else(|| panic!("the table of {} has no name here", hex::encode(&key)));
        found.insert(name);
        format!("{name}: {} = {}", hex::encode(&key), hex::encode(&value))
    });
    let rows: Vec<String> = rows.collect();
    let missing: Vec<_> = tables.iter().map(|(_, name)| name).filter(|name| !found.contains(name)).collect();
    assert!(missing.is_empty(), "these tables have no row in the story: {missing:?}");
    insta::assert_json_snapshot!(json!({"root": hex::encode(chain.root()), "rows": rows}));
}

/// A chain with a block of transactions and of events of its own.
fn chain_with_a_block() -> TestChain {
    let chain = TestChain::with(with_a_hook_that_fails(Hooks::default()), 4);
    let transactions = transactions(&chain);
    let simple = transactions.iter().filter(|(name, _)| !name.starts_with("every call"));
    let txs: Vec<Bytes> = simple.map(|(_, builder)| builder.bytes()).collect();
    let outcome = chain.force(txs);
    assert!(outcome.results().iter().all(|result| result.code == 0), "{:?}", outcome.results());
    chain
}

/// Not consensus, but what an old database holds when a new binary opens it.
#[test]
fn every_row_of_the_index() {
    let chain = chain_with_a_block();
    let rows = chain.app.store().index_range(&[], None, usize::MAX, false);
    // Providers are paid when a day is settled.
    let mut story = chain_with_every_row();
    story.block(GRACE_MS + 1, vec![]);
    let paid = story.chain.app.store().index_range(b"p", Some(b"q"), usize::MAX, false);
    assert!(!paid.is_empty());
    let rows: Vec<Value> = rows
        .iter()
        .chain(&paid)
        .map(|(key, value)| json!({"kind": char::from(key[0]).to_string(), "key": hex::encode(key), "value": hex::encode(value)}))
        .collect();
    insta::assert_json_snapshot!(rows);
}

#[test]
fn events_of_a_block_decode_to_what_happened() {
    let chain = chain_with_a_block();
    let block = chain.app.index().block(1).unwrap();
    let events: Vec<Vec<Event>> =
        chain.app.index().block_txs(1, 0, 10).iter().map(|tx| Event::decode_all(&tx.result.events).unwrap()).collect();
    assert_eq!(events.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1, 1, 2]);
    let failed = ChainEvent::HookFailed { hook: "always_fails".into(), failures: 1 };
    assert_eq!(Event::decode_all(&block.events).unwrap(), [Event::Chain(failed)]);
    assert_eq!(diem_bank::Bank::ID, ModuleId(1));
}
