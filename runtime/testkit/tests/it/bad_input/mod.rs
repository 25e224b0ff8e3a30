//! Bad input for every call, through the chain: each has its own error, by a name that does not change, and leaves
//! nothing behind but the sender's nonce and fee.

mod bank;
mod credits;
mod days;
mod diem;
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
];

#[test]
fn every_error_of_every_module_is_met_by_somebody() {
    let mut met = BTreeSet::new();
    for scene in [
        bank::scene,
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
