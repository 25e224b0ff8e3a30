//! Blocks and the transactions in them.

use axum::{
    Json,
    extract::{Path, State},
};
use diem_client::api::{Block, BlockId, BlockPage, HttpError, MAX_PAGE, Transaction};
use diem_runtime::App;
use serde::Deserialize;

use super::{
    Shared,
    error::Failure,
    params::{Nothing, Query, page_size, parse},
    view,
};

/// `GET /v1/tx/{hash}`
pub(crate) async fn transaction(
    State(api): Shared,
    Path(hash): Path<String>,
    Query(Nothing {}): Query<Nothing>,
) -> Result<Json<Transaction>, Failure> {
    let hash = parse(&hash)?;
    let found = view::find(&api.node.app, &hash);
    found
        .map(Json)
        .ok_or_else(|| HttpError::NotFound(format!("no committed block of this node holds transaction {hash}")).into())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BlockParams {
    from: Option<u32>,
    limit: Option<u32>,
}

/// `GET /v1/blocks/{height|hash|latest}?from=&limit=`
pub(crate) async fn block(
    State(api): Shared,
    Path(block): Path<String>,
    Query(params): Query<BlockParams>,
) -> Result<Json<Block>, Failure> {
    let (id, limit): (BlockId, _) = (parse(&block)?, page_size(params.limit, MAX_PAGE)?);
    let app = api.node.app.clone();
    // A page of large transactions is megabytes to read and decode.
    let read = tokio::task::spawn_blocking(move || read_block(&app, id, params.from.unwrap_or(0), limit));
    read.await.map_err(|_| HttpError::Internal)?.map(Json)
}

fn read_block(app: &App, id: BlockId, from: u32, limit: u32) -> Result<Block, Failure> {
    let missing = || Failure::from(HttpError::NotFound(format!("this node has no block {id}")));
    let height = match id {
        BlockId::Height(height) => height,
        BlockId::Hash(hash) => app.height_of_block(&hash.0).ok_or_else(missing)?,
        BlockId::Latest => app.info().height,
    };
    let stored = app.block(height).ok_or_else(missing)?;
    let txs = app.block_txs(height, from, limit);
    let end = from.saturating_add(limit);
    Ok(Block {
        summary: view::summary(&stored),
        events: view::events(&stored.events),
        txs: txs.into_iter().map(|tx| view::transaction(tx, stored.time)).collect(),
        next: (end < stored.tx_count).then_some(end),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageParams {
    before: Option<u64>,
    limit: Option<u32>,
}

/// `GET /v1/blocks?before=&limit=`: the newest first.
pub(crate) async fn page(State(api): Shared, Query(params): Query<PageParams>) -> Result<Json<BlockPage>, Failure> {
    const DEFAULT: u32 = 20;
    let limit = page_size(params.limit, DEFAULT)?;
    let app = api.node.app.clone();
    let read = tokio::task::spawn_blocking(move || read_page(&app, params.before, limit));
    Ok(Json(read.await.map_err(|_| HttpError::Internal)?))
}

fn read_page(app: &App, before: Option<u64>, limit: u32) -> BlockPage {
    let height = app.info().height;
    let end = before.unwrap_or(u64::MAX).min(height.saturating_add(1));
    let start = end.saturating_sub(limit.into());
    let blocks: Vec<_> = (start..end).rev().map_while(|height| app.block(height)).collect();
    let lowest = blocks.last().map_or(0, |block| block.height);
    let more = lowest.checked_sub(1).is_some_and(|below| app.block(below).is_some());
    BlockPage { height, blocks: blocks.iter().map(view::summary).collect(), next: more.then_some(lowest) }
}
