//! CometBFT's log as part of ours, and its last words when it ends.

use std::{
    collections::VecDeque,
    io::{BufRead as _, BufReader, Read},
    os::unix::process::ExitStatusExt as _,
    process::ExitStatus,
    sync::Arc,
    thread::JoinHandle,
};

use parking_lot::Mutex;
use serde_json::{Map, Value};

/// How many lines are kept to explain an end.
const KEPT: usize = 12;
/// What of a line is kept.
const MAX_LINE: usize = 2_000;

/// What CometBFT said last.
pub(super) struct LastWords {
    lines: Arc<Mutex<VecDeque<String>>>,
    readers: Vec<JoinHandle<()>>,
}

impl LastWords {
    /// Reads both streams to their end, each on a thread of its own.
    pub(super) fn follow(
        stdout: Option<impl Read + Send + 'static>,
        stderr: Option<impl Read + Send + 'static>,
    ) -> Self {
        let lines = Arc::new(Mutex::new(VecDeque::new()));
        let readers = [stdout.map(|pipe| read(pipe, &lines)), stderr.map(|pipe| read(pipe, &lines))];
        Self { lines, readers: readers.into_iter().flatten().collect() }
    }

    /// How the child ended and, as far as its words tell, why and what to do.
    pub(super) fn explain(self, status: ExitStatus) -> String {
        for reader in self.readers {
            let _ = reader.join();
        }
        let lines = self.lines.lock();
        let how = match (status.code(), status.signal()) {
            (Some(code), _) => format!("exit code {code}"),
            (None, Some(signal)) => format!("killed by signal {signal}"),
            (None, None) => status.to_string(),
        };
        let advice = lines.iter().rev().find_map(|line| advice(line));
        let last = lines.iter().rev().take(3).rev().cloned().collect::<Vec<_>>().join(" | ");
        match (advice, last.is_empty()) {
            (Some(advice), _) => format!("{how}, {advice}; its last words: {last}"),
            (None, false) => format!("{how}; its last words: {last}"),
            (None, true) => format!("{how}, without a word"),
        }
    }
}

fn read(pipe: impl Read + Send + 'static, lines: &Arc<Mutex<VecDeque<String>>>) -> JoinHandle<()> {
    let lines = Arc::clone(lines);
    std::thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        // The pipe ends with the child.
        while matches!(pipe.read_until(b'\n', &mut line), Ok(read) if read > 0) {
            let text = String::from_utf8_lossy(&line);
            if let Some(kept) = fold(text.trim_end()) {
                let mut lines = lines.lock();
                if lines.len() >= KEPT {
                    lines.pop_front();
                }
                lines.push_back(kept);
            }
            line.clear();
        }
    })
}

/// Hands a line to our log; what is worth keeping to explain an end is returned.
fn fold(line: &str) -> Option<String> {
    if line.is_empty() {
        return None;
    }
    let line: String = line.chars().take(MAX_LINE).collect();
    let Ok(Value::Object(mut fields)) = serde_json::from_str(&line) else {
        // Not its logger: a panic or a complaint about the command line.
        tracing::warn!(target: "cometbft", "{line}");
        return Some(line);
    };
    let mut take = |name| match fields.remove(name) {
        Some(Value::String(text)) => text,
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let (level, message, module, _) = (take("level"), take("_msg"), take("module"), take("ts"));
    let text = format!("{message}{}", rest(&fields));
    match level.as_str() {
        "error" => {
            tracing::warn!(target: "cometbft", module, "{text}");
            Some(text)
        }
        "info" => {
            tracing::debug!(target: "cometbft", module, "{text}");
            None
        }
        _ => {
            tracing::trace!(target: "cometbft", module, "{text}");
            None
        }
    }
}

fn rest(fields: &Map<String, Value>) -> String {
    fields
        .iter()
        .map(|(name, value)| match value {
            Value::String(text) => format!(" {name}={text}"),
            other => format!(" {name}={other}"),
        })
        .collect()
}

/// What to do about an end, where its words say what was wrong.
fn advice(line: &str) -> Option<&'static str> {
    const KNOWN: &[(&str, &str)] = &[
        (
            "address already in use",
            "one of its ports is taken: stop the other program or change the port in diemd's configuration",
        ),
        ("resource temporarily unavailable", "another process uses its data: stop that node first"),
        ("no space left on device", "the disk is full: make room and start again"),
        ("read-only file system", "the disk is read-only: mount it writable"),
        ("permission denied", "it may not use its files: check who owns the node's home"),
        ("too many open files", "the limit of open files is too low: raise it (ulimit -n)"),
        (
            "conflicting data",
            "its own vote conflicts with one that it signed before: make sure that this key runs once only",
        ),
        (
            "app block height",
            "its blocks and the application's state do not fit together: roll back or restore one of them",
        ),
        (
            "wrong Block.Header.AppHash",
            "this node computes another state than the network: check its version, then sync again",
        ),
        (
            "error on replay",
            "its blocks and the application's state do not fit together: roll back or restore one of them",
        ),
    ];
    let lower = line.to_lowercase();
    KNOWN.iter().find(|(sign, _)| lower.contains(&sign.to_lowercase())).map(|(_, advice)| *advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(code: i32, stdout: &'static str, stderr: &'static str) -> String {
        let words = LastWords::follow(Some(stdout.as_bytes()), Some(stderr.as_bytes()));
        words.explain(ExitStatus::from_raw(code))
    }

    #[test]
    fn an_end_is_explained_by_what_was_said_last() {
        let line = r#"{"_msg":"failed","err":"listen tcp 127.0.0.1:1: bind: address already in use","level":"error","module":"main","ts":"x"}"#;
        let story = ended(1 << 8, line, "");
        assert!(story.starts_with("exit code 1, one of its ports is taken"), "{story}");
        assert!(story.contains("failed err=listen tcp"), "{story}");
        assert_eq!(ended(9, "", ""), "killed by signal 9, without a word");
        let story = ended(2 << 8, "", "panic: what\n\ngoroutine 1\n");
        assert_eq!(story, "exit code 2; its last words: panic: what | goroutine 1");
    }

    #[test]
    fn chatter_is_not_kept() {
        assert_eq!(fold(r#"{"_msg":"committed","level":"info","module":"state","ts":"x"}"#), None);
        assert_eq!(fold(""), None);
        assert_eq!(fold("panic: x"), Some("panic: x".into()));
    }
}
