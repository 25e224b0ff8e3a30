//! Reading VVV and DIEM as a whole: supply, curve, emission, rent.

use clap::Subcommand;
use diem_api::{At, CurrentRate, Emission, List, Quote, Rent, Segment, Step};
use diem_client::Client;
use diem_core::{Amount, Denom};

use super::Height;
use crate::{
    Failure,
    common::Common,
    output::{fields, list},
    tables,
    units::{moment, show_percent},
};

/// The verbs of `diemd query` that read VVV and DIEM as a whole.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Show how much VVV and DIEM there is
    Supply {
        #[command(flatten)]
        at: Height,
    },
    /// Show what the next DIEM costs
    Rate {
        #[command(flatten)]
        at: Height,
    },
    /// Show what a mint would give or cost now
    #[command(after_help = "Examples: diemd query quote 500VVV   what locking that gives\n          \
                      diemd query quote 1DIEM    what minting that locks")]
    Quote {
        /// Amount of VVV to lock, or of DIEM to mint.
        #[arg(value_parser = Denom::parse_amount)]
        amount: (Amount, Denom),
        #[command(flatten)]
        at: Height,
    },
    /// List every step of the mint curve
    Curve {
        #[command(flatten)]
        at: Height,
    },
    /// Show how much VVV is emitted, and how much was
    Emission {
        /// List the whole schedule instead.
        #[arg(long)]
        schedule: bool,
        #[command(flatten)]
        at: Height,
    },
    /// Show what the open day has brought for providers so far
    Rent {
        #[command(flatten)]
        at: Height,
    },
}

impl Verb {
    pub(super) async fn answer(&self, common: &Common, client: &Client) -> Result<(), Failure> {
        let output = common.output;
        match self {
            Self::Supply { at } => output.print(&client.supply_at(at.height).await?, tables::supply),
            Self::Rate { at } => output.print(&client.rate(at.height).await?, rate),
            Self::Quote { amount: (amount, Denom::Vvv), at } => {
                output.print(&client.quote_lock(*amount, at.height).await?, quote)
            }
            Self::Quote { amount: (amount, Denom::Diem), at } => {
                output.print(&client.quote_out(*amount, at.height).await?, quote)
            }
            Self::Curve { at } => output.print(&client.curve(at.height).await?, curve),
            Self::Emission { schedule: true, at } => {
                output.print(&client.emission_schedule(at.height).await?, schedule)
            }
            Self::Emission { schedule: false, at } => output.print(&client.emission(at.height).await?, emission),
            Self::Rent { at } => output.print(&client.rent(at.height).await?, rent),
        }
    }
}

fn rate(rate: &At<CurrentRate>) -> String {
    let none = || "none: the curve is at its end".to_owned();
    let mut lines = vec![("one DIEM costs", rate.rate.as_ref().map_or_else(none, |rate| rate.display.clone()))];
    lines.extend(rate.until.as_ref().map(|until| ("up to a supply of", until.display.clone())));
    lines.extend([("supply now", rate.supply.display.clone()), ("left to mint", rate.left.display.clone())]);
    fields(lines)
}

fn quote(quote: &At<Quote>) -> String {
    fields([
        ("value locked", quote.lock.display.clone()),
        ("DIEM minted", quote.out.display.clone()),
        ("supply now", quote.supply.display.clone()),
        ("at height", quote.height.to_string()),
    ])
}

fn curve(curve: &List<Step>) -> String {
    let rows = curve.items.iter().map(|step| [step.edge.display.clone(), step.rate.display.clone()]);
    list(["up to a supply of", "one DIEM costs"], rows)
}

fn emission(emission: &At<Emission>) -> String {
    let mut lines = vec![
        ("emission a year", emission.per_year.display.clone()),
        ("emission a second", emission.per_second.display.clone()),
        ("locked stake pays", format!("{} of its rewards as rent", show_percent(emission.fee_bps.into()))),
        ("emitted so far", emission.emitted.display.clone()),
        ("rent so far", emission.rent.display.clone()),
        ("fees shared so far", emission.fees.display.clone()),
    ];
    lines.extend(
        emission
            .next
            .as_ref()
            .map(|next| ("next emission", format!("{} a year from {} on", next.per_year.display, moment(&next.from)))),
    );
    fields(lines)
}

fn schedule(schedule: &List<Segment>) -> String {
    let row = |segment: &Segment| [moment(&segment.from), segment.per_year.display.clone()];
    list(["from", "emission a year"], schedule.items.iter().map(row))
}

fn rent(rent: &At<Rent>) -> String {
    fields([("day", rent.day.to_string()), ("rent so far", rent.rent.display.clone())])
}
