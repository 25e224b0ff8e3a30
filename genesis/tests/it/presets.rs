//! The presets, and what is wrong with files that people write.

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
        ("dev", "51ac2a97f4c3bb0b6a131a29341ea3f2c953b98ede31c3d3c1e2c531b2bb1506"),
        ("localnet", "470dd70eac74c0617a49d49636a065b594d875bee863d9f11cd7cf83b2bfed20"),
        ("live", "a44e7fa4cd118c8f0b1157a1c75673077490cac87e24beaf5f429b51b67fa11f"),
    ] {
        let doc = presets::preset(name).unwrap().unwrap().resolve(Some(NOW)).unwrap();
        assert_eq!(hex::encode(doc.hash()), expected, "{name}");
    }
}

#[test]
fn the_presets_are_for_development_and_everyone_is_funded() {
    for name in presets::NAMES {
        let file = presets::preset(name).unwrap().unwrap();
        assert!(is_development(&file.chain_id), "{}", file.chain_id);
        let doc = file.resolve(Some(NOW)).unwrap();
        let names: Vec<_> = file.accounts.iter().take(4).map(|person| person.name.as_deref().unwrap()).collect();
        assert_eq!(names, ["alice", "bob", "carol", "dave"]);
        for person in file.accounts.iter().take(4) {
            let account = doc.app.bank.accounts[&person.address];
            assert_eq!(account.balance(Denom::Vvv), Amount::ONE.checked_mul(1_000_000).unwrap());
        }
    }
    assert!(presets::preset("mainnet").is_none());
}

#[test]
fn the_validators_of_the_presets_have_the_public_keys() {
    for (name, count) in [("dev", 1), ("localnet", 4), ("live", 4)] {
        let file = presets::preset(name).unwrap().unwrap();
        assert_eq!(presets::with_validators(file.clone(), &file.chain_id, count).unwrap(), file, "{name}");
        let doc = file.resolve(Some(NOW)).unwrap();
        for at in 1..=count {
            let key = ed25519_dalek::SigningKey::from_bytes(&presets::validator_secret(at));
            let public_key = key.verifying_key().to_bytes();
            let found = doc.validators.iter().find(|validator| validator.public_key == public_key).unwrap();
            // The stake behind dave's DIEM is with the first.
            let of_dave = if at == 1 && name != "live" { 4_800 } else { 0 };
            assert_eq!(found.power, 10_000 + of_dave);
        }
        assert_eq!(doc.validators.len(), count);
    }
}

#[test]
fn another_name_or_number_of_validators_needs_other_proofs() {
    let file = presets::preset("dev").unwrap().unwrap();
    let other = presets::with_validators(file.clone(), "other-dev", 3).unwrap();
    assert_eq!((other.validators.len(), other.accounts.len()), (3, 7));
    let doc = other.resolve(Some(NOW)).unwrap();
    for validator in &doc.app.staking.validators {
        let staking = &validator.validator;
        let check = |chain_id: &str| {
            staking.proof.verify(chain_id, &validator.operator, &staking.consensus_key, &staking.bridge_address)
        };
        assert!(check("other-dev").is_ok() && check("diem-dev-1").is_err());
    }
}

#[test]
fn the_live_table_is_imported_digit_for_digit() {
    let doc = presets::preset("live").unwrap().unwrap().resolve(Some(NOW)).unwrap();
    let diem_diem::Curve::Table(steps) = &doc.app.diem.curve else { panic!("a table") };
    assert_eq!(steps.len(), 256);
    // Published values of the contract: entries 0, 1, 75, 78 to 80 and 255 of 500 DIEM each.
    let rates = serde_json::to_value(steps).unwrap();
    let published: serde_json::Value =
        serde_json::from_str(include_str!("../../../modules/diem/tests/vectors/live_table_2026_09.json")).unwrap();
    assert_eq!(rates, published);
    assert_eq!(doc.app.epoch_ms.get(), 86_400_000);
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
        (dev.replace("\"1000000000avvv\"", "\"1DIEM\""), "this is an amount of VVV, not of DIEM"),
        (dev.replace("name = \"bob\"", "name = \"alice\""), "account `alice` is listed twice"),
        (
            dev.replace("self_stake = \"10000VVV\"", "self_stake = \"999VVV\""),
            "there is no validator with voting power",
        ),
        (
            dev.replace("block_limit = 1", "").replace("[gas]", "[gas]\nblock_limit = 7000"),
            "gas, and a block has 7000: set app.gas.block_limit to",
        ),
        (
            dev.replace("\"1000000000avvv\"", "\"3402823669209VVV\""),
            "costs more than an amount can be at app.gas.min_price",
        ),
        (
            dev.replace("\"10000VVV\"", "\"1100000000000000000VVV\""),
            "with one validator at most 7686143364045646 VVV can be staked",
        ),
        (
            dev.replace("diem-dev-1", "diem-1"),
            "everybody knows the consensus key of development validator 1, and in this genesis it is a validator",
        ),
        (dev.replace("account = \"carol\"", "account = \"carl\""), "there is no account `carl`"),
        (dev.replace("epoch = \"30s\"", "epoch = \"0s\""), "epoch is the length of a day"),
        (dev.replace("epoch = \"30s\"", "epoch = \"1s\""), "app.epoch_ms must be 10 seconds to a year"),
        (dev.replace("base = \"90VVV\"", "base = \"90DIEM\""), "this is an amount of VVV, not of DIEM"),
        (dev.replace("steps = 256", "table = [[\"1\", \"2\"]]"), "the curve has a table and numbers of the formula"),
        (
            dev.replace("per_year = \"10000000VVV\"", "per_year = \"10000000VVV\", from = \"soon\""),
            "`soon` is not a time",
        ),
        (dev.replace("diem-dev-1", "diem dev"), "chain_id `diem dev` must be"),
        (dev.replacen("diem1", "diem1q", 1), "its checksum does not hold"),
    ];
    all_say(&cases);
}

/// Each of these files is refused with words that contain the ones beside it.
fn all_say(cases: &[(String, &str)]) {
    for (text, expected) in cases {
        let got = error(text);
        assert!(got.contains(expected), "{got}");
    }
}

#[test]
fn what_means_something_else_names_no_account() {
    let dev = presets::DEV;
    all_say(&[
        (
            dev.replace("name = \"bob\"", "name = \"diem1jrn6x5f7slnyd06z2cqcq8c8f6vzu07kk4wvc6\""),
            "account cannot be named `diem1jrn6x5f7slnyd06z2cqcq8c8f6vzu07kk4wvc6`: it looks like an address",
        ),
        (dev.replace("name = \"bob\"", "name = \"diem1jrn6x5f\""), "it looks like an address"),
        (
            dev.replace("name = \"bob\"", "name = \"0xF39FD6e51aad88F6F4ce6aB8827279cffFb92266\""),
            "it looks like an address",
        ),
        (dev.replace("name = \"bob\"", "name = \"0x12\""), "account cannot be named `0x12`: it looks like an address"),
        (dev.replace("name = \"bob\"", "name = \"\""), "account cannot be named ``: use 1 to 64 small letters"),
        (dev.replace("name = \"bob\"", "name = \"Bob\""), "account cannot be named `Bob`: use 1 to 64 small letters"),
        (dev.replace("name = \"bob\"", "name = \"today\""), "account cannot be named `today`"),
        (dev.replace("name = \"bob\"", "name = \"latest\""), "account cannot be named `latest`"),
    ]);
}
