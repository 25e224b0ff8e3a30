//! CometBFT's own rollback of a stopped home.

use std::{
    io,
    path::Path,
    process::{Command, Stdio},
};

/// The state of CometBFT after a rollback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RolledBack {
    /// The height of its last block.
    pub height: u64,
    /// The hash of the application's state after that block.
    pub app_hash: [u8; 32],
}

/// The reason why CometBFT was not rolled back.
#[derive(Debug, thiserror::Error)]
pub enum RollbackError {
    /// The program cannot be run.
    #[error("CometBFT cannot be run: {0}")]
    Run(#[from] io::Error),
    /// It refuses.
    #[error("CometBFT does not go back: {0}")]
    Refused(String),
}

/// Takes CometBFT's state back by one height; the signing state stays. With `remove_block` the block goes too, and is
/// fetched anew from peers; otherwise it stays and is executed again at the next start.
///
/// Where CometBFT's state is one height below its last block already, as after a kill, only the block is removed, or
/// nothing is done: so this is idempotent as long as blocks stay.
///
/// # Errors
/// [`RollbackError`]; a block or a state of the height below is not there, or another process uses the home.
pub fn roll_back(binary: &Path, home: &Path, remove_block: bool) -> Result<RolledBack, RollbackError> {
    let mut command = Command::new(binary);
    command.arg("rollback").arg("--home").arg(home).stdin(Stdio::null());
    if remove_block {
        command.arg("--hard");
    }
    let ran = command.output()?;
    let answer = String::from_utf8_lossy(&ran.stdout);
    let refused = || {
        let said = String::from_utf8_lossy(&ran.stderr);
        let line = said.lines().chain(answer.lines()).find(|line| !line.trim().is_empty());
        RollbackError::Refused(line.unwrap_or("it gives no reason").trim().to_owned())
    };
    if !ran.status.success() {
        return Err(refused());
    }
    answer.lines().rev().find_map(parse).ok_or_else(refused)
}

/// Reads `Rolled back state to height 7 and hash 00FF..`.
fn parse(line: &str) -> Option<RolledBack> {
    let (_, rest) = line.split_once(" to height ")?;
    let (height, hash) = rest.split_once(" and hash ")?;
    let app_hash = hex::decode(hash.trim()).ok()?.try_into().ok()?;
    Some(RolledBack { height: height.parse().ok()?, app_hash })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_answers_of_cometbft_are_read() {
        let hash = "AB".repeat(32);
        let expected = Some(RolledBack { height: 12, app_hash: [0xab; 32] });
        assert_eq!(parse(&format!("Rolled back state to height 12 and hash {hash}")), expected);
        assert_eq!(parse(&format!("Rolled back both state and block to height 12 and hash {hash}")), expected);
        assert_eq!(parse("Rolled back state to height 12 and hash AB"), None);
    }
}
