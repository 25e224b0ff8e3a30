//! The domain of everything that validators sign for the bridge, and the salt in it that names this chain.

use diem_core::{
    Address,
    eip712::{self, TypedStruct},
    keccak256,
};

const DOMAIN_TYPE: &str =
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)";
const DOMAIN_NAME: &[u8] = b"DIEM Bridge";
const DOMAIN_VERSION: &[u8] = b"1";
const SALT_TAG: &[u8] = b"diem-bridge-salt/1";

/// The salt of the bridge of the chain with this genesis and name. It is also the salt of CREATE2, so that two chains
/// never share a contract's address.
pub fn salt(genesis_hash: &[u8; 32], chain_id: &str) -> [u8; 32] {
    keccak256(&[SALT_TAG, genesis_hash, chain_id.as_bytes()].concat())
}

/// The domain of EIP-712 in which validators sign: the contract, the network that it lies on, and this chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Domain {
    /// The chain id of Base, as its `eth_chainId` says.
    pub base_chain_id: u64,
    /// The address of the bridge's contract.
    pub bridge: Address,
    /// The name of this chain, by [`salt`].
    pub salt: [u8; 32],
}

impl Domain {
    /// The domain's own hash. It is the rolling hash before the first event, so it commits every event to the contract.
    pub fn separator(&self) -> [u8; 32] {
        TypedStruct::new(DOMAIN_TYPE)
            .bytes(DOMAIN_NAME)
            .bytes(DOMAIN_VERSION)
            .number(self.base_chain_id)
            .address(&self.bridge)
            .word(self.salt)
            .hash()
    }

    /// The digest that a bridge key signs: of a struct, by its hash, in this domain.
    pub fn digest(&self, struct_hash: &[u8; 32]) -> [u8; 32] {
        eip712::digest(&self.separator(), struct_hash)
    }
}
