//! Administrative actions: what the authority orders, validators sign, and anybody sends to Base.

use diem_core::{Address, CallError, StateRead, TxContext};

use crate::{
    AdminAction, Error, Event, ID, OutboundKind, Preimage, Threshold,
    inbound::applied,
    setup::check_authority,
    state::{ACTIONS, ISSUED, STRUCT_HASHES, contract, issued},
};

/// Issues an action under the next nonce, which is returned. An Unpause names the last pause that was applied here.
///
/// # Errors
/// The sender is not the authority, the contract is not known yet, or the action is one that the contract refuses.
pub fn issue(ctx: &mut TxContext<'_>, action: AdminAction) -> Result<u64, CallError> {
    check_authority(ctx.state, &ctx.sender)?;
    if contract(ctx.state).is_none_or(|contract| contract.deployed.is_none()) {
        return Err(Error::Inactive.into());
    }
    check(&action)?;
    let mut issued = issued(ctx.state);
    issued.actions = issued.actions.saturating_add(1);
    let nonce = issued.actions;
    ISSUED.set(ctx.state, &issued);
    let preimage = action.issue(nonce, applied(ctx.state).pause_nonce);
    STRUCT_HASHES.set(ctx.state, &(OutboundKind::Admin, nonce), &preimage.struct_hash());
    ACTIONS.set(ctx.state, &nonce, &preimage);
    ctx.events.emit(ID, &Event::ActionIssued { nonce });
    Ok(nonce)
}

/// The action of this nonce.
pub fn action(state: &dyn StateRead, nonce: u64) -> Option<Preimage> {
    ACTIONS.get(state, &nonce)
}

/// How much of the installed set an action takes: a move takes more than the others.
pub(crate) fn threshold(state: &dyn StateRead, nonce: u64) -> Threshold {
    match action(state, nonce) {
        Some(Preimage::MoveBridge { .. }) => Threshold::MoreThanThreeQuarters,
        _ => Threshold::MoreThanTwoThirds,
    }
}

fn check(action: &AdminAction) -> Result<(), Error> {
    match action {
        AdminAction::SetLimits { share_bps, .. } if !(1..=10_000).contains(share_bps) => {
            Err(Error::Terms("share_bps must be 1 to 10,000"))
        }
        AdminAction::SetGuardian { guardian: Address::ZERO } | AdminAction::MoveBridge { bridge: Address::ZERO } => {
            Err(Error::Terms("a guardian and a bridge must not be the zero address"))
        }
        _ => Ok(()),
    }
}
