//! Reads the known answers in `contracts/vectors`.

use std::{collections::BTreeSet, fmt::Debug, fs, path::Path, str::FromStr};

use borsh::BorshDeserialize;
use diem_bridge::{Batch, Checkpoint, Domain, Error, Preimage, Valset};
use diem_core::{Address, Amount, ModuleError as _, keys::CompactSignature};
use serde::de::DeserializeOwned;
use serde_json::Value;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../contracts/vectors");
/// The files that some test here reads.
const FILES: [&str; 20] = [
    "addresses",
    "admin",
    "batches",
    "calls",
    "checkpoints",
    "chunks",
    "constants",
    "events",
    "extensions",
    "key_proof",
    "pauses",
    "preimages",
    "salt_and_domain",
    "sets",
    "signature_lists",
    "slots",
    "statements",
    "thresholds",
    "valsets",
    "votes",
];

/// A file or a part of one. Reading what is not there fails the test.
pub(crate) struct Vector(Value);

pub(crate) fn file(name: &str) -> Vector {
    assert!(FILES.contains(&name), "{name} is not in the list");
    let text = fs::read_to_string(Path::new(FOLDER).join(name).with_extension("json")).unwrap();
    Vector(serde_json::from_str(&text).unwrap())
}

impl Vector {
    pub(crate) fn get(&self, field: &str) -> Self {
        Self(self.0.get(field).unwrap_or_else(|| panic!("no field {field} in {}", self.0)).clone())
    }

    /// The parts of a list, which is never empty.
    pub(crate) fn list(&self, field: &str) -> Vec<Self> {
        let list: Vec<Self> = self.get(field).0.as_array().unwrap().iter().cloned().map(Self).collect();
        assert!(!list.is_empty(), "{field} is empty");
        list
    }

    pub(crate) fn cases(&self) -> Vec<Self> {
        self.list("cases")
    }

    /// The cases that must be refused, each with its bytes from `field` and the name of the error.
    pub(crate) fn invalid(&self, field: &str) -> Vec<(String, Vec<u8>, String)> {
        self.list("invalid").iter().map(|case| (case.text("name"), case.bytes(field), case.text("error"))).collect()
    }

    pub(crate) fn text(&self, field: &str) -> String {
        self.get(field).0.as_str().unwrap().to_owned()
    }

    pub(crate) fn is(&self, field: &str) -> bool {
        self.get(field).0.as_bool().unwrap()
    }

    /// A number, or its digits.
    pub(crate) fn number<T: FromStr<Err: Debug>>(&self, field: &str) -> T {
        let Self(value) = self.get(field);
        value.as_str().map_or_else(|| value.to_string(), str::to_owned).parse().unwrap()
    }

    pub(crate) fn amount(&self, field: &str) -> Amount {
        Amount::new(self.number(field))
    }

    pub(crate) fn bytes(&self, field: &str) -> Vec<u8> {
        from_hex(&self.text(field))
    }

    pub(crate) fn array<const N: usize>(&self, field: &str) -> [u8; N] {
        self.bytes(field).try_into().unwrap()
    }

    pub(crate) fn address(&self, field: &str) -> Address {
        self.text(field).parse().unwrap()
    }

    pub(crate) fn signature(&self, field: &str) -> CompactSignature {
        CompactSignature(self.array(field))
    }

    /// The value whose JSON this is.
    pub(crate) fn json<T: DeserializeOwned>(&self, field: &str) -> T {
        serde_json::from_value(self.get(field).0).unwrap()
    }

    /// The numbers of a list.
    pub(crate) fn numbers(&self, field: &str) -> Vec<usize> {
        self.json(field)
    }

    /// The bytes of a list of pieces, each with the number of times that it is repeated.
    pub(crate) fn pieces(&self, field: &str) -> Vec<u8> {
        let pieces: Vec<(String, usize)> = self.json(field);
        pieces.iter().flat_map(|(piece, times)| from_hex(piece).repeat(*times)).collect()
    }

    pub(crate) fn domain(&self) -> Domain {
        self.get("domain").as_domain()
    }

    pub(crate) fn as_domain(&self) -> Domain {
        Domain { base_chain_id: self.number("baseChainId"), bridge: self.address("bridge"), salt: self.array("salt") }
    }

    pub(crate) fn batch(&self) -> Batch {
        let transfers = Batch::read_transfers(&self.bytes("transfers")).unwrap();
        Batch { nonce: self.number("nonce"), deadline: self.number("deadline"), fee: self.amount("fee"), transfers }
    }

    pub(crate) fn valset(&self) -> Valset {
        Valset { nonce: self.number("nonce"), created_at: self.number("createdAt"), set_hash: self.array("setHash") }
    }

    pub(crate) fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            number: self.number("number"),
            block_hash: self.array("blockHash"),
            timestamp: self.number("timestamp"),
            event_nonce: self.number("eventNonce"),
            rolling_hash: self.array("rollingHash"),
            supply: self.amount("supply"),
        }
    }

    /// An administrative action with its nonces.
    pub(crate) fn action(&self) -> Preimage {
        let admin_nonce = self.number("adminNonce");
        match self.text("action").as_str() {
            "Unpause" => Preimage::Unpause { admin_nonce, pause_nonce: self.number("pauseNonce") },
            "SetLimits" => {
                let (mint_capacity, share_bps) = (self.amount("mintCapacity"), self.number("shareBps"));
                Preimage::SetLimits { admin_nonce, mint_capacity, share_bps }
            }
            "ResolveQueue" => {
                Preimage::ResolveQueue { admin_nonce, queue_id: self.number("queueId"), release: self.is("release") }
            }
            "SetGuardian" => Preimage::SetGuardian { admin_nonce, guardian: self.address("guardian") },
            "MoveBridge" => Preimage::MoveBridge { admin_nonce, bridge: self.address("bridge") },
            other => panic!("{other} is no action"),
        }
    }
}

pub(crate) fn from_hex(text: &str) -> Vec<u8> {
    hex::decode(text.strip_prefix("0x").unwrap()).unwrap()
}

/// The stable name of an error.
pub(crate) fn name(error: &Error) -> &'static str {
    Error::TABLE.iter().find(|info| info.code == error.code()).unwrap().name
}

/// Reads borsh bytes strictly, as the chain does.
pub(crate) fn read<T: BorshDeserialize>(bytes: &[u8]) -> Result<T, Error> {
    T::try_from_slice(bytes).map_err(|_| Error::Malformed("value"))
}

#[test]
fn every_file_of_vectors_is_read_by_a_test() {
    let there: BTreeSet<String> = fs::read_dir(FOLDER)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .filter(|name| !name.starts_with("package"))
        .collect();
    assert_eq!(there, FILES.map(str::to_owned).into());
}
