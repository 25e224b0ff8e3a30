//! Two votes of one validator in one round, as evidence that CometBFT takes.

use std::net::SocketAddr;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use diem_api::LightBlock;
use diem_config::consensus_key;
use diem_core::keys::SecretKey;
use ed25519_dalek::{Signer as _, SigningKey};
use prost::Message as _;
use serde_json::{Value, json};
use tendermint::{account, block, chain, vote};
use tendermint_proto::v0_38::types::SignedHeader as RawSignedHeader;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// A validator that is to have signed two blocks of one height.
pub struct TwoVotes {
    key: SigningKey,
    chain_id: chain::Id,
    header: block::Header,
    place: usize,
    powers: Vec<u64>,
}

impl TwoVotes {
    /// The validator with this key, at the height of `block`.
    pub fn of(block: &LightBlock, key: SecretKey) -> Self {
        let SecretKey::Ed25519(key) = key else { panic!("a consensus key is ed25519") };
        let raw = RawSignedHeader::decode(block.signed_header.0.as_slice()).unwrap();
        let header = block::signed_header::SignedHeader::try_from(raw).unwrap().header;
        let public = key.verifying_key().to_bytes();
        let place = block.validators.iter().position(|validator| validator.public_key.0 == public).unwrap();
        let powers = block.validators.iter().map(|validator| validator.power).collect();
        Self { key, chain_id: header.chain_id.clone(), header, place, powers }
    }

    /// A prevote for the block of this hash in round 0, in CometBFT's JSON form.
    fn vote(&self, hash: [u8; 32]) -> Value {
        let parts = block::parts::Header::new(1, tendermint::Hash::Sha256(hash)).unwrap();
        let address = consensus_key::address(self.key.verifying_key().as_bytes());
        let vote = vote::Vote {
            vote_type: vote::Type::Prevote,
            height: self.header.height,
            round: 0u16.into(),
            block_id: Some(block::Id { hash: tendermint::Hash::Sha256(hash), part_set_header: parts }),
            timestamp: Some(self.header.time),
            validator_address: account::Id::new(address),
            validator_index: u32::try_from(self.place).unwrap().try_into().unwrap(),
            signature: None,
            extension: Vec::new(),
            extension_signature: None,
        };
        let signature = self.key.sign(&vote.into_signable_vec(self.chain_id.clone()));
        json!({
            "type": 1,
            "height": self.header.height.value().to_string(),
            "round": 0,
            "block_id": { "hash": hex::encode_upper(hash), "parts": { "total": 1, "hash": hex::encode_upper(hash) } },
            "timestamp": self.header.time.to_rfc3339(),
            "validator_address": hex::encode_upper(address),
            "validator_index": self.place,
            "signature": BASE64.encode(signature.to_bytes()),
            "extension": null,
            "extension_signature": null,
        })
    }

    /// Reports both votes to the CometBFT behind `rpc`, as a validator that saw both would.
    pub async fn report(&self, rpc: SocketAddr) -> Value {
        let evidence = json!({
            "type": "tendermint/DuplicateVoteEvidence",
            "value": {
                "vote_a": self.vote([0x11; 32]),
                "vote_b": self.vote([0x22; 32]),
                "TotalVotingPower": self.powers.iter().sum::<u64>().to_string(),
                "ValidatorPower": self.powers[self.place].to_string(),
                "Timestamp": self.header.time.to_rfc3339(),
            },
        });
        call(rpc, "broadcast_evidence", json!({ "evidence": evidence })).await
    }
}

/// Calls a method of CometBFT's RPC.
pub async fn call(rpc: SocketAddr, method: &str, params: Value) -> Value {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
    let mut stream = tokio::net::TcpStream::connect(rpc).await.unwrap();
    let head = format!("POST / HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all((head + &body).as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}
