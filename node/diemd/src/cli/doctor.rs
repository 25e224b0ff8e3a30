//! `diemd doctor`.

use std::{
    io,
    path::{Path, PathBuf},
};

use anyhow::anyhow;
use clap::Args;
use diem_cli::{
    Failure,
    common::block_on,
    failure::{failed, usage},
    output::{Output, say},
};
use diem_client::{Client, ClientError};
use serde::Serialize;

use super::node::HomeArgs;
use crate::{
    doctor::{self, Finding, Weight},
    join::Note,
};

/// Looks for what is not well with a node's home and machine; the node need not run. It ends with 1 where something stops
/// a node, and with 0 where there is advice at most.
#[derive(Debug, Args)]
pub struct DoctorCommand {
    #[command(flatten)]
    home: HomeArgs,
    /// URL of another node of the chain, whose genesis, version and clock are compared; may be given several times
    /// [default: those by which this home joined].
    #[arg(long, value_name = "URL")]
    url: Vec<String>,
    /// Write what support needs to see into this new file: findings, settings, versions, the end of the
    /// log, what the node says of itself, names of files, no secret.
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
    /// How to print the findings.
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    output: Output,
}

#[derive(Serialize)]
struct Found {
    findings: Vec<Finding>,
}

impl DoctorCommand {
    /// Runs the command and prints its result.
    ///
    /// # Errors
    /// Something stops the node.
    pub fn run(self) -> Result<(), Failure> {
        let home = self.home.home();
        let mut urls = self.url;
        if urls.is_empty()
            && let Ok(Some(note)) = Note::read(&home)
        {
            urls = note.urls;
        }
        // What was typed wrong is told as such. A URL that this machine cannot ask is a finding among others.
        let mistyped = urls.iter().find_map(|url| Client::new(url).err().filter(|e| matches!(e, ClientError::Url(_))));
        if let Some(error) = mistyped {
            return Err(usage(error));
        }
        let examined = block_on(async { Ok(doctor::examine(&home, &urls).await) })?;
        if let Some(file) = &self.bundle {
            doctor::write_bundle(&home, &examined, file).map_err(|error| failed(unwritten(file, &error)))?;
            say(&format!("{} has what support needs to see; look at it before you send it", file.display()));
        }
        let findings = examined.findings;
        let stopping = findings.iter().filter(|finding| finding.weight == Weight::Stops).count();
        self.output.print(&Found { findings }, shown)?;
        match stopping {
            0 => Ok(()),
            1 => Err(failed(anyhow!("one finding stops this node"))),
            many => Err(failed(anyhow!("{many} findings stop this node"))),
        }
    }
}

fn shown(found: &Found) -> String {
    if found.findings.is_empty() {
        return "nothing was found that is not well\n".into();
    }
    let one = |finding: &Finding| {
        let weight = match finding.weight {
            Weight::Stops => "STOPS",
            Weight::Advice => "advice",
        };
        let Finding { check, what, why, todo, .. } = finding;
        format!("{weight}: {check}\n  {what}\n  why: {why}\n  do:  {todo}\n")
    };
    found.findings.iter().map(one).collect::<Vec<_>>().join("\n")
}

/// Why there is no bundle, and what to do where the file is there already.
fn unwritten(file: &Path, error: &io::Error) -> anyhow::Error {
    match error.kind() {
        io::ErrorKind::AlreadyExists => {
            anyhow!(
                "{} cannot be written: it is there already, and no file is overwritten; name another",
                file.display()
            )
        }
        _ => anyhow!("{} cannot be written: {error}", file.display()),
    }
}
