//! Trust follows the validators of a chain, from header to header, and no lie of a node leads it elsewhere.

#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    missing_docs
)]

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
};

use diem_api::{Base64Bytes, Hash as ApiHash, LightBlock, Proof, Validator, encoding::encode_header};
use diem_client::{
    Client, LightClient, LightError,
    verify::{Trust, VerifyError, decode_header},
};
use diem_core::{Time, encoding::HexBytes};
use diem_types::{APP_VERSION, AppGenesis, ConsensusParams, GenesisDoc, GenesisValidator};
use ed25519_dalek::{Signer as _, SigningKey};
use tendermint::{
    AppHash, Hash, PublicKey, Signature, Time as HeaderTime, account,
    block::{Commit, CommitSig, Header, Id, header::Version, parts, signed_header::SignedHeader},
    validator, vote,
};

const CHAIN: &str = "light-dev";
const REAL: &str = "light-1";
const START_SECONDS: i64 = 1_790_000_000;
const DAY_MS: u64 = 86_400_000;

/// Validators as (seed of the key, power).
type Members = Vec<(u8, u64)>;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn public(seed: u8) -> PublicKey {
    PublicKey::from_raw_ed25519(key(seed).verifying_key().as_bytes()).unwrap()
}

fn set(members: &Members) -> validator::Set {
    let info = |(seed, power): &(u8, u64)| validator::Info::new(public(*seed), (*power).try_into().unwrap());
    validator::Set::without_proposer(members.iter().map(info).collect())
}

fn listed(members: &Members) -> Vec<Validator> {
    let validator = |(seed, power): &(u8, u64)| Validator {
        address: HexBytes(account::Id::from(public(*seed)).as_bytes().to_vec()),
        public_key: ApiHash(key(*seed).verifying_key().to_bytes()),
        power: *power,
    };
    members.iter().map(validator).collect()
}

/// A chain of headers: who signs which height is all there is to it.
#[derive(Clone)]
struct Chain {
    name: &'static str,
    members: Arc<dyn Fn(u64) -> Members + Send + Sync>,
    /// Who of a height's validators signs.
    signs: fn(u8) -> bool,
}

fn chain(members: impl Fn(u64) -> Members + Send + Sync + 'static) -> Chain {
    Chain { name: CHAIN, members: Arc::new(members), signs: |_| true }
}

/// Four at a time, of whom the oldest leaves every ten heights.
fn changing() -> Chain {
    chain(|height| {
        let first = u8::try_from(height / 10).unwrap() + 1;
        (first..first + 4).map(|seed| (seed, 10)).collect()
    })
}

impl Chain {
    fn genesis(&self) -> GenesisDoc {
        let validator =
            |(seed, power): (u8, u64)| GenesisValidator { public_key: key(seed).verifying_key().to_bytes(), power };
        GenesisDoc {
            chain_id: self.name.into(),
            genesis_time: Time(u64::try_from(START_SECONDS).unwrap() * 1_000),
            initial_height: 1,
            app_version: APP_VERSION,
            consensus: ConsensusParams::default(),
            validators: (self.members)(1).into_iter().map(validator).collect(),
            app: AppGenesis::default(),
        }
    }

    fn trust(&self) -> Trust {
        Trust::from_genesis(&self.genesis()).unwrap()
    }

    fn header(&self, height: u64) -> Header {
        let (now, next) = (set(&(self.members)(height)), set(&(self.members)(height + 1)));
        let seconds = START_SECONDS + i64::try_from(height).unwrap() - 1;
        Header {
            version: Version { block: 11, app: 1 },
            chain_id: self.name.parse().unwrap(),
            height: height.try_into().unwrap(),
            time: HeaderTime::from_unix_timestamp(seconds, 0).unwrap(),
            last_block_id: None,
            last_commit_hash: None,
            data_hash: None,
            validators_hash: now.hash(),
            next_validators_hash: next.hash(),
            consensus_hash: Hash::Sha256([1; 32]),
            app_hash: AppHash::try_from(vec![7; 32]).unwrap(),
            last_results_hash: None,
            evidence_hash: None,
            proposer_address: now.validators()[0].address,
        }
    }

    fn sign(&self, header: Header) -> SignedHeader {
        let members = (self.members)(header.height.value());
        let part_set_header = parts::Header::new(1, Hash::Sha256([2; 32])).unwrap();
        let block_id = Id { hash: header.hash(), part_set_header };
        let mut signatures = Vec::new();
        for (place, info) in set(&members).validators().iter().enumerate() {
            let (seed, _) = members.iter().find(|(seed, _)| public(*seed) == info.pub_key).unwrap();
            if !(self.signs)(*seed) {
                signatures.push(CommitSig::BlockIdFlagAbsent);
                continue;
            }
            let vote = vote::Vote {
                vote_type: vote::Type::Precommit,
                height: header.height,
                round: 0u16.into(),
                block_id: Some(block_id),
                timestamp: Some(header.time),
                validator_address: info.address,
                validator_index: u32::try_from(place).unwrap().try_into().unwrap(),
                signature: None,
                extension: vec![],
                extension_signature: None,
            };
            let signature = key(*seed).sign(&vote.into_signable_vec(header.chain_id.clone())).to_bytes();
            signatures.push(CommitSig::BlockIdFlagCommit {
                validator_address: info.address,
                timestamp: header.time,
                signature: Some(Signature::try_from(signature.to_vec()).unwrap()),
            });
        }
        let commit = Commit { height: header.height, round: 0u16.into(), block_id, signatures };
        SignedHeader::new(header, commit).unwrap()
    }

    fn block_of(&self, header: Header) -> LightBlock {
        let height = header.height.value();
        LightBlock {
            height,
            signed_header: Base64Bytes(encode_header(&self.sign(header))),
            validators: listed(&(self.members)(height)),
            next_validators: listed(&(self.members)(height + 1)),
        }
    }

    fn block(&self, height: u64) -> LightBlock {
        self.block_of(self.header(height))
    }
}

fn hash(block: &LightBlock) -> [u8; 32] {
    match decode_header(&block.signed_header.0).unwrap().header.hash() {
        Hash::Sha256(hash) => hash,
        Hash::None => panic!("no hash"),
    }
}

/// When nothing is too old or ahead.
const NOW: Time = Time(1_790_000_100_000);

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

#[test]
fn the_first_header_and_any_later_one_of_the_same_validators_are_believed_at_once() {
    let chain = chain(|_| vec![(1, 10), (2, 10), (3, 30)]);
    for height in [1, 2, 50] {
        let trust = chain.trust().advance(&chain.block(height), NOW).unwrap();
        assert_eq!((trust.height(), trust.chain_id()), (height, CHAIN));
    }
}

#[test]
fn a_header_signed_by_few_who_are_trusted_needs_one_in_between() {
    let chain = changing();
    // At 19 three of the four are those of genesis, at 29 two, at 39 one: that is not more than a third.
    assert_eq!(chain.trust().advance(&chain.block(29), NOW).unwrap().height(), 29);
    let error = chain.trust().advance(&chain.block(39), NOW).unwrap_err();
    assert!(matches!(error, VerifyError::NotEnoughTrust { height: 39, signed: 10, total: 40 }), "{error}");
    let between = chain.trust().advance(&chain.block(19), NOW).unwrap();
    assert_eq!(between.advance(&chain.block(39), NOW).unwrap().height(), 39);
}

#[test]
fn only_the_next_header_may_have_another_set_altogether() {
    let chain = chain(|height| if height < 10 { vec![(1, 10), (2, 10)] } else { vec![(3, 10), (4, 10)] });
    let before = chain.trust().advance(&chain.block(9), NOW).unwrap();
    assert_eq!(before.advance(&chain.block(10), NOW).unwrap().height(), 10);
    let far = chain.trust().advance(&chain.block(10), NOW).unwrap_err();
    assert!(matches!(far, VerifyError::NotEnoughTrust { height: 10, signed: 0, total: 20 }), "{far}");
    // The same header where the one before has not said who follows.
    let other = Chain { members: Arc::new(|_| vec![(1, 10), (2, 10)]), ..chain.clone() };
    let silent = other.trust().advance(&other.block(9), NOW).unwrap();
    let error = silent.advance(&chain.block(10), NOW).unwrap_err();
    assert!(matches!(error, VerifyError::Validators(10)), "{error}");
}

#[test]
fn a_wrong_list_of_validators_is_not_believed() {
    let chain = changing();
    let good = chain.block(5);
    let refused = |change: &dyn Fn(&mut LightBlock)| {
        let mut block = good.clone();
        change(&mut block);
        chain.trust().advance(&block, NOW).unwrap_err()
    };
    let wrong: [&dyn Fn(&mut LightBlock); 4] = [
        &|block| block.validators[0].power += 1,
        &|block| drop(block.validators.pop()),
        &|block| block.next_validators = listed(&vec![(9, 10)]),
        &|block| block.validators = listed(&vec![(9, 40)]),
    ];
    for change in wrong {
        let error = refused(change);
        assert!(matches!(error, VerifyError::Listed(5)), "{error}");
    }
    let senseless: [&dyn Fn(&mut LightBlock); 5] = [
        &|block| block.validators.clear(),
        &|block| block.next_validators.clear(),
        &|block| block.validators[0].power = u64::MAX,
        &|block| block.validators.iter_mut().for_each(|validator| validator.power = u64::MAX / 8),
        &|block| block.validators = block.validators.iter().cycle().take(2_000).cloned().collect(),
    ];
    for change in senseless {
        let error = refused(change);
        assert!(matches!(error, VerifyError::Malformed(_)), "{error}");
    }
    // An address beside a key means nothing.
    let mut named = good.clone();
    named.validators[0].address = HexBytes(vec![9; 20]);
    assert!(chain.trust().advance(&named, NOW).is_ok());
}

#[test]
fn wrong_and_missing_signatures_are_noticed() {
    let chain = changing();
    let edited = |change: &dyn Fn(&mut SignedHeader)| {
        let mut signed = chain.sign(chain.header(5));
        change(&mut signed);
        let block = LightBlock { signed_header: Base64Bytes(encode_header(&signed)), ..chain.block(5) };
        chain.trust().advance(&block, NOW).unwrap_err()
    };
    let changed = edited(&|signed| signed.header.app_hash = AppHash::try_from(vec![8; 32]).unwrap());
    assert!(matches!(changed, VerifyError::HeaderHash), "{changed}");
    let adapted = edited(&|signed| {
        signed.header.app_hash = AppHash::try_from(vec![8; 32]).unwrap();
        signed.commit.block_id.hash = signed.header.hash();
    });
    assert!(matches!(adapted, VerifyError::Commit(_)), "{adapted}");
    let none = edited(&|signed| signed.commit.signatures.fill(CommitSig::BlockIdFlagAbsent));
    assert!(matches!(none, VerifyError::Commit(_)), "{none}");
    let missing = edited(&|signed| drop(signed.commit.signatures.pop()));
    assert!(matches!(missing, VerifyError::Commit(_)), "{missing}");
    // Enough of the trusted power, but not of its own validators'.
    let half = Chain { signs: |seed| seed <= 2, ..chain.clone() };
    let few = chain.trust().advance(&half.block(5), NOW).unwrap_err();
    assert!(matches!(few, VerifyError::TooFewSignatures { signed: 20, total: 40 }), "{few}");
}

#[test]
fn another_chain_and_another_order_are_refused() {
    let chain = changing();
    let other = Chain { name: "other-dev", ..chain.clone() };
    let error = chain.trust().advance(&other.block(5), NOW).unwrap_err();
    assert!(matches!(error, VerifyError::ChainId { .. }), "{error}");
    let trust = chain.trust().advance(&chain.block(8), NOW).unwrap();
    for height in [8, 7] {
        let error = trust.advance(&chain.block(height), NOW).unwrap_err();
        assert!(matches!(error, VerifyError::Older { trusted: 8, .. }), "{error}");
    }
    let earlier = Header { time: chain.header(3).time, ..chain.header(9) };
    let error = trust.advance(&chain.block_of(earlier), NOW).unwrap_err();
    assert!(matches!(error, VerifyError::Order), "{error}");
    // Of the trusted height there is one header.
    let twin = Header { app_hash: AppHash::try_from(vec![8; 32]).unwrap(), ..chain.header(8) };
    assert!(matches!(trust.verify_header(&chain.sign(twin)), Err(VerifyError::OtherHeader(8))));
    assert!(trust.verify_header(&chain.sign(chain.header(8))).is_ok());
    assert!(matches!(trust.verify_header(&chain.sign(chain.header(7))), Err(VerifyError::Older { .. })));
}

#[test]
fn a_real_chain_is_judged_by_what_is_not_too_old_and_not_ahead() {
    let real = Chain { name: REAL, ..changing() };
    // Stake that leaves can be slashed for seven days; two thirds of that are 4 days and 16 hours.
    let last = Time(START_SECONDS.unsigned_abs() * 1_000 + 4 * DAY_MS + 16 * DAY_MS / 24 - 2);
    assert!(real.trust().advance(&real.block(9), last).is_ok());
    let late = Time(last.millis() + 1);
    let error = real.trust().advance(&real.block(9), late).unwrap_err();
    assert!(matches!(error, VerifyError::Expired(_)), "{error}");
    // From a newer header it goes on.
    let newer = real.block(5);
    let trust = Trust::from_header(&real.genesis(), hash(&newer), &newer).unwrap();
    assert_eq!(trust.advance(&real.block(9), late).unwrap().height(), 9);
    let early = Time(START_SECONDS.unsigned_abs() * 1_000 - 3_000);
    let error = real.trust().advance(&real.block(9), early).unwrap_err();
    assert!(matches!(error, VerifyError::Future(_)), "{error}");
    // The keys of a chain for development are public, and its clock is moved at will.
    assert!(changing().trust().advance(&changing().block(9), late).is_ok());
    assert!(changing().trust().advance(&changing().block(9), early).is_ok());
}

#[test]
fn a_header_is_trusted_by_its_hash_and_no_other() {
    let chain = changing();
    let block = chain.block(25);
    let trust = Trust::from_header(&chain.genesis(), hash(&block), &block).unwrap();
    assert_eq!(trust.height(), 25);
    assert!(trust.advance(&chain.block(44), NOW).is_ok());
    let error = Trust::from_header(&chain.genesis(), [9; 32], &block).unwrap_err();
    assert!(matches!(error, VerifyError::OtherHeader(25)), "{error}");
    let mut other_next = block.clone();
    other_next.next_validators = listed(&vec![(99, 10)]);
    let error = Trust::from_header(&chain.genesis(), hash(&block), &other_next).unwrap_err();
    assert!(matches!(error, VerifyError::Listed(25)), "{error}");
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
