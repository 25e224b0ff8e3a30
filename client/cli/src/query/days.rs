//! Reading days and providers.

use std::str::FromStr;

use clap::Subcommand;
use diem_api::{At, Day, DayProvider, List, Moment, Provider, ProviderDetail, ProviderStanding, Served, Today};
use diem_client::{Client, ClientError};
use diem_credits::prices::{LongContext, ModelPrices, Price, PriceSheet, Unit};
use serde::Serialize;

use super::{Height, staking::or_nothing, who};
use crate::{
    Failure, brief,
    common::Common,
    output::{fields, list, quoted, say},
    units::{date, moment, show_credit, show_percent},
};

/// The verbs of `diemd query` that read days and providers.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// List all providers, also those that have left
    Providers {
        #[command(flatten)]
        at: Height,
    },
    /// Show one provider: its bond, its prices, what was used there
    Provider {
        /// Provider: an address or the name of a key.
        #[arg(value_name = "WHO")]
        provider: String,
        #[command(flatten)]
        at: Height,
    },
    /// Show a day: its credit, its use, its rent
    Day {
        /// Day to show: its number, or `today`.
        #[arg(default_value = "today", value_name = "N|today")]
        day: WhichDay,
        #[command(flatten)]
        at: Height,
    },
    /// List the last days, the newest first
    Days {
        /// Number of days to show.
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
        #[command(flatten)]
        at: Height,
    },
}

/// A day by its number, or the open one.
#[derive(Debug, Clone, Copy)]
pub(super) enum WhichDay {
    Open,
    Number(u64),
}

impl FromStr for WhichDay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "today" => Ok(Self::Open),
            number => {
                number.parse().map(Self::Number).map_err(|_| format!("`{text}` is no day: write its number, or today"))
            }
        }
    }
}

impl Verb {
    pub(super) async fn answer(&self, common: &Common, client: &Client) -> Result<(), Failure> {
        let output = common.output;
        match self {
            Self::Providers { at } => output.print(&client.providers(at.height).await?, providers),
            Self::Provider { provider, at } => {
                output.print(&client.provider(&who(common, client, provider).await?, at.height, false).await?, detail)
            }
            Self::Day { day: WhichDay::Open, at } => output.print(&client.today(at.height).await?, today),
            Self::Day { day: WhichDay::Number(day), at } => {
                output.print(&whole_day(client, *day, at).await?, |answer| {
                    let served = answer.providers.as_ref().map_or_else(String::new, |rows| day_providers(rows));
                    format!("{}\n\n{served}", one_day(&answer.day.answer))
                })
            }
            Self::Days { limit, at } => output.print(&client.days(*limit, at.height).await?, days),
        }
    }
}

/// A day and who served on it.
#[derive(Serialize)]
struct WholeDay {
    #[serde(flatten)]
    day: At<Day>,
    /// Absent where this node does not know them any more.
    providers: Option<Vec<DayProvider>>,
}

async fn whole_day(client: &Client, day: u64, at: &Height) -> Result<WholeDay, Failure> {
    let answer = client.day(day, at.height).await?;
    let providers = match client.day_providers(day, Some(answer.height)).await {
        Ok(page) => Some(page.answer.items),
        Err(ClientError::Refused { error, .. }) => {
            say(&format!("who served on day {day} cannot be told: {error}"));
            None
        }
        Err(other) => return Err(other.into()),
    };
    Ok(WholeDay { day: answer, providers })
}

fn day_providers(rows: &[DayProvider]) -> String {
    let row = |row: &DayProvider| {
        let paid = row.paid.as_ref().map_or("not yet".into(), |paid| {
            brief::sentence(&format!("{} in block {}", paid.amount.display, paid.height))
        });
        [
            row.provider.to_string(),
            row.served.consumed.display.clone(),
            row.served.counted.display.clone(),
            row.served.requests.to_string(),
            paid,
        ]
    };
    or_nothing(["provider", "used", "earns rent", "requests", "paid"], rows, row, "nobody served")
}

fn listed(standing: &ProviderStanding) -> &'static str {
    if standing.listed { "yes" } else { "no" }
}

fn providers(all: &List<Provider>) -> String {
    let row = |provider: &Provider| {
        let listed = if provider.left.is_some() { "has left" } else { listed(&provider.today) };
        [
            quoted(&provider.moniker),
            provider.provider.to_string(),
            listed.into(),
            provider.bond.display.clone(),
            provider.endpoint.clone(),
        ]
    };
    or_nothing(["name", "provider", "listed", "bond", "endpoint"], &all.items, row, "there are no providers")
}

fn detail(answer: &At<ProviderDetail>) -> String {
    let (detail, provider) = (&answer.answer, &answer.answer.provider);
    let tomorrow = if provider.today == provider.next {
        String::new()
    } else {
        format!("listed: {}, bond that counts: {}", listed(&provider.next), provider.next.bond.display)
    };
    let left = provider.left.map(|left| {
        let bond = if provider.bond.amount.is_zero() {
            "its bond was paid back or forfeited".into()
        } else {
            format!("bond paid after {}", moment(&left.due))
        };
        format!("with day {}; {bond}", left.day)
    });
    let lines = [
        ("name", quoted(&provider.moniker)),
        ("provider", provider.provider.to_string()),
        ("endpoint", provider.endpoint.clone()),
        ("paid to", provider.payout.to_string()),
        ("bond", provider.bond.display.clone()),
        ("listed", listed(&provider.today).into()),
        ("tomorrow", tomorrow),
        ("leaves", left.unwrap_or_default()),
        ("used today", served(&detail.earned_today)),
        ("may still earn", format!("{} of rent today", detail.left_to_earn.display)),
        ("used yesterday", detail.earned_previous.as_ref().map(served).unwrap_or_default()),
        ("price sheet", detail.prices_hash.to_string()),
    ];
    let head = fields(lines.into_iter().filter(|(_, value)| !value.is_empty()));
    if detail.prices_today.models.is_empty() && detail.prices_next.models.is_empty() {
        return head;
    }
    format!("{head}\n\n{}", prices(&detail.prices_today, &detail.prices_next))
}

fn served(served: &Served) -> String {
    let Served { consumed, counted, requests } = served;
    format!("{} in {requests} requests, {} of it earns rent", consumed.display, counted.display)
}

const fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::InputToken => "input token",
        Unit::OutputToken => "output token",
        Unit::CachedToken => "cached token",
        Unit::CacheWriteToken => "cache write token",
        Unit::Image => "image",
        Unit::Second => "second",
        Unit::Character => "character",
        Unit::Call => "call",
    }
}

/// Today's prices, and tomorrow's where they differ.
fn prices(today: &PriceSheet, next: &PriceSheet) -> String {
    let same = today == next;
    let sheets = [("today", today), ("tomorrow", next)];
    let sheets = sheets.into_iter().take(if same { 1 } else { 2 });
    let when = |name: &str| if same { "from today on".to_owned() } else { name.to_owned() };
    let rows = sheets.flat_map(|(name, sheet)| {
        let row = move |model: &ModelPrices, price: &Price| {
            let long = model.long_context.map(|LongContext { threshold, multiplier_bps }| {
                format!("{} from {threshold} tokens of context on", show_percent(multiplier_bps.into()))
            });
            [
                when(name),
                model.model.clone(),
                unit(price.unit).into(),
                show_credit(price.price),
                long.unwrap_or_default(),
            ]
        };
        sheet.models.iter().flat_map(move |model| model.prices.iter().map(move |price| row(model, price)))
    });
    list(["valid", "model", "unit", "price", "long context"], rows)
}

fn today(today: &At<Today>) -> String {
    let open = fields([
        ("open day", today.day.to_string()),
        ("opened", moment(&today.opened_at)),
        ("closes", moment(&today.closes_at)),
        ("credit", today.allowance.display.clone()),
        ("used so far", format!("{} in {} requests", today.consumed.display, today.requests)),
        ("of it earns rent", today.counted.display.clone()),
        ("rent so far", today.rent.display.clone()),
        ("staked for tomorrow", today.staked.display.clone()),
        ("DIEM", today.supply.display.clone()),
    ]);
    match &today.unsettled {
        Some(day) => format!("{open}\n\n{}", one_day(day)),
        None => open,
    }
}

fn one_day(day: &Day) -> String {
    let or = |moment_: &Option<Moment>, otherwise: &str| moment_.as_ref().map_or(otherwise.into(), moment);
    let mut lines = vec![
        ("day", day.day.to_string()),
        ("opened", moment(&day.opened_at)),
        ("closed", or(&day.closed_at, "open")),
        ("settled", or(&day.settled_at, "not yet")),
        ("used", format!("{} in {} requests", day.consumed.display, day.requests)),
        ("of it earns rent", day.counted.display.clone()),
    ];
    let (diem, rent) = match &day.base {
        Some(base) => ("DIEM at the close", format!("{} for {}", day.rent.display, base.display)),
        None => ("DIEM", format!("{} so far", day.rent.display)),
    };
    lines.extend([
        ("credit", day.allowance.display.clone()),
        ("utilisation", show_percent(day.utilisation_bps)),
        (diem, day.supply.display.clone()),
        ("rent", rent),
    ]);
    if let (Some(pot), Some(treasury), Some(stakers)) = (&day.pot, &day.treasury, &day.stakers) {
        lines.extend([
            ("to providers", format!("{}, {} of it paid", pot.display, day.paid.display)),
            ("to the treasury", treasury.display.clone()),
            ("to stakers", stakers.display.clone()),
        ]);
    }
    fields(lines)
}

fn days(all: &List<Day>) -> String {
    let row = |day: &Day| {
        let state = match (day.closed_at, day.settled_at) {
            (None, _) => "open",
            (Some(_), None) => "takes vouchers",
            (Some(_), Some(_)) => "settled",
        };
        [
            day.day.to_string(),
            state.into(),
            date(day.opened_at.time),
            day.consumed.display.clone(),
            show_percent(day.utilisation_bps),
            day.rent.display.clone(),
            day.pot.as_ref().map_or("-".into(), |pot| pot.display.clone()),
        ]
    };
    list(["day", "state", "opened", "used", "of all", "rent", "to providers"], all.items.iter().map(row))
}
