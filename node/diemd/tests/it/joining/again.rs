//! Homes that `diemd join` makes whole or not at all, and those in which it begins anew. No node is started in them.

use std::fs;

use super::{Joiner, own_files, url};
use crate::support::{
    client::answering,
    devnet::{Devnet, EngineUnderTest},
    network::turn,
    process::{run, words},
};

/// A peer that is not there.
const OTHER: &str = "89abcdef0123456789abcdef0123456789abcdef@10.9.9.9:1";

#[tokio::test(flavor = "multi_thread")]
async fn a_home_is_made_whole_or_not_at_all_and_a_damaged_one_with_stale_peers_begins_anew() {
    let _turn = turn().await;
    let devnet = Devnet::start_with(EngineUnderTest::Comet, &["--validators", "1"]);
    let client = devnet.client(0);
    answering(&client).await;
    let nowhere = tempfile::tempdir().unwrap();
    let home = nowhere.path().join("parent/home");
    let line = ["join", url(&devnet, 0), "--home", home.to_str().unwrap(), "--no-start", "--yes", "--moniker", ""];
    let refused = run(&line);
    assert!(refused.status.code() == Some(2) && words(&refused).contains("`moniker` is \"\""), "{}", words(&refused));
    assert!(!nowhere.path().join("parent").exists());

    let joiner = Joiner::prepared(&[url(&devnet, 0)], &[]);
    let home = joiner.home();
    let doc = diem_genesis::load(&home.join("genesis.json"), None).unwrap();
    assert_eq!(doc.hash(), devnet.doc.hash());
    let config = |words_of: &[&str]| {
        let ran = run(&[&["config"], words_of, &["--home", home.to_str().unwrap()]].concat());
        assert!(ran.status.success(), "{}", words(&ran));
    };
    let peers = || {
        let text = fs::read_to_string(home.join("config.toml")).unwrap();
        let table: toml::Table = text.parse().unwrap();
        let peers = table["comet"]["peers"].as_array().unwrap().clone();
        peers.into_iter().map(|peer| peer.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let [peer] = <[String; 1]>::try_from(peers()).unwrap();

    // A sentry that is made of it still finds the chain by the peer that it has.
    config(&["role", "sentry", "--validator", OTHER]);
    assert_eq!(peers(), [peer.clone(), OTHER.into()]);

    // The peer has moved since, and what the home has of the chain is damaged.
    let stale = format!("{}@10.9.9.9:1", peer.split('@').next().unwrap());
    config(&["set", "comet.peers", &format!("{stale},{OTHER}")]);
    fs::create_dir_all(home.join("data/rows")).unwrap();
    fs::write(home.join("data/rows/CURRENT"), "garbage").unwrap();
    let keys = own_files(&home);
    let line = ["join", url(&devnet, 0), "--home", home.to_str().unwrap(), "--no-start", "--yes"];
    let refused = run(&line);
    assert_eq!(refused.status.code(), Some(1), "{}", words(&refused));
    assert!(home.join("data/rows").exists());
    let again = run(&[&line[..], &["--again"]].concat());
    assert!(again.status.success(), "{}", words(&again));
    let said = format!("`comet.peers` of this home has {peer} instead of {stale} now");
    assert!(words(&again).contains(&said), "{}", words(&again));
    assert_eq!(peers(), [peer.clone(), OTHER.into()]);
    assert!(!home.join("data").exists());
    assert_eq!(own_files(&home)[..3], keys[..3]);

    // One whose configuration is gone keeps its keys and nothing of the damaged chain.
    fs::create_dir_all(home.join("data/rows")).unwrap();
    fs::write(home.join("data/rows/CURRENT"), "garbage").unwrap();
    fs::remove_file(home.join("config.toml")).unwrap();
    let again = run(&[&line[..], &["--again"]].concat());
    assert!(again.status.success(), "{}", words(&again));
    assert!(!home.join("data").exists());
    assert_eq!(peers(), [peer]);
    assert_eq!(own_files(&home)[..3], keys[..3]);
}
