//! The first member of an archive: what the others are.

use std::{collections::BTreeSet, path::PathBuf};

use diem_engine::EngineKind;
use serde::{Deserialize, Serialize};

/// The number of this form of archives. Another form gets another number.
const FORMAT: u32 = 1;

/// The name of the member that lists all others.
pub(super) const CONTENTS: &str = "contents.json";
/// The genesis, at its place in an archive and in a home.
pub(super) const GENESIS: &str = "genesis.json";
/// The databases, at their places in an archive: the state with its index, then CometBFT's. Nothing else of a home is in
/// an archive, so that no key, no signing state and no message that somebody signed can be.
pub(super) const DATABASES: [&str; 5] = [
    "data/rows",
    "cometbft/data/blockstore.db",
    "cometbft/data/state.db",
    "cometbft/data/evidence.db",
    "cometbft/data/tx_index.db",
];
/// The databases without which CometBFT does not go on, and what names the others in each.
const NEEDED: [&str; 2] = ["cometbft/data/blockstore.db", "cometbft/data/state.db"];
const NAMING: [&str; 2] = ["CURRENT", "MANIFEST-"];
/// Files of a database that another process makes anew: locks, and the texts that it logs.
pub(super) const PASSING: [&str; 3] = ["LOCK", "LOG", "LOG.old"];

/// What is in an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Contents {
    /// The form of the archive.
    format: u32,
    /// The engine that made the blocks.
    pub(crate) engine: EngineKind,
    /// The name of the chain.
    pub(crate) chain_id: String,
    /// The hash of the chain's genesis.
    #[serde(with = "hex::serde")]
    pub(crate) genesis_hash: [u8; 32],
    /// The last height of the state.
    pub(crate) height: u64,
    /// The root of the state after that height.
    #[serde(with = "hex::serde")]
    pub(crate) app_hash: [u8; 32],
    /// The other members, in their order.
    pub(crate) files: Vec<Member>,
}

/// A file in an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Member {
    /// The path in the archive, which is that in a home.
    pub(crate) path: String,
    /// The length in bytes.
    pub(crate) bytes: u64,
    /// The hash of the bytes.
    #[serde(with = "hex::serde")]
    pub(crate) sha256: [u8; 32],
}

impl Contents {
    /// The list of an archive in the form of this program.
    pub(super) fn new(
        engine: EngineKind,
        (chain_id, genesis_hash): (String, [u8; 32]),
        (height, app_hash): (u64, [u8; 32]),
        files: Vec<Member>,
    ) -> Self {
        Self { format: FORMAT, engine, chain_id, genesis_hash, height, app_hash, files }
    }

    /// The bytes of all files together.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().fold(0, |sum, file| sum.saturating_add(file.bytes))
    }

    /// Reads the list and checks that it names only what an archive may have. The error says what is wrong.
    pub(super) fn decode(text: &[u8]) -> Result<Self, String> {
        /// The part that all forms have.
        #[derive(Deserialize)]
        struct Form {
            format: u32,
        }
        let wrong = |error: serde_json::Error| format!("its list of files does not decode ({error})");
        let Form { format } = serde_json::from_slice(text).map_err(wrong)?;
        if format != FORMAT {
            return Err(format!("its form is {format}, and this diemd knows form {FORMAT} only"));
        }
        let contents: Self = serde_json::from_slice(text).map_err(wrong)?;
        contents.check()?;
        Ok(contents)
    }

    fn check(&self) -> Result<(), String> {
        let mut paths = BTreeSet::new();
        for Member { path, .. } in &self.files {
            if !is_allowed(path) {
                return Err(format!("it holds {path:?}, which no archive may have"));
            }
            if !paths.insert(path.as_str()) {
                return Err(format!("it holds {path:?} twice"));
            }
        }
        if !paths.contains(GENESIS) {
            return Err(format!("it has no {GENESIS}"));
        }
        let needed = NEEDED.iter().flat_map(|folder| NAMING.map(|name| format!("{folder}/{name}")));
        let missing = |begin: &String| !paths.iter().any(|path| path.starts_with(begin));
        match needed.filter(|_| self.engine == EngineKind::Comet).find(missing) {
            Some(begin) => Err(format!("it has no {begin}, without which CometBFT does not go on")),
            None => Ok(()),
        }
    }
}

/// Whether an archive may have a file of this path: the genesis, or one directly in the folder of a database.
fn is_allowed(path: &str) -> bool {
    let is_plain = |name: &str| {
        name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) && !name.starts_with('.')
    };
    path == GENESIS
        || path.rsplit_once('/').is_some_and(|(folder, name)| {
            DATABASES.contains(&folder) && !name.is_empty() && name.len() <= 128 && is_plain(name)
        })
}

/// The place of a member below `root`.
pub(super) fn place(root: &std::path::Path, path: &str) -> PathBuf {
    root.join(path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn contents(paths: &[&str]) -> Contents {
        let file = |path: &&str| Member { path: (*path).into(), bytes: 1, sha256: [0; 32] };
        let files = paths.iter().map(file).collect();
        Contents::new(EngineKind::Comet, ("x-dev".into(), [1; 32]), (7, [2; 32]), files)
    }

    /// What an archive of CometBFT has at least.
    const LEAST: [&str; 5] = [
        GENESIS,
        "cometbft/data/blockstore.db/CURRENT",
        "cometbft/data/blockstore.db/MANIFEST-000001",
        "cometbft/data/state.db/CURRENT",
        "cometbft/data/state.db/MANIFEST-000001",
    ];

    fn decode(paths: &[&str]) -> Result<Contents, String> {
        Contents::decode(&serde_json::to_vec(&contents(paths)).unwrap())
    }

    #[test]
    fn an_archive_holds_databases_and_the_genesis_and_nothing_else() {
        let good = [&LEAST[..], &["data/rows/000012.sst"]].concat();
        assert_eq!(decode(&good), Ok(contents(&good)));
        for bad in [
            "../genesis.json",
            "/etc/passwd",
            "data/rows/../../x",
            "data/rows/..",
            "data/rows/",
            "data/rows/.x",
            "data/rows/a/b",
            "data/rows/a\\b",
            "data/rows/a\u{0}",
            "data/rows",
            "config.toml",
            "bridge_key.json",
            "cometbft/config/priv_validator_key.json",
            "cometbft/data/priv_validator_state.json",
            "cometbft/data/cs.wal/wal",
            "",
        ] {
            assert!(decode(&[GENESIS, bad]).unwrap_err().contains("which no archive may have"), "{bad}");
        }
        assert!(decode(&[GENESIS, GENESIS]).unwrap_err().contains("twice"));
        assert!(decode(&["data/rows/a"]).unwrap_err().contains("no genesis.json"));
    }

    #[test]
    fn an_archive_of_cometbft_has_its_blocks_and_its_state() {
        for left_out in &LEAST[1..] {
            let rest: Vec<&str> = LEAST.into_iter().filter(|path| path != left_out).collect();
            let error = decode(&rest).unwrap_err();
            assert!(error.contains(left_out.trim_end_matches("000001")), "{left_out}: {error}");
            let other = Contents { engine: EngineKind::Instant, ..contents(&rest) };
            assert_eq!(other.check(), Ok(()));
        }
    }

    #[test]
    fn another_form_is_named() {
        let error = Contents::decode(br#"{"format":2,"whatever":1}"#).unwrap_err();
        assert!(error.contains("its form is 2"), "{error}");
    }
}
