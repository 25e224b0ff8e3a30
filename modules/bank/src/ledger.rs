//! The bookkeeping: what other modules call.

use diem_core::{Address, Amount, Denom, Events, Module as _, ModuleId, StateRead, StateWrite};

use crate::{
    Bank, Error, Event,
    params::params,
    state::{ACCOUNTS, Account, POOLS, Pool, SUPPLY},
};

/// Whether a module creates or destroys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// The module may make more of it.
    Mint,
    /// The module may make less of it.
    Burn,
}

/// The rights to mint and burn. Genesis is written once, by bank itself; every other line belongs to a module, named by
/// its byte because bank stands below them all.
pub const RIGHTS: &[(ModuleId, Denom, Right)] = &[
    (Bank::ID, Denom::Vvv, Right::Mint),
    (Bank::ID, Denom::Diem, Right::Mint),
    // The module staking burns what is slashed.
    (ModuleId::STAKING, Denom::Vvv, Right::Burn),
    // diem mints against locked stake and burns to open the lock.
    (ModuleId::DIEM, Denom::Diem, Right::Mint),
    (ModuleId::DIEM, Denom::Diem, Right::Burn),
    // The module emissions follows its schedule.
    (ModuleId::EMISSIONS, Denom::Vvv, Right::Mint),
];

fn check_right(module: ModuleId, denom: Denom, right: Right) -> Result<(), Error> {
    if RIGHTS.contains(&(module, denom, right)) { Ok(()) } else { Err(Error::NotAllowed(module, denom)) }
}

/// Whether the account has a row: it has something, or has sent a transaction.
pub fn has_account(state: &dyn StateRead, address: &Address) -> bool {
    ACCOUNTS.get(state, address).is_some()
}

/// Writes an account's row, or removes it if it is empty. A row whose nonce was used is never empty: without it, the
/// owner's transactions could be replayed.
pub(crate) fn put(state: &mut dyn StateWrite, address: &Address, row: &Account) {
    if *row == Account::default() {
        ACCOUNTS.remove(state, address);
    } else {
        ACCOUNTS.set(state, address, row);
    }
}

/// The account's row; an account never used is empty.
pub fn account(state: &dyn StateRead, address: &Address) -> Account {
    ACCOUNTS.get(state, address).unwrap_or_default()
}

/// The balance of the account in `denom`.
pub fn balance(state: &dyn StateRead, address: &Address, denom: Denom) -> Amount {
    account(state, address).balance(denom)
}

/// The nonce that the account's next transaction must have.
pub fn nonce(state: &dyn StateRead, address: &Address) -> u64 {
    account(state, address).nonce
}

/// Why a transaction cannot be charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChargeError {
    /// The nonce is not the sender's next.
    Nonce {
        /// The nonce that is the sender's next.
        next: u64,
    },
    /// The sender has no row, and a fee that another account pays creates none.
    NoAccount,
    /// The payer has less than the fee.
    Funds {
        /// The balance of the payer, in avvv.
        available: Amount,
    },
}

/// Counts a transaction for `sender`, whose next nonce must be `nonce`, and takes its fee from `payer`. Only the
/// runtime calls it; the fee belongs to no account and no pool until [`collect_fees`] at the end of the block's
/// transactions.
///
/// # Errors
/// [`ChargeError`]; then nothing is written.
pub fn charge(
    state: &mut dyn StateWrite,
    sender: &Address,
    nonce: u64,
    payer: &Address,
    fee: Amount,
) -> Result<(), ChargeError> {
    let mut row = ACCOUNTS.get(state, sender).ok_or(ChargeError::NoAccount)?;
    // The last nonce of all is never used: after it there would be no next one.
    let next = row.nonce.checked_add(1).filter(|_| row.nonce == nonce).ok_or(ChargeError::Nonce { next: row.nonce })?;
    if payer == sender {
        row.vvv = row.vvv.checked_sub(fee).map_err(|_| ChargeError::Funds { available: row.vvv })?;
    } else {
        let available = balance(state, payer, Denom::Vvv);
        take(state, payer, Denom::Vvv, fee).map_err(|_| ChargeError::Funds { available })?;
    }
    row.nonce = next;
    ACCOUNTS.set(state, sender, &row);
    Ok(())
}

/// Puts the fees of a block's transactions into their pool.
///
/// # Errors
/// [`Error::Math`] if they do not fit, which would take more VVV than exists.
pub fn collect_fees(state: &mut dyn StateWrite, fees: Amount) -> Result<(), Error> {
    if fees.is_zero() {
        return Ok(());
    }
    grow_pool(state, Pool::Fees, Denom::Vvv, fees)
}

/// The supply of `denom`: all that exists, wherever it lies.
pub fn supply(state: &dyn StateRead, denom: Denom) -> Amount {
    SUPPLY.get(state, &denom).unwrap_or_default()
}

/// The balance of `pool` in `denom`.
pub fn pool(state: &dyn StateRead, pool: Pool, denom: Denom) -> Amount {
    POOLS.get(state, &(pool, denom)).unwrap_or_default()
}

fn debit(row: &mut Account, address: &Address, denom: Denom, amount: Amount) -> Result<(), Error> {
    let balance = row.balance_mut(denom);
    let available = *balance;
    *balance = available.checked_sub(amount).map_err(|_| Error::InsufficientFunds {
        address: *address,
        denom,
        available,
        needed: amount,
    })?;
    Ok(())
}

fn take(state: &mut dyn StateWrite, from: &Address, denom: Denom, amount: Amount) -> Result<(), Error> {
    let mut row = account(state, from);
    debit(&mut row, from, denom, amount)?;
    put(state, from, &row);
    Ok(())
}

fn give(state: &mut dyn StateWrite, to: &Address, denom: Denom, amount: Amount) -> Result<(), Error> {
    let mut row = account(state, to);
    let balance = row.balance_mut(denom);
    *balance = balance.checked_add(amount)?;
    put(state, to, &row);
    Ok(())
}

/// Refuses a first payment that is not worth a row.
fn check_new_account(state: &dyn StateRead, address: &Address, denom: Denom, amount: Amount) -> Result<(), Error> {
    let minimum = params(state).min_new_account.of(denom);
    if amount < minimum { Err(Error::NewAccount { address: *address, denom, amount, minimum }) } else { Ok(()) }
}

/// Moves `amount` from one account to another. A transfer to oneself changes nothing, but the account must hold the
/// amount.
///
/// # Errors
/// [`Error::InsufficientFunds`]; [`Error::NewAccount`] if the receiver has no row and the amount is not worth one.
/// Then nothing is written.
pub fn transfer(
    state: &mut dyn StateWrite,
    events: &mut Events,
    from: &Address,
    to: &Address,
    denom: Denom,
    amount: Amount,
) -> Result<(), Error> {
    let mut payer = account(state, from);
    debit(&mut payer, from, denom, amount)?;
    if from != to {
        let receiver = ACCOUNTS.get(state, to);
        if receiver.is_none() {
            check_new_account(state, to, denom, amount)?;
        }
        let mut receiver = receiver.unwrap_or_default();
        let balance = receiver.balance_mut(denom);
        *balance = balance.checked_add(amount)?;
        put(state, from, &payer);
        put(state, to, &receiver);
    }
    events.emit(Bank::ID, &Event::Transferred { from: *from, to: *to, denom, amount });
    Ok(())
}

fn grow_pool(state: &mut dyn StateWrite, to: Pool, denom: Denom, amount: Amount) -> Result<(), Error> {
    let total = pool(state, to, denom).checked_add(amount)?;
    POOLS.set(state, &(to, denom), &total);
    Ok(())
}

fn shrink_pool(state: &mut dyn StateWrite, from: Pool, denom: Denom, amount: Amount) -> Result<(), Error> {
    let available = pool(state, from, denom);
    let rest = available.checked_sub(amount).map_err(|_| Error::PoolTooSmall { available, needed: amount })?;
    POOLS.set(state, &(from, denom), &rest);
    Ok(())
}

/// Moves `amount` from an account into a pool.
///
/// # Errors
/// [`Error::InsufficientFunds`].
pub fn pay_into_pool(
    state: &mut dyn StateWrite,
    from: &Address,
    to: Pool,
    denom: Denom,
    amount: Amount,
) -> Result<(), Error> {
    take(state, from, denom, amount)?;
    grow_pool(state, to, denom, amount)
}

/// Moves `amount` from a pool to an account. What the chain pays creates a row whatever its amount: a least amount
/// would stop the queue at whoever has no account.
///
/// # Errors
/// [`Error::PoolTooSmall`].
pub fn pay_from_pool(
    state: &mut dyn StateWrite,
    from: Pool,
    to: &Address,
    denom: Denom,
    amount: Amount,
) -> Result<(), Error> {
    shrink_pool(state, from, denom, amount)?;
    give(state, to, denom, amount)
}

/// Moves `amount` from one pool to another.
///
/// # Errors
/// [`Error::PoolTooSmall`].
pub fn move_between_pools(
    state: &mut dyn StateWrite,
    from: Pool,
    to: Pool,
    denom: Denom,
    amount: Amount,
) -> Result<(), Error> {
    shrink_pool(state, from, denom, amount)?;
    grow_pool(state, to, denom, amount)
}

fn grow_supply(state: &mut dyn StateWrite, by: ModuleId, denom: Denom, amount: Amount) -> Result<(), Error> {
    check_right(by, denom, Right::Mint)?;
    let total = supply(state, denom).checked_add(amount)?;
    SUPPLY.set(state, &denom, &total);
    Ok(())
}

fn shrink_supply(state: &mut dyn StateWrite, by: ModuleId, denom: Denom, amount: Amount) -> Result<(), Error> {
    check_right(by, denom, Right::Burn)?;
    let rest = supply(state, denom).checked_sub(amount)?;
    SUPPLY.set(state, &denom, &rest);
    Ok(())
}

/// Makes `amount` anew and gives it to an account, on behalf of module `by`.
///
/// # Errors
/// [`Error::NotAllowed`] if [`RIGHTS`] does not list it; [`Error::Math`] if the supply would not fit.
pub fn mint(state: &mut dyn StateWrite, by: ModuleId, to: &Address, denom: Denom, amount: Amount) -> Result<(), Error> {
    grow_supply(state, by, denom, amount)?;
    give(state, to, denom, amount)
}

/// Makes `amount` anew in a pool, on behalf of module `by`.
///
/// # Errors
/// The errors of [`mint`].
pub fn mint_to_pool(
    state: &mut dyn StateWrite,
    by: ModuleId,
    to: Pool,
    denom: Denom,
    amount: Amount,
) -> Result<(), Error> {
    grow_supply(state, by, denom, amount)?;
    grow_pool(state, to, denom, amount)
}

/// Destroys `amount` of an account, on behalf of module `by`.
///
/// # Errors
/// [`Error::NotAllowed`]; [`Error::InsufficientFunds`].
pub fn burn(
    state: &mut dyn StateWrite,
    by: ModuleId,
    from: &Address,
    denom: Denom,
    amount: Amount,
) -> Result<(), Error> {
    check_right(by, denom, Right::Burn)?;
    take(state, from, denom, amount)?;
    shrink_supply(state, by, denom, amount)
}

/// Destroys `amount` of a pool, on behalf of module `by`.
///
/// # Errors
/// [`Error::NotAllowed`]; [`Error::PoolTooSmall`].
pub fn burn_from_pool(
    state: &mut dyn StateWrite,
    by: ModuleId,
    from: Pool,
    denom: Denom,
    amount: Amount,
) -> Result<(), Error> {
    check_right(by, denom, Right::Burn)?;
    shrink_pool(state, from, denom, amount)?;
    shrink_supply(state, by, denom, amount)
}

/// The number of rows that [`check_supply`] and the export read at a time.
const PAGE: usize = 4_096;

/// Every account with its row, page by page: for export and invariants, never inside a block.
pub(crate) fn for_each_account(state: &dyn StateRead, mut visit: impl FnMut(Address, Account)) {
    let mut from: Option<Address> = None;
    loop {
        let page = ACCOUNTS.range(state, from.as_ref(), PAGE);
        // A page starts at the last key of the one before, which was visited then.
        let seen = usize::from(from.is_some());
        from = page.last().map(|(address, _)| *address);
        let full = page.len() == PAGE;
        page.into_iter().skip(seen).for_each(|(address, row)| visit(address, row));
        if !full {
            return;
        }
    }
}

/// Invariant 1: per denomination, the supply is the sum of all balances and pools.
pub(crate) fn check_supply(state: &dyn StateRead) -> Result<(), String> {
    let pooled = |denom| Pool::ALL.iter().try_fold(Amount::ZERO, |sum, p| sum.checked_add(pool(state, *p, denom)));
    let mut sums = [pooled(Denom::Vvv), pooled(Denom::Diem)];
    for_each_account(state, |_, row| {
        sums = [sums[0].and_then(|sum| sum.checked_add(row.vvv)), sums[1].and_then(|sum| sum.checked_add(row.diem))];
    });
    for (denom, sum) in Denom::ALL.into_iter().zip(sums) {
        let sum = sum.map_err(|_| format!("the balances and pools of {denom} do not fit 128 bits"))?;
        let supply = supply(state, denom);
        if sum != supply {
            return Err(format!("the supply of {denom} is {supply}, but balances and pools hold {sum}"));
        }
    }
    Ok(())
}
