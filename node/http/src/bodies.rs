//! The reading of request bodies: each in bounded time, all together in bounded memory.

use std::{sync::Arc, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use diem_api::{HttpError, MAX_BATCH_BYTES};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Body as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::Failure;

/// The most bytes of a body: a batch as hex in JSON, and some room.
const MAX_BYTES: usize = 2 * MAX_BATCH_BYTES + 64 * 1024;
/// The most bytes of a body that takes no part of the budget, so that a client that holds all of the budget with
/// batches does not keep out single transactions; the number of connections bounds the memory for these.
pub(super) const SMALL_BYTES: usize = 64 * 1024;
/// The most bytes of larger bodies in memory at one time.
const BUDGET: usize = 64 * 1024 * 1024;
/// The longest that a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most bytes of a refused body that are read and dropped, so that its sender reads the error before the connection
/// ends.
const MAX_FORGOTTEN: usize = 4 * MAX_BYTES;

/// The reader of bodies, with the memory budget.
pub(crate) struct BodyReader {
    budget: Arc<Semaphore>,
    patience: Duration,
}

/// A body that has arrived; its part of the budget is released on drop.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) bytes: Bytes,
    _part: Option<OwnedSemaphorePermit>,
}

impl Default for BodyReader {
    fn default() -> Self {
        Self::new(BUDGET, PATIENCE)
    }
}

impl BodyReader {
    fn new(budget: usize, patience: Duration) -> Self {
        Self { budget: Arc::new(Semaphore::new(budget)), patience }
    }

    /// Reads a body for which there is memory; the announced length, or the most there may be, is reserved before.
    ///
    /// # Errors
    /// The body is too large, too slow or incomplete, or too many others are on their way.
    pub(super) async fn read(&self, body: Body) -> Result<Arrived, Failure> {
        let arrived = async {
            match self.part_for(&body) {
                Ok(part) => Ok(Arrived { bytes: collect(body).await?, _part: part }),
                Err(refusal) => {
                    // The sender gets the error at once, even one that announces what it never sends.
                    tokio::spawn(tokio::time::timeout(self.patience, forget(body)));
                    Err(refusal.into())
                }
            }
        };
        let late = || HttpError::Timeout(format!("the body did not arrive within {} s", self.patience.as_secs()));
        tokio::time::timeout(self.patience, arrived).await.unwrap_or_else(|_| Err(late().into()))
    }

    fn part_for(&self, body: &Body) -> Result<Option<OwnedSemaphorePermit>, HttpError> {
        let limit = MAX_BYTES as u64;
        let announced = body.size_hint().upper().unwrap_or(limit);
        if announced > limit {
            return Err(too_large());
        }
        if announced <= SMALL_BYTES as u64 {
            return Ok(None);
        }
        let busy = || HttpError::Busy("too many large requests are on their way".into());
        let announced = u32::try_from(announced).map_err(|_| too_large())?;
        self.budget.clone().try_acquire_many_owned(announced).map(Some).map_err(|_| busy())
    }
}

fn too_large() -> HttpError {
    HttpError::BodyTooLarge(format!("the body is too large: at most {MAX_BYTES} bytes"))
}

async fn collect(body: Body) -> Result<Bytes, HttpError> {
    match Limited::new(body, MAX_BYTES).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(_) => Err(HttpError::BadRequest("the body did not arrive whole".into())),
    }
}

async fn forget(body: Body) {
    let mut rest = Limited::new(body, MAX_FORGOTTEN);
    while let Some(Ok(_)) = rest.frame().await {}
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures::StreamExt as _;

    use super::*;

    const PATIENT: Duration = Duration::from_secs(60);

    /// Makes a body of unknown length that begins with these parts and then stalls or ends.
    fn parts(parts: Vec<Vec<u8>>, stalls: bool) -> Body {
        let parts = futures::stream::iter(parts).map(Ok::<_, std::io::Error>);
        if stalls { Body::from_stream(parts.chain(futures::stream::pending())) } else { Body::from_stream(parts) }
    }

    async fn refusal(bodies: &BodyReader, body: Body) -> String {
        bodies.read(body).await.unwrap_err().0.name
    }

    #[tokio::test]
    async fn a_body_that_stalls_ends_in_a_timeout_and_gives_its_part_back() {
        let bodies = BodyReader::new(MAX_BYTES, Duration::from_millis(20));
        let error = bodies.read(parts(vec![vec![1; 100]], true)).await.unwrap_err().0;
        assert_eq!((error.name.as_str(), error.http_status(), error.retry), ("timeout", 408, true));
        assert_eq!(bodies.budget.available_permits(), MAX_BYTES);
    }

    #[tokio::test]
    async fn large_bodies_share_a_budget_and_small_ones_do_not_wait_for_it() {
        let bodies = BodyReader::new(MAX_BYTES, PATIENT);
        let large = || Body::from(vec![7; SMALL_BYTES + 1]);
        let first = bodies.read(large()).await.unwrap();
        assert_eq!(
            (first.bytes.len(), bodies.budget.available_permits()),
            (SMALL_BYTES + 1, MAX_BYTES - SMALL_BYTES - 1)
        );
        // The body has an unknown length, so it counts as the largest.
        assert_eq!(refusal(&bodies, parts(vec![vec![1]], false)).await, "busy");
        assert_eq!(bodies.read(Body::from(vec![7; SMALL_BYTES])).await.unwrap().bytes.len(), SMALL_BYTES);
        drop(first);
        let all = bodies.read(parts(vec![vec![1], vec![2]], false)).await.unwrap();
        assert_eq!((&all.bytes[..], bodies.budget.available_permits()), (&[1, 2][..], 0));
        assert_eq!(refusal(&bodies, large()).await, "busy");
    }

    #[tokio::test]
    async fn a_body_that_announces_too_much_is_refused_before_it_comes() {
        struct Announced(u64);
        impl hyper::body::Body for Announced {
            type Data = Bytes;
            type Error = std::io::Error;
            fn poll_frame(
                self: std::pin::Pin<&mut Self>,
                _: &mut std::task::Context<'_>,
            ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, std::io::Error>>> {
                std::task::Poll::Pending
            }
            fn size_hint(&self) -> hyper::body::SizeHint {
                hyper::body::SizeHint::with_exact(self.0)
            }
        }
        for announced in [MAX_BYTES as u64 + 1, 99_999_999_999, u64::MAX] {
            let body = Body::new(Announced(announced));
            // A caller that waited for the body would wait for ever.
            let read = BodyReader::new(BUDGET, PATIENT);
            assert_eq!(refusal(&read, body).await, "body_too_large");
        }
    }

    #[tokio::test]
    async fn what_is_too_large_is_refused_whether_it_says_so_or_not() {
        let bodies = BodyReader::new(BUDGET, PATIENT);
        assert_eq!(refusal(&bodies, Body::from(vec![0; MAX_BYTES + 1])).await, "body_too_large");
        let unannounced = parts(vec![vec![0; MAX_BYTES], vec![0]], false);
        assert_eq!(refusal(&bodies, unannounced).await, "body_too_large");
        assert_eq!(bodies.read(Body::from(vec![0; MAX_BYTES])).await.unwrap().bytes.len(), MAX_BYTES);
        assert_eq!(bodies.budget.available_permits(), BUDGET);
    }
}
