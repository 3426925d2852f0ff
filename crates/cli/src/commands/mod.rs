//! One file a command. A command asks the engine or the store and shows the answer; it holds no rules.

pub(crate) mod demo;
pub(crate) mod explain;
pub(crate) mod hash;
pub(crate) mod items;
pub(crate) mod migrate;
pub(crate) mod missing;
pub(crate) mod queue;
pub(crate) mod runs;
pub(crate) mod selections;
pub(crate) mod serve;
pub(crate) mod simulate;
pub(crate) mod sync;
pub(crate) mod types;

use crate::app::App;
use crate::args::{Cli, Command};
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
        Command::Sync(args) => sync::run(&App::new(&cli.global)?, args, &mut screen).await,
        Command::Migrate(args) => migrate::run(&App::new(&cli.global)?, args, &mut screen).await,
        Command::Serve(args) => serve::run(App::new(&cli.global)?, args).await,
        Command::Runs(args) => runs::run(&App::new(&cli.global)?, args, &mut screen).await,
        Command::Items(args) => items::run(&App::new(&cli.global)?, args, &mut screen).await,
        Command::Selections => selections::run(&App::new(&cli.global)?, &mut screen).await,
        Command::Missing(args) => missing::run(&App::new(&cli.global)?, args, &mut screen).await,
        Command::Explain(args) => explain::run(&App::new(&cli.global)?, args, &mut screen).await,
    }?;
    screen.flush()?;
    Ok(exit)
}
