//! What CometBFT finds in the databases of a home in which it does not run.

use std::{
    io,
    path::Path,
    process::{Command, Stdio},
};

use diem_host::child;

/// The most characters that are shown of what CometBFT said: the databases may be anybody's.
const MAX_SHOWN: usize = 200;

/// The reason why CometBFT says nothing about the databases.
#[derive(Debug, thiserror::Error)]
pub enum StoredError {
    /// The program cannot be run.
    #[error("CometBFT cannot be run: {0}")]
    Run(#[from] io::Error),
    /// It does not open the databases, or does not read the state.
    #[error("{0}")]
    Unreadable(String),
}

/// Has CometBFT open the databases of blocks and state in the CometBFT home `home`, and returns the height of the last
/// block. Its default `config.toml` is made there if there is none.
///
/// It has no command for that. `reindex-event` opens both databases, decodes the state, and refuses a height above the
/// last block by naming that one; no event is written then.
///
/// # Errors
/// [`StoredError`]: they are damaged or missing, or the program cannot be run.
pub fn stored_height(binary: &Path, home: &Path) -> Result<u64, StoredError> {
    let mut command = Command::new(binary);
    command.args(["reindex-event", "--start-height", &i64::MAX.to_string(), "--home"]).arg(home).stdin(Stdio::null());
    child::die_with_thread(&mut command);
    let ran = command.output()?;
    let said = String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).into_owned();
    said.lines().find_map(parse).ok_or_else(|| {
        let line = said.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it gives no reason");
        let line = line.strip_prefix("event re-index failed:").unwrap_or(line).trim();
        StoredError::Unreadable(line.chars().filter(|letter| !letter.is_control()).take(MAX_SHOWN).collect())
    })
}

/// Reads `(requested start height: 9223372036854775807, store height: 7)`.
fn parse(line: &str) -> Option<u64> {
    line.split_once(", store height: ")?.1.trim().strip_suffix(')')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_of_cometbft_is_read() {
        let refused = "event re-index failed:  height is not available (requested start height: 9223372036854775807";
        assert_eq!(parse(&format!("{refused}, store height: 7)")), Some(7));
        assert_eq!(parse(refused), None);
        assert_eq!(parse("event re-index failed:  no blockstore found in /x/data"), None);
    }
}
