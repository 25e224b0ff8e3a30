//! One shape for every error, and one table.

use diem_core::{CallError, ErrorInfo, ErrorKind, ModuleError};
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
        info(&self.codespace, self.code).map_or(500, |info| status(&self.codespace, info))
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
    /// A path that is longer than any that there is.
    #[error("the path is too long: a request names at most 65,534 bytes")]
    UriTooLong,
    /// The head of a request takes more than is read of one.
    #[error("the head of the request is too large: at most 64 KiB and 100 headers are read")]
    HeadTooLarge,
    /// What relaying costs on Base is not known to this node.
    #[error("{0}")]
    FeeUnknown(String),
    /// A client takes more than one may.
    #[error("{0}; send it again in a moment")]
    RateLimited(String),
}

diem_core::error_table! {
    HttpError, "http";
    1 unknown_path Missing never => Self::UnknownPath(_),
    2 method Malformed never => Self::Method(_),
    3 bad_request Malformed never => Self::BadRequest(_),
    4 body_too_large TooLarge never => Self::BodyTooLarge(_),
    5 not_found Missing retry => Self::NotFound(_),
    6 pruned Missing never => Self::Pruned(_),
    7 not_ready Unavailable retry => Self::NotReady(_),
    8 busy Unavailable retry => Self::Busy(_),
    9 engine Unavailable retry => Self::Engine(_),
    10 pool Unavailable retry => Self::Pool(_),
    11 internal Unavailable retry => Self::Internal,
    12 media_type Malformed never => Self::MediaType(_),
    13 refused Conflict never => Self::Refused(_),
    14 timeout Unavailable retry => Self::Timeout(_),
    15 reverted Conflict never => Self::Reverted(_),
    16 wrong_host Forbidden never => Self::Stranger(_),
    17 uri_too_long TooLarge never => Self::UriTooLong,
    18 head_too_large TooLarge never => Self::HeadTooLarge,
    19 fee_unknown Missing retry => Self::FeeUnknown(_),
    20 rate_limited Unavailable retry => Self::RateLimited(_),
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
        http: status(codespace, info),
        retry: info.retry,
    };
    tables().flat_map(|(codespace, table)| table.iter().map(move |info| line(codespace, info))).collect()
}

/// The HTTP status that an error becomes. The server's own errors name what HTTP has a status of its own for.
fn status(codespace: &str, info: &ErrorInfo) -> u16 {
    if codespace == HttpError::CODESPACE
        && let Some((_, status)) = OWN_STATUS.iter().find(|(name, _)| *name == info.name)
    {
        return *status;
    }
    match info.kind {
        ErrorKind::Malformed => 400,
        ErrorKind::Payment => 402,
        ErrorKind::Forbidden => 403,
        ErrorKind::Missing => 404,
        ErrorKind::Conflict => 409,
        ErrorKind::TooLarge => 413,
        ErrorKind::Refused => 422,
        ErrorKind::Unavailable => 503,
    }
}

/// Errors of the server whose status says more than their kind.
const OWN_STATUS: &[(&str, u16)] = &[
    ("method", 405),
    ("timeout", 408),
    ("pruned", 410),
    ("uri_too_long", 414),
    ("media_type", 415),
    ("rate_limited", 429),
    ("head_too_large", 431),
    ("internal", 500),
    ("engine", 502),
];

fn tables() -> impl Iterator<Item = (&'static str, &'static [ErrorInfo])> {
    diem_types::ERRORS.iter().copied().chain([(HttpError::CODESPACE, HttpError::TABLE)])
}

fn info(codespace: &str, code: u32) -> Option<&'static ErrorInfo> {
    let (_, table) = tables().find(|(name, _)| *name == codespace)?;
    table.iter().find(|info| info.code == code)
}

#[cfg(test)]
mod tests;
