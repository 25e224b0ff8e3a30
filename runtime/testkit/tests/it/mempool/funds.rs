//! What the pool sets aside of accounts: nothing waits whose fee another transaction can take away.

use diem_bank::{Msg, Output};
use diem_core::{Address, Amount, Denom};
use diem_credits::{self as credits, prices::PriceSheet};
use diem_staking::{self as staking, CreateValidator, Description, KeyProof};
use diem_testkit::{
    TestChain, TxBuilder,
    economy::{bridge, consensus, public, validator, whole},
};
use diem_types::{Call, ChainError};

use super::*;

/// `chain`'s numbers of the two refusals.
const FEE_FUNDS: u32 = 18;
const CALL_FUNDS: u32 = 21;

fn transfer(to: Address, denom: Denom, amount: Amount) -> Call {
    Call::Bank(Msg::Transfer { to, denom, amount })
}

/// A call of a hundred kilobytes that takes nothing but its fee: vouchers that nobody signed.
fn large(chain: &TestChain) -> Call {
    let voucher = credits::Voucher {
        chain_id: chain.doc.chain_id.clone(),
        genesis_hash: chain.doc.hash(),
        account: chain.people[0].address,
        signer: chain.people[0].address,
        provider: chain.people[3].address,
        day: 1,
        amount: Amount::ONE,
        requests: 1,
        price_sheet: [0; 32],
        usage_root: [0; 32],
    };
    let signed = voucher.sign(&chain.people[1].key);
    Call::Credits(credits::Msg::SettleVouchers { provider: signed.voucher.provider, vouchers: vec![signed; 300] })
}

/// The fee of a transaction with this call alone.
fn fee(chain: &TestChain, from: usize, call: Call) -> Amount {
    let tx = TxBuilder::new(&chain.doc, &chain.people[from], 0, vec![call]).bytes();
    let signed = Signed::decode(&tx).unwrap();
    let gas = chain.doc.app.gas;
    gas.min_price.checked_mul(gas.gas(&signed).into()).unwrap()
}

fn balance(chain: &TestChain, who: usize) -> Amount {
    chain.balance(&chain.people[who].address, Denom::Vvv)
}

/// The transaction of `from` that leaves so much of its VVV, less than which it has.
fn drain(chain: &TestChain, from: usize, nonce: u64, leaves: Amount) -> Bytes {
    let to = chain.people[9].address;
    let drain = |amount| transfer(to, Denom::Vvv, amount);
    let kept = fee(chain, from, drain(Amount::ONE)).checked_add(leaves).unwrap();
    let amount = balance(chain, from).checked_sub(kept).unwrap();
    TxBuilder::new(&chain.doc, &chain.people[from], nonce, vec![drain(amount)]).bytes()
}

#[test]
fn every_call_that_takes_vvv_says_how_much_and_the_pool_sets_it_aside() {
    let chain = TestChain::new();
    let me = chain.people[0].address;
    let (to, most) = (chain.people[1].address, whole(600));
    let output = |amount| Output { to, amount };
    let create = CreateValidator {
        consensus_key: public(&consensus(9)),
        bridge_address: bridge(9).address(),
        proof: KeyProof::sign(&chain.doc.chain_id, &me, &consensus(9), &bridge(9)).unwrap(),
        commission: 0,
        max_commission: 0,
        max_commission_change: 0,
        description: Description { moniker: "north".into(), website: String::new() },
        self_stake: most,
    };
    let register = credits::Msg::RegisterProvider {
        bond: most,
        payout: to,
        endpoint: "https://one.example".into(),
        moniker: "one".into(),
    };
    // A price per whole credit of a fifth, for 3,000 credits.
    let buy = credits::Msg::BuyCredit {
        seller: to,
        day: 1,
        amount: whole(3_000),
        max_price: Amount::new(Amount::ONE.get() / 5),
    };
    let taking = [
        transfer(to, Denom::Vvv, most),
        Call::Bank(Msg::MultiTransfer { denom: Denom::Vvv, outputs: vec![output(whole(200)), output(whole(400))] }),
        Call::Staking(staking::Msg::CreateValidator(create)),
        Call::Staking(staking::Msg::Stake { validator: validator(0), amount: most }),
        Call::Credits(register),
        Call::Credits(credits::Msg::AddBond { amount: most }),
        Call::Credits(buy),
    ];
    for call in taking {
        assert_eq!(call.message().spends(), most, "{call:?}");
        let tx = |nonce| TxBuilder::new(&chain.doc, &chain.people[0], nonce, vec![call.clone()]).bytes();
        // Of 1,000 VVV the first takes 600, so that a second one has too few: alone, behind it, and in one transaction.
        assert_eq!(chain.check(&tx(0)).code, 0, "{call:?}");
        let refused = chain.check(&tx(1));
        assert_eq!((refused.code, refused.codespace.as_str()), (CALL_FUNDS, "chain"), "{call:?}: {}", refused.log);
        assert!(refused.log.contains("600 VVV") && refused.log.contains("has 399.99"), "{}", refused.log);
        chain.app.drop_pending();
        let both = TxBuilder::new(&chain.doc, &chain.people[0], 0, vec![call.clone(), call.clone()]).bytes();
        assert_eq!(chain.check(&both).code, CALL_FUNDS, "{call:?}");
    }
    for call in [transfer(to, Denom::Diem, most), large(&chain)] {
        assert_eq!(call.message().spends(), Amount::ZERO);
    }
    // What nobody can have is refused, whatever it sums to.
    let endless =
        Call::Credits(credits::Msg::BuyCredit { seller: to, day: 1, amount: Amount::MAX, max_price: Amount::MAX });
    let tx = TxBuilder::new(&chain.doc, &chain.people[0], 0, vec![endless.clone(), endless]).bytes();
    assert_eq!(chain.check(&tx).code, CALL_FUNDS);
}

#[test]
fn an_account_can_send_all_it_has_to_the_last_avvv() {
    let chain = TestChain::new();
    let mut pool = Pool::default();
    assert!(pool.offer(&chain, drain(&chain, 0, 0, Amount::ZERO)));
    assert!(!pool.offer(&chain, chain.transfer(0, 1, 1, 1).bytes()));
    assert_eq!(pool.comet_block(&chain).results()[0].code, 0);
    assert_eq!(balance(&chain, 0), Amount::ZERO);
}

#[test]
fn who_sends_everything_away_fills_no_block_with_what_comes_behind() {
    let chain = TestChain::new();
    let mut pool = Pool::default();
    // Megabytes of each of six who leave too little for even one of these.
    for from in 0..6 {
        let little = fee(&chain, from, large(&chain)).checked_sub(Amount::new(1)).unwrap();
        assert!(pool.offer(&chain, drain(&chain, from, 0, little)));
        for nonce in 1..=16 {
            let tx = TxBuilder::new(&chain.doc, &chain.people[from], nonce, vec![large(&chain)]).bytes();
            pool.offer(&chain, tx);
        }
    }
    let honest = chain.transfer(7, 0, 8, 1).with(|tx| tx.gas_price = Amount::new(1_000_000_000_000)).bytes();
    assert!(pool.offer(&chain, honest.clone()));
    assert_eq!(pool.0.len(), 7, "nothing waits that cannot pay: {} bytes", pool.bytes());
    let outcome = pool.comet_block(&chain);
    assert!(outcome.txs.contains(&honest));
    assert!(outcome.results().iter().all(|result| result.gas_used > 0));
}

#[test]
fn who_pays_the_fees_of_others_keeps_them_too() {
    let chain = TestChain::new();
    let mut pool = Pool::default();
    let each = fee(&chain, 1, large(&chain));
    let payer = &chain.people[0];
    // The payer leaves enough for two of these, each of another sender, whichever comes first into the pool.
    let leaves = each.checked_mul(5).and_then(|five| five.mul_div_floor(1, 2)).unwrap();
    assert!(pool.offer(&chain, drain(&chain, 0, 0, leaves)));
    let paid =
        |from: usize| TxBuilder::new(&chain.doc, &chain.people[from], 0, vec![large(&chain)]).paid_by(payer).bytes();
    let let_in = (1..9).filter(|from| pool.offer(&chain, paid(*from))).count();
    assert_eq!(let_in, 2);
    assert_eq!(chain.check(&paid(4)).code, FEE_FUNDS);
    // The sender needs nothing for the fee, and all that it sends.
    let all = TxBuilder::transfer(&chain.doc, &chain.people[9], 0, payer.address, balance(&chain, 9)).bytes();
    assert_eq!(chain.check(&all).code, CALL_FUNDS);
    // Each of them is in the block.
    let outcome = pool.comet_block(&chain);
    assert_eq!((outcome.txs.len(), pool.0.len()), (3, 0));
}

#[test]
fn what_has_yet_to_arrive_is_waited_for() {
    let chain = TestChain::new();
    let (rich, poor) = (0, 1);
    chain.force(vec![drain(&chain, poor, 0, Amount::ZERO)]);
    let mut pool = Pool::default();
    assert!(pool.offer(&chain, chain.transfer(rich, 0, poor, whole(10).get()).bytes()));
    let next = chain.transfer(poor, 1, 2, whole(5).get()).bytes();
    assert!(!pool.offer(&chain, next.clone()), "what arrives is in no block yet");
    pool.comet_block(&chain);
    assert!(pool.offer(&chain, next));
    assert_eq!(pool.comet_block(&chain).results()[0].code, 0);
}

#[test]
fn after_a_block_the_rechecks_set_aside_again_what_still_waits() {
    let chain = TestChain::new();
    let mut pool = Pool::default();
    for nonce in 0..3 {
        assert!(pool.offer(&chain, chain.transfer(0, nonce, 1, whole(300).get()).bytes()));
    }
    assert!(!pool.offer(&chain, chain.transfer(0, 3, 1, whole(300).get()).bytes()));
    assert_eq!(pool.block(&chain, 1), 1);
    assert!(!pool.offer(&chain, chain.transfer(0, 3, 1, whole(300).get()).bytes()), "two wait still");
    // Another node's proposer had other transactions of this account.
    let elsewhere = TxBuilder::transfer(&chain.doc, &chain.people[0], 1, chain.people[2].address, whole(650));
    chain.force(vec![elsewhere.bytes()]);
    pool.recheck(&chain);
    assert!(pool.0.is_empty(), "nonce 1 is used, and 50 VVV are left");
    assert!(pool.offer(&chain, chain.transfer(0, 2, 1, whole(49).get()).bytes()));
}

/// What another proposer would be offered whose own pool was cheated.
#[test]
fn what_is_void_in_a_proposal_gives_its_room_to_the_next() {
    let chain = TestChain::new();
    let sheet = Call::Credits(credits::Msg::PublishPrices { sheet: PriceSheet::default() });
    let mut offered = Vec::new();
    let limit = 150_000;
    for from in 0..6 {
        offered.push(drain(&chain, from, 0, Amount::ZERO));
        offered.extend(
            (1..4).map(|nonce| TxBuilder::new(&chain.doc, &chain.people[from], nonce, vec![large(&chain)]).bytes()),
        );
    }
    let last = TxBuilder::new(&chain.doc, &chain.people[7], 0, vec![large(&chain), sheet]).bytes();
    offered.push(last.clone());
    let chosen = chain.app.prepare(&chain.next_block(), offered, &[], limit);
    assert_eq!(chosen.len(), 7, "each that drains, and the last one");
    assert!(chosen.contains(&last));
    assert_eq!(chain.app.process(&chain.next_block(), [3; 32], &chosen), Ok(()));
}

#[test]
fn the_refusal_says_what_is_missing_and_may_succeed_later() {
    let info = diem_types::error_info("chain", CALL_FUNDS).unwrap();
    assert_eq!((info.name, info.retry), ("insufficient_call_funds", true));
    let error = ChainError::CallFunds { sender: Address::ZERO, needed: whole(3), available: whole(2) };
    let words = error.to_string();
    assert!(words.contains("can take 3 VVV") && words.contains("has 2 VVV beside"), "{words}");
}
