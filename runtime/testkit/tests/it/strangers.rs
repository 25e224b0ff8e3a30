//! Payments to addresses that nobody has paid yet, and the names of results.

use diem_bank::{self as bank, MinNewAccount};
use diem_core::{Address, Amount, Denom, sha256};
use diem_testkit::BlockOutcome;
use diem_types::Call;

/// An address that nobody has paid yet.
pub(crate) fn stranger(number: u64) -> Address {
    let mut address = [0; 20];
    address.copy_from_slice(&sha256(&[b"stranger", &number.to_be_bytes()])[..20]);
    Address(address)
}

pub(crate) fn pay(to: Address, amount: Amount) -> Call {
    Call::Bank(bank::Msg::Transfer { to, denom: Denom::Vvv, amount })
}

pub(crate) fn least() -> Amount {
    MinNewAccount::default().vvv
}

/// The name of a result: `ok`, or that of its error.
pub(crate) fn name(outcome: &BlockOutcome, place: usize) -> String {
    let result = &outcome.results()[place];
    let info = diem_types::error_info(&result.codespace, result.code);
    info.map_or("ok".into(), |info| format!("{}/{}", result.codespace, info.name))
}
