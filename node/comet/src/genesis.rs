//! `genesis.json` of a CometBFT home, which the node writes once. It names the genesis of the chain by its hash; what
//! is in that is the application's.

use std::{io, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use diem_config::consensus_key::address;
use diem_engine::origin::{AppState, Origin};
use diem_types::GenesisDoc;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::config::{ConfigError, write_file};

/// The largest `genesis.json` of CometBFT that is read, in bytes: ours has some validators and no state.
const GENESIS_BYTES: u64 = 4 * 1024 * 1024;

/// Writes `genesis.json` of the CometBFT home `home` for a chain that is about to start, or checks that the one that is
/// there is of the same chain.
///
/// # Errors
/// [`ConfigError`].
pub fn write_genesis(home: &Path, origin: &Origin) -> Result<(), ConfigError> {
    let path = home.join("config/genesis.json");
    let failed = |error| ConfigError::Io { path: path.clone(), error };
    let found = match std::fs::metadata(&path) {
        Ok(found) if found.len() > GENESIS_BYTES => return Err(ConfigError::OtherGenesis { path }),
        Ok(_) => std::fs::read(&path).map_err(failed)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => match origin {
            Origin::Genesis { doc, .. } => {
                let encode =
                    |reason: serde_json::Error| ConfigError::Encode { path: path.clone(), reason: reason.to_string() };
                return Ok(write_file(
                    &path,
                    &serde_json::to_string(&genesis_json(doc, origin.hash())).map_err(encode)?,
                )?);
            }
            // CometBFT has the genesis in its database.
            Origin::Begun { .. } => return Ok(()),
        },
        Err(error) => return Err(failed(error)),
    };
    /// The fields that identify the chain.
    #[derive(Deserialize)]
    struct Found {
        chain_id: String,
        app_state: AppState,
    }
    match serde_json::from_slice(&found) {
        Ok(Found { chain_id, app_state: AppState { genesis_hash } })
            if chain_id == origin.chain_id() && genesis_hash == origin.hash() =>
        {
            Ok(())
        }
        _ => Err(ConfigError::OtherGenesis { path }),
    }
}

/// The parameters of consensus in CometBFT's own form.
pub fn consensus_params(genesis: &GenesisDoc) -> Value {
    let params = &genesis.consensus;
    let nanos = u128::from(params.evidence_max_age_ms).saturating_mul(1_000_000);
    json!({
        "block": { "max_bytes": params.block_max_bytes.to_string(), "max_gas": "-1" },
        "evidence": {
            "max_age_num_blocks": params.evidence_max_age_blocks.to_string(),
            "max_age_duration": nanos.to_string(),
            "max_bytes": params.evidence_max_bytes.to_string(),
        },
        "validator": { "pub_key_types": ["ed25519"] },
        "version": { "app": genesis.app_version.to_string() },
        "abci": { "vote_extensions_enable_height": params.vote_extensions_enable_height.to_string() },
    })
}

/// The genesis in CometBFT's own form.
fn genesis_json(genesis: &GenesisDoc, genesis_hash: [u8; 32]) -> Value {
    let validators: Vec<Value> = genesis
        .validators
        .iter()
        .map(|validator| {
            json!({
                "address": hex::encode_upper(address(&validator.public_key)),
                "pub_key": { "type": "tendermint/PubKeyEd25519", "value": BASE64.encode(validator.public_key) },
                "power": validator.power.to_string(),
                "name": "",
            })
        })
        .collect();
    json!({
        "genesis_time": genesis.genesis_time.to_string(),
        "chain_id": genesis.chain_id,
        "initial_height": genesis.initial_height.to_string(),
        "consensus_params": consensus_params(genesis),
        "validators": validators,
        "app_hash": "",
        "app_state": AppState { genesis_hash },
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use diem_core::Time;
    use diem_types::GenesisValidator;

    use super::*;

    fn genesis() -> GenesisDoc {
        let validators = vec![GenesisValidator { public_key: [3; 32], power: 10 }];
        GenesisDoc {
            chain_id: "test-dev".into(),
            genesis_time: Time::parse_rfc3339("2026-11-20T12:00:00.250Z").unwrap(),
            initial_height: 5,
            app_version: 41,
            consensus: diem_types::ConsensusParams::default(),
            validators,
            app: diem_types::AppGenesis::default(),
        }
    }

    #[test]
    fn numbers_of_the_genesis_are_text_as_go_wants_them() {
        let value = genesis_json(&genesis(), genesis().hash());
        assert_eq!(value["genesis_time"], "2026-11-20T12:00:00.25Z");
        assert_eq!(value["initial_height"], "5");
        assert_eq!(value["consensus_params"]["evidence"]["max_age_duration"], "691200000000000");
        // It is the version of the genesis, whichever one this binary computes: the file of an old home never changes.
        assert_eq!(value["consensus_params"]["version"]["app"], "41");
        assert_eq!(value["consensus_params"]["abci"]["vote_extensions_enable_height"], "1");
        assert_eq!(value["validators"][0]["power"], "10");
    }

    #[test]
    fn a_genesis_is_written_once_and_another_chain_is_refused() {
        let home = tempfile::tempdir().unwrap();
        write_genesis(home.path(), &genesis().into()).unwrap();
        write_genesis(home.path(), &genesis().into()).unwrap();
        let later = GenesisDoc { genesis_time: Time(1), ..genesis() };
        for other in [GenesisDoc { chain_id: "other-dev".into(), ..genesis() }, later] {
            assert!(matches!(write_genesis(home.path(), &other.into()), Err(ConfigError::OtherGenesis { .. })));
        }
        let path = home.path().join("config/genesis.json");
        for foreign in [b"{}".to_vec(), b"no json".to_vec(), vec![b' '; 5 << 20]] {
            std::fs::write(&path, foreign).unwrap();
            let refused = write_genesis(home.path(), &genesis().into());
            assert!(matches!(refused, Err(ConfigError::OtherGenesis { .. })));
        }
    }

    #[test]
    fn cometbft_is_told_which_genesis_it_is_and_not_what_is_in_it() {
        let mut large = genesis();
        let account = |n: u32| {
            let mut address = [1; 20];
            address[..4].copy_from_slice(&n.to_be_bytes());
            (diem_core::Address(address), diem_bank::Account::default())
        };
        large.app.bank.accounts = (0..10_000).map(account).collect();
        let text = serde_json::to_string(&genesis_json(&large, large.hash())).unwrap();
        assert!(text.len() < 2_000, "{} bytes", text.len());
        assert!(text.contains(&hex::encode(large.hash())));
    }
}
