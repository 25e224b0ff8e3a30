//! `diemd validator watch`: how a validator stands, live. On a terminal the picture is drawn over the last one; elsewhere
//! each change is a line.

mod command;
mod marks;
mod screen;
mod state;

use std::{
    io::{self, IsTerminal as _},
    time::{Duration, Instant},
};

use anyhow::anyhow;
use clap::Args;
use diem_cli::{
    Failure,
    common::block_on,
    failure::failed,
    output::{Output, plain, plain_json, print_line, say},
};
use diem_client::Client;
use diem_core::Time;
use diem_host::{clock, outlet, signals::Signals};

use super::look::{Looker, Unseen, ValidatorStatus, Which};
use command::Commands;
use marks::Marks;
use screen::Screen;
use state::{Change, Seen, State};

/// The time from one look to the next: half of that of a usual block.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest that a look may take: a node that hangs is as good as one that is gone.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest that the question may take whether the node itself is well.
const PROBE: Duration = Duration::from_secs(3);
/// The words of a watch whose lines or pictures are lost.
const UNWRITTEN: &str = "the watch cannot be written to standard output";
/// The checks of a node that is not well enough to know how its validator stands.
const NEED: &str = "/readyz?need=last_block,catching_up";

#[derive(Debug, Args)]
pub(super) struct WatchCommand {
    #[command(flatten)]
    which: Which,
    /// Command to run at each change of state.
    #[arg(long, value_name = "CMD")]
    exec: Option<String>,
    /// Look once, and end.
    #[arg(long)]
    once: bool,
}

impl WatchCommand {
    pub(super) fn run(self) -> Result<(), Failure> {
        let output = self.which.output;
        let looker = self.which.looker()?;
        // A terminal that takes nothing must not hold up the command that alarms somebody.
        outlet::detach().map_err(failed)?;
        let screen = (output == Output::Table && !self.once && is_drawn_on()).then(Screen::default);
        let watch = |signals| Watch {
            looker,
            signals,
            output,
            screen,
            commands: self.exec.as_deref().map(Commands::start),
            seen: Seen::default(),
            marks: Marks::default(),
            last: None,
            unwritten: None,
        };
        block_on(async {
            let signals = Signals::listen().map_err(failed)?;
            watch(signals).run(self.once).await
        })
    }
}

/// Whether standard output is a terminal whose text can be drawn over, and whose user wants that.
fn is_drawn_on() -> bool {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    io::stdout().is_terminal() && !is_dumb && !is_set("NO_COLOR")
}

struct Watch {
    looker: Looker,
    signals: Signals,
    output: Output,
    screen: Option<Screen>,
    commands: Option<Commands>,
    seen: Seen,
    marks: Marks,
    /// What was seen when the node answered last.
    last: Option<ValidatorStatus>,
    /// Why what it shows cannot be written, if it cannot.
    unwritten: Option<io::Error>,
}

impl Watch {
    async fn run(mut self, once: bool) -> Result<(), Failure> {
        loop {
            let begun = Instant::now();
            let look = tokio::select! {
                look = look(&mut self.looker) => Some(look),
                () = self.signals.any() => None,
            };
            let Some(look) = look else { break };
            let look = match look {
                Ok(status) => Ok(status),
                // A question that was answered once is not wrong: the node may be another one now.
                Err(Unseen::Question(failure)) if self.last.is_none() => return Err(failure),
                Err(Unseen::Question(failure)) => Err(failure.error.to_string()),
                Err(Unseen::Node(reason)) => Err(reason),
            };
            self.take(look);
            if once || self.is_for_nobody() {
                break;
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE.saturating_sub(begun.elapsed())) => {}
                () = self.signals.any() => break,
            }
        }
        self.end(once).await
    }

    /// Takes in what a look has shown.
    fn take(&mut self, look: Result<(ValidatorStatus, Option<String>), String>) {
        let (state, reason) = match &look {
            Err(reason) => (State::Down, Some(reason.clone())),
            Ok((status, behind)) => {
                self.marks.add(status);
                (State::of(status, behind.is_some()), behind.clone())
            }
        };
        if let Ok((status, _)) = look {
            self.last = Some(status);
        }
        let change = self.seen.next(state, self.last.as_ref(), reason, Time(clock::now()));
        if let Some(commands) = &mut self.commands {
            if let Some(change) = change.as_ref().filter(|change| change.state != change.was) {
                commands.run(change);
            }
            // What went wrong with a command is said where it does not tear the picture.
            let trouble = commands.trouble();
            match (&mut self.screen, trouble) {
                (Some(screen), Some(trouble)) => screen.notice(&trouble),
                (None, Some(trouble)) => say(&trouble),
                (_, None) => {}
            }
        }
        match (&mut self.screen, change) {
            (Some(screen), _) => screen.draw(&self.seen, self.last.as_ref(), &self.marks),
            (None, Some(change)) => print(&change, self.output),
            (None, None) => {}
        }
    }

    /// Whether what the watch shows cannot be written, and it does nothing else. One that runs a command goes on, since it
    /// alarms somebody all the same.
    fn is_for_nobody(&mut self) -> bool {
        if let Some(error) = outlet::out_failure()
            && self.unwritten.is_none()
        {
            if self.commands.is_some() {
                say(&format!("{UNWRITTEN}: {error}; the command still runs at each change"));
            }
            self.unwritten = Some(error);
        }
        self.unwritten.is_some() && self.commands.is_none()
    }

    async fn end(self, once: bool) -> Result<(), Failure> {
        // The terminal is as it was before whatever is said now.
        drop(self.screen);
        if let Some(commands) = self.commands
            && once
        {
            commands.finish().await.iter().for_each(|trouble| say(trouble));
        }
        outlet::finish();
        // A reader that has seen enough and closed the pipe is no failure.
        let unwritten =
            self.unwritten.or_else(outlet::out_failure).filter(|error| error.kind() != io::ErrorKind::BrokenPipe);
        if let Some(error) = unwritten {
            return Err(failed(anyhow!("{UNWRITTEN}: {error}")));
        }
        match self.seen.state {
            None | Some(State::Ok) => Ok(()),
            Some(state) => Err(failed(anyhow!("the watch ended in the state {}: {}", state.name(), self.seen.text))),
        }
    }
}

/// Looks at the validator, and asks the node whether it is well enough to know.
async fn look(looker: &mut Looker) -> Result<(ValidatorStatus, Option<String>), Unseen> {
    let both = async {
        let status = looker.look(false).await?;
        Ok((status, behind(looker.client()).await))
    };
    let late = |_| Unseen::Node(format!("the node did not answer within {} s", PATIENCE.as_secs()));
    tokio::time::timeout(PATIENCE, both).await.map_err(late)?
}

/// Why the node is behind, if it is.
async fn behind(client: &Client) -> Option<String> {
    let (is_well, body) = client.probe(NEED, PROBE).await.ok()?;
    if is_well {
        return None;
    }
    let ready: diem_api::Ready = serde_json::from_slice(&body).ok()?;
    Some(ready.why())
}

/// Prints a change as one line.
fn print(change: &Change, output: Output) {
    let line = match output {
        Output::Table => plain(&change.line()).into_owned(),
        Output::Json => plain_json(&serde_json::to_string(change).unwrap_or_default()).into_owned(),
    };
    print_line(&line);
}
