//! The artifacts of the contracts: what creates the bridge, the ABI of both, and the names of their errors.

use std::fmt;

use alloy_primitives::U256;
use alloy_sol_types::{Panic, Revert, SolError as _};
use diem_bridge::Constructor;
use diem_core::Time;

use crate::{endpoint::shortened, refusals};

/// The ABI and code of the contracts, from the files that their own build makes.
pub(crate) mod abi {
    alloy_sol_types::sol!(DiemBridge, "../../contracts/artifacts/DiemBridge.json");
    alloy_sol_types::sol!(DiemToken, "../../contracts/artifacts/DiemToken.json");
}

use abi::{DiemBridge::DiemBridgeErrors, DiemToken::DiemTokenErrors};

/// The bytes that create a bridge: the contract's creation code, then its arguments. With the salt of the arguments,
/// [`diem_bridge::bridge_address`] gives the address at which they put it.
pub fn init_code(arguments: &Constructor) -> Vec<u8> {
    [&abi::DiemBridge::BYTECODE[..], &arguments.encode()].concat()
}

/// The error with which a contract refused a call, by the name that its source gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContractError {
    /// The name: one of `contracts/src/bridge/Errors.sol`, of the token, or of Solidity itself (`Error`, `Panic`).
    /// Empty if the contract gave no error or one that it cannot have.
    pub name: &'static str,
    /// The arguments as a person reads them, separated by commas; for an error without a name its bytes.
    pub arguments: String,
}

impl ContractError {
    /// The error of these bytes, as a call that was refused returns them.
    pub(crate) fn decode(data: &[u8]) -> Self {
        if let Ok(Revert { reason }) = Revert::abi_decode(data) {
            return Self { name: "Error", arguments: reason };
        }
        if let Ok(panic) = Panic::abi_decode(data) {
            return Self { name: "Panic", arguments: panic.to_string() };
        }
        let unknown = || Self { name: "", arguments: format!("0x{}", alloy_primitives::hex::encode(data)) };
        let Some((selector, arguments)) = data.split_first_chunk::<4>() else { return unknown() };
        let name = DiemBridgeErrors::name_by_selector(*selector).or(DiemTokenErrors::name_by_selector(*selector));
        let (words, rest) = arguments.as_chunks::<32>();
        match name {
            // All arguments of these errors are numbers or addresses, a word each.
            Some(name) if rest.is_empty() => {
                Self { name, arguments: words.iter().map(shown).collect::<Vec<_>>().join(", ") }
            }
            _ => unknown(),
        }
    }
}

/// What the error means and what to do, then `NonceUsed(7)`, as the contract's source writes it.
impl fmt::Display for ContractError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name, self.arguments.as_str()) {
            ("", "0x") => f.write_str("it gives no reason"),
            ("", bytes) => write!(f, "an error that this version does not know, {}", shortened(bytes)),
            ("Error" | "Panic", reason) => f.write_str(&shortened(reason)),
            (name, arguments) => {
                let read = arguments.split(", ").filter(|argument| !argument.is_empty());
                let read: Vec<String> = read.map(|argument| moment(name, argument)).collect();
                match refusals::sentence(name, read.iter().map(String::as_str)) {
                    Some(sentence) => write!(f, "{sentence} [{name}({arguments})]"),
                    None => write!(f, "{name}({arguments})"),
                }
            }
        }
    }
}

/// An argument for a sentence: of errors that name a second of Base, the time that it is.
fn moment(name: &str, argument: &str) -> String {
    let second = argument.parse().ok().filter(|_| ["Paused", "Expired", "TooEarly"].contains(&name));
    match second {
        None => argument.to_owned(),
        Some(diem_bridge::UNTIL_UNPAUSE) => "the validators end it".to_owned(),
        Some(second) => Time(second.saturating_mul(1_000)).to_string(),
    }
}

/// A word as a number, or as an address where it is too large for one of the contract's numbers and fits.
fn shown(word: &[u8; 32]) -> String {
    let number = U256::from_be_bytes(*word);
    let is_address = number.bit_len() > 128 && number.bit_len() <= 160;
    if is_address { alloy_primitives::Address::from_slice(&word[12..]).to_string() } else { number.to_string() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use alloy_primitives::address;
    use alloy_sol_types::SolError as _;

    use super::*;

    #[test]
    fn an_error_has_the_name_of_its_source_and_its_arguments() {
        let used = abi::DiemBridge::NonceUsed { nonce: 7 }.abi_encode();
        let used = ContractError::decode(&used).to_string();
        assert!(used.starts_with("batch 7 was executed on Base before") && used.ends_with("[NonceUsed(7)]"), "{used}");
        let power = abi::DiemBridge::NotEnoughPower { signed: U256::from(2), total: U256::from(3) }.abi_encode();
        let power = ContractError::decode(&power).to_string();
        assert!(power.starts_with("2 of 3 power has signed") && power.ends_with("[NotEnoughPower(2, 3)]"), "{power}");
        let receiver = address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
        let token = abi::DiemToken::ERC20InvalidReceiver { receiver }.abi_encode();
        let text = ContractError::decode(&token).to_string();
        assert!(text.starts_with("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266 cannot get nDIEM: "), "{text}");
    }

    #[test]
    fn a_second_of_base_is_told_as_the_time_that_it_is() {
        let told = |until: u64| {
            let paused = abi::DiemBridge::Paused { until }.abi_encode();
            ContractError::decode(&paused).to_string()
        };
        let open = told(diem_bridge::UNTIL_UNPAUSE);
        assert!(open.starts_with("minting on Base is paused until the validators end it: "), "{open}");
        let until = told(1_795_906_800);
        assert!(until.starts_with("minting on Base is paused until 2026-11-28"), "{until}");
        let early = ContractError::decode(&abi::DiemBridge::TooEarly { from: 1_795_906_800 }.abi_encode()).to_string();
        assert!(early.starts_with("it is too early for this: try again from 2026-11-28"), "{early}");
    }

    #[test]
    fn errors_of_solidity_and_strangers_are_shown_as_they_are() {
        let revert = Revert { reason: "no".into() }.abi_encode();
        assert_eq!(ContractError::decode(&revert).to_string(), "no");
        assert_eq!(ContractError::decode(&[]).to_string(), "it gives no reason");
        let stranger = ContractError::decode(&[1, 2, 3, 4]);
        assert_eq!((stranger.name, stranger.arguments.as_str()), ("", "0x01020304"));
        let torn = [&abi::DiemBridge::NonceUsed { nonce: 7 }.abi_encode()[..], &[0]].concat();
        assert_eq!(ContractError::decode(&torn).name, "");
    }
}
