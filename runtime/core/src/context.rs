//! The contexts in which code runs: what it may see and do. A context gives rights: none shows a clock, randomness, the
//! environment, the network or the raw store.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::{Address, Events, StateRead, StateWrite, Time, Verifier, keys::KeyKind};

/// Height and time of a block, from its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub struct BlockInfo {
    /// The height, from 1.
    pub height: u64,
    /// The time of the block's header.
    pub time: Time,
}

/// A validator as consensus names it: the first 20 bytes of the sha256 of its ed25519 key.
pub type ConsensusAddress = [u8; 20];

/// One validator's part in the commit of the block before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vote {
    /// The validator whose vote this is.
    pub validator: ConsensusAddress,
    /// Its voting power at that height.
    pub power: u64,
    /// Whether its signature is in the commit.
    pub signed: bool,
}

/// The kinds of offences that consensus proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MisbehaviourKind {
    /// Two different votes in the same round.
    DuplicateVote,
    /// A conflicting header shown to a light client.
    LightClientAttack,
}

/// Evidence that consensus has verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misbehaviour {
    /// The kind of the offence.
    pub kind: MisbehaviourKind,
    /// The validator that committed the offence.
    pub validator: ConsensusAddress,
    /// The validator's power at the offence.
    pub power: u64,
    /// The height of the offence.
    pub height: u64,
    /// The time of the offence.
    pub time: Time,
}

/// Everything that execution knows of a block besides its transactions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Block {
    /// The block's height and time.
    pub info: BlockInfo,
    /// The validator that proposed the block.
    pub proposer: ConsensusAddress,
    /// The validators of the block before, each with whether it signed.
    pub votes: Vec<Vote>,
    /// The evidence that the block carries.
    pub misbehaviour: Vec<Misbehaviour>,
}

/// Genesis: writes state before there is a block.
pub struct GenesisContext<'a> {
    /// The empty state that genesis fills.
    pub state: &'a mut dyn StateWrite,
    /// The genesis time, at which the chain starts.
    pub time: Time,
}

/// A begin or end step of a block.
pub struct BlockContext<'a> {
    /// State inside the hook's own overlay.
    pub state: &'a mut dyn StateWrite,
    /// The events of the block's hooks, to which this step adds its own.
    pub events: &'a mut Events,
    /// The block in which the step runs.
    pub block: &'a Block,
}

/// A call of a transaction.
pub struct TxContext<'a> {
    /// State inside the transaction's own overlay.
    pub state: &'a mut dyn StateWrite,
    /// The events of the transaction, to which the call adds its own.
    pub events: &'a mut Events,
    /// Height and time of the block that holds the transaction.
    pub block: BlockInfo,
    /// The account that signed the transaction and for which the call acts.
    pub sender: Address,
    /// The kind of the sender's key.
    pub key: KeyKind,
    /// Verifies the statements of others that are handed in inside the call.
    pub verifier: &'a dyn Verifier,
}

/// A question at one committed height.
pub struct QueryContext<'a> {
    /// State at that height.
    pub state: &'a dyn StateRead,
    /// That height and its time.
    pub block: BlockInfo,
}
