//! The errors of the API as they are sent.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use diem_api::{ErrorBody, ErrorReply, HttpError};
use diem_core::{CallError, ModuleError as _};
use diem_engine::{
    engine::{EngineError, SubmitError},
    metrics::{Refusal, RequestKind},
};
use diem_runtime::{App, QueryError};
use diem_store::StoreError;

/// The limit because of which a request is refused, for whoever counts answers: it is laid beside the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    /// Something has no room; what it is follows from the kind of the request.
    Room,
    /// Any other limit.
    Known(Refusal),
}

impl Limit {
    fn of(error: &ErrorBody) -> Option<Self> {
        if error.codespace != HttpError::CODESPACE {
            return None;
        }
        match error.name.as_str() {
            "busy" => Some(Self::Room),
            "timeout" => Some(Self::Known(Refusal::Timeout)),
            "body_too_large" => Some(Self::Known(Refusal::TooLarge)),
            "rate_limited" => Some(Self::Known(Refusal::Client)),
            "wrong_host" => Some(Self::Known(Refusal::WrongHost)),
            _ => None,
        }
    }

    /// The reason that is counted for a request of this kind.
    pub(crate) const fn reason(self, kind: RequestKind) -> Refusal {
        match (self, kind) {
            (Self::Known(reason), _) => reason,
            (Self::Room, RequestKind::Stream) => Refusal::Streams,
            (Self::Room, RequestKind::Simulation) => Refusal::Simulations,
            (Self::Room, RequestKind::Submission) => Refusal::Submissions,
            (Self::Room, RequestKind::Dev | RequestKind::Probe | RequestKind::Proof | RequestKind::Read) => {
                Refusal::Reads
            }
            // Only the server of connections beyond the limit is busy for every path.
            (Self::Room, RequestKind::Unknown) => Refusal::Connections,
        }
    }
}

/// An error as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure(pub(crate) ErrorBody);

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let limit = Limit::of(&self.0);
        let mut response = (status, Json(ErrorReply { error: self.0 })).into_response();
        if let Some(limit) = limit {
            response.extensions_mut().insert(limit);
        }
        response
    }
}

impl From<HttpError> for Failure {
    fn from(error: HttpError) -> Self {
        Self(ErrorBody::from(&error))
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        Self(ErrorBody::from(&error))
    }
}

impl From<diem_bridge::Error> for Failure {
    fn from(error: diem_bridge::Error) -> Self {
        CallError::from(error).into()
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::NotKept { height, latest, .. } if height > latest => {
                HttpError::NotFound(format!("height {height} is not there yet: the latest is {latest}")).into()
            }
            StoreError::NotKept { .. } => HttpError::Pruned(error.to_string()).into(),
            _ => {
                tracing::error!(%error, "reading the store failed");
                HttpError::Internal.into()
            }
        }
    }
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Height(error) => error.into(),
            QueryError::Call(error) => error.into(),
        }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        let text = error.to_string();
        match error {
            EngineError::Unavailable(reason) => HttpError::Engine(reason),
            EngineError::NotYet { .. } => HttpError::NotFound(text),
            EngineError::Gone(_) => HttpError::Pruned(text),
            EngineError::Refused(reason) => HttpError::Refused(reason),
            EngineError::Invalid(reason) => HttpError::BadRequest(reason),
            EngineError::Fatal(_) => HttpError::NotReady(text),
        }
        .into()
    }
}

/// The error for what stood in blocks that this node does not have any more, or never had.
pub(crate) fn pruned(what: &str, first_block: u64) -> Failure {
    HttpError::Pruned(format!("{what}: the first block of this node is {first_block}")).into()
}

/// The error for a block that is not here: `missing` where it never was.
pub(crate) fn no_block(app: &App, height: u64, missing: impl FnOnce() -> Failure) -> Failure {
    if app.is_pruned(height) {
        return pruned(&format!("block {height} is not kept here"), app.first_block());
    }
    missing()
}

/// What is added to the words of an error, where a block may be meant that is not kept: it cannot be told by its hash.
pub(crate) fn from_first_block(app: &App) -> String {
    let first = app.first_block();
    let is_all = first.checked_sub(1).is_none_or(|below| !app.is_pruned(below));
    if is_all { String::new() } else { format!("; this node has blocks from {first} on only") }
}

/// Translates the engine's error into one of the table.
pub(crate) fn submit_error(error: SubmitError) -> ErrorBody {
    match error {
        SubmitError::Rejected { codespace, code, log } => ErrorBody::new(&codespace, code, log),
        SubmitError::Known => ErrorBody::from(&HttpError::Pool(error.to_string())),
        SubmitError::Full => ErrorBody::from(&HttpError::Busy(error.to_string())),
        SubmitError::Unavailable(reason) => ErrorBody::from(&HttpError::Engine(reason)),
    }
}
