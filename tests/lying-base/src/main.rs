//! The proxy by hand.

#![allow(clippy::disallowed_methods, reason = "a program that waits for its end")]

use std::time::Duration;

use clap::Parser;
use diem_lying_base::{FORMS, Lie, LyingBase, Options, Scope, StartError};
use rustix::process::getppid;

/// The interval at which the program looks whether its parent lives.
const TICK: Duration = Duration::from_millis(500);

/// An endpoint of Base for tests: it passes the truth of another endpoint on, except for the lies that are switched on.
///
/// It listens on 127.0.0.1 and ends with the program that started it. The first segment of a URL's path is the victim:
/// whoever asks http://127.0.0.1:8546/v1 is told the lies of `--victim v1`.
#[derive(Debug, Parser)]
#[command(name = "lying-base", after_long_help = lies(), after_help = "--help lists every lie")]
struct Arguments {
    /// The endpoint that knows the truth
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8545")]
    upstream: String,
    /// The port on 127.0.0.1; 0 takes any that is free
    #[arg(long, default_value_t = 8_546)]
    port: u16,
    /// A lie to tell; may be given several times
    #[arg(long = "lie", value_name = "LIE[=VALUE]")]
    lies: Vec<Lie>,
    /// Lies to this victim only, the first segment of the path of its URL
    #[arg(long)]
    victim: Option<String>,
    /// Lies about blocks above this number only
    #[arg(long, value_name = "BLOCK")]
    above: Option<u64>,
    /// Lies to questions with this method only, such as eth_getProof
    #[arg(long)]
    method: Option<String>,
    /// Shows `finalized` so many blocks behind the newest, instead of the upstream's own
    #[arg(long, value_name = "BLOCKS")]
    finality: Option<u64>,
    /// The seed of the lies: two proxies with the same seed and lies agree
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The number of minutes after which it ends by itself
    #[arg(long, default_value_t = 480)]
    minutes: u64,
}

impl Arguments {
    fn scope(&self) -> Scope {
        let mut scope = self.victim.as_deref().map_or_else(Scope::default, Scope::victim);
        if let Some(block) = self.above {
            scope = scope.above(block);
        }
        match &self.method {
            Some(method) => scope.method(method),
            None => scope,
        }
    }
}

/// The list of lies for the help.
fn lies() -> String {
    let mut text = String::from("Lies:");
    for form in FORMS {
        let value = match (form.value, form.default) {
            ("", _) => String::new(),
            (value, "") => format!("={value}"),
            (value, default) => format!("[={value}], by default {default}"),
        };
        text.push_str(&format!("\n  {}{value}\n          {}", form.name, form.sentence));
    }
    text
}

fn main() -> Result<(), StartError> {
    let parent = getppid();
    let arguments = Arguments::parse();
    let Arguments { port, seed, finality, .. } = arguments;
    let proxy = LyingBase::start(Options { upstream: arguments.upstream.clone(), port, seed, finality })?;
    for lie in &arguments.lies {
        proxy.lie_within(arguments.scope(), lie.clone());
    }
    #[expect(clippy::print_stdout, reason = "whoever started it wants to know where it listens")]
    {
        println!("{}", proxy.url());
    }
    let mut left = Duration::from_secs(arguments.minutes.saturating_mul(60));
    while getppid() == parent && !left.is_zero() {
        std::thread::sleep(TICK);
        left = left.saturating_sub(TICK);
    }
    Ok(())
}
