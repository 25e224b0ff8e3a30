//! The table of what both proofs show.

use diem_cli::{
    output::{fields, plain},
    units,
};

use crate::supply::{Equality, SupplyReport, Term};

pub(crate) fn report(report: &SupplyReport) -> String {
    let SupplyReport { height, header_time, checkpoint, .. } = report;
    let base = if report.proven_by_base {
        "proven by Base itself, in the block that validators attested"
    } else {
        "on the word of more than two thirds of the validators; --base-rpc URL has Base prove it"
    };
    let mut lines = vec![
        ("this chain", format!("proven at height {height}, of {}", units::date(*header_time))),
        ("block of Base", format!("{}, of {}", checkpoint.number, units::date(checkpoint.time))),
        ("its facts", base.to_owned()),
    ];
    lines.extend(terms(&report.supply));
    lines.push(("first equality", holds(&report.supply)));
    lines.extend(terms(&report.escrow));
    lines.push(("second equality", holds(&report.escrow)));
    lines.extend(report.halted.iter().map(|reason| ("halted", plain(reason).into_owned())));
    lines.push(("verdict", verdict(report)));
    fields(lines)
}

fn terms(equality: &Equality) -> impl Iterator<Item = (&'static str, String)> {
    let side = |sign: &'static str, terms: &[Term]| -> Vec<(&'static str, String)> {
        let line = |(place, term): (usize, &Term)| {
            let sign = match (place, term.minus) {
                (0, _) => sign,
                (_, true) => "-",
                (_, false) => "+",
            };
            (term.name, format!("{sign} {}", term.amount.display).trim_start().to_owned())
        };
        terms.iter().enumerate().map(line).collect()
    };
    side("", &equality.left).into_iter().chain(side("=", &equality.right))
}

fn holds(equality: &Equality) -> String {
    let Equality { left_sum, right_sum, .. } = equality;
    if equality.holds {
        format!("holds: {} on both sides", left_sum.display)
    } else {
        format!("does not hold: {} on one side, {} on the other", left_sum.display, right_sum.display)
    }
}

/// The verdict in a sentence.
pub(crate) fn verdict(report: &SupplyReport) -> String {
    if report.covered {
        return "covered: every nDIEM on Base has its DIEM in escrow here".to_owned();
    }
    if report.supply.holds && report.escrow.holds {
        return format!("not covered: the escrow lacks {}, as the chain says too", report.uncovered.display);
    }
    "not covered: the books and what is there differ".to_owned()
}
