//! A home that has a snapshot's state and no block yet: what cannot be done with it is said, and nothing is changed.

use std::{fs, num::NonZeroU64, path::Path, sync::Arc};

use diem_runtime::{
    App, Committed, Options, identity,
    snapshots::{Settings, TakeSnapshot, Taker},
};
use diem_testkit::TestChain;

use super::{hashes, refused};
use crate::support::{
    ports::Ports,
    process::{run, words},
    single::comet_home,
};

/// Commits empty blocks up to a height, and takes the snapshots that are due.
fn blocks(chain: &TestChain, taker: &Taker, height: u64) {
    while chain.app.info().height < height {
        let outcome = chain.force(Vec::new());
        let (rows, params) = chain.app.state_size();
        taker.after_commit(&Committed {
            height: outcome.block.info.height,
            root: outcome.finalized.root,
            time: outcome.block.info.time,
            retain_height: 0,
            tx_hashes: Vec::new(),
            rows,
            max_rows: params.max_rows,
        });
    }
}

/// Makes a home of this chain, whose state is that of the chain's newest snapshot; returns the height.
fn begin(chain: &TestChain, folder: &Path, ports: &Ports) -> (std::path::PathBuf, u64) {
    let genesis = folder.join("genesis.json");
    fs::write(&genesis, diem_genesis::to_json(&chain.doc)).unwrap();
    let (home, _) = comet_home(folder, ports, ["--genesis", genesis.to_str().unwrap()]);
    let offer = chain.app.list_snapshots().into_iter().next().unwrap();
    let root = chain.app.index().block(offer.height).unwrap().root;
    let app = App::open(&home.join("data"), Options::default()).unwrap();
    app.offer_snapshot(&offer, &root, &identity(&chain.doc)).unwrap();
    for index in 0..offer.chunks {
        let chunk = chain.app.load_chunk(offer.height, offer.format, index).unwrap();
        assert!(app.apply_chunk(index, chunk, "source").unwrap().wrong.is_empty());
    }
    assert_eq!((app.info().height, app.began_at()), (offer.height, Some(offer.height)));
    (home, offer.height)
}

#[test]
fn a_home_without_a_block_since_its_snapshot_says_what_cannot_be_done_yet() {
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let source = App::open(&folder.path().join("source"), Options::default()).unwrap();
    let chain = TestChain::on(source, 10);
    let settings = Settings { every_ms: NonZeroU64::new(u64::from(u32::MAX)), keep: 2 };
    let taker = Taker::new(Arc::clone(&chain.app), settings, |take: TakeSnapshot| {
        take.run();
    });
    blocks(&chain, &taker, 102);
    let (home, height) = begin(&chain, folder.path(), &ports);
    let before = hashes(&home.join("cometbft"));
    let archive = folder.path().join("archive.tar");
    for (line, code, expected) in [
        (&["rollback", "--yes"][..], 2, format!("this home began at {height} by a snapshot and stands at {height}")),
        (
            &["prune", "--keep-blocks", "10"],
            1,
            format!("this home began at {height} by a snapshot and has executed no block"),
        ),
        (
            &["snapshot", "create", archive.to_str().unwrap()],
            1,
            format!("began at {height} by a snapshot and has executed no"),
        ),
    ] {
        let ran = run(&[line, &["--home", home.to_str().unwrap()]].concat());
        assert_eq!(ran.status.code(), Some(code), "{line:?}: {}", words(&ran));
        let said = refused(&ran);
        assert!(said.contains(&expected), "{line:?}: {said}");
    }
    assert!(!archive.exists());
    assert_eq!(hashes(&home.join("cometbft")), before);
}
