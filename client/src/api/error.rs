//! One shape for every error, and one table.

use diem_core::{CallError, ErrorInfo, ModuleError};
use serde::{Deserialize, Serialize};

/// The answer to every request that fails: `{"error": {...}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorReply {
    /// The error of the request.
    pub error: ErrorBody,
}

/// An error: codespace and code are stable, the message is for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// The codespace of what refused: a module's name, `chain`, or `http`.
    pub codespace: String,
    /// The number inside the codespace.
    pub code: u32,
    /// The name of the number.
    pub name: String,
    /// The fault, and what to do about it.
    pub message: String,
    /// Whether the same bytes may succeed later.
    pub retry: bool,
}

impl ErrorBody {
    /// The error with this number; what is not in the table has the name `unknown`.
    pub fn new(codespace: &str, code: u32, message: String) -> Self {
        let info = info(codespace, code);
        Self {
            codespace: codespace.into(),
            code,
            name: info.map_or("unknown", |info| info.name).into(),
            message,
            retry: info.is_some_and(|info| info.retry),
        }
    }

    /// The error for a transaction that is in a block: these bytes can never succeed again, whatever the error is.
    pub fn of_committed(self) -> Self {
        Self { retry: false, ..self }
    }

    /// The HTTP status of this error; 500 for what is not in the table.
    pub fn http_status(&self) -> u16 {
        info(&self.codespace, self.code).map_or(500, |info| info.http)
    }
}

impl From<&CallError> for ErrorBody {
    fn from(error: &CallError) -> Self {
        Self::new(error.codespace, error.code, error.message.clone())
    }
}

impl From<&HttpError> for ErrorBody {
    fn from(error: &HttpError) -> Self {
        Self::new(HttpError::CODESPACE, error.code(), error.to_string())
    }
}

impl std::fmt::Display for ErrorBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({} {} {})", self.message, self.codespace, self.code, self.name)
    }
}

/// The errors of the HTTP server itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// There is no such path.
    #[error("there is no {0} here: GET /v1 lists what there is")]
    UnknownPath(String),
    /// The path exists for another method.
    #[error("{0}")]
    Method(String),
    /// A parameter is missing, unknown or not well formed.
    #[error("{0}")]
    BadRequest(String),
    /// The body is larger than any transaction, or a batch larger than its limits.
    #[error("{0}")]
    BodyTooLarge(String),
    /// The thing that was asked for does not exist, or not yet.
    #[error("{0}")]
    NotFound(String),
    /// The height is older than what this node keeps.
    #[error("{0}")]
    Pruned(String),
    /// The node has no committed block yet, or is catching up.
    #[error("{0}")]
    NotReady(String),
    /// More is waiting than this node takes on.
    #[error("the node is busy: {0}; send it again in a moment")]
    Busy(String),
    /// The engine did not answer as it should.
    #[error("the consensus engine did not answer: {0}")]
    Engine(String),
    /// The pool refused the transaction for a reason of its own.
    #[error("the pool of waiting transactions did not take it: {0}")]
    Pool(String),
    /// A fault of the server.
    #[error("the node failed to answer this request; its log says why")]
    Internal,
    /// A body of a kind that is not understood here.
    #[error("{0}")]
    MediaType(String),
    /// A development command that cannot be carried out now.
    #[error("{0}")]
    Refused(String),
    /// The request did not arrive in time.
    #[error("{0}")]
    Timeout(String),
    /// A cursor names a block that is no part of the chain any more.
    #[error("{0}")]
    Reverted(String),
    /// A request on loopback that a page of another site has made.
    #[error("{0}")]
    Stranger(String),
}

impl ModuleError for HttpError {
    const CODESPACE: &'static str = "http";
    const TABLE: &'static [ErrorInfo] = &[
        ErrorInfo { code: 1, name: "unknown_path", http: 404, retry: false },
        ErrorInfo { code: 2, name: "method", http: 405, retry: false },
        ErrorInfo { code: 3, name: "bad_request", http: 400, retry: false },
        ErrorInfo { code: 4, name: "body_too_large", http: 413, retry: false },
        ErrorInfo { code: 5, name: "not_found", http: 404, retry: true },
        ErrorInfo { code: 6, name: "pruned", http: 410, retry: false },
        ErrorInfo { code: 7, name: "not_ready", http: 503, retry: true },
        ErrorInfo { code: 8, name: "busy", http: 503, retry: true },
        ErrorInfo { code: 9, name: "engine", http: 502, retry: true },
        ErrorInfo { code: 10, name: "pool", http: 503, retry: true },
        ErrorInfo { code: 11, name: "internal", http: 500, retry: true },
        ErrorInfo { code: 12, name: "media_type", http: 415, retry: false },
        ErrorInfo { code: 13, name: "refused", http: 409, retry: false },
        ErrorInfo { code: 14, name: "timeout", http: 408, retry: true },
        ErrorInfo { code: 15, name: "reverted", http: 409, retry: false },
        ErrorInfo { code: 16, name: "wrong_host", http: 403, retry: false },
    ];

    fn code(&self) -> u32 {
        match self {
            Self::UnknownPath(_) => 1,
            Self::Method(_) => 2,
            Self::BadRequest(_) => 3,
            Self::BodyTooLarge(_) => 4,
            Self::NotFound(_) => 5,
            Self::Pruned(_) => 6,
            Self::NotReady(_) => 7,
            Self::Busy(_) => 8,
            Self::Engine(_) => 9,
            Self::Pool(_) => 10,
            Self::Internal => 11,
            Self::MediaType(_) => 12,
            Self::Refused(_) => 13,
            Self::Timeout(_) => 14,
            Self::Reverted(_) => 15,
            Self::Stranger(_) => 16,
        }
    }
}

/// A line of the table of errors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorLine {
    /// The codespace of what gives it.
    pub codespace: String,
    /// The number in the codespace.
    pub code: u32,
    /// The name of the number.
    pub name: String,
    /// The HTTP status that it becomes.
    pub http: u16,
    /// Whether the same bytes may succeed later; those of a transaction only as long as it is in no block.
    pub retry: bool,
}

/// Every error that a user of the API can meet.
pub fn error_table() -> Vec<ErrorLine> {
    let line = |codespace: &str, info: &ErrorInfo| ErrorLine {
        codespace: codespace.into(),
        code: info.code,
        name: info.name.into(),
        http: info.http,
        retry: info.retry,
    };
    tables().flat_map(|(codespace, table)| table.iter().map(move |info| line(codespace, info))).collect()
}

fn tables() -> impl Iterator<Item = (&'static str, &'static [ErrorInfo])> {
    diem_types::ERRORS.iter().copied().chain([(HttpError::CODESPACE, HttpError::TABLE)])
}

fn info(codespace: &str, code: u32) -> Option<&'static ErrorInfo> {
    let (_, table) = tables().find(|(name, _)| *name == codespace)?;
    table.iter().find(|info| info.code == code)
}

#[cfg(test)]
mod tests;
