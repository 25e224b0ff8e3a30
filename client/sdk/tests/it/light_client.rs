//! A client that follows the validators of a chain by the headers that a node gives it, and believes it nothing else.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
};

use diem_api::{Base64Bytes, LightBlock, Proof, encoding::encode_header};
use diem_client::{
    Client, LightClient, LightError,
    verify::{Trust, VerifyError},
};
use diem_core::encoding::HexBytes;
use tendermint::{AppHash, block::Header};

use crate::chain::{CHAIN, Chain, chain, changing};

/// What a node answers to a path.
type Answers = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// A node that answers whatever the test wants, on loopback, until it is dropped.
struct Node {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Node {
    fn start(answers: Answers) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, stopped) = (Arc::clone(&asked), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                count.fetch_add(1, Ordering::SeqCst);
                answer(stream.unwrap(), &answers);
            }
        });
        Self { address, asked, stop, thread: Some(thread) }
    }

    /// One that serves the light blocks of a chain.
    fn of(blocks: impl Fn(u64) -> LightBlock + Send + Sync + 'static) -> Self {
        Self::start(Arc::new(move |path| {
            let height = path.strip_prefix("/v1/light/")?.parse().ok()?;
            Some(serde_json::to_string(&blocks(height)).unwrap())
        }))
    }

    fn client(&self, trust: Trust) -> LightClient {
        LightClient::new(Client::new(&format!("http://{}", self.address)).unwrap(), trust)
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn answer(mut stream: TcpStream, answers: &Answers) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    let first = lines.next().unwrap_or_default();
    let _rest = lines.take_while(|line| !line.is_empty()).count();
    let path = first.split(' ').nth(1).unwrap_or_default();
    let (status, body) = match answers(path) {
        Some(body) => ("200 OK", body),
        None => ("404 Not Found", String::new()),
    };
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    // A client that has left needs no answer.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        self.thread.take().unwrap().join().unwrap();
    }
}

#[tokio::test]
async fn a_client_follows_the_validators_with_few_headers() {
    let chain = changing();
    let served = chain.clone();
    let node = Node::of(move |height| served.block(height));
    let mut light = node.client(chain.trust());
    light.follow(1_000).await.unwrap();
    assert_eq!(light.trust().height(), 1_000);
    // Every third of a set carries over to some height 20 later, so halving ends there; and it need not ask twice.
    assert!((50..=130).contains(&node.asked()), "{}", node.asked());
    let before = node.asked();
    light.follow(900).await.unwrap();
    light.follow(1_001).await.unwrap();
    assert_eq!(node.asked(), before + 1);
}

#[tokio::test]
async fn a_lying_node_leads_a_client_nowhere() {
    let chain = changing();
    // From height 30 on it tells the story of strangers.
    let strangers = Chain { members: Arc::new(|_| vec![(101, 10), (102, 10), (103, 10)]), ..chain.clone() };
    let truth = chain.clone();
    let node = Node::of(move |height| if height < 30 { truth.block(height) } else { strangers.block(height) });
    let mut light = node.client(chain.trust());
    let error = light.follow(60).await.unwrap_err();
    assert!(matches!(error, LightError::Verify(VerifyError::Validators(30))), "{error}");
    assert_eq!(light.trust().height(), 29);

    // It answers with another height.
    let truth = chain.clone();
    let node = Node::of(move |height| truth.block(height + 1));
    let error = node.client(chain.trust()).follow(5).await.unwrap_err();
    assert!(matches!(error, LightError::Verify(VerifyError::OtherHeight { got: 6, asked: 5 })), "{error}");
    let truth = chain.clone();
    let node = Node::of(move |height| LightBlock { height, ..truth.block(height + 1) });
    let error = node.client(chain.trust()).follow(5).await.unwrap_err();
    assert!(matches!(error, LightError::Verify(VerifyError::OtherHeight { got: 6, asked: 5 })), "{error}");
    // This node has nothing to answer with.
    let node = Node::start(Arc::new(|_| None));
    assert!(matches!(node.client(chain.trust()).follow(5).await, Err(LightError::Client(_))));
}

#[tokio::test]
async fn a_client_gives_a_node_that_changes_its_validators_all_the_time_so_much_and_no_more() {
    let chain = chain(|height| vec![(u8::try_from(height % 250).unwrap() + 1, 10)]);
    let served = chain.clone();
    let node = Node::of(move |height| served.block(height));
    let mut light = node.client(chain.trust());
    let error = light.follow(100_000).await.unwrap_err();
    assert!(matches!(error, LightError::TooManyChanges { height: 100_000, .. }), "{error}");
    assert!(node.asked() <= 256, "{}", node.asked());
    // What was verified on the way is kept, and so the next attempt comes further.
    let reached = light.trust().height();
    assert!(reached > 0);
    light.follow(reached + 3).await.unwrap();
}

#[tokio::test]
async fn a_proof_of_another_height_or_under_another_header_is_refused() {
    let chain = changing();
    let served = chain.clone();
    let twin = Header { app_hash: AppHash::try_from(vec![8; 32]).unwrap(), ..chain.header(45) };
    let twin = chain.sign(twin);
    let node = Node::start(Arc::new(move |path| {
        if let Some(height) = path.strip_prefix("/v1/light/") {
            return Some(serde_json::to_string(&served.block(height.parse().ok()?)).unwrap());
        }
        let proof = Proof {
            chain_id: CHAIN.into(),
            state_height: 44,
            key: HexBytes(vec![1]),
            value: None,
            proof: Base64Bytes(Vec::new()),
            signed_header: Base64Bytes(encode_header(&twin)),
        };
        Some(serde_json::to_string(&proof).unwrap())
    }));
    let error = node.client(chain.trust()).row(&[1], Some(43)).await.unwrap_err();
    assert!(matches!(error, LightError::Verify(VerifyError::OtherHeight { got: 44, asked: 43 })), "{error}");
    let error = node.client(chain.trust()).row(&[1], Some(44)).await.unwrap_err();
    assert!(matches!(error, LightError::Verify(VerifyError::OtherHeader(45))), "{error}");
}
