//! What lies under a key of a Merkle Patricia trie, by the nodes on the way to it. Source: appendix D of the Ethereum
//! yellow paper.
//!
//! Nodes are decoded by alloy-trie and walked here, because its own verifier asserts that no path is longer than a key,
//! which whoever makes up a whole trie can break.

use alloy_primitives::B256;
use alloy_rlp::Decodable as _;
use alloy_trie::{
    EMPTY_ROOT_HASH, Nibbles,
    nodes::{BranchNode, RlpNode, TrieNode},
};
use diem_core::keccak256;

/// The longest node that is read, in bytes. A branch whose 16 children are hashes has 532.
pub(crate) const MAX_NODE_BYTES: usize = 1_024;
/// The most nodes on the way to a key: one for each of its 64 half bytes, and a leaf.
pub(crate) const MAX_NODES: usize = 65;
/// The node of a trie that has nothing in it, which some endpoints give and others leave out.
const EMPTY_NODE: &[u8] = &[0x80];

/// The reason why nodes prove nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TrieError {
    /// There are more nodes, or longer ones, than any way has.
    #[error("it has more than {MAX_NODES} nodes, or one of more than {MAX_NODE_BYTES} bytes")]
    TooLarge,
    /// A node is not the one that the node above it, or the root, names by its hash.
    #[error("node {0} does not have the hash that the one above it names")]
    WrongNode(usize),
    /// The way goes on and the nodes do not.
    #[error("it ends before the value")]
    CutOff,
    /// The nodes go on after the way has ended.
    #[error("nodes follow its end")]
    LeftOver,
    /// A node that no trie of hashed keys has.
    #[error("node {0} is no node of a trie")]
    Malformed(usize),
}

/// The value under a key, or `None` if the nodes prove that there is none. The key is the hash by which the trie has it.
///
/// # Errors
/// [`TrieError`]: the nodes prove neither.
pub(crate) fn look_up(root: &[u8; 32], key: &[u8; 32], nodes: &[Vec<u8>]) -> Result<Option<Vec<u8>>, TrieError> {
    if nodes.len() > MAX_NODES || nodes.iter().any(|node| node.len() > MAX_NODE_BYTES) {
        return Err(TrieError::TooLarge);
    }
    if *root == EMPTY_ROOT_HASH.0 {
        return match nodes {
            [] => Ok(None),
            [node] if node == EMPTY_NODE => Ok(None),
            _ => Err(TrieError::WrongNode(0)),
        };
    }
    let mut way = Way { nodes, taken: 0 };
    let found = way.walk(root, &Nibbles::unpack(key))?;
    if way.taken == nodes.len() { Ok(found) } else { Err(TrieError::LeftOver) }
}

/// The nodes on the way, and how many of them were taken.
struct Way<'a> {
    nodes: &'a [Vec<u8>],
    taken: usize,
}

impl Way<'_> {
    /// Each step consumes a part of the path, so that it ends.
    fn walk(&mut self, root: &[u8; 32], path: &Nibbles) -> Result<Option<Vec<u8>>, TrieError> {
        let (mut next, mut rest) = (RlpNode::word_rlp(&B256::new(*root)), *path);
        loop {
            match self.node(&next)? {
                TrieNode::Leaf(leaf) if leaf.key.len() == rest.len() => {
                    return Ok((leaf.key == rest).then_some(leaf.value));
                }
                TrieNode::Extension(extension) if !extension.key.is_empty() => {
                    if !rest.starts_with(&extension.key) {
                        return Ok(None);
                    }
                    (next, rest) = (extension.child, rest.slice(extension.key.len()..));
                }
                TrieNode::Branch(branch) => {
                    let first = rest.first().ok_or_else(|| self.malformed())?;
                    let Some(child) = child(&branch, first) else { return Ok(None) };
                    (next, rest) = (child, rest.slice(1..));
                }
                TrieNode::Leaf(_) | TrieNode::Extension(_) | TrieNode::EmptyRoot => return Err(self.malformed()),
            }
        }
    }

    /// The node that is named: by its hash, or by itself where it is shorter than one.
    fn node(&mut self, name: &RlpNode) -> Result<TrieNode, TrieError> {
        const HASH: u8 = 0x80 + 32;
        match name.as_slice() {
            [HASH, hash @ ..] if hash.len() == 32 => {
                let node = self.nodes.get(self.taken).ok_or(TrieError::CutOff)?;
                if keccak256(node)[..] != *hash {
                    return Err(TrieError::WrongNode(self.taken));
                }
                self.taken = self.taken.saturating_add(1);
                self.decode(node)
            }
            short if short.len() < 32 => self.decode(short),
            _ => Err(self.malformed()),
        }
    }

    fn decode(&self, mut bytes: &[u8]) -> Result<TrieNode, TrieError> {
        let node = TrieNode::decode(&mut bytes).map_err(|_| self.malformed())?;
        if bytes.is_empty() { Ok(node) } else { Err(self.malformed()) }
    }

    /// The error of the node that was taken last.
    const fn malformed(&self) -> TrieError {
        TrieError::Malformed(self.taken.saturating_sub(1))
    }
}

fn child(branch: &BranchNode, nibble: u8) -> Option<RlpNode> {
    branch.as_ref().children().find(|(index, _)| *index == nibble).and_then(|(_, child)| child.cloned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
    use super::*;

    /// An RLP string, or a list of items that are encoded already.
    fn rlp(list: bool, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        if list || payload.len() != 1 || payload[0] >= 0x80 {
            alloy_rlp::Header { list, payload_length: payload.len() }.encode(&mut bytes);
        }
        bytes.extend_from_slice(payload);
        bytes
    }

    /// An extension or a leaf whose path has an even number of half bytes.
    fn short(flag: u8, path: &[u8], value: &[u8]) -> Vec<u8> {
        rlp(true, &[rlp(false, &[&[flag], path].concat()), value.to_vec()].concat())
    }

    fn extension(path: &[u8], child: &[u8; 32]) -> Vec<u8> {
        short(0x00, path, &rlp(false, child))
    }

    fn leaf(path: &[u8], value: &[u8]) -> Vec<u8> {
        short(0x20, path, &rlp(false, value))
    }

    /// A branch with one child.
    fn branch(nibble: usize, child: &[u8; 32]) -> Vec<u8> {
        let mut items = vec![vec![0x80]; 17];
        items[nibble] = rlp(false, child);
        rlp(true, &items.concat())
    }

    const KEY: [u8; 32] = [0x11; 32];

    #[test]
    fn a_made_up_trie_whose_paths_are_longer_than_a_key_is_refused() {
        let last = leaf(&[0x11; 32], b"value");
        for above in [
            extension(&[0x11; 32], &keccak256(&last)),
            extension(&[0x11; 31], &keccak256(&last)),
            branch(1, &keccak256(&last)),
        ] {
            let root = keccak256(&above);
            assert_eq!(look_up(&root, &KEY, &[above, last.clone()]), Err(TrieError::Malformed(1)));
        }
        // Branch under branch, once more than a key has half bytes.
        let mut nodes = vec![branch(1, &[7; 32])];
        for _ in 0..MAX_NODES - 1 {
            nodes.push(branch(1, &keccak256(nodes.last().unwrap())));
        }
        nodes.reverse();
        let root = keccak256(&nodes[0]);
        assert_eq!(look_up(&root, &KEY, &nodes), Err(TrieError::Malformed(64)));
        nodes.push(vec![]);
        assert_eq!(look_up(&root, &KEY, &nodes), Err(TrieError::TooLarge));
        assert_eq!(look_up(&root, &KEY, &[vec![0; MAX_NODE_BYTES + 1]]), Err(TrieError::TooLarge));
    }

    #[test]
    fn a_way_that_ends_at_a_leaf_or_leaves_an_extension_proves_presence_or_absence() {
        let only = leaf(&KEY, b"value");
        assert_eq!(look_up(&keccak256(&only), &KEY, std::slice::from_ref(&only)), Ok(Some(b"value".to_vec())));
        assert_eq!(look_up(&keccak256(&only), &[0x12; 32], std::slice::from_ref(&only)), Ok(None));
        let lower = leaf(&[0x11; 31], b"value");
        let above = extension(&[0x11], &keccak256(&lower));
        let root = keccak256(&above);
        assert_eq!(look_up(&root, &KEY, &[above.clone(), lower.clone()]), Ok(Some(b"value".to_vec())));
        assert_eq!(look_up(&root, &[0x22; 32], std::slice::from_ref(&above)), Ok(None));
        assert_eq!(look_up(&root, &[0x22; 32], &[above.clone(), lower]), Err(TrieError::LeftOver));
        assert_eq!(look_up(&root, &KEY, &[above]), Err(TrieError::CutOff));
    }

    #[test]
    fn an_empty_trie_has_nothing_and_no_other_is_empty() {
        let root = EMPTY_ROOT_HASH.0;
        assert_eq!(look_up(&root, &KEY, &[]), Ok(None));
        assert_eq!(look_up(&root, &KEY, &[EMPTY_NODE.to_vec()]), Ok(None));
        assert_eq!(look_up(&root, &KEY, &[leaf(&KEY, b"value")]), Err(TrieError::WrongNode(0)));
        assert_eq!(look_up(&[7; 32], &KEY, &[]), Err(TrieError::CutOff));
        assert_eq!(look_up(&[7; 32], &KEY, &[EMPTY_NODE.to_vec()]), Err(TrieError::WrongNode(0)));
    }

    #[test]
    fn what_is_no_node_is_refused_although_its_hash_is_right() {
        let twice = [leaf(&KEY, b"value"), vec![0x80]].concat();
        let no_path = short(0x00, &[], &rlp(false, &[7; 32]));
        for bad in [twice, no_path, vec![0xc0], rlp(true, &[0x80; 3]), short(0x40, &[0x11], b"x")] {
            assert_eq!(
                look_up(&keccak256(&bad), &KEY, std::slice::from_ref(&bad)),
                Err(TrieError::Malformed(0)),
                "{bad:?}"
            );
        }
    }
}
