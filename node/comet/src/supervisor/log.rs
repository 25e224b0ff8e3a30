//! CometBFT's log as part of ours, and its last lines when it ends or can no longer go on.

use std::{
    collections::VecDeque,
    io::{self, BufRead, BufReader, Read},
    os::unix::process::ExitStatusExt as _,
    process::ExitStatus,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Instant,
};

use diem_host::critical;
use parking_lot::Mutex;
use serde_json::{Map, Value};

use super::{
    advice::{Advice, NO_HEADER, OTHER_STATE, Outlook, advice},
    chunks::Chunks,
};

/// The number of last lines that are kept to explain an end.
const KEPT: usize = 12;
/// The most characters of a line that are shown or kept.
const MAX_SHOWN: usize = 2_000;
/// The most bytes of a line that are parsed; the rest is skipped. A line can quote what a peer sent.
const MAX_LINE: usize = 4 * 1024 * 1024;
/// The text that CometBFT logs when consensus has panicked. Its process lives on, and does nothing any more.
const CONSENSUS_FAILURE: &str = "CONSENSUS FAILURE";
/// The text that CometBFT logs when it refuses a block that more than two thirds have signed, while it catches up. It
/// asks other peers for the same block then, without end.
const BLOCK_REFUSED: &str = "Error in validation";
/// The text that CometBFT logs when a peer sends a vote of this node's own key that conflicts with the one it knows. It goes
/// on; but the key has signed twice, here or elsewhere.
const OWN_VOTES: &str = "found conflicting vote from ourselves";
/// The text that CometBFT logs when it takes no snapshot of a peer any more.
const SENDER_REJECTED: &str = "Snapshot sender rejected";

/// The texts that CometBFT logs when it waits for its remote signer, and when that has connected.
const SIGNER_AWAY: &str = "SignerListener: Blocking for connection";
const SIGNER_THERE: &str = "SignerListener: Connected";
/// What it logs again and again while that is away.
const SIGNER_PING: &str = "SignerListener: Ping timeout";
const SIGNER_ACCEPT: &str = "SignerListener: Error accepting connection";

/// Whether a remote signer is connected, as CometBFT said last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SignerSeen {
    /// CometBFT waits for it since this moment.
    Away(Instant),
    /// It has connected, and CometBFT has not missed it since.
    There,
}

/// The last lines of CometBFT, kept while it runs.
pub(super) struct LastWords {
    said: Arc<Said>,
    readers: Vec<JoinHandle<()>>,
}

/// The reason why CometBFT ended or cannot go on, as far as its log tells.
pub(super) struct Story {
    /// The text for people: how it ended, why, and what to do.
    pub(super) text: String,
    /// What a restart would bring.
    pub(super) outlook: Outlook,
}

/// The state that the readers of both streams and the supervisor share.
#[derive(Default)]
struct Said {
    lines: Mutex<VecDeque<String>>,
    /// The first line of the first panic. The lines after it are stacks of goroutines.
    panic: Mutex<Option<String>>,
    /// The reason why consensus has ended inside a process that lives on.
    failure: Mutex<Option<String>>,
    /// Set when this node stops: CometBFT's messages about lost peers and closed connections are then no warnings.
    stopping: Arc<AtomicBool>,
    /// Set when this CometBFT is stopped to be started anew.
    quiet: AtomicBool,
    /// Who was asked for chunks of a snapshot.
    chunks: Mutex<Chunks>,
    /// The remote signer, once CometBFT has said anything of one.
    signer: Mutex<Option<SignerSeen>>,
}

impl LastWords {
    /// Reads both streams to their end, each on a thread of its own. Once `stopping` is set, warnings are not shown.
    ///
    /// # Errors
    /// The system starts no more threads.
    pub(super) fn follow(
        stdout: Option<impl Read + Send + 'static>,
        stderr: Option<impl Read + Send + 'static>,
        stopping: Arc<AtomicBool>,
    ) -> io::Result<Self> {
        let said = Arc::new(Said { stopping, ..Said::default() });
        let mut readers = Vec::new();
        if let Some(pipe) = stdout {
            readers.push(read(pipe, &said)?);
        }
        if let Some(pipe) = stderr {
            readers.push(read(pipe, &said)?);
        }
        Ok(Self { said, readers })
    }

    /// Announces that this CometBFT is stopped to be started anew: its messages about that are no warnings.
    pub(super) fn quiet(&self) {
        self.said.quiet.store(true, Ordering::Relaxed);
    }

    /// Whether a remote signer is connected; `None` before CometBFT has said anything of one.
    pub(super) fn signer(&self) -> Option<SignerSeen> {
        *self.said.signer.lock()
    }

    /// The reason why consensus cannot go on although the process lives, once CometBFT has logged it.
    pub(super) fn failure(&self) -> Option<Story> {
        let reason = self.said.failure.lock().clone()?;
        let advice = advice(&reason);
        let words = advice.map_or_else(String::new, |advice| format!("{}; ", advice.text));
        Some(Story { text: format!("{words}it says: {reason}"), outlook: Outlook::Same })
    }

    /// Explains how the child ended and, as far as its log tells, why and what to do.
    pub(super) fn explain(self, status: ExitStatus) -> Story {
        for reader in self.readers {
            let _ = reader.join();
        }
        let how = match (status.code(), status.signal()) {
            (Some(code), _) => format!("exit code {code}"),
            (None, Some(signal)) => format!("killed by signal {signal}"),
            (None, None) => status.to_string(),
        };
        let lines = self.said.lines.lock();
        let failure = self.said.failure.lock().take();
        let panic = failure.clone().or_else(|| self.said.panic.lock().take());
        let last = match &panic {
            Some(panic) => panic.clone(),
            None => lines.iter().rev().take(3).rev().cloned().collect::<Vec<_>>().join(" | "),
        };
        let found = panic.iter().chain(lines.iter().rev()).find_map(|line| advice(line));
        let outlook = match found {
            _ if failure.is_some() => Outlook::Same,
            Some(advice) => advice.outlook,
            None => Outlook::Open,
        };
        let text = match (found, last.is_empty()) {
            (Some(Advice { text, .. }), _) => format!("{how}, {text}; its last words: {last}"),
            (None, false) => format!("{how}; its last words: {last}"),
            (None, true) => format!("{how}, without a word"),
        };
        Story { text, outlook }
    }
}

fn read(pipe: impl Read + Send + 'static, said: &Arc<Said>) -> io::Result<JoinHandle<()>> {
    let said = Arc::clone(said);
    // The thread is critical: a pipe that nobody reads any more would block CometBFT.
    critical::spawn("comet-log", move || {
        let mut pipe = BufReader::new(pipe);
        let (mut line, mut in_panic) = (Vec::new(), false);
        // The pipe ends with the child.
        while matches!(next_line(&mut pipe, &mut line), Ok(true)) {
            said.hear(String::from_utf8_lossy(&line).trim_end(), &mut in_panic);
        }
    })
}

/// Reads the next line, up to the most that is parsed; `false` at the end of the stream.
fn next_line(pipe: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let mut any = false;
    loop {
        let part = match pipe.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            part => part?,
        };
        if part.is_empty() {
            return Ok(any);
        }
        any = true;
        let end = part.iter().position(|byte| *byte == b'\n');
        let whole = end.unwrap_or(part.len());
        let room = MAX_LINE.saturating_sub(line.len()).min(whole);
        line.extend_from_slice(part.get(..room).unwrap_or_default());
        let used = end.map_or(whole, |end| end.saturating_add(1));
        pipe.consume(used);
        if end.is_some() {
            return Ok(true);
        }
    }
}

impl Said {
    /// Writes a line to our log, and keeps what may explain an end.
    fn hear(&self, line: &str, in_panic: &mut bool) {
        if line.is_empty() {
            return;
        }
        match serde_json::from_str(line) {
            Ok(Value::Object(fields)) => {
                *in_panic = false;
                self.hear_logger(fields);
            }
            _ => self.hear_raw(line, in_panic),
        }
    }

    /// Handles a line that CometBFT's logger has not written: a panic, or a complaint about the command line.
    fn hear_raw(&self, line: &str, in_panic: &mut bool) {
        let line = shown(line);
        if line.starts_with("panic: ") || line.starts_with("fatal error: ") {
            *in_panic = true;
            self.panic.lock().get_or_insert_with(|| line.clone());
        } else if *in_panic {
            // These are stacks of goroutines, and further lines of a panic, the first of which has the reason.
            tracing::debug!(target: "cometbft", "{line}");
            return;
        }
        if self.stopping.load(Ordering::Relaxed) {
            // What it was doing for the application fails, because that stops too.
            tracing::debug!(target: "cometbft", "{line}");
            return;
        }
        tracing::warn!(target: "cometbft", "{line}");
        self.keep(line);
    }

    fn hear_logger(&self, mut fields: Map<String, Value>) {
        let mut take = |name| match fields.remove(name) {
            Some(Value::String(text)) => text,
            Some(other) => other.to_string(),
            None => String::new(),
        };
        let (level, message, module, _) = (take("level"), take("_msg"), take("module"), take("ts"));
        if message.starts_with(CONSENSUS_FAILURE) {
            return self.hear_failure(&take("err"), &take("stack"));
        }
        if message.starts_with(OWN_VOTES) {
            return self.hear_failure("conflicting data: peers have another vote of this node's key", "");
        }
        if message == BLOCK_REFUSED
            && let Some(Value::String(reason)) = fields.get("err")
            && [NO_HEADER, OTHER_STATE].iter().any(|sign| reason.contains(sign))
        {
            return self.hear_failure(reason, "");
        }
        self.hear_signer(&message);
        let is_told = message == SIGNER_PING || (message == SIGNER_ACCEPT && rest(&fields).contains("i/o timeout"));
        if let Some(sentence) = self.chunks.lock().hear(&message, &fields) {
            tracing::warn!("{sentence}");
        }
        let text = shown(&format!("{message}{}", rest(&fields)));
        match level.as_str() {
            // That the signer is away is said once, in words.
            "error" if self.stops() || is_told => tracing::debug!(target: "cometbft", module, "{text}"),
            "error" => {
                tracing::warn!(target: "cometbft", module, "{text}");
                self.keep(text);
            }
            "info" if message == SENDER_REJECTED => tracing::warn!(target: "cometbft", module, "{text}"),
            "info" => tracing::debug!(target: "cometbft", module, "{text}"),
            _ => tracing::trace!(target: "cometbft", module, "{text}"),
        }
    }

    fn hear_signer(&self, message: &str) {
        let mut signer = self.signer.lock();
        match (message, *signer) {
            // It says so again at each try.
            (SIGNER_AWAY, Some(SignerSeen::Away(_))) => {}
            (SIGNER_AWAY, _) => *signer = Some(SignerSeen::Away(Instant::now())),
            (SIGNER_THERE, _) => *signer = Some(SignerSeen::There),
            _ => {}
        }
    }

    /// Whether CometBFT was asked to end.
    fn stops(&self) -> bool {
        self.stopping.load(Ordering::Relaxed) || self.quiet.load(Ordering::Relaxed)
    }

    fn hear_failure(&self, reason: &str, stack: &str) {
        let reason = shown(reason.lines().next().unwrap_or_default());
        if self.stops() {
            // The application has stopped first, and consensus cannot go on without it.
            tracing::debug!(target: "cometbft", "{CONSENSUS_FAILURE}: {reason}");
            return;
        }
        tracing::error!(target: "cometbft", "{CONSENSUS_FAILURE}: {reason}");
        tracing::debug!(target: "cometbft", "{stack}");
        self.failure.lock().get_or_insert(reason);
    }

    fn keep(&self, line: String) {
        let mut lines = self.lines.lock();
        if lines.len() >= KEPT {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}

/// The part of a text that is shown.
fn shown(text: &str) -> String {
    text.chars().take(MAX_SHOWN).collect()
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::time::{Duration, Instant};

    use super::*;

    fn follow(stdout: impl Into<Vec<u8>>, stderr: &'static str) -> LastWords {
        let stdout = io::Cursor::new(stdout.into());
        LastWords::follow(Some(stdout), Some(stderr.as_bytes()), Arc::default()).unwrap()
    }

    fn ended(code: i32, stdout: &str, stderr: &'static str) -> Story {
        follow(stdout, stderr).explain(ExitStatus::from_raw(code))
    }

    fn failed(line: String) -> Story {
        let (words, started) = (follow(line, ""), Instant::now());
        loop {
            if let Some(story) = words.failure() {
                return story;
            }
            assert!(started.elapsed() < Duration::from_secs(60), "the failure is not seen");
            std::thread::yield_now();
        }
    }

    #[test]
    fn an_end_is_explained_by_what_was_said_last() {
        let line = r#"{"_msg":"failed","err":"listen tcp 127.0.0.1:1: bind: address already in use","level":"error","module":"main","ts":"x"}"#;
        let story = ended(1 << 8, line, "");
        assert!(story.text.starts_with("exit code 1, one of its ports is taken"), "{}", story.text);
        assert!(story.text.contains("failed err=listen tcp") && story.outlook == Outlook::Open, "{}", story.text);
        assert_eq!(ended(9, "", "").text, "killed by signal 9, without a word");
        assert_eq!(ended(2 << 8, "", "unknown flag\n").text, "exit code 2; its last words: unknown flag");
    }

    #[test]
    fn of_a_panic_the_first_line_is_shown_and_not_the_bottom_of_its_stack() {
        let panic = "panic: state.AppHash does not match AppHash after replay. Got\nAB, expected CD.\n\nState: x\n\
                     goroutine 1 [running]:\nmain.main()\n\t/go/main.go:1\n";
        let story = ended(2 << 8, "", Box::leak([panic, &"\truntime.go\n".repeat(50)].concat().into_boxed_str()));
        let words = "its last words: panic: state.AppHash does not match AppHash after replay. Got";
        assert!(story.text.ends_with(words), "{}", story.text);
        assert!(story.text.contains("its blocks and the application's state do not fit together"), "{}", story.text);
        assert!(story.outlook == Outlook::Same, "another start ends the same way");
    }

    #[test]
    fn consensus_that_failed_in_a_process_that_lives_is_an_end() {
        // The line is as long as CometBFT's own lines with a stack: longer than what is shown of a line.
        let stack = "goroutine 77\\n".repeat(1_000);
        let line = format!(
            r#"{{"_msg":"CONSENSUS FAILURE!!!","err":"write /h/cs.wal/wal: no space left on device","level":"error","module":"consensus","stack":"{stack}"}}"#
        );
        let story = failed(line + "\n");
        assert!(story.text.contains("the disk is full") && story.text.contains("cs.wal"), "{}", story.text);
        assert!(!story.text.contains("goroutine"), "{}", story.text);
        // The same reason is found where the process did not live on.
        let died = r#"{"level":"error","err":"failed to write: disk quota exceeded","_msg":"CONSENSUS FAILURE!!!"}"#;
        let story = ended(9, died, "");
        assert!(
            story.outlook == Outlook::Same && story.text.starts_with("killed by signal 9, the disk is full"),
            "{}",
            story.text
        );
        let other = r#"{"stack":"x","level":"error","err":"failed to apply block; error x\n\nmore","_msg":"CONSENSUS FAILURE!!!"}"#;
        assert_eq!(failed(other.into()).text, "it says: failed to apply block; error x");
    }

    #[test]
    fn a_block_with_evidence_that_cannot_be_verified_is_an_end_also_while_catching_up() {
        let refused = |reason: &str| {
            format!(
                r#"{{"_msg":"Error in validation","err":"{reason}","height":7,"level":"error","module":"blocksync"}}"#
            )
        };
        let story = failed(refused("don't have header #5") + "\n");
        assert!(story.text.contains("`diemd join --again`") && story.text.ends_with("don't have header #5"));
        // Two thirds have signed another state than this node has computed: no peer has a block that it would take.
        let story = failed(refused("wrong Block.Header.AppHash.  Expected AB, got CD") + "\n");
        assert!(story.text.contains("`diemd rollback`"), "{}", story.text);
        // Any other block is asked for again from somebody else.
        let words = follow(refused("wrong Block.Header.ChainID"), "");
        assert!(words.explain(ExitStatus::from_raw(0)).text.contains("Error in validation"));
    }

    #[test]
    fn a_vote_of_the_own_key_that_somebody_else_has_made_is_an_end() {
        let line = r#"{"_msg":"found conflicting vote from ourselves; did you unsafe_reset a validator?","height":7,"level":"error","module":"consensus"}"#;
        let story = failed(format!("{line}\n"));
        assert!(story.text.contains(crate::supervisor::ONE_KEY), "{}", story.text);
    }

    #[test]
    fn a_line_without_an_end_does_not_fill_the_memory() {
        let endless = [&b"x".repeat(3 * MAX_LINE)[..], b"\nthe next\n"].concat();
        let mut pipe = BufReader::new(io::Cursor::new(endless));
        let mut line = Vec::new();
        assert!(next_line(&mut pipe, &mut line).unwrap());
        assert_eq!(line.len(), MAX_LINE);
        assert!(next_line(&mut pipe, &mut line).unwrap());
        assert_eq!(line, b"the next");
        assert!(!next_line(&mut pipe, &mut line).unwrap());
    }

    #[test]
    fn chatter_is_not_kept_and_neither_is_what_an_ordinary_stop_brings() {
        let said = Said::default();
        for line in [r#"{"_msg":"committed","level":"info","module":"state","ts":"x"}"#, ""] {
            said.hear(line, &mut false);
        }
        assert!(said.lines.lock().is_empty());
        said.hear("a complaint", &mut false);
        let lost = r#"{"_msg":"Stopping peer for error","level":"error","module":"p2p","err":"EOF"}"#;
        said.hear(lost, &mut false);
        assert_eq!(said.lines.lock().len(), 2);
        said.stopping.store(true, Ordering::Relaxed);
        said.hear(lost, &mut false);
        said.hear(r#"{"_msg":"CONSENSUS FAILURE!!!","level":"error","err":"EOF"}"#, &mut false);
        assert_eq!(said.lines.lock().len(), 2);
        assert!(said.failure.lock().is_none());
    }
}
