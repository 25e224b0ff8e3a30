//! The calls of bridge.

use diem_core::{Address, Amount, CallError, Denom, Message, TxContext, gas_of_calls, keys::CompactSignature};

use crate::{
    AdminAction, Chunk, Error, Params, Preimage, Statement, Transfer, admin, booking, credits, evidence, halt, replay,
    setup::{self, Terms},
    transfers,
};

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
    #[serde(deserialize_with = "diem_core::json::no_fields")]
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

/// The gas of a change of the escrow: the account, the pool, the books, and the stake of the consensus set beside it.
const GAS_PER_ESCROW: u64 = 60_000;
/// The gas of a row that is read, changed and written.
const GAS_PER_ROW: u64 = 2_500;
/// The gas of a statement: its signer is recovered, and what was issued is looked up.
const GAS_PER_STATEMENT: u64 = 100_000;
/// The gas of an event of Base that is handed in: it is hashed twice and stored until it is applied.
const GAS_PER_EVENT: u64 = 2_500;
/// The gas of a validator set that is made: every member is looked up and noted.
const GAS_PER_SET: u64 = 1_000_000;
/// The gas of a conviction, which is a slash of everything that a validator holds.
const GAS_PER_CONVICTION: u64 = 100_000;

gas_of_calls!(Msg {
    BridgeOut "bridge_out" = GAS_PER_ESCROW + 4 * GAS_PER_ROW,
    BumpFee "bump_fee" = GAS_PER_ESCROW,
    Cancel "cancel" = 8 * GAS_PER_ROW,
    Submit "submit" = GAS_PER_ROW; GAS_PER_STATEMENT => each statements,
    Replay "replay" = GAS_PER_STATEMENT; GAS_PER_EVENT => each chunk.events,
    Evidence "evidence" = GAS_PER_STATEMENT + GAS_PER_CONVICTION,
    Prepare "prepare" = GAS_PER_SET,
    Activate "activate" = GAS_PER_SET,
    Admin "admin" = 5 * GAS_PER_ROW,
    SetParams "set_params" = 2 * GAS_PER_ROW,
    Resume "resume" = 8 * GAS_PER_ROW,
    Hold "hold" = 5 * GAS_PER_ROW,
    Cover "cover" = GAS_PER_ESCROW,
});

impl Message for Msg {
    fn validate(&self) -> Result<(), CallError> {
        Ok(self.check_bounds()?)
    }

    // These take DIEM, which nobody pays fees with.
    fn spends(&self) -> Amount {
        Amount::ZERO
    }

    fn text(&self) -> String {
        let diem = |amount: &Amount| amount.display(Denom::Diem);
        match self {
            Self::BridgeOut { amount, fee, recipient } => {
                format!("Send {} to {} on Base, for a fee of {}", diem(amount), recipient.to_hex(), diem(fee))
            }
            Self::BumpFee { id, fee } => format!("Raise the fee of transfer {id} to Base to {}", diem(fee)),
            Self::Cancel { id } => format!("Take transfer {id} to Base back"),
            Self::Submit { statements } => format!("Hand in bridge statements of validators: {}", statements.len()),
            Self::Replay { chunk } => {
                format!("Hand in events of Base from {} on: {}", chunk.first, chunk.events.len())
            }
            Self::Evidence { preimage, .. } => {
                format!(
                    "Show that a bridge key signed a {} {} that was never issued",
                    preimage.kind(),
                    preimage.nonce()
                )
            }
            Self::Prepare { chain_id, max_set_age, mint_capacity, share_bps, guardian } => format!(
                "Prepare the bridge to chain {chain_id}: sets live {max_set_age} s, at most {} a day, {share_bps} basis \
                 points of it at once, guardian {}",
                diem(mint_capacity),
                guardian.to_hex()
            ),
            Self::Activate { init_code_hash, deploy_block } => {
                format!("Use the bridge that {} created in block {deploy_block} of Base", hex::encode(init_code_hash))
            }
            Self::Admin { action } => format!("Order on Base: {}", action.text()),
            Self::SetParams { params } => format!("Set the parameters of the bridge: {}", params.text()),
            Self::Resume => "Let the bridge go on after a breach".into(),
            Self::Hold { credit } => format!("Hold back credit {credit} from Base"),
            Self::Cover { amount } => format!("Pay {} into the escrow of the bridge", diem(amount)),
        }
    }

    fn execute(&self, ctx: &mut TxContext<'_>) -> Result<(), CallError> {
        match self {
            Self::BridgeOut { amount, fee, recipient } => {
                transfers::send(ctx, Transfer { recipient: *recipient, amount: *amount }, *fee).map(|_| ())
            }
            Self::BumpFee { id, fee } => transfers::bump_fee(ctx, *id, *fee),
            Self::Cancel { id } => transfers::cancel(ctx, *id),
            Self::Submit { statements } => booking::submit(ctx, statements),
            Self::Replay { chunk } => replay::hand_in(ctx, chunk),
            Self::Evidence { preimage, signature } => {
                // What the slash reaches of locks follows in the jobs that it leaves.
                evidence::convict(ctx.state, ctx.events, ctx.block, preimage, signature).map(|_| ())
            }
            Self::Prepare { chain_id, max_set_age, mint_capacity, share_bps, guardian } => {
                let (chain_id, max_set_age, mint_capacity) = (*chain_id, *max_set_age, *mint_capacity);
                let terms = Terms { chain_id, max_set_age, mint_capacity, share_bps: *share_bps, guardian: *guardian };
                setup::prepare(ctx, terms)
            }
            Self::Activate { init_code_hash, deploy_block } => setup::activate(ctx, *init_code_hash, *deploy_block),
            Self::Admin { action } => admin::issue(ctx, *action).map(|_| ()),
            Self::SetParams { params } => setup::set_params(ctx, params),
            Self::Resume => halt::resume(ctx),
            Self::Hold { credit } => credits::hold(ctx, *credit),
            Self::Cover { amount } => halt::cover(ctx, *amount),
        }
    }
}
