//! The server: connections, and the lies about them.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::{Method, Request, Response, StatusCode, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::Value;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

use crate::{
    Lie,
    answer::Teller,
    lie::Subject,
    orders::Lies,
    proxy::Shared,
    transport::{self, Body, LONGEST},
    upstream::{Stop, UpstreamError},
};

/// The most connections at a time; the next one waits to be accepted.
const MAX_CONNECTIONS: usize = 256;
/// The longest question, or batch of them.
const MAX_QUESTION_BYTES: usize = 4 << 20;
/// The most questions in a batch.
const MAX_BATCH: usize = 1_000;
/// The longest name of a victim, in letters.
const MAX_NAME: usize = 64;
/// The time for the head of a request, which is also the longest that a connection is idle.
const HEAD_PATIENCE: Duration = Duration::from_secs(30);
/// The time for the body of a request.
const BODY_PATIENCE: Duration = Duration::from_secs(30);
/// The pause before a port that is not free any more is tried again.
const PAUSE: Duration = Duration::from_millis(20);

/// The reason why a connection ends without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is refused")]
struct Refused;

/// Serves until `stop` is true or its sender is dropped. While connections are refused to everybody nobody listens.
pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let work = async {
        let Ok(address) = listener.local_addr() else { return };
        let mut dead = shared.dead.subscribe();
        let mut listener = Some(listener);
        loop {
            let open = match listener.take() {
                Some(open) => open,
                None => listen_again(address).await,
            };
            shared.is_listening.send_replace(true);
            accept(open, &shared, &mut dead).await;
            shared.is_listening.send_replace(false);
            // The sender is in `shared`, so this ends only when the dead come back.
            let _ = dead.wait_for(|dead| !dead).await;
        }
    };
    tokio::select! {
        () = work => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

async fn listen_again(address: SocketAddr) -> TcpListener {
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return listener,
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Accepts connections until they are refused; then the listener and all connections are closed.
async fn accept(listener: TcpListener, shared: &Arc<Shared>, dead: &mut watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                Ok((stream, _)) => drop(connections.spawn(connection(stream, shared.clone()))),
                Err(_) => tokio::time::sleep(PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
            () = died(dead) => break,
        }
    }
    drop(listener);
    connections.shutdown().await;
}

/// Completes when connections are to be refused to everybody.
async fn died(dead: &mut watch::Receiver<bool>) {
    // The sender lives as long as the server.
    let _ = dead.wait_for(|dead| *dead).await;
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    // Small answers leave at once; where the system refuses, they leave later.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| {
        let shared = shared.clone();
        async move { respond(&shared, request).await }
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEAD_PATIENCE);
    // An error is the end of the connection, which is what some lies want.
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

async fn respond(shared: &Shared, request: Request<Incoming>) -> Result<Response<Body>, Refused> {
    if request.method() != Method::POST {
        return Ok(transport::text(StatusCode::METHOD_NOT_ALLOWED, "ask with POST"));
    }
    let victim = victim_in(request.uri().path());
    let read = tokio::time::timeout(BODY_PATIENCE, Limited::new(request.into_body(), MAX_QUESTION_BYTES).collect());
    let Ok(Ok(body)) = read.await else {
        return Ok(transport::text(StatusCode::PAYLOAD_TOO_LARGE, "the question is too long or too slow"));
    };
    match answer(shared, &victim, body.to_bytes()).await {
        Ok(answer) => answer,
        Err(error) => Ok(transport::text(StatusCode::BAD_GATEWAY, error.to_string())),
    }
}

/// The name of the victim: the first segment of the path, or as much of it as a name has.
fn victim_in(path: &str) -> String {
    path.trim_start_matches('/').split('/').next().unwrap_or_default().chars().take(MAX_NAME).collect()
}

/// A question with the lies about it.
struct Asked<'a> {
    question: &'a Value,
    lies: Lies,
}

/// The answer to a body, and what happens to the connection.
async fn answer(shared: &Shared, victim: &str, body: Bytes) -> Result<Result<Response<Body>, Refused>, UpstreamError> {
    let parsed: Value = serde_json::from_slice(&body).unwrap_or_default();
    let questions = match &parsed {
        Value::Array(batch) => batch.as_slice(),
        one => std::slice::from_ref(one),
    };
    if questions.len() > MAX_BATCH {
        return Ok(Ok(transport::text(StatusCode::PAYLOAD_TOO_LARGE, "the batch has too many questions")));
    }
    let asked: Vec<_> = questions.iter().map(|question| shared.ask(victim, question)).collect();
    let asked: Vec<_> = asked.into_iter().map(|(question, lies)| Asked { question, lies }).collect();
    let lies = about_connection(shared, victim, &asked).await?;
    for lie in &lies {
        shared.counts.lock().count_lie(lie.name());
        match lie {
            Lie::Refuse => return Ok(Err(Refused)),
            Lie::Slow(milliseconds) => tokio::time::sleep(Duration::from_millis(*milliseconds).min(LONGEST)).await,
            Lie::TooManyRequests => {
                let body = r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32005,"message":"too many requests"}}"#;
                return Ok(Ok(transport::text(StatusCode::TOO_MANY_REQUESTS, body)));
            }
            _ => {}
        }
    }
    let (status, answer) = truth_or_lies(shared, victim, &parsed, &asked, body).await?;
    let is_of_body = |lie: &&Lie| matches!(lie, Lie::CutOff | Lie::Dribble | Lie::Flood);
    Ok(Ok(match lies.iter().find(is_of_body) {
        Some(lie) => transport::distorted(lie, status, answer),
        None => transport::whole(status, answer),
    }))
}

/// The lies about the connection, of all questions in a body.
async fn about_connection(shared: &Shared, victim: &str, asked: &[Asked<'_>]) -> Result<Vec<Lie>, UpstreamError> {
    let is_of_connection = |lie: &Lie| lie.subject() == Subject::Connection;
    let mut found: Vec<Lie> = Vec::new();
    for Asked { lies, .. } in asked.iter().filter(|asked| asked.lies.any(is_of_connection)) {
        let mut now = 0;
        if lies.depend_on_block() {
            now = match Teller::new(shared, victim, lies.clone()).real_head().await {
                Ok(now) => now,
                Err(Stop::Upstream(error)) => return Err(error),
                Err(Stop::Refused(_)) => 0,
            };
        }
        for lie in lies.about(now).filter(|lie| is_of_connection(lie)) {
            if !found.contains(lie) {
                found.push(lie.clone());
            }
        }
    }
    Ok(found)
}

/// The upstream's own bytes if no lie is about what was said, otherwise what the tellers make of each question.
async fn truth_or_lies(
    shared: &Shared,
    victim: &str,
    parsed: &Value,
    asked: &[Asked<'_>],
    body: Bytes,
) -> Result<(StatusCode, Bytes), UpstreamError> {
    if asked.iter().all(|asked| asked.lies.are_none_of_the_answer() || asked.question["method"].as_str().is_none()) {
        return shared.upstream.pass(body).await;
    }
    let mut answers = Vec::new();
    for Asked { question, lies } in asked {
        answers.push(Teller::new(shared, victim, lies.clone()).answer(question).await?);
    }
    let answer = match parsed {
        Value::Array(_) => Value::Array(answers),
        _ => answers.pop().unwrap_or_default(),
    };
    Ok((StatusCode::OK, answer.to_string().into()))
}
