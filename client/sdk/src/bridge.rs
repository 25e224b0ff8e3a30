//! Requests about the bridge to Base. All read the latest committed state; lists are complete, read page by page at one
//! height.

use diem_api::{
    At, Bridge, BridgeAction, BridgeBatch, BridgeBatchDetail, BridgeSet, BridgeSignatures, BridgeTransfer, List,
};
use diem_bridge::OutboundKind;
use diem_core::Address;
use serde::de::DeserializeOwned;

use crate::{Client, ClientError, client::Query};

impl Client {
    /// `GET /v1/bridge`: the bridge as a whole.
    pub async fn bridge(&self) -> Result<At<Bridge>, ClientError> {
        self.get("/v1/bridge").await
    }

    /// `GET /v1/bridge/transfers`: the transfers that are not over, of one sender or of all.
    pub async fn bridge_transfers(&self, sender: Option<&Address>) -> Result<List<BridgeTransfer>, ClientError> {
        self.pages("/v1/bridge/transfers", sender).await
    }

    /// `GET /v1/bridge/transfers/{id}`: a transfer that is not over.
    pub async fn bridge_transfer(&self, id: u64) -> Result<At<BridgeTransfer>, ClientError> {
        self.get(&format!("/v1/bridge/transfers/{id}")).await
    }

    /// `GET /v1/bridge/batches`: the open batches.
    pub async fn bridge_batches(&self) -> Result<List<BridgeBatch>, ClientError> {
        self.pages("/v1/bridge/batches", None).await
    }

    /// `GET /v1/bridge/batches/{nonce}`: an open batch with what its relayer hands in.
    pub async fn bridge_batch(&self, nonce: u64) -> Result<At<BridgeBatchDetail>, ClientError> {
        self.get(&format!("/v1/bridge/batches/{nonce}")).await
    }

    /// `GET /v1/bridge/sets/{nonce}`: a validator set for Base.
    pub async fn bridge_set(&self, nonce: u64) -> Result<At<BridgeSet>, ClientError> {
        self.get(&format!("/v1/bridge/sets/{nonce}")).await
    }

    /// `GET /v1/bridge/actions/{nonce}`: an administrative action.
    pub async fn bridge_action(&self, nonce: u64) -> Result<At<BridgeAction>, ClientError> {
        self.get(&format!("/v1/bridge/actions/{nonce}")).await
    }

    /// `GET /v1/bridge/signatures`: the signatures by the members of `set`, or of the one that is installed as far as
    /// the chain knows.
    pub async fn bridge_signatures(
        &self,
        kind: OutboundKind,
        nonce: u64,
        set: Option<u64>,
    ) -> Result<At<BridgeSignatures>, ClientError> {
        let name = match kind {
            OutboundKind::Batch => "batch",
            OutboundKind::Valset => "valset",
            OutboundKind::Admin => "admin",
            OutboundKind::Pause => "pause",
        };
        let mut path = format!("/v1/bridge/signatures?kind={name}&nonce={nonce}");
        Query(&mut path, '&').add("set", set);
        self.get(&path).await
    }

    async fn pages<T: DeserializeOwned>(&self, path: &str, sender: Option<&Address>) -> Result<List<T>, ClientError> {
        let page = async |after: Option<&str>| -> Result<List<T>, ClientError> {
            let mut path = path.to_owned();
            let mut query = Query(&mut path, '?');
            query.add("sender", sender);
            query.add("after", after);
            self.get(&path).await
        };
        let mut all = page(None).await?;
        while let Some(after) = all.answer.next.take() {
            let more = page(Some(&after)).await?;
            all.answer.items.extend(more.answer.items);
            all.answer.next = more.answer.next;
        }
        Ok(all)
    }
}
