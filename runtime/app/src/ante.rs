//! Whether a transaction is valid where it stands, and what it pays. An invalid one changes nothing.

use diem_bank::{self as bank, ChargeError};
use diem_core::{Amount, BlockInfo, StateRead, StateWrite, chain::Identity};
use diem_types::{ChainError, GasParams, Signed};

/// The gas and the fee of a transaction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) gas: u64,
    pub(crate) fee: Amount,
}

/// Checks what the bytes and the chain's parameters decide: chain, expiry, gas and price.
pub(crate) fn check_static(tx: &Signed, chain: &Identity, gas: &GasParams, height: u64) -> Result<Cost, ChainError> {
    let body = &tx.tx;
    if body.chain_id != chain.chain_id {
        return Err(ChainError::ChainId { got: body.chain_id.clone(), here: chain.chain_id.clone() });
    }
    if body.genesis_hash != chain.genesis_hash {
        return Err(ChainError::GenesisHash(chain.chain_id.clone()));
    }
    if body.expiry < height {
        return Err(ChainError::Expired { expiry: body.expiry, height });
    }
    if body.gas_price < gas.min_price {
        return Err(ChainError::GasPrice { got: body.gas_price, minimum: gas.min_price });
    }
    let units = gas.gas(tx);
    if units > gas.block_limit {
        return Err(ChainError::BlockGas { gas: units, limit: gas.block_limit });
    }
    // A fee that no balance can hold exceeds every max_fee as well.
    let fee = body.gas_price.checked_mul(units.into()).unwrap_or(Amount::MAX);
    if fee > body.max_fee {
        return Err(ChainError::MaxFee { fee, max_fee: body.max_fee });
    }
    Ok(Cost { gas: units, fee })
}

/// Refuses a sender that nobody has paid yet, whoever pays the fee: a transaction makes no account.
pub(crate) fn check_sender(state: &dyn StateRead, tx: &Signed) -> Result<(), ChainError> {
    let sender = tx.tx.sender;
    if bank::has_account(state, &sender) { Ok(()) } else { Err(ChainError::NoAccount(sender)) }
}

/// Takes the fee and the nonce of a transaction at its place in a block. The fees of a block are collected by the
/// caller and go to their pool once, at the end of its transactions.
pub(crate) fn admit(
    state: &mut dyn StateWrite,
    tx: &Signed,
    chain: &Identity,
    gas: &GasParams,
    block: BlockInfo,
) -> Result<Cost, ChainError> {
    let cost = check_static(tx, chain, gas, block.height)?;
    let (nonce, payer) = (tx.tx.nonce, tx.payer());
    bank::charge(state, &tx.tx.sender, nonce, &payer, cost.fee).map_err(|error| match error {
        ChargeError::Nonce { next } if nonce < next => ChainError::NonceTooLow { got: nonce, next },
        ChargeError::Nonce { next } => ChainError::NonceTooHigh { got: nonce, next },
        ChargeError::NoAccount => ChainError::NoAccount(tx.tx.sender),
        ChargeError::Funds { available } => ChainError::FeeFunds { payer, fee: cost.fee, available },
    })?;
    Ok(cost)
}
