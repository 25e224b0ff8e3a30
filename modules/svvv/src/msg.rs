//! The calls of svvv.

use diem_core::{Address, Amount, CallError, Denom, Message, TxContext, gas_of_calls};
use diem_staking::Route;

use crate::{Error, locks};

/// The gas of a change of two positions with their validators and two locks, and of an entry.
const GAS_PER_MOVE: u64 = 36_000;
/// The gas of processing an entry: an account, or two positions, the validator and the lock where several slashes await
/// moved stake.
const GAS_PER_ENTRY: u64 = 30_000;

/// A call of svvv.
#[diem_core::calls]
pub enum Msg {
    /// Moves stake to another validator: what is free first, then what is locked, with its DIEM. It can neither move
    /// again nor be unstaked for the unbonding time.
    Restake {
        /// The validator that it leaves.
        from: Address,
        /// The validator that gets it.
        to: Address,
        /// The value to move, in avvv of today; not zero.
        amount: Amount,
    } = 0,
    /// Processes an entry of the sender whose date is past, whatever waits before it: a tranche is paid, moved stake is
    /// free. The queue does the same by itself, later when it is long.
    Collect {
        /// The id of the entry.
        #[serde(with = "diem_core::json::number")]
        entry: u64,
    } = 1,
}

gas_of_calls!(Msg {
    Restake "restake" = GAS_PER_MOVE,
    Collect "collect" = GAS_PER_ENTRY,
});

impl Message for Msg {
    fn validate(&self) -> Result<(), CallError> {
        match self {
            Self::Restake { amount, .. } if amount.is_zero() => Err(Error::ZeroAmount.into()),
            Self::Restake { from, to, .. } if from == to => Err(diem_staking::Error::SameValidator.into()),
            Self::Restake { .. } | Self::Collect { .. } => Ok(()),
        }
    }

    // Nothing leaves the account: what moves is staked already, and what is collected is paid.
    fn spends(&self) -> Amount {
        match self {
            Self::Restake { .. } | Self::Collect { .. } => Amount::ZERO,
        }
    }

    fn is_exit(&self) -> bool {
        match self {
            Self::Collect { .. } => true,
            Self::Restake { .. } => false,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Restake { from, to, amount } => {
                format!("Move stake of {} from {} to {}", amount.display(Denom::Vvv), from.to_hex(), to.to_hex())
            }
            Self::Collect { entry } => format!("Collect stake entry {entry}"),
        }
    }

    fn execute(&self, ctx: &mut TxContext<'_>) -> Result<(), CallError> {
        let (sender, block) = (ctx.sender, ctx.block);
        match self {
            Self::Restake { from, to, amount } => {
                locks::restake(ctx.state, ctx.events, block, &sender, Route { from, to }, *amount)
            }
            Self::Collect { entry } => locks::collect(ctx.state, ctx.events, block, &sender, *entry),
        }
    }
}
