//! What a transaction would do is what it then does, and trying it leaves nothing behind.

use std::sync::Arc;

use diem_bank::Msg;
use diem_core::{Address, Amount, BlockContext, CallError, Denom, Fatal, Time, keys::Auth};
use diem_credits::Msg as Credits;
use diem_runtime::{
    DryRun, DryRunError, Options,
    hooks::{Hook, Hooks, Run},
};
use diem_testkit::{
    TestChain, TxBuilder,
    economy::{EPOCH_MS, Economy, GRACE_MS, PROVIDER, UNBONDING_MS, milli, validator, whole},
    story::{history, stake, unstake},
};
use diem_types::{Call, ChainError, Signed};
use tracing_subscriber::util::SubscriberInitExt as _;

/// The transaction with signatures that sign nothing.
fn unsigned(tx: &TxBuilder) -> Signed {
    let nothing = Auth::Ed25519 { public_key: [0; 32], signature: [0; 64] };
    let tx = &Signed::decode(&tx.bytes()).unwrap().tx;
    Signed::decode(&tx.with_auth(&nothing, tx.fee_payer.map(|_| nothing.clone()).as_ref())).unwrap()
}

fn simulate(chain: &TestChain, tx: &TxBuilder) -> DryRun {
    at(chain, chain.next_block().info.time, tx)
}

/// Tries the transaction in a block of that time.
fn at(chain: &TestChain, time: Time, tx: &TxBuilder) -> DryRun {
    chain.app.simulate(&chain.app.store().latest(), time, &unsigned(tx)).unwrap()
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
    let (before, time) = (chain.app.store().latest(), chain.next_block().info.time);
    let tx = chain.transfer(0, 0, 1, 7);
    let tried = simulate(&chain, &tx);
    chain.propose(vec![tx.bytes()]);
    assert_eq!(chain.app.simulate(&before, time, &unsigned(&tx)).unwrap(), tried);
    assert_ne!(simulate(&chain, &tx).result.code, 0, "its nonce is used now");

    let fresh = TestChain::fresh();
    let tx = unsigned(&fresh.transfer(0, 0, 1, 7));
    let error = fresh.app.simulate(&fresh.app.store().latest(), time, &tx).unwrap_err();
    assert_eq!(error, DryRunError::Chain(ChainError::NotStarted));
}

#[test]
fn whatever_the_next_block_does_by_itself_has_happened_before() {
    let mut economy = history(Options::default());
    let (today, provider) = (economy.today(), economy.who(PROVIDER));
    let spend = |day| Credits::Spend { provider, day, amount: milli(100), reference: "image".into() };
    let burn = diem_diem::Msg::Burn { validator: validator(0), amount: whole(1) };
    let claim = diem_staking::Msg::Claim { validator: validator(0) };
    let mut calls = vec![
        Call::Diem(burn),
        Call::Staking(claim),
        stake(validator(1), whole(5)),
        unstake(validator(0), whole(1)),
        pay(provider, 7),
    ];
    calls.extend((today - 1..today + 5).map(|day| Call::Credits(spend(day))));
    let mut days = std::collections::BTreeSet::new();
    // Around the ends of days and of graces, and after a halt.
    for elapsed in [1, 1_000, GRACE_MS, EPOCH_MS - 1_000, EPOCH_MS, EPOCH_MS + GRACE_MS, 4 * EPOCH_MS] {
        for call in &calls {
            let tx = economy.chain.tx(&economy.chain.people[0], vec![call.clone()]);
            let block = economy.block_after(elapsed);
            let tried = at(&economy.chain, block.info.time, &tx);
            assert_eq!(tried.block, block.info);
            let outcome = economy.chain.run(block, vec![tx.bytes()]);
            assert_eq!(outcome.results()[0], tried.result, "{call:?} after {elapsed} ms");
            for change in &tried.changes {
                for (denom, then) in [(Denom::Vvv, change.after.vvv), (Denom::Diem, change.after.diem)] {
                    assert_eq!(economy.chain.balance(&change.account, denom), then, "{call:?} after {elapsed} ms");
                }
            }
            if let (Call::Credits(Credits::Spend { day, .. }), 0) = (call, tried.result.code) {
                days.insert(*day);
            }
            economy.chain.app.rollback().unwrap();
        }
    }
    assert!(days.len() >= 3, "credit of {days:?} was spent");
}

#[test]
fn what_is_due_in_the_next_block_can_be_spent_in_it() {
    let mut economy = Economy::new();
    let v1 = validator(1);
    economy.people_block(1_000, vec![(1, vec![stake(v1, whole(90_000))])]);
    economy.people_block(1_000, vec![(1, vec![unstake(v1, whole(90_000))])]);
    // The wait begins with the time of the next block.
    economy.people_block(1_000, Vec::new());
    let (chain, to) = (&economy.chain, economy.who(2));
    let tx = chain.tx(&chain.people[1], vec![pay(to, whole(50_000).get())]);
    let last = chain.app.store().meta().unwrap().time_ms;
    let (early, due) = (Time(last + UNBONDING_MS), Time(last + UNBONDING_MS + 1));
    assert_eq!(at(chain, early, &tx).result.codespace, "bank");
    let tried = at(chain, due, &tx);
    assert_eq!(tried.result.code, 0, "{}", tried.result.log);
    let sender = tried.changes.iter().find(|change| change.account == economy.who(1)).unwrap();
    assert!(sender.before.vvv > whole(90_000), "what was due is paid: {sender:?}");
    assert!(chain.balance(&economy.who(1), Denom::Vvv) < whole(11_000), "in no block yet");
}

#[test]
fn time_never_runs_backwards() {
    let chain = TestChain::new();
    let tx = chain.transfer(0, 0, 1, 7);
    let last = chain.app.store().meta().unwrap();
    for (asked, expected) in [(0, last.time_ms + 1), (last.time_ms, last.time_ms + 1), (u64::MAX, u64::MAX)] {
        let tried = at(&chain, Time(asked), &tx);
        assert_eq!((tried.block.height, tried.block.time), (last.height + 1, Time(expected)));
        assert_eq!(tried.result.code, 0, "{}", tried.result.log);
    }
}

/// Options with one more step at the begin of a block, which fails from the second height on.
fn with_failing(run: Run) -> Options {
    let mut hooks = Hooks::default();
    hooks.begin.push(Hook { number: 200, name: "broken", run });
    Options { hooks, ..Options::default() }
}

fn fails(ctx: &mut BlockContext<'_>) -> Result<(), CallError> {
    match ctx.block.info.height {
        1 => Ok(()),
        _ => Err(CallError { codespace: "test", code: 1, message: "out of order".into() }),
    }
}

#[test]
fn a_step_that_stops_the_chain_is_an_error_and_one_that_is_repeated_is_not() {
    for run in [Run::Must(|ctx| fails(ctx).map_err(|error| Fatal(error.to_string()))), Run::Retry(fails)] {
        let chain = TestChain::with(with_failing(run), 3);
        chain.force(Vec::new());
        let (tx, root) = (chain.transfer(0, 0, 1, 7), chain.root());
        let time = chain.next_block().info.time;
        for _ in 0..3 {
            let tried = chain.app.simulate(&chain.app.store().latest(), time, &unsigned(&tx));
            match run {
                Run::Must(_) => {
                    let words = tried.unwrap_err().to_string();
                    assert!(words.contains("the next block cannot be made") && words.contains("`broken`"), "{words}");
                }
                Run::Retry(_) => assert_eq!(tried.unwrap().result.code, 0),
            }
        }
        assert_eq!((chain.root(), chain.check(&tx.bytes()).code), (root, 0), "the application goes on");
    }
}

#[test]
fn a_step_that_is_repeated_is_logged_once_for_a_block_and_not_for_what_is_only_tried() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let _guard =
        tracing_subscriber::fmt().with_ansi(false).with_writer(log.reopen().map(Arc::new).unwrap()).set_default();
    let warnings = || std::fs::read_to_string(log.path()).unwrap().matches("hook=\"broken\"").count();
    let chain = TestChain::with(with_failing(Run::Retry(fails)), 3);
    chain.force(Vec::new());
    let (tx, block) = (chain.transfer(0, 0, 1, 7), chain.next_block());
    let txs = [tx.bytes()];
    assert_eq!(simulate(&chain, &tx).result.code, 0);
    assert_eq!(chain.app.prepare(&block, txs.to_vec(), &[], u64::MAX), txs);
    chain.app.process(&block, [1; 32], &txs).unwrap();
    assert_eq!(warnings(), 0, "no block was decided");
    // Decided as it was judged, and decided unseen.
    for (hash, logged) in [([1; 32], 1), ([2; 32], 2)] {
        chain.app.finalize(&block, hash, &txs).unwrap();
        assert_eq!(warnings(), logged);
    }
}
