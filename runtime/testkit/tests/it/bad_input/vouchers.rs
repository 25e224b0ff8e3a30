//! Vouchers that bring nothing: each is named by its error and changes nothing.

use diem_core::Amount;
use diem_credits::{SignedVoucher, Voucher};
use diem_testkit::economy::{PROVIDER, milli, whole};

use super::{
    Scene,
    credits::{LEAVING, UNLISTED, economy},
};

/// The first person has allocated 4 to the provider: 1.5 went by its own vouchers, 0.7 of 2 by the sixth's key.
pub(crate) fn scene() -> Scene {
    let mut scene = Scene::new(economy());
    let today = scene.today();
    let good = scene.economy.voucher(0, PROVIDER, today, whole(2));
    let sign = |scene: &Scene, voucher: Voucher, person: usize| voucher.sign(&scene.economy.chain.people[person].key);
    type Change = fn(&mut Voucher);
    let names: &[(Change, &str)] = &[
        (|voucher| voucher.chain_id.push('x'), "voucher_chain"),
        (|voucher| voucher.chain_id.clear(), "voucher_chain"),
        (|voucher| voucher.genesis_hash[0] ^= 1, "voucher_chain"),
        (|voucher| voucher.day -= 1, "voucher_day"),
        (|voucher| voucher.day += 1, "voucher_day"),
        (|voucher| voucher.day = u64::MAX, "voucher_day"),
        (|voucher| voucher.amount = milli(1_499), "voucher_below"),
        (|voucher| voucher.requests = u64::MAX, "voucher_requests"),
    ];
    for (change, name) in names {
        let mut bad = good.clone();
        change(&mut bad);
        let bad = sign(&scene, bad, 0);
        scene.refuses_voucher(PROVIDER, bad, name);
    }
    let bad = sign(&scene, Voucher { amount: Amount::ZERO, ..good.clone() }, 0);
    scene.refuses_voucher(PROVIDER, bad, "voucher_below");
    // Handed in by another provider than it names.
    for other in [UNLISTED, LEAVING] {
        let bad = sign(&scene, good.clone(), 0);
        scene.refuses_voucher(other, bad, "voucher_provider");
    }
    keys(&mut scene, &good);
    // An account that has allocated nothing, and one that allocated to somebody else.
    for (person, provider) in [(1, PROVIDER), (0, UNLISTED)] {
        let bad = scene.economy.signed(person, provider, today, whole(1));
        scene.refuses_voucher(provider, bad, "no_allocation");
    }
    scene
}

fn keys(scene: &mut Scene, good: &Voucher) {
    let key = |scene: &Scene, person: usize| scene.economy.chain.people[person].key.clone();
    // Signed by another than it says.
    for person in [1, 2, 5] {
        let bad = good.clone().sign(&key(scene, person));
        scene.refuses_voucher(PROVIDER, bad, "voucher_signature");
    }
    // Any byte that was signed and then changed.
    let signed = good.clone().sign(&key(scene, 0));
    let changes: [fn(&mut Voucher); 4] = [
        |voucher| voucher.amount = whole(3),
        |voucher| voucher.requests += 1,
        |voucher| voucher.price_sheet[0] ^= 1,
        |voucher| voucher.usage_root[31] ^= 1,
    ];
    for change in changes {
        let mut voucher = signed.voucher.clone();
        change(&mut voucher);
        scene.refuses_voucher(PROVIDER, SignedVoucher { voucher, ..signed.clone() }, "voucher_signature");
    }
    // A key that was never granted; a key that was granted by another account.
    let stranger = Voucher { signer: scene.who(2), ..good.clone() }.sign(&key(scene, 2));
    scene.refuses_voucher(PROVIDER, stranger, "no_grant");
    let of_another = Voucher { account: scene.who(1), signer: scene.who(5), ..good.clone() }.sign(&key(scene, 5));
    scene.refuses_voucher(PROVIDER, of_another, "no_grant");
    // A key that was granted at another provider.
    let elsewhere = Voucher { signer: scene.who(5), provider: scene.who(UNLISTED), ..good.clone() };
    let elsewhere = elsewhere.sign(&key(scene, 5));
    scene.refuses_voucher(UNLISTED, elsewhere, "no_grant");
    let below = Voucher { signer: scene.who(5), amount: milli(699), ..good.clone() }.sign(&key(scene, 5));
    scene.refuses_voucher(PROVIDER, below, "voucher_below");
}

#[test]
fn bad_vouchers() {
    scene();
}
