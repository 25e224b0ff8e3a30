//! The rows that this engine keeps of each height: header, commit and validators.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_index::node_block_key;
use diem_runtime::App;
use tendermint::{block::signed_header::SignedHeader, validator};

use super::OpenError;
use crate::{
    header,
    signers::{Members, set_of},
};

/// The facts about a block that the next block needs; the row is written in the same batch as its block.
#[derive(Debug, Clone, BorshSerialize, BorshDeserialize)]
pub(super) struct Row {
    pub(super) signed_header: Vec<u8>,
    pub(super) results_hash: [u8; 32],
    /// The validators at this height and the two that follow: a change counts two heights later.
    pub(super) members: [Members; 3],
}

/// The latest block.
pub(super) struct Head {
    pub(super) signed: SignedHeader,
    pub(super) row: Row,
}

impl Head {
    /// Reads the latest block of a chain that this engine made.
    pub(super) fn load(app: &App, height: u64) -> Result<Self, OpenError> {
        let damaged =
            |error: String| OpenError::Fatal(format!("the engine's row of height {height} is damaged: {error}"));
        let row = row(app, height).map_err(damaged)?.ok_or(OpenError::OtherEngine)?;
        Ok(Self { signed: header::decode(&row.signed_header).map_err(damaged)?, row })
    }
}

fn row(app: &App, height: u64) -> Result<Option<Row>, String> {
    let bytes = app.index().node_row(&node_block_key(height));
    bytes.map(|bytes| Row::try_from_slice(&bytes).map_err(|error| error.to_string())).transpose()
}

/// Reads header and commit of a committed height.
pub(crate) fn signed_header(app: &App, height: u64) -> Result<Option<SignedHeader>, String> {
    row(app, height)?.map(|row| header::decode(&row.signed_header)).transpose()
}

/// Reads the validators of a committed height, or of the one after the latest.
pub(crate) fn validators(app: &App, height: u64) -> Result<Option<validator::Set>, String> {
    let members = match row(app, height)? {
        Some(Row { members: [at, ..], .. }) => Some(at),
        None => match height.checked_sub(1) {
            Some(before) => row(app, before)?.map(|Row { members: [_, next, _], .. }| next),
            None => None,
        },
    };
    members.map(|members| set_of(&members).map_err(|fatal| fatal.0)).transpose()
}
