//! Files that can't be opened: each is told as what it is, and left as it is.

use std::path::Path;

use lastseen_store::{OpenProblem, Store, StoreError};
use lastseen_store_sqlite::SqliteStore;
use sqlx::Connection;

async fn problem(path: &Path) -> OpenProblem {
    match SqliteStore::open(path).await {
        Err(StoreError::CannotOpen { problem, place: named, .. }) => {
            assert_eq!(named, path.display().to_string());
            problem
        }
        other => panic!("{} was not refused: {other:?}", path.display()),
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("letter.txt");
    let letter = "Dear Ada, this is no database. ".repeat(400);
    std::fs::write(&path, &letter).expect("written");
    assert_eq!(problem(&path).await, OpenProblem::NotADatabase);
    assert_eq!(std::fs::read_to_string(&path).expect("there"), letter);
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1, "no log was left beside it");
}

#[tokio::test]
async fn a_database_cut_off_in_the_middle_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("lastseen.db");
    SqliteStore::open(&path).await.expect("opens").close().await;
    let whole = std::fs::read(&path).expect("there");
    std::fs::write(&path, &whole[..whole.len() / 3]).expect("written");
    assert_eq!(problem(&path).await, OpenProblem::NotADatabase);
}

#[tokio::test]
async fn a_database_with_another_programs_mark_is_refused_even_when_it_is_empty() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("theirs.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut theirs = sqlx::SqliteConnection::connect_with(&options).await.expect("opens");
    sqlx::raw_sql("PRAGMA application_id = 1234").execute(&mut theirs).await.expect("set");
    theirs.close().await.expect("closes");
    assert_eq!(problem(&path).await, OpenProblem::NotLastseens);
}

#[tokio::test]
async fn a_folder_is_no_file_and_a_file_is_no_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(problem(folder.path()).await, OpenProblem::NotADatabase);
    std::fs::write(folder.path().join("file"), "").expect("written");
    assert_eq!(problem(&folder.path().join("file").join("lastseen.db")).await, OpenProblem::NoFolder);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_place_where_nobody_may_write_is_read_only() {
    // The kernel's own tree takes files from no user, root included, which other folders do not manage.
    assert_eq!(problem(Path::new("/sys/lastseen.db")).await, OpenProblem::ReadOnly);
    assert_eq!(problem(Path::new("/sys/lastseen/lastseen.db")).await, OpenProblem::NoFolder);
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_this_user_may_only_read_is_read_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("lastseen.db");
    SqliteStore::open(&path).await.expect("opens").close().await;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).expect("set");
    if std::fs::OpenOptions::new().append(true).open(&path).is_ok() {
        println!("skipped: this user may write to every file (root); the kernel's tree stands in for it in the test above");
        return;
    }
    assert_eq!(problem(&path).await, OpenProblem::ReadOnly);

    // A folder in which no log can be made beside the file.
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("set");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o500)).expect("set");
    assert_eq!(problem(&path).await, OpenProblem::ReadOnly);
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).expect("set");
}

#[tokio::test]
async fn eight_processes_that_open_a_new_file_at_once_all_open_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("lastseen.db");
    let openings = (0..8).map(|_| {
        let path = path.clone();
        tokio::spawn(async move { SqliteStore::open(&path).await })
    });
    for opening in openings.collect::<Vec<_>>() {
        let store = opening.await.expect("no panic").expect("opens");
        assert!(store.tenants().await.expect("answers").is_empty());
    }
}
