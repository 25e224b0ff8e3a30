//! The calls of emissions: there are none. Schedule and parameters change by proposal only.

use borsh::{BorshDeserialize, BorshSerialize, io};
use serde::{Deserialize, Serialize};

/// No call; a value of this type cannot exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Msg {}

impl BorshSerialize for Msg {
    fn serialize<W: io::Write>(&self, _: &mut W) -> io::Result<()> {
        match *self {}
    }
}

impl BorshDeserialize for Msg {
    fn deserialize_reader<R: io::Read>(_: &mut R) -> io::Result<Self> {
        Err(io::Error::new(io::ErrorKind::InvalidData, "emissions has no calls"))
    }
}
