//! `diemd genesis`: looking at a genesis, and making one out of a chain's state.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::{Args, Subcommand};
use diem_config::consensus_key::address;
use diem_core::{Address, Amount, Denom, Time};
use diem_diem::Curve;
use diem_emissions::Segment;
use diem_genesis::{GenesisFile, presets};
use diem_host::clock::wall_clock;
use diem_runtime::{App, Options};
use diem_types::GenesisDoc;
use serde::Serialize;

use super::node::HomeArgs;
use diem_cli::{
    Failure,
    failure::{failed, usage},
    output::{Output, fields, list_in_full, print_json, print_text, quoted},
};

/// Look at the start of a chain, or make one out of a chain's state.
#[derive(Debug, Args)]
pub struct GenesisCommand {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show a genesis: who validates, who has what.
    Show {
        #[command(flatten)]
        which: Which,
        /// Form of the output; json is the canonical document.
        #[arg(long, value_enum, default_value_t, value_name = "FORM")]
        output: Output,
    },
    /// Print the readable file of a chain that comes with this program, to write another from it.
    Text {
        /// Name of the chain: dev, localnet or live.
        #[arg(value_parser = presets::NAMES)]
        name: String,
    },
    /// Print the hash, which names the chain.
    Hash {
        #[command(flatten)]
        which: Which,
    },
    /// Say whether a genesis can start a chain, and if not why.
    Validate {
        #[command(flatten)]
        which: Which,
    },
    /// Print the canonical genesis that would start a chain from the last state of a home. Its node must not run.
    Export {
        #[command(flatten)]
        home: HomeArgs,
        /// Time at which the new chain starts, not before the last block [default: now].
        #[arg(long, value_name = "TIME", value_parser = parse_time)]
        time: Option<Time>,
    },
}

/// The options that name a genesis.
#[derive(Debug, Args)]
struct Which {
    /// A readable TOML file, a genesis.json, or the name of a chain that comes with this program: dev, localnet, live
    /// [default: that of the home].
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    home: HomeArgs,
    /// Time that "now" stands for in the file, in RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    now: Option<Time>,
}

fn parse_time(text: &str) -> Result<Time, String> {
    match Time::parse_rfc3339(text) {
        Some(time) if time <= Time::LATEST => Ok(time),
        Some(_) => Err(format!("the latest time that a chain can start is {}", Time::LATEST)),
        None => Err("write RFC 3339 such as 2026-11-20T12:00:00Z".into()),
    }
}

impl Which {
    fn load(&self) -> Result<GenesisDoc, Failure> {
        let path = self.file.clone().unwrap_or_else(|| self.home.home().genesis_file());
        match preset(&path)? {
            Some(file) => file.resolve(self.now),
            None => diem_genesis::load(&path, self.now),
        }
        .map_err(usage)
    }
}

/// A file of that name wins over the preset.
fn preset(path: &Path) -> Result<Option<GenesisFile>, Failure> {
    let name = path.to_str().filter(|_| !path.exists());
    name.and_then(presets::preset).transpose().map_err(usage)
}

#[derive(Serialize)]
struct HashView {
    chain_id: String,
    genesis_hash: String,
}

impl GenesisCommand {
    /// Runs the command and prints its result.
    ///
    /// # Errors
    /// The sentence says what to do.
    pub fn run(self) -> Result<(), Failure> {
        match self.verb {
            Verb::Show { which, output } => {
                // To look at a genesis, any time is as good as another.
                let which = Which { now: which.now.or_else(|| Some(Time(wall_clock()()))), ..which };
                output.print(&which.load()?, table)
            }
            Verb::Text { name } => {
                let text = presets::text(&name).ok_or_else(|| usage(anyhow!("no chain `{name}` comes along")))?;
                print_text(text)
            }
            Verb::Hash { which } => {
                let view = HashView::of(&which.load()?);
                Output::Table.print(&view, |view| view.genesis_hash.clone())
            }
            Verb::Validate { which } => {
                let which = Which { now: which.now.or(Some(Time(1))), ..which };
                let genesis = which.load()?;
                // The modules have rules of their own, which only a start can tell.
                App::in_memory(Options::default()).init_chain(&genesis).map_err(|fatal| usage(anyhow!("{fatal}")))?;
                Output::Table.print(&HashView::of(&genesis), |view| format!("{} can start", view.chain_id))
            }
            Verb::Export { home, time } => {
                let home = home.home();
                let _lock = home.lock().map_err(failed)?;
                let app = App::open(&home.data(), Options::default()).map_err(failed)?;
                // A development chain's clock may be ahead of the wall's.
                let last = app.store().meta().map_or(0, |meta| meta.time_ms);
                let time = time.unwrap_or_else(|| Time(wall_clock()().max(last)));
                let genesis = app.export(time).map_err(failed)?;
                print_json(&diem_genesis::to_json(&genesis))
            }
        }
    }
}

impl HashView {
    fn of(genesis: &GenesisDoc) -> Self {
        Self { chain_id: genesis.chain_id.clone(), genesis_hash: hex::encode(genesis.hash()) }
    }
}

fn table(genesis: &GenesisDoc) -> String {
    let head = fields([
        ("chain", genesis.chain_id.clone()),
        ("starts", genesis.genesis_time.to_string()),
        ("first height", genesis.initial_height.to_string()),
        ("gas price", genesis.app.gas.min_price.display(Denom::Vvv)),
        ("gas of a block", genesis.app.gas.block_limit.to_string()),
        ("length of a day", readable_ms(genesis.app.epoch_ms.get())),
        ("grace of a day", readable_ms(genesis.app.credits.params.grace_ms)),
        ("unbonding", readable_ms(genesis.app.staking.params.unbonding_ms)),
        ("curve", curve(&genesis.app.diem.curve)),
        ("new VVV", schedule(&genesis.app.emissions.schedule)),
        ("authority", genesis.app.credits.params.authority.to_string()),
    ]);
    let validators = genesis.validators.iter().map(|validator| {
        let key = &validator.public_key;
        [hex::encode(address(key)), hex::encode(key), validator.power.to_string()]
    });
    let accounts = genesis.app.bank.accounts.iter();
    let accounts = accounts.map(|(address, row)| [address.to_string(), row.vvv.to_string(), row.diem.to_string()]);
    let validators = list_in_full(["validator", "key", "power"], validators);
    let providers = list_in_full(["provider", "name", "bond", "standing"], providers(&genesis.app.credits));
    format!("{head}\n\n{validators}\n\n{providers}\n\n{}", list_in_full(["account", "VVV", "DIEM"], accounts))
}

/// The providers of a genesis that somebody wrote, or of an exported chain, which has them in its rows.
fn providers(credits: &diem_credits::Genesis) -> impl Iterator<Item = [String; 4]> {
    let row = |address: &Address, name: &str, bond: Amount, standing: &str| {
        [address.to_string(), quoted(name), bond.display(Denom::Vvv), standing.to_owned()]
    };
    let listed = |listed| if listed { "listed" } else { "not listed" };
    let written = credits.providers.iter();
    let written = written.map(move |one| row(&one.provider, &one.moniker, one.bond, listed(one.listed)));
    let exported = credits.rows.iter().flat_map(|rows| &rows.providers).map(move |(address, provider)| {
        let standing = if provider.left.is_some() { "has left" } else { listed(provider.next.listed) };
        row(address, &provider.moniker, provider.bond, standing)
    });
    written.chain(exported)
}

/// A length of time in the largest unit that divides it: the way in which the readable file has it.
fn readable_ms(ms: u64) -> String {
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms")];
    let fits = |(unit, _): &(u64, &str)| ms.checked_rem(*unit) == Some(0);
    units
        .into_iter()
        .find(fits)
        .map_or_else(String::new, |(unit, name)| format!("{}{name}", ms.checked_div(unit).unwrap_or_default()))
}

fn curve(curve: &Curve) -> String {
    match curve {
        Curve::Table(steps) => {
            let end = steps.last().map_or(Amount::ZERO, |step| step.edge);
            format!("a table of {} steps up to {}", steps.len(), end.display(Denom::Diem))
        }
        Curve::Formula(formula) => format!(
            "{} * exp({} * (supply / {})^3), {} steps of {}",
            formula.base, formula.power, formula.target, formula.steps, formula.step
        ),
    }
}

fn schedule(segments: &[Segment]) -> String {
    let rate = |segment: &Segment| {
        let start = segment.from.millis() == 0;
        let from = if start { "from the start".into() } else { format!("from {}", segment.from) };
        format!("{} a year {from}", segment.per_year.display(Denom::Vvv))
    };
    segments.iter().map(rate).collect::<Vec<_>>().join(", ")
}
