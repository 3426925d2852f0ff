//! One file a command. A command asks the engine or the store and shows the answer; it holds no rules.

mod cancel;
pub(crate) mod demo;
mod diff;
mod doctor;
pub(crate) mod explain;
pub(crate) mod hash;
pub(crate) mod items;
pub(crate) mod migrate;
pub(crate) mod missing;
mod purge;
pub(crate) mod queue;
pub(crate) mod runs;
mod schedule;
pub(crate) mod selections;
pub(crate) mod serve;
pub(crate) mod simulate;
mod status;
pub(crate) mod sync;
mod tally;
pub(crate) mod tenant;
mod timeline;
mod token;
pub(crate) mod types;

use std::collections::BTreeSet;

use lastseen_model::{TenantId, Tenants};

use crate::app::App;
use crate::args::{Cli, Command, Global};
use crate::exit::Exit;
use crate::output::Screen;
use crate::problem::Problem;

/// Carries out what was asked for.
pub(crate) async fn run(cli: Cli) -> Result<Exit, Problem> {
    let mut screen = Screen::new(&cli.global);
    let exit = match &cli.command {
        Command::Hash(args) => hash::run(args, &mut screen),
        Command::Types => types::run(&mut screen),
        Command::Simulate(args) => simulate::run(args, &mut screen).await,
        Command::Demo(args) => demo::run(args, &cli.global, &mut screen).await,
        Command::Doctor(args) => doctor::run(&cli.global, args, &mut screen).await,
        Command::Sync(args) => with_database(&cli.global, async |app| sync::run(app, args, &mut screen).await).await,
        Command::Migrate(args) => with_database(&cli.global, async |app| migrate::run(app, args, &mut screen).await).await,
        Command::Serve(args) => with_database(&cli.global, async |app| serve::run(app, args).await).await,
        Command::Tenant(args) => with_database(&cli.global, async |app| tenant::run(app, args, &mut screen).await).await,
        Command::Runs(args) => with_database(&cli.global, async |app| runs::run(app, args, &mut screen).await).await,
        Command::Token(args) => with_database(&cli.global, async |app| token::run(app, args, &mut screen).await).await,
        Command::Schedule(args) => with_database(&cli.global, async |app| schedule::run(app, args, &mut screen).await).await,
        Command::Status(args) => with_database(&cli.global, async |app| status::run(app, args, &mut screen).await).await,
        Command::Timeline(args) => with_database(&cli.global, async |app| timeline::run(app, args, &mut screen).await).await,
        Command::Diff(args) => with_database(&cli.global, async |app| diff::run(app, args, &mut screen).await).await,
        Command::Items(args) => with_database(&cli.global, async |app| items::run(app, args, &mut screen).await).await,
        Command::Selections => with_database(&cli.global, async |app| selections::run(app, &mut screen).await).await,
        Command::Missing(args) => with_database(&cli.global, async |app| missing::run(app, args, &mut screen).await).await,
        Command::Explain(args) => with_database(&cli.global, async |app| explain::run(app, args, &mut screen).await).await,
    }?;
    screen.flush()?;
    Ok(exit)
}

/// The tenants that flags name. Nothing said is not every tenant: who gives that much away says so.
fn tenants_meant(app: &App, named: &[TenantId], all: bool, what: &str) -> Result<Tenants, Problem> {
    let some: BTreeSet<TenantId> = named.iter().copied().chain(app.tenant).collect();
    match (all, some.is_empty()) {
        (true, true) => Ok(Tenants::All),
        (false, false) => Ok(Tenants::Some(some)),
        (true, false) => Err(Problem::usage("--all-tenants and --tenant can't both hold").next("leave one of them out")),
        (false, true) => Err(Problem::usage(format!("{what} is for some tenants, or for all, and nothing was said of either"))
            .next("name them: --tenants <GUID>,<GUID>\nor write --all-tenants, which has those that come later, too")),
    }
}

/// A command that has a database, which is closed after it, however it went.
async fn with_database(global: &Global, command: impl AsyncFnOnce(&App) -> Result<Exit, Problem>) -> Result<Exit, Problem> {
    let app = App::new(global)?;
    let exit = command(&app).await;
    app.close().await;
    exit
}
