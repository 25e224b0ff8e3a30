//! Mints and burns that cannot be.

use diem_core::{Address, Amount};
use diem_diem::{Msg, Query};
use diem_testkit::{
    economy::{validator, whole},
    operator,
};
use diem_types::Call;

use super::{
    Scene,
    staking::{NOBODY, economy},
};

fn mint(validator: Address, lock: Amount, min_out: Amount) -> Call {
    Call::Diem(Msg::Mint { validator, lock, min_out })
}

fn exact(validator: Address, out: Amount, max_lock: Amount) -> Call {
    Call::Diem(Msg::MintExact { validator, out, max_lock })
}

fn burn(validator: Address, amount: Amount) -> Call {
    Call::Diem(Msg::Burn { validator, amount })
}

/// DIEM costs 90 sVVV. The first person has 1,000 VVV free with the first validator beside 900 locked for 10 DIEM.
pub(crate) fn scene() -> Scene {
    let mut scene = Scene::new(economy());
    let (v0, v1) = (validator(0), validator(1));
    scene.refuses(0, mint(v0, Amount::ZERO, Amount::ZERO), "diem/zero_amount");
    scene.refuses(0, mint(NOBODY, whole(1), Amount::ZERO), "staking/unknown_validator");
    scene.refuses(0, mint(v0, Amount::new(89), Amount::ZERO), "diem/nothing");
    scene.refuses(0, mint(v0, whole(90), whole(2)), "diem/below_minimum");
    scene.refuses(0, mint(v0, whole(90), Amount::MAX), "diem/below_minimum");
    // What is locked cannot be locked twice.
    scene.refuses(0, mint(v0, whole(1_001), Amount::ZERO), "staking/not_free");
    scene.refuses(0, mint(v0, Amount::MAX, Amount::ZERO), "staking/not_free");
    scene.refuses(0, mint(v1, Amount::new(1), Amount::ZERO), "staking/not_free");

    scene.refuses(0, exact(v0, Amount::ZERO, Amount::MAX), "diem/zero_amount");
    scene.refuses(0, exact(NOBODY, whole(1), Amount::MAX), "staking/unknown_validator");
    scene.refuses(0, exact(v0, whole(1), whole(89)), "diem/above_maximum");
    scene.refuses(0, exact(v0, whole(1), Amount::ZERO), "diem/above_maximum");
    scene.refuses(0, exact(v0, whole(12), Amount::MAX), "diem/too_little_stake");
    scene.refuses(0, exact(v1, Amount::new(1), Amount::MAX), "diem/too_little_stake");
    scene.refuses(0, exact(v0, whole(3_000), Amount::MAX), "diem/past_end");
    scene.refuses(0, exact(v0, Amount::MAX, Amount::MAX), "diem/past_end");
    for query in [Query::QuoteOut(whole(3_000)), Query::QuoteOut(Amount::MAX), Query::QuoteIn(Amount::MAX)] {
        scene.refuses_query(diem_types::Query::Diem(query), "diem/past_end");
    }

    scene.refuses(0, burn(v0, Amount::ZERO), "diem/zero_amount");
    let over = whole(10).checked_add(Amount::new(1)).unwrap();
    scene.refuses(0, burn(v0, over), "svvv/outstanding");
    scene.refuses(0, burn(v0, Amount::MAX), "svvv/outstanding");
    // Someone else's lock does not open.
    scene.refuses(1, burn(v0, Amount::new(1)), "svvv/outstanding");
    scene.refuses(0, burn(v1, Amount::new(1)), "svvv/outstanding");
    scene.refuses(0, burn(NOBODY, Amount::new(1)), "svvv/outstanding");
    // A lock whose DIEM was sold opens for DIEM only.
    scene.refuses_of(&operator(0), burn(v0, whole(1)), "bank/insufficient_funds");
    scene
}

#[test]
fn bad_mints_and_burns() {
    scene();
}
