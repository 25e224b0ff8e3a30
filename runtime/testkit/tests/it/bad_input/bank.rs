//! Transfers that the chain refuses.

use diem_bank::{MinNewAccount, Msg, Output};
use diem_core::{Address, Amount, Denom};
use diem_testkit::{Economy, economy::whole};
use diem_types::Call;

use super::Scene;

pub(crate) fn scene() -> Scene {
    let mut scene = Scene::new(Economy::new());
    let to = scene.who(1);
    let send = |to, denom, amount| Call::Bank(Msg::Transfer { to, denom, amount });
    let many = |outputs| Call::Bank(Msg::MultiTransfer { denom: Denom::Vvv, outputs });
    let output = |to, amount| Output { to, amount };
    for denom in Denom::ALL {
        scene.refuses(0, send(to, denom, Amount::ZERO), "bank/zero_amount");
        scene.refuses(0, send(Address::ZERO, denom, Amount::ONE), "bank/zero_address");
        scene.refuses(0, send(to, denom, whole(100_000)), "bank/insufficient_funds");
        scene.refuses(0, send(to, denom, Amount::MAX), "bank/insufficient_funds");
    }
    // A first payment that is worth no row, by itself or among others.
    let nobody = Address([0xee; 20]);
    let dust = |denom| Amount::new(MinNewAccount::default().of(denom).get() - 1);
    for denom in Denom::ALL {
        scene.refuses(0, send(nobody, denom, Amount::new(1)), "bank/new_account");
        scene.refuses(0, send(nobody, denom, dust(denom)), "bank/new_account");
    }
    scene.refuses(0, many(vec![output(nobody, dust(Denom::Vvv)), output(nobody, Amount::ONE)]), "bank/new_account");
    // The same holds for a payment to oneself.
    scene.refuses(0, send(scene.who(0), Denom::Diem, whole(11)), "bank/insufficient_funds");
    scene.refuses(0, many(vec![]), "bank/outputs");
    scene.refuses(0, many(vec![output(to, Amount::new(1)); 1_001]), "bank/outputs");
    scene.refuses(0, many(vec![output(to, Amount::ONE), output(to, Amount::ZERO)]), "bank/zero_amount");
    scene.refuses(0, many(vec![output(to, Amount::ONE), output(Address::ZERO, Amount::ONE)]), "bank/zero_address");
    // The first could be paid, the second could not; and the sum is no number.
    scene.refuses(0, many(vec![output(to, whole(90_000)); 2]), "bank/insufficient_funds");
    scene.refuses(0, many(vec![output(to, Amount::MAX); 2]), "bank/insufficient_funds");
    scene
}

#[test]
fn bad_transfers() {
    scene();
}
