//! The heights at which other nodes stand, and how many of them this one knows.

use std::{collections::BTreeSet, path::Path, time::Duration};

use serde::Deserialize;
use serde_json::json;

use crate::{
    config::Settings,
    rpc::{Rpc, RpcError},
};

/// The longest wait for one answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connected node that takes part in consensus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stands {
    pub(crate) id: String,
    /// The height whose block it waits for; 0 while it still fetches blocks, and says nothing.
    pub(crate) height: u64,
}

/// Asks CometBFT for the connected nodes and the heights that they have shown.
///
/// # Errors
/// CometBFT does not answer.
pub(crate) async fn connected(rpc: &Rpc) -> Result<Vec<Stands>, RpcError> {
    let dump: Dump = rpc.call("dump_consensus_state", json!({}), PATIENCE).await?;
    Ok(dump.stand())
}

#[derive(Deserialize)]
struct Dump {
    peers: Option<Vec<Peer>>,
}

#[derive(Deserialize)]
struct Peer {
    node_address: String,
    /// It is missing for a moment after a node has connected.
    peer_state: Option<PeerState>,
}

#[derive(Deserialize)]
struct PeerState {
    round_state: RoundState,
}

#[derive(Deserialize)]
struct RoundState {
    height: String,
}

impl Dump {
    fn stand(self) -> Vec<Stands> {
        let of = |peer: Peer| {
            let height = peer.peer_state.and_then(|state| state.round_state.height.parse().ok()).unwrap_or_default();
            Stands { id: id_of(&peer.node_address).to_owned(), height }
        };
        self.peers.unwrap_or_default().into_iter().map(of).collect()
    }
}

/// The id in `id@host:port`.
fn id_of(address: &str) -> &str {
    address.split_once('@').map_or(address, |(id, _)| id)
}

/// The ids of the nodes that this one knows without being connected to them: those of its configuration, and those of
/// CometBFT's address book.
pub(crate) fn known(comet: &Path, settings: &Settings) -> BTreeSet<String> {
    #[derive(Deserialize)]
    struct Book {
        addrs: Option<Vec<Entry>>,
    }
    #[derive(Deserialize)]
    struct Entry {
        addr: Address,
    }
    #[derive(Deserialize)]
    struct Address {
        id: String,
    }
    let configured = settings.peers.iter().chain(&settings.seeds).map(|peer| peer.id.clone());
    // A book that is missing or cannot be read knows nobody.
    let book = std::fs::read(comet.join("config/addrbook.json")).unwrap_or_default();
    let book: Option<Book> = serde_json::from_slice(&book).ok();
    let entries = book.and_then(|book| book.addrs).unwrap_or_default();
    configured.chain(entries.into_iter().map(|entry| entry.addr.id)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::{abci, config::Peer as Named};

    #[test]
    fn peers_stand_where_they_have_shown_and_newcomers_nowhere() {
        // An answer of CometBFT 0.38.25, shortened.
        let text = r#"{"round_state": {"height": "12"}, "peers": [
            {"node_address": "aa@127.0.0.1:1", "peer_state": {"round_state": {"height": "12", "round": 0, "step": 4},
             "stats": {"votes": "3", "block_parts": "1"}}},
            {"node_address": "bb@127.0.0.1:2", "peer_state": {"round_state": {"height": "0", "round": -1, "step": 0}}},
            {"node_address": "", "peer_state": null}]}"#;
        let found = serde_json::from_str::<Dump>(text).unwrap().stand();
        let found: Vec<_> = found.iter().map(|peer| (peer.id.as_str(), peer.height)).collect();
        assert_eq!(found, [("aa", 12), ("bb", 0), ("", 0)]);
        assert!(serde_json::from_str::<Dump>(r#"{"peers": null}"#).unwrap().stand().is_empty());
    }

    #[test]
    fn who_is_known_stands_in_the_configuration_or_the_address_book() {
        let home = tempfile::tempdir().unwrap();
        let mut settings = Settings::new("x", abci::Address::Unix("/x".into()));
        settings.peers = vec![Named { id: "aa".into(), address: "h:1".into() }];
        settings.seeds = vec![Named { id: "bb".into(), address: "h:2".into() }];
        let ids = |home: &Path| known(home, &settings).into_iter().collect::<Vec<_>>();
        assert_eq!(ids(home.path()), ["aa", "bb"]);
        std::fs::create_dir(home.path().join("config")).unwrap();
        let book = r#"{"key": "00", "addrs": [{"addr": {"id": "cc", "ip": "127.0.0.1", "port": 3}, "attempts": 0},
            {"addr": {"id": "aa", "ip": "127.0.0.1", "port": 1}}]}"#;
        std::fs::write(home.path().join("config/addrbook.json"), book).unwrap();
        assert_eq!(ids(home.path()), ["aa", "bb", "cc"]);
    }
}
