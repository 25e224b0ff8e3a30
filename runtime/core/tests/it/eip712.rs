//! What an Ethereum wallet signs, against ethers: digests and, because both sides are deterministic, signatures.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{
    Address, Amount, keccak256,
    keys::{Auth, SecretKey},
    tx::{CallBody, Transaction},
    typed_data,
};
use serde_json::Value;

/// A call whose bytes and words are those of the vector.
struct Call {
    data: Vec<u8>,
    text: String,
}

impl BorshSerialize for Call {
    fn serialize<W: std::io::Write>(&self, writer: &mut W) -> std::io::Result<()> {
        writer.write_all(&self.data)
    }
}

impl BorshDeserialize for Call {
    fn deserialize_reader<R: std::io::Read>(_: &mut R) -> std::io::Result<Self> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
}

impl CallBody for Call {
    fn text(&self) -> String {
        self.text.clone()
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap().strip_prefix("0x").unwrap()).unwrap()
}

fn number<T: std::str::FromStr<Err: std::fmt::Debug>>(value: &Value) -> T {
    value.as_str().unwrap().parse().unwrap()
}

fn transaction(message: &Value) -> Transaction<Call> {
    let payer: Address = text(&message["feePayer"]).parse().unwrap();
    let calls = message["calls"].as_array().unwrap().iter();
    Transaction {
        chain_id: text(&message["chainId"]),
        genesis_hash: bytes(&message["genesisHash"]).try_into().unwrap(),
        sender: text(&message["sender"]).parse().unwrap(),
        nonce: number(&message["nonce"]),
        expiry: number(&message["expiry"]),
        gas_price: Amount::new(number(&message["gasPrice"])),
        max_fee: Amount::new(number(&message["maxFee"])),
        fee_payer: (payer != Address::ZERO).then_some(payer),
        calls: calls.map(|call| Call { data: bytes(&call["data"]), text: text(&call["text"]) }).collect(),
        memo: text(&message["memo"]),
    }
}

#[test]
fn digests_and_signatures_are_those_of_ethers() {
    let vectors: Value = serde_json::from_str(include_str!("../vectors/eip712.json")).unwrap();
    let key = SecretKey::ethereum(&bytes(&vectors["secret"]).try_into().unwrap()).unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    assert!(cases.len() >= 4);
    for case in cases {
        let tx = transaction(&case["message"]);
        for (ours, theirs) in tx.calls.iter().zip(case["message"]["calls"].as_array().unwrap()) {
            assert_eq!(u64::from(typed_data::kind(&ours.data)), theirs["kind"].as_u64().unwrap());
        }
        let digest = typed_data::digest(&tx);
        assert_eq!(digest[..], bytes(&case["digest"]), "{}", case["name"]);
        // The digest is made of the two parts that ethers shows on its own.
        let parts = [&[0x19, 0x01], &bytes(&vectors["domainSeparator"])[..], &bytes(&case["structHash"])].concat();
        assert_eq!(digest, keccak256(&parts));
        let Auth::Ethereum { signature } = key.sign(b"", || digest) else { panic!("an ethereum key") };
        assert_eq!(signature[..], bytes(&case["signature"]), "{}", case["name"]);
        assert_eq!(Auth::Ethereum { signature }.verify(&tx.sender, b"", || digest), Ok(()));
    }
}

#[test]
fn every_field_is_part_of_what_is_signed() {
    let vectors: Value = serde_json::from_str(include_str!("../vectors/eip712.json")).unwrap();
    let message = &vectors["cases"][0]["message"];
    let original = typed_data::digest(&transaction(message));
    let changes: [fn(&mut Transaction<Call>); 12] = [
        |tx| tx.chain_id.push('x'),
        |tx| tx.genesis_hash[31] ^= 1,
        |tx| tx.sender.0[0] ^= 1,
        |tx| tx.nonce ^= 1,
        |tx| tx.expiry ^= 1,
        |tx| tx.gas_price = Amount::MAX,
        |tx| tx.max_fee = Amount::MAX,
        |tx| tx.fee_payer = Some(Address([1; 20])),
        |tx| tx.calls[0].data[30] ^= 1,
        |tx| tx.calls[0].text.push('!'),
        |tx| tx.calls.clear(),
        |tx| tx.memo.push('m'),
    ];
    for (place, change) in changes.iter().enumerate() {
        let mut tx = transaction(message);
        change(&mut tx);
        assert_ne!(typed_data::digest(&tx), original, "change {place}");
    }
}
