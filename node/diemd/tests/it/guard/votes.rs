//! The votes that went over a node's connections, from the write-ahead log of its consensus: CometBFT writes every message
//! there before it looks at it, with the peer that sent it, and those of its own key without one.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use prost::Message as _;
use tendermint_proto::v0_38::consensus::{TimedWalMessage, message, wal_message};

/// A vote, as a node has sent or received it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voted {
    pub height: u64,
    pub round: i32,
    pub kind: i32,
    pub signature: Vec<u8>,
    /// Whether this node has cast it itself.
    pub own: bool,
}

/// The votes of the key with this address that the stopped node of a home knows of.
pub fn votes_of(home: &Path, address: &[u8; 20]) -> Vec<Voted> {
    let folder = home.join("cometbft/data/cs.wal");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().flat_map(|file| messages(&fs::read(file).unwrap())).filter_map(|found| vote(found, address)).collect()
}

/// The messages of a log: four bytes of checksum, four of length, and the message.
fn messages(mut bytes: &[u8]) -> Vec<TimedWalMessage> {
    let mut found = Vec::new();
    while let Some((head, rest)) = bytes.split_at_checked(8) {
        let length = u32::from_be_bytes(head[4..].try_into().unwrap()) as usize;
        // A node that was killed may have left a part of a message at the end; CometBFT keeps such a file aside.
        let Some((message, rest)) = rest.split_at_checked(length) else { break };
        let Ok(message) = TimedWalMessage::decode(message) else { break };
        found.push(message);
        bytes = rest;
    }
    found
}

fn vote(found: TimedWalMessage, address: &[u8; 20]) -> Option<Voted> {
    let wal_message::Sum::MsgInfo(info) = found.msg?.sum? else { return None };
    let message::Sum::Vote(vote) = info.msg?.sum? else { return None };
    let vote = vote.vote?;
    (vote.validator_address == address).then(|| Voted {
        height: u64::try_from(vote.height).unwrap(),
        round: vote.round,
        kind: vote.r#type,
        signature: vote.signature,
        own: info.peer_id.is_empty(),
    })
}

/// Checks that no two different votes of a key for the same step are among what these nodes have recorded; returns the
/// number of its votes.
pub fn all_differ_in_step(homes: &[&Path], address: &[u8; 20]) -> usize {
    let mut steps: BTreeMap<(u64, i32, i32), BTreeSet<Vec<u8>>> = BTreeMap::new();
    for vote in homes.iter().flat_map(|home| votes_of(home, address)) {
        steps.entry((vote.height, vote.round, vote.kind)).or_default().insert(vote.signature);
    }
    for (step, signatures) in &steps {
        assert_eq!(signatures.len(), 1, "two votes in step {step:?}");
    }
    steps.len()
}
