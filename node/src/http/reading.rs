//! Reading one committed state: every answer, and every page that follows a cursor, is of one height.

use std::{fmt::Display, num::NonZeroU64, str::FromStr};

use axum::Json;
use diem_client::api::{At, HttpError, MAX_PAGE, Moment, Page, Proof};
use diem_core::{Address, Time, clock};
use diem_store::Snapshot;
use diem_types::{Answer, Query as Question};
use serde::Deserialize;

use super::{
    Api,
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

/// `?height=&cursor=&limit=`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListParams {
    height: Option<u64>,
    cursor: Option<String>,
    limit: Option<u32>,
}

/// A committed state.
pub(crate) struct Reader {
    snapshot: Snapshot,
    epoch_ms: NonZeroU64,
}

impl Reader {
    pub(crate) fn new(snapshot: Snapshot) -> Self {
        let epoch_ms = clock::epoch_ms(&snapshot);
        Self { snapshot, epoch_ms }
    }

    /// The state at a committed height; the latest if none is given.
    pub(crate) fn at(api: &Api, height: Option<u64>) -> Result<Self, Failure> {
        Ok(Self::new(api.node.app.snapshot(height)?))
    }

    pub(crate) const fn snapshot(&self) -> &Snapshot {
        &self.snapshot
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

    pub(crate) fn bank(&self, query: diem_bank::Query) -> Result<diem_bank::Answer, Failure> {
        match self.ask(Question::Bank(query))? {
            Answer::Bank(answer) => Ok(answer),
            _ => Err(wrong_answer()),
        }
    }

    pub(crate) fn staking(&self, query: diem_staking::Query) -> Result<diem_staking::Answer, Failure> {
        match self.ask(Question::Staking(query))? {
            Answer::Staking(answer) => Ok(answer),
            _ => Err(wrong_answer()),
        }
    }

    pub(crate) fn svvv(&self, query: diem_svvv::Query) -> Result<diem_svvv::Answer, Failure> {
        match self.ask(Question::Svvv(query))? {
            Answer::Svvv(answer) => Ok(answer),
            _ => Err(wrong_answer()),
        }
    }

    pub(crate) fn diem(&self, query: diem_diem::Query) -> Result<diem_diem::Answer, Failure> {
        match self.ask(Question::Diem(query))? {
            Answer::Diem(answer) => Ok(answer),
            _ => Err(wrong_answer()),
        }
    }

    pub(crate) fn emissions(&self, query: diem_emissions::Query) -> Result<diem_emissions::Answer, Failure> {
        match self.ask(Question::Emissions(query))? {
            Answer::Emissions(answer) => Ok(answer),
            _ => Err(wrong_answer()),
        }
    }

    pub(crate) fn credits(&self, query: diem_credits::Query) -> Result<diem_credits::Answer, Failure> {
        match self.ask(Question::Credits(query))? {
            Answer::Credits(answer) => Ok(answer),
            _ => Err(wrong_answer()),
        }
    }

    fn ask(&self, question: Question) -> Result<Answer, Failure> {
        Ok(diem_runtime::answer(&self.snapshot, question)?)
    }

    fn answer<T>(&self, answer: T, proof: Option<Proof>) -> At<T> {
        At { height: self.height(), time: self.time(), epoch: self.epoch(), answer, proof }
    }
}

/// A module answered another question than it was asked: a fault of ours.
pub(crate) fn wrong_answer() -> Failure {
    HttpError::Internal.into()
}

/// Reads off the async threads: an answer can be many rows.
pub(crate) async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(read).await.map_err(|_| HttpError::Internal)?
}

/// Answers from the state at `height`.
pub(crate) async fn answer<T: Send + 'static>(
    api: &Api,
    height: Option<u64>,
    read: impl FnOnce(&Reader) -> Result<T, Failure> + Send + 'static,
) -> Result<Json<At<T>>, Failure> {
    let reader = Reader::at(api, height)?;
    blocking(move || Ok(Json(reader.answer(read(&reader)?, None)))).await
}

/// The same, with a proof of the row `key` if it is asked for.
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
    let reader = Reader::new(snapshot);
    blocking(move || Ok(Json(reader.answer(read(&reader)?, Some(proof))))).await
}

/// A page of a list: which part of it was asked for.
pub(crate) struct Part<K> {
    /// Where it starts; the first item if there is none.
    pub(crate) cursor: Option<K>,
    /// How many items at most.
    pub(crate) limit: usize,
}

/// Answers with a page. `read` gives the items, and the key of the next page if there is more.
pub(crate) async fn answer_page<K: Key, T: Send + 'static>(
    api: &Api,
    params: ListParams,
    read: impl FnOnce(&Reader, &Part<K>) -> Result<(Vec<T>, Option<K>), Failure> + Send + 'static,
) -> Result<Json<At<Page<T>>>, Failure> {
    let (height, part) = params.part::<K>()?;
    answer(api, height, move |reader| {
        let (items, next) = read(reader, &part)?;
        Ok(Page { items, next: next.map(|key| cursor(reader.height(), key)) })
    })
    .await
}

impl ListParams {
    /// The height and the part of a list; a cursor brings its height along.
    pub(crate) fn part<K: Key>(&self) -> Result<(Option<u64>, Part<K>), Failure> {
        let limit = page_size(self.limit, MAX_PAGE)? as usize;
        let Some(cursor) = &self.cursor else { return Ok((self.height, Part { cursor: None, limit })) };
        let Cursor { height, key } = parse(cursor)?;
        if self.height.is_some_and(|other| other != height) {
            let words = format!("the cursor is of height {height}: leave out height, or start without a cursor");
            return Err(HttpError::BadRequest(words).into());
        }
        Ok((Some(height), Part { cursor: Some(key), limit }))
    }
}

/// What a cursor can stand on.
pub(crate) trait Key: FromStr + Display + Send + 'static {}
impl Key for u64 {}
impl Key for Address {}

/// The text of a cursor.
pub(crate) fn cursor(height: u64, key: impl Key) -> String {
    format!("{height}.{key}")
}

/// `height.key`.
struct Cursor<K> {
    height: u64,
    key: K,
}

impl<K: Key> FromStr for Cursor<K> {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('.').and_then(|(height, key)| Some((height.parse().ok()?, key.parse().ok()?)));
        let (height, key) = parts.ok_or("this is no cursor: give back `next` of the page before as it is")?;
        Ok(Self { height, key })
    }
}

impl<K: Copy> Part<K> {
    /// Cuts rows that begin after the cursor to a page; the next one goes on after its last row.
    pub(crate) fn cut_after<R>(&self, mut rows: Vec<R>, key: impl Fn(&R) -> K) -> (Vec<R>, Option<K>) {
        let more = rows.len() > self.limit;
        rows.truncate(self.limit);
        let next = rows.last().filter(|_| more).map(key);
        (rows, next)
    }

    /// Cuts rows that begin with the cursor to a page; the next one begins with the first row left out.
    pub(crate) fn cut_from<R>(&self, mut rows: Vec<R>, key: impl Fn(&R) -> K) -> (Vec<R>, Option<K>) {
        let next = rows.get(self.limit).map(key);
        rows.truncate(self.limit);
        (rows, next)
    }

    /// One more than the page holds, to see whether there is more.
    pub(crate) fn one_more(&self) -> u16 {
        u16::try_from(self.limit.saturating_add(1)).unwrap_or(u16::MAX)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_cursor_is_a_height_and_a_key_and_is_read_back() {
        let address = Address([7; 20]);
        let Cursor { height, key } = cursor(12, address).parse::<Cursor<Address>>().unwrap();
        assert_eq!((height, key), (12, address));
        let Cursor { height, key } = cursor(12, 3).parse::<Cursor<u64>>().unwrap();
        assert_eq!((height, key), (12, 3));
        for bad in ["", ".", "12", "12.", ".3", "12.3.4", "x.3", "12.-3", "12.diem1qq"] {
            assert!(bad.parse::<Cursor<u64>>().is_err() && bad.parse::<Cursor<Address>>().is_err(), "{bad}");
        }
    }

    #[test]
    fn pages_follow_each_other_without_gaps_or_doubles() {
        let all: Vec<u64> = (0..10).collect();
        for limit in 1..12 {
            let (mut after, mut from) = (Part { cursor: None, limit }, Part { cursor: None, limit });
            let (mut by_after, mut by_from) = (Vec::new(), Vec::new());
            loop {
                let rows = all.iter().copied().filter(|row| after.cursor.is_none_or(|last| *row > last)).collect();
                let (rows, next) = after.cut_after(rows, |row| *row);
                by_after.extend(rows);
                after.cursor = next;
                if next.is_none() {
                    break;
                }
            }
            loop {
                let rows = all.iter().copied().filter(|row| from.cursor.is_none_or(|first| *row >= first)).collect();
                let (rows, next) = from.cut_from(rows, |row| *row);
                by_from.extend(rows);
                from.cursor = next;
                if next.is_none() {
                    break;
                }
            }
            assert_eq!((&by_after, &by_from), (&all, &all), "{limit}");
        }
    }
}
