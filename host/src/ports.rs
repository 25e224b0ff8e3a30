//! Ports that a process wants to listen on.

use std::{
    io,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    os::fd::OwnedFd,
};

/// The reason why nobody can listen at an address, and what to do about it.
#[derive(Debug)]
pub struct ListenError {
    /// The address that was asked for.
    pub address: SocketAddr,
    /// The purpose of the port, for people.
    pub purpose: String,
    /// The way to another port, as the end of a sentence: "set `api.listen` to another port".
    pub remedy: String,
    /// The error of the operating system.
    pub error: io::Error,
}

impl ListenError {
    /// Whether another program has the port.
    pub fn is_busy(&self) -> bool {
        self.error.kind() == io::ErrorKind::AddrInUse
    }
}

impl std::fmt::Display for ListenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { address, purpose, remedy, error } = self;
        let (host, port) = (address.ip(), address.port());
        if self.is_busy() {
            let busy = "is in use by another program: stop that program, or";
            write!(f, "port {port} on {host}, for {purpose}, {busy} {remedy}")
        } else {
            write!(f, "{address}, for {purpose}, cannot be listened on: {error}; to change it, {remedy}")
        }
    }
}

impl std::error::Error for ListenError {}

/// Checks that a process can listen at `address`, and stops at once.
///
/// # Errors
/// [`ListenError`]; `purpose` and `remedy` are its words.
pub fn check(address: SocketAddr, purpose: &str, remedy: &str) -> Result<(), ListenError> {
    let refused = |error| ListenError { address, purpose: purpose.into(), remedy: remedy.into(), error };
    TcpListener::bind(address).map(give_back).map_err(refused)
}

/// Stops listening, so that the port is free at once. Closing alone leaves it taken where another thread is starting a
/// child just then: until that one runs its own program, it has a copy of every socket of this process.
pub fn give_back(listener: TcpListener) {
    // What is not listening any more is given to others also while somebody holds it.
    let _ = TcpStream::from(OwnedFd::from(listener)).shutdown(Shutdown::Both);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_busy_port_is_named_with_the_way_to_another_one() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let error = check(address, "metrics", "set `metrics.listen` to another port").unwrap_err();
        let said = format!(
            "port {} on 127.0.0.1, for metrics, is in use by another program: stop that program, or set \
             `metrics.listen` to another port",
            address.port()
        );
        assert_eq!(error.to_string(), said);
        give_back(taken);
        check(address, "metrics", "").unwrap();
    }

    #[test]
    fn a_port_that_is_given_back_is_free_while_somebody_else_still_holds_the_socket() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let _copy = listener.try_clone().unwrap();
        give_back(listener);
        for _ in 0..2 {
            check(address, "metrics", "").unwrap();
        }
        // Closing alone would not do.
        let listener = TcpListener::bind(address).unwrap();
        let _copy = listener.try_clone().unwrap();
        drop(listener);
        assert!(check(address, "metrics", "").unwrap_err().is_busy());
    }

    #[test]
    fn an_address_of_another_machine_is_told_with_the_systems_error() {
        let said = check("192.0.2.1:80".parse().unwrap(), "the HTTP API", "set `api.listen`").unwrap_err().to_string();
        assert!(said.starts_with("192.0.2.1:80, for the HTTP API, cannot be listened on: "), "{said}");
        assert!(said.ends_with("; to change it, set `api.listen`"), "{said}");
    }
}
