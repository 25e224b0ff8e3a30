//! Validator sets as the bridge's contract knows them, and how much power an act of it takes.

use diem_core::{Address, keccak256};

use crate::{
    Error,
    packed::{self, Field},
};

/// The largest set that the contract takes.
pub const MAX_MEMBERS: usize = 150;

const MAX_BYTES: usize = u64::WIDTH + MAX_MEMBERS * Member::WIDTH;

/// A member of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// The address of the validator's bridge key.
    pub address: Address,
    /// Its power in the consensus of this chain; not zero.
    pub power: u64,
}

impl Field for Member {
    const WIDTH: usize = Address::WIDTH + u64::WIDTH;

    fn write(&self, out: &mut Vec<u8>) {
        self.address.write(out);
        self.power.write(out);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        Some(Self { address: Address::read(bytes)?, power: u64::read(bytes)? })
    }
}

/// A set of validators: 1 to [`MAX_MEMBERS`] members by strictly ascending addresses, none of them zero and none without
/// power, whose powers add up in 64 bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidatorSet {
    total: u64,
    members: Vec<Member>,
}

impl ValidatorSet {
    /// A set of these members.
    ///
    /// # Errors
    /// The error says which of these conditions does not hold.
    pub fn new(members: Vec<Member>) -> Result<Self, Error> {
        let mut total: u64 = 0;
        for member in &members {
            total = total.checked_add(member.power).ok_or(Error::SetTotal)?;
        }
        Self { total, members }.checked()
    }

    /// The set of these bytes.
    ///
    /// # Errors
    /// The bytes are not those of a set; [`ValidatorSet::encode`] gives the same bytes again.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        // The length is checked before the members are read, so that nobody has a long list read in vain.
        if bytes.len() > MAX_BYTES {
            return Err(Error::SetMembers);
        }
        let mut rest = bytes;
        let total = u64::read(&mut rest).ok_or(Error::SetMembers)?;
        let members = packed::read_all(rest).ok_or(Error::SetMembers)?;
        Self { total, members }.checked()
    }

    fn checked(self) -> Result<Self, Error> {
        if !(1..=MAX_MEMBERS).contains(&self.members.len()) {
            return Err(Error::SetMembers);
        }
        let (mut last, mut sum) = (Address::ZERO, 0_u128);
        for (place, member) in self.members.iter().enumerate() {
            if member.address <= last {
                return Err(Error::SetOrder(place));
            }
            if member.power == 0 {
                return Err(Error::SetPower(place));
            }
            last = member.address;
            // 150 powers of 64 bits are far below 128 bits.
            sum = sum.saturating_add(member.power.into());
        }
        if sum == u128::from(self.total) { Ok(self) } else { Err(Error::SetTotal) }
    }

    /// The bytes of the set: the total, then address and power of each member.
    pub fn encode(&self) -> Vec<u8> {
        [&self.total.to_be_bytes()[..], &packed::write_all(&self.members)].concat()
    }

    /// The hash by which the contract knows the set with this nonce that was made at this second.
    pub fn hash(&self, salt: &[u8; 32], nonce: u64, created_at: u64) -> [u8; 32] {
        keccak256(&[&salt[..], &nonce.to_be_bytes(), &created_at.to_be_bytes(), &self.encode()].concat())
    }

    /// The members, by ascending address.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The sum of all powers.
    pub const fn total(&self) -> u64 {
        self.total
    }
}

/// The part of a set's power that an act of the contract takes. It is computed from the powers each time and never
/// stored, so that it cannot be zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threshold {
    /// Batches, sets, and administrative actions but for a move.
    MoreThanTwoThirds,
    /// A move to another contract.
    MoreThanThreeQuarters,
    /// A pause of minting.
    AtLeastOneThird,
}

impl Threshold {
    /// Whether so much of the total is enough.
    pub fn is_reached(self, signed: u64, total: u64) -> bool {
        let times = |power: u64, factor: u128| u128::from(power).saturating_mul(factor);
        match self {
            Self::MoreThanTwoThirds => times(signed, 3) > times(total, 2),
            Self::MoreThanThreeQuarters => times(signed, 4) > times(total, 3),
            Self::AtLeastOneThird => times(signed, 3) >= times(total, 1),
        }
    }
}
