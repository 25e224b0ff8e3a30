//! The targets for the stages of a transaction's life in consensus.

use bytes::Bytes;
use diem_runtime::Rejected;
use diem_testkit::chain::block_hash;
use diem_types::TxResult;
use diem_types::{Event, Signed};

use crate::{
    plan::{Step, steps},
    world::{World, check_result},
};

/// The error code of [`diem_types::ChainError::NonceTaken`].
const NONCE_TAKEN: u32 = 15;

/// CheckTx and rechecks over some blocks: every answer is a known one, nothing committed changes, a waiting transaction
/// is not taken twice, and the content of the pool makes a block that everyone accepts.
pub fn check_tx(data: &[u8]) {
    let mut world = World::new();
    let mut pool: Vec<Bytes> = Vec::new();
    for step in steps(data) {
        let Some(tx) = world.tx(&step) else {
            let block = world.block_after(Some(&step));
            let outcome = world.chain.propose_in(block, pool.clone());
            pool.retain(|tx| !outcome.txs.contains(tx));
            pool.retain(|tx| world.chain.app.check_tx(tx).code == 0);
            continue;
        };
        let before = world.chain.app.info();
        let result = world.chain.check(&tx);
        check_result(&tx, &result);
        if result.code == 0 {
            let again = world.chain.check(&tx);
            assert_eq!((again.codespace.as_str(), again.code), ("chain", NONCE_TAKEN), "{}", again.log);
            pool.push(tx);
        }
        assert_eq!(world.chain.app.info(), before);
    }
    world.chain.app.check_invariants().unwrap();
}

/// PrepareProposal from any pool, within any number of bytes: it chooses from what is offered, stays within the limit,
/// and its proposal is accepted and pays its fees.
pub fn prepare_proposal(data: &[u8]) {
    let (limit, data) = data.split_at_checked(2).unwrap_or((&[0xff, 0xff], data));
    let limit = u64::from(u16::from_le_bytes([limit[0], limit[1]]));
    let mut world = World::new();
    for (block, offered) in blocks(data) {
        let (block, offered) = world.block(block, &offered);
        let txs = world.chain.app.prepare(&block, offered.clone(), &[], limit);
        assert!(txs.iter().map(|tx| field_bytes(tx.len())).sum::<u64>() <= limit);
        let mut left = offered;
        for tx in &txs {
            let place = left.iter().position(|other| other == tx).expect("chosen from what was offered");
            left.swap_remove(place);
        }
        let hash = block_hash(&block, &txs);
        world.chain.app.process(&block, hash, &txs).expect("what prepare makes, process accepts");
        let finalized = world.chain.app.finalize(&block, hash, &txs).unwrap();
        assert!(finalized.results.iter().all(|result| result.gas_used > 0), "only what pays is proposed");
        world.chain.app.commit(Vec::new()).unwrap();
    }
    world.chain.app.check_invariants().unwrap();
}

/// The size of a bytes field of this length in a protobuf message with a field number below 16.
fn field_bytes(mut length: usize) -> u64 {
    let mut bytes = length as u64 + 2;
    while length >= 0x80 {
        length >>= 7;
        bytes += 1;
    }
    bytes
}

/// ProcessProposal of any list: it accepts or names the reason, and whether it ran first changes no result.
pub fn process_proposal(data: &[u8]) {
    let mut world = World::new();
    let twin = world.twin();
    for (block, txs) in blocks(data) {
        let (block, txs) = world.block(block, &txs);
        let hash = block_hash(&block, &txs);
        let verdict = world.chain.app.process(&block, hash, &txs);
        let finalized = world.chain.app.finalize(&block, hash, &txs).unwrap();
        match verdict {
            Ok(()) => assert!(finalized.results.iter().all(|result| result.gas_used > 0)),
            Err(Rejected::Block(fatal)) => panic!("{fatal}"),
            Err(Rejected::Transaction { error, .. }) => {
                assert!(diem_types::error_info(error.codespace, error.code).is_some(), "{error}");
                assert!(finalized.results.iter().any(|result| result.gas_used == 0), "{error}");
            }
        }
        assert_eq!(twin.finalize(&block, hash, &txs).unwrap(), finalized, "process changed a result");
        let committed = world.chain.app.commit(Vec::new()).unwrap();
        assert_eq!(twin.commit(Vec::new()).unwrap().root, committed.root);
    }
    world.chain.app.check_invariants().unwrap();
}

/// FinalizeBlock and Commit of any list: each transaction has one result, an undecodable one changes nothing, all of
/// them are found afterwards, and every invariant holds after every block.
pub fn finalize_block(data: &[u8]) {
    let mut world = World::new();
    for (block, txs) in blocks(data) {
        let (block, txs) = world.block(block, &txs);
        let outcome = world.chain.run(block, txs);
        let height = outcome.block.info.height;
        assert_eq!(outcome.results().len(), outcome.txs.len());
        for (tx, result) in outcome.txs.iter().zip(outcome.results()) {
            check_result(tx, result);
            assert!(Signed::decode(tx).is_ok() || (result.gas_used == 0 && result.fee.is_zero()));
            Event::decode_all(&result.events).unwrap();
            let stored = world.chain.app.index().transaction(&diem_core::tx::tx_hash(tx)).expect("indexed at once");
            assert_eq!(stored.bytes, tx[..]);
        }
        let stored = world.chain.app.index().block_txs(height, 0, u32::MAX);
        let stored = stored.iter().map(|stored| (&stored.bytes[..], &stored.result));
        assert!(stored.eq(outcome.txs.iter().map(|tx| &tx[..]).zip(outcome.results())));
        world.chain.app.check_invariants().unwrap();
    }
}

/// The results of the transactions of an input, for tests of the inputs.
pub fn results(data: &[u8]) -> Vec<(Bytes, TxResult)> {
    let mut world = World::new();
    let mut results = Vec::new();
    for (block, txs) in blocks(data) {
        let (block, txs) = world.block(block, &txs);
        let outcome = world.chain.run(block, txs);
        results.extend(outcome.txs.iter().cloned().zip(outcome.results().iter().cloned()));
    }
    results
}

/// The steps of an input, block by block, each with the step that ended the block before.
fn blocks(data: &[u8]) -> Vec<(Option<Step>, Vec<Step>)> {
    let mut blocks = vec![(None, Vec::new())];
    for step in steps(data) {
        if step.ends_block() {
            blocks.push((Some(step), Vec::new()));
        } else if let Some((_, block)) = blocks.last_mut() {
            block.push(step);
        }
    }
    blocks
}
