//! Which path a request is for.

use lastseen_contracts::{PARENT_ID, PathContract};
use url::form_urlencoded;

/// Whether what stands below the version prefix is this path. Where the path has a parent, any id will do here.
pub(crate) fn fits(path: &PathContract, below: &str) -> bool {
    let (mut known, mut asked) = (path.path.split('/'), below.split('/'));
    loop {
        match (known.next(), asked.next()) {
            (None, None) => return true,
            (Some(PARENT_ID), Some(id)) if !id.is_empty() => {}
            (Some(known), Some(asked)) if known == asked => {}
            _ => return false,
        }
    }
}

/// The id of the parent whose collection is asked for; none where the path has no parent.
pub(crate) fn parent_id(path: &PathContract, below: &str) -> Option<String> {
    let at = path.path.split('/').position(|segment| segment == PARENT_ID)?;
    // A plus is a plus in a path.
    let id = below.split('/').nth(at)?.replace('+', "%2B");
    form_urlencoded::parse(id.as_bytes()).next().map(|(id, _)| id.into_owned())
}

#[cfg(test)]
mod tests {
    use lastseen_contracts::Registry;

    use super::*;

    fn child() -> PathContract {
        PathContract { path: "/wholes/{id}/parts".to_owned(), ..Registry::builtin().paths()[0].clone() }
    }

    #[test]
    fn an_id_is_one_segment_whatever_it_holds() {
        let child = child();
        assert!(fits(&child, "/wholes/a%2Fb/parts") && fits(&child, "/wholes/{id}/parts"));
        for other in ["/wholes/a/b/parts", "/wholes//parts", "/wholes/a", "/wholes/a/parts/c", "/wholes/a/part", "/parts"] {
            assert!(!fits(&child, other), "{other}");
        }
        assert_eq!(parent_id(&child, "/wholes/a%2Fb+%20%C3%A9/parts").as_deref(), Some("a/b+ é"));
        assert_eq!(parent_id(&Registry::builtin().paths()[0], "/deviceManagement/deviceConfigurations"), None);
    }
}
