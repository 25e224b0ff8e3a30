//! The signatures of a set under one digest, as the contract takes them.

use std::cmp::Reverse;

use diem_core::keys::{CompactSignature, SignatureError};

use crate::{Error, Threshold, ValidatorSet};

const SIGNATURE: usize = 64;

/// A signature or none for each member of a set.
///
/// Its bytes are a bitmap (member i is bit i mod 8 of byte i div 8, the least significant first, and the bits that are
/// left are 0), then a signature for each bit that is set, in order. A member so signs once at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureList(Vec<Option<CompactSignature>>);

impl SignatureList {
    /// A list with the signature of each member in the set's order, or `None` for a member that has not signed.
    pub const fn new(signatures: Vec<Option<CompactSignature>>) -> Self {
        Self(signatures)
    }

    /// The list of these bytes, for a set of so many members.
    ///
    /// # Errors
    /// [`Error::ListLength`] or [`Error::ListBits`].
    pub fn decode(bytes: &[u8], members: usize) -> Result<Self, Error> {
        let (bitmap, signatures) = bytes.split_at_checked(members.div_ceil(8)).ok_or(Error::ListLength)?;
        let bits = bitmap.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1));
        let (chunks, left) = signatures.as_chunks::<SIGNATURE>();
        let mut chunks = chunks.iter().copied().map(CompactSignature);
        let mut list = Vec::with_capacity(members);
        for (place, is_set) in bits.enumerate() {
            if is_set && place >= members {
                return Err(Error::ListBits);
            }
            if place < members {
                list.push(if is_set { Some(chunks.next().ok_or(Error::ListLength)?) } else { None });
            }
        }
        if chunks.next().is_some() || !left.is_empty() {
            return Err(Error::ListLength);
        }
        Ok(Self(list))
    }

    /// The bytes of the list.
    pub fn encode(&self) -> Vec<u8> {
        let byte = |members: &[Option<CompactSignature>]| {
            let bits = members.iter().enumerate().filter(|(_, signature)| signature.is_some());
            bits.fold(0_u8, |byte, (bit, _)| byte | 1 << bit)
        };
        let mut bytes: Vec<u8> = self.0.chunks(8).map(byte).collect();
        for CompactSignature(signature) in self.0.iter().flatten() {
            bytes.extend(signature);
        }
        bytes
    }

    /// The places of the members who have signed.
    pub fn signers(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().filter_map(|(place, signature)| signature.map(|_| place))
    }

    /// The fewest of these signatures that reach a threshold of the set: each costs gas. `None` if all of them do not.
    pub fn fewest(&self, set: &ValidatorSet, threshold: Threshold) -> Option<Self> {
        if self.0.len() != set.members().len() {
            return None;
        }
        let mut signers: Vec<(usize, u64)> =
            self.signers().filter_map(|place| Some((place, set.members().get(place)?.power))).collect();
        signers.sort_by_key(|(place, power)| (Reverse(*power), *place));
        let mut list = Self(vec![None; self.0.len()]);
        let mut power: u64 = 0;
        for (place, of_member) in signers {
            if let (Some(slot), Some(signature)) = (list.0.get_mut(place), self.0.get(place)) {
                *slot = *signature;
            }
            // Each member counts once, so that the sum is at most the set's total.
            power = power.saturating_add(of_member);
            if threshold.is_reached(power, set.total()) {
                return Some(list);
            }
        }
        None
    }

    /// The power of the members who signed the digest.
    ///
    /// # Errors
    /// One signature that is not its member's spoils the list, as it does on Base: [`Error::ListSigner`],
    /// [`Error::HighS`]; [`Error::ListLength`] if the list is of another set.
    pub fn power(&self, set: &ValidatorSet, digest: &[u8; 32]) -> Result<u64, Error> {
        if self.0.len() != set.members().len() {
            return Err(Error::ListLength);
        }
        let mut power: u64 = 0;
        for (place, (member, signature)) in set.members().iter().zip(&self.0).enumerate() {
            let Some(signature) = signature else { continue };
            match signature.recover(digest) {
                Ok(signer) if signer == member.address => {}
                Err(SignatureError::HighS) => return Err(Error::HighS),
                _ => return Err(Error::ListSigner(place)),
            }
            // Each member counts once, so that the sum is at most the set's total.
            power = power.saturating_add(member.power);
        }
        Ok(power)
    }
}
