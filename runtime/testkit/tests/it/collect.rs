//! However much waits in the queues of what left stake, whoever collects what is due has it in the next block.
//!
//! `DIEM_COLLECT_ENTRIES` says how many entries, and as many tranches of DIEM, wait before those that are collected.

use diem_bank::{Pool, query::PoolBalance};
use diem_core::{Address, Amount, Denom, Time};
use diem_credits::{Msg as Credits, stake::MIN_STAKE, state::Tranche};
use diem_runtime::{App, Options};
use diem_staking::state::{Entry, Job, Leaving};
use diem_svvv::Msg as Svvv;
use diem_testkit::{Person, TestChain, genesis, people};
use diem_types::{Call, GenesisDoc};

/// Entries, and tranches of DIEM, that wait before the others where no variable says how many.
const ENTRIES: u64 = 10_000;
/// How many accounts collect in one block.
const COLLECTORS: u32 = 1_000;
/// Entries that left in the same block.
const GROUP: u64 = 1_000;
/// What a slash takes of every entry: 5%.
const SLASH_BPS: u16 = 500;

/// Someone without a key: entries of an account, as many as it may have.
fn stranger(entry: u64) -> Address {
    let mut address = [0xaa; 20];
    address[..8].copy_from_slice(&(entry / 32).to_be_bytes());
    Address(address)
}

fn plus(amount: &mut Amount, more: Amount) {
    *amount = amount.checked_add(more).unwrap();
}

fn into_pool(doc: &mut GenesisDoc, pool: Pool, denom: Denom, amount: Amount) {
    let pools = &mut doc.app.bank.pools;
    match pools.iter_mut().find(|row| row.pool == pool && row.denom == denom) {
        Some(row) => plus(&mut row.amount, amount),
        None => pools.push(PoolBalance { pool, denom, amount }),
    }
}

/// Whose the entry with this id is: strangers' first, then one of each collector.
fn owner(people: &[Person], waiting: u64, id: u64) -> Address {
    id.checked_sub(waiting).map_or_else(|| stranger(id), |number| people[number as usize].address)
}

/// Puts entries of 1 VVV into the queue, all of them due, and a slash that has reached none.
fn put_entries(doc: &mut GenesisDoc, people: &[Person], waiting: u64, due: u64) {
    let all = waiting + people.len() as u64;
    let rows = doc.app.staking.rows.as_mut().unwrap();
    let operator = rows.validators[0].0;
    for id in 0..all {
        let height = 1 + id / GROUP;
        let entry = Entry { account: owner(people, waiting, id), what: Leaving::Tranche(Amount::ONE) };
        rows.entries.push(((operator, height, id), entry));
        if id.is_multiple_of(GROUP) {
            rows.unbonding_queue.push(((due + height, height, operator), 1));
            rows.unbonding_ends.push(((operator, height), due + height));
        }
    }
    let job = Job { bps: SLASH_BPS, next: (0, 0), below_id: all };
    rows.jobs.push(((operator, 0), job));
    rows.validators[0].1.jobs = 1;
    (rows.next_job, rows.next_entry) = (1, all);
    let bonded = Amount::ONE.checked_mul(all.into()).unwrap();
    plus(&mut doc.app.emissions.progress.as_mut().unwrap().genesis, bonded);
    into_pool(doc, Pool::Bonded, Denom::Vvv, bonded);
}

/// Puts tranches of DIEM into their queue, all of them due. The first lock stands for that DIEM too.
fn put_tranches(doc: &mut GenesisDoc, people: &[Person], waiting: u64, due: u64) {
    let all = waiting + people.len() as u64;
    let rows = doc.app.credits.rows.as_mut().unwrap();
    for id in 0..all {
        let staker = owner(people, waiting, id);
        let day = rows.open_day.day - 2;
        let tranche = Tranche { beneficiary: staker, amount: MIN_STAKE, day, due: Time(due + id / GROUP) };
        rows.tranches.push(((staker, id), tranche));
    }
    rows.next_tranche = all;
    let staked = MIN_STAKE.checked_mul(all.into()).unwrap();
    plus(&mut doc.app.svvv.rows[0].1.outstanding, staked);
    into_pool(doc, Pool::StakedDiem, Denom::Diem, staked);
}

/// A chain in whose queues so many entries and tranches wait before one of each of the people.
fn chain(waiting: u64) -> TestChain {
    let people = people(COLLECTORS);
    let doc = genesis(&people);
    let before = TestChain::start(App::in_memory(Options::default()), people, doc);
    before.force(Vec::new());
    let time = before.doc.genesis_time.millis();
    let mut doc = before.app.export(Time(time)).unwrap();
    // What waits left in earlier blocks.
    doc.initial_height = waiting + u64::from(COLLECTORS);
    let due = time - 86_400_000;
    put_entries(&mut doc, &before.people, waiting, due);
    put_tranches(&mut doc, &before.people, waiting, due);
    let people = before.people;
    TestChain::start(App::in_memory(Options::default()), people, doc.canonical())
}

#[test]
fn a_thousand_accounts_collect_what_is_due_in_one_block_whatever_waits_before_it() {
    let waiting = std::env::var("DIEM_COLLECT_ENTRIES").map_or(ENTRIES, |text| text.parse().unwrap());
    let chain = chain(waiting);
    let txs = chain.people.iter().zip(waiting..).map(|(person, id)| {
        let calls = vec![Call::Svvv(Svvv::Collect { entry: id }), Call::Credits(Credits::CollectTranche { id })];
        chain.tx(person, calls).with(|tx| tx.nonce = 0).bytes()
    });
    let block = chain.propose(txs.collect());
    assert_eq!(block.results().len(), COLLECTORS as usize, "all of them fit one block");
    let paid = Amount::new(Amount::ONE.get() / 100 * 95);
    let (vvv, diem) = (Amount::ONE.checked_mul(1_000).unwrap(), Amount::ONE.checked_mul(10).unwrap());
    // The order of the results is the block's: fees differ by kind of key alone.
    let fees: u128 = block.results().iter().map(|result| result.fee.get()).sum();
    assert!(
        block.results().iter().all(|result| result.code == 0),
        "{:?}",
        block.results().iter().find(|r| r.code != 0)
    );
    let held = |denom| chain.people.iter().map(|person| chain.balance(&person.address, denom).get()).sum::<u128>();
    let all = u128::from(COLLECTORS);
    assert_eq!(held(Denom::Vvv), all * (vvv.get() + paid.get()) - fees, "each its VVV, less the slash");
    assert_eq!(held(Denom::Diem), all * (diem.get() + MIN_STAKE.get()));

    let meta = chain.app.store().meta().unwrap();
    let app = chain.app.export(Time(meta.time_ms)).unwrap().app;
    let entries = app.staking.rows.unwrap().entries;
    assert!(entries.len() as u64 >= waiting - 1_000, "the others wait for their turn");
    assert!(entries.iter().all(|((.., id), _)| *id < waiting));
    let tranches = app.credits.rows.unwrap().tranches;
    assert!(tranches.len() as u64 >= waiting - 1_000 && tranches.iter().all(|((_, id), _)| *id < waiting));
    chain.app.check_invariants().unwrap();
}
