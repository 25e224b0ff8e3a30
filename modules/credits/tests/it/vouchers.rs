//! Vouchers: each judged alone, by the allocation of its own day.

use diem_core::{
    Address, Amount,
    keys::{Auth, SecretKey},
};
use diem_credits::{
    Event, Msg, SignedVoucher, Voucher, query,
    vouchers::{MAX_REQUESTS, Outcome, Verdict},
};

use crate::world::*;

/// Alice with 100 staked and 60 allocated to pia.
fn allocated() -> World {
    let mut world = World::new();
    world.block_at(HOUR).run(alice(), stake_diem(whole(100)));
    world.run(alice(), allocate(pia(), whole(60)));
    world
}

fn verdicts(outcomes: &[Outcome]) -> Vec<(Verdict, Amount)> {
    outcomes.iter().map(|outcome| (outcome.verdict, outcome.paid)).collect()
}

fn refused(name: &str) -> (Verdict, Amount) {
    (Verdict::Refused(error_code(name)), Amount::ZERO)
}

fn one(world: &mut World, voucher: SignedVoucher) -> (Verdict, Amount) {
    let provider = world.settle(pia(), vec![voucher]);
    verdicts(&provider)[0]
}

#[test]
fn a_voucher_takes_what_is_new_in_it_from_the_allocation() {
    let mut world = allocated();
    assert_eq!(one(&mut world, signed(1, pia(), FIRST, whole(10))), (Verdict::Paid, whole(10)));
    assert_eq!(one(&mut world, signed(1, pia(), FIRST, whole(25))), (Verdict::Paid, whole(15)));
    let account = world.account(alice());
    assert_eq!((account.today.spent, account.today.allocated, account.free), (whole(25), whole(35), whole(40)));
    assert_eq!(world.provider(pia()).today.consumed, whole(25));
}

#[test]
fn the_same_voucher_again_brings_nothing_new_and_a_lower_one_is_an_error() {
    let mut world = allocated();
    let voucher = signed(1, pia(), FIRST, whole(10));
    let twice = vec![voucher.clone(), voucher, signed(1, pia(), FIRST, whole(9))];
    let outcomes = world.settle(pia(), twice);
    let nothing = (Verdict::NothingNew, Amount::ZERO);
    assert_eq!(verdicts(&outcomes), [(Verdict::Paid, whole(10)), nothing, refused("voucher_below")]);
}

#[test]
fn a_voucher_over_the_allocation_is_capped_and_may_come_again_for_the_rest() {
    let mut world = allocated();
    let voucher = signed(1, pia(), FIRST, whole(70));
    assert_eq!(one(&mut world, voucher.clone()), (Verdict::Capped, whole(60)));
    assert_eq!(one(&mut world, voucher.clone()), (Verdict::Capped, Amount::ZERO));
    world.run(alice(), allocate(pia(), whole(65)));
    assert_eq!(one(&mut world, voucher.clone()), (Verdict::Capped, whole(5)));
    world.run(alice(), allocate(pia(), whole(80)));
    assert_eq!(one(&mut world, voucher), (Verdict::Paid, whole(5)));
    assert_eq!(world.account(alice()).today.spent, whole(70));
}

#[test]
fn requests_count_up_to_the_highest_seen() {
    let mut world = allocated();
    let with = |amount, requests| Voucher { requests, ..voucher(1, pia(), FIRST, amount) }.sign(&key(1));
    world.settle(pia(), vec![with(whole(1), 5), with(whole(2), 3), with(whole(2), 9)]);
    assert_eq!(world.provider(pia()).today.requests, 9);
    let info = query::voucher(&world.ctx(), &alice(), &alice(), &pia());
    assert_eq!((info.today.signed.requests, info.today.left), (9, whole(58)));
}

#[test]
fn a_bad_voucher_is_named_and_harms_no_other() {
    let mut world = allocated();
    let good = voucher(1, pia(), FIRST, whole(10));
    let mut forged = good.clone().sign(&key(1));
    forged.voucher.amount = whole(60);
    let vouchers = vec![
        Voucher { chain_id: "other".into(), ..good.clone() }.sign(&key(1)),
        Voucher { genesis_hash: [8; 32], ..good.clone() }.sign(&key(1)),
        signed(1, quin(), FIRST, whole(10)),
        signed(1, pia(), FIRST + 1, whole(10)),
        signed(1, pia(), FIRST - 1, whole(10)),
        by_session(1, 3, pia(), FIRST, whole(10)),
        signed(2, pia(), FIRST, whole(10)),
        forged,
        Voucher { requests: MAX_REQUESTS + 1, ..good.clone() }.sign(&key(1)),
        SignedVoucher { voucher: good.clone(), auth: signed(2, pia(), FIRST, whole(10)).auth },
        good.sign(&key(1)),
    ];
    let outcomes = world.settle(pia(), vouchers);
    let names = [
        "voucher_chain",
        "voucher_chain",
        "voucher_provider",
        "voucher_day",
        "voucher_day",
        "no_grant",
        "no_allocation",
        "voucher_signature",
        "voucher_requests",
        "voucher_signature",
    ];
    let mut expected: Vec<_> = names.iter().map(|name| refused(name)).collect();
    expected.push((Verdict::Paid, whole(10)));
    assert_eq!(verdicts(&outcomes), expected);
    assert_eq!(world.account(alice()).today.spent, whole(10));
}

#[test]
fn a_voucher_of_yesterday_counts_in_the_grace_by_yesterdays_allocation() {
    let mut world = allocated();
    world.run(alice(), allocate(pia(), whole(20)));
    world.run(alice(), unstake_diem(whole(100)));
    world.midnight(1);
    assert_eq!(world.account(alice()).today.allocated, Amount::ZERO, "nothing is staked any more");
    assert_eq!(one(&mut world, signed(1, pia(), FIRST, whole(60))), (Verdict::Paid, whole(60)));
    let account = world.account(alice());
    assert_eq!((account.previous.spent, account.today.spent), (whole(60), Amount::ZERO));
    assert_eq!(world.record(0).consumed, whole(60));
}

#[test]
fn a_settled_day_takes_no_vouchers() {
    let mut world = allocated();
    world.midnight(1);
    let at_the_end = DAY + 1_000 + 2 * HOUR;
    world.block_at(at_the_end);
    assert_eq!(one(&mut world, signed(1, pia(), FIRST, whole(1))), (Verdict::Paid, whole(1)));
    world.block_at(at_the_end + 1);
    assert_eq!(one(&mut world, signed(1, pia(), FIRST, whole(2))), refused("voucher_day"));
}

#[test]
fn a_voucher_counts_for_an_account_that_nobody_touched_since_long() {
    let mut world = allocated();
    world.midnight(5).midnight(6);
    assert_eq!(one(&mut world, signed(1, pia(), FIRST + 5, whole(60))), (Verdict::Paid, whole(60)));
    assert_eq!(one(&mut world, signed(1, pia(), FIRST + 6, whole(61))), (Verdict::Capped, whole(60)));
    assert_eq!(one(&mut world, signed(1, pia(), FIRST + 4, whole(1))), refused("voucher_day"));
}

#[test]
fn amounts_count_from_the_begin_of_each_day() {
    let mut world = allocated();
    world.settle(pia(), vec![signed(1, pia(), FIRST, whole(50))]);
    world.midnight(1);
    assert_eq!(one(&mut world, signed(1, pia(), FIRST + 1, whole(1))), (Verdict::Paid, whole(1)));
    assert_eq!(one(&mut world, signed(1, pia(), FIRST, whole(51))), (Verdict::Paid, whole(1)));
}

#[test]
fn settling_needs_no_credit_of_today() {
    let mut world = World::new();
    world.block_at(HOUR).run(alice(), stake_diem(amount("0.1")));
    world.run(alice(), allocate(pia(), amount("0.1")));
    world.run(alice(), unstake_diem(amount("0.1")));
    world.midnight(1);
    assert_eq!(one(&mut world, signed(1, pia(), FIRST, amount("0.05"))), (Verdict::Paid, amount("0.05")));
}

#[test]
fn an_ethereum_wallet_signs_vouchers_too() {
    let mut world = World::new();
    let wallet = SecretKey::ethereum(&[5; 32]).unwrap();
    world.block_at(HOUR);
    let stake = Msg::StakeDiem { amount: whole(10), beneficiary: Some(wallet.address()) };
    world.run(alice(), stake);
    world.run(wallet.address(), allocate(pia(), whole(10)));
    let unsigned =
        Voucher { account: wallet.address(), signer: wallet.address(), ..voucher(1, pia(), FIRST, whole(4)) };
    let mut changed = unsigned.clone().sign(&wallet);
    changed.voucher.amount = whole(5);
    assert_eq!(one(&mut world, changed), refused("voucher_signature"));
    assert_eq!(one(&mut world, unsigned.sign(&wallet)), (Verdict::Paid, whole(4)));
}

/// This is the known answer of ethers: see `tests/vectors/voucher.mjs`.
#[test]
fn a_voucher_is_the_typed_data_that_wallets_sign() {
    let wallet = SecretKey::ethereum(&[5; 32]).unwrap();
    let voucher = Voucher {
        chain_id: "diem-test".into(),
        genesis_hash: [7; 32],
        account: wallet.address(),
        signer: wallet.address(),
        provider: Address([11; 20]),
        day: 20_777,
        amount: Amount::MAX,
        requests: u64::MAX,
        price_sheet: [1; 32],
        usage_root: [2; 32],
    };
    assert_eq!(wallet.address().to_hex().to_lowercase(), "0xd09ad14080d4b257a819a4f579b8485be88f086c");
    let digest = "d95a8c08a099e854baaa635c6f3e30668120b133f33e61cae0f4cb988b4ff3aa";
    assert_eq!(hex::encode(voucher.digest()), digest);
    let signature = "6cc5ad07c134a3d0c65e50df0ea857fffcd4f763cde157a699647c20e4863b88\
                     171542c10f7df6ddc214766d165f83fd17de9f061ff2748160eb30ad5e3250691c";
    let Auth::Ethereum { signature: ours } = voucher.sign(&wallet).auth else { panic!("an ethereum key") };
    assert_eq!(hex::encode(ours), signature);
}

#[test]
fn vouchers_are_of_a_provider_and_one_to_a_thousand_at_once() {
    let mut world = allocated();
    let voucher = signed(1, pia(), FIRST, whole(1));
    let settle = |provider, count: usize| Msg::SettleVouchers { provider, vouchers: vec![voucher.clone(); count] };
    world.refuses(bob(), settle(bob(), 1), "no_provider");
    world.refuses(pia(), settle(bob(), 1), "no_provider");
    world.refuses(pia(), settle(pia(), 0), "vouchers");
    world.refuses(pia(), settle(pia(), 1_001), "vouchers");
    assert_eq!(world.settle(pia(), vec![voucher.clone(); 1_000]).len(), 1_000);
}

#[test]
fn anyone_hands_vouchers_in_and_the_provider_alone_has_their_credit() {
    let (mut own, mut foreign) = (allocated(), allocated());
    let vouchers = || vec![signed(1, pia(), FIRST, whole(10)), signed(1, quin(), FIRST, whole(5))];
    let settle = || Msg::SettleVouchers { provider: pia(), vouchers: vouchers() };
    let by_provider = own.run(pia(), settle());
    let by_another = foreign.run(bob(), settle());
    assert_eq!(by_provider, by_another, "who hands them in makes no difference");
    let [Event::VouchersSettled { provider, outcomes }] = &by_another[..] else { panic!("{by_another:?}") };
    assert_eq!(*provider, pia());
    // One of another provider is bad by itself, whoever hands it in: also that provider.
    assert_eq!(verdicts(outcomes), [(Verdict::Paid, whole(10)), refused("voucher_provider")]);
    let by_quin = foreign.run(quin(), settle());
    let [Event::VouchersSettled { outcomes, .. }] = &by_quin[..] else { panic!("{by_quin:?}") };
    assert_eq!(verdicts(outcomes), [(Verdict::NothingNew, Amount::ZERO), refused("voucher_provider")]);
    assert_eq!(foreign.provider(pia()).today.consumed, whole(10));
    assert_eq!(foreign.provider(quin()).today.consumed, Amount::ZERO);
    assert_eq!(foreign.account(alice()).today.spent, whole(10));
}

#[test]
fn a_thousand_vouchers_fit_one_transaction() {
    let longest = Voucher { chain_id: "x".repeat(50), ..voucher(1, pia(), FIRST, whole(1)) };
    let settle = Msg::SettleVouchers { provider: pia(), vouchers: vec![longest.sign(&key(1)); 1_000] };
    assert!(borsh::to_vec(&settle).unwrap().len() < diem_core::tx::MAX_TX_BYTES - 1_000);
}

#[test]
fn a_voucher_survives_json() {
    let voucher = signed(1, pia(), FIRST, whole(1));
    let json = serde_json::to_string(&voucher).unwrap();
    assert_eq!(serde_json::from_str::<SignedVoucher>(&json).unwrap(), voucher);
}

#[test]
fn vouchers_to_a_provider_on_its_last_day_count_in_the_grace() {
    let mut world = allocated();
    world.run(pia(), Msg::Deregister);
    world.midnight(1);
    assert_eq!(one(&mut world, signed(1, pia(), FIRST, whole(60))), (Verdict::Paid, whole(60)));
    assert_eq!(one(&mut world, signed(1, pia(), FIRST + 1, whole(1))), refused("no_allocation"));
    assert_eq!(world.record(0).counted, whole(60));
}

#[test]
fn the_zero_address_allocates_nothing() {
    let mut world = allocated();
    let nobody = Voucher { account: Address::ZERO, signer: who(3), ..voucher(1, pia(), FIRST, whole(1)) };
    assert_eq!(one(&mut world, nobody.sign(&key(3))), refused("no_grant"));
}
