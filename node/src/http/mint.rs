//! The handlers of the curve of DIEM, quotes, and emissions.

use axum::{Json, extract::State};
use diem_api::{At, Coin, CurrentRate, Emission, HttpError, List, Quote, Rent, Segment, Step, WideCoin};
use diem_core::Amount;
use diem_diem::{Answer, Query as Question, Rate};
use diem_emissions as emissions;
use serde::Deserialize;

use super::{
    Shared,
    error::Failure,
    params::Query,
    reading::{HeightParams, ListParams, Part, Reader, answer, answer_page, wrong_answer},
};

/// `GET /v1/curve?height=&after=&limit=`
pub(crate) async fn curve(State(api): Shared, Query(params): Query<ListParams>) -> Result<Json<List<Step>>, Failure> {
    answer_page(&api, params, |reader, part: &Part<u64>| {
        let Answer::Curve(steps) = reader.diem(Question::Curve)? else { return Err(wrong_answer()) };
        let step = |step: diem_diem::Step| Step { edge: Coin::diem(step.edge), rate: WideCoin::vvv(step.rate) };
        let (steps, next) = part.cut_whole(steps);
        Ok((steps.into_iter().map(step).collect(), next))
    })
    .await
}

/// `GET /v1/curve/rate?height=`
pub(crate) async fn rate(
    State(api): Shared,
    Query(params): Query<HeightParams>,
) -> Result<Json<At<CurrentRate>>, Failure> {
    answer(&api, params.height, |reader| {
        let Answer::Rate(now) = reader.diem(Question::Rate)? else { return Err(wrong_answer()) };
        Ok(CurrentRate {
            supply: Coin::diem(now.supply),
            rate: now.rate.map(WideCoin::vvv),
            until: now.until.map(Coin::diem),
            left: Coin::diem(now.left),
        })
    })
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuoteParams {
    lock: Option<Amount>,
    out: Option<Amount>,
    height: Option<u64>,
}

/// `GET /v1/curve/quote?lock=` or `?out=`, and `&height=`
pub(crate) async fn quote(State(api): Shared, Query(params): Query<QuoteParams>) -> Result<Json<At<Quote>>, Failure> {
    let question = match (params.lock, params.out) {
        (Some(lock), None) => Question::QuoteIn(lock),
        (None, Some(out)) => Question::QuoteOut(out),
        _ => {
            let words = "write either lock= with avvv to lock, or out= with adiem to mint";
            return Err(HttpError::BadRequest(words.into()).into());
        }
    };
    answer(&api, params.height, move |reader| match (reader.diem(question)?, params.out) {
        (Answer::QuoteIn(quote), _) => Ok(Quote {
            supply: Coin::diem(quote.supply),
            lock: WideCoin::vvv(Rate::from(quote.charged)),
            out: Coin::diem(quote.diem_out),
        }),
        (Answer::QuoteOut(quote), Some(out)) => {
            Ok(Quote { supply: Coin::diem(quote.supply), lock: WideCoin::vvv(quote.lock_needed), out: Coin::diem(out) })
        }
        _ => Err(wrong_answer()),
    })
    .await
}

/// `GET /v1/emission?height=`
pub(crate) async fn emission(
    State(api): Shared,
    Query(params): Query<HeightParams>,
) -> Result<Json<At<Emission>>, Failure> {
    answer(&api, params.height, |reader| {
        let now = emission_at(reader)?;
        Ok(Emission {
            per_year: Coin::vvv(now.per_year),
            per_second: Coin::vvv(now.per_second),
            next: now.next.map(|next| segment(reader, next)),
            emitted: Coin::vvv(now.emitted),
            fees: Coin::vvv(now.fees),
            rent: Coin::vvv(now.rent),
            fee_bps: now.fee_bps,
        })
    })
    .await
}

pub(super) fn emission_at(reader: &Reader) -> Result<emissions::Emission, Failure> {
    match reader.emissions(emissions::Query::Emission)? {
        emissions::Answer::Emission(now) => Ok(now),
        _ => Err(wrong_answer()),
    }
}

/// `GET /v1/emission/schedule?height=&after=&limit=`
pub(crate) async fn schedule(
    State(api): Shared,
    Query(params): Query<ListParams>,
) -> Result<Json<List<Segment>>, Failure> {
    answer_page(&api, params, |reader, part: &Part<u64>| match reader.emissions(emissions::Query::Schedule)? {
        emissions::Answer::Schedule(segments) => {
            let (segments, next) = part.cut_whole(segments);
            Ok((segments.into_iter().map(|next| segment(reader, next)).collect(), next))
        }
        _ => Err(wrong_answer()),
    })
    .await
}

fn segment(reader: &Reader, segment: emissions::Segment) -> Segment {
    Segment { from: reader.moment(segment.from), per_year: Coin::vvv(segment.per_year) }
}

/// `GET /v1/rent?height=`
pub(crate) async fn rent(State(api): Shared, Query(params): Query<HeightParams>) -> Result<Json<At<Rent>>, Failure> {
    answer(&api, params.height, |reader| {
        let today = diem_credits::query::today(&reader.ctx());
        Ok(Rent { day: today.global.day, rent: Coin::vvv(today.rent) })
    })
    .await
}
