//! Evidence about a height below the snapshot with which a node began.

use std::path::Path;

use diem_config::{Config, consensus_key};
use serde_json::json;

use super::{Joiner, own_files, url};
use crate::support::{
    client::{height, reach, root, until},
    devnet::{Devnet, EngineUnderTest},
    network::turn,
    two_votes::{TwoVotes, call},
};

/// The validator that signs twice. The three others go on without it.
const CULPRIT: usize = 3;

/// What a run of the node has said since its log had this length.
fn since(joiner: &Joiner, length: usize) -> String {
    joiner.log().get(length..).unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_older_than_the_snapshot_ends_the_node_and_a_newer_one_brings_it_back() {
    let _turn = turn().await;
    let devnet = Devnet::start(EngineUnderTest::Comet);
    let (first, urls) = (devnet.client(0), [url(&devnet, 0), url(&devnet, 1)]);
    let newest = async |above: u64| {
        until("a snapshot that both nodes offer", async || {
            let mut newest = u64::MAX;
            for node in 0..2 {
                newest = newest.min(*devnet.client(node).status().await.ok()?.snapshots.first()?);
            }
            (newest > above).then_some(newest)
        })
        .await
    };
    let offence = reach(&first, 2).await;
    newest(offence).await;
    let mut joiner = Joiner::join(&urls, &["--no-block-sync"]);
    let began = joiner.follows().await;
    assert!(began > offence);
    reach(&joiner.client(), height(&first).await.unwrap()).await;
    let kept = own_files(&joiner.home());

    let key = consensus_key::validator_signing_key(&devnet.home(CULPRIT).join("cometbft")).unwrap();
    let rpc = |home: &Path| Config::load(&home.join("config.toml"), [], &[]).unwrap().comet.rpc;
    let rpc = rpc(&devnet.home(0));
    let answer = TwoVotes::of(&first.light_block(offence).await.unwrap(), key).report(rpc).await;
    assert!(answer.get("error").is_none(), "{answer}");

    // CometBFT cannot verify the evidence without the header of its height: in consensus it fails, and while it catches
    // up it refuses the block. Either way the node ends with the same sentence.
    let (status, said) = joiner.node.take().unwrap().ended();
    let block = said.split_once("; block ").and_then(|(_, rest)| rest.split_once(" holds")).map(|(block, _)| block);
    let block: u64 = block.unwrap_or_else(|| panic!("{said}")).parse().unwrap();
    let sentence = format!(
        "this home began at {began}; block {block} holds older evidence: `diemd join --again` starts from a newer snapshot"
    );
    assert!(!status.success() && said.lines().last().unwrap().contains(&sentence), "{said}");
    let found = call(rpc, "block", json!({ "height": block.to_string() })).await;
    let evidence = &found["result"]["block"]["evidence"]["evidence"][0]["value"]["vote_a"];
    assert_eq!(evidence["height"], offence.to_string(), "{found}");
    let length = said.len();
    reach(&first, block + 5).await;
    joiner.start();
    let (status, _) = joiner.node.take().unwrap().ended();
    let said = since(&joiner, length);
    assert!(!status.success() && said.lines().last().unwrap().contains(&sentence), "{said}");
    assert!(said.contains("Error in validation") || said.contains("CONSENSUS FAILURE"), "{said}");

    newest(block).await;
    assert_eq!(own_files(&joiner.home()), kept);
    let length = joiner.log().len();
    joiner.join_again(&urls);
    let client = joiner.client();
    until("the new beginning", async || {
        assert!(!since(&joiner, length).contains("the node stopped"), "{}", since(&joiner, length));
        height(&client).await.filter(|height| *height > block)
    })
    .await;
    assert!(client.status().await.unwrap().began_at.unwrap() >= block);
    let goal = reach(&client, height(&first).await.unwrap() + 3).await;
    assert_eq!(root(&client, goal).await, root(&first, goal).await);
    assert_eq!(own_files(&joiner.home()), kept);
    assert!(joiner.node.take().unwrap().stop().success());
}
