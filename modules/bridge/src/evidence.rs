//! Evidence: whoever signs for Base what this chain never decided loses stake and is out for ever.

use diem_core::{Address, BlockInfo, CallError, Events, StateRead, StateWrite, keys::CompactSignature};
use diem_staking::{Slash, bridge_key, punish_forgery};

use crate::{
    Error, Event, ID, Preimage,
    closing::latest_dropped,
    state::{KEY_SETS, STRUCT_HASHES, contract, domain, issued, params},
};

const SECOND_MS: u64 = 1_000;

/// Punishes the validator whose bridge key signed this content, which the chain did not issue under its kind and nonce.
/// Whoever handed it in gains nothing. The slash is returned, because locks follow it.
///
/// # Errors
/// The content is the chain's own or none that the contract reads; the signature is by no key of a set of this
/// contract, or by one whose last set is dead for so long that its stake may have left; or the validator was convicted
/// before.
pub fn convict(
    state: &mut dyn StateWrite,
    events: &mut Events,
    block: BlockInfo,
    preimage: &Preimage,
    signature: &CompactSignature,
) -> Result<Slash, CallError> {
    preimage.validate()?;
    let domain = domain(state).ok_or(Error::Inactive)?;
    let (kind, nonce, hash) = (preimage.kind(), preimage.nonce(), preimage.struct_hash());
    // Hashes of structs are compared, not digests, so that a signature for another contract is nobody's here.
    match STRUCT_HASHES.get(state, &(kind, nonce)) {
        Some(issued) if issued == hash => return Err(Error::Issued.into()),
        None if is_forgotten(state, preimage) => return Err(Error::BatchForgotten.into()),
        _ => {}
    }
    let signer = signature.recover(&domain.digest(&hash)).map_err(Error::from)?;
    let key = bridge_key(state, &signer).ok_or(Error::NotASigner(signer))?;
    if block.time.millis() > liable_until(state, &signer)? {
        return Err(Error::EvidenceTooOld.into());
    }
    let bps = params(state).forgery_bps;
    let slash = punish_forgery(state, events, &key.operator, bps)?.ok_or(Error::Convicted(key.operator))?;
    events.emit(ID, &Event::Convicted { validator: key.operator, kind, nonce });
    Ok(slash)
}

/// Whether a batch may be one that the chain issued so long ago that its struct hash was dropped. One with a deadline
/// after the latest that was ever dropped is not: lives of batches may change, so that nonces and deadlines need not rise
/// together.
fn is_forgotten(state: &dyn StateRead, preimage: &Preimage) -> bool {
    match preimage {
        Preimage::Batch(batch) => batch.nonce <= issued(state).batches && batch.deadline <= latest_dropped(state),
        _ => false,
    }
}

/// The last millisecond in which a signature of this key convicts: until then the contract may still take a set with
/// it, and what was staked at that time can still be slashed.
fn liable_until(state: &dyn StateRead, key: &Address) -> Result<u64, Error> {
    let last = KEY_SETS.get(state, key).ok_or(Error::NotASigner(*key))?;
    let max_set_age = contract(state).ok_or(Error::Unprepared)?.max_set_age;
    let dead = last.created_at.saturating_add(max_set_age).saturating_mul(SECOND_MS);
    Ok(dead.saturating_add(diem_staking::params(state).unbonding_ms))
}
