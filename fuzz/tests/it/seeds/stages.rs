//! Seeds of the stages: steps of every kind, and blocks and days of them.

use diem_core::Amount;
use diem_fuzz::{
    KINDS,
    plan::{Plan, Step},
    shared_chain,
};
use diem_testkit::TxBuilder;

use super::Seed;

const fn plan(sender: u8, to: u8, amount: u8) -> Plan {
    Plan { sender, nonce: 0, calls: 0, to, amount, payer: 0, oddity: 0, detail: 0 }
}

/// A step with a call of the economy: its number, its sender, whom it names, the amount, and the rest.
const fn call(calls: u8, sender: u8, to: u8, amount: u8, detail: u8) -> Step {
    Step::Signed(Plan { calls, detail, ..plan(sender, to, amount) })
}

/// The life of an account in one sequence: stake, DIEM, credit, its uses, the end of a day, and everything back.
fn life() -> Vec<Step> {
    vec![
        // 100 VVV go to the first validator, 90 of them are locked for a DIEM, and 5 DIEM are staked.
        call(16, 0, 0, 217, 0),
        call(28, 0, 0, 207, 0),
        call(33, 0, 0, 122, 0),
        // An allocation goes to the fourth person, then a session key is granted, and vouchers of both are settled.
        call(44, 0, 3, 118, 0),
        call(45, 0, 3, 118, 5),
        Step::Block,
        call(47, 3, 0, 100, 5),
        call(49, 0, 3, 30, 0),
        call(50, 0, 1, 30, 0),
        // 0.6 credit is for sale; some of it is bought, the rest is taken back.
        call(51, 0, 0, 75, 100),
        call(53, 4, 0, 30, 100),
        call(52, 0, 0, 0, 0),
        call(35, 0, 0, 30, 0),
        call(36, 0, 0, 0, 0),
        call(35, 0, 0, 30, 0),
        Step::Later(20),
        // Yesterday's voucher comes in its grace period, then the settlement.
        call(47, 3, 0, 110, 5 | 0x80),
        call(46, 0, 0, 0, 5),
        Step::Later(6),
        call(20, 0, 0, 0, 0),
        call(21, 6, 0, 0, 0),
        call(30, 0, 0, 118, 255),
        call(31, 0, 0, 118, 0),
        call(26, 0, 0, 127, 1),
        call(18, 0, 0, 118, 0),
        Step::Later(60),
    ]
}

/// The life of a provider, from its registration to its end, and of a validator.
fn offices() -> Vec<Step> {
    vec![
        call(37, 1, 1, 221, 0),
        call(40, 1, 1, 5, 3),
        call(42, 0, 1, 0, 0),
        call(39, 1, 0, 118, 0),
        call(38, 1, 2, 0, 1),
        call(23, 5, 4, 221, 0),
        Step::Block,
        call(24, 5, 1, 10, 0),
        call(25, 6, 6, 0, 0),
        call(33, 0, 0, 122, 0),
        call(49, 0, 1, 100, 0),
        Step::Later(25),
        call(43, 0, 1, 0, 1),
        call(41, 1, 0, 0, 0),
        Step::Later(50),
        Step::Block,
    ]
}

/// The second validator stops signing, is jailed and comes back; the third votes twice.
fn punished() -> Vec<Step> {
    let leave = [call(16, 4, 1, 200, 0), call(16, 4, 2, 200, 0), call(18, 4, 1, 150, 0), call(26, 4, 2, 150, 0)];
    let silence = [vec![Step::Later(0x41)], vec![Step::Block; 7]].concat();
    let back = [Step::Later(4), call(22, 7, 0, 0, 0), Step::Later(0x83), call(19, 4, 0, 0, 0), Step::Later(50)];
    [&leave[..], &silence, &back].concat()
}

/// Two entries and two tranches of DIEM are due at once: the queues pay one of each, and the owner collects the others.
fn collected() -> Vec<Step> {
    vec![
        call(16, 0, 0, 217, 0),
        call(28, 0, 0, 207, 0),
        call(33, 0, 0, 122, 0),
        Step::Block,
        call(18, 0, 0, 118, 0),
        call(18, 0, 0, 118, 0),
        call(35, 0, 0, 30, 0),
        call(35, 0, 0, 30, 0),
        Step::Block,
        Step::Later(60),
        call(54, 0, 0, 0, 1),
        call(55, 0, 0, 0, 1),
        Step::Block,
    ]
}

fn inputs() -> Vec<(&'static str, Vec<Step>)> {
    let chain = shared_chain();
    let send = |sender, to| Step::Signed(plan(sender, to, 7));
    let of = |change: fn(&mut Plan)| {
        let mut changed = plan(1, 0, 9);
        change(&mut changed);
        Step::Signed(changed)
    };
    let raw = TxBuilder::transfer(&chain.doc, &chain.people[4], 0, chain.people[0].address, Amount::ONE).bytes();
    let disorder = [2, 1, -1, 5, 0].map(|nonce| Step::Signed(Plan { nonce, ..plan(0, 1, 3) }));
    let odd: Vec<Step> = (1..=14).map(|oddity| Step::Signed(Plan { oddity, ..plan(3, 0, 2) })).collect();
    let calls: Vec<Step> = (8..=15).map(|calls| Step::Signed(Plan { calls, ..plan(0, 4, 1) })).collect();
    let prices: Vec<Step> = (0..6).map(|who| Step::Signed(Plan { oddity: 60 - who * 5, ..plan(who, 0, 2) })).collect();
    let every = |amount| (16..KINDS).map(|kind| call(kind, kind % 9, kind % 6, amount, kind)).collect();
    vec![
        ("transfers", vec![send(0, 1), send(1, 2), send(2, 3), Step::Block, send(0, 5), send(2, 0)]),
        ("disorder", [&disorder[..], &[Step::Block], &disorder[..]].concat()),
        ("odd", odd),
        ("calls", calls),
        ("prices", prices),
        ("payers", vec![of(|plan| plan.payer = 2), of(|plan| plan.payer = 1), of(|plan| plan.payer = 5), Step::Block]),
        ("poor", vec![of(|plan| plan.amount = 252), of(|plan| plan.amount = 255), send(1, 0)]),
        ("raw", vec![Step::Raw(raw.to_vec()), Step::Raw(Vec::new()), Step::Raw(b"\0garbage".to_vec()), send(4, 0)]),
        ("spoilt", vec![Step::Spoilt(plan(0, 1, 1), 220, 1), Step::Cut(plan(2, 1, 1), 100), send(0, 2)]),
        ("replayed", vec![send(0, 1), Step::Again(0), Step::Block, Step::Again(0), send(0, 1), Step::Block]),
        ("empty-blocks", vec![Step::Block; 5]),
        ("life", life()),
        ("offices", offices()),
        ("punished", punished()),
        ("collected", collected()),
        ("every-kind", every(118)),
        ("every-kind-of-nothing", every(0)),
        ("every-kind-of-all", every(255)),
    ]
}

pub(crate) fn all() -> Vec<Seed> {
    let encode = |steps: &[Step], out: Vec<u8>| {
        steps.iter().fold(out, |mut out, step| {
            step.write(&mut out);
            out
        })
    };
    let mut seeds = Vec::new();
    for (name, steps) in &inputs() {
        for target in ["check_tx", "process_proposal", "finalize_block"] {
            seeds.push((target, (*name).to_owned(), encode(steps, Vec::new())));
        }
        // The first two bytes set the most bytes of a block.
        for (size, limit) in [("", u16::MAX), ("-tight", 700)] {
            seeds.push(("prepare_proposal", format!("{name}{size}"), encode(steps, limit.to_le_bytes().to_vec())));
        }
    }
    seeds
}
