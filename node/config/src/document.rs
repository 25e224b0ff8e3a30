//! The configuration file that `diemd init` writes: every setting with its value and what it does.

use toml::{Table, Value};

use super::{Config, variable};

/// The help of each setting, in the order of the file. A section's line stands above its name.
const HELP: &[(&str, &str)] = &[
    ("moniker", "The node's name among its peers."),
    (
        "engine",
        "What makes the blocks: \"comet\" is CometBFT; \"instant\" is for development and wants a chain with -dev in its id.",
    ),
    ("api", "REST and pages."),
    ("api.listen", "Where it listens. Only this machine reaches 127.0.0.1; 0.0.0.0 is reached from everywhere."),
    (
        "api.hosts",
        "Names that a request over loopback may be for, beside localhost, 127.0.0.1 and [::1]: [\"node.example\"].",
    ),
    ("metrics", "Prometheus metrics of this node."),
    ("metrics.listen", "Where they are served, or \"off\"."),
    ("log", "What is written to the log, on standard error."),
    ("log.level", "off, error, warn, info, debug or trace, also by module: \"info,diem_comet::abci=debug\"."),
    ("log.format", "\"text\" for people, \"json\" for machines."),
    ("log.standstill", "After so long without a block a line says how much power takes part and who is missing."),
    ("store", "The state on disk. None of this changes what the chain computes."),
    ("store.past_heights", "How many of the last heights can be read, proven and rolled back: 1 to 10000."),
    ("store.cache_mib", "Memory for rows that were read or written lately, in MiB."),
    ("store.keep_blocks", "How many blocks CometBFT keeps; 0 keeps all. Never fewer than evidence may refer to."),
    ("store.sync", "Whether a block is committed only when the disk has it. Without it a power cut loses blocks."),
    ("comet", "CometBFT, which runs as a child of this node."),
    ("comet.binary", "The binary; empty: looked for in PATH, in the cache, else compiled with Go."),
    ("comet.p2p", "Where peers connect."),
    ("comet.rpc", "Where its RPC listens."),
    ("comet.metrics", "Where its own metrics are served, or \"off\"."),
    (
        "comet.abci",
        "Where this node serves the application to it; \"off\": a socket in the home. Who reaches it can change the chain here.",
    ),
    ("comet.external_address", "What peers are told to connect to, host:port; empty: what p2p says."),
    ("comet.peers", "Nodes to stay connected to: [\"id@host:port\"]."),
    ("comet.seeds", "Nodes to ask for others: [\"id@host:port\"]."),
    ("comet.local", "Whether all nodes are on this machine or on private addresses."),
    ("comet.block_time", "The least from a block to the next, by their times; \"0s\": as fast as the machine can."),
    ("comet.log_level", "What CometBFT logs, in its own words; errors of consensus always, since a node ends by them."),
    ("instant", "The development engine."),
    ("instant.blocks", "When it makes blocks: \"on-demand\" (a transaction makes one), \"manual\", or every \"1s\"."),
];

/// The text of `config.toml` with these values, each explained.
pub fn document(config: &Config) -> String {
    let table = config.table();
    let mut text = String::from(
        "# The configuration of this node. The environment wins over this file (the variable of each setting is named),\n\
         # and flags of `diemd start` win over both. Every line may be left out: this is what it then means.\n",
    );
    for (key, help) in HELP {
        match look_up(&table, key) {
            Some(Value::Table(_)) => text.push_str(&format!("\n# {help}\n[{key}]\n")),
            Some(value) => {
                let name = key.rsplit('.').next().unwrap_or(key);
                text.push_str(&format!("\n# {help} ({})\n{name} = {value}\n", variable(key)));
            }
            None => {}
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
        config.comet.peers = vec!["a@b:1".into(), "c@d:2".into()];
        config.moniker = "quotes \" and # signs".into();
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
