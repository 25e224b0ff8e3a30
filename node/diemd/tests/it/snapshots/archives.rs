//! Archives of stopped homes, and homes that are made or refilled from them.

use std::{fs, path::Path};

use diem_config::{Config, consensus_key};

use super::{at_least, block, hashes, json, own_files, refused, snapshot, started};
use crate::support::{
    client::{height, reach, root},
    devnet::{Devnet, EngineUnderTest},
    network::turn,
    ports::Ports,
    process::{run, words},
    single::Single,
};

/// Makes the archive of a home, and says of which height and root it is.
fn archived(home: &Path, file: &Path) -> (u64, String) {
    let made = json(&snapshot(home, &["create", file.to_str().unwrap()]))["archive"].clone();
    let verified = json(&snapshot(home, &["verify", file.to_str().unwrap()]));
    for field in ["height", "app_hash", "chain_id"] {
        assert_eq!(made[field], verified[field]);
    }
    (made["height"].as_u64().unwrap(), made["app_hash"].to_string())
}

/// The paths in an archive.
fn members(archive: &Path) -> Vec<String> {
    let mut tar = tar::Archive::new(fs::File::open(archive).unwrap());
    tar.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string()).collect()
}

async fn an_archive_makes_a_home_and_refills_one(engine: EngineUnderTest) {
    let (devnet, folder, ports) = (Devnet::of_one(engine), tempfile::tempdir().unwrap(), Ports::claim());
    let (home, file) = (devnet.home(0), folder.path().join("a.tar"));
    let (node, client) = started(&home).await;
    for _ in 0..3 {
        block(&devnet, &client).await;
    }
    assert!(node.stop().success());
    let (at, hash) = archived(&home, &file);
    assert!(at >= 3);
    let members = members(&file);
    assert!(members.iter().any(|path| path.starts_with("data/rows/")), "{members:?}");
    for kept_out in ["key", "priv_validator", "cs.wal", "config", "bridge", "run/", "snapshots"] {
        assert!(members.iter().all(|path| !path.contains(kept_out)), "{kept_out}: {members:?}");
    }
    assert_eq!(members.iter().any(|path| path.starts_with("cometbft/")), engine == EngineUnderTest::Comet);
    let said = refused(&snapshot(&home, &["create", file.to_str().unwrap()]));
    assert!(said.contains("is there already"), "{said}");

    // A home that has a chain is refilled only where that is asked for, and keeps what is its own.
    let (archive, own, all) = (file.to_str().unwrap(), own_files(&home), hashes(&home.join("data")));
    let said = refused(&snapshot(&home, &["restore", archive]));
    assert!(said.contains("--again puts the archive in its place"), "{said}");
    assert_eq!(hashes(&home.join("data")), all);
    let restored = json(&snapshot(&home, &["restore", archive, "--again"]));
    assert_eq!((&restored["height"], restored["app_hash"].to_string()), (&at.into(), hash.clone()));
    assert_eq!(own_files(&home), own);
    let (node, client) = started(&home).await;
    assert_eq!(root(&client, at).await, hash);
    assert!(block(&devnet, &client).await > at);

    // A new home has its own keys and the same state, and goes on.
    let new = folder.path().join("new");
    let mut line = vec!["restore", archive];
    let peer = (engine == EngineUnderTest::Comet).then(|| {
        let id = consensus_key::node_key(&home.join("cometbft")).unwrap().id;
        let config = Config::load(&home.join("config.toml"), [], &[]).unwrap();
        format!("--set=comet.peers={id}@127.0.0.1:{}", config.comet.p2p.port())
    });
    let flags = ports.flags();
    line.extend(flags.iter().map(String::as_str));
    line.extend(peer.as_deref());
    let restored = json(&snapshot(&new, &line));
    assert_eq!((&restored["height"], &restored["new"]), (&at.into(), &true.into()));
    if engine == EngineUnderTest::Comet {
        let key = |home: &Path| fs::read(home.join("cometbft/config/priv_validator_key.json")).unwrap();
        assert_ne!(key(&home), key(&new));
    }
    let (other, follower) = started(&new).await;
    at_least(&follower, at).await;
    let goal = match engine {
        EngineUnderTest::Comet => height(&client).await.unwrap() + 3,
        EngineUnderTest::Instant => block(&devnet, &follower).await,
    };
    reach(&follower, goal).await;
    assert!(goal > at);
    if engine == EngineUnderTest::Comet {
        assert_eq!(root(&follower, goal).await, root(&client, goal).await);
    }
    assert_eq!(root(&follower, at).await, hash);
    assert!(other.stop().success() && node.stop().success());
    let checked = run(&["check", "--home", new.to_str().unwrap()]);
    assert!(checked.status.success());
    if engine == EngineUnderTest::Comet {
        // Nobody has the blocks of a chain's only validator but this archive, and those who follow it.
        for (home, says) in [(&home, "only an archive of this home"), (&new, "the next start fetches the chain again")]
        {
            let reset = run(&["reset", "--yes", "--home", home.to_str().unwrap()]);
            assert!(reset.status.success() && words(&reset).contains(says), "{}", words(&reset));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_of_a_node_of_cometbft_makes_a_home_and_refills_one() {
    let _turn = turn().await;
    an_archive_makes_a_home_and_refills_one(EngineUnderTest::Comet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_of_the_development_engine_makes_a_home_and_refills_one() {
    an_archive_makes_a_home_and_refills_one(EngineUnderTest::Instant).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_takes_archives_of_its_own_chain_and_engine_only_and_none_half() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (
        Devnet::of_one(EngineUnderTest::Instant),
        Devnet::start_with(EngineUnderTest::Instant, &["--validators", "1", "--chain-id", "other-dev-1"]),
    );
    let mut other = other;
    assert!(other.stop().success());
    let file = folder.path().join("a.tar");
    archived(&one.home(0), &file);
    let archive = file.to_str().unwrap();
    let said = refused(&snapshot(&other.home(0), &["restore", archive, "--again"]));
    assert!(said.contains("restore it into another home"), "{said}");
    let said = refused(&snapshot(&one.home(0), &["restore", archive, "--again", "--moniker", "x"]));
    assert!(said.contains("config.toml already"), "{said}");
    let new = folder.path().join("new");
    let said = refused(&snapshot(&new, &["restore", archive, "--engine", "comet"]));
    assert!(said.contains("leave out --engine comet") && !new.join("config.toml").exists(), "{said}");

    // A home whose chain was being replaced does not start, until it begins anew or is replaced.
    let home = one.home(0);
    let killed = || {
        for left in ["restore", "restore.tmp"] {
            fs::create_dir_all(home.join(left).join("data")).unwrap();
        }
        let (status, log) = Single::start(&home, &[]).ended();
        assert!(!status.success() && log.contains("was being replaced by an archive"), "{log}");
    };
    killed();
    let reset = run(&["reset", "--yes", "--home", home.to_str().unwrap()]);
    assert!(reset.status.success(), "{}", words(&reset));
    assert!(!home.join("restore").exists() && !home.join("restore.tmp").exists());
    let (node, _) = started(&home).await;
    assert!(node.stop().success());
    killed();
    json(&snapshot(&home, &["restore", archive, "--again"]));
    let (node, _) = started(&home).await;
    assert!(node.stop().success());
}
