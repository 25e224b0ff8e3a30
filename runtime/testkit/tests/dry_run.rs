//! What a transaction would do is what it then does, and trying it leaves nothing behind.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, clippy::indexing_slicing)]

use diem_bank::Msg;
use diem_core::{Address, Amount, Denom, keys::Auth};
use diem_runtime::DryRun;
use diem_testkit::{TestChain, TxBuilder};
use diem_types::{Call, ChainError, Signed};

/// The transaction with signatures that sign nothing.
fn unsigned(tx: &TxBuilder) -> Signed {
    let nothing = Auth::Ed25519 { public_key: [0; 32], signature: [0; 64] };
    let tx = &Signed::decode(&tx.bytes()).unwrap().tx;
    Signed::decode(&tx.with_auth(&nothing, tx.fee_payer.map(|_| nothing.clone()).as_ref())).unwrap()
}

fn simulate(chain: &TestChain, tx: &TxBuilder) -> DryRun {
    chain.app.simulate(&chain.app.store().latest(), &unsigned(tx)).unwrap()
}

fn pay(to: Address, amount: u128) -> Call {
    Call::Bank(Msg::Transfer { to, denom: Denom::Vvv, amount: Amount::new(amount) })
}

#[test]
fn a_dry_run_says_what_the_block_then_does_and_writes_nothing() {
    let chain = TestChain::new();
    let (root, height) = (chain.root(), chain.app.info().height);
    let tx = chain.transfer(0, 0, 1, 500).paid_by(&chain.people[4]);
    let tried = simulate(&chain, &tx);
    assert_eq!(tried, simulate(&chain, &tx), "trying it changes nothing");
    assert_eq!((chain.root(), chain.app.info().height), (root, height));

    let outcome = chain.propose(vec![tx.bytes()]);
    assert_eq!(outcome.results()[0], tried.result);
    assert_eq!(tried.result.code, 0);
    let mut accounts: Vec<Address> = [0, 1, 4].map(|who| chain.people[who].address).into();
    accounts.sort_unstable();
    assert_eq!(tried.changes.iter().map(|change| change.account).collect::<Vec<_>>(), accounts);
    for change in &tried.changes {
        assert_ne!(change.before.vvv, change.after.vvv);
        assert_eq!(chain.balance(&change.account, Denom::Vvv), change.after.vvv, "{}", change.account);
    }
}

#[test]
fn calls_that_fail_cost_their_fee_and_an_invalid_transaction_nothing() {
    let chain = TestChain::new();
    let (from, to) = (&chain.people[0], chain.people[1].address);
    let failing = chain.tx(from, vec![pay(to, 1), pay(to, u128::MAX)]);
    let tried = simulate(&chain, &failing);
    assert_eq!((tried.result.codespace.as_str(), tried.result.events.len()), ("bank", 0));
    let [change] = &tried.changes[..] else { panic!("only the fee is paid: {tried:?}") };
    assert_eq!(change.before.vvv.checked_sub(tried.result.fee).unwrap(), change.after.vvv);
    assert_eq!(chain.propose(vec![failing.bytes()]).results()[0], tried.result);

    let wrong: [fn(&mut diem_types::Tx); 4] =
        [|tx| tx.nonce += 1, |tx| tx.chain_id = "other".into(), |tx| tx.expiry = 1, |tx| tx.max_fee = Amount::ZERO];
    for change in wrong {
        let tx = chain.tx(from, vec![pay(to, 1)]).with(change);
        let tried = simulate(&chain, &tx);
        assert_eq!((tried.result.codespace.as_str(), tried.result.gas_used), ("chain", 0), "{tried:?}");
        assert_eq!(tried.changes, [], "{tried:?}");
        assert_eq!(chain.force(vec![tx.bytes()]).results()[0], tried.result);
    }
}

#[test]
fn an_older_state_is_tried_as_it_was_and_none_before_the_first_block() {
    let chain = TestChain::new();
    let before = chain.app.store().latest();
    let tx = chain.transfer(0, 0, 1, 7);
    let tried = simulate(&chain, &tx);
    chain.propose(vec![tx.bytes()]);
    assert_eq!(chain.app.simulate(&before, &unsigned(&tx)).unwrap(), tried);
    assert_ne!(simulate(&chain, &tx).result.code, 0, "its nonce is used now");

    let fresh = TestChain::fresh();
    let tx = unsigned(&fresh.transfer(0, 0, 1, 7));
    let error = fresh.app.simulate(&fresh.app.store().latest(), &tx).unwrap_err();
    assert!(matches!(error, ChainError::NotStarted), "{error}");
}
