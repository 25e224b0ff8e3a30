//! A consensus key that never leaves its signer: CometBFT's own program holds it, and in the long proof tmkms.

use std::{
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use super::tmkms;
use diem_api::ValidatorStanding;
use diem_client::Client;
use diem_core::Address;
use serde_json::Value;

use super::refusals::{Refusals, SAYS};
use crate::support::{
    client::{answering, height, person, reach, until},
    home::free_ports,
    image,
    left_out::left_out,
    network::turn,
    ports::Ports,
    process::{Ended, run, words},
    program,
    single::{Single, change_genesis, comet_home},
};

/// The chain whose votes prove keys, as the book names it.
const PROOF_CHAIN: &str = "diem-key-proof-1";

/// CometBFT's remote signer, compiled beside CometBFT itself. `None`, and a line that says so, where there is no Go.
fn signer_program() -> Option<PathBuf> {
    let engine = diem_comet::find(None, &|text| eprintln!("{text}")).unwrap();
    let folder = engine.path.parent().unwrap();
    let program = folder.join("priv_val_server");
    if program.exists() {
        return Some(program);
    }
    let module = "github.com/cometbft/cometbft/cmd/priv_val_server@v0.38.25";
    let Ok(made) = Command::new("go").args(["install", module]).env("GOBIN", folder).output() else {
        left_out("go", "there is no Go to compile CometBFT's remote signer with");
        return None;
    };
    assert!(made.status.success(), "{}", words(&made));
    Some(program)
}

/// The words with which CometBFT's program ends its search for a node that has not listened for a second; it then does
/// nothing more.
const GIVES_UP: &str = "Max retries exceeded";

/// A running signer, which connects to its node again and again until the node listens. Whoever runs CometBFT's program
/// starts it anew when it has given up, and so does this.
struct Signer {
    ends: Arc<AtomicBool>,
    keeper: Option<JoinHandle<()>>,
}

impl Signer {
    fn start(program: &Path, folder: &Path, address: &str, chain: &str) -> Self {
        let mut line = vec![program.display().to_string()];
        if program.ends_with("tmkms") {
            tmkms::configure(program, folder, address, chain);
            line.extend(["start", "-c"].map(str::to_owned));
            line.push(folder.join("tmkms.toml").display().to_string());
        } else {
            line.extend(["-addr", address, "-chain-id", chain].map(str::to_owned));
            for (flag, file) in [("-priv-key", "key.json"), ("-priv-state", "state.json")] {
                line.extend([flag.to_owned(), folder.join(file).display().to_string()]);
            }
        }
        Self::keep(line, folder.join("signer.log"))
    }

    /// Runs a command until the signer is dropped; what it says is added to `log`.
    fn keep(line: Vec<String>, log: PathBuf) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&ends);
        let keeper = thread::spawn(move || {
            while !told.load(SeqCst) {
                let file = File::options().create(true).append(true).open(&log).unwrap();
                let from = usize::try_from(file.metadata().unwrap().len()).unwrap();
                let mut command = Command::new(&line[0]);
                command.args(&line[1..]).stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
                let _running = Ended(command.spawn().unwrap());
                let has_given_up = || String::from_utf8_lossy(&fs::read(&log).unwrap()[from..]).contains(GIVES_UP);
                while !told.load(SeqCst) && !has_given_up() {
                    thread::sleep(Duration::from_millis(50));
                }
            }
        });
        Self { ends, keeper: Some(keeper) }
    }
}

impl Drop for Signer {
    fn drop(&mut self) {
        self.ends.store(true, SeqCst);
        let _ = self.keeper.take().map(JoinHandle::join);
    }
}

/// Writes a new key as CometBFT does, and returns its address in consensus.
fn new_key(folder: &Path) -> Address {
    fs::create_dir_all(folder.join("home/data")).unwrap();
    let key = diem_config::consensus_key::validator_key(&folder.join("home")).unwrap();
    fs::rename(folder.join("home/config/priv_validator_key.json"), folder.join("key.json")).unwrap();
    fs::rename(folder.join("home/data/priv_validator_state.json"), folder.join("state.json")).unwrap();
    Address(diem_staking::consensus_address(&key.public_key))
}

/// An address of this machine at which nobody listens.
fn free_address() -> String {
    let [address] = free_ports();
    format!("tcp://{address}")
}

/// Whether the key at this address signed the block before the last, as CometBFT of `node` shows its commit: the commit of
/// the last block itself holds no vote that came after it was decided.
async fn signs(node: &Single, address: &Address) -> bool {
    let config: toml::Table = fs::read_to_string(node.home.join("config.toml")).unwrap().parse().unwrap();
    let Some(last) = height(&node.client()).await else { return false };
    let url = format!("http://{}/commit?height={}", config["comet"]["rpc"].as_str().unwrap(), last - 1);
    let Ok(answer) = reqwest::get(url).await else { return false };
    let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    let signatures = answer["result"]["signed_header"]["commit"]["signatures"].as_array().cloned().unwrap_or_default();
    let own = hex::encode_upper(address.0);
    signatures.iter().any(|signature| signature["validator_address"] == own && signature["block_id_flag"] == 2)
}

async fn ready(node: &Single) -> String {
    match reqwest::get(format!("{}/readyz", node.api)).await {
        Ok(answer) => answer.text().await.unwrap(),
        Err(error) => error.to_string(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_in_a_signer_proves_itself_by_a_vote_and_signs_blocks_whenever_its_signer_is_there() {
    let Some(program) = signer_program() else { return };
    proves_itself_and_signs(&program).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_does_a_key_in_tmkms_with_the_configuration_of_the_book() {
    if std::env::var_os("SIGNER_TMKMS").is_none() {
        println!("left out: `make soak ARGS=tmkms` compiles tmkms for it");
        return;
    }
    proves_itself_and_signs(&tmkms::program()).await;
}

async fn proves_itself_and_signs(program: &Path) {
    let _turn = turn().await;
    let folder = tempfile::tempdir().unwrap();
    let [of_first, of_second] = [Ports::claim(), Ports::claim()];
    let at = |name: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(&path).unwrap();
        path
    };
    let (home, made) = comet_home(&at("first"), &of_first, ["--preset", "dev"]);
    // However slow this machine is, the validator is not jailed for the blocks that it misses while its signer is away.
    change_genesis(&home.join("genesis.json"), |doc| doc.app.staking.params.signed_window = 100_000);
    let first = Single::start(&home, &[]);
    let (key_folder, address) = (at("signer"), free_address());
    let own = new_key(&key_folder);
    let genesis = home.join("genesis.json");
    let (second, _) = comet_home(&at("second"), &of_second, ["--genesis", genesis.to_str().unwrap()]);
    // The home made a key, which a node with a signer neither needs nor uses.
    fs::remove_file(second.join("cometbft/config/priv_validator_key.json")).unwrap();

    // The proof, before the key signs anything else.
    let proof = prove(program, &key_folder, &second, &address);
    let file = folder.path().join("proof.json");
    fs::write(&file, &proof).unwrap();
    let proof: Value = serde_json::from_str(&proof).unwrap();
    assert!(proof["proof"]["consensus"]["seconds"].as_i64().is_some(), "{proof}");

    let wallet = at("wallet");
    let api = first.api.clone();
    let diemd = async |line: String| {
        let mut command = program::diemd(&wallet, &api);
        command.args(line.split_whitespace());
        program::run(command, "").await
    };
    answering(&first.client()).await;
    reach(&first.client(), 2).await;
    let phrase = folder.path().join("phrase");
    fs::write(&phrase, diem_genesis::presets::TEST_MNEMONIC).unwrap();
    let line = format!("keys import dave --plain-for diem-dev-1 --index 3 --phrase-file {}", phrase.display());
    diemd(line).await.ok();
    let line = format!(
        "tx create-validator --proof {} --moniker signed --self-stake 1500VVV --from dave --yes",
        file.display()
    );
    diemd(line).await.ok();

    // Without its signer the node waits, and says for what. From here on the two meet at a socket, which CometBFT leaves
    // behind whenever it ends.
    let socket = folder.path().join("signer.sock");
    let address = format!("unix://{}", socket.display());
    let setting = format!("comet.signer={address}");
    let p2p = fs::read_to_string(home.join("config.toml")).unwrap().parse::<toml::Table>().unwrap();
    let peer = format!("comet.peers={}@{}", made["node_id"].as_str().unwrap(), p2p["comet"]["p2p"].as_str().unwrap());
    let node = Single::start(&second, &["--set", &setting, "--set", &peer]);
    until("the node waits for its signer", async || {
        ready(&node).await.contains("waiting for the signer").then_some(())
    })
    .await;
    // CometBFT ends every few seconds meanwhile, which is never given up.
    tokio::time::sleep(Duration::from_secs(12)).await;
    assert!(ready(&node).await.contains("waiting for the signer"), "{}", ready(&node).await);

    let between = folder.path().join("between.sock");
    let refusals = Refusals::between(&between, &socket);
    let address_between = format!("unix://{}", between.display());
    let signer = Signer::start(program, &key_folder, &address_between, "diem-dev-1");
    until("a vote of the signer", async || signs(&first, &own).await.then_some(())).await;
    let standing = async |client: &Client| {
        let all = client.validators().await.unwrap().answer.items;
        all.into_iter().find(|validator| validator.operator == person(3).address).unwrap().standing
    };
    assert_eq!(standing(&first.client()).await, ValidatorStanding::Active);
    assert!(!second.join("cometbft/config/priv_validator_key.json").exists(), "no key is made here");
    // The metrics know by the signer whose validator this is.
    let metrics = format!("http://127.0.0.1:{}/metrics", 9_464 + of_second.offset);
    until("the signer's validator in the metrics", async || {
        let text = reqwest::get(&metrics).await.unwrap().text().await.unwrap();
        let has = |name: &str| text.lines().any(|line| line.starts_with(name));
        (has("diem_validator_jailed 0") && has("diem_validator_signed_height ")).then_some(())
    })
    .await;

    // A vote that the signer refuses is lost, and nothing else: the next one is asked for over the same connection.
    let after = height(&first.client()).await.unwrap();
    refusals.refuse(3);
    until("votes that were refused", async || (refusals.seen().0 == 3).then_some(())).await;
    reach(&first.client(), after + 3).await;
    until("votes after the refusals", async || signs(&first, &own).await.then_some(())).await;
    // CometBFT closes a connection that is silent for five seconds, as on a machine that stands still, but not each time.
    until("a vote over the connection of a refusal", async || (refusals.seen().1 > 0).then_some(())).await;
    assert_eq!(refusals.seen().0, 3);
    let log = fs::read_to_string(second.join("node.log")).unwrap();
    assert!(log.contains(SAYS), "{log}");
    until("the signer is there", async || ready(&node).await.contains("\"signer\":\"ok\"").then_some(())).await;

    // A signer that goes ends nothing: the node says so. One that comes back signs on.
    drop(signer);
    until("blocks without the signer", async || (!signs(&first, &own).await).then_some(())).await;
    until("the node misses its signer", async || ready(&node).await.contains("\"signer\":\"not\"").then_some(())).await;
    let signer = Signer::start(program, &key_folder, &address, "diem-dev-1");
    until("votes again", async || signs(&first, &own).await.then_some(())).await;
    until("the signer is there", async || ready(&node).await.contains("\"signer\":\"ok\"").then_some(())).await;
    each_absence_is_told_once(&second);
    assert!(node.stop().success());
    drop(signer);
    until("blocks without the node", async || (!signs(&first, &own).await).then_some(())).await;
    fs::write(second.join("node.log"), "").unwrap();
    // The two meet over TCP as well.
    let address = free_address();
    let setting = format!("comet.signer={address}");
    let node = Single::start(&second, &["--set", &setting, "--set", &peer]);
    let _signer = Signer::start(program, &key_folder, &address, "diem-dev-1");
    until("votes after a restart", async || signs(&first, &own).await.then_some(())).await;
    assert!(node.stop().success());
    assert!(first.stop().success());
}

/// Checks that the log tells each time that the signer was away, and its return, once: at the start, when it was ended, and
/// where a machine stood still for longer than CometBFT waits.
fn each_absence_is_told_once(home: &Path) {
    let log = fs::read_to_string(home.join("node.log")).unwrap();
    let (gone, back) = ("waiting for the signer, for as long as it takes", "the signer is connected again");
    let told: Vec<bool> =
        log.lines().filter(|line| line.contains(gone) || line.contains(back)).map(|line| line.contains(gone)).collect();
    assert!(told.len() >= 4 && told.iter().zip([true, false].iter().cycle()).all(|(one, other)| one == other), "{log}");
}

/// The seconds for which the signer of a chain's only validator is away: in the long proof so many that CometBFT gives up the
/// vote that it asks for.
fn seconds_away() -> u64 {
    std::env::var("SIGNER_AWAY").map_or(5, |text| text.parse().unwrap())
}

/// Starts the signer of our image, which finds a node again that was started anew.
fn start_ours(program: &Path, home: &Path, node: SocketAddr) -> Signer {
    let (program, node, place) = (program.display().to_string(), node.to_string(), home.display().to_string());
    let line = [&program, "-node", &node, "-chain-id", "diem-dev-1", "-home", &place].map(str::to_owned);
    Signer::keep(line.into(), home.join("signer.log"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_of_one_goes_on_when_its_signer_comes_back() {
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let Some(program) = image::signer_program(&folder.path().join("program")) else { return };
    let _turn = turn().await;
    let (home, _) = comet_home(folder.path(), &ports, ["--preset", "dev"]);
    let node = Single::start(&home, &[]);
    answering(&node.client()).await;
    reach(&node.client(), 2).await;
    assert!(node.stop().success());
    // The key moves into a signer, with what it has signed.
    let key_home = folder.path().join("signer");
    for file in ["config/priv_validator_key.json", "data/priv_validator_state.json"] {
        let to = key_home.join("cometbft").join(file);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::rename(home.join("cometbft").join(file), to).unwrap();
    }
    let [address] = free_ports();
    let setting = format!("comet.signer=tcp://{address}");
    let signer = start_ours(&program, &key_home, address);
    let node = Single::start(&home, &["--set", &setting, "--set", "signing.listen_still=1s"]);
    let client = node.client();
    until("blocks by the signer", async || height(&client).await.filter(|height| *height > 5)).await;

    drop(signer);
    until("the node misses its signer", async || ready(&node).await.contains("waiting for the signer").then_some(()))
        .await;
    tokio::time::sleep(Duration::from_secs(seconds_away())).await;
    let stood = height(&client).await.unwrap();
    assert!(ready(&node).await.contains("\"signer\":\"not\""), "{}", ready(&node).await);
    let _signer = start_ours(&program, &key_home, address);
    reach(&client, stood + 3).await;
    until("the signer is there", async || ready(&node).await.contains("\"signer\":\"ok\"").then_some(())).await;
    let log = fs::read_to_string(home.join("node.log")).unwrap();
    let anew = log.contains("CometBFT has given up the vote that it asked for");
    println!("away for {} s, CometBFT was started anew: {anew}", seconds_away());
    assert!(node.stop().success());
}

/// Has the signer prove its key for dave; also refuses what is no proof.
fn prove(program: &Path, key_folder: &Path, home: &Path, address: &str) -> String {
    let prove = |more: &[&str]| {
        let mut line = vec!["validator", "prove", "--home", home.to_str().unwrap()];
        line.extend(["--operator", &DAVE]);
        line.extend(more);
        run(&line)
    };
    let alone = prove(&["--signer", address, "--wait", "500ms"]);
    assert!(alone.status.code() == Some(1) && words(&alone).contains("no signer has connected"), "{}", words(&alone));
    let other = Signer::start(program, key_folder, address, "diem-dev-1");
    let refused = prove(&["--signer", address]);
    assert!(words(&refused).contains("has to serve the chain diem-key-proof-1"), "{}", words(&refused));
    drop(other);
    let _signer = Signer::start(program, key_folder, address, PROOF_CHAIN);
    let proven = prove(&["--signer", address]);
    assert!(proven.status.success(), "{}", words(&proven));
    // A key in a file proves itself where it lies.
    let by_file = prove(&["--consensus-key", key_folder.join("key.json").to_str().unwrap()]);
    assert!(by_file.status.success(), "{}", words(&by_file));
    String::from_utf8(proven.stdout).unwrap()
}

/// The address of the person who operates the validator.
static DAVE: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| person(3).address.to_string());

#[test]
fn a_chain_is_not_begun_by_a_key_that_is_not_here() {
    let folder = tempfile::tempdir().unwrap();
    let text = diem_genesis::presets::LOCALNET
        .split("[[validators]]")
        .next()
        .unwrap()
        .replace("\"now\"", "\"2026-11-20T12:00:00Z\"");
    let genesis = folder.path().join("genesis.toml");
    fs::write(&genesis, text).unwrap();
    let home = folder.path().join("home");
    let init = |source: [&str; 2], signer: &str| {
        let setting = format!("comet.signer={signer}");
        run(&["init", source[0], source[1], "--set", &setting, "--home", home.to_str().unwrap()])
    };
    let refused = words(&init(["--genesis", genesis.to_str().unwrap()], "tcp://127.0.0.1:26659"));
    assert!(refused.contains("this node's key is in a signer"), "{refused}");
    let refused = words(&init(["--preset", "dev"], "127.0.0.1:26659"));
    assert!(refused.contains("write tcp://127.0.0.1:26659 or unix:///path/to/socket, or off"), "{refused}");
    assert!(!home.exists());
    let made = init(["--preset", "dev"], "unix:///run/signer");
    assert!(
        made.status.success() && String::from_utf8_lossy(&made.stdout).contains("in the signer"),
        "{}",
        words(&made)
    );
    assert!(!home.join("cometbft/config/priv_validator_key.json").exists());
}
