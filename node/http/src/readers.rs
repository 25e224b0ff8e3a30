//! Threads that read the store and write JSON for strangers: few, and at low priority.
//!
//! A stranger's request must not delay a block: reads run on threads of their own, a bounded number at a time, with a
//! low priority, so that consensus gets a core whenever it wants one. The queue for them is bounded too.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use diem_api::HttpError;
use diem_engine::metrics::Panics;
use parking_lot::Mutex;
use tokio::sync::oneshot;

/// The nice value by which their priority is lower than that of the node's other threads, and the most that there is.
pub(super) const NICE: i32 = 10;
pub(super) const NICEST: i32 = 19;

type Job = Box<dyn FnOnce() + Send>;

/// A thread pool with a bounded queue. The threads end when it is dropped, each after its current job.
pub(crate) struct Readers {
    jobs: SyncSender<Job>,
}

impl Readers {
    /// Starts `threads` threads, for which at most `queue` jobs wait. A panic of a job is counted by `panics`.
    ///
    /// # Errors
    /// The system starts no more threads.
    pub(crate) fn start(name: &str, threads: usize, queue: usize, panics: &Panics) -> io::Result<Self> {
        let (jobs, incoming) = sync_channel(queue);
        let incoming = Arc::new(Mutex::new(incoming));
        for _ in 0..threads {
            let (incoming, panics) = (Arc::clone(&incoming), panics.clone());
            thread::Builder::new().name(name.into()).spawn(move || work(&incoming, &panics))?;
        }
        Ok(Self { jobs })
    }

    /// Runs `work` on one of the threads.
    ///
    /// # Errors
    /// [`HttpError::Busy`] if too many wait already, [`HttpError::Internal`] if `work` panicked.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HttpError> {
        let (reply, answer) = oneshot::channel();
        let job = move || {
            // A caller that has gone needs no answer, so nothing is read for it.
            if !reply.is_closed() {
                let _ = reply.send(work());
            }
        };
        let busy = |_| HttpError::Busy("too many readers wait already".into());
        self.jobs.try_send(Box::new(job)).map_err(busy)?;
        answer.await.map_err(|_| HttpError::Internal)
    }
}

/// Lowers the priority of the calling thread, and no other, below those that make blocks.
pub(super) fn stand_behind() {
    let own = rustix::process::getpriority_process(None).unwrap_or_default();
    // If the system refuses, this thread competes with the rest.
    let _ = rustix::process::setpriority_process(None, own.saturating_add(NICE).min(NICEST));
}

fn work(incoming: &Mutex<Receiver<Job>>, panics: &Panics) {
    stand_behind();
    loop {
        // The thread that holds the lock waits for the next job, and the others wait for the lock.
        let job = incoming.lock().recv();
        let Ok(job) = job else { return };
        // The hook has reported a panic; it ends this answer only.
        if catch_unwind(AssertUnwindSafe(job)).is_err() {
            panics.count();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use std::sync::mpsc::channel;

    use diem_engine::metrics::Metrics;

    use super::*;

    fn metrics() -> Metrics {
        Metrics::new(prometheus::Registry::new()).unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_would_wait_beyond_the_bound_is_told_that_the_node_is_busy() {
        let readers = Arc::new(Readers::start("test", 1, 1, &metrics().panics()).unwrap());
        let (begun, running) = channel();
        let (release, held) = channel::<()>();
        let first = tokio::spawn({
            let readers = Arc::clone(&readers);
            async move {
                let hold = move || {
                    begun.send(()).unwrap();
                    held.recv()
                };
                readers.run(hold).await
            }
        });
        tokio::task::block_in_place(|| running.recv()).unwrap();
        // The first poll puts the second job into the only place in the queue, and the third finds none.
        let mut second = Box::pin(readers.run(|| 2));
        assert!(futures::poll!(&mut second).is_pending());
        assert!(matches!(readers.run(|| 3).await, Err(HttpError::Busy(_))));
        release.send(()).unwrap();
        first.await.unwrap().unwrap().unwrap();
        assert_eq!(second.await, Ok(2));
        assert_eq!(readers.run(|| 4).await.unwrap(), 4);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_panic_ends_one_answer_and_no_thread() {
        let metrics = metrics();
        let readers = Readers::start("test", 1, 4, &metrics.panics()).unwrap();
        let broken = readers
            .run(|| {
                if true {
                    panic!("a fault of ours")
                }
            })
            .await;
        assert_eq!(broken, Err(HttpError::Internal));
        assert_eq!(readers.run(|| 1).await, Ok(1));
        assert!(metrics.render().unwrap().contains("diem_http_panics_total 1\n"));
    }
}
