//! Named tasks. One that fails or panics starts anew after a while; neither the node nor the other tasks notice.

use std::{future::Future, time::Duration};

use tokio::task::JoinSet;

/// The time after the first failure of a task until it starts again. It doubles with every further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest such time.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The running tasks. They end when this is dropped.
#[derive(Debug, Default)]
pub struct Tasks(JoinSet<()>);

impl Tasks {
    /// Starts a task: `make` begins it, and begins it again after each failure. A task that returns without an error
    /// has nothing left to do.
    pub fn spawn<Task>(&mut self, name: &'static str, make: impl Fn() -> Task + Send + 'static)
    where
        Task: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.0.spawn(keep_alive(name, make, FIRST_PAUSE));
    }
}

async fn keep_alive<Task>(name: &'static str, make: impl Fn() -> Task + Send, first_pause: Duration)
where
    Task: Future<Output = Result<(), String>> + Send + 'static,
{
    let mut pause = first_pause;
    loop {
        // The set ends the task when this future is dropped.
        let mut run = JoinSet::new();
        run.spawn(make());
        let reason = match run.join_next().await {
            None | Some(Ok(Ok(()))) => return,
            Some(Ok(Err(reason))) => reason,
            // The panic hook has reported where and why.
            Some(Err(panic)) => panic.to_string(),
        };
        tracing::error!(task = name, "the {name} of the bridge starts again in {} s: {reason}", pause.as_secs());
        tokio::time::sleep(pause).await;
        pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    use super::*;

    #[tokio::test]
    async fn a_task_that_fails_or_panics_starts_again_and_one_that_is_done_does_not() {
        let starts = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&starts);
        let make = move || {
            let start = counted.fetch_add(1, Ordering::SeqCst);
            async move {
                match start {
                    0 => Err("first".into()),
                    1 => panic!("second"),
                    _ => Ok(()),
                }
            }
        };
        keep_alive("test", make, Duration::from_millis(1)).await;
        assert_eq!(starts.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn dropping_the_tasks_ends_what_they_run() {
        let (alive, gone) = tokio::sync::oneshot::channel::<()>();
        let alive = std::sync::Mutex::new(Some(alive));
        let mut tasks = Tasks::default();
        let (begun, has_begun) = tokio::sync::oneshot::channel::<()>();
        let begun = std::sync::Mutex::new(Some(begun));
        tasks.spawn("test", move || {
            let (held, begun) = (alive.lock().unwrap().take(), begun.lock().unwrap().take());
            async move {
                begun.unwrap().send(()).unwrap();
                std::future::pending::<()>().await;
                drop(held);
                Ok(())
            }
        });
        has_begun.await.unwrap();
        drop(tasks);
        assert!(gone.await.is_err());
    }
}
