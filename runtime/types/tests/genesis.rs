//! What a genesis may say: everything in it must fit what consensus can count.

use std::num::NonZeroU64;

use diem_core::Time;
use diem_types::{
    AppGenesis, ConsensusParams, GenesisDoc, GenesisValidator,
    genesis::{GenesisError, MAX_INITIAL_HEIGHT, MAX_TOTAL_POWER},
};

fn doc() -> GenesisDoc {
    let mut app = AppGenesis::default();
    app.staking.chain_id = "diem-test-dev".into();
    GenesisDoc {
        chain_id: "diem-test-dev".into(),
        genesis_time: Time(0),
        initial_height: 1,
        consensus: ConsensusParams::default(),
        validators: vec![GenesisValidator { public_key: [7; 32], power: 10 }],
        app,
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
        ("chain_id", |doc| doc.chain_id = "../home".into()),
        ("initial_height", |doc| doc.initial_height = 0),
        ("initial_height", |doc| doc.initial_height = MAX_INITIAL_HEIGHT + 1),
        ("no chain can start after 9000-01-01", |doc| doc.genesis_time = Time(Time::LATEST.millis() + 1)),
        ("a time after the year 9999", |doc| doc.genesis_time = Time(u64::MAX)),
        ("no validator", |doc| doc.validators.clear()),
        ("listed twice", |doc| doc.validators.push(GenesisValidator { public_key: [7; 32], power: 1 })),
        ("no voting power", |doc| doc.validators.push(GenesisValidator { public_key: [8; 32], power: 0 })),
        ("voting power sums", |doc| {
            doc.validators.push(GenesisValidator { public_key: [8; 32], power: MAX_TOTAL_POWER });
        }),
        ("voting power sums", |doc| {
            let rich = |key| GenesisValidator { public_key: [key; 32], power: u64::MAX };
            doc.validators = vec![rich(1), rich(2)];
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
        ("staking.chain_id", |doc| doc.app.staking.chain_id = "another-dev".into()),
        ("epoch_ms", |doc| doc.app.epoch_ms = NonZeroU64::new(9_999).expect("not zero")),
        ("epoch_ms", |doc| doc.app.epoch_ms = NonZeroU64::MAX),
        ("block_limit", |doc| doc.app.gas.block_limit = 0),
        ("block_limit", |doc| doc.app.gas.block_limit = u64::MAX),
    ];
    for (word, change) in cases {
        let mut bad = doc();
        change(&mut bad);
        let error: GenesisError = bad.validate().expect_err(word);
        assert!(error.to_string().contains(word), "`{error}` does not name {word}");
    }
}
