//! The node's index of blocks and transactions, written in the batch of their block, so that what is committed is
//! found at once. It is derived from blocks and results, idempotent by height (the same block gives the same rows), and
//! execution never reads it.
//!
//! ```text
//! 'b' height               block: time, hash, proposer, root, counts, events of hooks
//! 't' height chunk         up to CHUNK transactions with their results
//! 'h' transaction hash     height, place
//! 'k' block hash           height
//! 'p' day provider         what the provider was paid for the day
//! 's' 'f' 'e' 'c' 'x' 'a'  what became of transfers to Base, and of what came back: [`bridge`]
//! 'n' ...                  rows of the node around the runtime
//! ```
//!
//! Every row but those of the node tells which block wrote it, and is gone for readers once the store's floor is above
//! that block: [`LAYOUT`].

pub mod bridge;
mod layout;
pub mod signing;

use borsh::{BorshDeserialize, BorshSerialize};
use bytes::Bytes;
use diem_core::{Address, Amount, Block, BlockInfo, Key, Time, context::ConsensusAddress, encode, tx::TxHash};
use diem_credits::{Event as Credits, state::ProviderDay};
pub use diem_store::IndexOp;
use diem_store::{Snapshot, Store};
use diem_types::{Event, TxResult};

pub use layout::{LAYOUT, node_block_key};

/// The first byte of the keys that belong to the node around the runtime.
pub const NODE_PREFIX: u8 = b'n';

const BLOCK: u8 = b'b';
const TXS: u8 = b't';
const TX_HASH: u8 = b'h';
const BLOCK_HASH: u8 = b'k';
const PAID: u8 = b'p';

/// The number of transactions in a row: a row each would cost more than executing them, and one row for all would make
/// reading one transaction read four megabytes.
const CHUNK: u32 = 32;

/// A transaction that is in a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTx {
    /// The height of the block that holds it.
    pub height: u64,
    /// Its place in the block.
    pub index: u32,
    /// The bytes of the transaction as they were submitted.
    pub bytes: Vec<u8>,
    /// The result with which the block executed it.
    pub result: TxResult,
}

/// A committed block without its transactions.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct StoredBlock {
    /// The height of the block.
    pub height: u64,
    /// The time of the block's header.
    pub time: Time,
    /// The hash of the block's header.
    pub hash: [u8; 32],
    /// The validator that proposed the block.
    pub proposer: ConsensusAddress,
    /// The state root after it; it stands in the next header.
    pub root: [u8; 32],
    /// The number of transactions in the block.
    pub tx_count: u32,
    /// The gas that the transactions paid for.
    pub gas_used: u64,
    /// The events of its hooks.
    pub events: Vec<u8>,
}

/// A provider that was paid for a day. Its row of the state is gone since then.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct PaidProvider {
    /// The day that the payment is for.
    pub day: u64,
    /// The provider that is paid.
    pub provider: Address,
    /// The credit and requests that were consumed at the provider.
    pub served: ProviderDay,
    /// The rent of the day that it was paid, in avvv.
    pub amount: Amount,
    /// The account that received the payment.
    pub to: Address,
    /// The height of the payment.
    pub height: u64,
}

fn key(kind: u8, parts: &[&[u8]]) -> Key {
    let mut key = Key::from_slice(&[kind]);
    parts.iter().for_each(|part| key.extend_from_slice(part));
    key
}

fn height_key(kind: u8, height: u64) -> Key {
    key(kind, &[&height.to_be_bytes()])
}

fn chunk_key(height: u64, chunk: u32) -> Key {
    key(TXS, &[&height.to_be_bytes(), &chunk.to_be_bytes()])
}

fn paid_key(day: u64, provider: &Address) -> Key {
    key(PAID, &[&day.to_be_bytes(), &provider.0])
}

/// An executed block, as its rows are made from it.
#[derive(Clone, Copy)]
pub struct Executed<'a> {
    /// Height, time and proposer.
    pub block: &'a Block,
    /// The hash of the block's header.
    pub hash: [u8; 32],
    /// The bytes of its transactions.
    pub txs: &'a [Bytes],
    /// The hashes of the transactions, in the same order.
    pub hashes: &'a [TxHash],
    /// The results of the transactions, in the same order.
    pub results: &'a [TxResult],
    /// The events of the block's hooks.
    pub events: &'a [u8],
    /// The gas that the transactions paid for.
    pub gas_used: u64,
}

/// The rows of a block but for its root, so that they are made while the root is computed.
pub struct Draft {
    block: StoredBlock,
    ops: Vec<IndexOp>,
}

impl Draft {
    /// The rows of an executed block.
    pub fn new(executed: Executed<'_>) -> Draft {
        let Executed { block, hash, txs, hashes, results, events, gas_used } = executed;
        let height = block.info.height;
        let mut ops = Vec::with_capacity(hashes.len().saturating_mul(2));
        ops.push(IndexOp::Put { key: key(BLOCK_HASH, &[&hash]), value: height.to_be_bytes().to_vec() });
        for (place, tx) in (0u32..).zip(hashes) {
            let mut position = height.to_be_bytes().to_vec();
            position.extend_from_slice(&place.to_be_bytes());
            ops.push(IndexOp::Put { key: key(TX_HASH, &[tx]), value: position });
        }
        for (chunk, (txs, results)) in (0u32..).zip(txs.chunks(CHUNK as usize).zip(results.chunks(CHUNK as usize))) {
            let rows: Vec<(&[u8], &TxResult)> = txs.iter().map(|tx| &tx[..]).zip(results).collect();
            ops.push(IndexOp::Put { key: chunk_key(height, chunk), value: encode(&rows) });
        }
        let paid = paid_in(events, height);
        ops.extend(paid.map(|row| IndexOp::Put { key: paid_key(row.day, &row.provider), value: encode(&row) }));
        let all = results.iter().map(|result| &result.events[..]).chain([events]);
        ops.extend(bridge::rows(block.info, all));
        let block = StoredBlock {
            height,
            time: block.info.time,
            hash,
            proposer: block.proposer,
            root: [0; 32],
            tx_count: u32::try_from(txs.len()).unwrap_or(u32::MAX),
            gas_used,
            events: events.to_vec(),
        };
        Draft { block, ops }
    }

    /// The rows with the root.
    pub fn finish(mut self, root: [u8; 32]) -> Vec<IndexOp> {
        self.block.root = root;
        self.ops.push(IndexOp::Put { key: height_key(BLOCK, self.block.height), value: encode(&self.block) });
        self.ops
    }
}

/// The payments among the events of a block's hooks; no transaction makes any.
fn paid_in(events: &[u8], height: u64) -> impl Iterator<Item = PaidProvider> {
    let events = Event::decode_all(events).unwrap_or_default();
    events.into_iter().filter_map(move |event| match event {
        Event::Credits(Credits::ProviderPaid { day, provider, to, row, amount }) => {
            Some(PaidProvider { day, provider, served: row, amount, to, height })
        }
        _ => None,
    })
}

/// The providers that had been paid for a day at the height of `snapshot`, by address. They are those of blocks that
/// this node executed: payments from before an export or a snapshot of state are missing.
pub fn paid_providers(snapshot: &Snapshot, day: u64) -> Vec<PaidProvider> {
    let [from, to] = [day, day.saturating_add(1)].map(|day| key(PAID, &[&day.to_be_bytes()]));
    // There are as many as there are providers, each of which has put up a bond.
    let rows = snapshot.index_range(&from, Some(&to), usize::MAX, false);
    rows.iter().filter_map(|(_, row)| PaidProvider::try_from_slice(row).ok()).collect()
}

/// The rows that must be deleted when a height is undone.
pub fn removal(store: &Store, height: u64) -> Vec<IndexOp> {
    let index = Index::new(store);
    let Some(block) = index.block(height) else { return Vec::new() };
    let info = BlockInfo { height, time: block.time };
    let mut ops = vec![
        IndexOp::Delete { key: height_key(BLOCK, height) },
        IndexOp::Delete { key: key(BLOCK_HASH, &[&block.hash]) },
    ];
    for chunk in 0..block.tx_count.div_ceil(CHUNK) {
        let rows = index.chunk(height, chunk);
        let hashes = rows.iter().map(|(bytes, _)| diem_core::tx::tx_hash(bytes));
        ops.extend(hashes.map(|hash| IndexOp::Delete { key: key(TX_HASH, &[&hash]) }));
        ops.push(IndexOp::Delete { key: chunk_key(height, chunk) });
        let bridge = bridge::keys(info, rows.iter().map(|(_, result)| &result.events[..]));
        ops.extend(bridge.into_iter().map(|key| IndexOp::Delete { key }));
    }
    let bridge = bridge::keys(info, [&block.events[..]].into_iter());
    ops.extend(bridge.into_iter().map(|key| IndexOp::Delete { key }));
    let paid = paid_in(&block.events, height);
    ops.extend(paid.map(|row| IndexOp::Delete { key: paid_key(row.day, &row.provider) }));
    ops
}

/// Reads what is found by height or hash, as of the last commit.
#[derive(Clone, Copy)]
pub struct Index<'a>(&'a Store);

impl<'a> Index<'a> {
    /// The index that lies in `store`.
    pub const fn new(store: &'a Store) -> Index<'a> {
        Index(store)
    }

    /// A committed transaction by its hash.
    pub fn transaction(&self, hash: &TxHash) -> Option<StoredTx> {
        let position = self.0.index_get(&key(TX_HASH, &[hash]))?;
        let (height, index) = position.split_at_checked(8)?;
        let height = u64::from_be_bytes(height.try_into().ok()?);
        let index = u32::from_be_bytes(index.try_into().ok()?);
        self.block_txs(height, index, 1).pop()
    }

    /// A committed block by its height.
    pub fn block(&self, height: u64) -> Option<StoredBlock> {
        StoredBlock::try_from_slice(&self.0.index_get(&height_key(BLOCK, height))?).ok()
    }

    /// The height of the block with this header hash.
    pub fn height_of_block(&self, hash: &[u8; 32]) -> Option<u64> {
        let row = self.0.index_get(&key(BLOCK_HASH, &[hash]))?;
        row[..].try_into().ok().map(u64::from_be_bytes)
    }

    /// At most `limit` transactions of a block, from place `from` on.
    pub fn block_txs(&self, height: u64, from: u32, limit: u32) -> Vec<StoredTx> {
        let count = self.block(height).map_or(0, |block| block.tx_count);
        let to = from.saturating_add(limit).min(count);
        let chunks = from / CHUNK..to.div_ceil(CHUNK);
        let stored = chunks.flat_map(|chunk| {
            let first = chunk.saturating_mul(CHUNK);
            (first..).zip(self.chunk(height, chunk))
        });
        let inside = stored.filter(|(index, _)| (from..to).contains(index));
        inside.map(|(index, (bytes, result))| StoredTx { height, index, bytes, result }).collect()
    }

    /// A row of the node around the runtime; its key begins with [`NODE_PREFIX`].
    pub fn node_row(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.0.index_get(key)
    }

    fn chunk(&self, height: u64, chunk: u32) -> Vec<(Vec<u8>, TxResult)> {
        let row = self.0.index_get(&chunk_key(height, chunk)).unwrap_or_default();
        Vec::try_from_slice(&row).unwrap_or_default()
    }
}
