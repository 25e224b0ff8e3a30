//! An application that is killed between its vote and the commit starts again, and is never suspected.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use diem_runtime::App;
use serde_json::Value;

use super::{Four, Log, address, signed, state_file, votes::all_differ_in_step};

/// The number of kills that come between vote and commit: `DIEM_GUARD_KILLS` for more.
fn kills() -> u32 {
    std::env::var("DIEM_GUARD_KILLS").map_or(3, |text| text.parse().unwrap())
}

/// Whether the last vote in a signing state was a precommit; while CometBFT replaces the file there may be none.
fn has_precommitted(text: &str, above: u64) -> bool {
    let state: Value = serde_json::from_str(text).unwrap_or_default();
    let height = state["height"].as_str().and_then(|height| height.parse::<u64>().ok());
    height.is_some_and(|height| height > above) && state["step"] == 3
}

/// Each validator has its turn, so that none falls far behind the others.
#[tokio::test(flavor = "multi_thread")]
async fn an_application_killed_between_vote_and_commit_goes_on() {
    let mut four = Four::start().await;
    let homes: Vec<PathBuf> = (0..4).map(|node| four.home(node)).collect();
    let logs: Vec<Log> = homes.iter().map(|home| Log::from_now(home)).collect();
    let (wanted, mut between, mut tries) = (kills(), 0, 0);
    while between < wanted {
        let (node, home) = (tries % 4, &homes[tries % 4]);
        tries += 1;
        assert!(tries as u32 <= 20 * wanted, "{between} of {tries} kills came between vote and commit");
        let before = four.signs_above(node, signed(home)).await;
        let file = state_file(home);
        while !has_precommitted(&fs::read_to_string(&file).unwrap_or_default(), before) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        four.nodes[node].take().unwrap().kill();
        let committed = App::held(&home.join("data")).unwrap().unwrap().height;
        between += u32::from(committed < signed(home));
        four.start_one(node, &[]);
    }
    for node in 0..4 {
        four.signs_above(node, signed(&homes[node]) + 1).await;
        let said = logs[node].text();
        assert!(!said.contains("not safe") && !said.contains("listens"), "{said}");
    }
    four.stop();
    let recorded: Vec<&Path> = homes.iter().map(PathBuf::as_path).collect();
    for home in &homes {
        assert!(all_differ_in_step(&recorded, &address(home)) > 2);
    }
}
