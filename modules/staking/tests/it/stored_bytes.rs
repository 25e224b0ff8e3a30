//! What staking stores, byte by byte, and the numbers of its errors.

use std::collections::{BTreeMap, BTreeSet};

use diem_core::{Address, Amount, Module, ModuleError, StateRead};
use diem_staking::{
    Error, Staking,
    genesis::Rows,
    scaled::Scaled,
    state::{Leaving, Validator},
};

use crate::world::{DAY, ONE, START, busy, empty, name, who};

/// Rows as a reader of the specification would write them, beside what the encoder of the chain makes.
#[derive(Default)]
struct Written(BTreeMap<Vec<u8>, Vec<u8>>);

impl Written {
    fn row(&mut self, table: u8, key: &[&[u8]], value: &[&[u8]]) {
        let key = [&[2, table][..], &key.concat()].concat();
        assert!(self.0.insert(key, value.concat()).is_none(), "two rows of table {table} have one key");
    }
}

fn text(text: &str) -> Vec<u8> {
    [&u32::try_from(text.len()).unwrap().to_le_bytes()[..], text.as_bytes()].concat()
}

fn amount(amount: Amount) -> [u8; 16] {
    amount.get().to_le_bytes()
}

/// 256 bits, the lowest byte first, from decimal digits.
fn wide(number: Scaled) -> Vec<u8> {
    let mut bytes = vec![0u8; 32];
    for digit in serde_json::to_value(number).unwrap().as_str().unwrap().bytes() {
        let mut carry = u32::from(digit - b'0');
        for byte in &mut bytes {
            carry += u32::from(*byte) * 10;
            *byte = (carry & 0xff) as u8;
            carry >>= 8;
        }
    }
    bytes
}

fn option(value: Option<Vec<u8>>) -> Vec<u8> {
    value.map_or(vec![0], |value| [&[1][..], &value].concat())
}

fn validator(row: &Validator) -> Vec<u8> {
    let next = row.commission.next.map(|(rate, from)| [&rate.to_le_bytes()[..], &from.to_le_bytes()].concat());
    let parts: [&[u8]; 18] = [
        &row.consensus_key,
        &row.bridge_address.0,
        &amount(row.tokens),
        &row.shares.to_le_bytes(),
        &row.locked.to_le_bytes(),
        &row.self_shares.to_le_bytes(),
        &wide(row.free_index),
        &wide(row.locked_index),
        &row.commission.rate.to_le_bytes(),
        &row.commission.max.to_le_bytes(),
        &row.commission.max_change.to_le_bytes(),
        &option(next),
        &amount(row.commission_due),
        &option(row.jailed_until.map(|until| until.0.to_le_bytes().to_vec())),
        &[row.tombstoned.into()],
        &[row.forged.into()],
        &row.jobs.to_le_bytes(),
        &row.rank.to_le_bytes(),
    ];
    parts.concat()
}

/// The parameters of [`busy`]: 7 days, 100 validators, 1,000 VVV, 5%, 0.01%, 20 blocks, half of them, 10 minutes, 1
/// VVV.
fn params(rows: &mut Written) {
    rows.row(
        0,
        &[],
        &[
            &604_800_000_u64.to_le_bytes(),
            &100_u16.to_le_bytes(),
            &(1_000 * ONE).to_le_bytes(),
            &500_u16.to_le_bytes(),
            &1_u16.to_le_bytes(),
            &20_u32.to_le_bytes(),
            &5_000_u16.to_le_bytes(),
            &600_000_u64.to_le_bytes(),
            &ONE.to_le_bytes(),
        ],
    );
}

fn validators(rows: &mut Written, of: &Rows) {
    for (operator, row) in &of.validators {
        let operator = &operator.0;
        rows.row(6, &[operator], &[&validator(row)]);
        // Consensus names a validator by the first 20 bytes of its key's hash.
        rows.row(8, &[&diem_core::sha256(&[&row.consensus_key])[..20]], &[operator]);
        if row.rank > 0 {
            // The most powerful one comes first.
            rows.row(10, &[&(u64::MAX - row.rank).to_be_bytes(), operator], &[&row.consensus_key]);
        }
    }
    for (operator, row) in &of.descriptions {
        rows.row(7, &[&operator.0], &[&text(&row.moniker), &text(&row.website)]);
    }
    for (address, row) in &of.bridge_keys {
        let until = option(row.until.map(|until| until.to_le_bytes().to_vec()));
        rows.row(9, &[&address.0], &[&row.operator.0, &row.from.to_le_bytes(), &until]);
    }
    for (key, row) in &of.consensus_set {
        rows.row(11, &[key], &[&row.operator.0, &row.power.to_le_bytes()]);
    }
    for (name, row) in &of.signing {
        rows.row(20, &[name], &[&row.window.to_le_bytes(), &row.next.to_le_bytes(), &row.missed.to_le_bytes()]);
    }
    for ((name, place), bits) in &of.missed {
        rows.row(21, &[name, &place.to_be_bytes()], &[bits]);
    }
}

fn stakes(rows: &mut Written, of: &Rows) {
    for ((account, operator), row) in &of.positions {
        let shares = [row.shares, row.locked, row.moved].map(u128::to_le_bytes).concat();
        let wides = [row.free_index, row.locked_index, row.earned].map(wide).concat();
        rows.row(12, &[&account.0, &operator.0], &[&shares, &wides]);
    }
    let mut counts: BTreeMap<Address, u32> = BTreeMap::new();
    for ((operator, height, id), row) in &of.entries {
        let what = match row.what {
            Leaving::Tranche(out) => [&[0][..], &amount(out)].concat(),
            Leaving::Moved { to, shares } => [&[1][..], &to.0, &shares.to_le_bytes()].concat(),
        };
        rows.row(13, &[&operator.0, &height.to_be_bytes(), &id.to_be_bytes()], &[&row.account.0, &what]);
        rows.row(14, &[&row.account.0, &id.to_be_bytes()], &[&operator.0, &height.to_le_bytes()]);
        *counts.entry(row.account).or_default() += 1;
    }
    for (account, count) in counts {
        rows.row(15, &[&account.0], &[&count.to_le_bytes()]);
    }
    for ((height, operator), unbonding_ms) in &of.unbonding_started {
        rows.row(16, &[&height.to_be_bytes(), &operator.0], &[&unbonding_ms.to_le_bytes()]);
    }
    for ((due, height, operator), _) in &of.unbonding_queue {
        rows.row(17, &[&due.to_be_bytes(), &height.to_be_bytes(), &operator.0], &[&[1]]);
    }
    for ((operator, height), due) in &of.unbonding_ends {
        rows.row(22, &[&operator.0, &height.to_be_bytes()], &[&due.to_le_bytes()]);
    }
    for ((operator, number), job) in &of.jobs {
        let numbers = [job.next.0, job.next.1, job.below_id].map(u64::to_le_bytes).concat();
        rows.row(18, &[&operator.0, &number.to_be_bytes()], &[&job.bps.to_le_bytes(), &numbers]);
        rows.row(19, &[&number.to_be_bytes()], &[&operator.0]);
    }
}

/// Keys and values are the chain's for ever: whoever changes them on purpose raises the version of the application and
/// changes what is written by hand here.
#[test]
fn every_stored_byte_stays_what_it_is() {
    let base = empty();
    let world = busy(&base);
    let of = Staking::export_genesis(&world.state).rows.unwrap();
    let mut rows = Written::default();
    params(&mut rows);
    rows.row(2, &[], &[&of.today.to_le_bytes()]);
    rows.row(3, &[], &[&of.next_entry.to_le_bytes()]);
    rows.row(4, &[], &[&of.next_job.to_le_bytes()]);
    rows.row(5, &[], &[&wide(of.earnings.owed), &wide(of.earnings.dust)]);
    validators(&mut rows, &of);
    stakes(&mut rows, &of);
    rows.row(23, &[], &[&amount(of.burned)]);
    let tables: BTreeSet<u8> = rows.0.keys().map(|key| key[1]).collect();
    // 1 held a copy of the chain's name.
    assert_eq!(tables, (0..=23).filter(|table| *table != 1).collect(), "every table has a row");
    let stored = world.state.range(&[2], Some(&[3]), usize::MAX);
    for ((key, value), (by_hand, written)) in stored.iter().zip(&rows.0) {
        assert_eq!((hex::encode(key), hex::encode(value)), (hex::encode(by_hand), hex::encode(written)));
    }
    assert_eq!(stored.len(), rows.0.len());
}

/// What the rules make of the history of [`busy`], worked out by hand.
#[test]
fn the_rows_of_a_busy_chain_say_what_the_rules_say() {
    let base = empty();
    let world = busy(&base);
    let of = Staking::export_genesis(&world.state).rows.unwrap();
    let tenths = |tenths: u128| Amount::new(tenths * ONE / 10);
    // 1,000 and ten times 100, less 10 and 10 of each; less 5%; less the 10 that left after the slash.
    assert_eq!(world.tokens(1), tenths(17_000));
    // 1,000 and ten times 10, less 5% of the one moved stake that the slash has reached.
    assert_eq!(world.tokens(2), tenths(10_995));
    // It missed 11 of 20 blocks: a ten-thousandth, and the window starts anew.
    assert_eq!(world.tokens(3), tenths(9_999));
    assert_eq!(world.tokens(4), tenths(10_000));
    // 90 and 0.1 of tokens; half a VVV of each of the three entries that the job has reached.
    assert_eq!(of.burned, tenths(916));
    assert_eq!((of.entries.len(), of.next_entry, of.next_job), (21, 21, 1));
    assert_eq!((of.jobs[0].0, of.jobs[0].1.bps, of.jobs[0].1.below_id), ((who(1), 0), 500, 20));
    let amounts = of.entries.iter().filter_map(|(_, entry)| match entry.what {
        Leaving::Tranche(out) => Some(out),
        Leaving::Moved { .. } => None,
    });
    let amounts: Vec<Amount> = amounts.collect();
    assert_eq!(amounts[..3], [tenths(95), tenths(95), tenths(100)]);
    // Out and jailed: only the others have a window, and 4 missed the last block of its own.
    let windows: Vec<_> = of.signing.iter().map(|(name, row)| (*name, row.missed)).collect();
    assert_eq!(windows, [(name(4), 1)]);
    // Consensus was told that 3 is jailed, and not yet that 1 is out: that is for the end of this block.
    let told = of.consensus_set.iter().map(|(_, told)| told.operator).collect::<BTreeSet<_>>();
    assert_eq!(told, [who(1), who(2), who(4)].into());
    assert_eq!(of.today, START / DAY);
}

/// Each is asserted by name in a test of this module or of svvv, except `math`, `params` and `genesis` of a chain that
/// runs: rows that contradict each other, and files.
#[test]
fn every_error_keeps_its_number() {
    let numbered: Vec<(u32, &str)> = Error::TABLE.iter().map(|line| (line.code, line.name)).collect();
    let by_hand = [
        (1, "unknown_validator"),
        (2, "already_validator"),
        (3, "consensus_key_used"),
        (4, "bridge_key_used"),
        (5, "key_proof"),
        (6, "zero_amount"),
        (7, "commission"),
        (8, "commission_change"),
        (9, "description"),
        (10, "self_stake"),
        (11, "tombstoned"),
        (12, "worthless"),
        (13, "not_free"),
        (14, "too_many_entries"),
        (15, "unknown_tranche"),
        (16, "pending_slash"),
        (17, "not_jailed"),
        (18, "still_jailed"),
        (19, "nothing_to_claim"),
        (20, "same_validator"),
        (21, "math"),
        (22, "params"),
        (23, "genesis"),
        // These are about the least stake and what waits.
        (24, "below_min_stake"),
        (25, "amount_too_small"),
        (26, "free_too_small"),
        (27, "would_leave_dust"),
        (28, "unknown_entry"),
        (29, "not_due"),
        // These are about names and links.
        (30, "blank_moniker"),
        (31, "website"),
    ];
    assert_eq!(numbered, by_hand);
}
