//! Today's free credit, given away or sold. The DIEM behind it stays where it is; tomorrow's credit is its owner's.

use diem_bank as bank;
use diem_core::{Address, Amount, BlockContext, CallError, Denom, Module as _, StateWrite, TxContext};

use crate::{
    Credits, Error, Event, accounts,
    spend::check_today,
    state::{self, OFFERS, OpenDay, add, sub},
};

/// Moves credit of today from one account to another, once both have agreed.
fn move_allowance(
    state: &mut dyn StateWrite,
    open_day: &OpenDay,
    mut from: accounts::Customer,
    to: &Address,
    amount: Amount,
) -> Result<(), Error> {
    sub(&mut from.today().allowance, amount)?;
    from.save(state);
    let mut to = accounts::load(state, open_day, to);
    to.check_new(amount)?;
    add(&mut to.today().allowance, amount)?;
    to.save(state);
    Ok(())
}

/// Gives free credit of today to another account.
///
/// # Errors
/// It fails on another day than today, to oneself, with too little credit, and with too little for the receiver's first
/// row of credit.
pub(crate) fn gift(ctx: &mut TxContext<'_>, to: &Address, day: u64, amount: Amount) -> Result<(), Error> {
    let open_day = state::open_day(ctx.state);
    check_today(&open_day, day)?;
    if *to == ctx.sender {
        return Err(Error::ToOneself);
    }
    let giver = accounts::load(ctx.state, &open_day, &ctx.sender);
    giver.check_min_allowance()?;
    giver.check_free(amount)?;
    move_allowance(ctx.state, &open_day, giver, to, amount)?;
    ctx.events.emit(Credits::ID, &Event::Gifted { from: ctx.sender, to: *to, day, amount });
    Ok(())
}

/// Sets free credit of today aside for sale, in place of what was offered before.
///
/// # Errors
/// It fails on another day than today, and with too little credit.
pub(crate) fn offer(ctx: &mut TxContext<'_>, day: u64, amount: Amount, price: Amount) -> Result<(), Error> {
    let open_day = state::open_day(ctx.state);
    check_today(&open_day, day)?;
    let mut seller = accounts::load(ctx.state, &open_day, &ctx.sender);
    seller.check_min_allowance()?;
    seller.today().offered = Amount::ZERO;
    seller.check_free(amount)?;
    seller.today().offered = amount;
    seller.save(ctx.state);
    OFFERS.set(ctx.state, &(day, ctx.sender), &price);
    ctx.events.emit(Credits::ID, &Event::Offered { seller: ctx.sender, day, amount, price });
    Ok(())
}

/// Takes an offer back.
///
/// # Errors
/// The sender has no open offer.
pub(crate) fn withdraw(ctx: &mut TxContext<'_>) -> Result<(), Error> {
    let open_day = state::open_day(ctx.state);
    let mut seller = accounts::load(ctx.state, &open_day, &ctx.sender);
    let amount = std::mem::take(&mut seller.today().offered);
    if amount.is_zero() {
        return Err(Error::NoOffer);
    }
    seller.save(ctx.state);
    OFFERS.remove(ctx.state, &(open_day.day, ctx.sender));
    ctx.events.emit(Credits::ID, &Event::OfferWithdrawn { seller: ctx.sender, day: open_day.day, amount });
    Ok(())
}

/// The avvv for `amount` of credit at `price` avvv for a whole one, rounded up.
pub(crate) fn payment(amount: Amount, price: Amount) -> Result<Amount, Error> {
    Ok(amount.mul_div_ceil(price.get(), Amount::ONE.get())?)
}

/// Buys offered credit of today: VVV and credit change hands together, what is paid rounds up.
///
/// # Errors
/// It fails on another day than today, from oneself, if there is no offer or a smaller one, at a higher price, with too
/// little for the buyer's first row of credit, and if the buyer does not have the payment.
pub(crate) fn buy(
    ctx: &mut TxContext<'_>,
    seller: &Address,
    day: u64,
    amount: Amount,
    max_price: Amount,
) -> Result<(), CallError> {
    let open_day = state::open_day(ctx.state);
    check_today(&open_day, day)?;
    if *seller == ctx.sender {
        return Err(Error::ToOneself.into());
    }
    let mut from = accounts::load(ctx.state, &open_day, seller);
    let price = OFFERS.get(ctx.state, &(day, *seller)).ok_or(Error::NoOffer)?;
    let offered = from.account.today.offered;
    if amount > offered {
        return Err(Error::MoreThanOffered { offered, needed: amount }.into());
    }
    if price > max_price {
        return Err(Error::Price { price, max_price }.into());
    }
    let payment = payment(amount, price)?;
    bank::transfer(ctx.state, ctx.events, &ctx.sender, seller, Denom::Vvv, payment)?;
    sub(&mut from.today().offered, amount)?;
    if from.account.today.offered.is_zero() {
        OFFERS.remove(ctx.state, &(day, *seller));
    }
    move_allowance(ctx.state, &open_day, from, &ctx.sender, amount)?;
    let event = Event::Bought { seller: *seller, buyer: ctx.sender, day, amount, payment };
    ctx.events.emit(Credits::ID, &event);
    Ok(())
}

/// Removes at most `limit` offers of days that are over. The runtime retries this step.
///
/// # Errors
/// It returns none; it has the signature of every step.
pub fn clear_offers(ctx: &mut BlockContext<'_>, limit: usize) -> Result<(), CallError> {
    let today = state::open_day(ctx.state).day;
    for (key, _) in state::due(&OFFERS, ctx.state, limit, |(day, _)| *day < today) {
        OFFERS.remove(ctx.state, &key);
    }
    Ok(())
}
