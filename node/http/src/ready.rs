//! `GET /readyz` and `GET /healthz`, on the API and on the port of the metrics. Neither costs a call to the engine.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use diem_api::{CheckState, HttpError, Ready, Reason};
use diem_core::text::shortened;
use serde::Deserialize;

use super::{
    error::Failure,
    health::{CHECKS, Health, Verdict},
    params::Query,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    /// The names of the checks that count, between commas; all where it is missing.
    need: Option<String>,
}

impl Params {
    /// Whether a check counts.
    ///
    /// # Errors
    /// There is no check of a name that is asked for.
    fn wants(&self) -> Result<impl Fn(&str) -> bool, Failure> {
        let names: Option<Vec<&str>> = self.need.as_deref().map(|need| need.split(',').collect());
        let is_check = |name: &&&str| CHECKS.contains(*name);
        if let Some(stranger) = names.iter().flatten().find(|name| !is_check(name)) {
            let (stranger, known) = (shortened(stranger), CHECKS.join(", "));
            return Err(HttpError::BadRequest(format!("`{stranger}` is no check: there are {known}")).into());
        }
        Ok(move |name: &str| names.as_ref().is_none_or(|names| names.contains(&name)))
    }
}

/// `GET /healthz`: the process answers. Whether it can serve is the question of `/readyz`.
pub(crate) async fn alive() -> &'static str {
    "ok\n"
}

/// `GET /readyz?need=`: 200 if the node can serve, else 503 with the reasons.
pub(crate) async fn ready(
    State(health): State<Arc<Health>>,
    Query(params): Query<Params>,
) -> Result<Response, Failure> {
    let wants = params.wants()?;
    let (verdicts, status) = health.check().await;
    let verdicts: Vec<_> = verdicts.into_iter().filter(|(name, _)| wants(name)).collect();
    let reasons = reasons(&verdicts);
    let body = Ready {
        ready: reasons.is_empty(),
        reasons,
        checks: verdicts.iter().map(|(name, verdict)| ((*name).to_owned(), state(verdict))).collect(),
        height: health.node.app.info().height,
        peers: status.and_then(|status| status.peers),
    };
    let status = if body.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Ok((status, Json(body)).into_response())
}

/// The reasons against being ready. One text is told once, under the first check that it is the reason of.
fn reasons(verdicts: &[(&'static str, Verdict)]) -> Vec<Reason> {
    let mut reasons: Vec<Reason> = Vec::new();
    for (name, verdict) in verdicts {
        if let Some(text) = verdict.reason()
            && reasons.iter().all(|told| told.text != text)
        {
            reasons.push(Reason { name: (*name).into(), text: text.into() });
        }
    }
    reasons
}

const fn state(verdict: &Verdict) -> CheckState {
    match verdict.passed() {
        Some(true) => CheckState::Ok,
        Some(false) => CheckState::Not,
        None => CheckState::Unknown,
    }
}
