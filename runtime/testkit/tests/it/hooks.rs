//! Steps of a block that fail: one is repeated in the next block, another stops the node.

use diem_core::{Amount, CallError, Denom, Fatal};
use diem_runtime::{
    Options, Rejected,
    hooks::{Hook, Hooks, Run},
};
use diem_testkit::{BlockOutcome, TestChain};
use diem_types::{ChainError, Event, chain::ChainEvent};

/// The account to which [`fails`] gives a VVV.
const SOMEONE: diem_core::Address = diem_core::Address([9; 20]);

fn fails(ctx: &mut diem_core::BlockContext<'_>) -> Result<(), CallError> {
    diem_bank::mint(ctx.state, diem_core::ModuleId(1), &SOMEONE, Denom::Vvv, Amount::ONE)?;
    if ctx.block.info.height < 4 { Err(ChainError::NotStarted.into()) } else { Ok(()) }
}

fn with_hook(run: Run) -> Options {
    let mut hooks = Hooks::default();
    hooks.end.push(Hook { number: 200, name: "fails_until_4", run });
    Options { hooks, ..Options::default() }
}

#[test]
fn a_retry_hook_leaves_no_trace_until_it_succeeds() {
    let chain = TestChain::with(with_hook(Run::Retry(fails)), 10);
    let given = || chain.balance(&SOMEONE, Denom::Vvv);
    let failed = |outcome: &BlockOutcome| {
        let events = Event::decode_all(&outcome.finalized.events).unwrap();
        events.into_iter().filter(|event| matches!(event, Event::Chain(_))).collect::<Vec<_>>()
    };
    chain.force(vec![]);
    for failures in 2..4 {
        let outcome = chain.force(vec![chain.transfer(0, failures - 2, 1, 1).bytes()]);
        assert_eq!(outcome.results()[0].code, 0);
        let expected = ChainEvent::HookFailed { hook: "fails_until_4".into(), failures };
        assert_eq!(failed(&outcome), vec![Event::Chain(expected)]);
        assert_eq!(given(), Amount::ZERO);
    }
    let outcome = chain.force(vec![]);
    assert_eq!(failed(&outcome), vec![]);
    assert_eq!(given(), Amount::ONE);
}

#[test]
fn a_must_hook_stops_the_node_and_prepare_still_answers() {
    let run = Run::Must(|ctx| fails(ctx).map_err(|error| Fatal(error.to_string())));
    let chain = TestChain::with(with_hook(run), 10);
    let block = chain.next_block();
    let tx = chain.transfer(0, 0, 1, 1).bytes();
    let rejected = chain.app.process(&block, [0; 32], std::slice::from_ref(&tx)).unwrap_err();
    let error = chain.app.finalize(&block, [0; 32], &[tx]).unwrap_err();
    assert_eq!(rejected, Rejected::Block(error.clone()), "no transaction is at fault");
    assert!(error.0.contains("step `fails_until_4` failed"), "{error}");
    assert_eq!(chain.app.info().height, 0);
}
