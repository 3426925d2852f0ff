//! A small registry for tests: one mixed collection with views by type and by field, one plain collection, one singleton.

use lastseen_contracts::{Observed, PathContract, Registry, Rejection};

pub(crate) const TEXT: &str = r#"
[[path]]
path = "/fruit/baskets"
api_version = "beta"
workload = "intune"
permission = "Fruit.Read.All"
page_size = 100
select = true
evidence = ["made up"]

[path.meta]
madeDateTime = "time"
tags = { text_list = { items = 4, chars = 8 } }
version = "integer"

[[path.type]]
key = "appleBasket"
name = "apple basket"
category = "Fresh fruit"
display_name = "name"
platform = { fixed = "macos" }
match = { odata_type = ["apple", "crabApple"] }

[path.type.meta]
isRed = "boolean"

[[path.type]]
key = "citrusBasket"
name = "citrus basket"
category = "Fresh fruit"
display_name = "name"
platform = { field = "shelves" }
match = { field_starts_with = { field = "label.family", any_of = ["citrus", "agrume"] } }

[path.type.meta]
"label.family" = { text = 16 }
"label.origin.country" = { text = 2 }

[[path.type]]
key = "basket"
name = "basket"
category = "Fruit"
display_name = "name"
platform = "odata_type"

[[path]]
path = "/fruit/jams"
api_version = "v1.0"
workload = "identity"
permission = "Fruit.Read.All"
evidence = ["made up"]

[[path.type]]
key = "jam"
name = "jam"
category = "Preserves"
off_unless_named = "too sweet"
display_name = "label.text"
platform = "none"
match = { odata_type = ["jam"] }

[[path]]
path = "/fruit/settings"
api_version = "beta"
kind = "singleton"
workload = "intune"
permission = "Fruit.Read.Settings"
optional_feature = true
evidence = ["made up"]

[path.meta]
ripe = "boolean"

[[path.type]]
key = "fruitSettings"
name = "fruit settings"
category = "Fruit"
platform = "none"
"#;

/// The registry of [`TEXT`].
pub(crate) fn registry() -> Registry {
    Registry::read(&[("made_up.toml", TEXT)]).expect("the made-up registry is right")
}

/// Observes an object of a made-up path.
pub(crate) fn observe(path: &str, object: &str) -> Result<Observed, Rejection> {
    path_of(&registry(), path).observe(object)
}

/// A made-up path.
pub(crate) fn path_of<'r>(registry: &'r Registry, path: &str) -> &'r PathContract {
    registry.paths().iter().find(|contract| contract.path == path).expect("a made-up path")
}
