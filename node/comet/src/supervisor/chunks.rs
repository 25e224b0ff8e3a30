//! Peers that were asked for a chunk of a snapshot and have sent none. CometBFT asks another one, and says only as debugging
//! lines who was asked and who has answered.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// The texts that CometBFT logs about a chunk.
const REQUESTED: &str = "Requesting snapshot chunk";
const RECEIVED: &str = "Received chunk, adding to sync";
const NOT_ADDED: &str = "Failed to add chunk";
/// The reason of the last of them where the peer has no such chunk.
const EMPTY: &str = "cannot add nil chunk";

/// A chunk: the height of its snapshot, and its place.
type Chunk = (u64, u64);

/// Who was asked for which chunk, and who has answered.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    asked: BTreeMap<Chunk, String>,
    answered: BTreeMap<Chunk, String>,
}

impl Chunks {
    /// Takes note of a line of CometBFT's log. Where it shows that a peer has sent nothing, the sentence names it.
    pub(super) fn hear(&mut self, message: &str, fields: &Map<String, Value>) -> Option<String> {
        if ![REQUESTED, RECEIVED, NOT_ADDED].contains(&message) {
            return None;
        }
        let number = |name| fields.get(name).and_then(Value::as_u64);
        let chunk @ (height, at) = (number("height")?, number("chunk")?);
        let peer = || fields.get("peer").and_then(Value::as_str).map(str::to_owned);
        match message {
            REQUESTED => {
                let silent = self.asked.insert(chunk, peer()?)?;
                Some(format!(
                    "peer {silent} has not answered for chunk {at} of the snapshot of {height}: another is asked"
                ))
            }
            RECEIVED => {
                self.asked.remove(&chunk);
                self.answered.insert(chunk, peer()?);
                None
            }
            _ => {
                let is_empty = fields.get("err").and_then(Value::as_str) == Some(EMPTY);
                let empty = self.answered.remove(&chunk).filter(|_| is_empty)?;
                Some(format!("peer {empty} offers the snapshot of {height} and sends nothing of chunk {at}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    #[test]
    fn who_sends_nothing_is_named_and_who_sends_is_not() {
        let mut chunks = Chunks::default();
        let mut hear = |message: &str, chunk: u64, peer: &str, err: &str| {
            let line = json!({ "height": 7, "format": 1, "chunk": chunk, "peer": peer, "err": err });
            chunks.hear(message, line.as_object().unwrap())
        };
        assert_eq!(hear("Discovered new snapshot", 0, "aa", ""), None);
        assert_eq!(hear(REQUESTED, 0, "aa", ""), None);
        assert_eq!(hear(REQUESTED, 1, "bb", ""), None);
        assert_eq!(hear(RECEIVED, 1, "bb", ""), None);
        let silent = hear(REQUESTED, 0, "cc", "").unwrap();
        assert_eq!(silent, "peer aa has not answered for chunk 0 of the snapshot of 7: another is asked");
        assert_eq!(hear(RECEIVED, 0, "cc", ""), None);
        let empty = hear(NOT_ADDED, 0, "", EMPTY).unwrap();
        assert_eq!(empty, "peer cc offers the snapshot of 7 and sends nothing of chunk 0");
        // What was answered is asked for anew where it was wrong, and one that came twice is nobody's fault.
        assert_eq!(hear(REQUESTED, 1, "aa", ""), None);
        assert_eq!(hear(NOT_ADDED, 1, "", "unexpected chunk"), None);
    }
}
