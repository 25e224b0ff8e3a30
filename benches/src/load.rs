//! A generator of HTTP load that costs little itself: plain HTTP/1.1 on many connections, with one request under way on
//! each. Both sides of a comparison get the same load.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

const CONNECTIONS: usize = 256;
const RETRIES: usize = 400;

/// Posts all transactions as fast as the server takes them.
pub(crate) async fn flood(server: SocketAddr, path: &'static str, txs: Arc<Vec<Bytes>>) {
    let next = Arc::new(AtomicUsize::new(0));
    let connections: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (txs, next) = (Arc::clone(&txs), Arc::clone(&next));
            tokio::spawn(async move {
                let mut connection = Connection::open(server).await;
                while let Some(tx) = txs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    connection.post(path, tx).await;
                }
            })
        })
        .collect();
    for connection in connections {
        connection.await.unwrap();
    }
}

/// Posts at a steady rate for as long as there are transactions. Every `sample`th waits for its commit; returns those
/// latencies in milliseconds.
pub(crate) async fn steady(server: SocketAddr, per_second: f64, txs: Vec<Bytes>, sample: usize) -> Vec<f64> {
    let start = Instant::now();
    let txs = Arc::new(txs);
    let next = Arc::new(AtomicUsize::new(0));
    let connections: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (txs, next) = (Arc::clone(&txs), Arc::clone(&next));
            tokio::spawn(async move {
                let mut connection = Connection::open(server).await;
                let mut latencies = Vec::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(tx) = txs.get(number) else { return latencies };
                    let due = start + Duration::from_secs_f64(number as f64 / per_second);
                    tokio::time::sleep_until(due.into()).await;
                    if number.is_multiple_of(sample) {
                        let posted = Instant::now();
                        connection.post("/v1/tx?wait=committed", tx).await;
                        latencies.push(posted.elapsed().as_secs_f64() * 1e3);
                    } else {
                        connection.post("/v1/tx?wait=none", tx).await;
                    }
                }
            })
        })
        .collect();
    let mut latencies = Vec::new();
    for connection in connections {
        latencies.extend(connection.await.unwrap());
    }
    latencies
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(server: SocketAddr) -> Self {
        let stream = TcpStream::connect(server).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: Vec::new() }
    }

    /// Posts until the server accepts it: a full pool is a reason to retry, anything else to stop.
    async fn post(&mut self, path: &str, tx: &Bytes) {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/octet-stream\r\ncontent-length: {}\r\n\r\n",
            tx.len()
        );
        let request = [head.as_bytes(), tx].concat();
        for _ in 0..RETRIES {
            self.stream.write_all(&request).await.unwrap();
            let (status, body) = self.answer().await;
            match status {
                200..300 => return,
                429 | 503 => tokio::time::sleep(Duration::from_millis(50)).await,
                _ => panic!("{status}: {}", String::from_utf8_lossy(&body)),
            }
        }
        panic!("the server was busy for too long");
    }

    async fn answer(&mut self) -> (u16, Vec<u8>) {
        loop {
            if let Some(answer) = take_answer(&mut self.buffer) {
                return answer;
            }
            let read = self.stream.read_buf(&mut self.buffer).await.unwrap();
            assert!(read > 0, "the server closed the connection");
        }
    }
}

/// Takes a whole answer out of the buffer: status and body. Answers have a known length only, as both servers give
/// them.
fn take_answer(buffer: &mut Vec<u8>) -> Option<(u16, Vec<u8>)> {
    let head_end = buffer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&buffer[..head_end]).unwrap().to_ascii_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.expect("a known length").trim().parse().unwrap();
    let end = head_end + length;
    if buffer.len() < end {
        return None;
    }
    let body = buffer[head_end..end].to_vec();
    buffer.drain(..end);
    Some((status, body))
}
