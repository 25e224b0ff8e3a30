//! `diemd keys`: the keys of this home.

use std::path::PathBuf;

use anyhow::anyhow;
use bip39::Mnemonic;
use clap::{Args, Subcommand};
use diem_core::development::known_account;
use diem_core::{Address, keys::KeyKind};
use diem_genesis::presets::TEST_MNEMONIC;
use diem_wallet::{Cost, KeyFile, KeyStore, Secret, derive, store::Listed};
use serde::Serialize;
use zeroize::Zeroizing;

use super::{
    Failure,
    common::{Common, PassphraseSource, ask_secret, confirm, secret_text},
    failure::{failed, usage},
    output::{fields, list_in_full, say},
};

/// Make, list and delete the keys of this home.
#[derive(Debug, Args)]
pub struct Keys {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a new key from a new phrase of 24 words, which is shown once.
    Add(Add),
    /// Store a key that exists: from its phrase, or from its secret in a file.
    Import(Import),
    /// List the keys with their addresses.
    List,
    /// Show the address of a key; its phrase and its secret are never shown.
    Show {
        /// Name of the key in this home.
        name: String,
    },
    /// Delete a key for good.
    Delete {
        /// Name of the key in this home.
        name: String,
        /// Delete it without asking first.
        #[arg(long, short)]
        yes: bool,
    },
    /// Forget what this wallet knows of a chain, because it was started anew: it is then seen as for the first time.
    ForgetChain {
        /// Chain id of the chain to forget.
        #[arg(value_name = "CHAIN_ID")]
        chain: String,
    },
}

#[derive(Debug, Args)]
struct Add {
    #[command(flatten)]
    how: How,
}

#[derive(Debug, Args)]
struct Import {
    #[command(flatten)]
    how: How,
    /// Read the phrase from this file instead of asking.
    #[arg(long, value_name = "FILE", conflicts_with = "secret_file")]
    phrase_file: Option<PathBuf>,
    /// Read the secret itself, 64 hex digits, from this file instead of a phrase.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

/// How a key is made and kept.
#[derive(Debug, Args)]
struct How {
    /// Name of the key in this home.
    name: String,
    /// The kind of key: ed25519, or that of an Ethereum wallet with the same address on Base.
    #[arg(long, default_value = "ed25519", value_parser = parse_kind)]
    kind: KeyKind,
    /// Number of the key under the phrase, from 0.
    #[arg(long, default_value_t = 0, conflicts_with = "path")]
    index: u32,
    /// Derivation path of the key under the phrase, instead of the usual one.
    #[arg(long)]
    path: Option<String>,
    /// Store the key unencrypted, for this development chain and its like.
    #[arg(long, value_name = "CHAIN_ID", conflicts_with = "passphrase_file")]
    plain_for: Option<String>,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

/// The number of words of a phrase that stand in a row of the screen.
const WORDS_IN_A_ROW: usize = 4;

fn parse_kind(text: &str) -> Result<KeyKind, String> {
    [KeyKind::Ed25519, KeyKind::Ethereum]
        .into_iter()
        .find(|kind| kind.to_string() == text)
        .ok_or_else(|| "write ed25519 or ethereum".into())
}

/// A key as it is printed; the phrase only when it was made just now.
#[derive(Debug, Serialize)]
struct View {
    name: String,
    kind: KeyKind,
    address: Address,
    hex: String,
    encrypted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phrase: Option<Phrase>,
}

/// A phrase on its way to its owner's eyes.
#[derive(Serialize)]
struct Phrase(#[serde(serialize_with = "plain")] Zeroizing<String>);

fn plain<S: serde::Serializer>(text: &Zeroizing<String>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

impl std::fmt::Debug for Phrase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Phrase")
    }
}

/// The words of a phrase with their numbers, read from left to right: on paper their order is what gets lost.
fn numbered(phrase: &str) -> String {
    let words: Vec<String> =
        (1..).zip(phrase.split_whitespace()).map(|(number, word)| format!("{number:>2} {word:<10}")).collect();
    words.chunks(WORDS_IN_A_ROW).map(|row| row.join("  ")).collect::<Vec<_>>().join("\n")
}

impl View {
    fn new(name: &str, key: &KeyFile) -> Self {
        Self {
            name: name.into(),
            kind: key.kind,
            address: key.address,
            hex: key.address.to_hex(),
            encrypted: key.is_encrypted(),
            path: key.path.clone(),
            phrase: None,
        }
    }

    fn table(&self) -> String {
        let kept = if self.encrypted { "encrypted" } else { "plain, for development chains" };
        let mut lines = vec![
            ("name", self.name.clone()),
            ("address", self.address.to_string()),
            ("hex", self.hex.clone()),
            ("kind", self.kind.to_string()),
            ("storage", kept.into()),
        ];
        lines.extend(self.path.clone().map(|path| ("path", path)));
        let words = self.phrase.as_ref().map(|phrase| format!("\n\n{}", numbered(&phrase.0)));
        fields(lines) + &words.unwrap_or_default()
    }
}

/// A line of the list: a key, or the fault of its file.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Line {
    Key(View),
    Broken { name: String, error: String },
}

impl Line {
    fn new((name, key): Listed) -> Self {
        match key {
            Ok(key) => Self::Key(View::new(&name, &key)),
            Err(error) => Self::Broken { name, error: error.to_string() },
        }
    }

    fn row(&self) -> [String; 3] {
        match self {
            Self::Key(view) => [view.name.clone(), view.kind.to_string(), view.address.to_string()],
            Self::Broken { name, error } => [name.clone(), "broken".into(), error.clone()],
        }
    }
}

impl Keys {
    /// Runs the command and prints its result.
    ///
    /// # Errors
    /// The sentence says what to do.
    pub fn run(self) -> Result<(), Failure> {
        let (store, output) = (self.common.keys(), self.common.output);
        match self.verb {
            Verb::Add(Add { how }) => {
                let made = add(&store, &how)?;
                output.print(&made, View::table).inspect_err(|_| {
                    // Nobody has seen the phrase, and nobody can have used the key.
                    if let Err(error) = store.delete(&how.name) {
                        say(&format!("`{}` is there all the same, and its phrase was not shown: {error}", how.name));
                    }
                })
            }
            Verb::Import(import) => output.print(&import.run(&store)?, View::table),
            Verb::List => {
                let lines: Vec<Line> = store.list()?.into_iter().map(Line::new).collect();
                if lines.is_empty() {
                    say(&format!("no keys in {}: `diemd keys add NAME` makes one", store.folder().display()));
                }
                output.print(&lines, |lines| list_in_full(["name", "kind", "address"], lines.iter().map(Line::row)))?;
                match lines.iter().filter(|line| matches!(line, Line::Broken { .. })).count() {
                    0 => Ok(()),
                    broken => {
                        Err(failed(anyhow!("{broken} of these keys cannot be read: restore or remove their files")))
                    }
                }
            }
            Verb::ForgetChain { chain } => {
                let known = self.common.chains().forget(&chain)?;
                output.print(&known, |known| {
                    fields([
                        ("forgotten chain", known.chain_id.clone()),
                        ("genesis hash", known.genesis_hash.to_string()),
                    ])
                })
            }
            Verb::Show { name } => output.print(&View::new(&name, &store.get(&name)?), View::table),
            Verb::Delete { name, yes } => {
                let key = store.get(&name)?;
                let question = format!("Delete `{name}` ({}) for good? Only its phrase brings it back.", key.address);
                confirm(&question, yes)?;
                store.delete(&name)?;
                output.print(&View::new(&name, &key), View::table)
            }
        }
    }
}

fn add(store: &KeyStore, how: &How) -> Result<View, Failure> {
    how.check_free(store)?;
    let phrase = derive::new_phrase().map_err(usage)?;
    let mut view = how.keep(store, &how.derive(&phrase)?, true)?;
    view.phrase = Some(Phrase(Zeroizing::new(phrase.to_string())));
    say("Write these 24 words down and keep them where nobody finds them: who has them has the key, and nothing else \
         brings it back. They are not shown again.");
    Ok(view)
}

impl How {
    /// Checks that no key has the name, before a phrase is made or asked for in vain.
    fn check_free(&self, store: &KeyStore) -> Result<(), Failure> {
        match store.get(&self.name) {
            Ok(_) => Err(diem_wallet::KeyStoreError::Exists(self.name.clone()).into()),
            Err(diem_wallet::KeyStoreError::Missing { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn path(&self) -> String {
        self.path.clone().unwrap_or_else(|| derive::default_path(self.kind, self.index))
    }

    fn derive(&self, phrase: &Mnemonic) -> Result<Secret, Failure> {
        derive::derive(phrase, self.kind, &self.path()).map_err(usage)
    }

    fn keep(&self, store: &KeyStore, secret: &Secret, derived: bool) -> Result<View, Failure> {
        let path = derived.then(|| self.path());
        let file = match &self.plain_for {
            Some(chain_id) => KeyFile::plain(secret, path, chain_id)?,
            None => KeyFile::encrypt(secret, path, &self.passphrase.read_new(&self.name)?, Cost::default())?,
        };
        store.add(&self.name, &file)?;
        Ok(View::new(&self.name, &file))
    }
}

impl Import {
    fn run(&self, store: &KeyStore) -> Result<View, Failure> {
        self.how.check_free(store)?;
        if let Some(path) = &self.secret_file {
            return self.how.keep(store, &self.secret(path)?, false);
        }
        let text = match &self.phrase_file {
            Some(path) => secret_text(path)?,
            None => ask_secret("phrase: ", "--phrase-file FILE")?,
        };
        let phrase = derive::parse_phrase(&text).map_err(usage)?;
        let secret = self.how.derive(&phrase)?;
        // A key of the public phrase is told by its address later, wherever its file goes; that needs a listed one.
        let is_public = phrase.to_string() == TEST_MNEMONIC;
        if is_public && self.how.plain_for.is_none() && known_account(&secret.key().address()).is_none() {
            return Err(usage(anyhow!(
                "everybody knows this phrase, and its key at {} is not among those that diemd tells by their address: \
                 take an --index below 100, or keep it for a development chain with --plain-for CHAIN_ID",
                self.how.path()
            )));
        }
        self.how.keep(store, &secret, true)
    }

    fn secret(&self, path: &std::path::Path) -> Result<Secret, Failure> {
        let text = super::common::first_line(path)?;
        let mut bytes = Zeroizing::new([0; 32]);
        let digits = text.trim().trim_start_matches("0x");
        hex::decode_to_slice(digits, &mut *bytes)
            .map_err(|_| usage(anyhow!("{}: a secret is written as 64 hex digits", path.display())))?;
        let none = || usage(anyhow!("{}: this is not the secret of an {} key", path.display(), self.how.kind));
        Secret::new(self.how.kind, bytes).ok_or_else(none)
    }
}
