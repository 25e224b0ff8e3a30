//! `diemd validator`: what an operator does on the machine that holds the keys.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::{Args, Subcommand};
use diem_config::{
    bridge_key::{bridge_key, new_bridge_key},
    consensus_key::validator_signing_key,
    known_keys::{refuse_bridge, refuse_consensus},
};
use diem_core::{Address, keys::SecretKey};
use diem_host::home::{Home, default_home};
use diem_staking::KeyProof;
use diem_wallet::KeyStore;

use diem_cli::{
    Failure,
    failure::{failed, usage},
    output::{Output, say},
    proof_file::ProofFile,
};

/// Prove that an operator holds the keys of a validator.
#[derive(Debug, Args)]
pub struct ValidatorCommand {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Prove that both keys of a home belong to an operator, without asking a node
    #[command(after_help = "Example: diemd validator prove --home ~/.diem --operator dave > proof.json\n\
                      The proof goes to `diemd tx create-validator --proof proof.json`.")]
    Prove(Prove),
}

#[derive(Debug, Args)]
struct Prove {
    /// The node's home, with its genesis, its consensus key and its bridge key.
    #[arg(long, value_name = "FOLDER")]
    home: PathBuf,
    /// Account of the operator: an address, or a key of that home or of the usual one.
    #[arg(long, value_name = "WHO")]
    operator: String,
    /// Make a new bridge key first; the old one is kept in a file beside it.
    #[arg(long)]
    new_bridge_key: bool,
}

impl ValidatorCommand {
    /// Runs the command and prints its result.
    ///
    /// # Errors
    /// The sentence says what to do.
    pub fn run(self) -> Result<(), Failure> {
        let Verb::Prove(prove) = self.verb;
        // A proof is data for the next command, whatever the form of other output.
        Output::Json.print(&prove.run()?, |_| String::new())
    }
}

impl Prove {
    fn run(&self) -> Result<ProofFile, Failure> {
        let home = Home::at(&self.home);
        if !home.exists() {
            return Err(usage(anyhow!("there is no node in {}: `diemd init` makes one", self.home.display())));
        }
        let chain_id = diem_genesis::load(&home.genesis_file(), None).map_err(usage)?.chain_id;
        let operator = self.operator(&home, &chain_id)?;
        let consensus = validator_signing_key(&home.comet()).map_err(failed)?;
        let bridge = if self.new_bridge_key {
            let (key, old) = new_bridge_key(&home).map_err(failed)?;
            if let Some(old) = old {
                say(&format!("the old bridge key is kept in {}", old.display()));
            }
            key
        } else {
            bridge_key(&home).map_err(failed)?
        };
        let wrong = || failed(anyhow!("the keys of {} are of the wrong kinds", self.home.display()));
        let SecretKey::Ed25519(key) = &consensus else { return Err(wrong()) };
        refuse_consensus(&home.comet(), key.verifying_key().as_bytes(), &chain_id).map_err(usage)?;
        refuse_bridge(&home.bridge_key_file(), &bridge, &chain_id).map_err(usage)?;
        Ok(ProofFile {
            consensus_key: key.verifying_key().to_bytes(),
            bridge_address: bridge.address(),
            proof: KeyProof::sign(&chain_id, &operator, &consensus, &bridge).ok_or_else(wrong)?,
            chain_id,
            operator,
        })
    }

    /// Finds the operator, whose key often lies in a wallet elsewhere.
    fn operator(&self, home: &Home, chain_id: &str) -> Result<Address, Failure> {
        let usual = std::env::var_os("DIEM_HOME").map_or_else(default_home, PathBuf::from);
        let resolve = |home: &Path| KeyStore::of_home(home).resolve(&self.operator, chain_id);
        resolve(home.root()).or_else(|_| resolve(&usual)).map_err(|error| usage(anyhow!(error)))
    }
}
