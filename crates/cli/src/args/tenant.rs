//! The words of `lastseen tenant`.

use clap::{Args, Subcommand, ValueEnum};
use lastseen_model::{Cloud, TenantId};

#[derive(Debug, Subcommand)]
pub(crate) enum TenantCommand {
    /// Make a tenant known, or change what is known of it; brings a removed one back
    #[command(after_help = "\
Examples:
  lastseen tenant add 8c2f0c1e-5a54-4c0e-9d6b-3f1f0f6b7a10 --name Contoso
  lastseen tenant add 8c2f0c1e-5a54-4c0e-9d6b-3f1f0f6b7a10 --cloud usgov --client-id 11d4f0c6-5b0e-4c39-9c57-2f7a44a1c2b1 \\
      --credential certificate:/etc/lastseen/contoso.pem
  lastseen tenant add 8c2f0c1e-5a54-4c0e-9d6b-3f1f0f6b7a10 --unset credential,client-id

A credential is named by where it is kept, and is read there for each run, on the machine that makes it:
  env:LASTSEEN_CONTOSO_SECRET              a client secret in a variable of the environment
  file:/run/secrets/contoso                a client secret in a file
  certificate:/etc/lastseen/app.pem        a certificate with its key, PEM or PKCS#12; a password is named after it:
                                           certificate:/etc/lastseen/app.pfx,password=file:/run/secrets/pfx
  federated:/var/run/secrets/token         workload identity: an assertion in a file that someone renews
  managed-identity                         the identity that Azure gives the machine
What is not given stays as it is; a new tenant has what the configuration says.")]
    Add(Box<AddTenant>),
    /// List the tenants: names, clouds, credentials by where they are kept, limits
    #[command(after_help = "Example:\n  lastseen tenant list --all")]
    List {
        /// Also those that were removed
        #[arg(long)]
        all: bool,
    },
    /// Show one tenant: how it is reached, its limits, what was synced and when last
    #[command(after_help = "Example:\n  lastseen tenant show 8c2f0c1e-5a54-4c0e-9d6b-3f1f0f6b7a10")]
    Show {
        /// The tenant; by default the one of --tenant, else the only one the database knows
        #[arg(value_name = "GUID")]
        guid: Option<TenantId>,
    },
    /// Hide a tenant and sync it no more; what was seen of it stays, and `tenant add` brings it back
    #[command(after_help = "Example:\n  lastseen tenant remove 8c2f0c1e-5a54-4c0e-9d6b-3f1f0f6b7a10")]
    Remove {
        /// The tenant
        #[arg(value_name = "GUID")]
        guid: TenantId,
    },
    /// Delete everything that is known of a tenant, for ever
    #[command(after_help = "\
Examples:
  lastseen tenant purge 8c2f0c1e-5a54-4c0e-9d6b-3f1f0f6b7a10
  lastseen tenant purge 8c2f0c1e-5a54-4c0e-9d6b-3f1f0f6b7a10 --confirm 8c2f0c1e-5a54-4c0e-9d6b-3f1f0f6b7a10 \\
      --database postgres://lastseen_owner@db.example/lastseen

In PostgreSQL it takes the owner's address: the role that Lastseen works with can't delete an item. Asks for the GUID a second time;
where there is no terminal, --confirm says it. Refused while a run of the tenant is running.")]
    Purge {
        /// The tenant
        #[arg(value_name = "GUID")]
        guid: TenantId,
        /// The tenant's GUID once more, instead of being asked for it
        #[arg(long, value_name = "GUID")]
        confirm: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct AddTenant {
    /// The tenant, by its Entra GUID
    #[arg(value_name = "GUID")]
    pub(crate) guid: TenantId,
    /// Its name for people (1 to 200 characters)
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The cloud it is in: global (GCC, too), usgov (GCC High), usgov-dod or china; by default that of the configuration
    #[arg(long)]
    pub(crate) cloud: Option<Cloud>,
    // Read by the command: clap would repeat a text that is none, and somebody may have typed the secret.
    /// The app registration that signs in; by default that of the configuration
    #[arg(long, value_name = "ID")]
    pub(crate) client_id: Option<String>,
    /// Where its credential is kept; by default that of the configuration
    #[arg(long, value_name = "WHERE")]
    pub(crate) credential: Option<String>,
    /// How many of its runs may be running at once (1 to 100); by default limits.per_tenant
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) runs_at_once: Option<u32>,
    /// How many requests may be under way to it at once (1 to 64); by default graph.requests_at_once
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) requests_at_once: Option<u32>,
    /// Go back to the default for these, joined by commas
    #[arg(long, value_name = "WHAT", value_enum, value_delimiter = ',')]
    pub(crate) unset: Vec<Unset>,
}

/// What can go back to its default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Unset {
    /// The name
    Name,
    /// The cloud
    Cloud,
    /// The app registration
    ClientId,
    /// The credential
    Credential,
    /// The limit of runs
    RunsAtOnce,
    /// The limit of requests
    RequestsAtOnce,
}
