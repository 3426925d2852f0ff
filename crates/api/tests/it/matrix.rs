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

/// A world, with what can be asked about in it.
struct Stage {
    world: World,
    own: Target,
    foreign: Target,
}

impl Stage {
    async fn new() -> Self {
        let world = World::new().await;
        let (own, foreign) = (Target::of(&world, OURS).await, Target::of(&world, THEIRS).await);
        let put = ROWS.iter().find(|row| row.id == "acknowledge_item").expect("a row");
        for target in [&own, &foreign] {
            let noted = world.send((put.request)(target).with(&world.admin().await)).await;
            assert!(noted.status.is_success(), "there is a note to take back: {noted:?}");
        }
        Self { world, own, foreign }
    }

    /// What an operation answers a caller. What they did is not to be seen by the next: then the stage is set anew.
    async fn status(&mut self, row: &Row, grant: Option<(Role, bool)>, foreign: bool) -> u16 {
        let request = (row.request)(if foreign { &self.foreign } else { &self.own });
        let changes = !request.method().is_safe();
        let request = match grant {
            None => request,
            Some((role, all)) => request.with(&self.world.token(role, if all { Tenants::All } else { only(OURS) }).await),
        };
        let status = self.world.send(request).await.status;
        if changes && status.is_success() {
            *self = Self::new().await;
        }
        status.as_u16()
    }
}

#[tokio::test]
async fn i21_the_matrix_of_roles_and_operations() {
    let mut stage = Stage::new().await;
    let mut matrix = format!("{:20}{:9}", "", "");
    for (name, _) in CALLERS {
        write!(matrix, "{name:>16}").expect("a String takes everything");
    }
    for row in ROWS {
        let sides = if row.about == About::Nothing { &[("", false)][..] } else { &[("own", false), ("foreign", true)] };
        for (side, foreign) in sides {
            write!(matrix, "\n{:20}{side:9}", row.id).expect("a String takes everything");
            for (_, grant) in CALLERS {
                write!(matrix, "{:>16}", stage.status(row, grant, *foreign).await).expect("a String takes everything");
            }
        }
    }
    insta::assert_snapshot!(matrix);
}
