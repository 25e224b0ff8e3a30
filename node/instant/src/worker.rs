//! The one thread that makes blocks. Everything that changes the chain comes to it as a command.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, TryRecvError},
    },
    time::Instant,
};

use diem_core::{Fatal, Time};
use diem_engine::engine::{BlockMode, EngineError, Incoming, SnapshotId, SubmitError, Warp};
use tokio::sync::{oneshot, watch};

use super::producer::Producer;

/// The most blocks that one command makes: seconds of work, so that the answer comes while someone waits for it.
pub(super) const MAX_MINED: u64 = 10_000;

/// The most transactions that are checked before a block is made of them.
const MAX_GATHERED: usize = 10_000;

type Reply<T> = oneshot::Sender<Result<T, EngineError>>;

/// A command for the worker.
pub(crate) enum Command {
    /// Statements of validators wait in the application.
    StatementsWait,
    Submit {
        txs: Vec<Incoming>,
        reply: oneshot::Sender<Vec<Result<(), SubmitError>>>,
    },
    Mine {
        count: u64,
        reply: Reply<u64>,
    },
    /// Makes an empty block if the chain is one short of this height and nothing else will make it soon.
    Reach {
        height: u64,
        reply: Reply<()>,
    },
    Warp {
        warp: Warp,
        reply: Reply<Time>,
    },
    NextTime {
        reply: Reply<Time>,
    },
    Snapshot {
        reply: Reply<(SnapshotId, u64)>,
    },
    Revert {
        id: SnapshotId,
        reply: Reply<u64>,
    },
    Absences {
        absent: Vec<[u8; 20]>,
        blocks: u64,
        reply: Reply<()>,
    },
    Equivocation {
        validator: [u8; 20],
        reply: Reply<()>,
    },
    SetMode {
        mode: BlockMode,
        reply: Reply<()>,
    },
    Stop,
}

/// Sends the answer to a command. An error of the disk ends the engine after that.
fn answer<T>(reply: Reply<T>, answer: Result<T, EngineError>) -> Result<(), Fatal> {
    let fatal = match &answer {
        Err(EngineError::Fatal(why)) => Err(Fatal(why.clone())),
        _ => Ok(()),
    };
    // The send fails if the caller has left; nobody misses the answer.
    let _ = reply.send(answer);
    fatal
}

/// Whether the worker goes on after a command.
enum Next {
    Go,
    Stop,
}

/// The worker: it owns the producer and takes its commands.
pub(crate) struct Worker {
    producer: Producer,
    inbox: Receiver<Command>,
    mode: BlockMode,
    /// The moment at which the timer makes the next block.
    due: Instant,
    /// Whether the timer made a block since the last command.
    timer_was_last: bool,
    /// The number of transactions that it has checked.
    checked: watch::Sender<u64>,
    /// Set when the engine is about to stop: mining ends after the block that is being made.
    stopping: Arc<AtomicBool>,
    on_fatal: Arc<dyn Fn(&str) + Send + Sync>,
}

impl Worker {
    pub(crate) fn new(
        producer: Producer,
        inbox: Receiver<Command>,
        mode: BlockMode,
        checked: watch::Sender<u64>,
        stopping: Arc<AtomicBool>,
        on_fatal: Arc<dyn Fn(&str) + Send + Sync>,
    ) -> Self {
        Self { producer, inbox, mode, due: Instant::now(), timer_was_last: false, checked, stopping, on_fatal }
    }

    /// Works until it is told to stop, nobody is left to command it, or the application fails.
    pub(crate) fn run(mut self) {
        loop {
            match self.turn() {
                Ok(Next::Go) => {}
                Ok(Next::Stop) => return,
                Err(fatal) => return (self.on_fatal)(&fatal.0),
            }
        }
    }

    fn turn(&mut self) -> Result<Next, Fatal> {
        let first = match self.mode {
            BlockMode::Every(period) => {
                let left = self.due.saturating_duration_since(Instant::now());
                // The deadline holds also under a flood of transactions, so that the timer is not starved. Neither are
                // commands where a block takes longer than the period: between two blocks those that wait have a turn.
                let received = if left.is_zero() && !self.timer_was_last {
                    Err(RecvTimeoutError::Timeout)
                } else {
                    self.inbox.recv_timeout(left)
                };
                self.timer_was_last = matches!(received, Err(RecvTimeoutError::Timeout));
                match received {
                    Err(RecvTimeoutError::Timeout) => {
                        self.due = Instant::now().checked_add(period).unwrap_or(self.due);
                        self.producer.make_block(true)?;
                        return Ok(Next::Go);
                    }
                    Err(RecvTimeoutError::Disconnected) => return Ok(Next::Stop),
                    Ok(command) => command,
                }
            }
            BlockMode::OnDemand => match self.next_before_a_batch() {
                Err(RecvTimeoutError::Timeout) => {
                    self.producer.seal_batch()?;
                    return Ok(Next::Go);
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(Next::Stop),
                Ok(command) => command,
            },
            BlockMode::Manual => match self.inbox.recv() {
                Err(_) => return Ok(Next::Stop),
                Ok(command) => command,
            },
        };
        let next = self.run_all_waiting(first)?;
        if let Next::Go = next {
            self.flush()?;
        }
        Ok(next)
    }

    /// Waits for the next command, but no longer than until a batch of the bridge can be sealed: that takes a block, and
    /// nobody may send a transaction for a long time.
    fn next_before_a_batch(&self) -> Result<Command, RecvTimeoutError> {
        match self.producer.batch_due_in() {
            Some(left) => self.inbox.recv_timeout(left),
            None => self.inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    /// Carries out all commands that wait. Transactions that have come together share a block, up to a bound; those
    /// that it has no room for come in the next. Other commands see the blocks of the transactions before them.
    fn run_all_waiting(&mut self, first: Command) -> Result<Next, Fatal> {
        let mut command = first;
        let mut gathered = 0usize;
        loop {
            let submitted = match &command {
                Command::Submit { txs, .. } => Some(txs.len()),
                _ => None,
            };
            if submitted.is_none() {
                self.flush()?;
            }
            if let Next::Stop = self.obey(command)? {
                return Ok(Next::Stop);
            }
            let Some(txs) = submitted else { return Ok(Next::Go) };
            gathered = gathered.saturating_add(txs);
            if gathered >= MAX_GATHERED {
                return Ok(Next::Go);
            }
            command = match self.inbox.try_recv() {
                Ok(next) => next,
                Err(TryRecvError::Empty) => return Ok(Next::Go),
                Err(TryRecvError::Disconnected) => return Ok(Next::Stop),
            };
        }
    }

    /// In on-demand mode, makes the blocks that the waiting transactions and statements ask for.
    fn flush(&mut self) -> Result<(), Fatal> {
        while self.mode == BlockMode::OnDemand && self.producer.has_waiting() {
            if self.producer.make_block(false)?.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// Carries out one command. A caller that has left gets no answer, and nobody misses it.
    fn obey(&mut self, command: Command) -> Result<Next, Fatal> {
        match command {
            // What waits is put into a block before the next command.
            Command::StatementsWait => {}
            Command::Submit { txs, reply } => {
                let count = u64::try_from(txs.len()).unwrap_or(u64::MAX);
                let answers = self.producer.submit(txs);
                self.checked.send_modify(|checked| *checked = checked.saturating_add(count));
                let _ = reply.send(answers);
            }
            Command::Mine { count, reply } => {
                let _ = reply.send(self.mine(count)?);
            }
            Command::Reach { height, reply } => {
                let short_of_one = self.producer.height().checked_add(1) == Some(height);
                if short_of_one && !matches!(self.mode, BlockMode::Every(_)) {
                    self.producer.make_block(true)?;
                }
                let _ = reply.send(Ok(()));
            }
            Command::Warp { warp, reply } => answer(reply, self.producer.warp(warp))?,
            Command::NextTime { reply } => drop(reply.send(Ok(self.producer.next_time()))),
            Command::Snapshot { reply } => drop(reply.send(Ok(self.producer.snapshot()))),
            Command::Revert { id, reply } => answer(reply, self.producer.revert(id))?,
            Command::Absences { absent, blocks, reply } => answer(reply, self.producer.set_absent(absent, blocks))?,
            Command::Equivocation { validator, reply } => answer(reply, self.producer.add_evidence(validator))?,
            Command::SetMode { mode, reply } => {
                self.mode = mode;
                self.due = Instant::now();
                let _ = reply.send(Ok(()));
            }
            Command::Stop => return Ok(Next::Stop),
        }
        Ok(Next::Go)
    }

    fn mine(&mut self, count: u64) -> Result<Result<u64, EngineError>, Fatal> {
        if count > MAX_MINED {
            return Ok(Err(EngineError::Invalid(format!("at most {MAX_MINED} blocks at once"))));
        }
        for _ in 0..count {
            if self.stopping.load(Ordering::Relaxed) {
                return Ok(Err(EngineError::Unavailable("the instant engine is stopping".into())));
            }
            if self.producer.make_block(true)?.is_none() {
                let height = self.producer.height();
                return Ok(Err(EngineError::Unavailable(format!("the node halts at height {height}"))));
            }
        }
        Ok(Ok(self.producer.height()))
    }
}
