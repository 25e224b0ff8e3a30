//! bridge: DIEM in escrow here for DIEM on Base.
//!
//! ```text
//! transfers    DIEM into escrow, a higher fee, and back, until a transfer is sealed
//! sealing      waiting transfers become a batch that validators sign
//! sets         the validator sets that Base is told
//! setup        the contract: its terms, its address, and the parameters of the module
//! admin        what the authority orders on Base
//! booking      statements of validators: what is wanted, what is there, how much power it is
//! attesting    blocks of Base that more than two thirds of the power state alike
//! replay       the events up to such a block, in chunks that prove themselves
//! applying     events change the books, and their block is completed
//! credits      burns are paid, and what was cancelled on Base
//! refunds      a batch that nobody executed pays itself back
//! closing      what is over leaves the tables
//! halt         a contradiction halts the bridge; resume and cover are the way out
//! evidence     whoever signed something else is punished
//! silence      whoever does not sign is counted
//! ```
//!
//! The other files hold the bytes that this chain and the contracts share, which neither side can ever change alone: what
//! validators sign ([`Statement`], [`Preimage`], [`Checkpoint`]) under which domain ([`Domain`]), the sets that sign it
//! ([`ValidatorSet`], [`SignatureList`]), what Base reports ([`BaseEvent`], [`Chunk`]), how blocks carry both
//! ([`BridgeVotes`]), and the calls ([`Msg`]). Every form has known answers in `contracts/vectors`, which another library
//! computes.
//!
//! Two encodings meet here. What the contracts read is *packed*: integers big-endian without padding, one field after
//! the other. What only this chain reads is borsh. Reading either is strict: one value has one encoding.

mod address;
pub mod admin;
pub mod applying;
pub mod attesting;
mod base_event;
mod batch;
pub mod booking;
mod bucket;
mod checkpoint;
mod chunk;
pub mod closing;
pub mod credits;
mod domain;
pub mod due;
mod error;
mod event;
pub mod evidence;
mod genesis;
pub mod halt;
pub mod inbound;
mod invariants;
mod journal;
mod msg;
pub mod on_base;
mod packed;
mod params;
mod preimage;
pub mod query;
pub mod refunds;
pub mod replay;
pub mod sealing;
mod set;
pub mod sets;
pub mod setup;
mod signatures;
pub mod silence;
mod slots;
pub mod standing;
pub mod state;
mod statement;
pub mod transfers;
mod votes;

use diem_core::{CallError, GenesisContext, Module, ModuleId, StateRead};

pub use address::{CREATE2_DEPLOYER, Constructor, DENOM, bridge_address, init_code_hash, token_address};
pub use base_event::{BaseEvent, UNTIL_UNPAUSE, VetoOf};
pub use batch::{Batch, MAX_TRANSFERS, Transfer};
pub use bucket::Bucket;
pub use checkpoint::Checkpoint;
pub use chunk::{Chunk, EventBytes, MAX_EVENTS, MAX_PAYLOAD_BYTES, fold};
pub use domain::{Domain, salt};
pub use error::Error;
pub use event::Event;
pub use genesis::{BaseRows, Genesis, Rows, Word};
pub use halt::Breach;
pub use inbound::{
    Applied, Attestation, Attested, Credit, Duties, Executed, Halt, Jailed, MintLimits, Moving, NextLimits, Part,
    Proposed, QueueItem, Reason, Replay,
};
pub use journal::Journal;
pub use msg::{MAX_SUBMITTED, Msg};
pub use params::Params;
pub use preimage::{AdminAction, Preimage, Valset, pause_struct_hash};
pub use query::{Answer, Query};
pub use set::{MAX_MEMBERS, Member, Threshold, ValidatorSet};
pub use signatures::SignatureList;
pub use slots::{BRIDGE_STATE_SLOT, BridgeState, ROLLING_HASH_SLOT, SET_HASH_SLOT, TOTAL_SUPPLY_SLOT};
pub use state::{Books, Contract, Deployed, Issued, LastSet, OpenBatch, OutTransfer, Signed, StoredSet};
pub use statement::{Outbound, OutboundKind, Place, Statement, decode_extension};
pub use votes::{BridgeVotes, MAX_STATEMENTS, MAX_VOTES_BYTES};

/// The byte of the module, as every module has one.
pub const ID: ModuleId = ModuleId::BRIDGE;
/// Its name: the codespace of its errors.
pub const NAME: &str = "bridge";

/// The module of the bridge.
pub struct Bridge;

impl Module for Bridge {
    const ID: ModuleId = ID;
    const NAME: &'static str = NAME;
    const STORAGE_VERSION: u32 = 1;

    type Genesis = Genesis;

    fn init_genesis(ctx: &mut GenesisContext<'_>, genesis: &Genesis) -> Result<(), CallError> {
        genesis::init(ctx.state, genesis)
    }

    fn export_genesis(state: &dyn StateRead) -> Genesis {
        genesis::export(state)
    }

    fn check_invariants(state: &dyn StateRead) -> Result<(), String> {
        invariants::check(state)
    }
}

/// The nonce of the first batch, event and administrative action, and the first id of transfers, queued items and
/// credits. The nonce of pauses and the set of the constructor begin with 0.
pub const FIRST_NONCE: u64 = 1;
