//! `diemd config`.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::{Args, Subcommand};
use diem_cli::{
    Failure,
    failure::{failed, usage},
    output::{Output, fields, print_text, say},
};
use diem_config::{
    Config, ConfigError, Override,
    edit::{self, Setting, Source},
    version::{self, Migrated},
};
use diem_host::home::{Home, write_new};
use serde::Serialize;

use super::{
    node::HomeArgs,
    role::{OtherSide, RoleName},
};

/// Looks at the configuration of a home, changes it, and brings an older file up to date.
#[derive(Debug, Args)]
pub struct ConfigCommand {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Print all settings as they count: the file with the environment over it.
    Show(ShowCommand),
    /// Print the value of one setting.
    Get(GetCommand),
    /// Change one setting in the file; comments and all other lines stay.
    Set(SetCommand),
    /// Make the node a validator behind sentries, or a sentry of a validator.
    Role(RoleCommand),
    /// Check that a node would start with this configuration.
    Check(CheckCommand),
    /// Write a file of an older version anew, with comments; the old one stays beside it.
    Migrate(MigrateCommand),
}

#[derive(Debug, Args)]
struct ShowCommand {
    #[command(flatten)]
    home: HomeArgs,
    /// Name where each value comes from: the file, a variable of the environment, or the default.
    #[arg(long)]
    origin: bool,
    /// How to print the settings.
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    output: Output,
}

#[derive(Debug, Args)]
struct GetCommand {
    /// Name of the setting, such as api.listen.
    #[arg(value_name = "KEY")]
    key: String,
    #[command(flatten)]
    home: HomeArgs,
}

#[derive(Debug, Args)]
struct SetCommand {
    /// Name of the setting, such as api.listen.
    #[arg(value_name = "KEY")]
    key: String,
    /// New value; lists are separated by commas.
    #[arg(value_name = "VALUE", allow_hyphen_values = true)]
    value: String,
    #[command(flatten)]
    home: HomeArgs,
}

#[derive(Debug, Args)]
struct RoleCommand {
    /// Place of the node.
    #[arg(value_enum, value_name = "ROLE")]
    role: RoleName,
    #[command(flatten)]
    other_side: OtherSide,
    #[command(flatten)]
    home: HomeArgs,
}

#[derive(Debug, Args)]
struct CheckCommand {
    #[command(flatten)]
    home: HomeArgs,
}

#[derive(Debug, Args)]
struct MigrateCommand {
    #[command(flatten)]
    home: HomeArgs,
}

/// A setting as programs read it.
#[derive(Serialize)]
struct SettingView {
    key: String,
    value: serde_json::Value,
    origin: String,
}

impl ConfigCommand {
    /// Runs the command and prints its result.
    ///
    /// # Errors
    /// The sentence says what to do.
    pub fn run(self) -> Result<(), Failure> {
        match self.verb {
            Verb::Show(command) => command.run(),
            Verb::Get(command) => command.run(),
            Verb::Set(command) => command.run(),
            Verb::Role(command) => command.run(),
            Verb::Check(command) => command.run(),
            Verb::Migrate(command) => command.run(),
        }
    }
}

fn settings(home: &Home) -> Result<Vec<Setting>, Failure> {
    edit::settings(&home.config_file(), std::env::vars()).map_err(usage)
}

impl ShowCommand {
    fn run(self) -> Result<(), Failure> {
        let settings = settings(&self.home.home())?;
        if self.output == Output::Json {
            let view = |setting: Setting| {
                let value = serde_json::to_value(&setting.value).map_err(failed)?;
                Ok(SettingView { key: setting.key, value, origin: setting.source.to_string() })
            };
            let views = settings.into_iter().map(view).collect::<Result<Vec<SettingView>, Failure>>()?;
            return self.output.print(&views, |_| String::new());
        }
        let width = settings.iter().map(|setting| setting.key.len().saturating_add(setting.value.to_string().len()));
        let width = width.max().unwrap_or(0).min(60);
        let line = |setting: &Setting| {
            let line = format!("{} = {}", setting.key, setting.value);
            if self.origin { format!("{line:<width$}  # {}", setting.source) } else { line }
        };
        print_text(&settings.iter().map(line).collect::<Vec<_>>().join("\n"))
    }
}

impl GetCommand {
    fn run(self) -> Result<(), Failure> {
        let settings = settings(&self.home.home())?;
        match settings.iter().find(|setting| setting.key == self.key) {
            Some(setting) => print_text(&setting.text()),
            None => {
                let known: Vec<&str> = settings.iter().map(|setting| setting.key.as_str()).collect();
                let hint = diem_genesis::readable::nearest(&self.key, &known);
                let hint = hint.map(|near| format!(": did you mean `{near}`?"));
                Err(usage(anyhow!("there is no setting `{}`{}", self.key, hint.unwrap_or_default())))
            }
        }
    }
}

impl SetCommand {
    fn run(self) -> Result<(), Failure> {
        let home = self.home.home();
        let path = home.config_file();
        let text = read(&path)?;
        let changed = edit::change(&text, &path.display().to_string(), &self.key, &self.value).map_err(usage)?;
        let value = if self.value.is_empty() { "empty" } else { &self.value };
        if changed == text {
            say(&format!("{} is {value} already", self.key));
            return Ok(());
        }
        home.write_config(&changed).map_err(failed)?;
        // What an operator has just written may still not count.
        match settings(&home)?.into_iter().find(|setting| setting.key == self.key) {
            Some(Setting { source: Source::Variable(name), value, .. }) => {
                say(&format!("{} is written, but {name} in the environment wins over it with {value}", self.key));
            }
            _ => say(&format!("{} is {value} from the next start of the node on", self.key)),
        }
        Ok(())
    }
}

impl RoleCommand {
    fn run(self) -> Result<(), Failure> {
        let home = self.home.home();
        let path = home.config_file();
        let (name, text) = (path.display().to_string(), read(&path)?);
        let before = Config::parse(&text, &name).map_err(usage)?;
        let role = self.other_side.role(Some(self.role))?;
        let settings = role.map(|role| role.settings(&before.comet)).unwrap_or_default();
        let changed = settings
            .iter()
            .try_fold(text, |text, setting| edit::change(&text, &name, &setting.key, &setting.value).map_err(usage))?;
        let after = Config::parse(&changed, &name).map_err(usage)?;
        home.write_config(&changed).map_err(failed)?;
        print_text(&fields(settings.iter().map(|setting| (setting.key.as_str(), setting.value.clone()))))?;
        for Override { key, .. } in &settings {
            if let (Some(old), Some(new)) = (before.value(key), after.value(key))
                && old != new
            {
                say(&format!("{key} was {old} and is {new}"));
            }
        }
        say("these are the settings from the next start of the node on");
        Ok(())
    }
}

impl CheckCommand {
    fn run(self) -> Result<(), Failure> {
        let home = self.home.home();
        let path = home.config_file();
        let settings = settings(&home)?;
        let config = Config::load(&path, std::env::vars(), &[]).map_err(usage)?;
        if !config.comet.binary.is_empty() {
            diem_comet::look(Some(Path::new(&config.comet.binary))).map_err(usage)?;
        }
        let of = |wanted: fn(&Source) -> bool| settings.iter().filter(|setting| wanted(&setting.source)).count();
        let migrated = migrated(&path)?;
        print_text(&fields([
            ("file", path.display().to_string()),
            ("version", migrated.from.to_string()),
            ("from the file", of(|source| *source == Source::File).to_string()),
            ("from the environment", of(|source| matches!(source, Source::Variable(_))).to_string()),
            ("defaults", of(|source| *source == Source::Default).to_string()),
            ("result", "succeeded".into()),
        ]))?;
        if migrated.is_old() {
            say("the file is of an older version, and is read as `diemd config migrate` would write it:");
            migrated.changes.iter().for_each(|change| say(change));
        }
        Ok(())
    }
}

impl MigrateCommand {
    fn run(self) -> Result<(), Failure> {
        let home = self.home.home();
        let path = home.config_file();
        let migrated = migrated(&path)?;
        if !migrated.is_old() {
            say(&format!("{} is of version {} already", path.display(), version::CURRENT));
            return Ok(());
        }
        let name = path.display().to_string();
        let text = migrated.written().map_err(|error| usage(anyhow!("{name}: {error}")))?;
        Config::parse(&text, &name).map_err(usage)?;
        let kept = keep(&path, migrated.from)?;
        home.write_config(&text).map_err(failed)?;
        migrated.changes.iter().for_each(|change| say(change));
        say(&format!("{name} is of version {} now; the old file is {}", version::CURRENT, kept.display()));
        Ok(())
    }
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| usage(ConfigError::Open { path: path.display().to_string(), reason: error.to_string() }))
}

fn migrated(path: &Path) -> Result<Migrated, Failure> {
    version::of_file(path).map_err(usage)
}

/// Copies the file beside itself, under a name that nothing has yet.
fn keep(path: &Path, version: u64) -> Result<PathBuf, Failure> {
    let text = read(path)?;
    for number in 0_u32.. {
        let extension = if number == 0 { format!("toml.v{version}") } else { format!("toml.v{version}.{number}") };
        let kept = path.with_extension(extension);
        match write_new(&kept, &text) {
            Ok(()) => return Ok(kept),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(anyhow!("{}: {error}", kept.display()))),
        }
    }
    Err(failed(anyhow!("{} has no free name beside it", path.display())))
}
