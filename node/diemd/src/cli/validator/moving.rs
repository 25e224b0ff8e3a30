//! `diemd validator export-key|import-key`: a validator's key moves to another machine, together with its signing state.

use std::{
    fs,
    io::{self, Read as _},
    path::PathBuf,
};

use anyhow::anyhow;
use clap::Args;
use diem_cli::{
    Failure,
    common::PassphraseSource,
    failure::{failed, usage},
    output::{Output, fields, say},
};
use diem_comet::signing::forget_mark;
use diem_config::{
    consensus_key::{self, found_validator_key, key_address, key_file_of, replace_validator_key},
    exported::Exported,
    signing_state,
};
use diem_core::{Time, encoding::HexBytes};
use diem_host::{
    clock,
    home::{Home, HomeLock, write_new},
};
use diem_wallet::{Cost, ValidatorFile, ValidatorSecret};
use ed25519_dalek::SigningKey;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::cli::node::HomeArgs;

/// The length of the name that a key which never signed is kept under: enough of its address.
const NAMED: usize = 12;
/// The most bytes that are read of a file with a key, which has some hundred.
const LONGEST_FILE: u64 = 64 << 10;

/// Moves the key of a stopped home into a file.
#[derive(Debug, Args)]
pub(super) struct ExportKey {
    /// File to write; it must not be there yet.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    home: HomeArgs,
    #[command(flatten)]
    passphrase: PassphraseSource,
    /// How to print the result.
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    output: Output,
}

/// Moves the key in a file into a stopped home.
#[derive(Debug, Args)]
pub(super) struct ImportKey {
    /// File that `diemd validator export-key` has written.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    home: HomeArgs,
    #[command(flatten)]
    passphrase: PassphraseSource,
    /// How to print the result.
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    output: Output,
}

#[derive(Serialize)]
struct Moved {
    home: PathBuf,
    file: PathBuf,
    chain_id: String,
    address: String,
    signed_height: u64,
}

impl Moved {
    fn print(&self, output: Output, then: &str) -> Result<(), Failure> {
        output.print(self, |moved| {
            fields([
                ("home", moved.home.display().to_string()),
                ("file", moved.file.display().to_string()),
                ("chain", moved.chain_id.clone()),
                ("validator address", moved.address.clone()),
                ("signed height", moved.signed_height.to_string()),
            ])
        })?;
        say(then);
        Ok(())
    }
}

/// Takes a home whose node is stopped, with the id of its chain.
fn stopped(args: &HomeArgs) -> Result<(Home, HomeLock, String), Failure> {
    let home = args.home();
    let lock = home.lock().map_err(failed)?;
    let chain_id = diem_genesis::load(&home.genesis_file(), None).map_err(usage)?.chain_id;
    Ok((home, lock, chain_id))
}

impl ExportKey {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let (home, _lock, chain_id) = stopped(&self.home)?;
        if let Some(Exported { file, time, .. }) = Exported::read(&home).map_err(failed)? {
            let (home, file) = (home.root().display(), file.display());
            return Err(usage(anyhow!(
                "the key of {home} was exported to {file} at {time}: there is none here any more"
            )));
        }
        let comet = home.comet();
        let none = || usage(anyhow!("{} has no validator key", home.root().display()));
        let key = found_validator_key(&comet).map_err(failed)?.ok_or_else(none)?;
        let address = consensus_key::address(&key.verifying_key().to_bytes());
        let state = signing_state::file_of(&comet);
        let height = signing_state::height(&state).map_err(failed)?;
        let state = fs::read_to_string(&state).map_err(|error| failed(anyhow!("{}: {error}", state.display())))?;
        let secret = ValidatorSecret { seed: Zeroizing::new(key.to_bytes()), state };

        let passphrase = self.passphrase.read_new("the validator's key")?;
        let sealed = ValidatorFile::seal(&chain_id, address, &secret, &passphrase, Cost::default())?;
        let file = std::path::absolute(&self.file).map_err(failed)?;
        write_new(&file, &sealed.to_text()).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => usage(anyhow!("{} is there already: name another file", file.display())),
            _ => failed(anyhow!("{}: {error}", file.display())),
        })?;
        // The key leaves this home only when the file is known to hold it.
        let again = read(&file)?.open(&passphrase)?;
        if *again.seed != *secret.seed || again.state != secret.state {
            return Err(failed(anyhow!("{} does not hold what was written: the key stays here", file.display())));
        }
        Exported { address, file: file.clone(), height, time: Time(clock::now()) }.write(&home).map_err(failed)?;
        let path = key_file_of(&comet);
        fs::remove_file(&path).map_err(|error| failed(anyhow!("{}: {error}", path.display())))?;
        let moved =
            Moved { home: home.root().into(), file, chain_id, address: hex::encode(address), signed_height: height };
        moved.print(
            self.output,
            "this home has no key any more: its node follows the chain and signs nothing. `diemd validator import-key FILE` \
             on the other machine makes that one the validator; import it once only",
        )
    }
}

impl ImportKey {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let (home, _lock, chain_id) = stopped(&self.home)?;
        let file = read(&self.file)?;
        if file.chain_id != chain_id {
            return Err(usage(anyhow!(
                "{} holds a key of the chain {}, and {} is a home of {chain_id}",
                self.file.display(),
                file.chain_id,
                home.root().display()
            )));
        }
        let secret = file.open(&self.passphrase.read("the validator's key")?)?;
        let key = SigningKey::from_bytes(&secret.seed);
        let address = consensus_key::address(&key.verifying_key().to_bytes());
        if HexBytes(address.into()) != file.address {
            return Err(usage(anyhow!("{}: its key is not that of its address", self.file.display())));
        }
        let comet = home.comet();
        keep_own_key(&home, &address)?;
        // The next start listens. The state comes before the key, which never lies here without it.
        forget_mark(&home.run()).map_err(failed)?;
        let state = signing_state::file_of(&comet);
        if !signing_state::raise_to_text(&state, &secret.state).map_err(failed)? {
            say("the signing state of this home is as high already and stays as it is");
        }
        replace_validator_key(&comet, &key).map_err(failed)?;
        Exported::remove(&home).map_err(failed)?;
        let moved = Moved {
            home: home.root().into(),
            file: self.file.clone(),
            chain_id,
            address: hex::encode(address),
            signed_height: signing_state::height(&state).map_err(failed)?,
        };
        moved.print(
            self.output,
            "the node of this home listens at its next start, and signs when it knows that nobody else does. Keep the file as \
             a backup of the key alone: what it says about signatures is old from now on",
        )
    }
}

/// Keeps the key that lies in a home already, under another name, if it never signed; a home that signs with another key is
/// refused, and so is one whose own key was exported and that has got another since: the signing state does not tell whether
/// that one has signed.
fn keep_own_key(home: &Home, coming: &[u8; 20]) -> Result<(), Failure> {
    let comet = home.comet();
    let path = key_file_of(&comet);
    if !path.exists() {
        return Ok(());
    }
    let own = key_address(&comet).map_err(failed)?;
    if own == *coming {
        return Ok(());
    }
    let name = hex::encode(own);
    match Exported::read(home).map_err(failed)? {
        // An export that was interrupted left it, and its file holds it.
        Some(exported) if exported.address == own => return Ok(()),
        Some(exported) => {
            return Err(usage(anyhow!(
                "{} holds the key {name}, which is neither the one that was exported from this home ({}) nor the one in the \
                 file, and would be lost: move it to a safe place, then import again",
                path.display(),
                hex::encode(exported.address)
            )));
        }
        None => {}
    }
    let signed = signing_state::height(&signing_state::file_of(&comet)).map_err(failed)?;
    if signed > 0 {
        return Err(usage(anyhow!(
            "{} has a validator key of its own ({name}), which has signed height {signed}: `diemd validator export-key FILE` \
             takes it out first",
            home.root().display()
        )));
    }
    let kept = path.with_file_name(format!("priv_validator_key-{}.json", name.get(..NAMED).unwrap_or(&name)));
    // It gets a second name first: at no moment is it without one.
    match fs::hard_link(&path, &kept) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(failed(anyhow!("{}: {error}", kept.display())));
        }
        _ => say(&format!("the key that this home had, which never signed, is kept in {}", kept.display())),
    }
    Ok(())
}

fn read(path: &std::path::Path) -> Result<ValidatorFile, Failure> {
    let wrong = |error: &dyn std::fmt::Display| usage(anyhow!("{}: {error}", path.display()));
    let file = fs::File::open(path).map_err(|error| wrong(&error))?;
    let mut text = String::new();
    file.take(LONGEST_FILE).read_to_string(&mut text).map_err(|error| wrong(&error))?;
    ValidatorFile::parse(&text).map_err(|error| wrong(&error))
}
