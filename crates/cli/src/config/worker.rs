//! How a worker takes runs: the flags over the file.

use lastseen_engine::WorkerSettings;

use super::file::{Length, WorkerConfig};
use super::{Config, between, within};
use crate::args::Serve;
use crate::problem::Problem;

impl Config {
    /// The settings of a worker, with what the command line says about it.
    pub(crate) fn worker_settings(&self, flags: &Serve) -> Result<WorkerSettings, Problem> {
        let said = WorkerConfig {
            runs_at_once: flags.runs_at_once,
            poll_every: flags.poll_every.map(Length),
            drain_for: flags.drain_for.map(Length),
        };
        checked(["--runs-at-once", "--poll-every", "--drain-for"], &said, &self.worker)
    }
}

/// The settings that the file gives a worker.
pub(super) fn of_file(file: &WorkerConfig) -> Result<WorkerSettings, Problem> {
    checked(["worker.runs_at_once", "worker.poll_every", "worker.drain_for"], file, &WorkerSettings::default())
}

fn checked([runs, poll, drain]: [&str; 3], said: &WorkerConfig, otherwise: &WorkerSettings) -> Result<WorkerSettings, Problem> {
    Ok(WorkerSettings {
        runs_at_once: between(runs, said.runs_at_once, 1, 64)?.unwrap_or(otherwise.runs_at_once),
        poll_every: within(poll, said.poll_every, 1, 60)?.unwrap_or(otherwise.poll_every),
        drain_for: within(drain, said.drain_for, 0, 3_600)?.unwrap_or(otherwise.drain_for),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
        let file = WorkerConfig { runs_at_once: Some(8), poll_every: Some(Length(Duration::from_secs(9))), drain_for: None };
        let file = of_file(&file).expect("within the bounds");
        let flags = WorkerConfig { runs_at_once: Some(2), ..WorkerConfig::default() };
        let settings = checked(["a", "b", "c"], &flags, &file).expect("within the bounds");
        assert_eq!((settings.runs_at_once, settings.poll_every, settings.drain_for), (2, Duration::from_secs(9), Duration::from_secs(25)));
    }

    #[test]
    fn what_is_out_of_bounds_is_refused_by_its_name() {
        let none = WorkerConfig { runs_at_once: Some(0), ..WorkerConfig::default() };
        assert_eq!(of_file(&none).expect_err("refused").what, "worker.runs_at_once must be between 1 and 64");
        let never = WorkerConfig { poll_every: Some(Length(Duration::from_secs(61))), ..WorkerConfig::default() };
        assert_eq!(of_file(&never).expect_err("refused").what, "worker.poll_every must be between 1s and 60s");
    }
}
