//! What validators state of Base, and how many of their signatures came in time.

use std::collections::BTreeMap;

use diem_api::{BaseCheckpoint, BaseNumber, BridgeCheckpoint, BridgeCheckpointDetail, BridgeSigner, StatedContent};
use diem_bridge::{Checkpoint, attesting, inbound, query, silence};
use diem_core::Address;
use diem_staking::{consensus_set, validator};

use crate::{error::Failure, snapshot_reader::Reader};

/// What is stated of the block of Base with this number; nothing is once its statements were dropped.
pub(super) fn checkpoint(reader: &Reader, number: u64) -> BridgeCheckpointDetail {
    let powers = powers(reader);
    let last = inbound::attested(reader.snapshot()).last;
    BridgeCheckpointDetail {
        number,
        closed: last.is_some_and(|last| number <= last.number),
        contents: contents(reader, &powers, number),
        total: total(&powers),
    }
}

/// How far validators agree about blocks of Base with these numbers.
pub(super) fn checkpoints(reader: &Reader, numbers: &[u64]) -> Vec<BridgeCheckpoint> {
    let powers = powers(reader);
    let row = |number: &u64| {
        let number = *number;
        let contents = contents(reader, &powers, number);
        BridgeCheckpoint {
            number,
            statements: contents.iter().map(|one| one.operators.len() as u64).fold(0, u64::saturating_add),
            agreeing: contents.first().map_or(0, |most| most.power),
            total: total(&powers),
        }
    };
    numbers.iter().map(row).collect()
}

/// The validators that consensus was told, by operator, with what they signed of late.
pub(super) fn signers(reader: &Reader) -> Result<Vec<BridgeSigner>, Failure> {
    let snapshot = reader.snapshot();
    let row = |(operator, power): (Address, u64)| {
        let duties = silence::duties(snapshot, &operator);
        let stated = attesting::stated_by(snapshot, &operator).last().copied();
        BridgeSigner {
            operator,
            bridge_address: validator(snapshot, &operator).map(|row| row.bridge_address).unwrap_or_default(),
            power,
            owed: duties.owed,
            signed: duties.signed(),
            stated: stated.map(BaseNumber),
        }
    };
    Ok(powers(reader).into_iter().map(row).collect())
}

/// The powers that consensus was last told, by operator.
fn powers(reader: &Reader) -> BTreeMap<Address, u64> {
    let members = consensus_set(reader.snapshot()).into_iter();
    members.map(|(update, member)| (member.operator, update.power)).collect()
}

fn total(powers: &BTreeMap<Address, u64>) -> u64 {
    powers.values().copied().fold(0, u64::saturating_add)
}

/// The contents that were stated of a block, that with most power first.
fn contents(reader: &Reader, powers: &BTreeMap<Address, u64>, number: u64) -> Vec<StatedContent> {
    let mut contents: Vec<(Checkpoint, StatedContent)> = Vec::new();
    for (operator, attestation) in query::attestations(&reader.ctx(), number) {
        let power = powers.get(&operator).copied().unwrap_or_default();
        let same = contents.iter_mut().find(|(checkpoint, _)| *checkpoint == attestation.checkpoint);
        if let Some((_, content)) = same {
            content.power = content.power.saturating_add(power);
            content.operators.push(operator);
        } else {
            let checkpoint = BaseCheckpoint::from(&attestation.checkpoint);
            let content = StatedContent { checkpoint, power, operators: vec![operator] };
            contents.push((attestation.checkpoint, content));
        }
    }
    let mut contents: Vec<StatedContent> = contents.into_iter().map(|(_, content)| content).collect();
    contents.sort_by_key(|content| std::cmp::Reverse(content.power));
    contents
}
