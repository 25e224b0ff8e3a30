//! bridge: the bytes that this chain and the bridge's contracts on Base share.
//!
//! Neither side can ever change them alone, so they stand here before anything is built on them: what validators sign
//! ([`Statement`], [`Preimage`], [`Checkpoint`]) under which domain ([`Domain`]), the sets that sign it
//! ([`ValidatorSet`], [`SignatureList`]), what Base reports ([`BaseEvent`], [`Chunk`]), how blocks carry both
//! ([`BridgeVotes`]), and the calls ([`Msg`]). Every form has known answers in `contracts/vectors`, which another library
//! computes.
//!
//! Two encodings meet here. What the contracts read is *packed*: integers big-endian without padding, one field after
//! the other. What only this chain reads is borsh. Reading either is strict: one value has one encoding.

mod address;
mod base_event;
mod batch;
mod checkpoint;
mod chunk;
mod domain;
mod error;
mod msg;
mod on_base;
mod packed;
mod params;
mod preimage;
mod set;
mod signatures;
mod slots;
mod statement;
mod votes;

use diem_core::ModuleId;

pub use address::{CREATE2_DEPLOYER, Constructor, DENOM, bridge_address, init_code_hash, token_address};
pub use base_event::{BaseEvent, UNTIL_UNPAUSE, VetoOf};
pub use batch::{Batch, MAX_TRANSFERS, Transfer};
pub use checkpoint::Checkpoint;
pub use chunk::{Chunk, EventBytes, MAX_EVENTS, MAX_PAYLOAD_BYTES, fold};
pub use domain::{Domain, salt};
pub use error::Error;
pub use msg::{MAX_SUBMITTED, Msg};
pub use params::Params;
pub use preimage::{AdminAction, Preimage, Valset, pause_struct_hash};
pub use set::{MAX_MEMBERS, Member, Threshold, ValidatorSet};
pub use signatures::SignatureList;
pub use slots::{BRIDGE_STATE_SLOT, BridgeState, ROLLING_HASH_SLOT, SET_HASH_SLOT, TOTAL_SUPPLY_SLOT};
pub use statement::{Outbound, OutboundKind, Place, Statement, decode_extension};
pub use votes::{BridgeVotes, MAX_STATEMENTS, MAX_VOTES_BYTES};

/// The byte of the module, as every module has one.
pub const ID: ModuleId = ModuleId::BRIDGE;
/// Its name: the codespace of its errors.
pub const NAME: &str = "bridge";

/// The nonce of the first batch, event and administrative action, and the first id of transfers, queued items and
/// credits. The nonce of pauses and the set of the constructor begin with 0.
pub const FIRST_NONCE: u64 = 1;
