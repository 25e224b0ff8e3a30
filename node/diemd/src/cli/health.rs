//! `diemd healthz`: the question that health checks of containers and scripts ask, without a shell and without curl.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::anyhow;
use clap::Args;
use diem_cli::{
    Failure, common,
    failure::failed,
    output::{Output, say},
};
use diem_client::Client;
use diem_config::{Config, Length};
use serde_json::{Value, json};

use super::node::HomeArgs;

/// Asks the running node of a home whether it is well.
#[derive(Debug, Args)]
pub struct HealthCommand {
    #[command(flatten)]
    home: HomeArgs,
    /// Ask whether the node can serve (/readyz), and not only whether it answers (/healthz).
    #[arg(long)]
    ready: bool,
    /// Address of the node's HTTP API [default: api.listen of the home].
    #[arg(long, value_name = "ADDRESS")]
    api: Option<SocketAddr>,
    /// Longest time until the answer.
    #[arg(long, value_name = "TIME", default_value = "5s")]
    patience: Length,
    /// How to print that it is well: in JSON, what /readyz answers where that is asked.
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    output: Output,
}

impl HealthCommand {
    /// Runs the command. Every failure has exit code 1, as health checks of containers want it.
    ///
    /// # Errors
    /// The node does not answer, or says why it is not well.
    pub fn run(self) -> Result<(), Failure> {
        let address = match self.api {
            Some(address) => address,
            None => {
                let file = self.home.home().config_file();
                Config::load(&file, std::env::vars(), &[]).map_err(failed)?.api.listen
            }
        };
        let path = if self.ready { "/readyz" } else { "/healthz" };
        let client = Client::new(&format!("http://{}", reached(address))).map_err(failed)?;
        let answer = common::block_on(async { Ok(client.probe(path, self.patience.duration()).await) })?;
        match answer {
            Ok((true, body)) => {
                let told = if self.ready {
                    serde_json::from_slice(&body).unwrap_or_else(|_| json!({ "ready": true }))
                } else {
                    json!({ "healthy": true })
                };
                let word = if self.ready { "ready" } else { "healthy" };
                // A node that is well must not be taken for one that is not because nobody reads that.
                if let Err(unwritten) = self.output.print(&told, |_| word.into()) {
                    say(&format!("diemd: the node is well, and {}", unwritten.error));
                }
                Ok(())
            }
            Ok((false, body)) => Err(failed(anyhow!("the node at {address} is not ready: {}", reasons(&body)))),
            Err(error) => Err(failed(anyhow!("the node is not well: {error}"))),
        }
    }
}

/// The address at which this machine reaches a server that listens there.
pub(crate) fn reached(listens: SocketAddr) -> SocketAddr {
    let ip = match listens.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listens.port())
}

/// The reasons that `/readyz` gives, each a text or an object with one.
fn reasons(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let reasons = body.get("reasons").and_then(Value::as_array).cloned().unwrap_or_default();
    let texts: Vec<&str> = reasons.iter().filter_map(|reason| reason.get("text").unwrap_or(reason).as_str()).collect();
    if texts.is_empty() { "it does not say why".into() } else { texts.join("; ") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_server_on_all_addresses_is_asked_on_loopback() {
        for (listens, expected) in [
            ("0.0.0.0:1317", "127.0.0.1:1317"),
            ("[::]:1317", "[::1]:1317"),
            ("127.0.0.7:1", "127.0.0.7:1"),
            ("10.1.2.3:1317", "10.1.2.3:1317"),
        ] {
            assert_eq!(reached(listens.parse().unwrap()).to_string(), expected);
        }
    }

    #[test]
    fn reasons_are_read_as_texts_and_as_objects() {
        for body in [r#"{"reasons":["a","b"]}"#, r#"{"reasons":[{"name":"x","text":"a"},{"name":"y","text":"b"}]}"#] {
            assert_eq!(reasons(body.as_bytes()), "a; b");
        }
        for body in ["", "[]", r#"{"reasons":[]}"#, "<html>"] {
            assert_eq!(reasons(body.as_bytes()), "it does not say why");
        }
    }
}
