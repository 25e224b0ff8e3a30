//! Nodes that lie to the light client of a node that joins, each by its own lie: they are named, and others speak in their
//! place.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    time::Duration,
};

use diem_api::{LightBlock, encoding::encode_header};
use diem_config::consensus_key;
use diem_core::keys::SecretKey;
use ed25519_dalek::{Signer as _, SigningKey};
use prost::Message as _;
use serde_json::Value;
use tendermint::{block, block::signed_header::SignedHeader, vote};
use tendermint_proto::v0_38::types::SignedHeader as RawSignedHeader;

use super::{Joiner, nothing_is_left};
use crate::support::{
    client::{height, reach, root, until},
    devnet::Devnet,
    network::turn,
    process::{run, words},
    proxy::Proxy,
    single::Single,
};

const MONTH: Duration = Duration::from_secs(30 * 86_400);

/// A proxy before the node that changes the headers from `first` on.
async fn lying(node: &str, first: u64, lie: impl Fn(&mut LightBlock) + Send + Sync + 'static) -> Proxy {
    let change = move |path: &str, json: &mut Value| {
        if !path.starts_with("/v1/light/") {
            return;
        }
        let Ok(mut block) = serde_json::from_value::<LightBlock>(json.clone()) else { return };
        if block.height >= first {
            lie(&mut block);
            *json = serde_json::to_value(block).unwrap();
        }
    };
    Proxy::before(node, change).await
}

fn changed(block: &mut LightBlock, change: impl FnOnce(&mut SignedHeader)) {
    let raw = RawSignedHeader::decode(block.signed_header.0.as_slice()).unwrap();
    let mut header = SignedHeader::try_from(raw).unwrap();
    change(&mut header);
    block.signed_header.0 = encode_header(&header);
}

/// Makes a header older by so much, and signs it as the only validator of the chain.
fn sign_earlier(header: &mut SignedHeader, by: Duration, key: &SigningKey) {
    header.header.time = (header.header.time - by).unwrap();
    header.commit.block_id.hash = header.header.hash();
    let block_id = header.commit.block_id;
    let (height, round, chain_id) = (header.commit.height, header.commit.round, header.header.chain_id.clone());
    for signature in &mut header.commit.signatures {
        let block::CommitSig::BlockIdFlagCommit { validator_address, timestamp, signature } = signature else {
            continue;
        };
        let vote = vote::Vote {
            vote_type: vote::Type::Precommit,
            height,
            round,
            block_id: Some(block_id),
            timestamp: Some(*timestamp),
            validator_address: *validator_address,
            validator_index: 0u32.try_into().unwrap(),
            signature: None,
            extension: Vec::new(),
            extension_signature: None,
        };
        let bytes = key.sign(&vote.into_signable_vec(chain_id.clone())).to_bytes();
        *signature = Some(bytes.to_vec().try_into().unwrap());
    }
}

fn key_of(home: &Path) -> SigningKey {
    let key = consensus_key::validator_signing_key(&home.join("cometbft")).unwrap();
    let SecretKey::Ed25519(key) = key else { panic!("a consensus key is ed25519") };
    key
}

/// Starts the only node of a chain, with one snapshot that others can join by.
async fn offering(devnet: &mut Devnet) -> (PathBuf, Single) {
    assert!(devnet.stop().success());
    let home = devnet.home(0);
    let _ = fs::remove_dir_all(home.join("data/snapshots"));
    let honest = Single::start(&home, &["--set", "snapshot.every=off"]);
    let client = honest.client();
    until("a block", async || height(&client).await.filter(|height| *height > 2)).await;
    let taken = run(&["snapshot", "create", "--home", home.to_str().unwrap()]);
    assert!(taken.status.success(), "{}", words(&taken));
    let at = height(&client).await.unwrap();
    reach(&client, at + 5).await;
    (home, honest)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_does_not_answer_any_more_is_named_and_the_others_show_headers() {
    let _turn = turn().await;
    let mut devnet = Devnet::of_long_trust(1, |_| {});
    let (_, honest) = offering(&mut devnet).await;
    for is_mute in [false, true] {
        let gone = Proxy::before(&honest.api, |_, _| {}).await;
        // The one that will be gone is named first, so that its headers are what the light client begins with.
        let mut joiner = Joiner::prepared(&[&gone.url, &honest.api], &["--no-block-sync"]);
        let url = gone.url.clone();
        drop(gone);
        // Connections to this one are made and never answered.
        let _mute = if is_mute {
            let address = url.strip_prefix("http://").unwrap();
            Some(until("the port of the proxy", async || TcpListener::bind(address).ok()).await)
        } else {
            None
        };
        joiner.start();
        joiner.follows().await;
        let log = joiner.log();
        let named = log.lines().filter(|line| line.contains(&format!("{url} does not answer"))).count();
        assert_eq!(named, 1, "{log}");
        assert!(joiner.stop().success());
    }
    assert!(honest.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_show_false_headers_are_named_and_others_speak_in_their_place() {
    let _turn = turn().await;
    let mut devnet = Devnet::of_long_trust(1, |_| {});
    let (home, honest) = offering(&mut devnet).await;
    let client = honest.client();
    let (api, key) = (&honest.api, key_of(&home));
    let priorities = lying(api, 1, |block| {
        for validator in block.validators.iter_mut().chain(&mut block.next_validators) {
            validator.proposer_priority += 1;
        }
    })
    .await;
    let another =
        lying(api, 2, |block| changed(block, |header| header.header.app_hash = vec![7; 32].try_into().unwrap())).await;
    let old = lying(api, 2, move |block| changed(block, |header| sign_earlier(header, MONTH, &key))).await;
    let second = Proxy::before(api, |_, _| {}).await;

    let urls = [&priorities.url, &another.url, &old.url, api, &second.url].map(String::as_str);
    let joiner = Joiner::join(&urls, &["--no-block-sync"]);
    joiner.follows().await;
    let goal = reach(&joiner.client(), height(&client).await.unwrap() + 2).await;
    assert_eq!(root(&joiner.client(), goal).await, root(&client, goal).await);
    let log = joiner.log();
    for (liar, says) in [
        (&priorities, "different proposer priorities"),
        (&another, "does not hold"),
        (&old, "longer ago than validators answer for"),
    ] {
        let named = log.lines().any(|line| line.contains(&liar.url) && line.contains(says));
        assert!(named, "{says}: {log}");
    }
    for honest in [api, &second.url] {
        assert!(!log.contains(&format!("what {honest} shows")), "{log}");
    }
    assert!(joiner.stop().success());

    // Two nodes that contradict each other in what no hash covers leave nothing to believe.
    let mut undecided = Joiner::join(&[&priorities.url, api], &["--no-block-sync"]);
    let (status, said) = undecided.node.take().unwrap().ended();
    assert!(!status.success() && said.contains("name a third node to join by"), "{said}");

    // Two chains, both signed by the validators that are trusted: nobody but the operator knows which one is meant.
    let key = key_of(&home);
    let fork =
        lying(api, 2, move |block| changed(block, |header| sign_earlier(header, Duration::from_millis(1), &key))).await;
    let mut forked = Joiner::join(&[api, &fork.url], &["--no-block-sync"]);
    let (status, said) = forked.node.take().unwrap().ended();
    let end = said.lines().last().unwrap();
    assert!(!status.success() && end.contains("have signed different headers of block "), "{said}");
    assert!(end.contains(&format!("{api} shows ")) && end.contains(&format!("{} shows ", fork.url)), "{said}");
    nothing_is_left(&forked.home()).await;
    assert!(honest.stop().success());
}
