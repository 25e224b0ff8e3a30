//! Addresses: both ways of writing them, with known answers from BIP-173 and EIP-55.

use diem_core::{Address, address::ParseAddressError};
use proptest::prelude::*;

/// EIP-55, "Test Cases": mixed case, all capitals, all lower case.
const EIP_55: [&str; 8] = [
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    "0x52908400098527886E0F7030069857D2E4169EE7",
    "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
    "0xde709f2102306220921060314715629080e2fb77",
    "0x27b1fdb04752bbc536007a920d24acb045561c26",
];

#[test]
fn hex_addresses_carry_the_checksum_of_eip_55() {
    for text in EIP_55 {
        let address: Address = text.parse().unwrap();
        assert_eq!(address.to_hex(), text);
        assert_eq!(text.to_lowercase().parse(), Ok(address), "without checksum");
        assert_eq!(format!("0x{}", text[2..].to_uppercase()).parse(), Ok(address), "without checksum");
    }
}

#[test]
fn a_hex_address_with_a_wrong_checksum_is_refused() {
    for text in &EIP_55[..4] {
        for place in 2..text.len() {
            let mut bytes = text.as_bytes().to_vec();
            if bytes[place].is_ascii_alphabetic() {
                bytes[place] ^= 0x20;
                let wrong = String::from_utf8(bytes).unwrap();
                assert_eq!(wrong.parse::<Address>(), Err(ParseAddressError::Checksum(wrong.clone())));
            }
        }
    }
}

#[test]
fn bech32_is_that_of_another_implementation() {
    let vectors: serde_json::Value = serde_json::from_str(include_str!("../vectors/bech32.json")).unwrap();
    let answers = vectors["addresses"].as_array().unwrap();
    assert!(answers.len() >= 5);
    for answer in answers {
        let bytes = hex::decode(answer["bytes"].as_str().unwrap()).unwrap();
        let address = Address(bytes.try_into().unwrap());
        let text = answer["text"].as_str().unwrap();
        assert_eq!(address.to_string(), text);
        assert_eq!(text.parse(), Ok(address));
        assert_eq!(text.to_uppercase().parse(), Ok(address), "all capitals are bech32 too");
    }
}

#[test]
fn every_single_mistyped_character_is_noticed() {
    let address = Address([0x3c; 20]);
    let text = address.to_string();
    for place in 5..text.len() {
        for letter in "qpzry9x8gf2tvdw0s3jn54khce6mua7l".bytes().filter(|letter| *letter != text.as_bytes()[place]) {
            let mut wrong = text.clone().into_bytes();
            wrong[place] = letter;
            let wrong = String::from_utf8(wrong).unwrap();
            assert_eq!(wrong.parse::<Address>(), Err(ParseAddressError::Checksum(wrong.clone())));
        }
    }
}

#[test]
fn what_is_no_address_is_refused_with_its_reason() {
    type Bad = fn(String) -> ParseAddressError;
    let text = Address([0x3c; 20]).to_string();
    let mixed = text.char_indices().map(|(i, c)| if i > 30 { c.to_ascii_uppercase() } else { c });
    let mixed: String = mixed.collect();
    let cases: Vec<(&str, Bad)> = vec![
        ("", ParseAddressError::Form),
        ("diem1", ParseAddressError::Checksum),
        ("0x", ParseAddressError::Form),
        ("0x12", ParseAddressError::Form),
        ("0xzz5aAeb6053F3E94C9b9A09f33669435E7Ef1BeA", ParseAddressError::Form),
        ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed00", ParseAddressError::Form),
        ("5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", ParseAddressError::Form),
        // BIP-173's own first address: good bech32, of bitcoin.
        ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", ParseAddressError::OtherChain),
        (&mixed, ParseAddressError::Form),
    ];
    for (text, reason) in cases {
        assert_eq!(text.parse::<Address>(), Err(reason(text.into())), "{text}");
    }
}

#[test]
fn another_checksum_or_another_length_is_refused() {
    use bech32::{Bech32, Bech32m, Hrp};
    let hrp = Hrp::parse("diem").unwrap();
    let bech32m = bech32::encode::<Bech32m>(hrp, &[1; 20]).unwrap();
    assert!(bech32m.parse::<Address>().is_err(), "bech32m is for other things");
    for length in [0usize, 1, 19, 21, 32] {
        let text = bech32::encode::<Bech32>(hrp, &vec![1; length]).unwrap();
        assert!(text.parse::<Address>().is_err(), "{length} bytes");
    }
}

proptest! {
    #[test]
    fn both_forms_name_the_same_account(bytes in any::<[u8; 20]>()) {
        let address = Address(bytes);
        prop_assert_eq!(address.to_string().parse(), Ok(address));
        prop_assert_eq!(address.to_hex().parse(), Ok(address));
        let json = serde_json::to_string(&address).unwrap();
        prop_assert_eq!(serde_json::from_str::<Address>(&json).unwrap(), address);
    }

    #[test]
    fn no_text_panics(text in ".{0,60}", inside in "(diem1|DIEM1|0x)[0-9a-zA-Z]{0,60}") {
        let _ = (text.parse::<Address>(), inside.parse::<Address>());
    }
}
