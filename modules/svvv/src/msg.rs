//! The call of svvv.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{Address, Amount, CallError, Denom, TxContext};
use diem_staking::Route;
use serde::{Deserialize, Serialize};

use crate::{Error, locks};

/// Gas of a change of two positions and two locks.
const GAS: u64 = 12_000;

/// A call of svvv.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case", tag = "type")]
#[repr(u8)]
pub enum Msg {
    /// Moves stake to another validator: what is free first, then what is locked, with its DIEM. It can neither move
    /// again nor be unstaked for the unbonding time.
    Restake {
        /// The validator that it leaves.
        from: Address,
        /// The validator that gets it.
        to: Address,
        /// How much, in avvv of today's value; not zero.
        amount: Amount,
    } = 0,
}

impl Msg {
    pub(crate) fn validate(&self) -> Result<(), CallError> {
        let Self::Restake { from, to, amount } = self;
        if amount.is_zero() {
            return Err(Error::ZeroAmount.into());
        }
        if from == to { Err(diem_staking::Error::SameValidator.into()) } else { Ok(()) }
    }

    pub(crate) fn gas(&self) -> u64 {
        let Self::Restake { .. } = self;
        GAS
    }

    pub(crate) fn text(&self) -> String {
        let Self::Restake { from, to, amount } = self;
        format!("Move stake of {} from {} to {}", amount.display(Denom::Vvv), from.to_hex(), to.to_hex())
    }
}

pub(crate) fn execute(ctx: &mut TxContext<'_>, msg: &Msg) -> Result<(), CallError> {
    let Msg::Restake { from, to, amount } = msg;
    locks::restake(ctx.state, ctx.events, ctx.block, &ctx.sender, Route { from, to }, *amount)
}
