//! The code that the contracts have once they are created: that of this version's artifacts with their immutables
//! filled in.

use std::sync::LazyLock;

use alloy_primitives::Bytes;
use diem_bridge::{Domain, token_address};
use diem_core::{Address, Amount, eip712::TypedStruct, keccak256};
use serde::Deserialize;

const BRIDGE: &str = include_str!("../../../contracts/artifacts/DiemBridge.json");
const TOKEN: &str = include_str!("../../../contracts/artifacts/DiemToken.json");

/// The token's constructor arguments that are immutables. Source: `contracts/src/DiemToken.sol`.
const TOKEN_NAME: &str = "DIEM (native)";
const TOKEN_VERSION: &str = "1";
/// 1,000,000 DIEM.
const TOKEN_CAP: Amount = Amount::new(1_000_000_000_000_000_000_000_000);

/// The keccak of the code of both contracts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeHashes {
    /// That of the bridge.
    pub bridge: [u8; 32],
    /// That of its token.
    pub token: [u8; 32],
}

/// The parts of an artifact that the code follows from.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Artifact {
    deployed_bytecode: Bytes,
    immutables: Vec<Immutable>,
}

/// A word of the code that the constructor fills in.
#[derive(Deserialize)]
struct Immutable {
    name: String,
    offsets: Vec<usize>,
}

/// The code hashes of the bridge of this domain, whose sets live for so long, in seconds.
pub fn code_hashes(domain: &Domain, max_set_age: u64) -> CodeHashes {
    static ARTIFACTS: LazyLock<[Artifact; 2]> = LazyLock::new(|| [BRIDGE, TOKEN].map(read));
    let [bridge, token] = &*ARTIFACTS;
    CodeHashes { bridge: bridge.hash(&of_bridge(domain, max_set_age)), token: token.hash(&of_token(domain)) }
}

/// The artifact in a file of this repository, which tests compare with what the compiler makes.
fn read(json: &str) -> Artifact {
    #[expect(clippy::expect_used, reason = "the file is part of this program, and tests read it")]
    serde_json::from_str(json).expect("an artifact of the contracts")
}

impl Artifact {
    /// The keccak of the code with the value of each immutable at each of its places.
    fn hash(&self, values: &[(&str, [u8; 32])]) -> [u8; 32] {
        let mut code = self.deployed_bytecode.to_vec();
        for Immutable { name, offsets } in &self.immutables {
            #[expect(clippy::expect_used, reason = "tests compare the code with a deployed one")]
            let (_, value) = values.iter().find(|(known, _)| known == name).expect("every immutable is known here");
            for offset in offsets {
                if let Some(word) = code.get_mut(*offset..).and_then(|rest| rest.first_chunk_mut::<32>()) {
                    *word = *value;
                }
            }
        }
        keccak256(&code)
    }
}

fn of_bridge(domain: &Domain, max_set_age: u64) -> [(&'static str, [u8; 32]); 5] {
    [
        ("salt", domain.salt),
        ("domainSeparator", domain.separator()),
        ("maxSetAge", number(max_set_age.into())),
        ("token", address(&token_address(&domain.bridge))),
        ("_chainId", number(domain.base_chain_id.into())),
    ]
}

fn of_token(domain: &Domain) -> [(&'static str, [u8; 32]); 8] {
    let token = token_address(&domain.bridge);
    // The domain of EIP-2612, which has no salt.
    let separator =
        TypedStruct::new("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
            .bytes(TOKEN_NAME.as_bytes())
            .bytes(TOKEN_VERSION.as_bytes())
            .number(domain.base_chain_id)
            .address(&token)
            .hash();
    [
        ("_name", short_string(TOKEN_NAME)),
        ("_version", short_string(TOKEN_VERSION)),
        ("_hashedName", keccak256(TOKEN_NAME.as_bytes())),
        ("_hashedVersion", keccak256(TOKEN_VERSION.as_bytes())),
        ("_cap", number(TOKEN_CAP.get())),
        ("_cachedThis", address(&token)),
        ("_cachedChainId", number(domain.base_chain_id.into())),
        ("_cachedDomainSeparator", separator),
    ]
}

/// A `ShortString` of OpenZeppelin: the text, and its length in the last byte.
fn short_string(text: &str) -> [u8; 32] {
    let mut word = [0; 32];
    for (place, byte) in word.iter_mut().zip(text.bytes()) {
        *place = byte;
    }
    word[31] = u8::try_from(text.len()).unwrap_or(u8::MAX);
    word
}

fn number(number: u128) -> [u8; 32] {
    alloy_primitives::U256::from(number).to_be_bytes()
}

fn address(address: &Address) -> [u8; 32] {
    crate::convert::to_alloy(address).into_word().0
}
