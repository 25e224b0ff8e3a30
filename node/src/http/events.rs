//! `GET /v1/events`: what happens, as it happens, resumable and complete.
//!
//! A stream of server-sent events. Each carries an id `height.index`: index 0 is the block itself, index n its n-th
//! transaction. Whoever reconnects gives the last id (`from=`, or the browser's `Last-Event-ID`) and misses nothing
//! that this node keeps. A heartbeat comment shows that the line is alive.

use std::{collections::VecDeque, convert::Infallible, str::FromStr, sync::Arc, time::Duration};

use axum::{
    extract::State,
    http::HeaderMap,
    response::sse::{Event, KeepAlive, Sse},
};
use diem_client::api::{HttpError, MAX_PAGE};
use diem_runtime::App;
use futures::Stream;
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};

use super::{
    Shared,
    error::Failure,
    params::{Query, parse},
    view,
};

/// The most streams at one time.
pub(crate) const MAX_STREAMS: usize = 256;
/// Events on their way to a reader; a slower one makes its stream wait, not the node.
const BUFFER: usize = 64;
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How many sent blocks a stream remembers, to see when a development chain is taken back.
const REMEMBERED: u64 = 128;

/// A place in the stream: everything up to it was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cursor {
    height: u64,
    /// `None` before the block itself.
    seen: Option<u32>,
}

impl FromStr for Cursor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no cursor: write a height, or the id of the last event seen, such as 12.3");
        let (height, seen) = match text.split_once('.') {
            Some((height, index)) => (height, Some(index.parse().map_err(|_| wrong())?)),
            None => (text, None),
        };
        Ok(Self { height: height.parse().map_err(|_| wrong())?, seen })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    from: Option<String>,
}

/// `GET /v1/events?from=`: from the next block on, or from a height or behind a cursor.
pub(crate) async fn stream(
    State(api): Shared,
    Query(params): Query<Params>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Failure> {
    let last_id = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let from: Option<Cursor> = last_id.or(params.from.as_deref()).map(parse).transpose()?;
    let latest = api.node.app.info().height;
    let from = from.unwrap_or(Cursor { height: latest.saturating_add(1), seen: None });
    if from.height <= latest && api.node.app.block(from.height).is_none() {
        return Err(HttpError::Pruned(format!("block {} is not kept by this node", from.height)).into());
    }
    let busy = |_| HttpError::Busy(format!("{MAX_STREAMS} streams of events are open already"));
    let permit = api.streams.clone().try_acquire_owned().map_err(busy)?;
    let (sender, receiver) = mpsc::channel(BUFFER);
    // The blocks before count as sent, so that a reader is told when the chain is taken back behind its start.
    let before = from.height.saturating_sub(REMEMBERED)..from.height;
    let sent = before.filter_map(|height| api.node.app.block(height)).map(|block| (block.height, block.hash)).collect();
    let follower = Follower { app: api.node.app.clone(), next: from, sent, sender };
    tokio::spawn(follower.follow(api.node.commits.clone(), api.stopping.clone(), permit));
    let events = futures::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|event| (Ok(event), receiver))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT).text("alive")))
}

/// Reads the index and sends what one reader has not seen.
struct Follower {
    app: Arc<App>,
    next: Cursor,
    /// Heights and hashes of the last blocks that were sent.
    sent: VecDeque<(u64, [u8; 32])>,
    sender: mpsc::Sender<Event>,
}

/// The reader has gone.
struct Gone;

impl Follower {
    async fn follow(
        mut self,
        mut commits: watch::Receiver<u64>,
        mut stopping: watch::Receiver<bool>,
        _permit: OwnedSemaphorePermit,
    ) {
        loop {
            commits.borrow_and_update();
            if self.catch_up().await.is_err() {
                return;
            }
            tokio::select! {
                changed = commits.changed() => if changed.is_err() { return },
                () = self.sender.closed() => return,
                _ = stopping.wait_for(|stopping| *stopping) => return,
            }
        }
    }

    async fn catch_up(&mut self) -> Result<(), Gone> {
        self.notice_revert().await?;
        while let Some(block) = self.app.block(self.next.height) {
            if self.next.seen.is_none() {
                let data = serde_json::json!({
                    "block": view::summary(&block),
                    "events": view::events(&block.events),
                });
                self.send("block", 0, &data).await?;
            }
            while let Some(seen) = self.next.seen.filter(|seen| *seen < block.tx_count) {
                for tx in self.app.block_txs(block.height, seen, MAX_PAGE) {
                    let index = tx.index.saturating_add(1);
                    self.send("tx", index, &view::transaction(tx, block.time)).await?;
                }
            }
            self.sent.push_back((block.height, block.hash));
            if self.sent.len() as u64 > REMEMBERED {
                self.sent.pop_front();
            }
            self.next = Cursor { height: block.height.saturating_add(1), seen: None };
        }
        Ok(())
    }

    /// Says so if blocks that were sent are no longer part of the chain, and goes on behind the last that is.
    async fn notice_revert(&mut self) -> Result<(), Gone> {
        let is_there =
            |(height, hash): &(u64, [u8; 32])| self.app.block(*height).is_some_and(|block| block.hash == *hash);
        let kept = self.sent.iter().rposition(is_there).map_or(0, |last| last.saturating_add(1));
        if kept == self.sent.len() {
            return Ok(());
        }
        let to = self.sent.get(kept).map_or(0, |(height, _)| height.saturating_sub(1));
        self.sent.truncate(kept);
        let next = to.saturating_add(1);
        self.next = Cursor { height: next, seen: None };
        let event = Event::default().event("reverted").id(next.to_string()).json_data(serde_json::json!({ "to": to }));
        self.push(event).await
    }

    async fn send(&mut self, kind: &str, index: u32, data: &impl Serialize) -> Result<(), Gone> {
        let id = format!("{}.{index}", self.next.height);
        self.push(Event::default().event(kind).id(id).json_data(data)).await?;
        self.next.seen = Some(index);
        Ok(())
    }

    async fn push(&self, event: Result<Event, axum::Error>) -> Result<(), Gone> {
        let event = event.map_err(|error| {
            tracing::error!(%error, "an event cannot be written as JSON");
            Gone
        })?;
        self.sender.send(event).await.map_err(|_| Gone)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_cursor_is_a_height_or_the_id_of_an_event() {
        assert_eq!("12".parse(), Ok(Cursor { height: 12, seen: None }));
        assert_eq!("12.0".parse(), Ok(Cursor { height: 12, seen: Some(0) }));
        assert_eq!("12.3".parse(), Ok(Cursor { height: 12, seen: Some(3) }));
        for bad in ["", ".", "12.", "x", "1.2.3", "-1"] {
            assert!(bad.parse::<Cursor>().is_err(), "{bad}");
        }
    }
}
