//! The calls of bridge. They have their bytes here; what they do comes with the module's rows.

use diem_core::{Address, Amount, keys::CompactSignature};

use crate::{AdminAction, Chunk, Error, Params, Preimage, Statement};

/// The most statements of a [`Msg::Submit`].
pub const MAX_SUBMITTED: usize = 16;

/// A call of bridge.
#[diem_core::calls]
pub enum Msg {
    /// Sends DIEM to an account on Base.
    BridgeOut {
        /// The amount that the recipient gets, in adiem.
        amount: Amount,
        /// The amount that whoever relays it gets, in adiem.
        fee: Amount,
        /// The account on Base.
        #[serde(with = "crate::on_base")]
        recipient: Address,
    } = 0,
    /// Raises the fee of one's transfer before it is sealed.
    BumpFee {
        /// The id of the transfer.
        #[serde(with = "diem_core::json::number")]
        id: u64,
        /// The new fee, in adiem.
        fee: Amount,
    } = 1,
    /// Takes one's transfer back before it is sealed.
    Cancel {
        /// The id of the transfer.
        #[serde(with = "diem_core::json::number")]
        id: u64,
    } = 2,
    /// Hands in statements of validators.
    Submit {
        /// The statements, 1 to [`MAX_SUBMITTED`].
        statements: Vec<Statement>,
    } = 3,
    /// Hands in events of Base.
    Replay {
        /// The events, with the hash before them.
        chunk: Chunk,
    } = 4,
    /// Shows that a bridge key signed what the chain never decided.
    Evidence {
        /// The content that was signed.
        preimage: Preimage,
        /// The signature over it.
        signature: CompactSignature,
    } = 5,
    /// Fixes the arguments of the contract's constructor, before it is created.
    Prepare {
        /// The chain id of Base.
        #[serde(with = "diem_core::json::number")]
        chain_id: u64,
        /// The age from which on a set mints nothing, in seconds.
        #[serde(with = "diem_core::json::number")]
        max_set_age: u64,
        /// The capacity of the mint bucket on Base, in adiem.
        mint_capacity: Amount,
        /// The share of it that one mint may be, in basis points.
        share_bps: u16,
        /// The account on Base that may pause, veto and lower limits.
        #[serde(with = "crate::on_base")]
        guardian: Address,
    } = 6,
    /// Names the contract that was created.
    Activate {
        /// The hash of the code that created it, from which its address follows.
        #[serde(with = "hex::serde")]
        init_code_hash: [u8; 32],
        /// The block of Base that has it first.
        #[serde(with = "diem_core::json::number")]
        deploy_block: u64,
    } = 7,
    /// Orders an administrative action on Base.
    Admin {
        /// The action that is ordered.
        action: AdminAction,
    } = 8,
    /// Changes the parameters of the module.
    SetParams {
        /// The parameters, all of which are replaced.
        params: Params,
    } = 9,
    /// Lets the bridge go on after a breach.
    Resume = 10,
    /// Holds back a delayed credit.
    Hold {
        /// The id of the credit.
        #[serde(with = "diem_core::json::number")]
        credit: u64,
    } = 11,
    /// Pays into the escrow what it lacks.
    Cover {
        /// The amount that is paid, in adiem.
        amount: Amount,
    } = 12,
}

impl Msg {
    /// Checks the bounds of the lists in it.
    ///
    /// # Errors
    /// Names the list that is too long or too short.
    pub fn check_bounds(&self) -> Result<(), Error> {
        match self {
            Self::Submit { statements } if !(1..=MAX_SUBMITTED).contains(&statements.len()) => Err(Error::Submitted),
            Self::Replay { chunk } => chunk.validate(),
            Self::Evidence { preimage, .. } => preimage.validate(),
            _ => Ok(()),
        }
    }
}
