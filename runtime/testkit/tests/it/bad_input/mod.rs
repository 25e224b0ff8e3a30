//! Bad input for every call, through the chain: each has its own error, by a name that does not change, and leaves
//! nothing behind but the sender's nonce and fee.

mod bank;
mod bridge;
mod credits;
mod days;
mod diem;
mod homecoming;
mod limits;
mod providers;
mod scene;
mod staking;
mod validators;
mod vouchers;

use std::collections::BTreeSet;

use diem_types::ERRORS;
use scene::Scene;

/// Errors that no call, voucher or query of a running chain can meet, and why.
const NOT_BY_CALLS: &[(&str, &str, &str)] = &[
    ("bank", "math", "a sum of balances is at most the supply, which fits; the ledger's own tests mint past it"),
    ("bank", "not_allowed", "only a module without the right could meet it; the ledger's own tests have one"),
    ("bank", "pool_too_small", "invariants keep what pools owe in them; the ledger's own tests ask for more"),
    ("bank", "params", "of a genesis or a proposal"),
    ("staking", "worthless", "needs tokens slashed to 0 without a tombstone, which is refused first"),
    ("staking", "params", "of a genesis or a proposal"),
    ("staking", "genesis", "of a genesis"),
    ("svvv", "math", "positions fit 128 bits, and so do locks in them"),
    ("svvv", "genesis", "of a genesis"),
    ("diem", "curve", "of a genesis"),
    ("diem", "unlocked", "of a genesis"),
    ("emissions", "segments", "of a genesis or a proposal"),
    ("emissions", "order", "of a genesis or a proposal"),
    ("emissions", "per_year", "of a genesis or a proposal"),
    ("emissions", "past", "of a proposal"),
    ("emissions", "fee", "of a genesis or a proposal"),
    ("emissions", "math", "of a genesis, or of a step of a block, which stops the node"),
    ("emissions", "carry", "of a genesis"),
    ("emissions", "ahead", "of a genesis"),
    ("emissions", "late", "of a genesis or a proposal"),
    ("credits", "param", "of a genesis or a proposal"),
    ("credits", "genesis", "of a genesis"),
    ("bridge", "malformed", "of bytes that a call does not hold; the module's own tests read them"),
    ("bridge", "set_members", "of the bytes of a set, which the chain makes itself"),
    ("bridge", "set_order", "of the bytes of a set, which the chain makes itself"),
    ("bridge", "set_power", "of the bytes of a set, which the chain makes itself"),
    ("bridge", "set_total", "of the bytes of a set, which the chain makes itself"),
    ("bridge", "list_length", "of a list of signatures, which the chain makes itself"),
    ("bridge", "list_bits", "of a list of signatures, which the chain makes itself"),
    ("bridge", "list_signer", "of a list of signatures, which the chain makes itself"),
    ("bridge", "event_kind", "of an event of Base, none of which is read yet"),
    ("bridge", "event_length", "of an event of Base, none of which is read yet"),
    ("bridge", "event_value", "of an event of Base, none of which is read yet"),
    ("bridge", "slot", "of the storage of Base, which no call holds"),
    ("bridge", "votes_size", "of the first transaction of a block; the tests of votes have them all"),
    ("bridge", "votes_statements", "of the first transaction of a block; the tests of votes have them all"),
    ("bridge", "votes_empty", "of the first transaction of a block; the tests of votes have them all"),
    ("bridge", "votes_order", "of the first transaction of a block; the tests of votes have them all"),
    ("bridge", "votes_duplicate", "of the first transaction of a block; the tests of votes have them all"),
    ("bridge", "votes_place", "of the first transaction of a block; the tests of votes have them all"),
    ("bridge", "votes_twice", "of the first transaction of a block; the tests of votes have them all"),
    ("bridge", "extension_size", "of a vote, whose faults a proposer passes over"),
    ("bridge", "extension_statements", "of a vote, whose faults a proposer passes over"),
    ("bridge", "too_many_wait", "of a node, not of the chain"),
    ("bridge", "unbonding_too_short", "of a chain that is not for development; the module's own tests have one"),
    (
        "bridge",
        "escrow_bound",
        "a third of this chain's stake is worth more than all its DIEM; the module's own tests pass it",
    ),
    (
        "bridge",
        "evidence_too_old",
        "a set would have to be dead for longer than stake can be slashed; the module's own tests wait",
    ),
    ("bridge", "not_delayed", "of a burn whose block is not completed; the module's own tests have one"),
    ("bridge", "replaying", "of a halt between two blocks of events; the module's own tests have one"),
    ("bridge", "batch_forgotten", "a batch is forgotten after thirty days; the module's own tests wait"),
    ("bridge", "closed", "of a chain whose capacity is zero; the module's own tests have one"),
    ("bridge", "math", "a sum of balances is at most the supply, which fits"),
    ("bridge", "import", "of a genesis"),
];

#[test]
fn every_error_of_every_module_is_met_by_somebody() {
    let mut met = BTreeSet::new();
    for scene in [
        bank::scene,
        bridge::before,
        bridge::scene,
        homecoming::scene,
        homecoming::broken,
        staking::scene,
        validators::scene,
        validators::punished,
        diem::scene,
        credits::scene,
        providers::scene,
        vouchers::scene,
        days::in_grace,
        days::settled,
        limits::scene,
    ] {
        let mut scene: Scene = scene();
        met.append(&mut scene.met);
    }
    let mut unmet = BTreeSet::new();
    // The errors of transactions themselves have a test file of their own.
    for (codespace, table) in ERRORS.iter().filter(|(codespace, _)| *codespace != "chain") {
        let names = table.iter().map(|info| format!("{codespace}/{}", info.name));
        unmet.extend(names.filter(|name| !met.contains(name)));
    }
    let excused: BTreeSet<String> = NOT_BY_CALLS.iter().map(|(space, name, _)| format!("{space}/{name}")).collect();
    assert_eq!(unmet, excused, "on the left what nothing here meets, on the right what needs not be met");
}
