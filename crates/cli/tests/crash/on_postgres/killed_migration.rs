//! I12: a migration is one transaction.

use lastseen_test_postgres::Verdict;

use crate::on_postgres::database::{Database, servers};
use crate::on_postgres::points::ways_to_die;
use crate::on_postgres::process::Process;
use crate::on_postgres::trap::Trap;
use crate::on_postgres::watch::Step;
use crate::on_postgres::world::World;

#[test]
fn a_migration_that_is_killed_at_any_message_leaves_the_whole_schema_or_none() {
    let world = World::new(1);
    let undisturbed = Trap::before(servers().address(), None);
    let migrated = Process::run(world.migrate(&undisturbed.owner_url(&Database::empty(servers().address()).name)));
    assert_eq!(migrated.code, Some(0), "{migrated:?}");
    for (moment, verdict) in ways_to_die(&undisturbed.watch(), 4) {
        println!("{moment:?} {verdict:?}");
        let database = Database::empty(servers().address());
        let trap = Trap::before(servers().address(), Some(moment));
        let process = Process::start(world.migrate(&trap.owner_url(&database.name)));
        trap.sprung();
        process.kill();
        trap.answer(verdict);
        database.wait_until_left();
        let tables = database.ask("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'");
        let is_whole = matches!(moment.0, Step::Commit(_)) && verdict == Verdict::Forward;
        assert_eq!(tables == "0", !is_whole, "{tables} tables are there");
        database.migrate(&world);
        // The program refuses a schema that is not whole.
        let opened = Process::run(world.command(&database.url(), &["runs", "--tenant", &world.tenant(0).to_string()]));
        assert!(opened.err.contains("does not know the tenant"), "{opened:?}");
    }
}
