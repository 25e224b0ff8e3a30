//! The pool and the proposal: nonces in disorder, full pools, prices.

mod funds;
mod gaps;

use bytes::Bytes;
use diem_core::Amount;
use diem_runtime::Rejected;
use diem_testkit::{TestChain, chain::BlockOutcome};
use diem_types::Signed;
use proptest::prelude::*;

/// A pool as CometBFT keeps one: what was accepted, in order; rechecked after each block.
#[derive(Default)]
struct Pool(Vec<Bytes>);

impl Pool {
    fn offer(&mut self, chain: &TestChain, tx: Bytes) -> bool {
        let accepted = chain.check(&tx).code == 0;
        if accepted {
            self.0.push(tx);
        }
        accepted
    }

    /// Makes one block out of the first `offered` transactions and rechecks the rest.
    fn block(&mut self, chain: &TestChain, offered: usize) -> usize {
        let made = self.commit(chain, offered);
        self.recheck(chain);
        made
    }

    /// The same up to the commit.
    fn commit(&mut self, chain: &TestChain, offered: usize) -> usize {
        let outcome = chain.propose(self.0.iter().take(offered).cloned().collect());
        self.0.retain(|tx| !outcome.txs.contains(tx));
        outcome.txs.len()
    }

    /// Makes one block out of what CometBFT gives a proposer: the oldest transactions, up to the bytes of a block. The
    /// rest is rechecked.
    fn comet_block(&mut self, chain: &TestChain) -> BlockOutcome {
        let mut left = usize::try_from(chain.doc.consensus.block_max_bytes).unwrap();
        let fits = |tx: &&Bytes| {
            let rest = left.checked_sub(tx.len());
            left = rest.unwrap_or(0);
            rest.is_some()
        };
        let outcome = chain.propose(self.0.iter().take_while(fits).cloned().collect());
        self.0.retain(|tx| !outcome.txs.contains(tx));
        self.recheck(chain);
        outcome
    }

    fn bytes(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }

    fn recheck(&mut self, chain: &TestChain) {
        self.0.retain(|tx| chain.app.check_tx(tx).code == 0);
    }
}

#[test]
fn a_hundred_pending_transfers_with_adjacent_pairs_swapped_all_land() {
    let chain = TestChain::new();
    let mut pool = Pool(Vec::new());
    let mut nonces: Vec<u64> = (0..100).collect();
    nonces.chunks_mut(2).for_each(|pair| pair.swap(0, 1));
    for nonce in nonces {
        assert!(pool.offer(&chain, chain.transfer(0, nonce, 1, 1).bytes()), "nonce {nonce}");
    }
    assert_eq!(pool.block(&chain, 1_000), 100);
    assert!(pool.0.is_empty());
}

#[test]
fn what_a_block_does_not_offer_lands_in_later_blocks() {
    let chain = TestChain::new();
    let mut pool = Pool(Vec::new());
    for sender in 0..5 {
        for nonce in 0..40 {
            assert!(pool.offer(&chain, chain.transfer(sender, nonce, 9, 1).bytes()));
        }
    }
    let mut landed = 0;
    for _ in 0..20 {
        landed += pool.block(&chain, 33);
    }
    assert_eq!((landed, pool.0.len()), (200, 0));
}

#[test]
fn nonces_up_to_sixteen_ahead_wait_and_no_more() {
    let chain = TestChain::new();
    chain.force(vec![chain.transfer(0, 0, 1, 1).bytes()]);
    let at = |ahead: u64| chain.check(&chain.transfer(0, 1 + ahead, 1, 1).bytes()).code;
    assert_eq!(at(17), 14);
    assert_eq!(at(16), 0);
    assert_eq!(at(16), 15);
    for nonce in (1..16).rev() {
        assert_eq!(at(nonce), 0, "nonce {nonce}");
    }
    assert_eq!(at(17), 14, "the gap at 0 is still open");
    assert_eq!(at(0), 0);
    assert_eq!((at(17), at(33), at(35)), (0, 0, 14), "all of them count now");
}

/// The next nonce of the first person.
fn next(chain: &TestChain) -> u64 {
    chain.app.next_nonce(&chain.people[0].address)
}

#[test]
fn the_next_nonce_counts_what_waits_and_stops_at_a_gap() {
    let chain = TestChain::fresh();
    assert_eq!(next(&chain), 0, "before the first block too");
    chain.force(vec![chain.transfer(0, 0, 1, 1).bytes()]);
    let mut pool = Pool(Vec::new());
    for nonce in 1..6 {
        assert_eq!(next(&chain), nonce);
        assert!(pool.offer(&chain, chain.transfer(0, nonce, 1, 1).bytes()));
    }
    for nonce in [7, 8, 10] {
        assert!(pool.offer(&chain, chain.transfer(0, nonce, 1, 1).bytes()));
        assert_eq!(next(&chain), 6, "the gap is what is missing");
    }
    assert!(pool.offer(&chain, chain.transfer(0, 6, 1, 1).bytes()));
    assert_eq!(next(&chain), 9, "up to the next gap");
    assert!(!pool.offer(&chain, chain.transfer(0, 4, 2, 1).bytes()));
    assert_eq!(next(&chain), 9, "what is refused changes nothing");
    assert_eq!(chain.app.next_nonce(&chain.people[1].address), 0, "another sender");
    assert_eq!(pool.block(&chain, 1_000), 8);
    assert_eq!(next(&chain), 9);
    chain.app.rollback().unwrap();
    assert_eq!(next(&chain), 1, "an undone block takes the pool with it");
}

#[test]
fn between_a_commit_and_the_rechecks_what_waits_still_counts() {
    let chain = TestChain::new();
    let mut pool = Pool((0..6).map(|nonce| chain.transfer(0, nonce, 1, 1).bytes()).collect());
    pool.recheck(&chain);
    for left in [4, 1] {
        pool.commit(&chain, pool.0.len() - left);
        assert_eq!(next(&chain), 6);
        for tx in &pool.0 {
            assert_eq!(chain.app.check_tx(tx).code, 0);
            assert_eq!(next(&chain), 6);
        }
    }
    assert_eq!(pool.block(&chain, 1), 1);
    assert_eq!(next(&chain), 6);
}

#[test]
fn what_a_recheck_refuses_leaves_its_nonce_to_another() {
    let chain = TestChain::new();
    let mut pool = Pool(Vec::new());
    let height = chain.app.info().height;
    for nonce in 0..4 {
        let tx = chain.transfer(0, nonce, 1, 1);
        // The third waits for one block only.
        let tx = if nonce == 2 { tx.with(|tx| tx.expiry = height + 1) } else { tx };
        assert!(pool.offer(&chain, tx.bytes()));
    }
    assert_eq!((pool.commit(&chain, 1), next(&chain)), (1, 4));
    pool.recheck(&chain);
    assert_eq!((pool.0.len(), next(&chain)), (2, 2), "the second and the fourth wait");
    assert!(pool.offer(&chain, chain.transfer(0, 2, 1, 7).bytes()));
    assert_eq!(next(&chain), 4, "the gap is closed");
    assert_eq!(pool.block(&chain, 1_000), 3);
}

#[test]
fn what_could_never_wait_frees_no_nonce_of_what_does() {
    let chain = TestChain::new();
    let mut pool = Pool(Vec::new());
    // Gossip brought them in this disorder.
    for nonce in [0, 2, 1, 3] {
        assert!(pool.offer(&chain, chain.transfer(0, nonce, 1, 1).bytes()));
    }
    assert_eq!((pool.commit(&chain, 1), next(&chain)), (1, 4));
    let used = chain.transfer(0, 0, 2, 1).bytes();
    assert_eq!((chain.check(&used).code, next(&chain)), (13, 4), "its nonce is used up");
    // The first recheck finds a gap before it.
    assert_eq!(chain.app.check_tx(&pool.0[0]).code, 0);
    let twin = chain.transfer(0, 2, 2, 1).bytes();
    assert_eq!((chain.check(&twin).code, next(&chain)), (15, 4), "its nonce is another's");
    assert!(pool.0[1..].iter().all(|tx| chain.app.check_tx(tx).code == 0));
    assert_eq!(next(&chain), 4);
}

#[test]
fn what_left_the_pool_unseen_counts_for_one_block_more_and_no_longer() {
    let chain = TestChain::new();
    // As CometBFT does when its pool is full: the transaction was checked, and is not kept.
    assert_eq!(chain.check(&chain.transfer(0, 0, 1, 1).bytes()).code, 0);
    assert_eq!(next(&chain), 1);
    chain.propose(Vec::new());
    assert_eq!(next(&chain), 1);
    chain.propose(Vec::new());
    assert_eq!(next(&chain), 0);
    assert_eq!(chain.check(&chain.transfer(0, 0, 1, 1).bytes()).code, 0);
    chain.app.drop_pending();
    assert_eq!(next(&chain), 0, "the engine is gone, and its pool");
}

#[test]
fn a_transaction_behind_those_that_wait_can_be_tried() {
    let chain = TestChain::new();
    let tried = |nonce| {
        let tx = Signed::decode(&chain.transfer(0, nonce, 1, 1).bytes()).unwrap();
        let (latest, time) = (chain.app.snapshot(None).unwrap(), chain.next_block().info.time);
        chain.app.simulate(&latest, time, &tx).unwrap().result.code
    };
    assert_eq!((tried(0), tried(1)), (0, 14));
    assert_eq!(chain.check(&chain.transfer(0, 0, 1, 1).bytes()).code, 0);
    assert_eq!((tried(0), tried(1), tried(2)), (0, 0, 14));
}

#[test]
fn the_highest_gas_price_goes_first_and_a_senders_order_stays() {
    let chain = TestChain::new();
    let min = chain.doc.app.gas.min_price.get();
    let tx = |from, nonce, factor| {
        chain.transfer(from, nonce, 9, 1).with(|tx| tx.gas_price = Amount::new(min * factor)).bytes()
    };
    let (cheap, dear, mid, late) = (tx(0, 0, 1), tx(0, 1, 9), tx(1, 0, 5), tx(3, 0, 5));
    let outcome = chain.propose(vec![cheap.clone(), dear.clone(), mid.clone(), late.clone()]);
    assert_eq!(outcome.txs, vec![mid, late, cheap, dear]);
}

#[test]
fn a_block_keeps_its_limits_of_bytes_and_gas() {
    let mut chain = TestChain::fresh();
    let txs: Vec<Bytes> = (0..10).map(|nonce| chain.transfer(0, nonce, 1, 1).bytes()).collect();
    let size = txs[0].len() as u64;
    // Source: protobuf's encoding; a repeated bytes field costs one byte of tag and the length as a varint (2 bytes
    // here).
    for (limit, fit) in [(0, 0), (size + 2, 0), (size + 3, 1), (2 * (size + 3) - 1, 1), (5 * (size + 3), 5)] {
        let chosen = chain.app.prepare(&chain.next_block(), txs.clone(), &[], limit);
        assert_eq!(chosen.len(), fit, "{limit} bytes");
    }
    let gas = chain.check(&txs[0]).gas_wanted;
    chain.doc.app.gas.block_limit = 3 * gas;
    let tight = diem_runtime::App::in_memory(diem_runtime::Options::default());
    tight.init_chain(&chain.doc).unwrap();
    let txs: Vec<Bytes> = (0..10).map(|nonce| chain.transfer(0, nonce, 1, 1).bytes()).collect();
    let block = chain.next_block();
    let chosen = tight.prepare(&block, txs.clone(), &[], u64::MAX);
    assert_eq!(chosen.len(), 3);
    let verdict = tight.process(&block, [0; 32], &txs);
    let Err(Rejected::Transaction { place: 3, error }) = verdict else { panic!("{verdict:?}") };
    assert_eq!((error.codespace, error.code), ("chain", 19));
    assert_eq!(tight.process(&block, [0; 32], &chosen), Ok(()));
}

/// One transaction of a random pool.
#[derive(Debug, Clone)]
struct Any {
    from: usize,
    nonce: u64,
    to: usize,
    amount: u128,
    price: u128,
    payer: Option<usize>,
    damage: Option<(u16, u8)>,
}

fn any_tx() -> impl Strategy<Value = Any> {
    let amount = prop_oneof![Just(0), 1..1_000u128, Just(600_000_000_000_000_000_000), Just(u128::MAX)];
    let price = prop_oneof![Just(1u128), Just(2), Just(50), Just(0), Just(40_000_000)];
    let damage = prop_oneof![9 => Just(None), 1 => any::<(u16, u8)>().prop_map(Some)];
    (0..4usize, 0..6u64, 0..10usize, amount, price, proptest::option::weighted(0.2, 0..4usize), damage).prop_map(
        |(from, nonce, to, amount, price, payer, damage)| Any { from, nonce, to, amount, price, payer, damage },
    )
}

impl Any {
    fn bytes(&self, chain: &TestChain) -> Bytes {
        let min = chain.doc.app.gas.min_price.get();
        let mut builder = chain.transfer(self.from, self.nonce, self.to, self.amount);
        builder = builder.with(|tx| (tx.gas_price, tx.max_fee) = (Amount::new(min * self.price), Amount::MAX));
        if let Some(payer) = self.payer {
            builder = builder.paid_by(&chain.people[payer]);
        }
        let mut bytes = builder.bytes().to_vec();
        if let Some((place, value)) = self.damage {
            let place = usize::from(place) % bytes.len();
            bytes[place] = value;
        }
        bytes.into()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// `propose` fails if Process does not accept what Prepare made. The pool is of any shape: disorder, twins,
    /// gaps, garbage, poor payers.
    #[test]
    fn what_prepare_makes_process_accepts(
        blocks in prop::collection::vec((prop::collection::vec(any_tx(), 0..40), 0..20_000u64), 1..4),
    ) {
        let chain = TestChain::new();
        for (pool, limit) in blocks {
            let txs: Vec<Bytes> = pool.iter().map(|tx| tx.bytes(&chain)).collect();
            let block = chain.next_block();
            let made = chain.app.prepare(&block, txs.clone(), &[], limit);
            let bytes: u64 = made.iter().map(|tx| tx.len() as u64 + 3).sum();
            prop_assert!(bytes <= limit);
            prop_assert!(made.iter().all(|tx| txs.contains(tx)));
            prop_assert_eq!(chain.app.process(&block, [1; 32], &made), Ok(()));
            let outcome = chain.propose(txs);
            prop_assert!(outcome.results().iter().all(|result| result.gas_used > 0), "an invalid one was proposed");
            prop_assert_eq!(chain.app.check_invariants(), Ok(()));
        }
    }
}
