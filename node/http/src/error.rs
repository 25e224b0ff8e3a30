//! The errors of the API as they are sent.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use diem_api::{ErrorBody, ErrorReply, HttpError};
use diem_core::CallError;
use diem_engine::engine::{EngineError, SubmitError};
use diem_runtime::QueryError;
use diem_store::StoreError;

/// An error as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure(pub(crate) ErrorBody);

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, Json(ErrorReply { error: self.0 })).into_response()
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

/// Translates the engine's error into one of the table.
pub(crate) fn submit_error(error: SubmitError) -> ErrorBody {
    match error {
        SubmitError::Rejected { codespace, code, log } => ErrorBody::new(&codespace, code, log),
        SubmitError::Known => ErrorBody::from(&HttpError::Pool(error.to_string())),
        SubmitError::Full => ErrorBody::from(&HttpError::Busy(error.to_string())),
        SubmitError::Unavailable(reason) => ErrorBody::from(&HttpError::Engine(reason)),
    }
}
