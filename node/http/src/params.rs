//! Request parameters: all are known, or the request is refused with the list of those that are.

use std::str::FromStr;

use axum::{
    extract::{
        FromRequestParts,
        rejection::{PathRejection, QueryRejection},
    },
    http::request::Parts,
};
use diem_api::{HttpError, MAX_PAGE, read_json, without_long_quotes};
use diem_core::text::shortened;
use serde::{Serialize, de::DeserializeOwned};

use super::error::Failure;

/// The parameters of a request, as a type that denies unknown fields.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let explain = |rejection: QueryRejection| {
            let text = rejection.body_text();
            let text = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
            // The path of the bad parameter stands in front, and is a name that the sender chose.
            let (place, text) = text.split_once(": ").unwrap_or(("query", text));
            let text = format!("{}: {}", shortened(place), without_long_quotes(text));
            Failure::from(HttpError::BadRequest(format!("the parameters of this request are wrong: {text}")))
        };
        let axum::extract::Query(query) =
            axum::extract::Query::from_request_parts(parts, state).await.map_err(explain)?;
        Ok(Self(query))
    }
}

/// The parameters in the path of a route.
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let explain = |rejection: PathRejection| {
            Failure::from(HttpError::BadRequest(format!(
                "the path of this request is wrong: {}",
                rejection.body_text()
            )))
        };
        let axum::extract::Path(path) = axum::extract::Path::from_request_parts(parts, state).await.map_err(explain)?;
        Ok(Self(path))
    }
}

/// The parameters of a route that takes none.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// Parses a JSON body.
pub(crate) fn json<T: DeserializeOwned + Serialize>(body: &[u8]) -> Result<T, Failure> {
    read_json(body).map_err(|error| HttpError::BadRequest(error).into())
}

/// Parses a part of a path or a parameter.
pub(crate) fn parse<T: FromStr>(text: &str) -> Result<T, Failure>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|e: T::Err| HttpError::BadRequest(e.to_string()).into())
}

/// The number of items of a page.
pub(crate) fn page_size(limit: Option<u32>, default: u32) -> Result<u32, Failure> {
    match limit.unwrap_or(default) {
        limit @ 1..=MAX_PAGE => Ok(limit),
        limit => Err(HttpError::BadRequest(format!("limit={limit} is out of range: 1 to {MAX_PAGE}")).into()),
    }
}
