//! A second server that follows a first, and takes over.

use std::fs::File;
use std::io::Write;

use anyhow::{Context, Result, bail};

use crate::cluster::{Cluster, SUPERUSER};
use crate::{port, process, wait};

impl Cluster {
    /// A copy of this running cluster that follows it: it may be read, and [`Cluster::promote`] makes it a primary. It has this cluster's
    /// settings, a port of its own, and is streaming when this returns.
    ///
    /// # Errors
    /// The copy fails, does not start or does not follow; the text holds what PostgreSQL said.
    pub fn replica(&self) -> Result<Self> {
        let replica = Self::prepare(self.programs.clone(), self.options.clone())?;
        // A name that no other replica has, by which the primary tells whom it waits for.
        let name = format!("replica_{}", port::free()?);
        let primary = format!("host=127.0.0.1 port={} user={SUPERUSER} application_name={name}", self.port());
        let mut copy = self.programs.server("pg_basebackup");
        copy.args(["--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync", "--no-password", "--dbname"]);
        process::output(copy.arg(primary).arg("--pgdata").arg(replica.data()))?;
        // The copy has the primary's wish for a standby, and would wait for one as soon as it is primary itself.
        let mut settings = File::options().append(true).open(replica.data().join("postgresql.auto.conf"))?;
        writeln!(settings, "synchronous_standby_names = ''")?;

        let replica = replica.begin()?;
        wait::until("the replica to follow", || {
            let following = format!("SELECT count(*) FROM pg_stat_replication WHERE application_name = '{name}' AND state = 'streaming'");
            Ok(self.psql(SUPERUSER, &following)? == "1")
        })
        .with_context(|| replica.log())?;
        Ok(replica)
    }

    /// From here on a commit of this primary returns only when a replica has it too, and waits for ever if there is none.
    ///
    /// # Errors
    /// No replica follows; then nothing has changed.
    pub fn make_synchronous(&self) -> Result<()> {
        if self.psql(SUPERUSER, "SELECT count(*) FROM pg_stat_replication")? == "0" {
            bail!("no replica follows, so every commit would wait for ever");
        }
        self.wait_for_standbys("*")?;
        let synchronous = "SELECT count(*) > 0 FROM pg_stat_replication WHERE sync_state = 'sync' AND state = 'streaming'";
        wait::until("a synchronous replica", || Ok(self.psql(SUPERUSER, synchronous)? == "t")).or_else(|error| {
            self.wait_for_standbys("")?;
            Err(error)
        })
    }

    /// Lets commits of this primary return at once again: those that wait for a replica too.
    ///
    /// # Errors
    /// The server does not answer.
    pub fn make_asynchronous(&self) -> Result<()> {
        self.wait_for_standbys("")
    }

    fn wait_for_standbys(&self, names: &str) -> Result<()> {
        self.psql(SUPERUSER, &format!("ALTER SYSTEM SET synchronous_standby_names = '{names}'; SELECT pg_reload_conf();")).map(drop)
    }

    /// Makes a replica a primary, which waits for no other replica, and returns when it may be written to. What it followed should be dead
    /// or cut off by then, for nothing else tells that one.
    ///
    /// # Errors
    /// It is no replica, or does not get there.
    pub fn promote(&self) -> Result<()> {
        process::output(self.pg_ctl("promote").arg("--wait")).with_context(|| self.log())?;
        wait::until("the promoted server to take writes", || Ok(self.psql(SUPERUSER, "SELECT pg_is_in_recovery()")? == "f"))
    }
}
