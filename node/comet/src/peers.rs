//! The connected nodes, as CometBFT knows them and as they describe themselves.

use std::{collections::BTreeMap, time::Duration};

use diem_core::{Time, text::shortened};
use diem_engine::engine::ConnectedPeer;
use diem_host::clock::wall_clock;
use serde::Deserialize;
use serde_json::json;

use super::{
    rpc::{Rpc, RpcError},
    signing::peers::connected,
};

/// The longest wait for the list.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks CometBFT for the connected nodes, in the order of their ids. While its consensus is busy or waits, it tells no heights.
///
/// # Errors
/// CometBFT does not answer.
pub(super) async fn peers(rpc: &Rpc) -> Result<Vec<ConnectedPeer>, RpcError> {
    let list = rpc.call::<NetInfo>("net_info", json!({}), PATIENCE);
    let (list, heights) = tokio::join!(list, connected(rpc));
    let waits_for = heights.unwrap_or_default().into_iter().map(|peer| (peer.id, peer.height)).collect();
    Ok(list?.described(&waits_for, Time(wall_clock()())))
}

/// CometBFT's answer to `net_info`.
#[derive(Deserialize)]
struct NetInfo {
    peers: Option<Vec<Peer>>,
}

#[derive(Deserialize)]
struct Peer {
    node_info: NodeInfo,
    is_outbound: bool,
    connection_status: ConnectionStatus,
    remote_ip: String,
}

/// What the other side says of itself.
#[derive(Deserialize)]
struct NodeInfo {
    id: String,
    listen_addr: String,
    moniker: String,
}

#[derive(Deserialize)]
struct ConnectionStatus {
    /// The age of the connection in nanoseconds.
    #[serde(rename = "Duration")]
    duration: String,
}

impl NetInfo {
    /// Describes the nodes; `waits_for` has the heights whose blocks they wait for, by their ids, 0 where they tell none.
    fn described(self, waits_for: &BTreeMap<String, u64>, now: Time) -> Vec<ConnectedPeer> {
        let of = |peer: Peer| {
            let nanos: u64 = peer.connection_status.duration.parse().unwrap_or_default();
            let port = peer.node_info.listen_addr.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
            let host = if peer.remote_ip.contains(':') { format!("[{}]", peer.remote_ip) } else { peer.remote_ip };
            ConnectedPeer {
                address: shortened(&port.map_or_else(|| host.clone(), |port| format!("{host}:{port}"))),
                moniker: shortened(&peer.node_info.moniker),
                outbound: peer.is_outbound,
                height: waits_for.get(&peer.node_info.id).and_then(|height| height.checked_sub(1)),
                since: Time(now.millis().saturating_sub(nanos / 1_000_000)),
                id: shortened(&peer.node_info.id),
            }
        };
        let mut found: Vec<ConnectedPeer> = self.peers.unwrap_or_default().into_iter().map(of).collect();
        found.sort_by(|a, b| a.id.cmp(&b.id));
        found
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn peers_are_described_by_what_they_say_of_themselves_cut_to_what_fits() {
        // An answer of CometBFT 0.38.25, shortened.
        let peer = |id: &str, listens: &str, moniker: &str, out: bool, ip: &str| {
            json!({"node_info": {"protocol_version": {"p2p": "8", "block": "11", "app": "5"}, "id": id, "listen_addr": listens,
                "network": "x-dev", "version": "0.38.25", "channels": "40", "moniker": moniker,
                "other": {"tx_index": "off", "rpc_address": "tcp://127.0.0.1:26657"}}, "is_outbound": out,
                "connection_status": {"Duration": "61000999999", "Channels": []}, "remote_ip": ip})
        };
        let hostile = format!("\u{1b}[31m\u{202e}{}", "x".repeat(10_000));
        let answer = json!({"listening": true, "n_peers": "2", "peers": [
            peer("bb", "tcp://0.0.0.0:26656", &hostile, false, "2001:db8::1"),
            peer("aa", "node.example", "one", true, "10.0.0.7"),
        ]});
        let heights = [("aa".to_owned(), 8), ("bb".to_owned(), 0)].into();
        let found = serde_json::from_value::<NetInfo>(answer).unwrap().described(&heights, Time(100_000));
        let one = ConnectedPeer {
            id: "aa".into(),
            address: "10.0.0.7".into(),
            moniker: "one".into(),
            outbound: true,
            height: Some(7),
            since: Time(39_000),
        };
        assert_eq!(found[0], one);
        assert_eq!(
            (found[1].address.as_str(), found[1].height, found[1].outbound),
            ("[2001:db8::1]:26656", None, false)
        );
        assert_eq!(found[1].moniker.chars().count(), 81, "{}", found[1].moniker);
        let nobody = serde_json::from_value::<NetInfo>(json!({"peers": null})).unwrap();
        assert!(nobody.described(&BTreeMap::new(), Time(0)).is_empty());
    }
}
