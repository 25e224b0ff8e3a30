//! A signing state that was set back, and homes that have a twin: none votes once, and each ends with exit code 7.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::json;

use super::{
    Four, LAST, Log, address, refused, signed, state_file,
    votes::{all_differ_in_step, votes_of},
};
use crate::support::{client::until, files::copy, ports::Ports, single::Single};

fn set_state(home: &Path, height: u64) {
    let state = json!({ "height": height.to_string(), "round": 0, "step": 3 });
    fs::write(state_file(home), state.to_string()).unwrap();
}

/// The votes that a stopped node has cast above a height.
fn cast_above(home: &Path, address: &[u8; 20], height: u64) -> usize {
    votes_of(home, address).iter().filter(|vote| vote.own && vote.height > height).count()
}

/// A copy of a home on another machine: other ports, and another name among peers, since they take each name once.
struct Twin {
    home: PathBuf,
    flags: Vec<String>,
    _ports: Ports,
    _folder: tempfile::TempDir,
}

impl Twin {
    fn of(home: &Path) -> Self {
        let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
        let twin = folder.path().join("home");
        copy(home, &twin);
        fs::remove_file(twin.join("cometbft/config/node_key.json")).unwrap();
        // The twin listens until it has heard the original, however slow that is.
        let flags = [ports.flags(), vec!["--set=signing.listen=1000".into()]].concat();
        Self { home: twin, flags, _ports: ports, _folder: folder }
    }

    /// Starts the twin beside the original, which signs: it must end without a vote.
    fn must_not_vote(&self, address: &[u8; 20]) {
        let before = signed(&self.home);
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        let said = refused(&self.home, &flags);
        assert!(said.contains("this node listens before it signs") && !said.contains("signs from now on"), "{said}");
        assert_eq!(cast_above(&self.home, address, before), 0);
        assert_eq!(signed(&self.home), before);
        // What it saw is kept: the next start does not even listen.
        let again = refused(&self.home, &flags);
        assert!(!again.contains("listens"), "{again}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_forgot_a_vote_or_has_a_twin_votes_not_once() {
    let mut four = Four::stopped().await;
    let (home, old) = (four.home(LAST), Twin::of(&four.home(LAST)));
    let own = address(&home);
    for node in 0..4 {
        four.start_one(node, &[]);
    }
    four.signs_above(LAST, signed(&home)).await;

    set_back(&mut four, &own).await;
    far_above(&mut four, &own).await;

    // A copy is started beside the original, two blocks later.
    four.stop_one(LAST);
    let copied = Twin::of(&home);
    let log = Log::from_now(&home);
    four.start_one(LAST, &[]);
    four.signs_above(LAST, signed(&copied.home) + 2).await;
    copied.must_not_vote(&own);
    // A home is restored from an old copy, while its key signs elsewhere.
    old.must_not_vote(&own);

    // The original goes on as if nothing had happened.
    four.signs_above(LAST, signed(&home)).await;
    assert!(!log.text().contains("not safe") && !log.text().contains("listens"), "{}", log.text());
    vouched_for(&mut four, &own).await;
    four.stop();
    let homes: Vec<PathBuf> = (0..4).map(|node| four.home(node)).collect();
    let homes: Vec<&Path> = homes.iter().map(PathBuf::as_path).chain([&*copied.home, &*old.home]).collect();
    assert!(all_differ_in_step(&homes, &own) > 10);
}

/// The signing state is set back by some heights, and to zero; with the newest one the node goes on at once.
async fn set_back(four: &mut Four, own: &[u8; 20]) {
    let home = four.home(LAST);
    // What is in no block, the guard cannot know: on a slow machine the others may have gone on without its last votes.
    let in_commits = until("a signature in a commit", async || {
        four.ask(LAST, &["validator", "status"])["signing"]["last_signed"].as_u64()
    })
    .await;
    four.stop_one(LAST);
    let (height, newest) = (signed(&home), fs::read(state_file(&home)).unwrap());
    for lower in [in_commits.min(height - 1) - 1, 0] {
        set_state(&home, lower);
        let said = refused(&home, &[]);
        assert!(said.contains(&format!("signed height {lower} last")), "{said}");
        assert!(said.contains(&hex::encode(own)) && !said.contains("CometBFT started"), "{said}");
        assert_eq!(signed(&home), lower, "nothing is raised without the owner's word");
    }
    assert_eq!(cast_above(&home, own, height), 0);
    fs::write(state_file(&home), newest).unwrap();
    let log = Log::from_now(&home);
    four.start_one(LAST, &[]);
    four.signs_above(LAST, height).await;
    assert!(!log.text().contains("listens"), "{}", log.text());
}

/// A signing state that the chain is far from reaching is believed, so that the key signs nothing; the node says so, and with
/// the right file it signs again at once.
async fn far_above(four: &mut Four, own: &[u8; 20]) {
    const FAR: u64 = 1_000_000;
    let home = four.home(LAST);
    four.stop_one(LAST);
    let (height, newest) = (signed(&home), fs::read(state_file(&home)).unwrap());
    set_state(&home, FAR);
    let log = Log::from_now(&home);
    four.start_one(LAST, &[]);
    let api = four.nodes[LAST].as_ref().unwrap().api.clone();
    let ready = async || reqwest::get(format!("{api}/readyz")).await.ok()?.text().await.ok();
    until("the reason why it is not ready", async || {
        ready().await.filter(|text| text.contains("this node's key signs nothing"))
    })
    .await;
    let said = log.text();
    let words =
        [&format!("signed height {FAR} last, and the chain stands at"), &hex::encode(own), "move the file away"];
    assert!(words.iter().all(|words| said.contains(*words)), "{said}");
    four.others_make(2).await;
    four.stop_one(LAST);
    assert_eq!(signed(&home), FAR, "nothing is lowered");
    assert_eq!(cast_above(&home, own, height), 0);
    // The chain has not been told of that height, so the right file is taken without a question.
    fs::write(state_file(&home), newest).unwrap();
    let log = Log::from_now(&home);
    four.start_one(LAST, &[]);
    four.signs_above(LAST, height).await;
    assert!(!log.text().contains("signs nothing") && !log.text().contains("listens"), "{}", log.text());
}

/// Whoever has lost the signing state and knows that nobody else signs has it raised; the node listens, and signs above.
async fn vouched_for(four: &mut Four, own: &[u8; 20]) {
    let home = four.home(LAST);
    four.stop_one(LAST);
    let height = signed(&home);
    fs::remove_file(state_file(&home)).unwrap();
    let flag = "--i-know-that-no-other-node-signs";
    let (status, said) = Single::start(&home, &[flag, &"00".repeat(20)]).ended();
    assert_eq!(status.code(), Some(2), "{said}");
    assert!(!state_file(&home).exists());
    let log = Log::from_now(&home);
    four.start_one(LAST, &[flag, &hex::encode(own), "--set", "signing.listen=3"]);
    four.signs_above(LAST, height + 3).await;
    let said = log.text();
    assert!(said.contains("3 blocks of others came without a signature"), "{said}");
    assert!(said.contains("its signing state is raised"), "{said}");
}
