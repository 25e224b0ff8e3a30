//! Help of a command with many verbs: they stand under headings by subject instead of in one long list.

use clap::{Command, Subcommand};
use console::Term;

/// The width of help: that of the terminal, at most this.
const WIDTH: usize = 80;

/// Verbs that belong together, under their heading.
pub struct Group {
    heading: &'static str,
    verbs: Command,
}

impl Group {
    /// The verbs of `V`.
    pub fn of<V: Subcommand>(heading: &'static str) -> Self {
        Self { heading, verbs: V::augment_subcommands(Command::new("verbs")) }
    }

    fn lines(&self) -> impl Iterator<Item = (&str, String)> {
        let verbs = self.verbs.get_subcommands().filter(|verb| !verb.is_hide_set());
        verbs.map(|verb| (verb.get_name(), verb.get_about().map(ToString::to_string).unwrap_or_default()))
    }
}

/// The template of the help page.
pub fn template(groups: &[Group]) -> String {
    let width = Term::stdout().size_checked().map_or(WIDTH, |(_, columns)| usize::from(columns).min(WIDTH));
    let longest = groups.iter().flat_map(Group::lines).map(|(name, _)| name.len()).max().unwrap_or_default();
    let mut text = String::from("{about-with-newline}\n{usage-heading} {usage}\n");
    for group in groups {
        text.push_str(&format!("\n{}:\n", group.heading));
        for (name, about) in group.lines() {
            let (first, rest) = (format!("  {name:longest$}  "), " ".repeat(longest.saturating_add(4)));
            let options = textwrap::Options::new(width).initial_indent(&first).subsequent_indent(&rest);
            text.push_str(&textwrap::fill(&about, options));
            text.push('\n');
        }
    }
    text.push_str("\nOptions:\n{options}{after-help}");
    text
}
