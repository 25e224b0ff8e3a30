//! The presets, and what is wrong with files that people write.
#![allow(clippy::unwrap_used, missing_docs)]

use diem_core::{Amount, Denom, Time};
use diem_genesis::{Error, GenesisFile, from_json, is_development, presets, to_json};

const NOW: Time = Time(1_763_640_000_000);

fn error(text: &str) -> String {
    match GenesisFile::parse(text, "genesis.toml") {
        Err(error) => error.to_string(),
        Ok(file) => file.resolve(Some(NOW)).unwrap_err().to_string(),
    }
}

#[test]
fn the_hashes_of_the_presets_are_pinned() {
    // A change here is a change of borsh layout, parameters, people or validators: every running chain of the old
    // kind refuses the new program.
    for (name, expected) in [
        ("dev", "5aaaa3cf96d4abcbee0cca8730adf2096d5563002f34441c2b4344c6e1fcdccc"),
        ("localnet", "7a50a60ab2c2d78e0375e7a61aaedb623f949e706a77ccc9a1329b71ad1958d6"),
    ] {
        let doc = presets::preset(name).unwrap().unwrap().resolve(Some(NOW)).unwrap();
        assert_eq!(hex::encode(doc.hash()), expected, "{name}");
    }
}

#[test]
fn the_presets_are_for_development_and_everyone_is_funded() {
    for name in ["dev", "localnet"] {
        let file = presets::preset(name).unwrap().unwrap();
        assert!(is_development(&file.chain_id), "{}", file.chain_id);
        let doc = file.resolve(Some(NOW)).unwrap();
        let names: Vec<_> = file.accounts.iter().map(|person| person.name.as_deref().unwrap()).collect();
        assert_eq!(names, ["alice", "bob", "carol", "dave"]);
        for account in doc.app.bank.accounts.values() {
            assert_eq!(account.balance(Denom::Vvv), Amount::ONE.checked_mul(1_000_000).unwrap());
        }
    }
    assert!(presets::preset("mainnet").is_none());
}

#[test]
fn the_validators_of_the_presets_have_the_public_secrets() {
    for (name, count) in [("dev", 1), ("localnet", 4)] {
        let file = presets::preset(name).unwrap().unwrap();
        assert_eq!(file.validators.len(), count);
        for (at, validator) in file.validators.iter().enumerate() {
            let key = ed25519_dalek::SigningKey::from_bytes(&presets::validator_secret(at + 1));
            assert_eq!(validator.public_key, key.verifying_key().to_bytes());
        }
    }
}

#[test]
fn only_a_part_of_the_name_marks_a_development_chain() {
    for name in ["diem-dev-1", "diem-dev", "diem-local-dev-1"] {
        assert!(is_development(name), "{name}");
    }
    for name in ["diem-1", "diem-devnet-1", "dev", "dev-1", "diemdev"] {
        assert!(!is_development(name), "{name}");
    }
}

#[test]
fn now_needs_somebody_who_says_when() {
    let file = presets::preset("dev").unwrap().unwrap();
    assert_eq!(file.resolve(None).unwrap_err(), Error::NotResolved);
    let other = file.resolve(Some(Time(NOW.0 + 1))).unwrap();
    assert_ne!(other.hash(), file.resolve(Some(NOW)).unwrap().hash());
}

#[test]
fn the_canonical_document_survives_json_and_any_order_of_validators() {
    let doc = presets::preset("localnet").unwrap().unwrap().resolve(Some(NOW)).unwrap();
    assert_eq!(from_json(&to_json(&doc), "genesis.json").unwrap(), doc);
    let mut file = presets::preset("localnet").unwrap().unwrap();
    file.validators.reverse();
    assert_eq!(file.resolve(Some(NOW)).unwrap().hash(), doc.hash());
}

#[test]
fn a_typo_is_named_with_its_line() {
    let typo = presets::DEV.replace("min_price", "min_prize");
    let line = presets::DEV.lines().position(|line| line.starts_with("min_price")).unwrap() + 1;
    assert_eq!(error(&typo), format!("genesis.toml, line {line}: unknown key `min_prize`: did you mean `min_price`?"));
    let typo = presets::DEV.replacen("[[accounts]]", "[[acounts]]", 1);
    assert!(error(&typo).contains("unknown key `acounts`: did you mean `accounts`?"), "{}", error(&typo));
    let doc = presets::preset("dev").unwrap().unwrap().resolve(Some(NOW)).unwrap();
    let typo = from_json(&to_json(&doc).replace("chain_id", "chainid"), "genesis.json").unwrap_err().to_string();
    assert_eq!(typo, "genesis.json, line 2: unknown key `chainid`: did you mean `chain_id`?");
}

#[test]
fn bad_values_say_what_is_wrong_with_them() {
    let dev = presets::DEV;
    let cases = [
        (dev.replace("\"1000000VVV\"", "\"1000000\""), "needs a unit"),
        (dev.replace("\"1000000VVV\"", "\"1VVV\", \"2VVV\""), "account `alice` has two balances in VVV"),
        (dev.replace("1000000VVV", "200000000000000000000VVV"), "the balances in VVV sum to more"),
        (dev.replace("\"now\"", "\"yesterday\""), "`yesterday` is not a time"),
        (dev.replace("\"8d\"", "\"8 days\""), "`8 days` is not a length of time"),
        (dev.replace("\"1000000000avvv\"", "\"1DIEM\""), "gas is paid in VVV, not in DIEM"),
        (dev.replace("name = \"bob\"", "name = \"alice\""), "account `alice` is listed twice"),
        (dev.replace("power = 10", "power = 0"), "has no voting power"),
        (dev.replace("diem-dev-1", "diem dev"), "chain_id `diem dev` must be"),
        (dev.replacen("diem1", "diem1q", 1), "its checksum does not hold"),
    ];
    for (text, expected) in cases {
        let got = error(&text);
        assert!(got.contains(expected), "{got}");
    }
}
