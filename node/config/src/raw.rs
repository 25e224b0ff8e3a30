//! The keys of CometBFT's own file, `config.toml` of version 0.38.25: those that `[comet.raw]` may set, and those that
//! `diemd` sets itself.
//!
//! CometBFT ignores a key that it does not know, so a typo would go unnoticed; and it ends with a stack of Go where it does
//! not like a value. Both are found here first.

use diem_genesis::readable;
use toml::{Table, Value};

/// What a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A length of time as Go writes it, such as `1m30s`.
    Time,
    /// A whole number that is not negative.
    Number,
    /// `true` or `false`.
    Flag,
    /// A list of texts.
    Texts,
}

/// Who sets a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The operator, by `[comet.raw]`; CometBFT's default counts otherwise.
    Operator,
    /// The setting of `diemd` of this name.
    Setting(&'static str),
    /// `diemd`, whatever the operator wants: the chain does not work with another value.
    Node,
}

use Kind::{Flag, Number, Text, Texts, Time};
use Owner::{Node, Operator, Setting};

/// Every key of the file, the section before the dot.
pub const KEYS: &[(&str, Kind, Owner)] = &[
    ("version", Text, Node),
    ("proxy_app", Text, Setting("comet.abci")),
    ("moniker", Text, Setting("moniker")),
    ("db_backend", Text, Node),
    ("db_dir", Text, Node),
    ("log_level", Text, Setting("comet.log_level")),
    ("log_format", Text, Node),
    ("genesis_file", Text, Node),
    ("priv_validator_key_file", Text, Node),
    ("priv_validator_state_file", Text, Node),
    ("priv_validator_laddr", Text, Setting("comet.signer")),
    ("node_key_file", Text, Node),
    ("abci", Text, Node),
    ("filter_peers", Flag, Node),
    ("event_bus_buffer_capacity", Number, Operator),
    ("rpc.laddr", Text, Setting("comet.rpc")),
    ("rpc.cors_allowed_origins", Texts, Operator),
    ("rpc.cors_allowed_methods", Texts, Operator),
    ("rpc.cors_allowed_headers", Texts, Operator),
    ("rpc.grpc_laddr", Text, Operator),
    ("rpc.grpc_max_open_connections", Number, Operator),
    ("rpc.unsafe", Flag, Operator),
    ("rpc.max_open_connections", Number, Operator),
    ("rpc.max_subscription_clients", Number, Operator),
    ("rpc.max_subscriptions_per_client", Number, Operator),
    ("rpc.experimental_subscription_buffer_size", Number, Operator),
    ("rpc.experimental_websocket_write_buffer_size", Number, Operator),
    ("rpc.experimental_close_on_slow_client", Flag, Operator),
    ("rpc.timeout_broadcast_tx_commit", Time, Operator),
    ("rpc.max_request_batch_size", Number, Node),
    ("rpc.max_body_bytes", Number, Node),
    ("rpc.max_header_bytes", Number, Operator),
    ("rpc.tls_cert_file", Text, Operator),
    ("rpc.tls_key_file", Text, Operator),
    ("rpc.pprof_laddr", Text, Operator),
    ("p2p.laddr", Text, Setting("comet.p2p")),
    ("p2p.external_address", Text, Setting("comet.external_address")),
    ("p2p.seeds", Text, Setting("comet.seeds")),
    ("p2p.persistent_peers", Text, Setting("comet.peers")),
    ("p2p.addr_book_file", Text, Node),
    ("p2p.addr_book_strict", Flag, Setting("comet.local")),
    ("p2p.max_num_inbound_peers", Number, Setting("comet.max_inbound")),
    ("p2p.max_num_outbound_peers", Number, Setting("comet.max_outbound")),
    ("p2p.unconditional_peer_ids", Text, Setting("comet.unconditional_peers")),
    ("p2p.persistent_peers_max_dial_period", Time, Node),
    ("p2p.flush_throttle_timeout", Time, Node),
    ("p2p.max_packet_msg_payload_size", Number, Node),
    ("p2p.send_rate", Number, Node),
    ("p2p.recv_rate", Number, Node),
    ("p2p.pex", Flag, Setting("comet.pex")),
    ("p2p.seed_mode", Flag, Setting("comet.seed_mode")),
    ("p2p.private_peer_ids", Text, Setting("comet.private_peers")),
    ("p2p.allow_duplicate_ip", Flag, Setting("comet.local")),
    ("p2p.handshake_timeout", Time, Operator),
    ("p2p.dial_timeout", Time, Operator),
    ("mempool.type", Text, Node),
    ("mempool.recheck", Flag, Node),
    ("mempool.recheck_timeout", Time, Node),
    ("mempool.broadcast", Flag, Operator),
    ("mempool.wal_dir", Text, Node),
    ("mempool.size", Number, Node),
    ("mempool.max_txs_bytes", Number, Node),
    ("mempool.cache_size", Number, Node),
    ("mempool.keep-invalid-txs-in-cache", Flag, Node),
    ("mempool.max_tx_bytes", Number, Node),
    ("mempool.max_batch_bytes", Number, Operator),
    ("mempool.experimental_max_gossip_connections_to_persistent_peers", Number, Operator),
    ("mempool.experimental_max_gossip_connections_to_non_persistent_peers", Number, Operator),
    ("statesync.enable", Flag, Node),
    ("statesync.rpc_servers", Text, Node),
    ("statesync.trust_height", Number, Node),
    ("statesync.trust_hash", Text, Node),
    ("statesync.trust_period", Time, Node),
    ("statesync.discovery_time", Time, Node),
    ("statesync.temp_dir", Text, Node),
    ("statesync.chunk_request_timeout", Time, Node),
    ("statesync.chunk_fetchers", Text, Node),
    ("statesync.max_snapshot_chunks", Number, Node),
    ("blocksync.version", Text, Node),
    ("consensus.wal_file", Text, Node),
    ("consensus.timeout_propose", Time, Node),
    ("consensus.timeout_propose_delta", Time, Operator),
    ("consensus.timeout_prevote", Time, Operator),
    ("consensus.timeout_prevote_delta", Time, Operator),
    ("consensus.timeout_precommit", Time, Operator),
    ("consensus.timeout_precommit_delta", Time, Operator),
    ("consensus.timeout_commit", Time, Setting("comet.block_time")),
    ("consensus.double_sign_check_height", Number, Node),
    ("consensus.skip_timeout_commit", Flag, Setting("comet.block_time")),
    ("consensus.create_empty_blocks", Flag, Node),
    ("consensus.create_empty_blocks_interval", Time, Node),
    ("consensus.peer_gossip_sleep_duration", Time, Node),
    ("consensus.peer_query_maj23_sleep_duration", Time, Operator),
    ("consensus.block_time_tolerance", Time, Operator),
    ("storage.discard_abci_responses", Flag, Node),
    ("tx_index.indexer", Text, Node),
    ("tx_index.psql-conn", Text, Node),
    ("instrumentation.prometheus", Flag, Setting("comet.metrics")),
    ("instrumentation.prometheus_listen_addr", Text, Setting("comet.metrics")),
    ("instrumentation.max_open_connections", Number, Operator),
    ("instrumentation.namespace", Text, Node),
];

/// The place of the table in our own file.
pub(crate) const PLACE: &str = "comet.raw";

/// The values of the table with their keys, the section before the dot.
pub(crate) fn leaves(raw: &Table) -> impl Iterator<Item = (String, &Value)> {
    raw.iter().flat_map(|(name, value)| match value {
        Value::Table(section) => {
            section.iter().map(|(key, value)| (format!("{name}.{key}"), value)).collect::<Vec<_>>()
        }
        value => vec![(name.clone(), value)],
    })
}

/// Checks that each key is one of CometBFT's, that it is the operator's, and that it has a value of its kind.
pub(crate) fn check(raw: &Table) -> Result<(), String> {
    for (key, value) in leaves(raw) {
        let kind = find(&key)?;
        if !fits(kind, value) {
            return Err(format!("`{PLACE}.{key}` is {value}: write {}", description(kind)));
        }
    }
    Ok(())
}

/// The kind of a key that the operator may set.
fn find(key: &str) -> Result<Kind, String> {
    match KEYS.iter().find(|(known, ..)| *known == key) {
        Some((_, kind, Operator)) => Ok(*kind),
        Some((_, _, Setting(setting))) => {
            Err(format!("`{PLACE}.{key}` has a setting of its own here: use `{setting}` instead"))
        }
        Some((_, _, Node)) => Err(format!(
            "`{PLACE}.{key}` is set by diemd itself, which needs another value than you may want: leave it out"
        )),
        None => {
            let known: Vec<&str> =
                KEYS.iter().filter(|(_, _, owner)| *owner == Operator).map(|(key, ..)| *key).collect();
            let hint = readable::nearest(key, &known).map(|near| format!(": did you mean `{PLACE}.{near}`?"));
            Err(format!("`{PLACE}.{key}` is no key of CometBFT 0.38.25{}", hint.unwrap_or_default()))
        }
    }
}

fn fits(kind: Kind, value: &Value) -> bool {
    match kind {
        Text => value.is_str(),
        Time => value.as_str().is_some_and(is_go_duration),
        Number => value.as_integer().is_some_and(|number| number >= 0),
        Flag => value.is_bool(),
        Texts => value.as_array().is_some_and(|values| values.iter().all(Value::is_str)),
    }
}

const fn description(kind: Kind) -> &'static str {
    match kind {
        Text => "a text in quotes",
        Time => "a length of time, such as \"1s\" or \"1m30s\"",
        Number => "a whole number of 0 or more",
        Flag => "true or false",
        Texts => "a list of texts, such as [\"a\", \"b\"]",
    }
}

/// Whether Go's `time.ParseDuration` takes the text, and the length is not negative.
fn is_go_duration(text: &str) -> bool {
    const UNITS: [&str; 7] = ["ns", "us", "µs", "ms", "s", "m", "h"];
    let mut rest = text;
    if rest == "0" {
        return true;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let unit_ends = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_ends);
        let is_number = number.bytes().any(|byte| byte.is_ascii_digit()) && number.matches('.').count() <= 1;
        if !is_number || !UNITS.contains(&unit) {
            return false;
        }
        rest = after;
    }
    !text.is_empty()
}

/// Reads the text of a value as the kind of its key, such as `p2p.dial_timeout`.
pub(crate) fn read(key: &str, text: &str) -> Result<Value, String> {
    let kind = find(key)?;
    let value = match kind {
        Text | Time => Some(Value::String(text.into())),
        Number => text.parse().ok().map(Value::Integer),
        Flag => text.parse().ok().map(Value::Boolean),
        Texts => {
            Some(Value::Array(text.split(',').filter(|part| !part.is_empty()).map(|part| part.trim().into()).collect()))
        }
    };
    let value = value.filter(|value| fits(kind, value));
    value.ok_or_else(|| format!("`{PLACE}.{key}`: `{text}` does not fit: write {}", description(kind)))
}

/// Puts a value into the table under its key.
pub(crate) fn insert(raw: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        Some((section, name)) => {
            if let Value::Table(section) = raw.entry(section).or_insert_with(|| Value::Table(Table::new())) {
                section.insert(name.into(), value);
            }
        }
        None => {
            raw.insert(key.into(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn checked(text: &str) -> Result<(), String> {
        check(&text.parse::<Table>().unwrap())
    }

    #[test]
    fn a_key_of_the_operator_is_taken_with_a_value_of_its_kind() {
        checked(
            "event_bus_buffer_capacity = 100\n[p2p]\ndial_timeout = \"1m1.5s\"\n[rpc]\ncors_allowed_origins = [\"*\"]",
        )
        .unwrap();
        for (text, words) in [
            ("[p2p]\ndial_timeout = \"soon\"", "`comet.raw.p2p.dial_timeout` is \"soon\": write a length of time"),
            ("[p2p]\ndial_timeout = \"1\"", "write a length of time"),
            ("[p2p]\ndial_timeout = \"-1s\"", "write a length of time"),
            ("[rpc]\nmax_header_bytes = -1", "`comet.raw.rpc.max_header_bytes` is -1: write a whole number"),
            ("[rpc]\nunsafe = \"yes\"", "write true or false"),
            ("[rpc]\ncors_allowed_origins = \"*\"", "write a list of texts"),
        ] {
            let error = checked(text).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn a_typo_and_a_key_of_the_node_are_refused() {
        for (text, words) in [
            (
                "[p2p]\ndial_timout = \"1s\"",
                "is no key of CometBFT 0.38.25: did you mean `comet.raw.p2p.dial_timeout`?",
            ),
            ("[p2p]\nladdr = \"tcp://0.0.0.0:1\"", "has a setting of its own here: use `comet.p2p` instead"),
            ("[consensus]\ntimeout_commit = \"1s\"", "use `comet.block_time` instead"),
            ("[mempool]\nsize = 1", "is set by diemd itself"),
            ("proxy_app = \"x\"", "use `comet.abci` instead"),
            ("[p2p.deeper]\nx = 1", "`comet.raw.p2p.deeper` is no key"),
        ] {
            let error = checked(text).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
