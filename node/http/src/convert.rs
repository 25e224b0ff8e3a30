//! Committed blocks and transactions in the form of the API.

use diem_api::{BlockSummary, Coin, ErrorBody, Hash, Outcome, Statements, Transaction, TxView};
use diem_core::{Time, encoding::HexBytes, tx::tx_hash};
use diem_index::{StoredBlock, StoredTx};
use diem_runtime::App;
use diem_types::TxResult;
use diem_types::{Event, Signed};

/// Converts a transaction in a block of that time.
pub(crate) fn transaction(stored: StoredTx, time: Time) -> Transaction {
    let view = Signed::decode(&stored.bytes).ok().map(|signed| TxView::new(&signed));
    let statements = if view.is_none() { Statements::decode(&stored.bytes) } else { None };
    Transaction {
        hash: Hash(tx_hash(&stored.bytes)),
        height: stored.height,
        index: stored.index,
        time,
        result: committed(stored.result),
        raw: (view.is_none() && statements.is_none()).then_some(HexBytes(stored.bytes)),
        statements,
        tx: view,
    }
}

/// Finds the committed transaction of that hash.
pub(crate) fn find(app: &App, hash: &Hash) -> Option<Transaction> {
    let stored = app.index().transaction(&hash.0)?;
    let time = app.index().block(stored.height).map_or(Time(0), |block| block.time);
    Some(transaction(stored, time))
}

/// The outcome of a transaction in a block: whatever it failed for, its bytes cannot succeed any more.
fn committed(result: TxResult) -> Outcome {
    let outcome = outcome(result);
    Outcome { error: outcome.error.map(ErrorBody::of_committed), ..outcome }
}

/// The outcome of a transaction.
pub(crate) fn outcome(result: TxResult) -> Outcome {
    Outcome {
        ok: result.code == 0,
        error: (result.code != 0).then(|| ErrorBody::new(&result.codespace, result.code, result.log)),
        gas_wanted: result.gas_wanted,
        gas_used: result.gas_used,
        fee: Coin::vvv(result.fee),
        events: events(&result.events),
    }
}

/// Decodes events that this program has encoded; an index written by a newer version may hold others, which are left
/// out.
pub(crate) fn events(bytes: &[u8]) -> Vec<Event> {
    Event::decode_all(bytes).unwrap_or_else(|error| {
        tracing::warn!(%error, "events of the index do not decode: was it written by a newer version?");
        Vec::new()
    })
}

/// Converts a block without its transactions.
pub(crate) fn summary(block: &StoredBlock) -> BlockSummary {
    BlockSummary {
        height: block.height,
        time: block.time,
        hash: Hash(block.hash),
        proposer: HexBytes(block.proposer.to_vec()),
        root: Hash(block.root),
        tx_count: block.tx_count,
        gas_used: block.gas_used,
    }
}
