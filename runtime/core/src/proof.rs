//! Proofs that a row is, or is not, in the state under an app hash.
//!
//! The state root is that of a sparse binary Merkle tree over `sha256(key)`; a subtree with one leaf is that leaf.
//! Proofs are ICS23, so any ICS23 verifier can check them with [`ics23_spec`]. [`verify`] does so and is stricter
//! where the specification is loose: every step must be an inner node of this tree and must turn the way the key's
//! hash says.

use ics23::commitment_proof::Proof;
use ics23::{CommitmentProof, ExistenceProof, HashOp, HostFunctionsManager, InnerOp, LengthOp, NonExistenceProof};
use sha2::{Digest, Sha256};
use thiserror::Error;

/// The first bytes of a leaf's preimage; `sha256(key)` and `sha256(value)` follow.
pub const LEAF_PREFIX: [u8; 13] = *b"JMT::LeafNode";

/// The first bytes of an inner node's preimage; the hashes of the left and the right child follow.
pub const INNER_PREFIX: [u8; 16] = *b"JMT::IntrnalNode";

/// The hash of an empty subtree, and so the root of the empty state.
pub const EMPTY_HASH: [u8; 32] = *b"SPARSE_MERKLE_PLACEHOLDER_HASH__";

/// Bytes of a hash.
const HASH_LEN: usize = 32;

/// Why a proof does not prove what was asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ProofError {
    /// A proof of presence where absence was to be shown, the other way round, or another kind altogether.
    #[error("the proof is of another kind than what it should show; ask the node again")]
    Kind,
    /// The proof speaks of another key.
    #[error("the proof is for another key")]
    Key,
    /// The path does not belong to a tree of this chain.
    #[error("the proof's path is malformed: {0}")]
    Path(&'static str),
    /// The path leads to another root, or the neighbours are not neighbours.
    #[error("the proof does not lead to the given root: the value, the neighbours or the root are not its own")]
    Root,
}

/// The ICS23 specification with which any verifier checks proofs of this chain.
pub fn ics23_spec() -> ics23::ProofSpec {
    ics23::ProofSpec {
        leaf_spec: Some(leaf_op()),
        inner_spec: Some(ics23::InnerSpec {
            hash: HashOp::Sha256.into(),
            child_order: vec![0, 1],
            min_prefix_length: 16,
            max_prefix_length: 16,
            child_size: 32,
            empty_child: EMPTY_HASH.to_vec(),
        }),
        min_depth: 0,
        max_depth: 64,
        prehash_key_before_comparison: true,
    }
}

/// The leaf step of every proof: `sha256(prefix, sha256(key), sha256(value))`.
pub fn leaf_op() -> ics23::LeafOp {
    ics23::LeafOp {
        hash: HashOp::Sha256.into(),
        prehash_key: HashOp::Sha256.into(),
        prehash_value: HashOp::Sha256.into(),
        length: LengthOp::NoPrefix.into(),
        prefix: LEAF_PREFIX.to_vec(),
    }
}

/// Checks that under `root` the row `key` holds `value`, or with `None` that there is no such row.
pub fn verify(root: &[u8; 32], key: &[u8], value: Option<&[u8]>, proof: &CommitmentProof) -> Result<(), ProofError> {
    let holds = match (&proof.proof, value) {
        (Some(Proof::Exist(exist)), Some(value)) => {
            if exist.key != key {
                return Err(ProofError::Key);
            }
            check_path(exist)?;
            ics23::verify_membership::<HostFunctionsManager>(proof, &ics23_spec(), &root.to_vec(), key, value)
        }
        (Some(Proof::Nonexist(absent)), None) => {
            if absent.key != key {
                return Err(ProofError::Key);
            }
            if *root == EMPTY_HASH && absent.left.is_none() && absent.right.is_none() {
                // ICS23 cannot say "the tree is empty", but the root alone says it: nothing hashes to the placeholder.
                return Ok(());
            }
            check_neighbours(absent)?;
            ics23::verify_non_membership::<HostFunctionsManager>(proof, &ics23_spec(), &root.to_vec(), key)
        }
        _ => return Err(ProofError::Kind),
    };
    if holds { Ok(()) } else { Err(ProofError::Root) }
}

/// Checks that there is a neighbour, that each has a path of this tree, and that two of them part somewhere (the ics23
/// crate would panic).
fn check_neighbours(proof: &NonExistenceProof) -> Result<(), ProofError> {
    for neighbour in [&proof.left, &proof.right].into_iter().flatten() {
        check_path(neighbour)?;
    }
    match (&proof.left, &proof.right) {
        (None, None) => Err(ProofError::Path("it names no neighbour")),
        (Some(left), Some(right)) if left.path.iter().rev().zip(right.path.iter().rev()).all(|(l, r)| l == r) => {
            Err(ProofError::Path("its two neighbours share one path"))
        }
        _ => Ok(()),
    }
}

/// Checks that every step is an inner node of this tree, and that the turns spell the leading bits of the key's hash.
fn check_path(proof: &ExistenceProof) -> Result<(), ProofError> {
    if proof.leaf.as_ref() != Some(&leaf_op()) {
        return Err(ProofError::Path("its leaf step is not this chain's"));
    }
    let hash = Sha256::digest(&proof.key);
    let bits = hash.iter().flat_map(|byte| (0..8).rev().map(move |shift| (byte >> shift) & 1 == 1));
    if proof.path.len() > HASH_LEN.saturating_mul(8) {
        return Err(ProofError::Path("it is longer than a key hash"));
    }
    for (step, bit) in proof.path.iter().rev().zip(bits) {
        if is_right_child(step)? != bit {
            return Err(ProofError::Path("it turns away from its key"));
        }
    }
    Ok(())
}

/// Whether the path goes through the right child of this inner node.
fn is_right_child(step: &InnerOp) -> Result<bool, ProofError> {
    let sibling = step.prefix.strip_prefix(&INNER_PREFIX).ok_or(ProofError::Path("a step is not an inner node"))?;
    match (sibling.len(), step.suffix.len()) {
        (0, HASH_LEN) => Ok(false),
        (HASH_LEN, 0) => Ok(true),
        _ => Err(ProofError::Path("a step has no single sibling")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn sha(parts: &[&[u8]]) -> [u8; 32] {
        parts.iter().fold(Sha256::new(), |hasher, part| hasher.chain_update(part)).finalize().into()
    }

    fn leaf(key: &[u8], value: &[u8]) -> [u8; 32] {
        sha(&[&LEAF_PREFIX, &sha(&[key]), &sha(&[value])])
    }

    fn exist(key: &[u8], value: &[u8], path: Vec<InnerOp>) -> ExistenceProof {
        ExistenceProof { key: key.to_vec(), value: value.to_vec(), leaf: Some(leaf_op()), path }
    }

    fn step(prefix: &[u8], suffix: &[u8]) -> InnerOp {
        InnerOp { hash: HashOp::Sha256.into(), prefix: prefix.to_vec(), suffix: suffix.to_vec() }
    }

    fn present(proof: ExistenceProof) -> CommitmentProof {
        CommitmentProof { proof: Some(Proof::Exist(proof)) }
    }

    fn absent(key: &[u8], left: Option<ExistenceProof>, right: Option<ExistenceProof>) -> CommitmentProof {
        CommitmentProof { proof: Some(Proof::Nonexist(NonExistenceProof { key: key.to_vec(), left, right })) }
    }

    /// Two keys whose hashes differ in the first bit (0 first), the tree of both, and a proof of each.
    fn two() -> ([u8; 32], ExistenceProof, ExistenceProof) {
        let low = (0u8..).map(|n| vec![n]).find(|k| sha(&[k]).first().unwrap() < &0x40).unwrap();
        let high = (0u8..).map(|n| vec![n]).find(|k| sha(&[k]).first().unwrap() >= &0xc0).unwrap();
        let (l, r) = (leaf(&low, b"l"), leaf(&high, b"r"));
        let root = sha(&[&INNER_PREFIX, &l, &r]);
        let low = exist(&low, b"l", vec![step(&INNER_PREFIX, &r)]);
        let high = exist(&high, b"r", vec![step(&[&INNER_PREFIX[..], &l].concat(), &[])]);
        (root, low, high)
    }

    /// A key whose hash lies between the two of [`two`].
    fn between() -> Vec<u8> {
        (0u8..).map(|n| vec![n, 1]).find(|k| (0x40..0xc0).contains(sha(&[k]).first().unwrap())).unwrap()
    }

    #[test]
    fn presence_holds_for_its_own_value_only() {
        let (root, low, _) = two();
        let key = low.key.clone();
        assert_eq!(verify(&root, &key, Some(b"l"), &present(low.clone())), Ok(()));
        assert!(verify(&root, &key, Some(b"x"), &present(low.clone())).is_err());
        assert!(verify(&[7; 32], &key, Some(b"l"), &present(low.clone())).is_err());
        assert_eq!(verify(&root, b"other", Some(b"l"), &present(low.clone())), Err(ProofError::Key));
        assert_eq!(verify(&root, &key, None, &present(low)), Err(ProofError::Kind));
    }

    #[test]
    fn absence_needs_both_neighbours() {
        let (root, low, high) = two();
        let key = between();
        assert_eq!(verify(&root, &key, None, &absent(&key, Some(low.clone()), Some(high.clone()))), Ok(()));
        assert!(verify(&root, &key, None, &absent(&key, Some(low.clone()), None)).is_err());
        assert!(verify(&root, &key, None, &absent(&key, None, Some(high.clone()))).is_err());
        assert!(verify(&root, &low.key, None, &absent(&low.key, Some(low.clone()), Some(high))).is_err());
    }

    #[test]
    fn only_the_empty_root_shows_absence_without_neighbours() {
        let (root, ..) = two();
        assert_eq!(verify(&EMPTY_HASH, b"k", None, &absent(b"k", None, None)), Ok(()));
        assert!(verify(&root, b"k", None, &absent(b"k", None, None)).is_err());
    }

    #[test]
    fn malformed_paths_are_refused_and_never_panic() {
        let (root, low, high) = two();
        let key = between();
        let twice = absent(&key, Some(low.clone()), Some(low.clone()));
        assert!(verify(&root, &key, None, &twice).is_err());
        let bare = absent(&key, Some(exist(&low.key, b"l", vec![])), Some(exist(&high.key, b"r", vec![])));
        assert_eq!(verify(&root, &key, None, &bare), Err(ProofError::Path("its two neighbours share one path")));
        for bad in [step(b"JMT::Other______", &[1; 32]), step(&INNER_PREFIX, &[1; 64]), step(&INNER_PREFIX, &[])] {
            let proof = present(exist(&low.key, b"l", vec![bad]));
            assert!(matches!(verify(&root, &low.key, Some(b"l"), &proof), Err(ProofError::Path(_))));
        }
        let away = present(exist(&high.key, b"r", low.path));
        assert_eq!(verify(&root, &high.key, Some(b"r"), &away), Err(ProofError::Path("it turns away from its key")));
    }
}
