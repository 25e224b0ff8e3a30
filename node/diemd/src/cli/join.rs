//! `diemd join`.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;
use diem_api::Hash;
use diem_cli::{
    Failure, common,
    failure::{failed, usage},
    output::{fields, say},
    trust::block_point,
};
use diem_config::{
    Config, Length, Override, edit,
    init::{Init, InitError, Source},
    roles::{Joined, PeerAddress},
};
use diem_core::development::is_development;
use diem_host::{
    home::{Home, HomeError},
    outlet,
};
use diem_runtime::App;

use super::node::{HomeArgs, run_node};
use crate::{
    devnet::ports::all_are_free,
    forget::forget_chain,
    join::{Join, Note, Plan, forget_ready},
    start::Start,
};

/// The distance between the port offsets that are tried, and the number of tries.
const STEP: u16 = diem_config::PORT_STEP;
const OFFSETS: u16 = 100;

/// Makes a home that follows the chain of other nodes, and runs its node.
#[derive(Debug, Args)]
pub struct JoinCommand {
    /// URLs of the HTTP API of nodes of the chain, such as http://127.0.0.1:1317. Two or more of different operators are
    /// compared with each other.
    #[arg(required = true, value_name = "URL")]
    urls: Vec<String>,
    /// Block that you trust, instead of the genesis or of what all nodes show.
    #[arg(long, value_name = "HEIGHT:HASH", value_parser = block_point)]
    trust: Option<(u64, Hash)>,
    /// Hash that the genesis must have.
    #[arg(long, value_name = "HASH")]
    genesis_hash: Option<Hash>,
    #[command(flatten)]
    home: HomeArgs,
    /// Execute all blocks from the genesis instead of restoring a snapshot.
    #[arg(long)]
    from_genesis: bool,
    /// Begin anew in a home that has a chain: state and blocks go, keys and signing state stay.
    #[arg(long)]
    again: bool,
    /// Go on with what the home has, where it has joined before: for containers, whose every start is the same command.
    #[arg(long, conflicts_with = "again")]
    once: bool,
    /// Stop where no snapshot comes, instead of executing all blocks.
    #[arg(long, conflicts_with = "from_genesis")]
    no_block_sync: bool,
    /// Time without another right chunk after which a snapshot is given up and the next one is tried, such as 120s.
    #[arg(long, value_name = "TIME", default_value = "120s", value_parser = patience)]
    patience: Length,
    /// Only prepare the home: `diemd start` goes on from there.
    #[arg(long)]
    no_start: bool,
    /// Trust what all nodes show without a question.
    #[arg(long)]
    yes: bool,
    /// Name of the node among its peers.
    #[arg(long, value_name = "NAME")]
    moniker: Option<String>,
    /// File that is written when the node follows the chain.
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

impl JoinCommand {
    /// Runs the command until the node stops.
    ///
    /// # Errors
    /// The sentence says what to do.
    pub fn run(self) -> Result<(), Failure> {
        outlet::detach().map_err(failed)?;
        let home = self.home.home();
        if self.once
            && (Note::read(&home).map_err(failed)?.is_some()
                || App::held_chain(&home.data()).map_err(failed)?.is_some())
        {
            return if self.no_start { Ok(()) } else { run_node(&Start::default(), &home) };
        }
        self.check_home(&home)?;
        if let Some(file) = &self.ready_file {
            forget_ready(file).map_err(failed)?;
        }
        let join = Join {
            urls: self.urls.clone(),
            genesis_hash: self.genesis_hash,
            trust: self.trust,
            from_genesis: self.from_genesis,
        };
        let plan = common::block_on(async {
            join.plan().await.map_err(|error| if error.is_usage() { usage(error) } else { failed(error) })
        })?;
        self.show(&plan)?;
        self.prepare(&home, &plan)?;
        if self.no_start {
            say(&format!("the home is ready: `diemd start --home {}` joins", home.root().display()));
            return Ok(());
        }
        run_node(&Start::default(), &home)
    }

    /// A home with a chain is begun anew only where that is asked for; its state is then not even read, as it may be damaged.
    fn check_home(&self, home: &Home) -> Result<(), Failure> {
        if self.again {
            return Ok(());
        }
        match App::held_chain(&home.data()).map_err(failed)? {
            Some(chain) => Err(usage(anyhow!(
                "{} holds the chain {} already: `diemd start --home {0}` goes on with it, and --again begins anew from a \
                 snapshot, which keeps keys and signing state",
                home.root().display(),
                chain.chain_id
            ))),
            None => Ok(()),
        }
    }

    fn show(&self, plan: &Plan) -> Result<(), Failure> {
        let how = match (plan.snapshot, &plan.pruned) {
            _ if self.from_genesis => "all blocks are executed from the genesis".to_owned(),
            (Some(height), _) => format!("by a snapshot; the newest that all nodes offer is of height {height}"),
            (None, None) => "by a snapshot, if one is offered within a minute".to_owned(),
            (None, Some((lowest, url))) => {
                format!("by a snapshot alone: no node has the first blocks any more, the lowest is {lowest}, of {url}")
            }
        };
        say(&fields([
            ("chain", plan.genesis.chain_id.clone()),
            ("genesis", hex::encode(plan.genesis.hash())),
            ("trusted block", format!("{}:{}", plan.trust.0, plan.trust.1)),
            ("because", plan.reason.clone()),
            ("joins", how),
        ]));
        for (url, other) in &plan.twice {
            say(&format!("{url} and {other} lead to one node, which says nothing more by being named twice"));
        }
        if plan.peers.len() == 1 && !self.from_genesis {
            say(
                "one node alone cannot be compared with others: whose turn it is to propose (which no hash covers) rests on its \
                 word; a second URL would be compared",
            );
        }
        if plan.asks {
            common::confirm("Compare the trusted block with a source that you trust. Go on?", self.yes)?;
        }
        Ok(())
    }

    /// Makes the home, or cleans the one that is there, and writes how it joins.
    fn prepare(&self, home: &Home, plan: &Plan) -> Result<(), Failure> {
        if home.exists() {
            let _lock = home.lock().map_err(failed)?;
            same_chain(home, plan)?;
            self.change_settings(home, plan)?;
            forget_chain(home).map_err(failed)?;
        } else {
            let source = Some(Source::Chain(Box::new(plan.genesis.clone())));
            let init = Init { source, hash: None, chain_id: None, settings: self.settings(plan)? };
            init.run(home).map_err(|error| match error {
                InitError::Home(_) | InitError::Keys(_) => failed(error),
                _ => usage(error),
            })?;
            if self.again {
                // Only its configuration was missing.
                let _lock = home.lock().map_err(failed)?;
                forget_chain(home).map_err(failed)?;
            }
        }
        let note = Note {
            urls: self.urls.clone(),
            trust_height: plan.trust.0,
            trust_hash: plan.trust.1.0,
            trust_time: plan.time,
            trust_reason: plan.reason.clone(),
            trust_seconds: plan.period.as_secs(),
            state_sync: !self.from_genesis,
            block_sync: !self.no_block_sync,
            patience_seconds: self.patience.0 / 1_000,
            ready_file: self.ready_file.as_ref().map(std::path::absolute).transpose().map_err(failed)?,
        };
        note.write(home).map_err(failed)
    }

    /// The settings of the new home: its peers, and on a development chain ports that are free.
    fn settings(&self, plan: &Plan) -> Result<Vec<Override>, Failure> {
        let peers = plan.peers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let mut settings = vec![Override::flag("join", "comet.peers", peers)];
        settings.extend(self.moniker.as_ref().map(|moniker| Override::flag("moniker", "moniker", moniker)));
        if !is_development(&plan.genesis.chain_id) {
            return Ok(settings);
        }
        let free = |offset| {
            let mut config = Config::default();
            (config.move_ports(offset).is_ok() && all_are_free(&config)).then_some((offset, config))
        };
        let (offset, config) = (0..OFFSETS)
            .find_map(|step| free(step.saturating_mul(STEP)))
            .ok_or_else(|| failed(anyhow!("no {OFFSETS} steps of {STEP} ports lead to free ports")))?;
        if offset > 0 {
            say(&format!(
                "the usual ports are taken here: all are moved by {offset}, the API to {}",
                config.api.listen
            ));
        }
        let metrics = config.metrics.listen.to_string();
        for (key, value) in [
            ("api.listen", config.api.listen.to_string()),
            ("metrics.listen", metrics),
            ("comet.p2p", config.comet.p2p.to_string()),
            ("comet.rpc", config.comet.rpc.to_string()),
            ("comet.metrics", config.comet.metrics.to_string()),
        ] {
            settings.push(Override::flag("join", key, value));
        }
        Ok(settings)
    }

    /// Changes what the configuration of a home that is there must have: the name that was given, the peers that it does not
    /// name yet, since those that it knows may not have what it needs, and where those are that have moved.
    fn change_settings(&self, home: &Home, plan: &Plan) -> Result<(), Failure> {
        let path = home.config_file();
        let name = path.display().to_string();
        let text = std::fs::read_to_string(&path).map_err(|error| failed(HomeError::io(&path, error)))?;
        let mut peers = Config::parse(&text, &name).map_err(usage)?.comet.peers;
        let (mut new, mut changed) = (Vec::new(), text.clone());
        for peer in &plan.peers {
            let peer: PeerAddress = peer.to_string().parse().map_err(|error: String| usage(anyhow!(error)))?;
            match peer.join(&mut peers) {
                Joined::Known => {}
                Joined::Added => new.push(peer.to_string()),
                Joined::InsteadOf(old) => new.push(format!("{peer} instead of {old}")),
            }
        }
        if let Some(moniker) = &self.moniker {
            changed = edit::change(&changed, &name, "moniker", moniker).map_err(usage)?;
        }
        if !new.is_empty() {
            changed = edit::change(&changed, &name, "comet.peers", &peers.join(",")).map_err(usage)?;
            say(&format!("`comet.peers` of this home has {} now", new.join(" and ")));
        }
        if changed == text { Ok(()) } else { home.write_config(&changed).map_err(failed) }
    }
}

/// A patience of at least ten seconds: CometBFT waits five for offers.
fn patience(text: &str) -> Result<Length, String> {
    let patience: Length = text.parse()?;
    if patience.0 < 10_000 { Err("the shortest patience is 10s".into()) } else { Ok(patience) }
}

/// Checks that a home that is there is one of this chain, before anything of it is removed.
fn same_chain(home: &Home, plan: &Plan) -> Result<(), Failure> {
    let own = diem_genesis::load(&home.genesis_file(), None).map_err(usage)?;
    if own.hash() == plan.genesis.hash() {
        return Ok(());
    }
    Err(usage(anyhow!(
        "{} is a home of the chain {} with genesis {}: give another chain a home of its own",
        home.root().display(),
        own.chain_id,
        hex::encode(own.hash())
    )))
}
