//! The validators of a height, and those among them for whom this engine can sign.

use std::collections::BTreeMap;

use diem_core::Fatal;
use diem_runtime::ValidatorUpdate;
use diem_staking::consensus_address;
use ed25519_dalek::{Signature, Signer as _, SigningKey};
use tendermint::{PublicKey, validator, vote};

/// A set of validators as the application sees it: the power of each public key.
pub(crate) type Members = BTreeMap<[u8; 32], u64>;

/// The keys that the engine has, by their public half.
pub(crate) type Keys = BTreeMap<[u8; 32], SigningKey>;

/// The fatal error for a value out of a range that the chain never leaves: a height above 2^63, say.
pub(crate) fn unusual(error: impl std::fmt::Display) -> Fatal {
    Fatal(format!("a header cannot be made: {error}"))
}

/// The set in CometBFT's form and order, the strongest validator first.
pub(crate) fn set_of(members: &Members) -> Result<validator::Set, Fatal> {
    let mut infos = Vec::new();
    for (key, power) in members {
        let public = PublicKey::from_raw_ed25519(key).ok_or_else(|| unusual("a validator's key is none"))?;
        infos.push(validator::Info::new(public, vote::Power::try_from(*power).map_err(unusual)?));
    }
    let total = members.values().try_fold(0u64, |sum, power| sum.checked_add(*power));
    if total.is_none_or(|total| total > validator::Set::MAX_TOTAL_VOTING_POWER) {
        return Err(unusual("the power of the validators sums to more than consensus takes"));
    }
    Ok(validator::Set::without_proposer(infos))
}

/// The set after the validator updates of the end of a block.
///
/// # Errors
/// The update is one that CometBFT would stop at: a validator is removed that is not in the set, one is named twice, or
/// nobody is left.
pub(crate) fn updated(members: &Members, updates: &[ValidatorUpdate]) -> Result<Members, Fatal> {
    let mut after = members.clone();
    let mut named = BTreeMap::new();
    for ValidatorUpdate { public_key, power } in updates {
        if named.insert(public_key, power).is_some() {
            return Err(Fatal(format!("the application changes validator {} twice", hex::encode(public_key))));
        }
        let before = if *power == 0 { after.remove(public_key) } else { after.insert(*public_key, *power) };
        if *power == 0 && before.is_none() {
            let key = hex::encode(public_key);
            return Err(Fatal(format!("the application removes validator {key}, which is not in the set")));
        }
    }
    if after.is_empty() { Err(Fatal("the application leaves no validator".into())) } else { Ok(after) }
}

/// The validators of a height with the keys that are here.
pub(crate) struct Signers<'a> {
    set: validator::Set,
    /// The keys in the order of the set; `None` where somebody else has the key.
    keys: Vec<Option<&'a SigningKey>>,
}

impl<'a> Signers<'a> {
    /// Pairs `members` with those of `keys` that belong to them.
    ///
    /// # Errors
    /// No key of a member is here, so nobody can sign.
    pub(crate) fn new(members: &Members, keys: &'a Keys) -> Result<Self, Fatal> {
        let set = set_of(members)?;
        let key_of = |info: &validator::Info| {
            let public: [u8; 32] = info.pub_key.to_bytes().try_into().ok()?;
            keys.get(&public)
        };
        let keys: Vec<_> = set.validators().iter().map(key_of).collect();
        if keys.iter().all(Option::is_none) {
            return Err(Fatal(format!(
                "the keys of all {} validators are elsewhere, so that the instant engine can sign no block: revert to a \
                 snapshot, start with --fresh, or run the validators with --engine comet",
                keys.len()
            )));
        }
        Ok(Self { set, keys })
    }

    pub(crate) const fn set(&self) -> &validator::Set {
        &self.set
    }

    /// Signs for each validator, in the order of the set, the bytes that `bytes_of` gives for its place; `None` where
    /// its key is elsewhere.
    pub(crate) fn sign(
        &self,
        mut bytes_of: impl FnMut(usize, &validator::Info) -> Result<Vec<u8>, Fatal>,
    ) -> Result<Vec<(&validator::Info, Option<Signature>)>, Fatal> {
        let mut signed = Vec::new();
        for (place, (info, key)) in self.set.validators().iter().zip(&self.keys).enumerate() {
            let signature = match key {
                Some(key) => Some(key.sign(&bytes_of(place, info)?)),
                None => None,
            };
            signed.push((info, signature));
        }
        Ok(signed)
    }

    /// The proposer of a height: the validators that can sign take turns.
    pub(crate) fn proposer(&self, height: u64) -> Result<[u8; 20], Fatal> {
        let able: Vec<_> = self.set.validators().iter().zip(&self.keys).filter(|(_, key)| key.is_some()).collect();
        let turn = height.checked_rem(able.len() as u64).and_then(|turn| able.get(usize::try_from(turn).ok()?));
        let (info, _) = turn.ok_or_else(|| unusual("there is no validator"))?;
        let mut address = [0; 20];
        address.iter_mut().zip(info.address.as_bytes()).for_each(|(to, from)| *to = *from);
        Ok(address)
    }
}

/// Logs which of `members` cannot sign, and whether the others have enough power for a header that can be verified.
pub(crate) fn warn_of_strangers(height: u64, before: &Members, members: &Members, keys: &Keys) {
    let mut signing = 0u128;
    for (key, power) in members {
        if keys.contains_key(key) {
            signing = signing.saturating_add((*power).into());
        } else if !before.contains_key(key) {
            tracing::warn!(
                height,
                validator = hex::encode(consensus_address(key)),
                power,
                "this validator's key is elsewhere: it signs nothing here and counts as absent from this height on"
            );
        }
    }
    let total: u128 = members.values().map(|power| u128::from(*power)).sum();
    if signing.saturating_mul(3) <= total.saturating_mul(2) {
        tracing::warn!(
            height,
            signing,
            total,
            "not more than two thirds of the power can sign: CometBFT would stop here, and clients refuse the headers"
        );
    }
}
