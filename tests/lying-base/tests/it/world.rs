//! A local Base with a contract on it, and a proxy before it.

use std::time::Duration;

use alloy_primitives::{Address, B256, U256, address};
use diem_anvil::LocalBase;
use diem_lying_base::{Lie, LyingBase, Options};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const CHAIN_ID: u64 = 84_530;
/// A contract that takes two words, writes the second into the slot of the first, and logs both: the event's topic is 7,
/// the slot is its second topic and the value its data.
pub(crate) const CONTRACT: Address = address!("00000000000000000000000000000000000c0de0");
const CODE: &str = "0x6020355f35556020355f525f35600760205fa200";
/// The first account of the phrase, which anvil signs for.
const RICH: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";

pub(crate) struct World {
    pub(crate) proxy: LyingBase,
    local: LocalBase,
    http: reqwest::Client,
    /// Where its log is.
    _folder: TempDir,
}

/// A number as JSON-RPC writes it.
pub(crate) fn quantity(number: u64) -> Value {
    json!(format!("{number:#x}"))
}

/// A number from JSON-RPC.
pub(crate) fn number(value: &Value) -> u64 {
    u64::from_str_radix(value.as_str().unwrap().strip_prefix("0x").unwrap(), 16).unwrap()
}

/// A word of the EVM, as hexadecimal text.
pub(crate) fn word(number: u64) -> String {
    B256::from(U256::from(number)).to_string()
}

/// The filter of all logs up to a block.
pub(crate) fn all_logs(to: &str) -> Value {
    json!([{"fromBlock": "0x0", "toBlock": to, "address": CONTRACT}])
}

/// A client of HTTP that keeps nobody waiting.
pub(crate) fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]);
    client.timeout(Duration::from_secs(60)).build().unwrap()
}

impl World {
    /// A local Base whose `finalized` is two blocks behind the newest, with the contract on it; `None` where anvil is not
    /// installed.
    pub(crate) async fn start() -> Option<Self> {
        let anvil = diem_anvil::find_for_tests()?;
        let folder = tempfile::tempdir().unwrap();
        let options = diem_anvil::Options {
            port: 0,
            chain_id: CHAIN_ID,
            phrase: "test test test test test test test test test test test junk".into(),
            accounts: 4,
            block_time: None,
            epoch: 1,
            state: None,
            log: folder.path().join("anvil.log"),
        };
        let local = LocalBase::start(&anvil, &options).unwrap();
        let proxy = LyingBase::start(Options::new(&local.url())).unwrap();
        let world = Self { proxy, local, http: client(), _folder: folder };
        world.truth("anvil_setCode", json!([CONTRACT, CODE])).await;
        Some(world)
    }

    /// Another proxy before the same Base.
    pub(crate) fn another(&self, seed: u64, lies: impl IntoIterator<Item = Lie>) -> LyingBase {
        let proxy = LyingBase::start(Options { seed, ..Options::new(&self.upstream()) }).unwrap();
        lies.into_iter().for_each(|lie| proxy.lie(lie));
        proxy
    }

    pub(crate) fn upstream(&self) -> String {
        self.local.url()
    }

    /// Has the contract write and log, in a block of its own.
    pub(crate) async fn write(&self, slot: u64, value: u64) {
        let input = format!("0x{}{}", &word(slot)[2..], &word(value)[2..]);
        let call = json!([{"from": RICH, "to": CONTRACT, "input": input, "gas": "0x100000"}]);
        let hash = self.truth("eth_sendTransaction", call).await;
        loop {
            let receipt = self.truth("eth_getTransactionReceipt", json!([hash])).await;
            if !receipt.is_null() {
                assert_eq!(receipt["status"], "0x1");
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Makes empty blocks, so many seconds apart.
    pub(crate) async fn mine(&self, blocks: u64, seconds: u64) {
        self.truth("anvil_mine", json!([quantity(blocks), quantity(seconds)])).await;
    }

    /// The number of the newest block.
    pub(crate) async fn head(&self) -> u64 {
        number(&self.truth("eth_blockNumber", json!([])).await)
    }

    /// The bytes of an answer.
    pub(crate) async fn bytes(&self, url: &str, question: &Value) -> bytes::Bytes {
        self.http.post(url).json(question).send().await.unwrap().bytes().await.unwrap()
    }

    /// The whole answer of an endpoint.
    pub(crate) async fn answer(&self, url: &str, method: &str, params: Value) -> Value {
        serde_json::from_slice(&self.bytes(url, &question(method, params)).await).unwrap()
    }

    /// The result of an endpoint.
    pub(crate) async fn ask(&self, url: &str, method: &str, params: Value) -> Value {
        let mut answer = self.answer(url, method, params).await;
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].take()
    }

    /// The true result.
    pub(crate) async fn truth(&self, method: &str, params: Value) -> Value {
        self.ask(&self.upstream(), method, params).await
    }

    /// The proxy's result.
    pub(crate) async fn told(&self, method: &str, params: Value) -> Value {
        self.ask(&self.proxy.url(), method, params).await
    }

    /// The error with which the proxy refuses.
    pub(crate) async fn refusal(&self, method: &str, params: Value) -> Value {
        let mut answer = self.answer(&self.proxy.url(), method, params).await;
        assert!(answer.get("result").is_none(), "{method}: {answer}");
        answer["error"].take()
    }

    /// Asserts that the proxy's answer is the truth, byte for byte.
    pub(crate) async fn is_true(&self, method: &str, params: Value) {
        let question = question(method, params);
        let (told, truth) =
            (self.bytes(&self.proxy.url(), &question).await, self.bytes(&self.upstream(), &question).await);
        assert_eq!(told, truth);
    }

    /// Tells one lie, after the truth, and gives the result; afterwards the truth is told again.
    pub(crate) async fn lied(&self, lie: Lie, method: &str, params: Value) -> Value {
        self.is_true(method, params.clone()).await;
        let (name, before) = (lie.name(), self.proxy.counts().told(lie.name()));
        self.proxy.lie(lie);
        let told = self.told(method, params.clone()).await;
        assert!(self.proxy.counts().told(name) > before, "{name} was not told");
        self.proxy.honest();
        self.is_true(method, params).await;
        told
    }
}

/// A question of JSON-RPC.
pub(crate) fn question(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params})
}
