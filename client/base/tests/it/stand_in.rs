//! A server in the place of an endpoint, which answers what a test wants.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
};

/// What it does with a connection whose request has this body.
type Answer = dyn Fn(&str, &mut TcpStream) + Send + Sync;

/// Serves on a free port until the test's process ends, and gives its URL.
pub(crate) fn serve(answer: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer: std::sync::Arc<Answer> = std::sync::Arc::new(answer);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let answer = answer.clone();
            std::thread::spawn(move || {
                if let Some(body) = request(&mut stream) {
                    answer(&body, &mut stream);
                }
            });
        }
    });
    url
}

/// The body of a request; `None` if the connection ends before.
fn request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let mut part = [0; 4096];
        let read = stream.read(&mut part).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.to_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            return Some(body.into());
        }
    }
}

/// An answer with this status and body, after which the connection is closed.
pub(crate) fn respond(stream: &mut TcpStream, status: &str, body: &str) {
    let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    // The client may have gone.
    let _ = stream.write_all(format!("{head}{body}").as_bytes());
}

/// An endpoint of a chain that answers each method by this table; it knows no others.
pub(crate) fn endpoint(table: &'static [(&'static str, &'static str)]) -> String {
    serve(|body, stream| {
        let request: serde_json::Value = serde_json::from_str(body).unwrap();
        let method = request["method"].as_str().unwrap();
        let body = match table.iter().find(|(name, _)| *name == method) {
            Some((_, answer)) => format!(r#"{{"jsonrpc":"2.0","id":1,"result":{answer}}}"#),
            None => r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"unknown method"}}"#.into(),
        };
        respond(stream, "200 OK", &body);
    })
}

/// An endpoint that passes each request on to `target`, changed as it likes.
pub(crate) fn forward(target: &str, change: impl Fn(&mut serde_json::Value) + Send + Sync + 'static) -> String {
    between(target, move |request| change(request), |_, _| ())
}

/// An endpoint that passes each request on to `target`, and the result back, changed as it likes. It is given the method.
pub(crate) fn liar(target: &str, change: impl Fn(&str, &mut serde_json::Value) + Send + Sync + 'static) -> String {
    between(target, |_| (), change)
}

fn between(
    target: &str,
    ask: impl Fn(&mut serde_json::Value) + Send + Sync + 'static,
    answer: impl Fn(&str, &mut serde_json::Value) + Send + Sync + 'static,
) -> String {
    let target = target.trim_start_matches("http://").to_owned();
    serve(move |body, stream| {
        let mut request: serde_json::Value = serde_json::from_str(body).unwrap();
        ask(&mut request);
        let mut reply = pass_on(&target, &request.to_string());
        if let Some(result) = reply.get_mut("result") {
            answer(request["method"].as_str().unwrap(), result);
        }
        respond(stream, "200 OK", &reply.to_string());
    })
}

/// The answer of a server to a request of JSON.
fn pass_on(target: &str, body: &str) -> serde_json::Value {
    let mut stream = TcpStream::connect(target).unwrap();
    let head = format!("POST / HTTP/1.0\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}
