//! The binary `lastseen`: commands, configuration and output. It wires the other crates together and holds no rules.

mod advice;
mod app;
mod args;
mod commands;
mod config;
mod exit;
mod output;
mod problem;
mod progress;
#[cfg(test)]
mod reference;
mod signals;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use crate::args::Cli;
use crate::exit::Exit;
use crate::problem::Problem;

fn main() -> ExitCode {
    // clap prints help and usage errors itself and ends with 0 or 2, which are this program's codes too.
    let cli = Cli::parse();
    let outcome = logs(cli.log_filter()).and_then(|()| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(commands::run(cli))
    });
    match outcome {
        Ok(exit) => exit.into(),
        Err(problem) => {
            problem.tell();
            problem.exit.into()
        }
    }
}

/// What the targets of the database's driver begin with.
const DRIVER: &str = "sqlx";

/// Logs go to standard error: standard output is for answers alone.
fn logs(filter: &str) -> Result<(), Problem> {
    // The database's driver logs what a server or an address says: texts that are not ours, at whatever level. A filter that names one
    // of its parts would outdo the one that silences it.
    if filter.contains(DRIVER) {
        return Err(Problem::usage(format!(
            "--log: `{filter}` names {DRIVER}, and the database's driver is never logged: it quotes foreign texts"
        ))
        .next("leave it out; lastseen_engine=debug and lastseen_graph=debug say what Lastseen does"));
    }
    let filter = EnvFilter::builder().parse(format!("{filter},{DRIVER}=off")).map_err(|_| {
        Problem { exit: Exit::Usage, ..Problem::usage(format!("--log: `{filter}` is no filter")) }
            .next("write error, warn, info, debug or trace")
    })?;
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours).init();
    Ok(())
}
