//! The handlers of the curve of DIEM, quotes, and emissions.

use axum::{Json, extract::State};
use diem_api::{At, Coin, CurrentRate, Emission, HttpError, List, Quote, Rent, Segment, Step, WideCoin};
use diem_core::Amount;
use diem_diem::{Rate, query};
use diem_emissions as emissions;
use serde::Deserialize;

use super::{
    Shared,
    error::Failure,
    params::Query,
    snapshot_reader::{HeightParams, ListParams, Part, Reader, answer, answer_page},
};

/// `GET /v1/curve?height=&after=&limit=`
pub(crate) async fn curve(State(api): Shared, Query(params): Query<ListParams>) -> Result<Json<List<Step>>, Failure> {
    answer_page(&api, params, |reader, part: &Part<u64>| {
        let step = |step: diem_diem::Step| Step { edge: Coin::diem(step.edge), rate: WideCoin::vvv(step.rate) };
        let (steps, next) = part.cut_whole(query::curve(&reader.ctx()));
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
        let now = query::rate(&reader.ctx());
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
    match (params.lock, params.out) {
        (Some(lock), None) => {
            let quote = move |reader: &Reader| {
                let quote = query::quote_in(&reader.ctx(), lock)?;
                let (lock, out) = (WideCoin::vvv(Rate::from(quote.charged)), Coin::diem(quote.diem_out));
                Ok(Quote { supply: Coin::diem(quote.supply), lock, out })
            };
            answer(&api, params.height, quote).await
        }
        (None, Some(out)) => {
            let quote = move |reader: &Reader| {
                let quote = query::quote_out(&reader.ctx(), out)?;
                let lock = WideCoin::vvv(quote.lock_needed);
                Ok(Quote { supply: Coin::diem(quote.supply), lock, out: Coin::diem(out) })
            };
            answer(&api, params.height, quote).await
        }
        _ => {
            let words = "write either lock= with avvv to lock, or out= with adiem to mint";
            Err(HttpError::BadRequest(words.into()).into())
        }
    }
}

/// `GET /v1/emission?height=`
pub(crate) async fn emission(
    State(api): Shared,
    Query(params): Query<HeightParams>,
) -> Result<Json<At<Emission>>, Failure> {
    answer(&api, params.height, |reader| {
        let now = emissions::query::emission(&reader.ctx());
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

/// `GET /v1/emission/schedule?height=&after=&limit=`
pub(crate) async fn schedule(
    State(api): Shared,
    Query(params): Query<ListParams>,
) -> Result<Json<List<Segment>>, Failure> {
    answer_page(&api, params, |reader, part: &Part<u64>| {
        let (segments, next) = part.cut_whole(emissions::query::schedule(&reader.ctx()));
        Ok((segments.into_iter().map(|next| segment(reader, next)).collect(), next))
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
        Ok(Rent { day: today.open_day.day, rent: Coin::vvv(today.rent) })
    })
    .await
}
