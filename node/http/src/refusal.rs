//! Bodies for requests that the HTTP library refuses before a handler sees them: a request that is no HTTP, a head that
//! is too large, a path that is too long.
//!
//! The library answers them itself, with a status and no body, and offers no way to change that. So its answers are
//! replaced where they are written: a head with an error status and no body is never ours, because every error of ours
//! has a body (`node/diemd/tests/it/api/shapes.rs` checks all of them), and bodies of ours hold no line breaks of HTTP.
//! Such a head is the last that a connection sends.

use std::{
    future::Future as _,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf as _, Bytes};
use diem_api::{ErrorBody, ErrorReply, HttpError};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// The longest that bytes of a refused client are read and dropped, and the most of them. A connection that is closed
/// with unread bytes is reset, and its answer is lost.
const LINGER: Duration = Duration::from_secs(1);
const MAX_FORGOTTEN: usize = 1024 * 1024;
/// The most bytes of a head that the library writes itself.
const MAX_HEAD: usize = 256;
/// The header by which such a head announces no body.
const NO_BODY: &str = "content-length: 0\r\n";

/// A stream on which errors of the HTTP library have the shape of ours.
pub(super) struct Explained<S> {
    stream: S,
    refused: Option<Refused>,
}

/// The state of a connection that ends with an error of the library.
struct Refused {
    /// The bytes of the answer that are still to be sent.
    answer: Bytes,
    /// The number of bytes of the library that the answer replaces.
    instead_of: usize,
    /// The number of bytes that may still be read and dropped.
    forgotten: usize,
    /// The timer, which runs once everything is sent.
    linger: Option<Pin<Box<Sleep>>>,
}

impl<S> Explained<S> {
    pub(super) const fn new(stream: S) -> Self {
        Self { stream, refused: None }
    }
}

/// Finds the head of the library with which these bytes end: its position, and the answer that replaces it.
fn explain(bytes: &[u8]) -> Option<(usize, Bytes)> {
    if !bytes.ends_with(b"\r\n\r\n") {
        return None;
    }
    let from = bytes.len().saturating_sub(MAX_HEAD);
    let tail = bytes.get(from..)?;
    let at = tail.windows(10).rposition(|window| window == b"HTTP/1.1 4" || window == b"HTTP/1.0 4")?;
    let head = std::str::from_utf8(tail.get(at..)?).ok()?;
    let error = match head.get(9..12)? {
        "400" => HttpError::BadRequest(
            "this is no request of HTTP/1.1: its first line, a header or a length is not well formed".into(),
        ),
        "414" => HttpError::UriTooLong,
        "431" => HttpError::HeadTooLarge,
        _ => return None,
    };
    let (before, after) = head.split_once(NO_BODY)?;
    let body = serde_json::to_string(&ErrorReply { error: ErrorBody::from(&error) }).ok()?;
    let length = body.len();
    let answer = format!("{before}content-type: application/json\r\ncontent-length: {length}\r\n{after}{body}");
    Some((from.saturating_add(at), answer.into()))
}

impl<S: AsyncRead + Unpin> AsyncRead for Explained<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Explained<S> {
    /// Sends the rest of the answer; then the bytes that it replaces count as written.
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Some(refused) = &mut self.refused else { return Poll::Ready(Ok(0)) };
        while refused.answer.has_remaining() {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, &refused.answer))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => refused.answer.advance(written),
            }
        }
        Poll::Ready(Ok(std::mem::take(&mut refused.instead_of)))
    }

    /// Reads and drops what a refused client sends, up to the end of the stream, a bound or a time.
    fn poll_forget(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(Refused { forgotten, linger, .. }) = &mut self.refused else { return Poll::Ready(()) };
        let linger = linger.get_or_insert_with(|| Box::pin(sleep(LINGER)));
        let mut space = [0; 4096];
        while *forgotten < MAX_FORGOTTEN {
            if linger.as_mut().poll(cx).is_ready() {
                break;
            }
            let mut buffer = ReadBuf::new(&mut space);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    *forgotten = forgotten.saturating_add(buffer.filled().len());
                }
                Poll::Ready(_) => break,
            }
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Explained<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.refused.is_none() {
            match explain(bytes) {
                None => return Pin::new(&mut self.stream).poll_write(cx, bytes),
                Some((0, answer)) => {
                    let instead_of = bytes.len();
                    self.refused = Some(Refused { answer, instead_of, forgotten: 0, linger: None });
                }
                // An answer of ours stands before it.
                Some((at, _)) => {
                    return Pin::new(&mut self.stream).poll_write(cx, bytes.get(..at).unwrap_or_default());
                }
            }
        }
        self.poll_answer(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match parts {
            [one] => self.poll_write(cx, one),
            [before @ .., last] if explain(last).is_some() => {
                Pin::new(&mut self.stream).poll_write_vectored(cx, before)
            }
            _ => Pin::new(&mut self.stream).poll_write_vectored(cx, parts),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        self.poll_forget(cx).map(Ok)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_head_of_the_library_gets_a_body_and_nothing_else_is_touched() {
        let head = |status: &str| {
            format!(
                "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\ndate: Sat, 28 Nov 2026 12:00:00 GMT\r\n\r\n"
            )
        };
        for (status, name) in [
            ("400 Bad Request", "bad_request"),
            ("414 URI Too Long", "uri_too_long"),
            ("431 Request Header Fields Too Large", "head_too_large"),
        ] {
            let (at, answer) = explain(head(status).as_bytes()).unwrap();
            let (top, body) = std::str::from_utf8(&answer).unwrap().split_once("\r\n\r\n").unwrap();
            assert!(at == 0 && top.starts_with(&format!("HTTP/1.1 {status}\r\nconnection: close\r\n")), "{top}");
            assert!(top.contains(&format!("content-length: {}\r\n", body.len())) && top.contains("GMT"), "{top}");
            let reply: ErrorReply = serde_json::from_str(body).unwrap();
            assert_eq!(
                (reply.error.codespace.as_str(), reply.error.name.as_str(), reply.error.retry),
                ("http", name, false)
            );
        }
        // The refusal stands behind an answer of ours.
        let answered = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
        let both = format!("{answered}{}", head("400 Bad Request"));
        assert_eq!(explain(both.as_bytes()).unwrap().0, answered.len());
        let ours = "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n";
        for untouched in [ours, answered, &head("200 OK"), &head("404 Not Found"), "0\r\n\r\n", ""] {
            assert!(explain(untouched.as_bytes()).is_none(), "{untouched}");
        }
    }
}
