//! What a transaction would change, before it is sent.

use std::collections::BTreeMap;

use diem_bank::Msg;
use diem_client::{Client, api::Coin, build::Draft};
use diem_core::{Address, Amount, Denom, MathError};
use diem_types::Call;
use serde::Serialize;

use crate::cli::{Failure, common::failed, output::list};

/// A balance before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Change {
    address: Address,
    before: Coin,
    /// `null` if there is too little.
    after: Option<Coin>,
    #[serde(skip)]
    received: Amount,
    #[serde(skip)]
    sent: Amount,
}

/// What comes and goes, by account and denomination.
type Flows = BTreeMap<(Address, Denom), (Amount, Amount)>;

/// The balances that `draft` would change if it succeeded at the state of now.
pub(super) async fn preview(client: &Client, draft: &Draft) -> Result<Vec<Change>, Failure> {
    let flows = flows(draft).map_err(failed)?;
    let mut changes = Vec::with_capacity(flows.len());
    for ((address, denom), (received, sent)) in flows {
        let account = client.account(&address, None, false).await?;
        let before = match denom {
            Denom::Vvv => account.vvv,
            Denom::Diem => account.diem,
        };
        let after = before.amount.checked_add(received).and_then(|sum| sum.checked_sub(sent)).ok();
        changes.push(Change { address, before, after: after.map(|amount| Coin::new(amount, denom)), received, sent });
    }
    Ok(changes)
}

fn flows(draft: &Draft) -> Result<Flows, MathError> {
    let mut flows = Flows::new();
    let tx = &draft.tx;
    spend(&mut flows, tx.fee_payer.unwrap_or(tx.sender), Denom::Vvv, draft.fee)?;
    for call in &tx.calls {
        let Call::Bank(msg) = call else { continue };
        match msg {
            Msg::Transfer { to, denom, amount } => pay(&mut flows, tx.sender, *to, *denom, *amount)?,
            Msg::MultiTransfer { denom, outputs } => {
                outputs.iter().try_for_each(|out| pay(&mut flows, tx.sender, out.to, *denom, out.amount))?;
            }
        }
    }
    Ok(flows)
}

fn pay(flows: &mut Flows, from: Address, to: Address, denom: Denom, amount: Amount) -> Result<(), MathError> {
    spend(flows, from, denom, amount)?;
    let (received, _) = flows.entry((to, denom)).or_default();
    *received = received.checked_add(amount)?;
    Ok(())
}

fn spend(flows: &mut Flows, from: Address, denom: Denom, amount: Amount) -> Result<(), MathError> {
    let (_, sent) = flows.entry((from, denom)).or_default();
    *sent = sent.checked_add(amount)?;
    Ok(())
}

/// Why it would fail, if it would.
pub(super) fn shortage(changes: &[Change]) -> Option<String> {
    let short = changes.iter().find(|change| change.after.is_none())?;
    let sent = short.sent.display(short.before.denom);
    Some(format!("{} has {}, but {sent} would leave it", short.address, short.before.display))
}

/// The changes as a table.
pub(super) fn table(changes: &[Change]) -> String {
    let row = |change: &Change| {
        let after = change.after.as_ref().map_or("too little".into(), |coin| coin.display.clone());
        let difference = if change.received >= change.sent {
            format!("+{}", change.received.saturating_sub(change.sent))
        } else {
            format!("-{}", change.sent.saturating_sub(change.received))
        };
        [change.address.to_string(), change.before.display.clone(), difference, after]
    };
    list(["account", "now", "change", "then"], changes.iter().map(row))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use diem_types::Tx;

    use super::*;

    #[test]
    fn fee_and_payments_are_summed_for_each_account() {
        let (alice, bob, payer) = (Address([1; 20]), Address([2; 20]), Address([3; 20]));
        let pay = |to, denom, amount| Call::Bank(Msg::Transfer { to, denom, amount: Amount::new(amount) });
        let tx = Tx {
            chain_id: "x-dev".into(),
            genesis_hash: [0; 32],
            sender: alice,
            nonce: 0,
            expiry: 9,
            gas_price: Amount::new(1),
            max_fee: Amount::new(7),
            fee_payer: Some(payer),
            calls: vec![pay(bob, Denom::Vvv, 5), pay(bob, Denom::Vvv, 6), pay(alice, Denom::Diem, 2)],
            memo: String::new(),
        };
        let flows = flows(&Draft { tx, gas: 7, fee: Amount::new(7) }).unwrap();
        let expect = |address, denom, received, sent| {
            assert_eq!(flows[&(address, denom)], (Amount::new(received), Amount::new(sent)));
        };
        expect(alice, Denom::Vvv, 0, 11);
        expect(bob, Denom::Vvv, 11, 0);
        expect(alice, Denom::Diem, 2, 2);
        expect(payer, Denom::Vvv, 0, 7);
        assert_eq!(flows.len(), 4);
    }
}
