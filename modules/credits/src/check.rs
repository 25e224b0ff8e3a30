//! What a call must be by itself, before any state is looked at.

use diem_core::{Address, Amount, text::is_plain};

use crate::{Error, Msg, grants, providers, spend, vouchers};

impl Msg {
    /// What is wrong with the call whatever the state is.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match self {
            Self::StakeDiem { amount, beneficiary } | Self::UnstakeDiem { amount, beneficiary } => {
                check_amount(*amount)?;
                beneficiary.iter().try_for_each(check_address)
            }
            Self::RegisterProvider { bond, payout, endpoint, moniker } => {
                check_amount(*bond)?;
                check_address(payout)?;
                providers::check_endpoint(endpoint)?;
                providers::check_moniker(moniker)
            }
            Self::EditProvider { payout, endpoint, moniker } => {
                payout.iter().try_for_each(check_address)?;
                endpoint.iter().try_for_each(|endpoint| providers::check_endpoint(endpoint))?;
                moniker.iter().try_for_each(|moniker| providers::check_moniker(moniker))
            }
            Self::AddBond { amount } => check_amount(*amount),
            Self::PublishPrices { sheet } => sheet.validate(),
            Self::Grant { key, limits, .. } => grants::validate(key, limits),
            Self::SettleVouchers { vouchers, .. } => {
                if (1..=vouchers::MAX_VOUCHERS).contains(&vouchers.len()) {
                    Ok(())
                } else {
                    Err(Error::Vouchers)
                }
            }
            Self::Spend { amount, reference, .. } => {
                check_amount(*amount)?;
                check_reference(reference)
            }
            Self::GiftCredit { to, amount, .. } => {
                check_amount(*amount)?;
                check_address(to)
            }
            Self::OfferCredit { amount, price, .. } => {
                check_amount(*amount)?;
                if price.is_zero() { Err(Error::ZeroPrice) } else { Ok(()) }
            }
            Self::BuyCredit { amount, .. } => check_amount(*amount),
            Self::CancelUnstake { .. }
            | Self::CollectTranche { .. }
            | Self::Deregister
            | Self::ListProvider { .. }
            | Self::DelistProvider { .. }
            | Self::Allocate { .. }
            | Self::Revoke { .. }
            | Self::WithdrawOffer => Ok(()),
        }
    }
}

fn check_amount(amount: Amount) -> Result<(), Error> {
    if amount.is_zero() { Err(Error::ZeroAmount) } else { Ok(()) }
}

fn check_address(address: &Address) -> Result<(), Error> {
    if *address == Address::ZERO { Err(Error::ZeroAddress) } else { Ok(()) }
}

fn check_reference(reference: &str) -> Result<(), Error> {
    let is_good = reference.len() <= spend::MAX_REFERENCE_BYTES && is_plain(reference);
    if is_good { Ok(()) } else { Err(Error::Reference) }
}
