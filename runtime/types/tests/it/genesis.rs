//! What a genesis may say: everything in it must fit what consensus can count.

use std::num::NonZeroU64;

use diem_core::{Address, Amount, Denom, Time, keys::SecretKey};
use diem_staking::MAX_POWER;
use diem_types::{
    APP_VERSION, AppGenesis, Call, ConsensusParams, GenesisDoc, GenesisValidator, Signed, Tx,
    genesis::{GenesisError, MAX_INITIAL_HEIGHT},
};

fn doc() -> GenesisDoc {
    GenesisDoc {
        chain_id: "diem-test-dev".into(),
        genesis_time: Time(0),
        initial_height: 1,
        app_version: APP_VERSION,
        consensus: ConsensusParams::default(),
        validators: vec![GenesisValidator { public_key: [7; 32], power: 10 }],
        app: AppGenesis::default(),
    }
}

type Change = fn(&mut GenesisDoc);

/// Each change breaks a good genesis, and the sentence names what it broke.
#[test]
fn what_cannot_start_a_chain_is_refused_by_name() {
    doc().validate().expect("a good genesis");
    let cases: Vec<(&str, Change)> = vec![
        ("chain_id", |doc| doc.chain_id.clear()),
        ("chain_id", |doc| doc.chain_id = "c".repeat(51)),
        ("chain_id", |doc| doc.chain_id = "two words".into()),
        ("consensus keys sign under it", |doc| doc.chain_id = "diem-key-proof-1".into()),
        ("chain_id", |doc| doc.chain_id = "../home".into()),
        ("initial_height", |doc| doc.initial_height = 0),
        ("initial_height", |doc| doc.initial_height = MAX_INITIAL_HEIGHT + 1),
        ("no chain can start after 9000-01-01", |doc| doc.genesis_time = Time(Time::LATEST.millis() + 1)),
        ("a time after the year 9999", |doc| doc.genesis_time = Time(u64::MAX)),
        ("no validator", |doc| doc.validators.clear()),
        ("listed twice", |doc| doc.validators.push(GenesisValidator { public_key: [7; 32], power: 1 })),
        ("no voting power", |doc| doc.validators.push(GenesisValidator { public_key: [8; 32], power: 0 })),
        ("voting power sums", |doc| {
            let rich = |key| GenesisValidator { public_key: [key; 32], power: MAX_POWER };
            doc.validators = (0..=150).map(rich).collect();
        }),
        ("7686143364045646 VVV can be staked", |doc| {
            doc.validators.push(GenesisValidator { public_key: [8; 32], power: MAX_POWER + 1 });
        }),
        ("power of 18446744073709551615", |doc| {
            doc.validators.push(GenesisValidator { public_key: [8; 32], power: u64::MAX });
        }),
        ("block_max_bytes", |doc| doc.consensus.block_max_bytes = 1024 * 1024 - 1),
        ("block_max_bytes", |doc| doc.consensus.block_max_bytes = 100 * 1024 * 1024 + 1),
        ("evidence_max_bytes", |doc| doc.consensus.evidence_max_bytes = doc.consensus.block_max_bytes + 1),
        ("evidence_max_age", |doc| doc.consensus.evidence_max_age_blocks = 0),
        ("evidence_max_age", |doc| doc.consensus.evidence_max_age_blocks = u64::MAX),
        ("evidence_max_age", |doc| doc.consensus.evidence_max_age_ms = 0),
        // 293 years are more nanoseconds than an int64 holds.
        ("evidence_max_age", |doc| doc.consensus.evidence_max_age_ms = 293 * 366 * 86_400_000),
        // Evidence that consensus drops while stake can still be slashed would let an offender wait.
        ("unbonding", |doc| doc.consensus.evidence_max_age_ms = doc.app.staking.params.unbonding_ms - 1),
        ("vote_extensions", |doc| doc.consensus.vote_extensions_enable_height = 2),
        ("epoch_ms", |doc| doc.app.epoch_ms = NonZeroU64::new(9_999).expect("not zero")),
        ("epoch_ms", |doc| doc.app.epoch_ms = NonZeroU64::MAX),
        ("block_limit", |doc| doc.app.gas.block_limit = 0),
        ("block_limit", |doc| doc.app.gas.block_limit = u64::MAX),
        ("a transfer needs", |doc| doc.app.gas.block_limit = 1_000),
        ("a transfer needs", |doc| doc.app.gas.per_byte = doc.app.gas.block_limit / 100),
        ("a transfer needs", |doc| doc.app.gas.per_tx = u64::MAX),
        ("a transfer needs", |doc| doc.app.gas.per_signature = doc.app.gas.block_limit),
        ("min_price to at most", |doc| doc.app.gas.min_price = Amount::MAX),
    ];
    for (word, change) in cases {
        let mut bad = doc();
        change(&mut bad);
        let error: GenesisError = bad.validate().expect_err(word);
        assert!(error.to_string().contains(word), "`{error}` does not name {word}");
    }
}

#[test]
fn the_gas_that_a_block_must_have_is_enough_for_every_transfer() {
    let mut doc = GenesisDoc { chain_id: "c".repeat(50), ..doc() };
    // Its signature comes with its key, so that it is longer than that of an Ethereum key.
    let key = SecretKey::ed25519(&[9; 32]);
    let call = diem_bank::Msg::Transfer { to: Address([7; 20]), denom: Denom::Vvv, amount: Amount::ONE };
    let tx = Tx {
        chain_id: doc.chain_id.clone(),
        genesis_hash: doc.hash(),
        sender: key.address(),
        nonce: 0,
        expiry: u64::MAX,
        gas_price: doc.app.gas.min_price,
        max_fee: Amount::ONE,
        fee_payer: None,
        calls: vec![Call::Bank(call)],
        memo: String::new(),
    };
    let tx = Signed::decode(&tx.sign(&key, None).expect("signed")).expect("a transaction");
    doc.app.gas.block_limit = 1;
    let Err(GenesisError::NoTransferFits { transfer, .. }) = doc.validate() else { panic!("no block fits it") };
    let needed = doc.app.gas.gas(&tx);
    assert!((needed..needed + 500).contains(&transfer), "{transfer} for {needed}");
    doc.app.gas.block_limit = transfer;
    doc.validate().expect("one transfer a block");
}

/// On a chain that ran, anybody can make an account for any address; who makes its blocks is another matter.
#[test]
fn an_export_is_refused_for_the_known_keys_of_its_validators_and_not_for_those_of_strangers() {
    use diem_staking::genesis::Rows;
    let alice = "diem1wkneq2gee5cttejgalaq7lmad3van7e0mfzpu3".parse().expect("an address");
    let mut real = GenesisDoc { chain_id: "diem-1".into(), ..doc() };
    real.validate().expect("nobody is known");
    real.app.bank.accounts.insert(alice, diem_bank::Account::default());
    assert!(matches!(real.validate(), Err(GenesisError::KnownKey { role, .. }) if role == "an account"));
    real.app.staking.rows = Some(Rows::default());
    real.validate().expect("somebody has paid alice something");
    let known = hex::decode("b0b53d621dee0beb5a48522a272938e82a3a774295844df0a58392fd8eff7618").expect("hex");
    real.validators.push(GenesisValidator { public_key: known.try_into().expect("32 bytes"), power: 1 });
    let error = real.validate().expect_err("a known key makes blocks").to_string();
    assert!(error.contains("the consensus key of development validator 1") && error.contains("`diem-1`"), "{error}");
    real.app.credits.params.authority = alice;
    real.validators.pop();
    assert!(matches!(real.validate(), Err(GenesisError::KnownKey { role, .. }) if role.contains("authority")));
}
