//! The tables of what this chain knows of Base: which blocks validators attest, which events it has applied, and whom it
//! owes for them.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{
    Address, Amount, StateRead, Time,
    cell::{Item, Map},
    keys::CompactSignature,
};
use serde::{Deserialize, Serialize};

use crate::{Breach, Bucket, Checkpoint, EventBytes, ID};

/// The state of the contract, by the events that were applied.
pub(crate) const APPLIED: Item<Applied> = Item::new(ID, 14);
/// The blocks of Base that were attested.
pub(crate) const ATTESTED: Item<Attested> = Item::new(ID, 15);
/// The last attested blocks by number: statements of them are still counted.
pub(crate) const RECENT: Map<u64, Checkpoint> = Map::new(ID, 16);
/// The statements of Base, by number and operator.
pub(crate) const INBOUND: Map<(u64, Address), Attestation> = Map::new(ID, 17);
/// The numbers above the last attested one that each operator has stated, ascending.
pub(crate) const STATED: Map<Address, Vec<u64>> = Map::new(ID, 18);
/// The replay of events up to an attested block.
pub(crate) const REPLAY: Item<Replay> = Item::new(ID, 19);
/// Events that are proven and wait to be applied, by the nonce of the first one of each chunk.
pub(crate) const CHUNKS: Map<u64, Vec<EventBytes>> = Map::new(ID, 20);
/// Batches that were executed, until every item of theirs that waits on Base was named.
pub(crate) const EXECUTED: Map<u64, Executed> = Map::new(ID, 21);
/// The queue on Base, by id.
pub(crate) const QUEUE: Map<u64, QueueItem> = Map::new(ID, 22);
/// What is owed here for what happened on Base, by id.
pub(crate) const CREDITS: Map<u64, Credit> = Map::new(ID, 23);
/// The credits that found no room and wait, by the time at which they are paid.
pub(crate) const DELAYED: Map<(u64, u64), u8> = Map::new(ID, 24);
/// The bucket of burns that were paid of late.
pub(crate) const CREDIT_BUCKET: Item<Bucket> = Item::new(ID, 25);
/// The breach by which the bridge is halted.
pub(crate) const HALT: Item<Halt> = Item::new(ID, 26);
/// The open batches, by deadline and nonce.
pub(crate) const DEADLINES: Map<(u64, u64), u8> = Map::new(ID, 27);
/// Closed batches whose statements are still kept, by the number of checkpoints that were attested when they closed.
pub(crate) const CLOSED: Map<(u64, u64), u8> = Map::new(ID, 28);
/// Closed batches whose struct hashes are still kept, by deadline and nonce.
pub(crate) const HASHED: Map<(u64, u64), u8> = Map::new(ID, 29);
/// The latest deadline of a batch whose struct hash was dropped.
pub(crate) const LATEST_DROPPED: Item<u64> = Item::new(ID, 30);
/// The record of what each validator signed of late.
pub(crate) const DUTIES: Map<Address, Duties> = Map::new(ID, 31);
/// The power that was jailed for silence of late.
pub(crate) const JAILED: Item<Jailed> = Item::new(ID, 32);

/// The state of the contract by the events that were applied here. Before the bridge is at work it is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Applied {
    /// The nonce of the last event.
    #[serde(with = "diem_core::json::number")]
    pub event_nonce: u64,
    /// The rolling hash after it ([`crate::fold`]).
    #[serde(with = "hex::serde")]
    pub rolling_hash: [u8; 32],
    /// The sum of what batches minted at once, without fees, in adiem.
    pub minted: Amount,
    /// The sum of the fees that batches minted at once, in adiem.
    pub fees: Amount,
    /// The sum of what was minted out of the queue, in adiem.
    pub released: Amount,
    /// The sum of what was burned, in adiem.
    pub burned: Amount,
    /// The nonce of the set that is installed there.
    #[serde(with = "diem_core::json::number")]
    pub set: u64,
    /// The set that is proposed there and not installed.
    pub proposed: Option<Proposed>,
    /// The number of pauses and of their ends there.
    #[serde(with = "diem_core::json::number")]
    pub pause_nonce: u64,
    /// The end of the pause in seconds of Base: 0 if there is none, [`crate::UNTIL_UNPAUSE`] if it is open.
    #[serde(with = "diem_core::json::number")]
    pub paused_until: u64,
    /// The nonce of the last administrative action that was executed there.
    #[serde(with = "diem_core::json::number")]
    pub action: u64,
    /// The limits of minting there.
    pub limits: MintLimits,
    /// The limits that were decided there and count later.
    pub next_limits: Option<NextLimits>,
    /// The guardian.
    #[serde(with = "crate::on_base")]
    pub guardian: Address,
    /// The bridge that was announced to the token in place of this one.
    pub moving: Option<Moving>,
}

impl Applied {
    /// The supply of the token that follows from the events, in adiem.
    pub const fn supply(&self) -> Amount {
        let minted = self.minted.saturating_add(self.fees).saturating_add(self.released);
        minted.saturating_sub(self.burned)
    }

    /// The limits of minting at this second.
    pub fn limits_at(&self, second: u64) -> MintLimits {
        self.next_limits.filter(|next| next.from <= second).map_or(self.limits, |next| next.limits)
    }

    /// Whether nothing is minted on Base at this second because of a pause.
    pub const fn is_paused_at(&self, second: u64) -> bool {
        second < self.paused_until
    }
}

/// The limits of minting on Base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MintLimits {
    /// The capacity of the mint bucket, in adiem; 0 closes it.
    pub mint_capacity: Amount,
    /// The share of it that one mint may be, in basis points.
    pub share_bps: u16,
}

/// Limits of minting that count from a second of Base on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NextLimits {
    /// Both limits, as they will be.
    pub limits: MintLimits,
    /// The second from which both count.
    #[serde(with = "diem_core::json::number")]
    pub from: u64,
}

/// A set that was proposed on Base, because the stored one was too old to install it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposed {
    /// The nonce of the set.
    #[serde(with = "diem_core::json::number")]
    pub nonce: u64,
    /// The second of Base from which anybody may install it.
    #[serde(with = "diem_core::json::number")]
    pub install_at: u64,
}

/// A bridge that was announced to the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moving {
    /// The contract of that bridge.
    #[serde(with = "crate::on_base")]
    pub bridge: Address,
    /// The second of Base from which the token obeys it.
    #[serde(with = "diem_core::json::number")]
    pub at: u64,
}

/// The blocks of Base that were attested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attested {
    /// The number of blocks that were attested.
    #[serde(with = "diem_core::json::number")]
    pub count: u64,
    /// The last one.
    pub last: Option<Checkpoint>,
    /// The newest one that waits, because events up to an earlier one are being replayed.
    pub next: Option<Checkpoint>,
    /// The last one of which every event was applied.
    pub applied: Option<Checkpoint>,
    /// The last one that was completed: its events were applied, and both equalities held.
    pub completed: Option<Checkpoint>,
    /// The id of the last credit that may be paid: later ones belong to a block that is not completed.
    #[serde(with = "diem_core::json::number")]
    pub payable: u64,
    /// The id of the last credit that was paid or delayed. They are taken in their order.
    #[serde(with = "diem_core::json::number")]
    pub handled: u64,
}

/// A statement of Base, by the operator of a validator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attestation {
    /// The facts that it states.
    pub checkpoint: Checkpoint,
    /// The signature of the operator's bridge key over them.
    pub signature: CompactSignature,
}

/// The replay of events up to an attested block. It goes backwards: what is proven next is the hash at the frontier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    /// The attested block.
    pub target: Checkpoint,
    /// The nonce of the last event that is still to be proven. Every later one lies in a chunk or was applied.
    #[serde(with = "diem_core::json::number")]
    pub nonce: u64,
    /// The rolling hash after that event.
    #[serde(with = "hex::serde")]
    pub hash: [u8; 32],
}

/// A batch that was executed and left items in the queue on Base that were not all named.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Executed {
    /// The sum of the items that were not named, in adiem.
    pub unnamed: Amount,
    /// The ids of its transfers, in the order of its bytes; `None` for a batch that this chain never issued.
    pub transfers: Option<Vec<u64>>,
}

/// An item that waits on Base to be minted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueueItem {
    /// The nonce of its batch.
    #[serde(with = "diem_core::json::number")]
    pub batch: u64,
    /// The part of the batch that it is.
    pub part: Part,
    /// The amount that waits, in adiem.
    pub amount: Amount,
    /// The second of Base from which anybody may release it.
    #[serde(with = "diem_core::json::number")]
    pub ready_at: u64,
    /// The second of Base until which the guardian has frozen it; 0 if he has not, or if that was lifted.
    #[serde(with = "diem_core::json::number")]
    pub vetoed_until: u64,
}

/// A part of an executed batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case", tag = "type", deny_unknown_fields)]
#[repr(u8)]
pub enum Part {
    /// The transfer with this id.
    Transfer {
        /// The id of the transfer.
        #[serde(with = "diem_core::json::number")]
        id: u64,
    } = 0,
    /// The fee of whoever relayed it.
    Fee = 1,
    /// An item that this chain never issued.
    Forged = 2,
}

/// An amount that is owed here for what happened on Base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credit {
    /// The reason for which it is owed.
    pub reason: Reason,
    /// The account that gets it; `None` is the treasury.
    pub recipient: Option<Address>,
    /// The amount, in adiem.
    pub amount: Amount,
    /// The time at which its event was applied.
    pub since: Time,
    /// The time at which it is paid whatever the room, once it found none.
    pub delayed_until: Option<Time>,
    /// Whether the authority has held it back, which it may do once.
    pub held: bool,
}

/// The reason for which an amount is owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case", tag = "type", deny_unknown_fields)]
#[repr(u8)]
pub enum Reason {
    /// It was burned on Base.
    Burn {
        /// The nonce of the event that says so.
        #[serde(with = "diem_core::json::number")]
        event: u64,
        /// The account on Base whose balance was burned.
        #[serde(with = "crate::on_base")]
        sender: Address,
    } = 0,
    /// An item of the queue on Base was cancelled.
    Cancelled {
        /// The id of the item.
        #[serde(with = "diem_core::json::number")]
        queue_id: u64,
    } = 1,
    /// The escrow held more than was owed when the bridge was resumed.
    Surplus = 2,
}

/// The halt of the bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Halt {
    /// The breach that halted it.
    pub breach: Breach,
    /// The time since which it is halted.
    pub since: Time,
}

/// The record of what a validator signed of the last things that were to be signed, the newest in the lowest bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Duties {
    /// The number of things that it owed a signature for, at most [`crate::silence::WINDOW`].
    pub owed: u16,
    /// A bit for each of them: whether it signed in time.
    pub signed: [u64; 4],
}

/// The power that was jailed for silence in a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jailed {
    /// The begin of the day.
    pub since: Time,
    /// The power that was jailed since then.
    #[serde(with = "diem_core::json::number")]
    pub power: u64,
}

/// The state of the contract by the events that were applied.
pub fn applied(state: &dyn StateRead) -> Applied {
    APPLIED.get(state).unwrap_or_default()
}

/// The blocks of Base that were attested.
pub fn attested(state: &dyn StateRead) -> Attested {
    ATTESTED.get(state).unwrap_or_default()
}

/// The halt of the bridge, if a breach has halted it.
pub fn halt(state: &dyn StateRead) -> Option<Halt> {
    HALT.get(state)
}

/// The replay that is going on.
pub fn replay(state: &dyn StateRead) -> Option<Replay> {
    REPLAY.get(state)
}

/// An amount that is owed, by its id.
pub fn credit(state: &dyn StateRead, id: u64) -> Option<Credit> {
    CREDITS.get(state, &id)
}

/// An item of the queue on Base, by its id.
pub fn queue_item(state: &dyn StateRead, id: u64) -> Option<QueueItem> {
    QUEUE.get(state, &id)
}
