//! Listening where no block comes: validators that stopped together make blocks again, once they have found each other.

use std::{fs, time::Duration};

use crate::support::{
    home::{Home, until},
    network::Network,
};

/// The time for which these nodes listen where no block comes.
const STILL: Duration = Duration::from_secs(2);

/// Has a home listen at its next start, whatever the age of its last block.
fn shorten(home: &mut Home) {
    home.signing.stale = Some(Duration::ZERO);
    home.signing.listen_still = STILL;
}

/// Whether CometBFT was started with another key than the home's.
fn listens(home: &Home) -> bool {
    fs::read_to_string(home.comet().join("config/config.toml")).unwrap().contains("listening/")
}

/// The key with which a node of this home has listened last, which each listening makes anew. Unlike what CometBFT is
/// started with it stays, however soon the listening ends.
fn other_key(home: &Home) -> Option<Vec<u8>> {
    fs::read(home.signing.run.join("listening/config/priv_validator_key.json")).ok()
}

fn mark(home: &Home) -> Option<String> {
    fs::read_to_string(home.signing.run.join("mark")).ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn four_that_stopped_together_find_each_other_and_go_on() {
    let mut network = Network::start(4, |_| {}).await;
    network.reach(3).await;
    let height = network.app(0).info().height;
    for at in 0..4 {
        assert!(!listens(&network.homes[at]), "a new chain has nobody to listen to");
        network.stop_one(at).await;
        shorten(&mut network.homes[at]);
    }
    let marks: Vec<_> = network.homes.iter().map(mark).collect();

    // One alone learns nothing of the others, however long it waits.
    network.start_one(0);
    assert!(listens(&network.homes[0]));
    tokio::time::sleep(3 * STILL).await;
    assert!(listens(&network.homes[0]) && mark(&network.homes[0]).is_none());
    for at in 1..4 {
        let before = other_key(&network.homes[at]);
        network.start_one(at);
        assert_ne!(other_key(&network.homes[at]), before, "it listens");
    }
    network.reach(height + 5).await;
    for (home, before) in network.homes.iter().zip(marks) {
        until("all sign again", || !listens(home)).await;
        assert!(mark(home).is_some() && mark(home) != before);
    }
    // Those that have signed up to here are not a minority that the others made blocks without.
    network.agree(network.app(0).info().height + 3).await;
    network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_of_one_goes_on_after_it_has_listened_whatever_became_of_its_mark() {
    let mut home = Home::new();
    home.signing.listen_still = STILL;
    let node = home.start();
    node.reach(2).await;
    node.stop().await;
    let height = async |home: &Home, listened: bool| {
        let before = other_key(home);
        let node = home.start();
        assert_eq!(other_key(home) != before, listened);
        let from = node.app.info().height;
        node.reach(from + 2).await;
        assert!(!listens(home));
        node.stop().await;
    };
    // An ordinary restart passes at once.
    height(&home, false).await;
    // Without its mark, and with a copy of it, the home may be another.
    let path = home.signing.run.join("mark");
    let text = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    height(&home, true).await;
    fs::write(&path, text).unwrap();
    height(&home, true).await;
    height(&home, false).await;
    // A file with two names may be the mark of two homes.
    let kept = home.signing.run.join("kept");
    fs::hard_link(&path, &kept).unwrap();
    height(&home, true).await;
    // The mark of an earlier start is in its place and the store has a later one, as after a kill between the two.
    fs::rename(&kept, &path).unwrap();
    height(&home, true).await;
    // The last block is older than the limit. Whoever ends the node while it listens does not end the listening.
    shorten(&mut home);
    home.start().stop().await;
    home.signing.stale = None;
    height(&home, true).await;
    height(&home, false).await;
}
