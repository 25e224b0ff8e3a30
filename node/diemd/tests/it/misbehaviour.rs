//! The economy under real CometBFT: double votes and absences.

use std::{sync::Arc, time::Duration};

use diem_client::verify::Trust;
use diem_config::consensus_key;
use diem_core::{Address, Amount, Denom, Page, Time};
use diem_engine::engine::Engine as _;
use diem_runtime::App;
use diem_staking::{self as staking, Position, Validator, position, state::Leaving, validator};
use diem_svvv::{Lock, lock_of};
use diem_testkit::{operator, people};
use diem_types::{Call, Event, GenesisDoc};
use serde_json::Value;
use tendermint::{account, block};

use crate::support::{
    home::{PATIENCE, until},
    network::{Network, POWER, block_events},
    two_votes::TwoVotes,
};

/// The number of the validator that misbehaves.
const CULPRIT: usize = 3;

fn culprit() -> Address {
    operator(3).address
}

fn whole(vvv: u128) -> Amount {
    Amount::ONE.checked_mul(vvv).unwrap()
}

/// The facts about the economy that a slash changes, after a height.
struct Facts {
    validator: Validator,
    positions: Vec<Position>,
    lock: Lock,
    diem: Amount,
    burned: Amount,
    tranche: Amount,
}

/// Reads the facts; `people` are a minter, one who only stakes, and one who has left with a part.
fn facts(app: &App, height: u64, people: &[Address]) -> Facts {
    let state = app.snapshot(Some(height)).unwrap();
    let entries = staking::query::leaving(&state.context(), &people[2], &Page::largest(None));
    let tranche = entries.first().map_or(Amount::ZERO, |entry| match entry.what {
        Leaving::Tranche(amount) => amount,
        Leaving::Moved { .. } => Amount::ZERO,
    });
    Facts {
        validator: validator(&state, &culprit()).unwrap(),
        positions: people.iter().map(|account| position(&state, account, &culprit())).collect(),
        lock: lock_of(&state, &people[0], &culprit()),
        diem: diem_bank::supply(&state, Denom::Diem),
        burned: staking::burned(&state),
        tranche,
    }
}

/// Finds the height of the block whose steps emitted such an event: it comes within so many blocks, however long those take.
async fn height_of(app: &App, what: &str, is: impl Fn(&Event) -> bool) -> u64 {
    const BLOCKS: u64 = 200;
    let last = app.info().height + BLOCKS;
    loop {
        let height = app.info().height;
        if let Some((found, _)) = block_events(app).into_iter().find(|(_, event)| is(event)) {
            return found;
        }
        assert!(height < last, "{what} did not happen within {BLOCKS} blocks");
        until(&format!("another block, for {what}"), || app.info().height > height).await;
    }
}

/// Reports two votes of the culprit at a height to CometBFT.
async fn tell_of_two_votes(network: &Network, height: u64) -> Value {
    let key = consensus_key::validator_signing_key(&network.homes[CULPRIT].comet()).unwrap();
    TwoVotes::of(&network.light(height).await, key).report(network.homes[0].settings.rpc).await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_votes_in_one_round_are_slashed_and_burned_and_locks_stay_consistent() {
    let network = Network::start(4, |_| {}).await;
    let (people, validator) = (people(4), culprit());
    let accounts: Vec<Address> = people.iter().map(|person| person.address).collect();
    let stake = |vvv| Call::Staking(staking::Msg::Stake { validator, amount: whole(vvv) });
    network.call(&people[0], stake(500)).await;
    let mint = diem_diem::Msg::Mint { validator, lock: whole(300), min_out: Amount::new(1) };
    network.call(&people[0], Call::Diem(mint)).await;
    network.call(&people[1], stake(400)).await;
    network.call(&people[2], stake(300)).await;
    let unstake = staking::Msg::Unstake { validator, amount: whole(100) };
    let offence = network.call(&people[2], Call::Staking(unstake)).await;
    network.reach(offence + 2).await;

    let answer = tell_of_two_votes(&network, offence).await;
    assert!(answer.get("error").is_none(), "{answer}");
    let app = network.app(0);
    let slashed = |event: &Event| {
        matches!(event, Event::Staking(staking::Event::Slashed { offence: staking::Offence::Equivocation, .. }))
    };
    let at = height_of(app, "the slash", slashed).await;
    let (before, after) = (facts(app, at - 1, &accounts), facts(app, at, &accounts));
    // The slash takes 5% of what is staked, and of what had left by the block of the offence.
    let tokens = whole(u128::from(POWER) + 500 + 400 + 300 - 100);
    assert_eq!((before.validator.tokens, before.tranche), (tokens, whole(100)));
    let lost = tokens.mul_div_floor(5, 100).unwrap();
    assert_eq!((after.validator.tokens, after.tranche), (tokens.checked_sub(lost).unwrap(), whole(95)));
    assert_eq!(after.burned.checked_sub(before.burned), lost.checked_add(whole(5)));
    assert!(after.validator.tombstoned && !before.validator.tombstoned);
    // Shares, locks and DIEM are unchanged; their value fell by the same part.
    assert_eq!((after.validator.shares, after.validator.locked), (before.validator.shares, before.validator.locked));
    let shares = |facts: &Facts| facts.positions.iter().map(|at| (at.shares, at.locked)).collect::<Vec<_>>();
    assert_eq!(shares(&after), shares(&before));
    assert_eq!((after.lock, after.diem), (before.lock, before.diem));
    assert_eq!(after.lock.shares, whole(300).get());
    for (shares, vvv) in [(after.positions[0].shares, 500), (after.lock.shares, 300), (after.positions[1].shares, 400)]
    {
        assert_eq!(after.validator.value_of(shares), whole(vvv).mul_div_floor(95, 100).unwrap());
    }
    // CometBFT gets the update, and the set is another one two heights later.
    assert_eq!(network.power(at + 1, &culprit()).await, POWER + 1_100);
    assert_eq!(network.power(at + 2, &culprit()).await, 0);

    // The chain goes on: burning opens the lock, and its value leaves.
    let burn = diem_diem::Msg::Burn { validator, amount: after.lock.outstanding };
    network.call(&people[0], Call::Diem(burn)).await;
    let all = staking::Msg::Unstake { validator, amount: whole(475) };
    let end = network.call(&people[0], Call::Staking(all)).await;
    network.agree(at).await;
    network.agree(end + 2).await;
    network.check();
    assert_eq!(block_events(app).iter().filter(|(_, event)| slashed(event)).count(), 1);
    follows_from_the_genesis(&network, end + 1).await;
    network.stop().await;
}

/// A light client verifies every header, one after the other, and the last one at once.
async fn follows_from_the_genesis(network: &Network, last: u64) {
    let genesis = Trust::from_genesis(network.doc()).unwrap();
    let mut trust = genesis.clone();
    for height in 1..=last {
        trust = trust.advance(&network.light(height).await, Time(0)).unwrap();
    }
    assert_eq!(genesis.advance(&network.light(last).await, Time(0)).unwrap().height(), last);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_validator_that_is_away_is_jailed_and_comes_back_by_a_transaction() {
    let params = |doc: &mut GenesisDoc| {
        let params = &mut doc.app.staking.params;
        // So many in a row are missed by nobody who is merely slow.
        (params.signed_window, params.min_signed_bps, params.jail_ms) = (40, 2_500, 2_000);
    };
    let mut network = Network::start(4, params).await;
    let person = &people(1)[0];
    let stake = staking::Msg::Stake { validator: culprit(), amount: whole(500) };
    let staked = network.call(person, Call::Staking(stake)).await;
    network.agree(staked + 2).await;

    network.stop_one(CULPRIT).await;
    let app = Arc::clone(network.app(0));
    let jailed = |event: &Event| matches!(event, Event::Staking(staking::Event::Jailed { validator, .. }) if *validator == culprit());
    let at = height_of(&app, "the jail", jailed).await;
    let of = |height| validator(&app.snapshot(Some(height)).unwrap(), &culprit()).unwrap();
    let (before, after) = (of(at - 1), of(at));
    let lost = before.tokens.mul_div_floor(1, 10_000).unwrap();
    assert_eq!(after.tokens, before.tokens.checked_sub(lost).unwrap());
    assert_eq!((after.shares, after.tombstoned), (before.shares, false));
    assert_eq!(staking::burned(&app.snapshot(Some(at)).unwrap()), lost);
    assert_eq!(network.power(at + 1, &culprit()).await, POWER + 500);
    assert_eq!(network.power(at + 2, &culprit()).await, 0);

    network.start_one(CULPRIT);
    let until_time = after.jailed_until.unwrap();
    network.agree(at + 2).await;
    // It signs the first block for which it is asked to, unless it still fetches those before.
    let engine = Arc::clone(&network.node(CULPRIT).running.engine);
    let fetches = async {
        while engine.ready(PATIENCE).await.unwrap().catching_up {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, fetches).await.expect("it has caught up");
    // The block of the transaction comes after the last one.
    until("the end of the jail", || Time(app.store().meta().unwrap().time_ms) > until_time).await;
    let back = network.call(&operator(3), Call::Staking(staking::Msg::Unjail)).await;
    network.reach(back + 3).await;
    // One avvv less than 10,500 VVV is one less of power.
    assert_eq!(network.power(back + 1, &culprit()).await, 0);
    assert_eq!(network.power(back + 2, &culprit()).await, POWER + 498);
    let key = validator(&app.snapshot(None).unwrap(), &culprit()).unwrap().consensus_key;
    signs_again(&network, back + 2, account::Id::new(staking::consensus_address(&key))).await;
    network.agree(back + 5).await;
    network.check();
    follows_from_the_genesis(&network, back + 4).await;
    network.stop().await;
}

/// Waits for a commit at `from` or later that the validator has signed.
async fn signs_again(network: &Network, from: u64, address: account::Id) {
    for height in from.. {
        let commit = network.node(0).running.engine.signed_header(height, PATIENCE).await.unwrap().commit;
        let signed = commit.signatures.iter().any(|signature| {
            matches!(signature, block::CommitSig::BlockIdFlagCommit { validator_address, .. } if *validator_address == address)
        });
        if signed {
            return;
        }
        assert!(height < from + 30, "it does not sign");
    }
}
