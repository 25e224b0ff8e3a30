//! Statements and evidence that somebody hands over in a file.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::Subcommand;
use diem_bridge::{Msg, Preimage};
use diem_cli::{
    Failure,
    failure::usage,
    tx::{Make, Wallet},
};
use diem_core::keys::CompactSignature;
use diem_types::Call;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// The verbs that hand in what a file holds.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Hand in statements of validators that no proposer takes
    #[command(after_help = "Example: diemd bridge submit statements.json --from validator-1\n\
                      The file is a JSON list of statements.")]
    Submit {
        /// File with a JSON list of statements, or `-` for stdin.
        file: PathBuf,
        #[command(flatten)]
        make: Box<Make>,
    },
    /// Show that a bridge key signed what the chain never decided; its validator is punished
    #[command(after_help = "Example: diemd bridge evidence forged.json --from alice\n\
                      The file is JSON: {\"preimage\": {\"type\": \"valset\", ...}, \"signature\": \"...\"}.")]
    Evidence {
        /// File with the preimage and the signature, or `-` for stdin.
        file: PathBuf,
        #[command(flatten)]
        make: Box<Make>,
    },
}

/// The content of a file of evidence.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Evidence {
    preimage: Preimage,
    signature: CompactSignature,
}

impl Verb {
    pub(crate) async fn run(self, wallet: &Wallet<'_>) -> Result<(), Failure> {
        let (msg, make) = match self {
            Self::Submit { file, make } => (Msg::Submit { statements: read(&file)? }, make),
            Self::Evidence { file, make } => {
                let Evidence { preimage, signature } = read(&file)?;
                (Msg::Evidence { preimage, signature }, make)
            }
        };
        wallet.send(&make, Call::Bridge(msg)).await
    }
}

fn read<T: DeserializeOwned + Serialize>(path: &Path) -> Result<T, Failure> {
    let text = match path.to_str() {
        Some("-") => std::io::read_to_string(std::io::stdin()),
        _ => std::fs::read_to_string(path),
    };
    let text = text.map_err(|error| usage(anyhow!("{}: {error}", path.display())))?;
    diem_api::read_json(text.as_bytes()).map_err(|error| usage(anyhow!("{}: {error}", path.display())))
}
