//! What is exported can be imported, and what no chain can have cannot.

use diem_bridge::{Bridge, Genesis, OutboundKind, Rows};
use diem_core::{GenesisContext, Key, Module as _, StateRead as _, StateWrite as _, Value};
use diem_overlay::Overlay;

use crate::{
    chain::{ALICE, Chain, cents, refusal},
    staking_chain::empty,
};

/// A chain in the middle of everything.
fn busy(base: &diem_overlay::Empty) -> Chain<'_> {
    let mut chain = Chain::ready(base);
    chain.send(ALICE, cents(100), cents(1)).unwrap();
    chain.block(2_000);
    chain.block(1_000);
    chain.apply(vec![chain.statement(1, OutboundKind::Batch, 1)]);
    chain.send(ALICE, cents(200), cents(2)).unwrap();
    chain
}

/// The rows of the bridge.
fn rows(state: &Overlay<'_>) -> Vec<(Key, Value)> {
    state.range(&[Bridge::ID.0], Some(&[Bridge::ID.0 + 1]), usize::MAX)
}

/// The same chain before its bridge had any row.
fn without_bridge<'a>(chain: &'a Chain<'_>) -> Overlay<'a> {
    let mut state = Overlay::new(&chain.world.state);
    rows(&chain.world.state).iter().for_each(|(key, _)| state.remove(key));
    state
}

#[test]
fn an_export_gives_every_row_again() {
    let base = empty();
    let chain = busy(&base);
    let genesis = Bridge::export_genesis(&chain.world.state);
    let json = serde_json::to_string(&genesis).unwrap();
    let read: Genesis = serde_json::from_str(&json).unwrap();
    assert_eq!(read, genesis);
    // The rows of the other modules stay, and the bridge's are written over none.
    let before = rows(&chain.world.state);
    let mut restarted = without_bridge(&chain);
    assert!(rows(&restarted).is_empty());
    let time = chain.world.now.time;
    Bridge::init_genesis(&mut GenesisContext { state: &mut restarted, time }, &read).unwrap();
    assert_eq!(rows(&restarted), before);
}

#[test]
fn rows_that_do_not_fit_together_are_refused() {
    let base = empty();
    let chain = busy(&base);
    let genesis = Bridge::export_genesis(&chain.world.state);
    let changes: [fn(&mut Rows); 10] = [
        |rows| rows.books.waiting = cents(1),
        |rows| rows.books.open = cents(1),
        |rows| rows.transfers.clear(),
        |rows| rows.transfers[0].1.batch = None,
        |rows| rows.batches[0].1.deadline += 1,
        |rows| rows.batches[0].1.transfers.clear(),
        |rows| rows.issued.open = 0,
        |rows| rows.issued.transfers = 1,
        |rows| rows.issued.batches = 0,
        |rows| rows.issued.sets = 0,
    ];
    for (number, change) in changes.iter().enumerate() {
        let mut changed = genesis.clone();
        change(changed.rows.as_mut().unwrap());
        let mut state = without_bridge(&chain);
        let time = chain.world.now.time;
        let outcome = Bridge::init_genesis(&mut GenesisContext { state: &mut state, time }, &changed);
        assert_eq!(refusal(outcome), "import", "change {number}");
    }
    let mut changed = genesis;
    changed.rows.as_mut().unwrap().sets[0].1.bytes.push(0);
    let mut state = Overlay::new(&base);
    let outcome = Bridge::init_genesis(&mut GenesisContext { state: &mut state, time: chain.world.now.time }, &changed);
    assert_eq!(refusal(outcome), "set_members");
}
