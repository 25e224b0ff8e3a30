//! The handlers of blocks and their transactions.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use diem_api::{Block, BlockId, BlockSummary, HttpError, List, MAX_PAGE, Page, Transaction};
use diem_runtime::App;
use serde::Deserialize;

use super::{
    Shared, convert,
    cursor::{Branch, Cursor},
    error::{Failure, from_first_block, no_block},
    params::{Nothing, Path, Query, page_size, parse},
    snapshot_reader::Reader,
};

/// `GET /v1/tx/{hash}`
pub(crate) async fn transaction(
    State(api): Shared,
    Path(hash): Path<String>,
    Query(Nothing {}): Query<Nothing>,
) -> Result<Json<Transaction>, Failure> {
    let hash = parse(&hash)?;
    let app = api.node.app.clone();
    // The keys behind some hundred statements of validators take a moment to recover.
    api.read(move || {
        convert::find(&app, &hash).map(Json).ok_or_else(|| {
            let kept = from_first_block(&app);
            HttpError::NotFound(format!("no committed block of this node holds transaction {hash}{kept}")).into()
        })
    })
    .await
}

/// `?after=&limit=`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageParams {
    after: Option<String>,
    limit: Option<u32>,
}

impl PageParams {
    fn cursor(&self) -> Result<Option<Cursor<u64>>, Failure> {
        self.after.as_deref().map(parse).transpose()
    }
}

/// `GET /v1/blocks/{height|hash|latest}?after=&limit=`
pub(crate) async fn block(
    State(api): Shared,
    Path(block): Path<String>,
    Query(params): Query<PageParams>,
) -> Result<Response, Failure> {
    let (id, after): (BlockId, _) = (parse(&block)?, params.cursor()?);
    let limit = page_size(params.limit, MAX_PAGE)?;
    let (app, reader) = (api.node.app.clone(), Reader::at(&api, None)?);
    // A page of large transactions is megabytes to read, decode and write as JSON.
    api.read(move || Ok(Json(read_block(&app, &reader, id, after, limit)?).into_response())).await
}

fn read_block(
    app: &App,
    reader: &Reader,
    id: BlockId,
    after: Option<Cursor<u64>>,
    limit: u32,
) -> Result<Block, Failure> {
    let missing =
        || Failure::from(HttpError::NotFound(format!("this node has no block {id}{}", from_first_block(app))));
    let height = match (id, after) {
        (BlockId::Height(height), _) => height,
        (BlockId::Hash(hash), _) => app.index().height_of_block(&hash.0).ok_or_else(missing)?,
        // The pages of the latest block are those of the block that was the latest at the first page.
        (BlockId::Latest, Some(after)) => after.height,
        (BlockId::Latest, None) => reader.height(),
    };
    let stored = app.index().block(height).ok_or_else(|| no_block(app, height, missing))?;
    let branch = Branch::of(&stored.hash);
    if let Some(after) = after {
        if after.height != height {
            return Err(HttpError::BadRequest(format!("`after` is of block {}, not of {height}", after.height)).into());
        }
        after.branch.must_be(branch, height)?;
    }
    let from = after.map_or(Ok(0), |after| u32::try_from(after.key)).map_err(|_| missing())?;
    let items = app
        .index()
        .block_txs(height, from, limit)
        .into_iter()
        .map(|tx| convert::transaction(tx, stored.time))
        .collect();
    let end = from.saturating_add(limit);
    let next = (end < stored.tx_count).then(|| Cursor { height, branch, key: u64::from(end) }.to_string());
    Ok(Block {
        summary: convert::summary(&stored),
        epoch: reader.moment(stored.time).epoch,
        events: convert::events(&stored.events),
        txs: Page { items, next },
    })
}

/// `GET /v1/blocks?after=&limit=`: blocks, the newest first.
pub(crate) async fn page(
    State(api): Shared,
    Query(params): Query<PageParams>,
) -> Result<Json<List<BlockSummary>>, Failure> {
    const DEFAULT: u32 = 20;
    let (after, limit) = (params.cursor()?, page_size(params.limit, DEFAULT)?);
    let (app, reader) = (api.node.app.clone(), Reader::at(&api, None)?);
    api.read(move || Ok(Json(reader.answer(read_page(&app, &reader, after, limit)?, None)))).await
}

fn read_page(
    app: &App,
    reader: &Reader,
    after: Option<Cursor<u64>>,
    limit: u32,
) -> Result<Page<BlockSummary>, Failure> {
    if let Some(after) = after {
        let missing = || HttpError::NotFound(format!("this node has no block {}", after.height)).into();
        let block = app.index().block(after.height).ok_or_else(|| no_block(app, after.height, missing))?;
        let here = Branch::of(&block.hash);
        after.branch.must_be(here, after.height)?;
    }
    let end = after.map_or(reader.height().saturating_add(1), |after| after.height);
    let start = end.saturating_sub(limit.into());
    let blocks: Vec<_> = (start..end).rev().map_while(|height| app.index().block(height)).collect();
    let lowest = blocks.last();
    let more =
        lowest.and_then(|block| block.height.checked_sub(1)).is_some_and(|below| app.index().block(below).is_some());
    let next = lowest.filter(|_| more).map(|block| {
        let (height, branch) = (block.height, Branch::of(&block.hash));
        Cursor { height, branch, key: height }.to_string()
    });
    Ok(Page { items: blocks.iter().map(convert::summary).collect(), next })
}
