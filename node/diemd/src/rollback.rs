//! The last blocks of a stopped home are undone, in CometBFT and in the application.
//!
//! CometBFT goes first and says where it stands; the application follows to that height, and their hashes are compared.
//! Between the two the application is ahead, which a start after a kill replays. Whoever was killed in between runs the
//! command again.

use std::path::Path;

use diem_comet::{
    find::{FindError, find},
    rollback::{RollbackError as CometError, RolledBack, roll_back},
};
use diem_config::{Config, ConfigError};
use diem_core::Fatal;
use diem_host::home::{Home, HomeError};
use diem_runtime::App;
use diem_staking::query;
use diem_store::StoreError;

use crate::start;

/// What is undone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rollback {
    /// The number of heights.
    pub(crate) blocks: u64,
    /// Whether the blocks are removed and fetched anew, instead of being executed again. CometBFT keeps the block of one
    /// height only, so that more than one are always removed.
    pub(crate) remove: bool,
}

/// What was undone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Undone {
    /// The last height before.
    pub(crate) before: u64,
    /// The last height now.
    pub(crate) height: u64,
    /// The hash of the state now.
    pub(crate) app_hash: [u8; 32],
    /// Whether the blocks above were removed.
    pub(crate) removed: bool,
}

/// Why nothing, or not everything, was undone.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RollbackError {
    /// The home cannot be used, or its node runs.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The configuration is not valid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The state cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A restore of an archive did not end.
    #[error("{0} was being restored from an archive when the process ended: `diemd snapshot restore` goes on")]
    Unfinished(String),
    /// The chain has no block here.
    #[error("there is nothing to undo: no block was committed in this home yet")]
    Empty,
    /// No block was executed since the snapshot by which the home began, or only the first.
    #[error(
        "this home began at {began} by a snapshot and stands at {height}: CometBFT can undo the second block after a snapshot \
         and later ones; `diemd join --again` begins anew from a newer snapshot"
    )]
    Young {
        /// The last height.
        height: u64,
        /// The height of the snapshot.
        began: u64,
    },
    /// The blocks were made by the development engine.
    #[error(
        "the instant engine made the last block here, and only a running node takes that back: POST /v1/dev/revert with a \
         snapshot of it"
    )]
    Instant,
    /// What would undo the heights is gone.
    #[error(
        "this home can go back from height {height} to {oldest} and no further: `store.past_heights` says how many heights \
         can be undone; `diemd join --again` begins anew from a snapshot"
    )]
    TooDeep {
        /// The last height.
        height: u64,
        /// The lowest height that can be reached.
        oldest: u64,
    },
    /// Below its first block a home that began by a snapshot has no block that CometBFT could go back to.
    #[error(
        "this home began at {began} by a snapshot and has no block below {oldest}, so that it can go back from height {height} \
         to {oldest} and no further; `diemd join --again` begins anew from a newer snapshot"
    )]
    Began {
        /// The last height.
        height: u64,
        /// The height of the snapshot.
        began: u64,
        /// The lowest height that can be reached.
        oldest: u64,
    },
    /// Nobody could make the removed blocks again.
    #[error(
        "this node is the only validator of its chain, and its key signs no height twice: nobody could make the removed \
         blocks again. Undo one height without --hard: its block is executed again"
    )]
    OnlyValidator,
    /// There is no CometBFT.
    #[error(transparent)]
    Find(#[from] FindError),
    /// CometBFT refuses.
    #[error(transparent)]
    Comet(#[from] CometError),
    /// The application cannot follow.
    #[error("CometBFT stands at height {height} now, and the application cannot follow: {reason}")]
    Behind {
        /// The height of CometBFT.
        height: u64,
        /// The fault.
        reason: String,
    },
    /// The two have different states of one height.
    #[error(
        "after height {height} the application has the state {own}, and the chain has {chain}: this home is damaged below \
         what was undone; undo more, or begin anew with `diemd join --again`"
    )]
    Hash {
        /// The height of both.
        height: u64,
        /// The root of the application.
        own: String,
        /// The app hash that the chain agreed on.
        chain: String,
    },
}

impl Rollback {
    /// Undoes the heights; `on` hears of each height that CometBFT has reached.
    ///
    /// # Errors
    /// [`RollbackError`]. Before [`RollbackError::Comet`] nothing was changed.
    pub(crate) fn run(self, home: &Home, on: impl Fn(u64)) -> Result<Undone, RollbackError> {
        let _lock = home.lock()?;
        if crate::archive::is_unfinished(home) {
            return Err(RollbackError::Unfinished(home.root().display().to_string()));
        }
        let config = Config::load(&home.config_file(), std::env::vars(), &[])?;
        let app = start::open(home, &config)?;
        let before = app.info().height;
        let target = self.check(&app, before)?;
        let named = (!config.comet.binary.is_empty()).then(|| Path::new(&config.comet.binary));
        let binary = find(named, &on_search)?.path;
        let comet = loop {
            let comet = roll_back(&binary, &home.comet(), self.removes())?;
            on(comet.height);
            // A block that stays is rolled back once: its state is one below it then.
            if comet.height <= target || !self.removes() {
                break comet;
            }
        };
        follow(&app, comet)?;
        Ok(Undone { before, height: comet.height, app_hash: comet.app_hash, removed: self.removes() })
    }

    const fn removes(self) -> bool {
        self.remove || self.blocks > 1
    }

    /// Checks that all of it can be done, and returns the height to go back to.
    fn check(self, app: &App, before: u64) -> Result<u64, RollbackError> {
        if before == 0 {
            return Err(RollbackError::Empty);
        }
        if matches!(diem_instant::made(app, before), Ok(true)) {
            return Err(RollbackError::Instant);
        }
        let target = before.saturating_sub(self.blocks);
        let oldest = app.undoes_to().unwrap_or(before);
        // CometBFT goes back to a height whose block it has; the first one is the block after the snapshot.
        if let Some(began) = app.began_at() {
            let first = began.saturating_add(1);
            if before <= first {
                return Err(RollbackError::Young { height: before, began });
            }
            if oldest <= first && target < first {
                return Err(RollbackError::Began { height: before, began, oldest: first });
            }
        }
        if target < oldest {
            return Err(RollbackError::TooDeep { height: before, oldest });
        }
        let snapshot =
            app.snapshot(None).map_err(|error| RollbackError::Behind { height: before, reason: error.to_string() })?;
        if self.removes() && query::consensus_set(&snapshot.context()).len() == 1 {
            return Err(RollbackError::OnlyValidator);
        }
        Ok(target)
    }
}

fn on_search(text: &str) {
    tracing::info!("{text}");
}

/// Takes the application back to where CometBFT stands. It may be there already, or behind, which a start replays.
fn follow(app: &App, comet: RolledBack) -> Result<(), RollbackError> {
    while app.info().height > comet.height {
        app.rollback().map_err(|Fatal(reason)| RollbackError::Behind { height: comet.height, reason })?;
    }
    let info = app.info();
    if info.height == comet.height && info.root != comet.app_hash {
        return Err(RollbackError::Hash {
            height: info.height,
            own: hex::encode(info.root),
            chain: hex::encode(comet.app_hash),
        });
    }
    Ok(())
}
