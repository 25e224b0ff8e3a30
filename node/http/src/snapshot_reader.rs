//! Reads of one committed state: every answer, and every page that follows a cursor, is of one height.

use std::num::NonZeroU64;

use axum::Json;
use diem_api::{At, HttpError, List, MAX_PAGE, Moment, Page, Proof};
use diem_core::{QueryContext, Time, clock};
use diem_store::Snapshot;
use serde::Deserialize;

use super::{
    Api,
    cursor::{Branch, Cursor, Key},
    error::Failure,
    params::{page_size, parse},
    proving::prove,
};

/// `?height=`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HeightParams {
    pub(crate) height: Option<u64>,
}

/// `?height=&prove=true`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProveParams {
    pub(crate) height: Option<u64>,
    #[serde(default)]
    pub(crate) prove: bool,
}

/// `?height=&after=&limit=`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListParams {
    pub(crate) height: Option<u64>,
    pub(crate) after: Option<String>,
    pub(crate) limit: Option<u32>,
}

/// A reader of one committed state.
pub(crate) struct Reader {
    snapshot: Snapshot,
    epoch_ms: NonZeroU64,
    first_block: u64,
}

impl Reader {
    /// A reader of a state, on a node whose first block is `first_block`.
    pub(crate) fn new(snapshot: Snapshot, first_block: u64) -> Self {
        let epoch_ms = clock::epoch_ms(&snapshot);
        Self { snapshot, epoch_ms, first_block }
    }

    /// A reader of the state at a committed height, by default the latest.
    pub(crate) fn at(api: &Api, height: Option<u64>) -> Result<Self, Failure> {
        Ok(Self::new(api.state(height)?, api.node.app.first_block()))
    }

    pub(crate) const fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The first height of which this node has block and events.
    pub(crate) const fn first_block(&self) -> u64 {
        self.first_block
    }

    /// What the questions of the modules are asked with.
    pub(crate) fn ctx(&self) -> QueryContext<'_> {
        self.snapshot.context()
    }

    pub(crate) fn height(&self) -> u64 {
        self.snapshot.height()
    }

    pub(crate) fn time(&self) -> Time {
        Time(self.snapshot.time_ms())
    }

    pub(crate) const fn epoch_ms(&self) -> NonZeroU64 {
        self.epoch_ms
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.moment(self.time()).epoch
    }

    pub(crate) fn moment(&self, time: Time) -> Moment {
        Moment { time, epoch: time.epoch(self.epoch_ms) }
    }

    fn branch(&self) -> Branch {
        Branch::of(&self.snapshot.root())
    }

    /// Makes a page of a list of this state.
    pub(crate) fn page<T>(&self, items: Vec<T>, next: Option<impl Key>) -> List<T> {
        let next = next.map(|key| Cursor { height: self.height(), branch: self.branch(), key }.to_string());
        self.answer(Page { items, next }, None)
    }

    /// Makes an answer with the height, time and epoch of its state.
    pub(crate) fn answer<T>(&self, answer: T, proof: Option<Proof>) -> At<T> {
        At { height: self.height(), time: self.time(), epoch: self.epoch(), answer, proof }
    }
}

/// Answers from the state at `height`.
pub(crate) async fn answer<T: Send + 'static>(
    api: &Api,
    height: Option<u64>,
    read: impl FnOnce(&Reader) -> Result<T, Failure> + Send + 'static,
) -> Result<Json<At<T>>, Failure> {
    let reader = Reader::at(api, height)?;
    api.read(move || Ok(Json(reader.answer(read(&reader)?, None)))).await
}

/// Answers from the state at `height`, with a proof of the row `key` if it is asked for.
pub(crate) async fn answer_proven<T: Send + 'static>(
    api: &Api,
    params: ProveParams,
    key: &[u8],
    read: impl FnOnce(&Reader) -> Result<T, Failure> + Send + 'static,
) -> Result<Json<At<T>>, Failure> {
    if !params.prove {
        return answer(api, params.height, read).await;
    }
    let (snapshot, proof) = prove(api, key.to_vec(), params.height).await?;
    let reader = Reader::new(snapshot, api.node.app.first_block());
    api.read(move || Ok(Json(reader.answer(read(&reader)?, Some(proof))))).await
}

/// The part of a list that a page was asked for.
pub(crate) struct Part<K> {
    /// The place after which the page starts; `None` means the first item.
    pub(crate) cursor: Option<K>,
    /// The most items of the page.
    pub(crate) limit: usize,
}

/// Answers with a page. `read` gives the items, and the key of the next page if there is more.
pub(crate) async fn answer_page<K: Key, T: Send + 'static>(
    api: &Api,
    params: ListParams,
    read: impl FnOnce(&Reader, &Part<K>) -> Result<(Vec<T>, Option<K>), Failure> + Send + 'static,
) -> Result<Json<List<T>>, Failure> {
    let (reader, part) = params.open(api)?;
    api.read(move || {
        let (items, next) = read(&reader, &part)?;
        Ok(Json(reader.page(items, next)))
    })
    .await
}

impl ListParams {
    /// Opens the state of the list and the part of it that was asked for; a cursor brings its height along.
    pub(crate) fn open<K: Key>(&self, api: &Api) -> Result<(Reader, Part<K>), Failure> {
        let limit = page_size(self.limit, MAX_PAGE)? as usize;
        let cursor: Option<Cursor<K>> = self.after.as_deref().map(parse).transpose()?;
        let Some(Cursor { height, branch, key }) = cursor else {
            return Ok((Reader::at(api, self.height)?, Part { cursor: None, limit }));
        };
        if self.height.is_some_and(|other| other != height) {
            let words = format!("the cursor is of height {height}: leave out height, or start without a cursor");
            return Err(HttpError::BadRequest(words).into());
        }
        let reader = Reader::at(api, Some(height))?;
        branch.must_be(reader.branch(), height)?;
        Ok((reader, Part { cursor: Some(key), limit }))
    }
}

impl<K: Copy> Part<K> {
    /// The page that a module is asked for: one row more than is answered, which shows whether there is more.
    pub(crate) fn page(&self) -> diem_core::Page<K> {
        diem_core::Page { after: self.cursor, limit: self.one_more() }
    }

    /// Cuts rows that begin after the cursor to a page; the next page goes on after its last row.
    pub(crate) fn cut_after<R>(&self, mut rows: Vec<R>, key: impl Fn(&R) -> K) -> (Vec<R>, Option<K>) {
        let more = rows.len() > self.limit;
        rows.truncate(self.limit);
        let next = rows.last().filter(|_| more).map(key);
        (rows, next)
    }

    /// Cuts a list that was read whole to a page; the cursor of the next page is the number of items before it.
    pub(crate) fn cut_whole<R>(&self, rows: Vec<R>) -> (Vec<R>, Option<u64>)
    where
        K: Into<u64>,
    {
        let seen = self.cursor.map_or(0, Into::into);
        let all = rows.len();
        let start = usize::try_from(seen).unwrap_or(usize::MAX);
        let rows: Vec<R> = rows.into_iter().skip(start).take(self.limit).collect();
        let end = seen.saturating_add(rows.len() as u64);
        (rows, (end < all as u64).then_some(end))
    }

    /// The limit of the page plus one, to see whether there is more.
    pub(crate) fn one_more(&self) -> u16 {
        u16::try_from(self.limit.saturating_add(1)).unwrap_or(u16::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_without_gaps_or_doubles() {
        let all: Vec<u64> = (0..10).collect();
        for limit in 1..12 {
            let (mut after, mut by_after) = (Part { cursor: None, limit }, Vec::new());
            loop {
                let rows = all.iter().copied().filter(|row| after.cursor.is_none_or(|last| *row > last)).collect();
                let (rows, next) = after.cut_after(rows, |row| *row);
                by_after.extend(rows);
                after.cursor = next;
                if next.is_none() {
                    break;
                }
            }
            let (mut whole, mut of_whole) = (Part { cursor: None, limit }, Vec::new());
            loop {
                let (rows, next) = whole.cut_whole(all.clone());
                of_whole.extend(rows);
                whole.cursor = next;
                if next.is_none() {
                    break;
                }
            }
            assert_eq!((&by_after, &of_whole), (&all, &all), "{limit}");
        }
    }
}
