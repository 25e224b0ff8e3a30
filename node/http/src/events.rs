//! `GET /v1/events`: the events of the chain as they happen, resumable and complete.
//!
//! A stream of server-sent events. Each carries an id `height.index.branch`: index 0 is the block itself, index n its
//! n-th transaction, and the branch is the first bytes of the block's hash; `reverted` has the id of the last event
//! that is left, and `bye`, before the node stops, has none. A client that reconnects sends the last id (`from=`, or the browser's `Last-Event-ID`) and misses
//! nothing that this node keeps, or is told that the chain is another one by now. A heartbeat comment shows that the
//! connection is alive.
//!
//! Streams are read a piece at a time by threads that all of them share, in turn: a reader that is far behind costs the
//! others one turn a piece, and consensus nothing.

use std::{collections::VecDeque, convert::Infallible, str::FromStr, sync::Arc, time::Duration};

use axum::{
    extract::State,
    http::HeaderMap,
    response::sse::{Event, KeepAlive, Sse},
};
use diem_api::HttpError;
use diem_core::text::shortened;
use diem_engine::metrics;
use diem_index::StoredBlock;
use diem_runtime::App;
use futures::{Stream, StreamExt as _};
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::{
    Api, Shared, convert,
    cursor::Branch,
    error::{Failure, no_block},
    params::{Query, parse},
};

/// The most streams at one time.
pub(crate) const MAX_STREAMS: usize = 256;
/// The bytes and the events with which a piece is full. A piece waits for its reader while the next one is read, so a
/// stream holds at most two of them.
const PIECE_BYTES: usize = 128 * 1024;
const PIECE_EVENTS: usize = 64;
const HEARTBEAT: Duration = Duration::from_secs(15);
/// The number of sent blocks that a stream remembers, to notice when a development chain is taken back.
const REMEMBERED: u64 = 128;

/// A place in the stream: everything up to it was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cursor {
    height: u64,
    /// The index of the last event that was seen; `None` before the block itself.
    seen: Option<u32>,
    /// The branch of the block that was seen, if the cursor names it.
    branch: Option<Branch>,
}

impl FromStr for Cursor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split('.');
        let mut part = || parts.next();
        let (height, seen, branch, more) = (part(), part(), part(), part());
        let cursor = || {
            let seen = seen.map(|text| text.parse().ok()).map_or(Some(None), |seen| seen.map(Some))?;
            let branch = branch.map(|text| text.parse().ok()).map_or(Some(None), |branch| branch.map(Some))?;
            Some(Self { height: height?.parse().ok()?, seen, branch })
        };
        cursor().filter(|_| more.is_none()).ok_or_else(|| {
            let text = shortened(text);
            format!("`{text}` is no cursor: write a height, or the id of the last event seen, such as 12.3.0a1b2c3d")
        })
    }
}

impl Cursor {
    /// The place before the block of this height.
    const fn before(height: u64) -> Self {
        Self { height, seen: None, branch: None }
    }

    /// Checks that the stream can go on behind this place.
    ///
    /// # Errors
    /// The place is in the future, it is not kept, or the block that was seen is no longer part of the chain.
    fn check(&self, api: &Api) -> Result<(), Failure> {
        let (height, latest) = (self.height, api.begun()?);
        let reverted = || {
            let words = "is no part of the chain any more: go back, and read on from an earlier height";
            Failure::from(HttpError::Reverted(format!("block {height} of this cursor {words}")))
        };
        let block = api.node.app.index().block(height);
        match (&block, self.seen) {
            (None, None) if Some(height) == latest.checked_add(1) => Ok(()),
            // Only a development chain is taken back; another node may just not have reached the height yet.
            (None, Some(_)) if height > latest && api.node.engine.dev().is_some() => Err(reverted()),
            (None, _) if height > latest => {
                Err(HttpError::NotFound(format!("height {height} is not there yet: the latest is {latest}")).into())
            }
            (None, _) => {
                let missing = || HttpError::NotFound(format!("this node has no block {height}")).into();
                Err(no_block(&api.node.app, height, missing))
            }
            (Some(block), _) if self.branch.is_some_and(|branch| branch != Branch::of(&block.hash)) => Err(reverted()),
            (Some(block), Some(seen)) if seen > block.tx_count => {
                let words = format!("block {height} has no event {seen}: it has {}", block.tx_count);
                Err(HttpError::BadRequest(words).into())
            }
            (Some(_), _) => Ok(()),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    from: Option<String>,
}

/// `GET /v1/events?from=`: events from the next block on, or from a height, or behind a cursor.
pub(crate) async fn stream(
    State(api): Shared,
    Query(params): Query<Params>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Failure> {
    let last_id = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let from: Option<Cursor> = last_id.or(params.from.as_deref()).map(parse).transpose()?;
    let from = match from {
        Some(from) => from,
        None => Cursor::before(api.begun()?.saturating_add(1)),
    };
    // The blocks before the start count as sent, so that a reader is told when the chain is taken back behind it. They
    // are read before the cursor is checked: a chain that is taken back in between is noticed either here or there.
    let before = from.height.saturating_sub(REMEMBERED)..from.height;
    let sent = before
        .filter_map(|height| api.node.app.index().block(height))
        .map(|block| (block.height, block.hash))
        .collect();
    from.check(&api)?;
    let busy = |_| HttpError::Busy(format!("{MAX_STREAMS} streams of events are open already"));
    let permit = api.streams.clone().try_acquire_owned().map_err(busy)?;
    let (sender, receiver) = mpsc::channel(1);
    let follower = Follower { app: api.node.app.clone(), next: from, sent };
    let open = Open { _permit: permit, _counted: api.node.metrics.stream() };
    tokio::spawn(follow(api, follower, sender, open));
    let pieces = futures::stream::unfold(receiver, |mut receiver: mpsc::Receiver<Vec<Event>>| async move {
        receiver.recv().await.map(|piece| (futures::stream::iter(piece.into_iter().map(Ok)), receiver))
    });
    Ok(Sse::new(pieces.flatten()).keep_alive(KeepAlive::new().interval(HEARTBEAT).text("alive")))
}

/// An open stream: it holds one of the permits and is counted.
struct Open {
    _permit: OwnedSemaphorePermit,
    _counted: metrics::Open,
}

/// The last event of a stream that ends because the node does. It has no id, so that a reader resumes behind what it has seen.
fn bye() -> Event {
    Event::default().event("bye").data(serde_json::json!({ "reason": "the node is stopping" }).to_string())
}

/// Sends piece after piece until the reader has gone, or the server stops and has said so.
async fn follow(api: Arc<Api>, mut follower: Follower, sender: mpsc::Sender<Vec<Event>>, _open: Open) {
    let (mut commits, mut stopping) = (api.node.commits.clone(), api.stopping.clone());
    loop {
        let announced = *commits.borrow_and_update();
        // Backpressure: room for a piece is reserved before it is read, so a slow reader makes its own stream wait, not
        // the node.
        let Ok(room) = sender.reserve().await else { return };
        if *stopping.borrow() {
            return room.send(vec![bye()]);
        }
        let read = move || {
            let piece = follower.piece(announced);
            (follower, piece)
        };
        // The queue has a place for each stream, so it is never full.
        let Ok((back, Some(piece))) = api.followers.run(read).await else { return };
        follower = back;
        if !piece.is_empty() {
            room.send(piece);
            continue;
        }
        drop(room);
        tokio::select! {
            changed = commits.changed() => if changed.is_err() { return },
            () = sender.closed() => return,
            // The next turn says so.
            _ = stopping.wait_for(|stopping| *stopping) => {}
        }
    }
}

/// A cursor over the index for one reader: it reads the events that the reader has not seen.
struct Follower {
    app: Arc<App>,
    next: Cursor,
    /// The heights and hashes of the last blocks that were sent.
    sent: VecDeque<(u64, [u8; 32])>,
}

/// Events that are about to be sent, and their size in bytes.
#[derive(Default)]
struct Piece {
    events: Vec<Event>,
    bytes: usize,
}

impl Piece {
    const fn is_full(&self) -> bool {
        self.bytes >= PIECE_BYTES || self.events.len() >= PIECE_EVENTS
    }

    fn push(&mut self, kind: &str, id: String, data: &impl Serialize) -> Result<(), serde_json::Error> {
        let data = serde_json::to_string(data)
            .inspect_err(|error| tracing::error!(%error, "an event cannot be written as JSON"))?;
        self.bytes = self.bytes.saturating_add(data.len());
        self.events.push(Event::default().event(kind).id(id).data(data));
        Ok(())
    }
}

impl Follower {
    /// Reads the next events; returns none if the reader has seen everything. `announced` is the height that was
    /// announced last. A chain is taken back height by height and announced once, at its new height; a reader is not
    /// told of the heights in between. `None` ends the stream.
    fn piece(&mut self, announced: u64) -> Option<Vec<Event>> {
        // The reader is so slow that its next block was pruned. It is told so when it comes back with the last id.
        if self.app.is_pruned(self.next.height) {
            return None;
        }
        let mut piece = Piece::default();
        if !self.notice_revert(announced, &mut piece).ok()? {
            return Some(Vec::new());
        }
        while !piece.is_full()
            && let Some(block) = self.app.index().block(self.next.height)
        {
            self.read(&block, &mut piece).ok()?;
        }
        Some(piece.events)
    }

    /// Reads on in a block, to its end or until the piece is full.
    fn read(&mut self, block: &StoredBlock, piece: &mut Piece) -> Result<(), serde_json::Error> {
        let id = |index: u32| format!("{}.{index}.{}", block.height, Branch::of(&block.hash));
        let mut seen = match self.next.seen {
            Some(seen) => seen,
            None => {
                let data = serde_json::json!({
                    "block": convert::summary(block),
                    "events": convert::events(&block.events),
                });
                piece.push("block", id(0), &data)?;
                0
            }
        };
        // Transactions are read one by one, so that a piece ends where it is full, however large a transaction is.
        while seen < block.tx_count && !piece.is_full() {
            let Some(tx) = self.app.index().block_txs(block.height, seen, 1).pop() else { break };
            seen = seen.saturating_add(1);
            piece.push("tx", id(seen), &convert::transaction(tx, block.time))?;
        }
        if seen < block.tx_count {
            self.next = Cursor { height: block.height, seen: Some(seen), branch: Some(Branch::of(&block.hash)) };
            return Ok(());
        }
        self.sent.push_back((block.height, block.hash));
        if self.sent.len() as u64 > REMEMBERED {
            self.sent.pop_front();
        }
        self.next = Cursor::before(block.height.saturating_add(1));
        Ok(())
    }

    /// Sends `reverted` if a block that was sent is no longer part of the chain, and goes on behind the last one that
    /// is. Returns false while the chain is still being taken back.
    fn notice_revert(&mut self, announced: u64, piece: &mut Piece) -> Result<bool, serde_json::Error> {
        let block = |height| self.app.index().block(height);
        // No revert reaches a block that is not kept any more.
        let is_there = |(height, hash): &(u64, [u8; 32])| {
            self.app.is_pruned(*height) || block(*height).is_some_and(|block| block.hash == *hash)
        };
        let kept = self.sent.iter().rposition(is_there).map_or(0, |last| last.saturating_add(1));
        // A block of which only a part was sent is not in `sent` yet.
        let is_begun = |branch| block(self.next.height).is_some_and(|block| Branch::of(&block.hash) == branch);
        if kept == self.sent.len() && self.next.branch.is_none_or(is_begun) {
            return Ok(true);
        }
        if self.app.info().height < announced {
            return Ok(false);
        }
        let last = kept.checked_sub(1).and_then(|last| self.sent.get(last));
        let gone = match last {
            Some((height, _)) => height.saturating_add(1),
            // The revert goes further back than is remembered: any block may be another one.
            None => {
                let first = self.app.chain().map_or(1, |chain| chain.initial_height);
                let oldest = || self.sent.front().map_or(self.next.height, |(height, _)| *height);
                if block(first).is_some() { first } else { oldest() }
            }
        };
        let to = gone.saturating_sub(1);
        // The place is behind the last block that is still in the chain, as its last event names it: a client that
        // resumes from it is told if that block was reverted too.
        let place = block(to).map(|block| format!("{to}.{}.{}", block.tx_count, Branch::of(&block.hash)));
        self.sent.truncate(kept);
        self.next = Cursor::before(gone);
        piece.push("reverted", place.unwrap_or_else(|| gone.to_string()), &serde_json::json!({ "to": to }))?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use diem_runtime::{Keep, Options};
    use diem_testkit::TestChain;

    use super::*;

    #[test]
    fn a_slow_reader_whose_blocks_are_pruned_is_told_of_no_revert_and_ends_where_it_lacks_one() {
        let store = diem_store::Options { ring: 2, ..diem_store::Options::default() };
        let keep = Keep { blocks: 10, time_ms: 0 };
        let chain = TestChain::with(Options { store, keep, ..Options::default() }, 1);
        let blocks = |count: u64| (0..count).for_each(|_| drop(chain.force(Vec::new())));
        let mut reader = Follower { app: chain.app.clone(), next: Cursor::before(1), sent: VecDeque::new() };
        blocks(5);
        assert_eq!(reader.piece(5).map(|events| events.len()), Some(5));
        // All that it was sent is pruned, and its next block is the first that is left.
        blocks(11);
        assert_eq!(chain.app.first_block(), 6);
        assert_eq!(reader.piece(16).map(|events| events.len()), Some(11), "an event for each block, and no other");
        blocks(15);
        assert_eq!((chain.app.first_block(), reader.next.height), (21, 17));
        assert!(reader.piece(31).is_none());
    }

    #[test]
    fn a_cursor_is_a_height_or_the_id_of_an_event() {
        assert_eq!("12".parse(), Ok(Cursor::before(12)));
        assert_eq!("12.0".parse(), Ok(Cursor { seen: Some(0), ..Cursor::before(12) }));
        let branch = Some(Branch::of(&[0xab; 32]));
        assert_eq!("12.3.abababab".parse(), Ok(Cursor { height: 12, seen: Some(3), branch }));
        for bad in ["", ".", "12.", "x", "1.2.3", "-1", "1..abababab", "1.2.abababab.", "1.2.abababab.4"] {
            assert!(bad.parse::<Cursor>().is_err(), "{bad}");
        }
    }
}
