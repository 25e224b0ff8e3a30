//! `diemd validator`: what an operator does on the machine that holds the keys.

mod look;
mod moving;
mod status;
mod watch;

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::{Args, Subcommand};
use diem_comet::remote_signer::Signer;
use diem_config::{
    Length, SignerAddress,
    bridge_key::{bridge_key, new_bridge_key},
    consensus_key::{key_file_of, signing_key_of, validator_signing_key},
    known_keys::{refuse_bridge, refuse_consensus},
};
use diem_core::{
    Address, keccak256,
    keys::{Auth, CompactSignature, SecretKey},
};
use diem_host::{
    clock::wall_clock,
    home::{Home, default_home},
};
use diem_staking::{ConsensusProof, KeyProof, key_proof};
use diem_wallet::KeyStore;

use diem_cli::{
    Failure,
    failure::{failed, usage},
    output::{Output, say},
    proof_file::ProofFile,
};

/// Look after a validator: how it stands, the proof of its keys, and their move to another machine.
#[derive(Debug, Args)]
pub struct ValidatorCommand {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show how a validator stands: jail, missed blocks, power, commission, keys, versions
    #[command(after_help = "Example: diemd validator status --home ~/.diem\n\
                      Example: diemd validator status validator-1 --output json")]
    Status(status::StatusCommand),
    /// Watch a validator: the same, live, with its last 100 blocks, and a command at each change
    #[command(after_help = "Example: diemd validator watch --home ~/.diem --exec './alarm.sh'\n\
                      The states are ok, missing, waiting, jailed, out, behind (the node is) and down (it does not answer). CMD\n\
                      runs once for each change of state, by sh, for a minute at most, with VALIDATOR_STATE, VALIDATOR_WAS,\n\
                      VALIDATOR_OPERATOR, VALIDATOR_HEIGHT and VALIDATOR_TEXT; what it prints goes nowhere. A watch that ends\n\
                      in another state than ok has exit code 1.")]
    Watch(watch::WatchCommand),
    /// Prove that both keys of a home belong to an operator, without asking a node
    #[command(after_help = "Example: diemd validator prove --home ~/.diem --operator dave > proof.json\n\
                      The proof goes to `diemd tx create-validator --proof proof.json`. A key in a remote signer proves itself\n\
                      by a vote for the chain diem-key-proof-1, before it signs anything else:\n\
                      diemd validator prove --home ~/.diem --operator dave --signer tcp://127.0.0.1:26659")]
    Prove(Prove),
    /// Move the key of a stopped home, with its signing state, into an encrypted file: this home signs no more
    #[command(after_help = "Example: diemd validator export-key validator.json --home ~/.diem")]
    ExportKey(moving::ExportKey),
    /// Move the key in such a file into a stopped home, which listens at its next start before it signs
    #[command(after_help = "Example: diemd validator import-key validator.json --home ~/.diem")]
    ImportKey(moving::ImportKey),
}

#[derive(Debug, Args)]
struct Prove {
    /// The node's home, with its genesis, its consensus key and its bridge key.
    #[arg(long, value_name = "FOLDER")]
    home: PathBuf,
    /// Account of the operator: an address, or a key of that home or of the usual one.
    #[arg(long, value_name = "WHO")]
    operator: String,
    /// File with the consensus key, instead of that of the home: priv_validator_key.json of a signer.
    #[arg(long, value_name = "FILE", conflicts_with = "signer")]
    consensus_key: Option<PathBuf>,
    /// Address at which a remote signer connects and proves its key by a vote: tcp://127.0.0.1:26659 or unix:///path.
    #[arg(long, value_name = "ADDRESS")]
    signer: Option<SignerAddress>,
    /// Time for which the signer is waited for.
    #[arg(long, value_name = "TIME", default_value = "60s", requires = "signer")]
    wait: Length,
    /// Make a new bridge key first; the old one is kept in a file beside it.
    #[arg(long)]
    new_bridge_key: bool,
}

/// What holds the consensus key.
enum Consensus {
    Key(SecretKey, PathBuf),
    Signer(Signer),
}

impl ValidatorCommand {
    /// Runs the command and prints its result.
    ///
    /// # Errors
    /// The sentence says what to do.
    pub fn run(self) -> Result<(), Failure> {
        match self.verb {
            // A proof is data for the next command, whatever the form of other output.
            Verb::Prove(prove) => Output::Json.print(&prove.run()?, |_| String::new()),
            Verb::Status(status) => status.run(),
            Verb::Watch(watch) => watch.run(),
            Verb::ExportKey(export) => export.run(),
            Verb::ImportKey(import) => import.run(),
        }
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
        let (mut consensus, public_key) = self.consensus(&home)?;
        let bridge = self.bridge(&home)?;
        if let Consensus::Key(_, file) = &consensus {
            refuse_consensus(file, &public_key, &chain_id).map_err(usage)?;
        }
        refuse_bridge(&home.bridge_key_file(), &bridge, &chain_id).map_err(usage)?;
        let wrong = || failed(anyhow!("the keys of {} are of the wrong kinds", self.home.display()));
        let message = key_proof::message(&chain_id, &operator, &public_key, &bridge.address());
        let by_consensus = match &mut consensus {
            Consensus::Key(key, _) => match key.sign(&message, || keccak256(&message)) {
                Auth::Ed25519 { signature, .. } => ConsensusProof::Signature(signature),
                Auth::Ethereum { .. } => return Err(wrong()),
            },
            Consensus::Signer(signer) => {
                ConsensusProof::Vote(signer.vote(&public_key, &message, wall_clock()()).map_err(failed)?)
            }
        };
        let SecretKey::Ethereum(bridge_key) = &bridge else { return Err(wrong()) };
        let CompactSignature(by_bridge) = bridge_key.sign(&keccak256(&message));
        Ok(ProofFile {
            consensus_key: public_key,
            bridge_address: bridge.address(),
            proof: KeyProof { consensus: by_consensus, bridge: by_bridge },
            chain_id,
            operator,
        })
    }

    /// What holds the consensus key, and the key that everybody knows.
    fn consensus(&self, home: &Home) -> Result<(Consensus, [u8; 32]), Failure> {
        if let Some(address) = &self.signer {
            say(&format!("waiting for the signer to connect to {address}"));
            let mut signer = Signer::wait(address, self.wait.duration()).map_err(failed)?;
            let public_key = signer.public_key().map_err(failed)?;
            return Ok((Consensus::Signer(signer), public_key));
        }
        let (key, file) = match &self.consensus_key {
            Some(file) => (signing_key_of(file), file.clone()),
            None => (validator_signing_key(&home.comet()), key_file_of(&home.comet())),
        };
        let key = key.map_err(failed)?;
        let SecretKey::Ed25519(pair) = &key else {
            return Err(failed(anyhow!("{} holds no consensus key", file.display())));
        };
        let public_key = pair.verifying_key().to_bytes();
        Ok((Consensus::Key(key, file), public_key))
    }

    fn bridge(&self, home: &Home) -> Result<SecretKey, Failure> {
        if !self.new_bridge_key {
            return bridge_key(home).map_err(failed);
        }
        let (key, old) = new_bridge_key(home).map_err(failed)?;
        if let Some(old) = old {
            say(&format!("the old bridge key is kept in {}", old.display()));
        }
        Ok(key)
    }

    /// Finds the operator, whose key often lies in a wallet elsewhere.
    fn operator(&self, home: &Home, chain_id: &str) -> Result<Address, Failure> {
        let usual = std::env::var_os("DIEM_HOME").map_or_else(default_home, PathBuf::from);
        let resolve = |home: &Path| KeyStore::of_home(home).resolve(&self.operator, chain_id);
        resolve(home.root()).or_else(|_| resolve(&usual)).map_err(|error| usage(anyhow!(error)))
    }
}
