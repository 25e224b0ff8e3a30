//! What the commands of a wallet share: where the node and the keys are.

use std::{
    io::{self, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
};

use anyhow::anyhow;
use diem_client::Client;
use diem_host::{
    home::{Home, default_home},
    terminal,
};
use diem_wallet::{KeyFile, KeyFileError, KeyStore, Secret};
use zeroize::Zeroizing;

use super::{
    Exit, Failure,
    failure::{failed, usage},
    output::{Output, say, wrapped},
};
use crate::chains::Chains;

/// The URL at which the API of a local node is unless told otherwise.
pub const DEFAULT_NODE: &str = "http://127.0.0.1:1317";
/// The heading under which these options stand on a page of help.
pub const HEADING: &str = "Node, keys and output";
const SHORTEST_PASSPHRASE: usize = 8;

/// Options of every wallet command.
#[derive(Debug, Clone, clap::Args)]
pub struct Common {
    /// The URL of a node's API.
    #[arg(
        long,
        global = true,
        env = "DIEM_NODE",
        default_value = DEFAULT_NODE,
        value_name = "URL",
        help_heading = HEADING
    )]
    pub node: String,
    /// The folder with the keys [default: ~/.diem].
    #[arg(long, global = true, env = "DIEM_HOME", value_name = "FOLDER", help_heading = HEADING)]
    pub home: Option<PathBuf>,
    /// How to print what was asked for: table for people, json for programs.
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "FORM",
        hide_possible_values = true,
        help_heading = HEADING
    )]
    pub output: Output,
}

impl Common {
    /// A client of the node.
    ///
    /// # Errors
    /// The text is no URL.
    pub fn client(&self) -> Result<Client, Failure> {
        Client::new(&self.node).map_err(usage)
    }

    /// The home with the keys.
    pub fn home(&self) -> Home {
        Home::at(&self.home.clone().unwrap_or_else(default_home))
    }

    /// The chains that this wallet has seen.
    pub fn chains(&self) -> Chains {
        Chains::of_home(self.home().root())
    }

    /// The keys of that home.
    pub fn keys(&self) -> KeyStore {
        KeyStore::of_home(self.home().root())
    }
}

/// The source of a passphrase: a file, else the terminal. It is never an argument, and never in the environment.
#[derive(Debug, Clone, clap::Args)]
pub struct PassphraseSource {
    /// Read the passphrase from the first line of this file instead of asking.
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

impl PassphraseSource {
    /// The passphrase of an existing key.
    ///
    /// # Errors
    /// The file cannot be read, or there is no terminal to ask.
    pub fn read(&self, name: &str) -> Result<Zeroizing<String>, Failure> {
        match &self.passphrase_file {
            Some(path) => first_line(path),
            None => ask_secret(&format!("passphrase of `{name}`: "), "--passphrase-file FILE"),
        }
    }

    /// A new passphrase, asked for twice.
    ///
    /// # Errors
    /// The errors of [`Self::read`]; besides, it is too short, or the two differ.
    pub fn read_new(&self, name: &str) -> Result<Zeroizing<String>, Failure> {
        let passphrase = match &self.passphrase_file {
            Some(path) => first_line(path)?,
            None => {
                let hint = "--passphrase-file FILE";
                let first = ask_secret(&format!("new passphrase for `{name}`: "), hint)?;
                if ask_secret("the same again: ", hint)? != first {
                    return Err(usage(anyhow!("the two passphrases differ: start again")));
                }
                first
            }
        };
        if passphrase.chars().count() < SHORTEST_PASSPHRASE {
            return Err(usage(anyhow!("a passphrase has at least {SHORTEST_PASSPHRASE} characters")));
        }
        Ok(passphrase)
    }

    /// Opens a key for use on a chain.
    ///
    /// # Errors
    /// The passphrase cannot be had or is wrong, or the key is not for this chain.
    pub fn open(&self, name: &str, key: &KeyFile, chain_id: &str) -> Result<Secret, Failure> {
        key.open(chain_id, || self.read(name)).map_err(|failure| {
            // One command can ask for two keys, and takes one file for both.
            let Failure { exit, error } = failure;
            match error.downcast_ref() {
                Some(KeyFileError::Passphrase) => Failure { exit, error: anyhow!("key `{name}`: {error}") },
                _ => Failure { exit, error },
            }
        })
    }
}

/// Asks on the terminal without showing what is typed.
pub(crate) fn ask_secret(prompt: &str, instead: &str) -> Result<Zeroizing<String>, Failure> {
    if !io::stdin().is_terminal() {
        return Err(usage(anyhow!("there is no terminal to ask on: give {instead}")));
    }
    terminal::ask(prompt).map_err(|error| usage(anyhow!("the terminal cannot be read: {error}")))
}

/// The text of a file that holds a secret. Some editors put a byte order mark before it, which nobody types.
pub(super) fn secret_text(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|e| usage(anyhow!("{}: {e}", path.display())))?;
    let text = Zeroizing::new(text);
    Ok(Zeroizing::new(text.trim_start_matches('\u{feff}').to_owned()))
}

/// The first line of a file that holds a secret.
pub(super) fn first_line(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let text = secret_text(path)?;
    Ok(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
}

/// Asks before something that cannot be taken back.
///
/// # Errors
/// The user says no, or there is no terminal to ask on and no `--yes`.
pub fn confirm(question: &str, yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(usage(anyhow!("there is no terminal to ask on: add --yes to go on without a question")));
    }
    let mut stderr = std::io::stderr();
    let _ = write!(stderr, "{} ", wrapped(&format!("{question} [y/N]"))).and_then(|()| stderr.flush());
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(|e| usage(anyhow!("the terminal cannot be read: {e}")))?;
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        return Ok(());
    }
    say("nothing was done");
    Err(Failure { exit: Exit::Failed, error: anyhow!("stopped by the answer") })
}

/// Runs a command that talks to a node.
///
/// # Errors
/// The failure of the command.
pub fn block_on<T>(command: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    runtime.block_on(command)
}
