//! A write timeout: a connection does not wait for ever for its reader.
//!
//! An answer that nobody reads holds its memory and its place among the connections. A slow reader is served as long as
//! it reads something; one that reads nothing for too long is disconnected.

use std::{
    future::Future as _,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// A stream whose writes fail when the other side reads nothing for some time.
pub(super) struct WriteTimeout<S> {
    stream: S,
    patience: Duration,
    /// The timer, which runs while a write waits.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<S> WriteTimeout<S> {
    pub(super) const fn new(stream: S, patience: Duration) -> Self {
        Self { stream, patience, waiting: None }
    }

    /// Passes on the result of a write, or an error if it has waited for too long.
    fn bounded<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.waiting = None;
            return written;
        }
        let patience = self.patience;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(patience)));
        match waiting.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WriteTimeout<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WriteTimeout<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.bounded(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.bounded(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.bounded(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ended = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.bounded(cx, ended)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Instant;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    const ANSWER: [u8; 4_096] = [7; 4_096];

    #[tokio::test]
    async fn who_takes_nothing_is_cut_off() {
        let (ours, theirs) = duplex(1_024);
        let mut ours = WriteTimeout::new(ours, Duration::from_millis(100));
        let error = ours.write_all(&ANSWER).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(theirs);
    }

    #[tokio::test]
    async fn who_takes_a_little_each_time_gets_all() {
        let patience = Duration::from_secs(2);
        // Where this machine stood still for as long as that, nothing is shown, and it begins anew.
        loop {
            let (ours, mut theirs) = duplex(1_024);
            let mut ours = WriteTimeout::new(ours, patience);
            let writer = tokio::spawn(async move { ours.write_all(&ANSWER).await });
            let (mut taken, mut pauses) = (0, Vec::new());
            while taken < ANSWER.len() && pauses.iter().all(|pause| *pause < patience) {
                let since = Instant::now();
                // The pauses are together longer than the patience.
                tokio::time::sleep(Duration::from_millis(150)).await;
                let read = theirs.read(&mut [0; 256]).await.unwrap();
                pauses.push(since.elapsed());
                if read == 0 {
                    break;
                }
                taken = taken.saturating_add(read);
            }
            if pauses.iter().all(|pause| *pause < patience) {
                writer.await.unwrap().unwrap();
                assert!(taken == ANSWER.len() && pauses.iter().sum::<Duration>() > patience);
                return;
            }
        }
    }

    #[tokio::test]
    async fn silence_between_answers_is_no_slowness() {
        let (ours, mut theirs) = duplex(1_024);
        let mut ours = WriteTimeout::new(ours, Duration::from_millis(50));
        for _ in 0..3 {
            ours.write_all(&[1; 512]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(200)).await;
            theirs.read_exact(&mut [0; 512]).await.unwrap();
        }
    }
}
