//! PostgreSQL and SQLite say the same.

use lastseen_store_conformance::two_databases_answer_alike;

use crate::sqlite::Sqlite;
use crate::support::Postgres;

#[test]
fn the_same_history_on_both_databases_gives_the_same_answers_to_the_byte() {
    two_databases_answer_alike(&Postgres::Direct, &Sqlite);
}
