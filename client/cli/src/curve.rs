//! `diemd curve`: the mint curve without a node, by the chain's own code.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::{Args, Subcommand};
use diem_core::{Amount, Denom};
use diem_diem::{
    Curve, Table,
    offline::{self, File, Question, Quoted},
    text::Units,
};

use super::{
    Failure,
    failure::usage,
    output::{Output, list},
};

/// Compute the mint curve and quotes on it, without a node.
#[derive(Debug, Args)]
pub struct CurveCommand {
    #[command(subcommand)]
    what: What,
    /// How to print what was asked for.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORM")]
    output: Output,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List every step: where it ends and what DIEM costs inside it.
    Table {
        /// A JSON file with a `curve`: {base, power, target, step, steps} or a list of [edge, rate], in base units as
        /// strings [default: the published curve].
        #[arg(long)]
        file: Option<PathBuf>,
    },
    /// Say what a mint gives, or what it costs.
    Quote(Quote),
}

#[derive(Debug, Args)]
struct Quote {
    /// A JSON file with a `curve`, and with `quotes`, a list of {supply, lock} or {supply, exact_out} in base units as
    /// strings [default: the published curve].
    #[arg(long)]
    file: Option<PathBuf>,
    /// Amount of DIEM that exists (10000DIEM), for one question instead of those in the file.
    #[arg(long, value_parser = diem)]
    supply: Option<Amount>,
    /// Amount of sVVV to lock (300VVV).
    #[arg(long, value_parser = vvv, requires = "supply", conflicts_with = "out")]
    lock: Option<Amount>,
    /// Amount of DIEM to mint (2.5DIEM).
    #[arg(long, value_parser = diem, requires = "supply")]
    out: Option<Amount>,
}

fn diem(text: &str) -> Result<Amount, String> {
    amount(text, Denom::Diem)
}

fn vvv(text: &str) -> Result<Amount, String> {
    amount(text, Denom::Vvv)
}

fn amount(text: &str, wanted: Denom) -> Result<Amount, String> {
    match Denom::parse_amount(text) {
        Ok((amount, denom)) if denom == wanted => Ok(amount),
        Ok(_) => Err(format!("this takes {wanted}")),
        Err(error) => Err(error.to_string()),
    }
}

impl CurveCommand {
    /// Runs the command and prints its result.
    ///
    /// # Errors
    /// The file cannot be read or holds no curve.
    pub fn run(self) -> Result<(), Failure> {
        match self.what {
            What::Table { file } => {
                let (table, _) = read(file.as_deref())?;
                self.output.print(&table.steps(), |_| table_for_people(&table))
            }
            What::Quote(quote) => {
                quote.check()?;
                let (table, questions) = read(quote.file.as_deref())?;
                let questions = quote.question().map_or(questions, |question| vec![question]);
                let answers = offline::answer(&table, &questions).map_err(usage)?;
                self.output.print(&answers, |answers| quotes_for_people(&questions, answers))
            }
        }
    }
}

impl Quote {
    /// Whether anything is asked.
    fn check(&self) -> Result<(), Failure> {
        let asked = self.lock.is_some() || self.out.is_some();
        if asked || (self.supply.is_none() && self.file.is_some()) {
            return Ok(());
        }
        Err(usage(anyhow!(
            "ask with --supply 10000DIEM and either --lock 300VVV or --out 2.5DIEM, or give a --file with questions"
        )))
    }

    /// The question on the command line, if there is one.
    fn question(&self) -> Option<Question> {
        let units = |amount: Amount| Units(amount.get().try_into().unwrap_or_default());
        let supply = units(self.supply?);
        Some(Question { supply, lock: self.lock.map(units), exact_out: self.out.map(units) })
    }
}

/// The curve and the questions of a file; without one, the published curve.
fn read(path: Option<&Path>) -> Result<(Table, Vec<Question>), Failure> {
    let Some(path) = path else {
        return Ok((Curve::default().table().map_err(usage)?, Vec::new()));
    };
    let name = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("{name} cannot be read")).map_err(usage)?;
    let file: File = diem_api::read_json(text.as_bytes()).map_err(|error| usage(anyhow!("{name}: {error}")))?;
    let table = file.curve.table().map_err(|error| usage(anyhow!("{name}: {error}")))?;
    Ok((table, file.quotes))
}

fn table_for_people(table: &Table) -> String {
    let rows = table
        .steps()
        .iter()
        .enumerate()
        .map(|(number, step)| [number.to_string(), step.edge.to_string(), decimal(&step.rate.to_string())]);
    list(["step", "up to diem", "svvv per diem"], rows)
}

fn quotes_for_people(questions: &[Question], answers: &[Option<Quoted>]) -> String {
    let text = |units: &Units| decimal(&units.0.to_string());
    let rows = questions.iter().zip(answers).map(|(question, answer)| {
        let [lock, out] = match answer {
            Some(Quoted::In { diem_out, charged }) => [text(charged), diem_out.to_string()],
            Some(Quoted::Out { lock_needed }) => {
                [text(lock_needed), question.exact_out.as_ref().map(text).unwrap_or_default()]
            }
            None => {
                let or_end = |asked: &Option<Units>| asked.as_ref().map_or("past the end".into(), text);
                [or_end(&question.lock), or_end(&question.exact_out)]
            }
        };
        [text(&question.supply), lock, out]
    });
    list(["supply (DIEM)", "lock (sVVV)", "mint (DIEM)"], rows)
}

/// A number of base units in whole units, as [`Amount`] writes it, of any length.
fn decimal(units: &str) -> String {
    let digits = format!("{units:0>19}");
    let (whole, fraction) = digits.split_at(digits.len().saturating_sub(18));
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
}
