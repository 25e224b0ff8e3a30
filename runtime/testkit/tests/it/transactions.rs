//! A transaction's life in a block, and every way in which one can be wrong.

use bytes::Bytes;
use diem_bank::{Msg, Output, Pool};
use diem_core::{Address, Amount, Denom, keys::Auth, tx::MAX_TX_BYTES};
use diem_runtime::Rejected;
use diem_testkit::{Person, TestChain, TxBuilder};
use diem_types::{Call, Event, Tx, TxResult};

fn vvv(chain: &TestChain, who: usize) -> u128 {
    chain.balance(&chain.people[who].address, Denom::Vvv).get()
}

#[test]
fn a_transfer_moves_value_and_pays_its_fee() {
    let chain = TestChain::new();
    let before = (vvv(&chain, 0), vvv(&chain, 1));
    let outcome = chain.propose(vec![chain.transfer(0, 0, 1, 500).bytes()]);
    let result = &outcome.results()[0];
    assert_eq!((result.code, result.log.as_str()), (0, ""));
    assert!(result.fee.get() > 0);
    assert_eq!(vvv(&chain, 0), before.0 - 500 - result.fee.get());
    assert_eq!(vvv(&chain, 1), before.1 + 500);
    let pool = diem_bank::pool(&chain.app.store().latest(), Pool::Fees, Denom::Vvv);
    assert_eq!(pool, result.fee);
    let events = Event::decode_all(&result.events).unwrap();
    assert!(matches!(&events[..], [Event::Bank(diem_bank::Event::Transferred { amount, .. })] if amount.get() == 500));
    chain.app.check_invariants().unwrap();
}

#[test]
fn what_is_committed_is_found_at_once() {
    let chain = TestChain::new();
    let txs: Vec<Bytes> = (0..100).map(|nonce| chain.transfer(0, nonce, 1, 1).bytes()).collect();
    let outcome = chain.propose(txs.clone());
    assert_eq!(outcome.txs, txs);
    for (place, tx) in (0u32..).zip(&txs) {
        let stored = chain.app.index().transaction(&diem_core::tx::tx_hash(tx)).unwrap();
        assert_eq!((stored.height, stored.index, &stored.bytes[..]), (2, place, &tx[..]));
        assert_eq!(stored.result.code, 0);
    }
    let block = chain.app.index().block(2).unwrap();
    assert_eq!((block.tx_count, block.root), (100, chain.root()));
    assert_eq!(chain.app.index().height_of_block(&outcome.hash), Some(2));
    assert_eq!(
        chain.app.index().block_txs(2, 30, 5).iter().map(|tx| tx.index).collect::<Vec<_>>(),
        [30, 31, 32, 33, 34]
    );
}

#[test]
fn failed_calls_keep_fee_and_nonce_and_drop_everything_else() {
    let chain = TestChain::new();
    let before = (vvv(&chain, 0), vvv(&chain, 1));
    let to = chain.people[1].address;
    let pay = |amount| Call::Bank(Msg::Transfer { to, denom: Denom::Vvv, amount });
    let calls = vec![pay(Amount::new(7)), pay(Amount::MAX)];
    let tx = TxBuilder::new(&chain.doc, &chain.people[0], 0, calls).bytes();
    let outcome = chain.propose(vec![tx]);
    let result = &outcome.results()[0];
    assert_eq!((result.codespace.as_str(), result.code), ("bank", 1));
    assert!(result.events.is_empty());
    assert_eq!(vvv(&chain, 0), before.0 - result.fee.get());
    assert_eq!(vvv(&chain, 1), before.1);
    assert_eq!(diem_bank::nonce(&chain.app.store().latest(), &chain.people[0].address), 1);
    chain.app.check_invariants().unwrap();
}

#[test]
fn another_account_may_pay_the_fee() {
    let chain = TestChain::new();
    for (sender, payer) in [(0usize, 1usize), (2, 0), (1, 2)] {
        let (before, paid) = (vvv(&chain, sender), vvv(&chain, payer));
        let nonce = diem_bank::nonce(&chain.app.store().latest(), &chain.people[sender].address);
        let tx = chain.transfer(sender, nonce, 9, 3).paid_by(&chain.people[payer]).bytes();
        let outcome = chain.propose(vec![tx]);
        let result = &outcome.results()[0];
        assert_eq!(result.code, 0, "{}", result.log);
        assert_eq!(vvv(&chain, sender), before - 3);
        assert_eq!(vvv(&chain, payer), paid - result.fee.get());
    }
}

#[test]
fn a_multi_transfer_pays_all_or_none() {
    let chain = TestChain::new();
    let output = |to: usize, amount| Output { to: chain.people[to].address, amount: Amount::new(amount) };
    let send = |nonce, outputs| {
        let call = Call::Bank(Msg::MultiTransfer { denom: Denom::Diem, outputs });
        TxBuilder::new(&chain.doc, &chain.people[0], nonce, vec![call]).bytes()
    };
    let diem = |who: usize| chain.balance(&chain.people[who].address, Denom::Diem).get();
    let before = (diem(0), diem(1), diem(2));
    let outcome = chain
        .propose(vec![send(0, vec![output(1, 5), output(2, 6)]), send(1, vec![output(1, 5), output(2, u128::MAX)])]);
    assert_eq!(outcome.results().iter().map(|r| r.code).collect::<Vec<_>>(), [0, 1]);
    assert_eq!((diem(0), diem(1), diem(2)), (before.0 - 11, before.1 + 5, before.2 + 6));
}

/// The bytes of a valid transaction with its signature replaced.
fn with_auth(builder: &TxBuilder, auth: &Auth) -> Bytes {
    builder.tx.with_auth(auth, None).into()
}

/// A bad transaction: what is wrong with it, its bytes, and the error that it must give as (codespace, code).
type Bad = (&'static str, Bytes, (&'static str, u32));

/// Every bad transaction of a sender whose next nonce is 1.
fn bad(chain: &TestChain) -> Vec<Bad> {
    [malformed(chain), badly_signed(chain), not_wanted(chain), unpaid(chain), bad_calls(chain)].concat()
}

/// A valid transaction of that sender.
fn good(chain: &TestChain) -> TxBuilder {
    chain.transfer(0, 1, 1, 5)
}

fn malformed(chain: &TestChain) -> Vec<Bad> {
    let bytes = good(chain).bytes();
    let with_first = |byte: u8| [&[byte][..], &bytes[1..]].concat();
    let mut unknown_call = bytes.to_vec();
    let at = position_of(&unknown_call, &borsh::to_vec(&good(chain).tx.calls).unwrap()) + 4;
    unknown_call[at] = 200;
    vec![
        ("empty", Bytes::new(), ("chain", 1)),
        ("truncated", bytes.slice(..bytes.len() - 1), ("chain", 1)),
        ("left-over bytes", [&bytes[..], &[0]].concat().into(), ("chain", 1)),
        ("unknown envelope", with_first(9).into(), ("chain", 1)),
        ("unknown discriminant", unknown_call.into(), ("chain", 1)),
        ("oversize", vec![0; MAX_TX_BYTES + 1].into(), ("chain", 2)),
        ("reserved for proposers", with_first(1).into(), ("chain", 3)),
        ("no calls", good(chain).with(|tx| tx.calls.clear()).bytes(), ("chain", 4)),
        ("17 calls", good(chain).with(|tx| tx.calls = vec![tx.calls[0].clone(); 17]).bytes(), ("chain", 4)),
        ("long memo", good(chain).with(|tx| tx.memo = "x".repeat(257)).bytes(), ("chain", 4)),
        ("sender as fee payer", good(chain).paid_by(&chain.people[0]).bytes(), ("chain", 5)),
    ]
}

fn badly_signed(chain: &TestChain) -> Vec<Bad> {
    let mut bad_signature = good(chain).bytes().to_vec();
    *bad_signature.iter_mut().rev().nth(5).unwrap() ^= 1;
    // Person 0 signs with ed25519; the small-order identity key with R = identity and s = 0 fits every message.
    let mut identity = [0u8; 32];
    identity[0] = 1;
    let mut forged = [0u8; 64];
    forged[0] = 1;
    let weak_sender = diem_core::keys::ed25519_address(&identity);
    let weak = good(chain).with(|tx| tx.sender = weak_sender);
    let weak = with_auth(&weak, &Auth::Ed25519 { public_key: identity, signature: forged });
    let other_key = Person::new(3).key;
    let wrong_signer = with_auth(&good(chain), &other_key.sign(&good(chain).tx.sign_message(), || [0; 32]));
    let ethereum = chain.transfer(2, 0, 1, 5);
    let high_s = with_auth(&ethereum, &high_s_twin(chain, &ethereum));
    vec![
        ("bad signature", bad_signature.into(), ("chain", 6)),
        ("wrong signer", wrong_signer, ("chain", 7)),
        ("small-order key", weak, ("chain", 8)),
        ("high s", high_s, ("chain", 9)),
    ]
}

/// Transactions for another chain, and those that come too late or too early.
fn not_wanted(chain: &TestChain) -> Vec<Bad> {
    vec![
        ("wrong chain id", good(chain).with(|tx| tx.chain_id = "other-dev".into()).bytes(), ("chain", 10)),
        ("wrong genesis hash", good(chain).with(|tx| tx.genesis_hash = [3; 32]).bytes(), ("chain", 11)),
        ("expired", good(chain).with(|tx| tx.expiry = 1).bytes(), ("chain", 12)),
        ("replayed nonce", chain.transfer(0, 0, 1, 5).bytes(), ("chain", 13)),
        ("nonce far ahead", chain.transfer(0, 100, 1, 5).bytes(), ("chain", 14)),
    ]
}

/// Transactions whose fee is too low, or that nobody can pay.
fn unpaid(chain: &TestChain) -> Vec<Bad> {
    let nobody = Person::new(77);
    let dearest = |tx: &mut Tx| (tx.gas_price, tx.max_fee) = (Amount::ONE, Amount::MAX);
    vec![
        ("gas price too low", good(chain).with(|tx| tx.gas_price = Amount::new(1)).bytes(), ("chain", 16)),
        ("max fee too low", good(chain).with(|tx| tx.max_fee = Amount::new(1)).bytes(), ("chain", 17)),
        ("never paid", TxBuilder::new(&chain.doc, &nobody, 0, good(chain).tx.calls).bytes(), ("chain", 22)),
        ("payer was never paid", good(chain).paid_by(&nobody).bytes(), ("chain", 18)),
        ("fee larger than everything", good(chain).with(dearest).bytes(), ("chain", 18)),
    ]
}

fn bad_calls(chain: &TestChain) -> Vec<Bad> {
    let pay = |to, amount| Call::Bank(Msg::Transfer { to, denom: Denom::Vvv, amount: Amount::new(amount) });
    let nothing = Call::Bank(Msg::MultiTransfer { denom: Denom::Vvv, outputs: vec![] });
    let of = |call: Call| good(chain).with(|tx| tx.calls = vec![call]).bytes();
    vec![
        ("zero amount", of(pay(chain.people[1].address, 0)), ("bank", 2)),
        ("zero address", of(pay(Address::ZERO, 1)), ("bank", 3)),
        ("no outputs", of(nothing), ("bank", 4)),
    ]
}

fn position_of(bytes: &[u8], part: &[u8]) -> usize {
    bytes.windows(part.len()).position(|window| window == part).unwrap()
}

/// The malleable twin of an Ethereum signature: s' = n - s with the other recovery id.
fn high_s_twin(chain: &TestChain, builder: &TxBuilder) -> Auth {
    let order = hex::decode("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141").unwrap();
    let digest = || diem_core::typed_data::digest(&builder.tx);
    let Auth::Ethereum { mut signature } = chain.people[2].key.sign(&[], digest) else { panic!("an ethereum key") };
    let mut borrow = 0i16;
    for i in (0..32).rev() {
        let difference = i16::from(order[i]) - i16::from(signature[32 + i]) - borrow;
        borrow = i16::from(difference < 0);
        signature[32 + i] = u8::try_from(difference.rem_euclid(256)).unwrap();
    }
    signature[64] = if signature[64] == 27 { 28 } else { 27 };
    Auth::Ethereum { signature }
}

/// A chain on which person 0 has sent one transaction, at height 2.
fn chain_with_history() -> TestChain {
    let chain = TestChain::new();
    chain.propose(vec![chain.transfer(0, 0, 1, 5).bytes()]);
    chain
}

/// Errors that the pool gives and that a block books as a failed call with its fee.
fn is_failed_call(codespace: &str) -> bool {
    codespace == "bank"
}

#[test]
fn bad_transactions_are_refused_at_the_pool_with_stable_errors() {
    let chain = chain_with_history();
    let root = chain.root();
    for (what, bytes, error) in bad(&chain) {
        let result = chain.check(&bytes);
        assert_eq!((result.codespace.as_str(), result.code), error, "{what}: {}", result.log);
        assert!(!result.log.is_empty(), "{what}");
    }
    assert_eq!(chain.check(&chain.transfer(0, 1, 1, 5).bytes()).code, 0, "and none of them took the nonce");
    assert_eq!(chain.root(), root);
}

#[test]
fn a_pending_nonce_is_taken() {
    let chain = TestChain::new();
    assert_eq!(chain.check(&chain.transfer(0, 0, 1, 5).bytes()).code, 0);
    let twin = chain.check(&chain.transfer(0, 0, 1, 6).bytes());
    assert_eq!((twin.codespace.as_str(), twin.code), ("chain", 15));
}

#[test]
fn a_forced_block_gives_one_result_per_transaction_and_changes_nothing_by_the_bad() {
    let with_garbage = chain_with_history();
    let without = chain_with_history();
    let (mut txs, mut expected) = (Vec::new(), Vec::new());
    for (_, bytes, error) in bad(&with_garbage).into_iter().filter(|(_, _, (space, _))| !is_failed_call(space)) {
        txs.push(bytes);
        expected.push(error);
    }
    let good = with_garbage.transfer(0, 1, 1, 5).bytes();
    txs.push(good.clone());
    expected.push(("", 0));
    let outcome = with_garbage.force(txs);
    let got: Vec<(&str, u32)> = outcome.results().iter().map(|r| (r.codespace.as_str(), r.code)).collect();
    assert_eq!(got, expected.iter().map(|(space, code)| (*space, *code)).collect::<Vec<_>>());
    let paid: Vec<&TxResult> = outcome.results().iter().filter(|result| result.fee.get() > 0).collect();
    assert_eq!(paid.len(), 1, "only the good one pays");
    without.force(vec![good]);
    assert_eq!(with_garbage.root(), without.root(), "garbage leaves no trace in state");
    with_garbage.app.check_invariants().unwrap();
}

#[test]
fn a_proposal_with_garbage_is_rejected_and_named() {
    let chain = chain_with_history();
    let block = chain.next_block();
    for (what, bytes, (codespace, code)) in bad(&chain) {
        let txs = vec![chain.transfer(3, 0, 1, 5).bytes(), bytes];
        let verdict = chain.app.process(&block, [1; 32], &txs);
        if is_failed_call(codespace) {
            assert_eq!(verdict, Ok(()), "{what}: a failing call is no reason to reject");
        } else {
            let Err(Rejected::Transaction { place: 1, error }) = verdict else { panic!("{what}: {verdict:?}") };
            // A block may have such a transaction, but first.
            let (codespace, code) = if what == "reserved for proposers" { ("bridge", 54) } else { (codespace, code) };
            assert_eq!((error.codespace, error.code), (codespace, code), "{what}");
        }
    }
}

#[test]
fn the_same_transaction_cannot_run_twice() {
    let chain = TestChain::new();
    let tx = chain.transfer(0, 0, 1, 5).bytes();
    let outcome = chain.force(vec![tx.clone(), tx.clone()]);
    assert_eq!(outcome.results().iter().map(|r| r.code).collect::<Vec<_>>(), [0, 13]);
    assert_eq!(chain.force(vec![tx.clone()]).results()[0].code, 13);
    assert_eq!(chain.check(&tx).code, 13);
}

#[test]
fn a_transaction_of_one_chain_is_none_on_a_chain_of_the_same_name() {
    let here = TestChain::new();
    let mut doc = here.doc.clone();
    doc.genesis_time = diem_core::Time(doc.genesis_time.millis() + 1);
    let tx = TxBuilder::transfer(&doc, &here.people[0], 0, here.people[1].address, Amount::new(5)).bytes();
    assert_eq!(here.check(&tx).code, 11);
}
