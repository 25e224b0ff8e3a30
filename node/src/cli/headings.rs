//! Help of a command with many verbs: they stand under headings by subject instead of in one long list.

use clap::{Command, Subcommand};

/// Verbs that belong together, under their heading.
pub(super) struct Group {
    heading: &'static str,
    verbs: Command,
}

impl Group {
    /// The verbs of `V`.
    pub(super) fn of<V: Subcommand>(heading: &'static str) -> Self {
        Self { heading, verbs: V::augment_subcommands(Command::new("verbs")) }
    }

    fn lines(&self) -> impl Iterator<Item = (&str, String)> {
        let verbs = self.verbs.get_subcommands().filter(|verb| !verb.is_hide_set());
        verbs.map(|verb| (verb.get_name(), verb.get_about().map(ToString::to_string).unwrap_or_default()))
    }
}

/// The template of the help page.
pub(super) fn template(groups: &[Group]) -> String {
    let longest = groups.iter().flat_map(Group::lines).map(|(name, _)| name.len()).max().unwrap_or_default();
    let mut text = String::from("{about-with-newline}\n{usage-heading} {usage}\n");
    for group in groups {
        text.push_str(&format!("\n{}:\n", group.heading));
        for (name, about) in group.lines() {
            text.push_str(&format!("  {name:longest$}  {about}\n"));
        }
    }
    text.push_str("\nOptions:\n{options}{after-help}");
    text
}
