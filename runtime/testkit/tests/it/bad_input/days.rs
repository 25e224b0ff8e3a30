//! What was good yesterday and is not today.

use diem_core::{Address, Amount};
use diem_credits::{Msg, Voucher};
use diem_testkit::{
    economy::{EPOCH_MS, GRACE_MS, PROVIDER, milli, whole},
    operator,
    story::{allocate, cancel_diem, deregister, publish},
};

use super::{
    Scene,
    credits::{LEAVING, UNLISTED, buy, call, economy, gift, grant, offer_at, register, spend},
};

/// The second day, while the first still takes vouchers. On the first day the provider that was not listed lost its
/// bond, and a key was revoked; on the second the third key was granted.
fn second_day() -> diem_testkit::Economy {
    let mut economy = economy();
    let today = economy.today();
    let provider = economy.who(PROVIDER);
    let forfeit = call(Msg::DelistProvider { provider: economy.who(UNLISTED), forfeit: true });
    let revoke = call(Msg::Revoke { key: economy.who(5) });
    let revoke = (economy.chain.people[0].clone(), vec![revoke]);
    economy.block(1_000, vec![(operator(0), vec![forfeit]), revoke]);
    let late = grant(economy.who(UNLISTED), today + 9, vec![(provider, whole(1))]);
    economy.people_block(EPOCH_MS, vec![(0, vec![late])]);
    assert_eq!(economy.today(), today + 1);
    economy
}

pub(crate) fn in_grace() -> Scene {
    let mut scene = Scene::new(second_day());
    let (today, provider) = (scene.today(), scene.who(PROVIDER));
    let yesterday = today - 1;
    // What was signed yesterday never takes today's credit.
    scene.refuses(0, spend(provider, yesterday, milli(1)), "credits/not_today");
    scene.refuses(0, gift(scene.who(1), yesterday, milli(1)), "credits/not_today");
    scene.refuses(0, offer_at(yesterday, milli(1), whole(1)), "credits/not_today");
    scene.refuses(1, buy(scene.who(0), yesterday, milli(1), whole(2)), "credits/not_today");
    // An offer does not outlive its day either.
    scene.refuses(1, buy(scene.who(0), today, milli(1), whole(2)), "credits/no_offer");
    scene.refuses(0, call(Msg::WithdrawOffer), "credits/no_offer");
    // A tranche was paid.
    scene.refuses(0, cancel_diem(0), "credits/no_tranche");
    keys(&mut scene, today);
    left(&mut scene, today);
    let list = call(Msg::ListProvider { provider: scene.who(UNLISTED) });
    scene.refuses_of(&operator(0), list, "credits/bond_too_small");
    let delist = call(Msg::DelistProvider { provider: scene.who(UNLISTED), forfeit: true });
    scene.refuses_of(&operator(0), delist, "credits/not_listed");
    let early = scene.economy.signed(0, PROVIDER, yesterday - 1, whole(2));
    scene.refuses_voucher(PROVIDER, early, "voucher_day");
    let below = scene.economy.signed(0, PROVIDER, yesterday, milli(1_499));
    scene.refuses_voucher(PROVIDER, below, "voucher_below");
    scene
}

/// Keys are good for their days alone.
fn keys(scene: &mut Scene, today: u64) {
    let by = |scene: &Scene, person: usize, day: u64| {
        let voucher = scene.economy.voucher(0, PROVIDER, day, whole(1));
        Voucher { signer: scene.who(person), ..voucher }.sign(&scene.economy.chain.people[person].key)
    };
    // The second person's key had its last day yesterday; the sixth's was revoked; the third's begins today.
    for person in [1, 5] {
        let late = by(scene, person, today);
        scene.refuses_voucher(PROVIDER, late, "grant_expired");
    }
    let early = by(scene, UNLISTED, today - 1);
    scene.refuses_voucher(PROVIDER, early, "no_grant");
    let limits = vec![(scene.who(PROVIDER), whole(1))];
    scene.refuses(0, grant(Address([8; 20]), today - 1, limits), "credits/grant_expired");
    scene.refuses(0, call(Msg::Revoke { key: scene.who(5) }), "credits/no_grant");
}

/// A provider whose last day was yesterday.
fn left(scene: &mut Scene, today: u64) {
    let gone = scene.who(LEAVING);
    scene.refuses(0, spend(gone, today, milli(1)), "credits/provider_left");
    scene.refuses(0, allocate(gone, milli(1)), "credits/provider_left");
    scene.refuses(LEAVING, publish(1), "credits/provider_left");
    scene.refuses(LEAVING, call(Msg::AddBond { amount: whole(1) }), "credits/provider_left");
    scene.refuses(LEAVING, deregister(), "credits/provider_left");
    scene.refuses(LEAVING, call(register()), "credits/already_provider");
    scene.refuses_of(&operator(0), call(Msg::ListProvider { provider: gone }), "credits/provider_left");
}

/// The same day, after the first was settled.
pub(crate) fn settled() -> Scene {
    let mut economy = second_day();
    economy.people_block(GRACE_MS + 1, vec![]);
    let mut scene = Scene::new(economy);
    let yesterday = scene.today() - 1;
    for amount in [Amount::ZERO, milli(1_500), whole(2), Amount::MAX] {
        let late = scene.economy.signed(0, PROVIDER, yesterday, amount);
        scene.refuses_voucher(PROVIDER, late, "voucher_day");
    }
    scene
}

#[test]
fn what_is_left_of_a_day_in_its_grace() {
    in_grace();
}

#[test]
fn nothing_is_left_of_a_day_that_was_settled() {
    settled();
}
