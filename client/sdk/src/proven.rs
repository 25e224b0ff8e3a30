//! Questions of a module that are answered from proven rows alone: the module's own function runs here, on a state that
//! holds the rows which it reads and no others.

use std::{collections::BTreeMap, sync::Mutex};

use diem_core::{Key, StateRead, Time, Value};

use crate::{LightClient, LightError};

/// The most rows that a question may read.
const MAX_ROWS: usize = 64;

/// An answer that follows from proven rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenAnswer<T> {
    /// The answer.
    pub answer: T,
    /// The height after which it holds.
    pub height: u64,
    /// The time of the signed header.
    pub header_time: Time,
    /// The root of the state.
    pub root: [u8; 32],
}

impl LightClient {
    /// Answers a question from the state after `height`, by default the newest that can be proven. The question looks up
    /// rows by their keys, 64 at most: that a range is complete cannot be proven. It is asked several times, as
    /// rows become known.
    ///
    /// # Errors
    /// [`LightError`] says what does not hold.
    pub async fn ask<T>(
        &mut self,
        height: Option<u64>,
        question: impl Fn(&dyn StateRead) -> T,
    ) -> Result<ProvenAnswer<T>, LightError> {
        let mut rows = Rows::default();
        let mut proven = None;
        loop {
            let answer = question(&rows);
            let missing = rows.take_missing().ok_or(LightError::Unprovable)?;
            match (missing.is_empty(), proven) {
                (true, Some((height, header_time, root))) => {
                    return Ok(ProvenAnswer { answer, height, header_time, root });
                }
                (true, None) => return Err(LightError::Unprovable),
                (false, _) if rows.known.len().saturating_add(missing.len()) > MAX_ROWS => {
                    return Err(LightError::Unprovable);
                }
                (false, _) => {}
            }
            for key in missing {
                let at = proven.map(|(height, ..)| height).or(height);
                let (_, row) = self.row(&key, at).await?;
                proven = Some((row.height, row.header_time, row.root));
                rows.known.insert(key, row.value);
            }
        }
    }
}

/// A state that holds proven rows and notes which others are looked up.
#[derive(Default)]
struct Rows {
    known: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    asked: Mutex<Asked>,
}

#[derive(Default)]
struct Asked {
    missing: Vec<Vec<u8>>,
    is_a_range: bool,
}

impl Rows {
    /// The keys of rows that were looked up and are not known; `None` if a range was read.
    fn take_missing(&self) -> Option<Vec<Vec<u8>>> {
        let Asked { missing, is_a_range } = std::mem::take(&mut *self.asked.lock().ok()?);
        (!is_a_range).then_some(missing)
    }
}

impl StateRead for Rows {
    fn get(&self, key: &[u8]) -> Option<Value> {
        if let Some(row) = self.known.get(key) {
            return row.as_ref().map(|value| Value::from_slice(value));
        }
        if let Ok(mut asked) = self.asked.lock()
            && !asked.missing.iter().any(|missing| missing == key)
        {
            asked.missing.push(key.to_vec());
        }
        None
    }

    fn range(&self, _start: &[u8], _end: Option<&[u8]>, _limit: usize) -> Vec<(Key, Value)> {
        if let Ok(mut asked) = self.asked.lock() {
            asked.is_a_range = true;
        }
        Vec::new()
    }
}
