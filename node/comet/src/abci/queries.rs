//! Queries over ABCI: rows of the state with their proofs, and the questions of modules.

use borsh::BorshDeserialize as _;
use bytes::Bytes;
use diem_core::StateRead as _;
use diem_runtime::{App, QueryError};
use diem_types::Query;
use prost_ics23::Message as _;
use tendermint_proto::v0_38::{
    abci::{RequestQuery, ResponseQuery},
    crypto::{ProofOp, ProofOps},
};

use super::app::signed;

/// The kind of proof in the answer to a query of `/store`: one ICS23 commitment proof.
pub const PROOF_TYPE: &str = "ics23:diem";
/// The codespace of queries that are refused here.
const CODESPACE: &str = "abci";

/// Answers a query, or says in the answer why not.
pub(super) fn answer(app: &App, request: &RequestQuery) -> ResponseQuery {
    ask(app, request).unwrap_or_else(|refusal| ResponseQuery {
        code: refusal.code,
        log: refusal.log,
        codespace: refusal.codespace,
        ..ResponseQuery::default()
    })
}

/// Reads one row, on request with a proof under the app hash of the header after `height`.
fn row(app: &App, request: &RequestQuery, height: Option<u64>) -> Result<ResponseQuery, Refusal> {
    let snapshot = match height {
        None if request.prove => app.provable(),
        height => app.snapshot(height).map_err(|error| Refusal::here(3, error.to_string()))?,
    };
    let (value, proof_ops) = if request.prove {
        let (value, proof) = snapshot.prove(&request.data);
        let op = ProofOp { r#type: PROOF_TYPE.into(), key: request.data.to_vec(), data: proof.encode_to_vec() };
        (value, Some(ProofOps { ops: vec![op] }))
    } else {
        (snapshot.get(&request.data), None)
    };
    Ok(ResponseQuery {
        key: request.data.clone(),
        value: value.map(|value| Bytes::copy_from_slice(&value)).unwrap_or_default(),
        proof_ops,
        height: signed(snapshot.height()),
        ..ResponseQuery::default()
    })
}

/// Answers a module query that is encoded as borsh.
fn question(app: &App, request: &RequestQuery, height: Option<u64>) -> Result<ResponseQuery, Refusal> {
    let query = Query::try_from_slice(&request.data)
        .map_err(|error| Refusal::here(2, format!("the data is no borsh-encoded query: {error}")))?;
    let answered = app.query(query, height).map_err(|error| match error {
        QueryError::Height(error) => Refusal::here(3, error.to_string()),
        QueryError::Call(error) => Refusal { codespace: error.codespace.into(), code: error.code, log: error.message },
    })?;
    let value = borsh::to_vec(&answered.answer)
        .map_err(|error| Refusal::here(4, format!("the answer cannot be encoded: {error}")))?;
    Ok(ResponseQuery { value: value.into(), height: signed(answered.height), ..ResponseQuery::default() })
}

fn ask(app: &App, request: &RequestQuery) -> Result<ResponseQuery, Refusal> {
    let height = match u64::try_from(request.height) {
        Ok(0) => None,
        Ok(height) => Some(height),
        Err(_) => return Err(Refusal::here(3, format!("there is no height {}", request.height))),
    };
    match request.path.as_str() {
        "/store" => row(app, request, height),
        "/query" => question(app, request, height),
        other => Err(Refusal::here(1, format!("there is no path `{other}`: ask /store or /query"))),
    }
}

/// A query that is refused, with its error code.
struct Refusal {
    codespace: String,
    code: u32,
    log: String,
}

impl Refusal {
    fn here(code: u32, log: String) -> Self {
        Self { codespace: CODESPACE.into(), code, log }
    }
}
