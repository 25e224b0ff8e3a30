//! Nobody dodges a slash, through whole blocks: stake that leaves, moves, comes back or is locked around the block of
//! an offence loses what the stake that stayed loses, and what had left before loses nothing.

use diem_core::{
    Address, Amount, Block, Denom, Page, Time,
    context::{Misbehaviour, MisbehaviourKind},
    keys::SecretKey,
};
use diem_diem::Msg as Diem;
use diem_runtime::{
    App, Options,
    hooks::{Hooks, Run},
};
use diem_staking::{
    Msg as Staking, consensus_address,
    query::{self, LeavingView},
    state::Leaving,
};
use diem_svvv::Msg as Svvv;
use diem_testkit::{BlockOutcome, Person, TestChain, chain::sign, genesis, operator, people, with_validators};
use diem_types::Call;

const ONE: u128 = Amount::ONE.get();
/// The stake of everybody, in avvv.
const STAKE: u128 = 100 * ONE;
/// An amount that is more than divisions may take.
const DUST: u128 = 1_000;

/// What people do with their stake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Stay,
    Lock,
    Unstake,
    UnstakeAndCancel,
    Restake,
    LockAndRestake,
}

const WAYS: [Way; 6] = [Way::Stay, Way::Lock, Way::Unstake, Way::UnstakeAndCancel, Way::Restake, Way::LockAndRestake];
/// Heights at which they do it. The offence is at 5 and proven at 7: what leaves in 3 does not vote at 5.
const HEIGHTS: [u64; 5] = [3, 4, 5, 6, 7];
const OFFENCE: u64 = 5;
const PROVEN: u64 = 7;

/// Numbers of consensus keys: the second validator misbehaves.
const FIRST: u8 = 1;
const BAD: u8 = 2;

struct Story {
    chain: TestChain,
    /// The people, each with a way and a height.
    actors: Vec<(Person, Way, u64)>,
    bad: Address,
    good: Address,
}

impl Story {
    fn new() -> Self {
        Self::with(Hooks::default())
    }

    fn with(hooks: Hooks) -> Self {
        let plans: Vec<(Way, u64)> = HEIGHTS.iter().flat_map(|at| WAYS.map(|way| (way, *at))).collect();
        let people = people(plans.len() as u32);
        let validators: Vec<_> = (FIRST..=3).map(|n| (SecretKey::ed25519(&[n; 32]), 10_000)).collect();
        let doc = with_validators(genesis(&people), &validators);
        let actors = people.iter().zip(plans).map(|(person, (way, at))| (person.clone(), way, at)).collect();
        let chain = TestChain::start(App::in_memory(Options { hooks, ..Options::default() }), people, doc);
        let (bad, good) = (operator(1).address, operator(2).address);
        Self { chain, actors, bad, good }
    }

    fn block(&self, calls: &[(&Person, Call)], change: impl FnOnce(&mut Block)) -> BlockOutcome {
        let mut block = self.chain.next_block();
        change(&mut block);
        let outcome = self.chain.run(block, sign(&self.chain.app, &self.chain.doc, calls));
        for (result, (_, call)) in outcome.results().iter().zip(calls) {
            assert_eq!(result.code, 0, "{call:?}: {}", result.log);
        }
        self.chain.app.check_invariants().unwrap();
        outcome
    }

    /// What people do at their height with a stake of that worth.
    fn acts(&self, way: Way, worth: u128) -> Vec<Call> {
        let (validator, amount) = (self.bad, Amount::new(worth));
        let lock = Call::Diem(Diem::Mint { validator, lock: amount, min_out: Amount::ZERO });
        let restake = Call::Svvv(Svvv::Restake { from: validator, to: self.good, amount });
        let unstake = Call::Staking(Staking::Unstake { validator, amount });
        match way {
            Way::Stay | Way::UnstakeAndCancel => Vec::new(),
            Way::Lock => vec![lock],
            Way::Unstake => vec![unstake],
            Way::Restake => vec![restake],
            Way::LockAndRestake => vec![lock, restake],
        }
    }

    fn leaving(&self, person: &Person) -> Vec<LeavingView> {
        query::leaving(&self.chain.app.store().latest().context(), &person.address, &Page::largest(None))
    }

    /// All that is left of a stake, wherever it is.
    fn worth(&self, person: &Person) -> u128 {
        let state = self.chain.app.store().latest();
        let staked = [self.bad, self.good].map(|operator| {
            let shares = diem_staking::position(&state, &person.address, &operator).shares;
            diem_staking::validator(&state, &operator).unwrap().value_of(shares).get()
        });
        staked.iter().sum::<u128>() + self.owed(person)
    }

    /// The entries that wait to be paid.
    fn owed(&self, person: &Person) -> u128 {
        let tranches = self.leaving(person).into_iter().map(|row| match row.what {
            Leaving::Tranche(amount) => amount.get(),
            Leaving::Moved { .. } => 0,
        });
        tranches.sum()
    }

    /// Blocks up to the one in which the offence is proven.
    fn play(&self) -> Time {
        self.block(&[], |_| {});
        let stake = |(person, ..): &(Person, Way, u64)| {
            let msg = Staking::Stake { validator: self.bad, amount: Amount::new(STAKE) };
            (person.address, Call::Staking(msg))
        };
        let stakes: Vec<(Address, Call)> = self.actors.iter().map(stake).collect();
        self.block(&self.by_person(&stakes), |_| {});
        let mut offence = Time(0);
        for height in HEIGHTS {
            let mut calls = Vec::new();
            for (person, way, at) in &self.actors {
                // In the block that proves it, what leaves was slashed already; the least stake and more stays.
                let worth = if height == PROVEN { STAKE / 100 * 90 } else { STAKE };
                let now = if *at == height { self.acts(*way, worth) } else { Vec::new() };
                calls.extend(now.into_iter().map(|call| (person.address, call)));
                calls.extend(self.there_and_back(person, *way, *at, height));
            }
            let evidence = (height == PROVEN).then(|| self.evidence(offence));
            let calls = self.by_person(&calls);
            self.block(&calls, |block| block.misbehaviour.extend(evidence));
            if height == OFFENCE {
                offence = Time(self.chain.app.store().meta().unwrap().time_ms);
            }
        }
        offence
    }

    /// Out at the person's height, back in the next block: before the offence is proven.
    fn there_and_back(&self, person: &Person, way: Way, at: u64, height: u64) -> Option<(Address, Call)> {
        if way != Way::UnstakeAndCancel || at + 1 >= PROVEN {
            return None;
        }
        let msg = if height == at {
            Staking::Unstake { validator: self.bad, amount: Amount::new(STAKE) }
        } else if height == at + 1 {
            Staking::CancelUnstake { tranche: self.leaving(person)[0].id }
        } else {
            return None;
        };
        Some((person.address, Call::Staking(msg)))
    }

    fn by_person(&self, calls: &[(Address, Call)]) -> Vec<(&Person, Call)> {
        let person = |address: &Address| self.actors.iter().find(|(one, ..)| one.address == *address).unwrap();
        calls.iter().map(|(address, call)| (&person(address).0, call.clone())).collect()
    }

    fn evidence(&self, time: Time) -> Misbehaviour {
        let (kind, validator) = (MisbehaviourKind::DuplicateVote, consensus_name(BAD));
        Misbehaviour { kind, validator, power: 10_000, height: OFFENCE, time }
    }
}

#[test]
fn nobody_dodges_a_slash_by_leaving_moving_coming_back_or_locking() {
    let story = Story::new();
    story.play();
    for (person, way, at) in &story.actors {
        let lost = STAKE - story.worth(person);
        // What left two blocks before the offence did not vote when it was committed.
        let gone = *at == OFFENCE - 2 && [Way::Unstake, Way::Restake, Way::LockAndRestake].contains(way);
        let expected = if gone { 0 } else { STAKE / 20 };
        assert!(lost.abs_diff(expected) <= 2 * DUST, "{way:?} at {at}: lost {}", Amount::new(lost));
    }
}

/// The steps of a block without those that process what left: slashes and payments wait.
fn standing_queues() -> Hooks {
    let mut hooks = Hooks::default();
    hooks.begin.iter_mut().filter(|hook| ["slash_jobs", "unbonded"].contains(&hook.name)).for_each(|hook| {
        hook.run = Run::Retry(|_| Ok(()));
    });
    hooks
}

#[test]
fn nobody_dodges_a_slash_by_collecting_before_it_has_come() {
    let story = Story::with(standing_queues());
    let offence = story.play();
    story.block(&[], |_| {});
    let collect = |(person, ..): &(Person, Way, u64)| {
        let entries = story.leaving(person).into_iter();
        entries.map(|row| (person.address, Call::Svvv(Svvv::Collect { entry: row.id }))).collect::<Vec<_>>()
    };
    let calls: Vec<(Address, Call)> = story.actors.iter().flat_map(collect).collect();
    assert_eq!(calls.len(), 3 * HEIGHTS.len(), "one of each who left or moved");
    let balance = |person: &Person| story.chain.balance(&person.address, Denom::Vvv).get();
    let before: Vec<u128> = story.actors.iter().map(|(person, ..)| balance(person)).collect();
    let unbonding = story.chain.doc.app.staking.params.unbonding_ms;
    let outcome = story.block(&story.by_person(&calls), |block| {
        block.info.time = Time(offence.millis() + unbonding + 60_000);
    });
    for ((person, way, at), before) in story.actors.iter().zip(before) {
        let own = calls.iter().zip(outcome.results()).filter(|((sender, _), _)| *sender == person.address);
        let fees: u128 = own.map(|(_, result)| result.fee.get()).sum();
        let paid = balance(person) + fees - before;
        let lost = STAKE - story.worth(person) - paid;
        let gone = *at == OFFENCE - 2 && [Way::Unstake, Way::Restake, Way::LockAndRestake].contains(way);
        let expected = if gone { 0 } else { STAKE / 20 };
        assert!(lost.abs_diff(expected) <= 2 * DUST, "{way:?} at {at}: lost {}", Amount::new(lost));
        assert_eq!(story.leaving(person).len(), 0);
    }
}

#[test]
fn what_was_slashed_on_its_way_is_paid_short_and_evidence_after_the_unbonding_time_is_ignored() {
    let story = Story::new();
    let offence = story.play();
    // What left in the last block waits from the time of this one.
    story.block(&[], |_| {});
    let unbonding = story.chain.doc.app.staking.params.unbonding_ms;
    let balance = |person: &Person| story.chain.balance(&person.address, Denom::Vvv).get();
    let leavers: Vec<_> = story.actors.iter().filter(|(_, way, _)| *way == Way::Unstake).collect();
    let before: Vec<u128> = leavers.iter().map(|(person, ..)| balance(person)).collect();
    let owed: Vec<u128> = leavers.iter().map(|(person, ..)| story.owed(person)).collect();
    let burned = diem_staking::burned(&story.chain.app.store().latest());
    // The same offence once more, and one of another validator that is too old by a millisecond.
    let late = Time(offence.millis() + unbonding + 60_000);
    let again = story.evidence(offence);
    let other = Misbehaviour { validator: consensus_name(FIRST), time: offence, ..again.clone() };
    story.block(&[], |block| {
        block.info.time = late;
        block.misbehaviour = vec![again, other];
    });
    assert_eq!(diem_staking::burned(&story.chain.app.store().latest()), burned);
    for ((person, _, at), (before, owed)) in leavers.iter().zip(before.iter().zip(owed)) {
        let paid = balance(person) - before;
        assert!(paid.abs_diff(owed) <= 2 * DUST, "who left at {at} was owed {owed}, paid {paid}");
        assert_eq!(story.leaving(person).len(), 0);
    }
}

/// How consensus names the validator with that key.
fn consensus_name(number: u8) -> [u8; 20] {
    let SecretKey::Ed25519(key) = SecretKey::ed25519(&[number; 32]) else { panic!("an ed25519 key") };
    consensus_address(&key.verifying_key().to_bytes())
}
