//! The configuration file that `diemd init` writes: every setting with its value and what it does.

use toml::{Table, Value};

use super::{Config, raw, variable, version};

/// The help of each setting, in the order of the file. A section's line stands above its name.
const HELP: &[(&str, &str)] = &[
    ("moniker", "The node's name among its peers."),
    (
        "engine",
        "The engine that makes the blocks: \"comet\" is CometBFT; \"instant\" is for development and wants a chain with -dev in its id.",
    ),
    ("api", "The HTTP API of this node."),
    (
        "api.listen",
        "The address at which it listens. Only this machine reaches 127.0.0.1; 0.0.0.0 is reached from everywhere.",
    ),
    (
        "api.hosts",
        "Names that a request over loopback may be for, beside localhost, 127.0.0.1 and [::1]: [\"node.example\"].",
    ),
    (
        "api.cors",
        "The sites whose pages a browser lets read the answers: [\"https://app.example\"]; [\"*\"]: all of them.",
    ),
    (
        "api.connections_per_client",
        "The most connections of one client, which is an IPv4 address or an IPv6 /64; 0: no limit. This machine has none.",
    ),
    (
        "api.rate",
        "The units of work that one client may ask for in a second; 0: no limit. A read costs 1, a proof or a page of a list 5, a simulation 20.",
    ),
    ("api.burst", "The most units that one client may ask for at once."),
    (
        "api.drain",
        "For so long a node that was asked to end still answers, while /readyz says that it is stopping: \"10s\" behind a balancer; at most 40s.",
    ),
    ("metrics", "The Prometheus metrics of this node."),
    ("metrics.listen", "The address at which they are served, or \"off\"."),
    ("ready", "The limits of the checks of /readyz, by which a balancer or a probe tells whether this node can serve."),
    (
        "ready.last_block",
        "Without a block for so long the node is not ready; where blocks are slow it is the time of 20 of them.",
    ),
    ("ready.peers", "With fewer peers it is not ready, where the chain has several validators."),
    (
        "ready.settlement",
        "When a day is unsettled for so long after it could have been settled, the node is not ready.",
    ),
    ("ready.disk_mib", "With less room on its disk it is not ready, in MiB; 0: with less than disk.warn says."),
    ("disk", "The room on the disk; on each one, where the parts of the home lie on several."),
    (
        "disk.warn",
        "With less room the log warns: \"10%\" of the disk, \"5GiB\"; \"auto\": the lesser of these two, and at least twice disk.stop; \"off\": it never does.",
    ),
    (
        "disk.stop",
        "With less room the node stops in order, before a write fails; it starts again with twice as much. \"off\": it runs until one fails.",
    ),
    ("log", "The log of this node, on standard error and, if one is named, in a file."),
    (
        "log.level",
        "The level: off, error, warn, info, debug or trace, also by module: \"info,diem_comet::abci=debug\".",
    ),
    ("log.format", "The form of a line: \"text\" for people, \"json\" for machines."),
    ("log.standstill", "After so long without a block a line says how much power takes part and who is missing."),
    (
        "log.file",
        "A file that gets the lines too, such as \"node.log\" in the home; empty: none. One that is full goes on as FILE.1.",
    ),
    ("log.file_size", "The size that no such file exceeds: \"64KiB\" to \"4GiB\"."),
    ("log.files", "The number of these files that are kept, the one that is written among them: 1 to 100."),
    ("store", "The state on disk. None of this changes what the chain computes."),
    ("store.past_heights", "The number of last heights that can be read, proven and rolled back: 1 to 10000."),
    ("store.cache_mib", "The memory for rows that were read or written lately, in MiB."),
    (
        "store.keep_blocks",
        "The number of last blocks that are kept with what is found in them; 0: this setting removes none. Never removed is what a snapshot's joiner or a rollback needs.",
    ),
    (
        "store.keep_time",
        "Blocks of this time before the latest are kept: \"30d\"; \"off\": this setting removes none. What either of the two settings keeps stays.",
    ),
    ("store.sync", "Whether a block is committed only when the disk has it. Without it a power cut loses blocks."),
    ("snapshot", "The snapshots of the state, by which other nodes join without executing all blocks."),
    (
        "snapshot.every",
        "A snapshot is taken of the first block of each such period: \"1h\"; \"auto\": an hour, or a twelfth of the unbonding time if that is less; \"off\": none. What others join by is the same on all nodes with the same value.",
    ),
    ("snapshot.keep", "The number of newest snapshots that are kept: 1 to 100."),
    ("signing", "The guard against signing twice: before a key signs that may sign elsewhere, the node listens."),
    (
        "signing.listen",
        "The number of blocks that must come without a signature of its key while it listens: 1 to 1000.",
    ),
    (
        "signing.listen_still",
        "For so long it listens where no block comes, once two peers have shown that they stand at its height: 1s to 1h.",
    ),
    ("comet", "CometBFT, which runs as a child of this node."),
    (
        "comet.binary",
        "The path of the binary; empty: it is looked for in PATH and in the cache, else compiled with Go.",
    ),
    ("comet.p2p", "The address at which peers connect."),
    ("comet.rpc", "The address at which its RPC listens."),
    ("comet.metrics", "The address at which its own metrics are served, or \"off\"."),
    (
        "comet.abci",
        "The address at which it finds the application; \"off\": a socket in the home. Who reaches it can commit blocks here.",
    ),
    (
        "comet.signer",
        "The address at which a remote signer connects, which holds the consensus key: \"tcp://127.0.0.1:26659\" or \"unix:///path\"; \"off\": the home has the key.",
    ),
    ("comet.external_address", "The host:port that peers are told to connect to; empty: that of p2p."),
    ("comet.peers", "The nodes to stay connected to: [\"id@host:port\"]."),
    ("comet.seeds", "The nodes to ask for others: [\"id@host:port\"]."),
    ("comet.pex", "Whether peers are asked for addresses of others, and told what is known; false behind sentries."),
    ("comet.private_peers", "The ids of peers whose addresses are told to nobody, as a sentry's validator: [\"id\"]."),
    (
        "comet.unconditional_peers",
        "The ids of peers that are connected to whatever the two limits below say: [\"id\"].",
    ),
    ("comet.max_inbound", "The most peers that connect to this node."),
    ("comet.max_outbound", "The most peers that this node connects to of its own accord."),
    ("comet.seed_mode", "Whether this node only collects addresses of nodes and hands them out."),
    ("comet.local", "Whether all nodes are on this machine or on private addresses."),
    (
        "comet.block_time",
        "The least time from a block to the next, by their headers; \"0s\": as fast as the machine can.",
    ),
    (
        "comet.log_level",
        "The log level of CometBFT, in its own syntax; errors of consensus are logged always, since a node ends by them.",
    ),
    (
        "comet.raw",
        "Other keys of CometBFT's own file, by its sections: under [comet.raw.p2p] stands dial_timeout = \"5s\".",
    ),
    ("instant", "The development engine."),
    (
        "instant.blocks",
        "The condition under which it makes blocks: \"on-demand\" (a transaction makes one), \"manual\", or every \"1s\".",
    ),
    ("bridge", "The bridge to Base. Without an endpoint of Base this node still signs what its bridge keys owe."),
    (
        "bridge.base_rpc",
        "The URL of an endpoint of Base, such as http://127.0.0.1:8545; empty: the contract is proven by its address alone.",
    ),
    (
        "bridge.endpoints",
        "The endpoints by which Base is watched and its blocks are stated: two or three of different operators, one for development; empty: none is.",
    ),
    (
        "bridge.min_age",
        "The least age of a block of Base that is stated, by this node's own clock; \"0s\" for a local Base.",
    ),
    (
        "bridge.pause_on_alarm",
        "Whether this node signs a pause of minting when young blocks of Base show what the chain never caused.",
    ),
    (
        "bridge.relay",
        "Whether this node sends to Base what enough validators have signed. The account of relayer_key.json pays, and gets the fees.",
    ),
    (
        "bridge.out_of_turn",
        "For so long the relayer leaves a thing to the validator whose turn it is; \"0s\": it sends at once.",
    ),
    ("bridge.max_gas_gwei", "The highest price that the relayer pays for a unit of gas, in gwei."),
    ("bridge.low_balance_gwei", "Below this balance of the relayer's account log and metrics say so, in gwei."),
    (
        "bridge.diem_per_eth",
        "The price of one ETH in DIEM, such as \"12.5\", by which `GET /v1/bridge/fee` tells what relaying costs; \"off\": in wei alone.",
    ),
];

/// The text of `config.toml` with these values, each explained.
pub fn document(config: &Config) -> String {
    let table = config.table();
    let mut text = format!(
        "# The configuration of this node. The environment wins over this file (the variable of each setting is named),\n\
         # and flags of `diemd start` win over both. Every line may be left out: this is what it then means.\n\n\
         {} = {}\n",
        version::KEY,
        version::CURRENT
    );
    for (key, _) in HELP {
        let explained = explanation(key).unwrap_or_default();
        match look_up(&table, key) {
            Some(Value::Table(_)) if *key == raw::PLACE => {
                text.push_str(&format!("{explained}[{key}]\n"));
                text.push_str(&raw_text(&config.comet.raw));
            }
            Some(Value::Table(_)) => text.push_str(&format!("{explained}[{key}]\n")),
            Some(value) => {
                let name = key.rsplit('.').next().unwrap_or(key);
                text.push_str(&format!("{explained}{name} = {value}\n"));
            }
            None => {}
        }
    }
    text
}

/// The lines above a setting or section in the file: an empty one, and a comment that explains it.
pub(crate) fn explanation(key: &str) -> Option<String> {
    let (_, help) = HELP.iter().find(|(explained, _)| *explained == key)?;
    let is_section = HELP.iter().any(|(other, _)| other.strip_prefix(key).is_some_and(|rest| rest.starts_with('.')));
    let place = if is_section || key == raw::PLACE { String::new() } else { format!(" ({})", variable(key)) };
    Some(format!("\n# {help}{place}\n"))
}

/// The keys of CometBFT's file as tables within our own.
fn raw_text(keys: &Table) -> String {
    let mut text = String::new();
    for (name, value) in keys.iter().filter(|(_, value)| !value.is_table()) {
        text.push_str(&format!("{name} = {value}\n"));
    }
    for (name, section) in keys {
        if let Value::Table(section) = section {
            text.push_str(&format!("\n[{}.{name}]\n", raw::PLACE));
            section.iter().for_each(|(key, value)| text.push_str(&format!("{key} = {value}\n")));
        }
    }
    text
}

fn look_up<'a>(table: &'a Table, key: &str) -> Option<&'a Value> {
    match key.split_once('.') {
        Some((section, name)) => table.get(section)?.get(name),
        None => table.get(key),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn every_setting_is_explained_and_survives_the_file() {
        let mut config = Config::default();
        config.move_ports(300).unwrap();
        config.comet.peers = vec![
            "0123456789abcdef0123456789abcdef01234567@b:1".into(),
            "89abcdef0123456789abcdef0123456789abcdef@d:2".into(),
        ];
        config.moniker = "quotes \" and # signs".into();
        config.comet.raw = "event_bus_buffer_capacity = 7\n[p2p]\ndial_timeout = \"5s\"\n".parse().unwrap();
        let text = document(&config);
        assert_eq!(Config::parse(&text, "config.toml").unwrap(), config);
        for key in Config::keys() {
            assert!(HELP.iter().any(|(explained, _)| *explained == key), "{key} is not explained");
            assert!(text.contains(&format!("({})\n", variable(&key))), "{key} is not in the file");
        }
        for (key, _) in HELP {
            assert!(look_up(&config.table(), key).is_some(), "{key} is explained and does not exist");
        }
    }
}
