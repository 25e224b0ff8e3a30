//! A validator on a host that only its two sentries can reach, of which one dies.

use std::{collections::BTreeSet, fs};

use serde_json::Value;

use crate::support::{
    client::until,
    hosts::Hosts,
    process::{run, words},
};

const HOSTS: [&str; 4] = ["validator", "first", "second", "other"];
const CABLES: [[(&str, &str); 2]; 4] = [
    [("validator", "10.77.1.1"), ("first", "10.77.1.2")],
    [("validator", "10.77.2.1"), ("second", "10.77.2.2")],
    [("other", "10.77.3.1"), ("first", "10.77.3.2")],
    [("other", "10.77.4.1"), ("second", "10.77.4.2")],
];
const P2P: u16 = 26_656;

/// The ids of the peers of a host's node.
fn peers(hosts: &mut Hosts, host: &str) -> Option<BTreeSet<String>> {
    let answer = hosts.get(host, 26_657, "/net_info")?;
    let peers = answer["result"]["peers"].as_array()?;
    Some(peers.iter().map(|peer| peer["node_info"]["id"].as_str().unwrap().to_owned()).collect())
}

fn height(hosts: &mut Hosts, host: &str) -> Option<u64> {
    hosts.get(host, 1_317, "/v1/status")?["latest"]["height"].as_u64()
}

fn succeed(words_of: &[&str]) -> Value {
    let done = run(words_of);
    assert!(done.status.success(), "{words_of:?}: {}", words(&done));
    serde_json::from_slice(&done.stdout).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_validator_whose_sentry_dies_goes_on_by_the_other_and_stays_unknown() {
    let Some(mut hosts) = Hosts::new(&HOSTS, &CABLES) else { return };
    let folder = tempfile::tempdir().unwrap();
    let home = |host: &str| folder.path().join(host);
    let mut source = ["--preset".to_owned(), "dev".to_owned()];
    let ids = HOSTS.map(|host| {
        let home = home(host);
        let mut made = vec!["init", "--home", home.to_str().unwrap(), "--output", "json", "--block-time", "400ms"];
        made.extend(source.iter().map(String::as_str));
        made.push("--set=comet.p2p=0.0.0.0:26656");
        let id = succeed(&made)["node_id"].as_str().unwrap().to_owned();
        source = ["--genesis".to_owned(), folder.path().join("validator/genesis.json").display().to_string()];
        id
    });
    let [validator, first, second, other] = ids;
    let role = |host: &str, flag: &str, peers: &str| {
        let name = flag.trim_start_matches("--").replace("sentries", "validator");
        let name = if flag == "--validator" { "sentry".to_owned() } else { name };
        succeed(&["config", "role", &name, flag, peers, "--home", home(host).to_str().unwrap()]);
    };
    role("validator", "--sentries", &format!("{first}@10.77.1.2:{P2P},{second}@10.77.2.2:{P2P}"));
    role("first", "--validator", &format!("{validator}@10.77.1.1:{P2P}"));
    role("second", "--validator", &format!("{validator}@10.77.2.1:{P2P}"));
    let known = format!("{first}@10.77.3.2:{P2P},{second}@10.77.4.2:{P2P}");
    succeed(&["config", "set", "comet.peers", &known, "--home", home("other").to_str().unwrap()]);

    for host in HOSTS {
        hosts.start(host, &home(host));
    }
    let sentries = BTreeSet::from([first, second.clone()]);
    let both = BTreeSet::from([validator.clone(), other]);
    until("both sentries between the validator and the other node", async || {
        let all = peers(&mut hosts, "validator")? == sentries && peers(&mut hosts, "other")? == sentries;
        let each = peers(&mut hosts, "first")? == both && peers(&mut hosts, "second")? == both;
        (all && each && height(&mut hosts, "other")? >= 3).then_some(())
    })
    .await;

    hosts.end("first", "KILL");
    let at = until("the height of the other node", async || height(&mut hosts, "other")).await;
    until("five blocks by the other sentry", async || {
        (height(&mut hosts, "other")? >= at + 5 && peers(&mut hosts, "other")? == BTreeSet::from([second.clone()]))
            .then_some(())
    })
    .await;
    for (host, port, path) in ASKED {
        let answer = until(&format!("an answer of {host} to {path}"), async || hosts.get(host, port, path)).await;
        assert_silent(path, &answer.to_string(), &validator);
    }
    // A sentry knows its validator, so that a look at the same place elsewhere could find it.
    let known = until("the peers of a sentry", async || hosts.get("second", 26_657, "/net_info")).await;
    assert!(known.to_string().contains(&validator));

    // The one that died comes back, and is one of two again.
    hosts.start("first", &home("first"));
    until("both sentries again", async || (peers(&mut hosts, "validator")? == sentries).then_some(())).await;
    for host in HOSTS {
        assert_eq!(hosts.end(host, "TERM"), 0, "{host}");
    }
    for host in ["first", "second", "other"] {
        let book = fs::read_to_string(home(host).join("cometbft/config/addrbook.json")).unwrap_or_default();
        assert_silent(host, &book, &validator);
    }
    // Whom the other node heard of in its peer exchange is there.
    let book = fs::read_to_string(home("other").join("cometbft/config/addrbook.json")).unwrap();
    assert!(sentries.iter().any(|sentry| book.contains(sentry)), "{book}");
}

/// What is asked of the other node and of a sentry about the nodes that they know.
const ASKED: [(&str, u16, &str); 5] = [
    ("other", 26_657, "/net_info"),
    ("other", 26_657, "/status"),
    ("other", 26_657, "/dump_consensus_state"),
    ("other", 1_317, "/v1/status"),
    ("second", 1_317, "/v1/status"),
];

/// Asserts that neither id nor address of the validator's node are in what was said or written there.
fn assert_silent(place: &str, text: &str, validator: &str) {
    let secrets = [validator, "10.77.1.1", "10.77.2.1"];
    assert!(!secrets.iter().any(|secret| text.contains(secret)), "{place}: {text}");
}
