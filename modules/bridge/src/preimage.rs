//! The full content of what is signed for Base: batches, validator sets, administrative actions and pauses.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{Address, Amount, Denom, eip712::TypedStruct};
use serde::{Deserialize, Serialize};

use crate::{Batch, Error, OutboundKind};

const VALSET_TYPE: &str = "Valset(uint64 nonce,uint64 createdAt,bytes32 setHash)";
const UNPAUSE_TYPE: &str = "Unpause(uint64 adminNonce,uint64 pauseNonce)";
const SET_LIMITS_TYPE: &str = "SetLimits(uint64 adminNonce,uint128 mintCapacity,uint16 shareBps)";
const RESOLVE_QUEUE_TYPE: &str = "ResolveQueue(uint64 adminNonce,uint64 queueId,bool release)";
const SET_GUARDIAN_TYPE: &str = "SetGuardian(uint64 adminNonce,address guardian)";
const MOVE_BRIDGE_TYPE: &str = "MoveBridge(uint64 adminNonce,address bridge)";
const PAUSE_TYPE: &str = "Pause(uint64 pauseNonce)";

/// A validator set by its hash, as validators sign it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Valset {
    /// The number of the set; the constructor's set has 0.
    #[serde(with = "diem_core::json::number")]
    pub nonce: u64,
    /// The time at which it was made, in seconds of this chain.
    #[serde(with = "diem_core::json::number")]
    pub created_at: u64,
    /// The hash of the set ([`crate::ValidatorSet::hash`]).
    #[serde(with = "hex::serde")]
    pub set_hash: [u8; 32],
}

/// An administrative action as the authority orders it. The chain gives the nonces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case", tag = "type", deny_unknown_fields)]
#[repr(u8)]
pub enum AdminAction {
    /// Ends the pause that is in force.
    Unpause = 0,
    /// Sets both limits of minting; where one of them rises, both count two days later.
    SetLimits {
        /// The capacity of the mint bucket, in adiem; 0 closes it.
        mint_capacity: Amount,
        /// The share of it that one mint may be, in basis points.
        share_bps: u16,
    } = 1,
    /// Decides about an item of the queue.
    ResolveQueue {
        /// The id of the item in the queue.
        #[serde(with = "diem_core::json::number")]
        queue_id: u64,
        /// Whether it may be minted at once; otherwise it is cancelled.
        release: bool,
    } = 2,
    /// Puts another guardian in place.
    SetGuardian {
        /// The account on Base.
        #[serde(with = "crate::on_base")]
        guardian: Address,
    } = 3,
    /// Announces another bridge to the token.
    MoveBridge {
        /// The contract on Base.
        #[serde(with = "crate::on_base")]
        bridge: Address,
    } = 4,
}

impl AdminAction {
    /// The action in words, as a wallet shows it. The text is consensus, because it is part of what is signed.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Unpause => "mint again after the last pause".into(),
            Self::SetLimits { mint_capacity, share_bps } => format!(
                "mint at most {} a day, {share_bps} basis points of it at once",
                mint_capacity.display(Denom::Diem)
            ),
            Self::ResolveQueue { queue_id, release: true } => format!("release item {queue_id} of the queue"),
            Self::ResolveQueue { queue_id, release: false } => format!("cancel item {queue_id} of the queue"),
            Self::SetGuardian { guardian } => format!("make {} the guardian", guardian.to_hex()),
            Self::MoveBridge { bridge } => format!("let the bridge {} mint from now on", bridge.to_hex()),
        }
    }

    /// The action as it is issued under this nonce; Unpause names the pause that it lifts.
    pub const fn issue(self, admin_nonce: u64, pause_nonce: u64) -> Preimage {
        match self {
            Self::Unpause => Preimage::Unpause { admin_nonce, pause_nonce },
            Self::SetLimits { mint_capacity, share_bps } => {
                Preimage::SetLimits { admin_nonce, mint_capacity, share_bps }
            }
            Self::ResolveQueue { queue_id, release } => Preimage::ResolveQueue { admin_nonce, queue_id, release },
            Self::SetGuardian { guardian } => Preimage::SetGuardian { admin_nonce, guardian },
            Self::MoveBridge { bridge } => Preimage::MoveBridge { admin_nonce, bridge },
        }
    }
}

/// The content of what a bridge key signed for Base, by which a forgery is shown. A pause is not among them: to sign one
/// is no offence.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case", tag = "type", deny_unknown_fields)]
#[repr(u8)]
#[expect(missing_docs, reason = "the fields are those of the actions, with the nonces that the chain gave")]
pub enum Preimage {
    /// The content of a batch.
    Batch(Batch) = 0,
    /// The hash and nonce of a validator set.
    Valset(Valset) = 1,
    /// The action [`AdminAction::Unpause`] with its nonces.
    Unpause {
        #[serde(with = "diem_core::json::number")]
        admin_nonce: u64,
        #[serde(with = "diem_core::json::number")]
        pause_nonce: u64,
    } = 2,
    /// The action [`AdminAction::SetLimits`] with its nonces.
    SetLimits {
        #[serde(with = "diem_core::json::number")]
        admin_nonce: u64,
        mint_capacity: Amount,
        share_bps: u16,
    } = 3,
    /// The action [`AdminAction::ResolveQueue`] with its nonces.
    ResolveQueue {
        #[serde(with = "diem_core::json::number")]
        admin_nonce: u64,
        #[serde(with = "diem_core::json::number")]
        queue_id: u64,
        release: bool,
    } = 4,
    /// The action [`AdminAction::SetGuardian`] with its nonces.
    SetGuardian {
        #[serde(with = "diem_core::json::number")]
        admin_nonce: u64,
        #[serde(with = "crate::on_base")]
        guardian: Address,
    } = 5,
    /// The action [`AdminAction::MoveBridge`] with its nonces.
    MoveBridge {
        #[serde(with = "diem_core::json::number")]
        admin_nonce: u64,
        #[serde(with = "crate::on_base")]
        bridge: Address,
    } = 6,
}

impl Preimage {
    /// Checks that the contract could read it: what it can never read harms nobody, however it is signed.
    ///
    /// # Errors
    /// [`Error::Transfers`].
    pub fn validate(&self) -> Result<(), Error> {
        if let Self::Batch(batch) = self { batch.validate() } else { Ok(()) }
    }

    /// The hash of the struct that validators sign.
    pub fn struct_hash(&self) -> [u8; 32] {
        let admin = |type_text, nonce: &u64| TypedStruct::new(type_text).number(*nonce);
        match self {
            Self::Batch(batch) => return batch.struct_hash(),
            Self::Valset(Valset { nonce, created_at, set_hash }) => {
                TypedStruct::new(VALSET_TYPE).number(*nonce).number(*created_at).word(*set_hash)
            }
            Self::Unpause { admin_nonce, pause_nonce } => admin(UNPAUSE_TYPE, admin_nonce).number(*pause_nonce),
            Self::SetLimits { admin_nonce, mint_capacity, share_bps } => {
                admin(SET_LIMITS_TYPE, admin_nonce).number(mint_capacity.get()).number(*share_bps)
            }
            Self::ResolveQueue { admin_nonce, queue_id, release } => {
                admin(RESOLVE_QUEUE_TYPE, admin_nonce).number(*queue_id).number(u8::from(*release))
            }
            Self::SetGuardian { admin_nonce, guardian } => admin(SET_GUARDIAN_TYPE, admin_nonce).address(guardian),
            Self::MoveBridge { admin_nonce, bridge } => admin(MOVE_BRIDGE_TYPE, admin_nonce).address(bridge),
        }
        .hash()
    }

    /// The kind of the statements that sign it.
    pub const fn kind(&self) -> OutboundKind {
        match self {
            Self::Batch(_) => OutboundKind::Batch,
            Self::Valset(_) => OutboundKind::Valset,
            _ => OutboundKind::Admin,
        }
    }

    /// Its nonce among those of its kind.
    pub const fn nonce(&self) -> u64 {
        match self {
            Self::Batch(batch) => batch.nonce,
            Self::Valset(valset) => valset.nonce,
            Self::Unpause { admin_nonce, .. }
            | Self::SetLimits { admin_nonce, .. }
            | Self::ResolveQueue { admin_nonce, .. }
            | Self::SetGuardian { admin_nonce, .. }
            | Self::MoveBridge { admin_nonce, .. } => *admin_nonce,
        }
    }
}

/// The hash of the struct that validators sign to stop minting.
pub fn pause_struct_hash(pause_nonce: u64) -> [u8; 32] {
    TypedStruct::new(PAUSE_TYPE).number(pause_nonce).hash()
}
