//! Batches of transfers, each of which is minted on Base as a whole.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{Address, Amount, eip712::TypedStruct};
use serde::{Deserialize, Serialize};

use crate::{
    Error,
    packed::{self, Field},
};

/// The most transfers that the contract takes in a batch.
pub const MAX_TRANSFERS: usize = 100;

const BATCH_TYPE: &str = "Batch(uint64 nonce,uint64 deadline,uint128 fee,bytes transfers)";

/// One mint of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// The account on Base that gets it.
    #[serde(with = "crate::on_base")]
    pub recipient: Address,
    /// The amount in adiem.
    pub amount: Amount,
}

impl Field for Transfer {
    const WIDTH: usize = Address::WIDTH + Amount::WIDTH;

    fn write(&self, out: &mut Vec<u8>) {
        self.recipient.write(out);
        self.amount.write(out);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        Some(Self { recipient: Address::read(bytes)?, amount: Amount::read(bytes)? })
    }
}

/// A batch as validators sign it.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// The number of the batch; numbers have no gaps and begin with 1.
    #[serde(with = "diem_core::json::number")]
    pub nonce: u64,
    /// The last second of Base in which it can be executed.
    #[serde(with = "diem_core::json::number")]
    pub deadline: u64,
    /// The sum of the fees, for whoever relays it, in adiem.
    pub fee: Amount,
    /// The mints, 1 to [`MAX_TRANSFERS`].
    pub transfers: Vec<Transfer>,
}

impl Batch {
    /// Checks that the contract would read the transfers.
    ///
    /// # Errors
    /// [`Error::Transfers`].
    pub fn validate(&self) -> Result<(), Error> {
        if (1..=MAX_TRANSFERS).contains(&self.transfers.len()) { Ok(()) } else { Err(Error::Transfers) }
    }

    /// What it mints at most, with the fee. The amounts of a batch that was issued add up in 128 bits.
    pub fn total(&self) -> Amount {
        self.transfers.iter().fold(self.fee, |sum, transfer| sum.saturating_add(transfer.amount))
    }

    /// The transfers as the contract reads them: recipient and amount of each, packed.
    pub fn transfer_bytes(&self) -> Vec<u8> {
        packed::write_all(&self.transfers)
    }

    /// The transfers of these bytes.
    ///
    /// # Errors
    /// [`Error::Transfers`].
    pub fn read_transfers(bytes: &[u8]) -> Result<Vec<Transfer>, Error> {
        // Transfers are read only from a list whose length can be right.
        if !(1..=MAX_TRANSFERS * Transfer::WIDTH).contains(&bytes.len()) {
            return Err(Error::Transfers);
        }
        packed::read_all(bytes).ok_or(Error::Transfers)
    }

    /// The hash of the struct that validators sign.
    pub fn struct_hash(&self) -> [u8; 32] {
        TypedStruct::new(BATCH_TYPE)
            .number(self.nonce)
            .number(self.deadline)
            .number(self.fee.get())
            .bytes(&self.transfer_bytes())
            .hash()
    }
}
