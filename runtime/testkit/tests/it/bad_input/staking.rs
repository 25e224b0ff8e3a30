//! Stake that is not there, not free, or someone else's.

use diem_core::{Address, Amount};
use diem_diem as diem;
use diem_staking::{Msg, Query};
use diem_svvv as svvv;
use diem_testkit::{
    Economy,
    economy::{milli, validator, whole},
    story::{stake, unstake},
};
use diem_types::Call;

use super::Scene;

/// An address that operates no validator.
pub(crate) const NOBODY: Address = Address([0xee; 20]);

fn restake(from: Address, to: Address, amount: Amount) -> Call {
    Call::Svvv(svvv::Msg::Restake { from, to, amount })
}

fn cancel(tranche: u64) -> Call {
    Call::Staking(Msg::CancelUnstake { tranche })
}

fn collect(entry: u64) -> Call {
    Call::Svvv(svvv::Msg::Collect { entry })
}

/// The first person has 1,900 VVV with the first validator, 900 of them locked, and tranche 0. The second has 1,400
/// with the second validator and 600 with the third, which came there just now as entry 1. The fifth has 91 with the
/// second validator, and all but a half of one is locked.
pub(crate) fn economy() -> Economy {
    let mut economy = Economy::new();
    let (v0, v1, v2) = (validator(0), validator(1), validator(2));
    let mint = diem::Msg::Mint { validator: v0, lock: whole(900), min_out: whole(10) };
    let most = diem::Msg::Mint { validator: v1, lock: milli(90_500), min_out: Amount::ZERO };
    let calls = vec![
        (0, vec![Call::Diem(mint), unstake(v0, whole(100))]),
        (1, vec![stake(v1, whole(2_000)), restake(v1, v2, whole(600))]),
        (4, vec![stake(v1, whole(91)), Call::Diem(most)]),
    ];
    economy.people_block(1_000, calls);
    economy
}

pub(crate) fn scene() -> Scene {
    let mut scene = Scene::new(economy());
    stakes(&mut scene);
    moves(&mut scene);
    let (v0, v1) = (validator(0), validator(1));
    for tranche in [1, 2, 99, u64::MAX] {
        scene.refuses(0, cancel(tranche), "staking/unknown_tranche");
    }
    // Someone else's, and an entry that is no tranche.
    scene.refuses(1, cancel(0), "staking/unknown_tranche");
    scene.refuses(1, cancel(1), "staking/unknown_tranche");
    for entry in [1, 2, 99, u64::MAX] {
        scene.refuses(0, collect(entry), "staking/unknown_entry");
    }
    scene.refuses(0, collect(0), "staking/not_due");
    scene.refuses(1, collect(1), "staking/not_due");
    for claim in [|validator| Msg::Claim { validator }, |validator| Msg::ClaimAndStake { validator }] {
        scene.refuses(0, Call::Staking(claim(NOBODY)), "staking/unknown_validator");
        scene.refuses(0, Call::Staking(claim(v1)), "staking/nothing_to_claim");
        scene.refuses(2, Call::Staking(claim(v0)), "staking/nothing_to_claim");
    }
    scene.refuses_query(diem_types::Query::Staking(Query::Validator(NOBODY)), "staking/unknown_validator");
    scene
}

fn stakes(scene: &mut Scene) {
    let (v0, v1, v2) = (validator(0), validator(1), validator(2));
    for call in [stake, unstake] {
        scene.refuses(0, call(v0, Amount::ZERO), "staking/zero_amount");
        scene.refuses(0, call(NOBODY, whole(1)), "staking/unknown_validator");
        scene.refuses(0, call(Address::ZERO, whole(1)), "staking/unknown_validator");
    }
    scene.refuses(0, stake(v0, whole(100_001)), "bank/insufficient_funds");
    // The sum with what is staked already does not fit a number.
    scene.refuses(0, stake(v0, Amount::MAX), "staking/math");
    let over = |amount: Amount| amount.checked_add(Amount::new(1)).unwrap();
    scene.refuses(0, unstake(v0, over(whole(1_000))), "staking/not_free");
    scene.refuses(0, unstake(v0, Amount::MAX), "staking/not_free");
    scene.refuses(0, unstake(v1, Amount::new(1)), "staking/not_free");
    // Less than the least stake may come, leave or stay only with the rest of it.
    scene.refuses(2, stake(v0, milli(999)), "staking/below_min_stake");
    scene.refuses(0, unstake(v0, milli(999)), "staking/amount_too_small");
    scene.refuses(1, unstake(v1, milli(1_399_001)), "staking/would_leave_dust");
    scene.refuses(4, unstake(v1, milli(500)), "staking/free_too_small");
    scene.refuses(1, restake(v1, v2, milli(999)), "staking/amount_too_small");
    scene.refuses(4, restake(v1, v2, milli(90_500)), "staking/would_leave_dust");
    // What was moved lately cannot leave.
    scene.refuses(1, unstake(v2, Amount::new(1)), "staking/not_free");
    scene.refuses(1, unstake(v1, over(whole(1_400))), "staking/not_free");
}

fn moves(scene: &mut Scene) {
    let (v0, v1, v2) = (validator(0), validator(1), validator(2));
    scene.refuses(0, restake(v0, v1, Amount::ZERO), "svvv/zero_amount");
    scene.refuses(0, restake(v0, v0, whole(1)), "staking/same_validator");
    scene.refuses(0, restake(NOBODY, v0, whole(1)), "staking/unknown_validator");
    scene.refuses(0, restake(v0, NOBODY, whole(1)), "staking/unknown_validator");
    // Locked stake may move, but not more than there is.
    scene.refuses(0, restake(v0, v1, whole(1_901)), "staking/not_free");
    scene.refuses(0, restake(v0, v1, Amount::MAX), "staking/not_free");
    scene.refuses(2, restake(v0, v1, Amount::new(1)), "staking/not_free");
    scene.refuses(1, restake(v2, v0, Amount::new(1)), "staking/not_free");
}

#[test]
fn bad_stakes() {
    scene();
}
