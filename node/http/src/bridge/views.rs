//! Rows of the bridge in the form of the API.

use diem_api::{
    BaseAddress, BaseNumber, BatchTransfer, Bridge, BridgeAction, BridgeBatch, BridgeBatchDetail, BridgeConstructor,
    BridgeContract, BridgeDeployed, BridgeIssued, BridgeMember, BridgeSet, BridgeSignatures, BridgeStage,
    BridgeTransfer, Coin, Hash, SignedPower, TransferBatch,
};
use diem_bridge::{
    Constructor, Contract, Error, OutTransfer, OutboundKind, inbound,
    query::{self, Overview},
    setup,
    standing::{self, InBatch, Standing},
    state,
};
use diem_core::{Amount, Time, encoding::HexBytes};

use super::{base, notices, words};
use crate::{error::Failure, snapshot_reader::Reader};

const SECOND_MS: u64 = 1_000;

pub(super) fn overview(reader: &Reader) -> Bridge {
    let overview = query::overview(&reader.ctx());
    let Overview { contract, issued, books, .. } = &overview;
    let params = state::params(reader.snapshot());
    let stage = stage(contract.as_ref());
    let newest = (issued.sets > 0).then(|| power(reader, OutboundKind::Valset, issued.sets).ok()).flatten();
    let deployed = contract.clone().zip(setup::constructor(reader.snapshot()));
    Bridge {
        stage,
        next_step: notices::next_step(stage, newest.as_ref()),
        notices: notices::all(reader, &overview, &params),
        contract: deployed.map(|(row, arguments)| made(row, arguments)),
        issued: BridgeIssued {
            transfers: issued.transfers,
            batches: issued.batches,
            sets: issued.sets,
            actions: issued.actions,
            credits: issued.credits,
        },
        installed_set: overview.applied.set,
        pause_nonce: overview.applied.pause_nonce,
        newest_set: newest,
        waiting: Coin::diem(books.waiting),
        sealed: Coin::diem(books.open),
        room: Coin::diem(overview.room),
        open_batches: issued.open,
        progress: base::progress(reader, &overview),
        base: base::contract(reader, &overview),
        books: base::books(reader, books),
        halt: overview.halt.as_ref().map(|halt| base::halt(reader, halt)),
        params,
        proofs: None,
    }
}

pub(super) const fn stage(contract: Option<&Contract>) -> BridgeStage {
    match contract {
        None => BridgeStage::Unprepared,
        Some(Contract { is_ready: true, .. }) => BridgeStage::AtWork,
        Some(Contract { deployed: Some(_), .. }) => BridgeStage::Activated,
        Some(_) => BridgeStage::Prepared,
    }
}

fn made(contract: Contract, arguments: Constructor) -> BridgeContract {
    let deployed = contract.deployed.map(|place| BridgeDeployed {
        bridge: place.bridge,
        token: place.token,
        init_code_hash: Hash(place.init_code_hash),
        deploy_block: place.deploy_block,
    });
    let constructor = BridgeConstructor {
        salt: Hash(arguments.salt),
        set_hash: Hash(arguments.set_hash),
        created_at: arguments.created_at,
        max_set_age: arguments.max_set_age,
        mint_capacity: Coin::diem(arguments.mint_capacity),
        share_bps: arguments.share_bps,
        guardian: arguments.guardian,
        chain_id: arguments.chain_id,
        denom: arguments.denom,
    };
    BridgeContract { base_chain_id: contract.chain_id, constructor, deployed }
}

pub(super) fn transfer(reader: &Reader, id: u64, row: &OutTransfer) -> Result<BridgeTransfer, Failure> {
    let standing = standing::standing(&reader.ctx(), id)?;
    let told = words::transfer(reader, id, &standing);
    let (mut before, mut batch, mut queue_id) = (None, None, None);
    match standing {
        Standing::Waiting { before: ahead, .. } => before = Some(ahead),
        Standing::InBatch(open) => batch = Some(in_batch(reader, &open)),
        Standing::Queued { id, .. } => queue_id = Some(BaseNumber(id)),
        Standing::Executed { .. } => {}
    }
    Ok(BridgeTransfer {
        id,
        sender: row.sender,
        recipient: row.mint.recipient,
        amount: Coin::diem(row.mint.amount),
        fee: Coin::diem(row.fee),
        since: reader.moment(row.since),
        state: told.state,
        reason: told.reason,
        next_step: told.next_step,
        expected: told.expected.map(|time| reader.moment(time)),
        before,
        batch,
        queue_id,
        end: None,
    })
}

fn in_batch(reader: &Reader, batch: &InBatch) -> TransferBatch {
    let set = inbound::applied(reader.snapshot()).set;
    TransferBatch {
        nonce: batch.nonce,
        sealed_at: reader.moment(batch.sealed_at),
        deadline: Time(batch.deadline.saturating_mul(SECOND_MS)),
        signatures: SignedPower { set, signed: batch.signed, total: batch.total, is_enough: batch.is_enough },
        turn: batch.turn.map(BaseAddress),
    }
}

pub(super) fn batch(reader: &Reader, nonce: u64) -> Result<BridgeBatch, Failure> {
    let view = query::batch(&reader.ctx(), nonce)?;
    let unknown = Error::UnknownNonce { what: "open batch", nonce };
    let batch = standing::in_batch(&reader.ctx(), nonce).ok_or(unknown)?;
    let minted = view.batch.transfers.iter().fold(Amount::ZERO, |sum, mint| sum.saturating_add(mint.amount));
    Ok(BridgeBatch {
        batch: in_batch(reader, &batch),
        count: u32::try_from(view.ids.len()).unwrap_or(u32::MAX),
        amount: Coin::diem(minted),
        fee: Coin::diem(view.batch.fee),
    })
}

pub(super) fn batch_detail(reader: &Reader, nonce: u64) -> Result<BridgeBatchDetail, Failure> {
    let summary = batch(reader, nonce)?;
    let view = query::batch(&reader.ctx(), nonce)?;
    let transfers = view.ids.iter().zip(&view.batch.transfers).map(|(id, mint)| BatchTransfer {
        id: *id,
        recipient: mint.recipient,
        amount: Coin::diem(mint.amount),
    });
    Ok(BridgeBatchDetail {
        batch: summary,
        transfers: transfers.collect(),
        transfer_bytes: HexBytes(view.batch.transfer_bytes()),
        struct_hash: Hash(view.batch.struct_hash()),
        signatures_of_set: signatures(reader, OutboundKind::Batch, nonce, None)?,
    })
}

pub(super) fn set(reader: &Reader, nonce: u64) -> Result<BridgeSet, Failure> {
    let row = query::set(&reader.ctx(), nonce)?;
    // A set is made with the salt that the first `prepare` fixed.
    let salt = query::overview(&reader.ctx()).salt.map(|word| word.0).unwrap_or_default();
    let set = row.set();
    let member = |member: &diem_bridge::Member| BridgeMember { address: member.address, power: member.power };
    Ok(BridgeSet {
        nonce,
        created_at: row.created_at,
        set_hash: Hash(set.hash(&salt, nonce, row.created_at)),
        total: set.total(),
        members: set.members().iter().map(member).collect(),
        bytes: HexBytes(row.bytes),
    })
}

pub(super) fn action(reader: &Reader, nonce: u64) -> Result<BridgeAction, Failure> {
    let action = query::action(&reader.ctx(), nonce)?;
    let struct_hash = Hash(action.struct_hash());
    Ok(BridgeAction { nonce, action, struct_hash, signatures: power(reader, OutboundKind::Admin, nonce)? })
}

pub(super) fn signatures(
    reader: &Reader,
    kind: OutboundKind,
    nonce: u64,
    set: Option<u64>,
) -> Result<BridgeSignatures, Failure> {
    let set = set.unwrap_or_else(|| inbound::applied(reader.snapshot()).set);
    let of = query::signatures(&reader.ctx(), kind, nonce, set)?;
    Ok(BridgeSignatures {
        kind,
        nonce,
        digest: Hash(of.digest),
        power: SignedPower { set, signed: of.signed, total: of.total, is_enough: of.is_enough },
        set_bytes: HexBytes(of.set),
        list: HexBytes(of.list),
    })
}

fn power(reader: &Reader, kind: OutboundKind, nonce: u64) -> Result<SignedPower, Failure> {
    Ok(signatures(reader, kind, nonce, None)?.power)
}
