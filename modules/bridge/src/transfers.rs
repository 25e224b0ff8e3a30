//! Transfers to Base until they are sealed: DIEM into escrow, a higher fee, and back.

use diem_bank::{Pool, pay_from_pool, pay_into_pool};
use diem_core::{Address, Amount, CallError, Denom, QueryContext, StateRead, TxContext, keys::KeyKind};
use ruint::aliases::U256;

use crate::{
    Deployed, Error, Event, ID, OutTransfer, Params, Transfer,
    bucket::is_above_share,
    state::{BOOKS, ISSUED, TRANSFERS, WAITING, books, contract, issued, params},
};

/// A fee is at most this part of the amount.
const LEAST_FEES_IN_AMOUNT: u128 = 20;

/// Checks what needs no look at a balance: recipient, amount and fee, by the rules of a chain with this contract and
/// these parameters. A wallet asks the same before it signs.
///
/// # Errors
/// The first rule that does not hold.
pub fn check(
    deployed: Option<&Deployed>,
    params: &Params,
    (sender, key): (&Address, KeyKind),
    mint: &Transfer,
    fee: Amount,
) -> Result<(), Error> {
    let deployed = deployed.ok_or(Error::Inactive)?;
    if [Address::ZERO, deployed.bridge, deployed.token].contains(&mint.recipient) {
        return Err(Error::RecipientIsNobody);
    }
    // The address of an ed25519 key is nobody's on Base.
    if key == KeyKind::Ed25519 && mint.recipient == *sender {
        return Err(Error::RecipientHasNoKey);
    }
    if mint.amount < params.min_out {
        return Err(Error::AmountTooSmall(params.min_out));
    }
    if params.out_capacity.is_zero() {
        return Err(Error::Closed);
    }
    if is_above_share(mint.amount, params.out_capacity, params.share_bps) {
        return Err(Error::AmountTooLarge);
    }
    check_fee(mint.amount, fee, params.min_fee)
}

/// Puts a transfer and its fee into escrow, where it waits to be sealed. Returns its id.
///
/// # Errors
/// The recipient, the amount or the fee is out of the rules, the contract is not known yet, the escrow would be worth
/// more than a third of the stake that vouches for it, or the sender has too little.
pub fn send(ctx: &mut TxContext<'_>, mint: Transfer, fee: Amount) -> Result<u64, CallError> {
    let deployed = contract(ctx.state).and_then(|contract| contract.deployed);
    check(deployed.as_ref(), &params(ctx.state), (&ctx.sender, ctx.key), &mint, fee)?;
    let total = mint.amount.checked_add(fee).map_err(Error::from)?;
    pay_into_pool(ctx.state, &ctx.sender, Pool::BridgeEscrow, Denom::Diem, total)?;
    check_escrow(ctx)?;

    let mut issued = issued(ctx.state);
    issued.transfers = issued.transfers.saturating_add(1);
    let id = issued.transfers;
    ISSUED.set(ctx.state, &issued);
    let transfer = OutTransfer { sender: ctx.sender, mint, fee, since: ctx.block.time, batch: None, queued: None };
    TRANSFERS.set(ctx.state, &id, &transfer);
    WAITING.set(ctx.state, &id, &1);
    let mut books = books(ctx.state);
    books.waiting = books.waiting.checked_add(total).map_err(Error::from)?;
    BOOKS.set(ctx.state, &books);
    let Transfer { recipient, amount } = mint;
    ctx.events.emit(ID, &Event::TransferWaits { id, sender: ctx.sender, recipient, amount, fee });
    Ok(id)
}

/// Raises the fee of a transfer that waits, to `fee`.
///
/// # Errors
/// There is no such transfer, it is another's, it is sealed, or the fee is not higher or above its bound.
pub fn bump_fee(ctx: &mut TxContext<'_>, id: u64, fee: Amount) -> Result<(), CallError> {
    let mut transfer = own_waiting(ctx, id)?;
    if fee <= transfer.fee {
        return Err(Error::FeeNotRaised(transfer.fee).into());
    }
    check_fee(transfer.mint.amount, fee, params(ctx.state).min_fee)?;
    let more = fee.checked_sub(transfer.fee).map_err(Error::from)?;
    pay_into_pool(ctx.state, &ctx.sender, Pool::BridgeEscrow, Denom::Diem, more)?;
    check_escrow(ctx)?;
    transfer.fee = fee;
    TRANSFERS.set(ctx.state, &id, &transfer);
    let mut books = books(ctx.state);
    books.waiting = books.waiting.checked_add(more).map_err(Error::from)?;
    BOOKS.set(ctx.state, &books);
    ctx.events.emit(ID, &Event::FeeRaised { id, fee });
    Ok(())
}

/// Gives amount and fee of a transfer that waits back to its sender.
///
/// # Errors
/// There is no such transfer, it is another's, or it is sealed: what is sealed is final.
pub fn cancel(ctx: &mut TxContext<'_>, id: u64) -> Result<(), CallError> {
    let transfer = own_waiting(ctx, id)?;
    pay_from_pool(ctx.state, Pool::BridgeEscrow, &ctx.sender, Denom::Diem, transfer.total())?;
    TRANSFERS.remove(ctx.state, &id);
    WAITING.remove(ctx.state, &id);
    let mut books = books(ctx.state);
    books.waiting = books.waiting.checked_sub(transfer.total()).map_err(Error::from)?;
    BOOKS.set(ctx.state, &books);
    ctx.events.emit(ID, &Event::TransferCancelled { id });
    Ok(())
}

fn check_fee(amount: Amount, fee: Amount, min_fee: Amount) -> Result<(), Error> {
    if fee < min_fee {
        return Err(Error::FeeTooSmall(min_fee));
    }
    if fee.get() > amount.get() / LEAST_FEES_IN_AMOUNT {
        return Err(Error::FeeTooLarge);
    }
    Ok(())
}

/// Whether the escrow, with what was just paid in, is worth at most a third of the stake in consensus, both in avvv. At
/// the end of the mint curve a DIEM has no price, so that nothing more goes in.
fn check_escrow(ctx: &TxContext<'_>) -> Result<(), Error> {
    const ADIEM: u128 = Amount::ONE.get();
    let escrow = diem_bank::pool(ctx.state, Pool::BridgeEscrow, Denom::Diem);
    let price = diem_diem::query::rate(&QueryContext { state: ctx.state, block: ctx.block }).rate;
    let Some(diem_diem::Rate(rate)) = price else { return Err(Error::EscrowBound) };
    // Power is whole VVV. Both sides are multiplied by 10^18 and by 3: escrow * rate / 10^18 <= power * 10^18 / 3.
    let worth = U256::from(escrow.get()).checked_mul(rate).and_then(|worth| worth.checked_mul(U256::from(3)));
    let stake =
        U256::from(told_power(ctx.state)).checked_mul(U256::from(ADIEM)).and_then(|v| v.checked_mul(U256::from(ADIEM)));
    match (worth, stake) {
        (Some(worth), Some(stake)) if worth <= stake => Ok(()),
        _ => Err(Error::EscrowBound),
    }
}

fn told_power(state: &dyn StateRead) -> u128 {
    diem_staking::consensus_set(state).iter().map(|(update, _)| u128::from(update.power)).sum()
}

/// The transfer, if it waits and is the sender's.
fn own_waiting(ctx: &TxContext<'_>, id: u64) -> Result<OutTransfer, Error> {
    let transfer = TRANSFERS.get(ctx.state, &id).ok_or(Error::UnknownTransfer(id))?;
    if transfer.sender != ctx.sender {
        return Err(Error::NotYours(id));
    }
    match transfer.batch {
        Some(batch) => Err(Error::Sealed { id, batch }),
        None => Ok(transfer),
    }
}
