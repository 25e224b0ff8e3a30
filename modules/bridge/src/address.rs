//! The address of the bridge on Base. It follows from the bytes that create the bridge, so whoever knows the address
//! knows the code and the first storage.

use diem_core::{Address, Amount, keccak256};

/// The contract that creates the bridge for whoever asks it, by CREATE2. Every network of the field has it, and anvil
/// too. Source: Arachnid's deterministic deployment proxy.
pub const CREATE2_DEPLOYER: Address = Address([
    0x4e, 0x59, 0xb4, 0x48, 0x47, 0xb3, 0x79, 0x57, 0x85, 0x88, 0x92, 0x0c, 0xa7, 0x8f, 0xbf, 0x26, 0xc0, 0xb4, 0x95,
    0x6c,
]);
/// The name of the smallest unit of DIEM, as the token's contract shows it.
pub const DENOM: &str = "adiem";

/// The address of a contract that [`CREATE2_DEPLOYER`] creates. Source: EIP-1014.
pub fn bridge_address(salt: &[u8; 32], init_code_hash: &[u8; 32]) -> Address {
    Address::last_of(&keccak256(&[&[0xff][..], &CREATE2_DEPLOYER.0, salt, init_code_hash].concat()))
}

/// The address of the token, which the bridge creates first: its nonce is 1 then (EIP-161). Source: the yellow paper,
/// section 7; the bytes are the head of the RLP list, the head of the address, the address and the nonce.
pub fn token_address(bridge: &Address) -> Address {
    Address::last_of(&keccak256(&[&[0xd6, 0x94][..], &bridge.0, &[0x01]].concat()))
}

/// The hash of the code that creates the bridge: the contract's creation code, then its arguments.
pub fn init_code_hash(creation_code: &[u8], arguments: &Constructor) -> [u8; 32] {
    keccak256(&[creation_code, &arguments.encode()].concat())
}

/// The arguments of the bridge's constructor, which `prepare` fixes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Constructor {
    /// The name of this chain, by [`crate::salt`].
    pub salt: [u8; 32],
    /// The hash of set 0.
    pub set_hash: [u8; 32],
    /// The time at which set 0 was made, in seconds of this chain.
    pub created_at: u64,
    /// The age from which on a set mints nothing, in seconds.
    pub max_set_age: u64,
    /// The capacity of the mint bucket, in adiem.
    pub mint_capacity: Amount,
    /// The share of it that one mint may be, in basis points.
    pub share_bps: u16,
    /// The account on Base that may pause, veto and lower limits.
    pub guardian: Address,
    /// The chain id of this chain.
    pub chain_id: String,
    /// The name of the smallest unit, which is [`DENOM`].
    pub denom: String,
}

impl Constructor {
    /// The arguments as the contract ABI lays them out: a word for each, for the two strings the offset of their
    /// bytes. Source: "Contract ABI specification" in the documentation of Solidity.
    pub fn encode(&self) -> Vec<u8> {
        const HEAD: u128 = 9 * 32;
        let mut guardian = [0; 32];
        guardian[12..].copy_from_slice(&self.guardian.0);
        let (chain_id, denom) = (text(&self.chain_id), text(&self.denom));
        // Two short texts are far below the limits of the offsets.
        let second = HEAD.saturating_add(chain_id.len() as u128);
        let head = [
            self.salt,
            self.set_hash,
            word(self.created_at.into()),
            word(self.max_set_age.into()),
            word(self.mint_capacity.get()),
            word(self.share_bps.into()),
            guardian,
            word(HEAD),
            word(second),
        ];
        [head.concat(), chain_id, denom].concat()
    }
}

/// A number as a word of 32 bytes.
fn word(number: u128) -> [u8; 32] {
    let mut word = [0; 32];
    word[16..].copy_from_slice(&number.to_be_bytes());
    word
}

/// A text as its length and its bytes, filled up to whole words.
fn text(text: &str) -> Vec<u8> {
    let mut bytes = word(text.len() as u128).to_vec();
    bytes.extend(text.as_bytes());
    bytes.resize(bytes.len().next_multiple_of(32), 0);
    bytes
}
