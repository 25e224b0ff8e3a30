//! The receivers of a call, and the development keys that must receive nothing where money is real: their secrets are
//! in the documentation, so whatever they get belongs to whoever is first.

use anyhow::anyhow;
use diem_core::{
    Address,
    development::{known_account, known_consensus_key},
};
use diem_types::Call;

use super::{Failure, failure::usage};

/// Refuses a call that gives something to a key whose secret is public, unless the chain is for development. A call
/// that takes something back from such a key is never refused.
pub(super) fn check(call: &Call, chain_id: &str) -> Result<(), Failure> {
    if let Some(key) = consensus_key(call) {
        refuse(chain_id, || known_consensus_key(key), "the validator would sign with")?;
    }
    of(call).iter().try_for_each(|address| check_address(address, chain_id))
}

/// Refuses one address as [`check`] does.
pub(super) fn check_address(address: &Address, chain_id: &str) -> Result<(), Failure> {
    refuse(chain_id, || known_account(address), &format!("{address} is"))
}

fn refuse(chain_id: &str, known: impl FnOnce() -> Option<String>, what: &str) -> Result<(), Failure> {
    if diem_core::development::is_development(chain_id) {
        return Ok(());
    }
    known().map_or(Ok(()), |key| {
        Err(usage(anyhow!(
            "{what} {key}, which everybody knows, and `{chain_id}` is no development chain (its id has no part `dev`): \
             whoever reads the documentation could take what it gets there. Nothing was signed"
        )))
    })
}

const fn consensus_key(call: &Call) -> Option<&[u8; 32]> {
    match call {
        Call::Staking(diem_staking::Msg::CreateValidator(create)) => Some(&create.consensus_key),
        Call::Staking(diem_staking::Msg::RotateBridgeKey { consensus_key, .. }) => Some(consensus_key),
        _ => None,
    }
}

/// The receivers of coins, credit, stake or rights.
fn of(call: &Call) -> Vec<Address> {
    use diem_bank::Msg as Bank;
    match call {
        Call::Bank(Bank::Transfer { to, .. }) => vec![*to],
        Call::Bank(Bank::MultiTransfer { outputs, .. }) => outputs.iter().map(|output| output.to).collect(),
        Call::Staking(msg) => of_staking(msg),
        Call::Svvv(diem_svvv::Msg::Restake { to, .. }) => vec![*to],
        // These calls move the sender's own stake or DIEM.
        Call::Svvv(diem_svvv::Msg::Collect { .. }) | Call::Diem(_) => Vec::new(),
        Call::Credits(msg) => of_credits(msg),
        // Whoever is named on Base gets DIEM or a right there.
        Call::Bridge(diem_bridge::Msg::BridgeOut { recipient, .. }) => vec![*recipient],
        Call::Bridge(diem_bridge::Msg::Prepare { guardian, .. }) => vec![*guardian],
        Call::Bridge(diem_bridge::Msg::Admin { action: diem_bridge::AdminAction::SetGuardian { guardian } }) => {
            vec![*guardian]
        }
        Call::Bridge(_) => Vec::new(),
    }
}

fn of_staking(msg: &diem_staking::Msg) -> Vec<Address> {
    use diem_staking::Msg;
    match msg {
        Msg::CreateValidator(create) => vec![create.bridge_address],
        Msg::RotateBridgeKey { bridge_address, .. } => vec![*bridge_address],
        Msg::Stake { validator, .. } | Msg::ClaimAndStake { validator } => vec![*validator],
        Msg::EditValidator(_) | Msg::Unjail | Msg::Unstake { .. } | Msg::CancelUnstake { .. } | Msg::Claim { .. } => {
            Vec::new()
        }
    }
}

fn of_credits(msg: &diem_credits::Msg) -> Vec<Address> {
    use diem_credits::Msg;
    match msg {
        Msg::StakeDiem { beneficiary, .. } => beneficiary.iter().copied().collect(),
        Msg::RegisterProvider { payout, .. } => vec![*payout],
        Msg::EditProvider { payout, .. } => payout.iter().copied().collect(),
        // An amount of zero ends an allocation.
        Msg::Allocate { amount, .. } if amount.is_zero() => Vec::new(),
        Msg::ListProvider { provider }
        | Msg::Allocate { provider, .. }
        | Msg::SettleVouchers { provider, .. }
        | Msg::Spend { provider, .. } => vec![*provider],
        Msg::Grant { key, limits, .. } => {
            std::iter::once(*key).chain(limits.iter().map(|limit| limit.provider)).collect()
        }
        Msg::GiftCredit { to, .. } => vec![*to],
        Msg::BuyCredit { seller, .. } => vec![*seller],
        Msg::UnstakeDiem { .. }
        | Msg::CancelUnstake { .. }
        | Msg::CollectTranche { .. }
        | Msg::AddBond { .. }
        | Msg::PublishPrices { .. }
        | Msg::Deregister
        | Msg::DelistProvider { .. }
        | Msg::Revoke { .. }
        | Msg::OfferCredit { .. }
        | Msg::WithdrawOffer => Vec::new(),
    }
}
