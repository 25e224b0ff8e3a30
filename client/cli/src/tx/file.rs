//! A transaction file, on its way from one signer to the next.

use std::{io::Read as _, path::Path};

use anyhow::anyhow;
use diem_api::{Hash, TxBytes, read_json};
use diem_client::Unsettled;
use diem_core::{
    Address, Amount,
    encoding::HexBytes,
    keys::{Auth, SecretKey},
    tx::tx_hash,
    typed_data,
};
use diem_types::{Call, Signed, Tx};
use serde::{Deserialize, Serialize};

use crate::{Failure, failure::usage};

/// The content of the file: the transaction in readable form, the signatures as borsh.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TxFile {
    pub(super) tx: Body,
    /// The signature of the sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signature: Option<HexBytes>,
    /// The signature of the fee payer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fee_payer_signature: Option<HexBytes>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Body {
    pub(super) chain_id: String,
    genesis_hash: Hash,
    sender: Address,
    nonce: u64,
    #[serde(with = "diem_core::json::number")]
    expiry: u64,
    gas_price: Amount,
    max_fee: Amount,
    #[serde(default)]
    fee_payer: Option<Address>,
    calls: Vec<Call>,
    #[serde(default)]
    memo: String,
}

impl TxFile {
    /// Makes an unsigned file.
    pub(super) fn new(tx: &Tx) -> Self {
        let tx = tx.clone();
        let body = Body {
            chain_id: tx.chain_id,
            genesis_hash: Hash(tx.genesis_hash),
            sender: tx.sender,
            nonce: tx.nonce,
            expiry: tx.expiry,
            gas_price: tx.gas_price,
            max_fee: tx.max_fee,
            fee_payer: tx.fee_payer,
            calls: tx.calls,
            memo: tx.memo,
        };
        Self { tx: body, signature: None, fee_payer_signature: None }
    }

    fn of_signed(signed: &Signed) -> Self {
        let encode = |auth: &Auth| HexBytes(diem_core::encode(auth));
        Self {
            signature: Some(encode(&signed.auth)),
            fee_payer_signature: signed.payer_auth.as_ref().map(encode),
            ..Self::new(&signed.tx)
        }
    }

    /// Reads a file of `sign`, or the bytes of a signed transaction as `0x` and hex; `-` is stdin.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let text = read_text(path)?;
        let in_file = |e: String| usage(anyhow!("{}: {e}", path.display()));
        match text.trim() {
            bytes if bytes.starts_with("0x") => {
                let TxBytes(bytes) = bytes.parse().map_err(|e: &str| in_file(e.into()))?;
                let signed = Signed::decode(&bytes).map_err(|e| in_file(e.to_string()))?;
                Ok(Self::of_signed(&signed))
            }
            json => Self::from_json(json, path),
        }
    }

    fn from_json(text: &str, path: &Path) -> Result<Self, Failure> {
        read_json(text.as_bytes()).map_err(|e| usage(anyhow!("{}: this is no transaction: {e}", path.display())))
    }

    /// Reads a file that is completely signed, and returns its bytes.
    pub(super) fn read_signed(path: &Path) -> Result<Vec<u8>, Failure> {
        let text = read_text(path)?;
        let in_file = |e: &str| usage(anyhow!("{}: {e}", path.display()));
        if text.trim_start().starts_with("0x") {
            // The bytes are sent as they are: the chain judges whether they are a good transaction.
            let TxBytes(bytes) = text.trim().parse().map_err(in_file)?;
            return Ok(bytes);
        }
        Self::from_json(&text, path)?.bytes()
    }

    /// The transaction that the file holds.
    pub(super) fn tx(&self) -> Tx {
        let body = self.tx.clone();
        Tx {
            chain_id: body.chain_id,
            genesis_hash: body.genesis_hash.0,
            sender: body.sender,
            nonce: body.nonce,
            expiry: body.expiry,
            gas_price: body.gas_price,
            max_fee: body.max_fee,
            fee_payer: body.fee_payer,
            calls: body.calls,
            memo: body.memo,
        }
    }

    /// Adds the signature of `key`, which must be that of the sender or of the fee payer.
    pub(super) fn sign(&mut self, key: &SecretKey) -> Result<(), Failure> {
        let (tx, address) = (self.tx(), key.address());
        let auth = key.sign(&tx.sign_message(), || typed_data::digest(&tx));
        let auth = HexBytes(diem_core::encode(&auth));
        if address == tx.sender {
            self.signature = Some(auth);
        } else if Some(address) == tx.fee_payer {
            self.fee_payer_signature = Some(auth);
        } else {
            return Err(usage(anyhow!("{address} is neither the sender nor the fee payer of this transaction")));
        }
        Ok(())
    }

    /// The sender's signature in this file as one that may still count.
    pub(super) fn unsettled(&self) -> Unsettled {
        let hash = self.bytes().ok().map(|bytes| Hash(tx_hash(&bytes)));
        Unsettled { hash, nonce: self.tx.nonce, expiry: self.tx.expiry }
    }

    /// The bytes of the signed transaction.
    pub(super) fn bytes(&self) -> Result<Vec<u8>, Failure> {
        let decode = |auth: &HexBytes| -> Result<Auth, Failure> {
            borsh::from_slice(&auth.0).map_err(|e| usage(anyhow!("a signature in the file does not decode: {e}")))
        };
        let tx = self.tx();
        let missing = |who: &str| usage(anyhow!("{who} has not signed yet: `diemd tx sign FILE --from KEY`"));
        let sender = decode(self.signature.as_ref().ok_or_else(|| missing("the sender"))?)?;
        let payer = self.fee_payer_signature.as_ref().map(decode).transpose()?;
        if tx.fee_payer.is_some() && payer.is_none() {
            return Err(missing("the fee payer"));
        }
        Ok(tx.with_auth(&sender, payer.as_ref()))
    }
}

fn read_text(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|mut file| file.read_to_string(&mut text))
    };
    read.map(|_| text).map_err(|e| usage(anyhow!("{}: {e}", path.display())))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use diem_core::Denom;

    use super::*;

    fn tx(sender: &SecretKey, payer: Option<&SecretKey>) -> Tx {
        Tx {
            chain_id: "test-dev".into(),
            genesis_hash: [1; 32],
            sender: sender.address(),
            nonce: 7,
            expiry: 100,
            gas_price: Amount::new(5),
            max_fee: Amount::MAX,
            fee_payer: payer.map(SecretKey::address),
            calls: vec![Call::Bank(diem_bank::Msg::Transfer {
                to: Address([9; 20]),
                denom: Denom::Diem,
                amount: Amount::MAX,
            })],
            memo: "für \"dich\"".into(),
        }
    }

    #[test]
    fn two_signers_complete_a_file_in_either_order() {
        let (sender, payer) = (SecretKey::ed25519(&[1; 32]), SecretKey::ethereum(&[2; 32]).unwrap());
        let tx = tx(&sender, Some(&payer));
        for order in [[&sender, &payer], [&payer, &sender]] {
            let mut file = TxFile::new(&tx);
            for key in order {
                assert!(file.bytes().is_err());
                file.sign(key).unwrap();
                let text = serde_json::to_string(&file).unwrap();
                file = serde_json::from_str(&text).unwrap();
            }
            assert_eq!(file.bytes().unwrap(), tx.sign(&sender, Some(&payer)).unwrap());
        }
    }

    #[test]
    fn a_misspelt_field_is_named_wherever_it_stands() {
        let (sender, payer) = (SecretKey::ed25519(&[1; 32]), SecretKey::ed25519(&[2; 32]));
        let mut tx = tx(&sender, Some(&payer));
        tx.calls.push(Call::Credits(diem_credits::Msg::StakeDiem {
            amount: Amount::ONE,
            beneficiary: Some(Address([8; 20])),
        }));
        tx.calls.push(Call::Staking(diem_staking::Msg::Unjail));
        let mut file = TxFile::new(&tx);
        file.sign(&sender).unwrap();
        let read = |json: &str| {
            TxFile::from_json(json, Path::new("t.json")).map(drop).map_err(|failure| failure.error.to_string())
        };
        let places = diem_testkit::strict::check(&serde_json::to_value(&file).unwrap(), read);
        assert_eq!(places, 2 + 3 * 2, "the file, the transaction, and two for each call");
        let misspelt = serde_json::to_string(&file).unwrap().replace("\"beneficiary\"", "\"beneficary\"");
        assert!(read(&misspelt).unwrap_err().contains("calls[1]"), "the error says where");
    }

    #[test]
    fn a_stranger_cannot_sign() {
        let sender = SecretKey::ed25519(&[1; 32]);
        let mut file = TxFile::new(&tx(&sender, None));
        assert!(file.sign(&SecretKey::ed25519(&[3; 32])).is_err());
    }

    #[test]
    fn hex_and_json_mean_the_same() {
        let sender = SecretKey::ed25519(&[1; 32]);
        let bytes = tx(&sender, None).sign(&sender, None).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tx");
        std::fs::write(&path, format!("0x{}\n", hex::encode(&bytes))).unwrap();
        assert_eq!(TxFile::read_signed(&path).unwrap(), bytes);
        let file = TxFile::read(&path).unwrap();
        std::fs::write(&path, serde_json::to_string(&file).unwrap()).unwrap();
        assert_eq!(TxFile::read_signed(&path).unwrap(), bytes);
    }
}
