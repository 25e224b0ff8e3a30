//! ICS23 proofs, made from paths of the tree and the rows that they name.

use diem_core::proof::{INNER_PREFIX, leaf_op};
use diem_core::storage::Value;
use ics23::commitment_proof::Proof;
use ics23::{CommitmentProof, ExistenceProof, HashOp, InnerOp, NonExistenceProof};

use crate::tree::{Hash, Lookup, Path, Root};

/// The row `key` and the proof that it is there, or is not. `get` reads the rows of the same version.
pub(crate) fn prove(tree: &Root, key: &[u8], get: impl Fn(&[u8]) -> Option<Value>) -> (Option<Value>, CommitmentProof) {
    let exist = |path: Path| {
        let value = get(&path.key).unwrap_or_default();
        (exist(&path, &value), value)
    };
    match tree.look_up(key) {
        Lookup::Present(path) => {
            let (proof, value) = exist(path);
            (Some(value), CommitmentProof { proof: Some(Proof::Exist(proof)) })
        }
        Lookup::Absent { left, right } => {
            let (left, right) = (left.map(|path| exist(path).0), right.map(|path| exist(path).0));
            let proof = NonExistenceProof { key: key.to_vec(), left, right };
            (None, CommitmentProof { proof: Some(Proof::Nonexist(proof)) })
        }
    }
}

fn exist(path: &Path, value: &[u8]) -> ExistenceProof {
    let steps = path.steps.iter().map(|(right, other)| inner_op(*right, other)).collect();
    ExistenceProof { key: path.key.to_vec(), value: value.to_vec(), leaf: Some(leaf_op()), path: steps }
}

fn inner_op(right: bool, other: &Hash) -> InnerOp {
    let (prefix, suffix) =
        if right { ([&INNER_PREFIX[..], other].concat(), Vec::new()) } else { (INNER_PREFIX.to_vec(), other.to_vec()) };
    InnerOp { hash: HashOp::Sha256.into(), prefix, suffix }
}
