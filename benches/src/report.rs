//! The report of a run: its table and its file.

use comfy_table::Table;
use serde::Serialize;

/// One measured figure of the report.
#[derive(Serialize)]
struct Row {
    name: String,
    /// The measured value; `None` if it could not be measured.
    value: Option<f64>,
    unit: String,
    goal: Option<String>,
    holds: Option<bool>,
}

/// The figures that were measured so far.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

/// The goal of a figure.
pub(crate) enum Goal {
    /// The figure should be at most this.
    AtMost(f64),
    /// The figure should be at least this.
    AtLeast(f64),
}

impl Report {
    /// Adds a figure without a goal.
    pub(crate) fn fact(&mut self, name: &str, value: f64, unit: &str) {
        self.push(name, Some(value), unit, None);
    }

    /// Adds a ratio with a goal.
    pub(crate) fn goal(&mut self, name: &str, value: f64, unit: &str, goal: Goal) {
        self.push(name, Some(value), unit, Some(goal));
    }

    /// Adds a goal that could not be measured, and so does not hold.
    pub(crate) fn missing(&mut self, name: &str, unit: &str, goal: Goal) {
        self.push(name, None, unit, Some(goal));
    }

    fn push(&mut self, name: &str, value: Option<f64>, unit: &str, goal: Option<Goal>) {
        let (goal, holds) = match goal {
            None => (None, None),
            Some(Goal::AtMost(limit)) => {
                (Some(format!("<= {limit:.3}")), Some(value.is_some_and(|value| value <= limit)))
            }
            Some(Goal::AtLeast(limit)) => {
                (Some(format!(">= {limit:.3}")), Some(value.is_some_and(|value| value >= limit)))
            }
        };
        eprintln!("{name}: {} {unit}", shown(value));
        self.rows.push(Row { name: name.into(), value, unit: unit.into(), goal, holds });
    }

    /// Prints the table and writes the file.
    pub(crate) fn finish(self) {
        let mut table = Table::new();
        table.set_header(["figure", "value", "unit", "goal", "holds"]);
        for row in &self.rows {
            let holds = row.holds.map_or("", |holds| if holds { "yes" } else { "NO" });
            table.add_row([
                row.name.clone(),
                shown(row.value),
                row.unit.clone(),
                row.goal.clone().unwrap_or_default(),
                holds.into(),
            ]);
        }
        println!("{table}");
        let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".into());
        let path = std::path::Path::new(&target).join("bench.json");
        std::fs::create_dir_all(&target).unwrap();
        std::fs::write(&path, serde_json::to_string_pretty(&self.rows).unwrap()).unwrap();
        println!("written to {}", path.display());
    }
}

fn shown(value: Option<f64>) -> String {
    value.map_or_else(|| "not measured".into(), |value| format!("{value:.3}"))
}

/// The median of some measurements.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Runs `f` and returns its result and the nanoseconds that it took.
pub(crate) fn timed<R>(f: impl FnOnce() -> R) -> (R, f64) {
    let start = std::time::Instant::now();
    let result = f();
    (result, start.elapsed().as_nanos() as f64)
}
