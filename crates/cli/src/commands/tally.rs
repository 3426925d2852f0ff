//! What a command did for one tenant after another.

use std::ops::ControlFlow;

use lastseen_engine::SyncError;
use lastseen_store::RunDetail;

use crate::app::Tenant;
use crate::exit::Exit;
use crate::output::{count, plain, say};
use crate::problem::Problem;

/// After so many tenants in a row without a run the others are left: what ails the database ails them too, and each may cost a timeout.
const TOO_MANY: u32 = 3;

/// The runs of a command, and how it went in all.
pub(crate) struct Tally {
    /// The worst so far.
    pub(crate) exit: Exit,
    /// The runs there are, in order.
    pub(crate) records: Vec<RunDetail>,
    all_tenants: bool,
    in_a_row: u32,
}

impl Tally {
    /// Nothing was done yet; `all_tenants` where one tenant's problem is not the command's.
    pub(crate) fn new(all_tenants: bool) -> Self {
        Self { exit: Exit::Success, records: Vec::new(), all_tenants, in_a_row: 0 }
    }

    /// There is a run.
    pub(crate) fn ran(&mut self, exit: Exit, record: RunDetail) {
        self.exit = self.exit.worse(exit);
        self.records.push(record);
        self.in_a_row = 0;
    }

    /// There is no run to show. Says why, and whether to go on with those that are `left`; what it did for others stays told.
    pub(crate) fn failed(&mut self, tenant: &Tenant, error: SyncError, left: usize) -> Result<ControlFlow<()>, Problem> {
        if !self.all_tenants {
            return Err(error.into());
        }
        let no_run = matches!(error, SyncError::Store(_) | SyncError::Selection(_));
        self.in_a_row = if no_run { self.in_a_row + 1 } else { 0 };
        let problem = Problem::from(error);
        self.exit = self.exit.worse(problem.exit);
        let what = format!("{}: {}", plain(&tenant.label()), problem.what);
        Problem { what, ..problem }.tell();
        if self.in_a_row < TOO_MANY || left == 0 {
            return Ok(ControlFlow::Continue(()));
        }
        say(&format!("{TOO_MANY} tenants in a row came to no run; {} left", count(left as u64, "tenant is", "tenants are")));
        Ok(ControlFlow::Break(()))
    }
}
