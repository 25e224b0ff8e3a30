//! Random histories of transfers: whatever people and time do, nothing is lost, nothing goes out twice, and no day takes
//! more than its limit.

use std::collections::{BTreeMap, BTreeSet};

use diem_bridge::{Params, sealing, state};
use diem_core::Amount;
use proptest::prelude::*;

use crate::{
    chain::{ALICE, BOB, Chain, cents, params},
    staking_chain::empty,
};

const DAY_MS: u64 = 86_400_000;
/// The capacity of the bucket, in cents: a tenth of what both may want to send in a history.
const CAPACITY: u128 = 2_000;

#[derive(Debug, Clone)]
enum Step {
    Send { by_bob: bool, cents: u128, fee: u128 },
    Bump { id: u64, fee: u128 },
    Cancel { id: u64 },
    Wait { ms: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (any::<bool>(), 20_u128..900, 1_u128..20).prop_map(|(by_bob, cents, fee)| Step::Send { by_bob, cents, fee }),
        1 => (1_u64..40, 1_u128..30).prop_map(|(id, fee)| Step::Bump { id, fee }),
        1 => (1_u64..40).prop_map(|id| Step::Cancel { id }),
        3 => prop_oneof![Just(500_u64), 1_000..10_000_u64, DAY_MS / 20..DAY_MS / 3].prop_map(|ms| Step::Wait { ms }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_and_no_day_takes_more_than_its_limit(steps in prop::collection::vec(step(), 1..80)) {
        let base = empty();
        let narrow = Params { out_capacity: cents(CAPACITY), share_bps: 5_000, ..params() };
        let mut chain = Chain::with(&base, 4, 200_000, narrow);
        chain.make_ready(4);
        let all = |chain: &Chain<'_>| [chain.diem(ALICE), chain.diem(BOB), chain.escrow()].map(Amount::get).iter().sum::<u128>();
        let before = all(&chain);
        // When each batch was sealed, and what went out with it.
        let mut sealed: BTreeMap<u64, (u64, u128)> = BTreeMap::new();
        let mut went: BTreeSet<u64> = BTreeSet::new();
        for step in steps {
            // A refused step changes nothing, as `call` asserts by the invariants and the sum below.
            let _ = match step {
                Step::Send { by_bob, cents: amount, fee } => {
                    chain.send(if by_bob { BOB } else { ALICE }, cents(amount), cents(fee)).map(|_| ())
                }
                Step::Bump { id, fee } => chain.bump_fee(ALICE, id, cents(fee)),
                Step::Cancel { id } => chain.cancel(BOB, id),
                Step::Wait { ms } => {
                    let time = chain.world.now.time.millis();
                    chain.block(ms);
                    let last = sealed.len() as u64;
                    if chain.issued().batches > last {
                        prop_assert_eq!(chain.issued().batches, last + 1, "one batch a block, without gaps");
                        let batch = sealing::batch(&chain.world.state, last + 1).unwrap();
                        let minted = batch.transfers.iter().map(|transfer| transfer.amount.get()).sum::<u128>();
                        sealed.insert(last + 1, (time, minted + batch.fee.get()));
                        for id in state::open_batch(&chain.world.state, last + 1).unwrap().transfers {
                            prop_assert!(went.insert(id), "transfer {} went out twice", id);
                        }
                    }
                    Ok(())
                }
            };
            prop_assert_eq!(all(&chain), before);
        }
        // Over any span of time: what was sealed in it is at most what the bucket holds and what drained meanwhile.
        let sealed: Vec<(u64, u128)> = sealed.into_values().collect();
        for (place, (from, _)) in sealed.iter().enumerate() {
            let mut sum = 0;
            for (until, amount) in &sealed[place..] {
                sum += amount;
                let capacity = cents(CAPACITY).get();
                let drained = capacity * u128::from(until - from) / u128::from(DAY_MS);
                prop_assert!(sum <= capacity + drained, "{} went out in {} ms", sum, until - from);
            }
        }
    }
}
