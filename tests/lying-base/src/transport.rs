//! The bodies of answers: whole, broken off, or without an end.

use std::{io, time::Duration};

use bytes::Bytes;
use futures::stream::{self, Stream};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::BoxBody};
use hyper::{Response, StatusCode, body::Frame, header};

use crate::Lie;

/// The body of an answer.
pub(crate) type Body = BoxBody<Bytes, io::Error>;

/// The pause after each byte that dribbles.
const DRIBBLE: Duration = Duration::from_millis(20);
/// The pause before a connection breaks.
const PAUSE: Duration = Duration::from_millis(50);
/// The number of bytes that a flood has at a time.
const FLOOD_BYTES: usize = 64 * 1024;
/// The number of these pieces after which a flood ends all the same: 1 GiB.
const MOST_PIECES: usize = 16 * 1024;
/// The time after which a dribble ends all the same, and the longest that a slow answer takes.
pub(crate) const LONGEST: Duration = Duration::from_secs(600);

/// An answer that is told as it is.
pub(crate) fn whole(status: StatusCode, body: Bytes) -> Response<Body> {
    let body = Full::new(body).map_err(|never| match never {}).boxed();
    response(status, body)
}

/// An answer of text, for whoever asked for nothing that has one.
pub(crate) fn text(status: StatusCode, text: impl Into<String>) -> Response<Body> {
    whole(status, Bytes::from(text.into()))
}

/// The answer as a lie about the connection has it; as it is if that is none of these.
pub(crate) fn distorted(lie: &Lie, status: StatusCode, body: Bytes) -> Response<Body> {
    match lie {
        Lie::CutOff => cut_off(status, body),
        Lie::Dribble => response(status, streamed(dribble(without_end(&body)))),
        Lie::Flood => response(status, streamed(flood(without_end(&body)))),
        _ => whole(status, body),
    }
}

fn response(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}

fn streamed(pieces: impl Stream<Item = io::Result<Bytes>> + Send + Sync + 'static) -> Body {
    use futures::StreamExt as _;
    BoxBody::new(StreamBody::new(pieces.map(|piece| piece.map(Frame::data))))
}

/// The first half of a body whose whole length is announced; then the connection breaks.
fn cut_off(status: StatusCode, body: Bytes) -> Response<Body> {
    let length = body.len();
    let half = body.slice(..length / 2);
    let pieces = stream::unfold(Some(half), |half| async {
        if let Some(half) = half {
            return Some((Ok(half), None));
        }
        // What was sent is on its way before the connection breaks.
        tokio::time::sleep(PAUSE).await;
        Some((Err(io::ErrorKind::ConnectionReset.into()), None))
    });
    let mut response = response(status, streamed(pieces));
    response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    response
}

/// The body without its last byte. With spaces in its place, which JSON allows there, it never ends.
fn without_end(body: &Bytes) -> Bytes {
    body.slice(..body.len().saturating_sub(1))
}

fn dribble(body: Bytes) -> impl Stream<Item = io::Result<Bytes>> + Send + Sync {
    let bytes = usize::try_from(LONGEST.as_millis().div_euclid(DRIBBLE.as_millis())).unwrap_or(usize::MAX);
    stream::unfold(0_usize, move |place| {
        let byte = body.get(place).copied().unwrap_or(b' ');
        async move {
            tokio::time::sleep(DRIBBLE).await;
            (place < bytes).then(|| (Ok(Bytes::copy_from_slice(&[byte])), place.saturating_add(1)))
        }
    })
}

fn flood(body: Bytes) -> impl Stream<Item = io::Result<Bytes>> + Send + Sync {
    use futures::StreamExt as _;
    let spaces = Bytes::from(vec![b' '; FLOOD_BYTES]);
    stream::once(async move { Ok(body) }).chain(stream::iter((0..MOST_PIECES).map(move |_| Ok(spaces.clone()))))
}
