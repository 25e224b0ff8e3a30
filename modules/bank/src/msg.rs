//! The calls of bank.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{Address, Amount, CallError, Denom, Message, TxContext, gas_of_calls};
use serde::{Deserialize, Serialize};

use crate::{Error, ledger};

/// The most outputs of a [`Msg::MultiTransfer`].
pub const MAX_OUTPUTS: usize = 1_000;

/// The gas for reading, changing and writing one account; a transfer changes two.
const GAS_PER_ACCOUNT: u64 = 1_000;
/// The gas of an output of a [`Msg::MultiTransfer`]. Each output may create a row. A transfer pays for that with the
/// gas of its bytes and its signature, of which an output has almost none.
const GAS_PER_OUTPUT: u64 = 10_000;

/// A call of bank.
#[diem_core::calls]
pub enum Msg {
    /// Pays one account out of the sender's balance.
    Transfer {
        /// The account that is paid.
        to: Address,
        /// The denomination of the amount.
        denom: Denom,
        /// The amount in base units; not zero.
        amount: Amount,
    } = 0,
    /// Pays many accounts, all of them or none.
    MultiTransfer {
        /// The denomination of all amounts.
        denom: Denom,
        /// The payments, 1 to [`MAX_OUTPUTS`].
        outputs: Vec<Output>,
    } = 1,
}

/// One payment of a [`Msg::MultiTransfer`].
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// The account that is paid.
    pub to: Address,
    /// The amount in base units; not zero.
    pub amount: Amount,
}

gas_of_calls!(Msg {
    Transfer "transfer" = 2 * GAS_PER_ACCOUNT,
    MultiTransfer "multi_transfer" = GAS_PER_ACCOUNT; GAS_PER_OUTPUT => each outputs,
});

impl Message for Msg {
    fn validate(&self) -> Result<(), CallError> {
        match self {
            Self::Transfer { to, amount, .. } => check_payment(to, *amount),
            Self::MultiTransfer { outputs, .. } => {
                if !(1..=MAX_OUTPUTS).contains(&outputs.len()) {
                    return Err(Error::Outputs.into());
                }
                outputs.iter().try_for_each(|output| check_payment(&output.to, output.amount))
            }
        }
    }

    // A payment to oneself counts too: the account must hold the amount.
    fn spends(&self) -> Amount {
        match self {
            Self::Transfer { denom: Denom::Vvv, amount, .. } => *amount,
            Self::MultiTransfer { denom: Denom::Vvv, outputs } => {
                outputs.iter().fold(Amount::ZERO, |sum, output| sum.saturating_add(output.amount))
            }
            Self::Transfer { denom: Denom::Diem, .. } | Self::MultiTransfer { denom: Denom::Diem, .. } => Amount::ZERO,
        }
    }

    // A payment can create accounts, so it does not pass a full state.
    fn is_exit(&self) -> bool {
        match self {
            Self::Transfer { .. } | Self::MultiTransfer { .. } => false,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Transfer { to, denom, amount } => {
                format!("Send {} to {}", amount.display(*denom), to.to_hex())
            }
            Self::MultiTransfer { denom, outputs } => {
                let payment = |output: &Output| format!("{} to {}", output.amount.display(*denom), output.to.to_hex());
                let payments: Vec<String> = outputs.iter().map(payment).collect();
                format!("Send {}", payments.join(", "))
            }
        }
    }

    fn execute(&self, ctx: &mut TxContext<'_>) -> Result<(), CallError> {
        let from = ctx.sender;
        match self {
            Self::Transfer { to, denom, amount } => {
                ledger::transfer(ctx.state, ctx.events, &from, to, *denom, *amount)?
            }
            Self::MultiTransfer { denom, outputs } => {
                for Output { to, amount } in outputs {
                    ledger::transfer(ctx.state, ctx.events, &from, to, *denom, *amount)?;
                }
            }
        }
        Ok(())
    }
}

fn check_payment(to: &Address, amount: Amount) -> Result<(), CallError> {
    if *to == Address::ZERO {
        return Err(Error::ZeroAddress.into());
    }
    if amount.is_zero() {
        return Err(Error::ZeroAmount.into());
    }
    Ok(())
}
