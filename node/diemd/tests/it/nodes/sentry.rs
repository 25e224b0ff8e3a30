//! A validator behind a sentry, and CometBFT's own file.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use diem_config::raw::{KEYS, Kind};
use serde_json::Value;

use crate::support::{
    client::{reach, until},
    network::turn,
    ports::Ports,
    process::{run, words},
    single::{Single, comet_home},
};

#[test]
fn the_list_of_keys_is_that_of_the_engine() {
    let engine = diem_comet::find(None, &|text| eprintln!("{text}")).unwrap();
    let home = tempfile::tempdir().unwrap();
    let made = Command::new(engine.path).arg("init").arg("--home").arg(home.path()).output().unwrap();
    assert!(made.status.success(), "{}", words(&made));
    let file: toml::Table = fs::read_to_string(home.path().join("config/config.toml")).unwrap().parse().unwrap();
    let mut there = BTreeSet::new();
    for (name, value) in &file {
        let section =
            value.as_table().map(|section| section.iter().map(|(key, value)| (format!("{name}.{key}"), value)));
        for (key, value) in section.map_or_else(|| vec![(name.clone(), value)], Iterator::collect) {
            let known = KEYS.iter().find(|(known, ..)| *known == key);
            let (_, kind, _) = known.unwrap_or_else(|| panic!("{key} is not in the list"));
            let fits = match kind {
                Kind::Text => value.is_str(),
                Kind::Time => value.as_str().is_some_and(|text| text.ends_with('s')),
                Kind::Number => value.is_integer(),
                Kind::Flag => value.is_bool(),
                Kind::Texts => value.is_array(),
            };
            assert!(fits, "{key} is {value}, and the list says {kind:?}");
            there.insert(key);
        }
    }
    assert_eq!(there, KEYS.iter().map(|(key, ..)| (*key).to_owned()).collect());
}

/// Asks a node's CometBFT.
async fn rpc(node: &Single, path: &str) -> Option<Value> {
    let config: toml::Table = fs::read_to_string(node.home.join("config.toml")).unwrap().parse().unwrap();
    let url = format!("http://{}/{path}", config["comet"]["rpc"].as_str().unwrap());
    serde_json::from_str(&reqwest::get(url).await.ok()?.text().await.ok()?).ok()
}

/// The ids of the peers that a node is connected to.
async fn peers(node: &Single) -> Option<BTreeSet<String>> {
    let answer = rpc(node, "net_info").await?;
    let peers = answer["result"]["peers"].as_array()?;
    Some(peers.iter().map(|peer| peer["node_info"]["id"].as_str().unwrap().to_owned()).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_validator_behind_a_sentry_talks_to_it_alone_and_nobody_else_hears_of_it() {
    let _turn = turn().await;
    let folder = tempfile::tempdir().unwrap();
    let [of_validator, of_sentry, of_other] = [Ports::claim(), Ports::claim(), Ports::claim()];
    let at = |name: &str| folder.path().join(name);
    for name in ["sentry", "validator", "other"] {
        fs::create_dir(at(name)).unwrap();
    }
    let id = |made: &Value| made["node_id"].as_str().unwrap().to_owned();
    let address = |id: &str, home: &Path| {
        let config: toml::Table = fs::read_to_string(home.join("config.toml")).unwrap().parse().unwrap();
        format!("{id}@{}", config["comet"]["p2p"].as_str().unwrap())
    };
    let (validator, made) = comet_home(&at("validator"), &of_validator, ["--preset", "dev"]);
    let validator_id = id(&made);
    let genesis = validator.join("genesis.json");
    let same_chain = ["--genesis", genesis.to_str().unwrap()];
    let (sentry, made) = comet_home(&at("sentry"), &of_sentry, same_chain);
    let (sentry_id, sentry_address) = (id(&made), address(&id(&made), &sentry));
    let (other, made) = comet_home(&at("other"), &of_other, same_chain);
    let other_id = id(&made);
    let role = |home: &Path, line: &str| {
        let mut words_of: Vec<&str> = vec!["config", "role"];
        words_of.extend(line.split(' '));
        words_of.extend(["--home", home.to_str().unwrap()]);
        let set = run(&words_of);
        assert!(set.status.success(), "{}", words(&set));
    };
    role(&validator, &format!("validator --sentries {sentry_address}"));
    role(&sentry, &format!("sentry --validator {}", address(&validator_id, &validator)));
    for setting in [format!("comet.peers {sentry_address}"), "comet.raw.p2p.dial_timeout 2s".into()] {
        let (key, value) = setting.split_once(' ').unwrap();
        let set = run(&["config", "set", key, value, "--home", other.to_str().unwrap()]);
        assert!(set.status.success(), "{}", words(&set));
    }

    let nodes = [&validator, &sentry, &other].map(|home| Single::start(home, &[]));
    let [of_validator, of_sentry, of_other] = &nodes;
    let height = reach(&of_other.client(), 3).await;
    // Blocks that the other node has were made after both others were connected. Peers exchange addresses all along.
    let both = BTreeSet::from([validator_id.clone(), other_id]);
    until("both peers of the sentry", async || (peers(of_sentry).await? == both).then_some(())).await;
    reach(&of_other.client(), height + 5).await;
    let alone = BTreeSet::from([sentry_id]);
    for node in [of_validator, of_other] {
        // A connection may just be made anew.
        let peers = until("a peer", async || peers(node).await.filter(|peers| !peers.is_empty())).await;
        assert_eq!(peers, alone);
    }
    let written = fs::read_to_string(other.join("cometbft/config/config.toml")).unwrap();
    assert!(written.contains("dial_timeout = \"2s\""), "{written}");
    for node in nodes {
        let book = node.home.join("cometbft/config/addrbook.json");
        let home = node.home.clone();
        assert!(node.stop().success());
        if home == other {
            let book = fs::read_to_string(book).unwrap_or_default();
            assert!(!book.contains(&validator_id), "{book}");
        }
    }
}
