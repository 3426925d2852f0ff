//! Who may do what: every role, on every tenant or on one, does every operation to its own tenant and to a foreign one.

use std::fmt::Write;

use lastseen_model::{Role, Tenants};

use crate::operations::{About, ROWS, Row, Target};
use crate::support::{OURS, THEIRS, With, World, only};

/// Who asks: what stands above the column, and what they were granted.
const CALLERS: [(&str, Option<(Role, bool)>); 7] = [
    ("nobody", None),
    ("reader", Some((Role::Reader, false))),
    ("operator", Some((Role::Operator, false))),
    ("admin", Some((Role::Admin, false))),
    ("reader of all", Some((Role::Reader, true))),
    ("operator of all", Some((Role::Operator, true))),
    ("admin of all", Some((Role::Admin, true))),
];

/// What an operation answers a caller, in a world of its own: what one does is not to be seen by the next.
async fn status(row: &Row, grant: Option<(Role, bool)>, about: u8) -> u16 {
    let world = World::new().await;
    let target = Target::of(&world, about).await;
    if row.id == "unacknowledge_item" {
        let put = ROWS.iter().find(|row| row.id == "acknowledge_item").expect("a row");
        let noted = world.send((put.request)(&target).with(&world.admin().await)).await;
        assert!(noted.status.is_success(), "{noted:?}");
    }
    let request = (row.request)(&target);
    let request = match grant {
        None => request,
        Some((role, all)) => request.with(&world.token(role, if all { Tenants::All } else { only(OURS) }).await),
    };
    world.send(request).await.status.as_u16()
}

#[tokio::test]
async fn i21_the_matrix_of_roles_and_operations() {
    let mut matrix = String::new();
    write!(matrix, "{:20}{:9}", "", "").expect("a String takes everything");
    for (name, _) in CALLERS {
        write!(matrix, "{name:>16}").expect("a String takes everything");
    }
    for row in ROWS {
        let sides = if row.about == About::Nothing { &[("", OURS)][..] } else { &[("own", OURS), ("foreign", THEIRS)] };
        for (side, about) in sides {
            write!(matrix, "\n{:20}{side:9}", row.id).expect("a String takes everything");
            for (_, grant) in CALLERS {
                write!(matrix, "{:>16}", status(row, grant, *about).await).expect("a String takes everything");
            }
        }
    }
    insta::assert_snapshot!(matrix);
}
