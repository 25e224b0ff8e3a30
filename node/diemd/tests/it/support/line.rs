//! A line between two processes of this machine that can be cut.

use std::net::SocketAddr;

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

/// A line that hands on what connects to one address to another one. When its value is dropped it is cut: its connections
/// end, and whoever connects is refused.
pub struct Line(JoinHandle<()>);

impl Line {
    /// Lays a line from `at`, where it listens, to `to`.
    pub async fn lay(at: SocketAddr, to: SocketAddr) -> Self {
        let listener = TcpListener::bind(at).await.unwrap();
        Self(tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (mut from, _) = listener.accept().await.unwrap();
                connections.spawn(async move {
                    if let Ok(mut to) = TcpStream::connect(to).await {
                        // Either side may break off.
                        let _ = copy_bidirectional(&mut from, &mut to).await;
                    }
                });
            }
        }))
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.0.abort();
    }
}
