//! The room behind nonce gaps: who needs little always finds some, and nobody keeps it for nothing.

use diem_bank::{Msg, Output};
use diem_core::Denom;
use diem_runtime::Options;
use diem_testkit::TxBuilder;
use diem_types::Call;

use super::*;

const TOO_FAR: u32 = 14;
/// What waits behind gaps, in bytes.
const ROOM: usize = 1_048_576;

/// A chain on which each of so many people was in a block, so that their next nonce is 1.
fn chain(count: u32) -> TestChain {
    let chain = TestChain::with(Options::default(), count);
    chain.force((0..chain.people.len()).map(|from| chain.transfer(from, 0, from, 1).bytes()).collect());
    chain
}

/// A multi-transfer of this many outputs: a large transaction. `tag` makes it another one.
fn large(chain: &TestChain, from: usize, nonce: u64, outputs: usize, tag: &str) -> Bytes {
    let output = Output { to: chain.people[9].address, amount: Amount::new(1) };
    let call = Call::Bank(Msg::MultiTransfer { denom: Denom::Vvv, outputs: vec![output; outputs] });
    TxBuilder::new(&chain.doc, &chain.people[from], nonce, vec![call]).with(|tx| tx.memo = tag.into()).bytes()
}

#[test]
fn what_waits_behind_gaps_cannot_fill_what_a_proposer_is_offered() {
    let chain = chain(10);
    let mut pool = Pool::default();
    // Everyone sends all that is taken of the nonces ahead, each as large as may be, and nobody sends the next one.
    for sender in 0..9 {
        for nonce in 2..=17 {
            for outputs in [1_000, 400, 100, 10] {
                pool.offer(&chain, large(&chain, sender, nonce, outputs, ""));
            }
        }
    }
    let waiting = pool.bytes();
    assert!((100_000..=ROOM).contains(&waiting), "{waiting} bytes wait");
    // A victim behind them gets into the next block, because a block holds more than may wait.
    assert!(waiting < usize::try_from(chain.doc.consensus.block_max_bytes).unwrap() / 2);
    assert!(pool.offer(&chain, chain.transfer(9, 1, 1, 1).bytes()));
    assert_eq!(pool.block(&chain, pool.0.len()), 1);
    // What never comes is not kept for ever.
    for _ in 0..30 {
        pool.block(&chain, 1_000);
    }
    assert!(pool.0.is_empty(), "{} still wait", pool.0.len());
}

#[test]
fn a_gap_that_closes_in_time_is_no_reason_to_lose_anything() {
    let chain = chain(10);
    let mut pool = Pool::default();
    for _ in 0..2 {
        let next = next(&chain);
        assert!(pool.offer(&chain, large(&chain, 0, next + 1, 100, "")));
        for _ in 0..15 {
            assert_eq!(pool.block(&chain, 1_000), 0);
        }
        assert!(pool.offer(&chain, chain.transfer(0, next, 1, 1).bytes()));
        assert_eq!(pool.block(&chain, 1_000), 2);
    }
    // Neither is one that was closed by a block from elsewhere, with what waited in it.
    let waits = chain.transfer(0, 6, 1, 1).bytes();
    assert!(pool.offer(&chain, waits.clone()));
    chain.force(vec![chain.transfer(0, 5, 1, 1).bytes(), waits]);
    pool.0.clear();
    pool.block(&chain, 0);
    assert!(pool.offer(&chain, chain.transfer(0, 9, 1, 1).bytes()));
}

/// Eighteen accounts that hold all the room, and send other bytes for whatever is refused, never the next nonce.
#[test]
fn an_honest_transaction_one_ahead_always_finds_room() {
    let chain = chain(28);
    let make = |tag| {
        let places = (10..28).flat_map(|from| [(from, 2), (from, 3)]);
        places.map(|(from, nonce)| large(&chain, from, nonce, 880, tag)).collect::<Vec<_>>()
    };
    let attack: Vec<(Bytes, Bytes)> = make("a").into_iter().zip(make("b")).collect();
    let mut pool = Pool::default();
    // For longer than anything may wait and has to stay out then.
    for round in 0..45 {
        let nonce = 1 + 2 * round;
        for (first, again) in &attack {
            let _ = pool.offer(&chain, first.clone()) || pool.offer(&chain, again.clone());
        }
        assert!(pool.offer(&chain, chain.transfer(0, nonce + 1, 1, 1).bytes()), "round {round}");
        // Its predecessor comes a block later.
        assert_eq!(pool.comet_block(&chain).txs.len(), 0);
        assert!(pool.bytes() <= ROOM, "{} bytes wait", pool.bytes());
        assert!(pool.offer(&chain, chain.transfer(0, nonce, 1, 1).bytes()));
        assert_eq!(pool.comet_block(&chain).txs.len(), 2, "round {round}");
    }
}

#[test]
fn where_the_room_is_full_the_oldest_of_the_sender_with_most_is_forgotten() {
    let chain = chain(40);
    let mut pool = Pool::default();
    // Each fills what one sender may have; the first of all has a little more than the others.
    for from in 10..27 {
        for ahead in 1..=4 {
            let outputs = if from == 10 { 448 } else { 440 };
            pool.offer(&chain, large(&chain, from, 1 + ahead, outputs, ""));
        }
    }
    let before = pool.0.clone();
    assert!(pool.bytes() > ROOM, "the engine's pool keeps what is forgotten until it is checked again");
    pool.comet_block(&chain);
    assert!(pool.bytes() <= ROOM);
    let gone: Vec<&Bytes> = before.iter().filter(|tx| !pool.0.contains(tx)).collect();
    assert_eq!(gone.first(), Some(&&before[0]), "the oldest of the largest goes first");
    let senders: Vec<usize> = gone.iter().map(|tx| before.iter().position(|other| other == *tx).unwrap() / 4).collect();
    assert!(senders.windows(2).all(|pair| pair[0] != pair[1]), "then another has most: {senders:?}");
}

/// What is forgotten is still offered until it is checked again, so that as much as fills a block must not come at
/// once.
#[test]
fn between_two_blocks_little_is_forgotten_except_for_who_needs_little() {
    let chain = chain(74);
    let mut pool = Pool::default();
    let full: Vec<usize> = (10..74).filter(|from| pool.offer(&chain, large(&chain, *from, 2, 1_000, ""))).collect();
    assert!(full.len() < 64, "as much as the room holds was forgotten");
    assert!((ROOM..=2 * ROOM).contains(&pool.bytes()), "{} bytes", pool.bytes());
    assert!(pool.offer(&chain, chain.transfer(0, 2, 1, 1).bytes()), "a small one finds room all the same");
    // Whoever comes in turn behind all of that is in the next block.
    let honest = chain.transfer(1, 1, 2, 1).bytes();
    assert!(pool.offer(&chain, honest.clone()));
    assert_eq!(pool.comet_block(&chain).txs, [honest]);
    assert!(pool.bytes() <= ROOM);
    // In the next block as much may be forgotten again.
    let rest = (10..74).filter(|from| !full.contains(from));
    assert!(rest.take(3).all(|from| pool.offer(&chain, large(&chain, from, 2, 1_000, "again"))));
}

#[test]
fn what_was_forgotten_stays_out_as_long_as_it_was_in() {
    let chain = chain(10);
    let mut pool = Pool::default();
    let waits = |nonce, tag| large(&chain, 0, nonce, 10, tag);
    assert!(pool.offer(&chain, waits(2, "a")));
    let mut blocks = 0;
    while !pool.0.is_empty() {
        pool.block(&chain, 0);
        blocks += 1;
    }
    assert_eq!(blocks, 21, "so long it may wait");
    // Neither as it was, nor with other bytes, nor with another nonce.
    for out in 0..=21 {
        for tx in [waits(2, "a"), waits(2, "b"), waits(3, "a")] {
            assert_eq!(chain.check(&tx).code, TOO_FAR, "{out} blocks later");
        }
        pool.block(&chain, 0);
    }
    assert!(pool.offer(&chain, waits(2, "a")));
    // What comes in its turn is never kept out.
    assert!(pool.offer(&chain, waits(1, "a")));
    assert_eq!(pool.block(&chain, 1_000), 2);
}

#[test]
fn who_lets_its_own_expire_before_its_time_stays_out_too() {
    let chain = chain(10);
    let mut pool = Pool::default();
    let height = chain.app.info().height;
    assert!(pool.offer(&chain, chain.transfer(0, 2, 1, 1).with(|tx| tx.expiry = height + 8).bytes()));
    for _ in 0..8 {
        pool.block(&chain, 0);
    }
    assert!(pool.0.is_empty());
    pool.block(&chain, 0);
    for later in 0..8 {
        assert!(!pool.offer(&chain, chain.transfer(0, 2, 1, 2).bytes()), "{later} blocks later");
        pool.block(&chain, 0);
    }
    pool.block(&chain, 0);
    assert!(pool.offer(&chain, chain.transfer(0, 2, 1, 2).bytes()));
}

#[test]
fn no_large_one_takes_the_place_of_a_small_one_that_was_refused() {
    let chain = chain(10);
    let mut pool = Pool::default();
    let height = chain.app.info().height;
    assert!(pool.offer(&chain, chain.transfer(0, 2, 1, 1).with(|tx| tx.expiry = height + 1).bytes()));
    pool.block(&chain, 0);
    assert!(pool.0.is_empty(), "it expired");
    assert_eq!(chain.check(&large(&chain, 0, 2, 1_000, "")).code, TOO_FAR);
}

#[test]
fn a_sender_that_was_never_in_a_block_has_one_place() {
    let chain = TestChain::new();
    let mut pool = Pool::default();
    let tx = |nonce| chain.transfer(0, nonce, 1, 1).bytes();
    assert!(pool.offer(&chain, tx(2)));
    assert!(!pool.offer(&chain, tx(3)));
    assert!(!pool.offer(&chain, tx(1)), "behind the gap still");
    assert!(pool.offer(&chain, tx(0)) && pool.offer(&chain, tx(1)), "in turn there is room for more");
    assert_eq!(pool.block(&chain, 1_000), 3);
    assert!((5..12).all(|nonce| pool.offer(&chain, tx(nonce))));
}
