//! The calls of emissions: there are none. Schedule and parameters change by proposal only.

use borsh::{BorshDeserialize, BorshSerialize, io};
use diem_core::{Amount, CallError, Message, TxContext};
use serde::{Deserialize, Serialize};

/// The module has no call; a value of this type cannot exist.
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

impl Message for Msg {
    fn validate(&self) -> Result<(), CallError> {
        match *self {}
    }

    fn gas(&self) -> u64 {
        match *self {}
    }

    fn spends(&self) -> Amount {
        match *self {}
    }

    fn is_exit(&self) -> bool {
        match *self {}
    }

    fn text(&self) -> String {
        match *self {}
    }

    fn execute(&self, _: &mut TxContext<'_>) -> Result<(), CallError> {
        match *self {}
    }
}
