//! What a transaction would do, tried by a node in its next block and thrown away.

use anyhow::anyhow;
use diem_client::{
    Client,
    api::{BalanceChange, ErrorBody, Simulated},
    build::{Draft, KeyKind},
};

use crate::cli::{
    Exit, Failure,
    events::lines,
    names::Names,
    output::{Output, fields, list, say},
};

/// Prints what `draft` would do; fails if it would fail.
pub(super) async fn preview(
    output: Output,
    client: &Client,
    draft: &Draft,
    names: &Names,
    sender: KeyKind,
    payer: Option<KeyKind>,
) -> Result<(), Failure> {
    let simulated = client.simulate(&draft.tx, sender, payer).await?;
    output.print(&simulated, |simulated| table(simulated, names))?;
    match simulated.result.error {
        Some(why) => Err(Failure { exit: Exit::Failed, error: anyhow!(would_fail(&why, names)) }),
        None => {
            say("nothing was sent");
            Ok(())
        }
    }
}

/// What `draft` would do, in words.
pub(super) async fn outlook(
    client: &Client,
    draft: &Draft,
    names: &Names,
    sender: KeyKind,
    payer: Option<KeyKind>,
) -> Result<String, Failure> {
    let simulated = client.simulate(&draft.tx, sender, payer).await?;
    let why = simulated.result.error.as_ref().map(|why| format!("\n{}", would_fail(why, names)));
    Ok(format!("\n{}{}\n", table(&simulated, names), why.unwrap_or_default()))
}

fn would_fail(why: &ErrorBody, names: &Names) -> String {
    names.text(&format!("this would fail: {why}"))
}

fn table(simulated: &Simulated, names: &Names) -> String {
    let result = &simulated.result;
    let mut head = vec![
        ("result", if result.ok { "it would succeed".to_owned() } else { "it would fail".to_owned() }),
        ("fee", format!("{} ({} of {} gas)", result.fee.display, result.gas_used, result.gas_wanted)),
    ];
    head.extend(lines(&result.events).iter().map(|line| ("what would happen", names.text(line))));
    let head = fields(head);
    if simulated.changes.is_empty() {
        return head;
    }
    let row = |change: &BalanceChange| {
        let BalanceChange { account, before, after, display } = change;
        [names.who(account), before.display.clone(), display.clone(), after.display.clone()]
    };
    format!("{head}\n\n{}", list(["account", "now", "change", "then"], simulated.changes.iter().map(row)))
}
