//! What only a node with the development engine does.

use diem_core::Time;
use reqwest::{Method, header::CONTENT_TYPE};

use crate::{Client, ClientError};

impl Client {
    /// `POST /v1/dev/warp`: the next block is of `time` at the earliest.
    ///
    /// # Errors
    /// The node has another engine (a refusal with status 404), or `time` is before the last block.
    pub async fn warp_to(&self, time: Time) -> Result<(), ClientError> {
        let body = serde_json::json!({ "to": time }).to_string();
        let request = self.request(Method::POST, "/v1/dev/warp").header(CONTENT_TYPE, "application/json").body(body);
        self.accepted(request).await.map(|_| ())
    }
}
