//! One object as Graph lists it.

use lastseen_contracts::{MatchRule, MetaKind, PathContract, PathKind, PlatformRule, TypeContract};
use serde_json::{Map, Value};

use crate::catalogue::Described;
use crate::kinds::Chosen;
use crate::mix::Mix;
use crate::{canary, kinds, payload};

/// The object whose whitelisted fields are of the wrong kind.
const WRONG_KINDS: u32 = 26;

/// One object in so many has more assignments than come with it.
const MORE_ASSIGNMENTS_EVERY: u32 = 13;

/// Makes the object. With `select`, only those fields of it; with `expand`, its assignments, too.
pub(crate) fn render(path: &PathContract, described: &Described, select: Option<&[String]>, expand: bool) -> Value {
    let of = &path.types[described.type_index];
    let Chosen { kind, odata, .. } = kinds::choose(path, of, described.index);
    let mut object = Map::new();
    let mut mix = described.mix.and(1);
    let changed = described.mix.and(2).and(u64::from(described.revision));

    payload::add(&mut object, &path.path, odata, mix, described.index);
    object.insert("createdDateTime".to_owned(), time(mix, described.index, 2021).into());
    object.insert("lastModifiedDateTime".to_owned(), time(changed, described.index, 2024).into());
    object.insert("version".to_owned(), (1 + mix.below(40) + described.revision as usize).into());
    object.insert("roleScopeTagIds".to_owned(), scope_tags(described.index));
    add_meta(&mut object, of, described, mix);
    add_sorting(&mut object, path, of, described.index);
    add_platform(&mut object, of, kind.platform, described.index);
    if let Some(field) = &of.display_name_field {
        set(&mut object, field, described.name.clone().map_or(Value::Null, Value::from));
    }
    if let Some(id) = &described.graph_id {
        object.insert("id".to_owned(), id.as_str().into());
    }
    if let Some(fields) = select {
        // OData selects by the first part of a path; annotations always come.
        object.retain(|field, _| field.starts_with('@') || fields.iter().any(|wanted| wanted.split('/').next() == Some(field)));
    }
    if expand {
        add_assignments(&mut object, described);
    }
    if !odata.is_empty() && path.kind == PathKind::Collection {
        object.insert("@odata.type".to_owned(), format!("#microsoft.graph.{odata}").into());
    }
    Value::Object(object)
}

/// Adds the assignments, up to three; some objects have a link to more of them.
fn add_assignments(object: &mut Map<String, Value>, described: &Described) {
    let mut mix = described.mix.and(3);
    let assignment = |number: usize| {
        let mut mix = described.mix.and(4).and(number as u64);
        serde_json::json!({
            "id": mix.guid(),
            "target": {
                "@odata.type": "#microsoft.graph.groupAssignmentTarget",
                "groupId": mix.guid(),
                "deviceAndAppManagementAssignmentFilterId": canary::SETTING,
            },
        })
    };
    let assignments: Vec<Value> = (0..mix.below(4)).map(assignment).collect();
    object.insert("assignments".to_owned(), assignments.into());
    if described.index % MORE_ASSIGNMENTS_EVERY == 5 {
        let link = format!("https://graph.simulated.example/beta/things/{}/assignments?$skiptoken={}", mix.guid(), canary::PAGE_TOKEN);
        object.insert("assignments@odata.nextLink".to_owned(), link.into());
    }
}

/// Gives the field by which the path's types are told apart a value that leads to this type.
fn add_sorting(object: &mut Map<String, Value>, path: &PathContract, of: &TypeContract, index: u32) {
    for rule in path.types.iter().filter_map(|of| of.matches.as_ref()) {
        if let MatchRule::FieldStartsWith { field, .. } = rule {
            // What Graph writes for objects of no template.
            set(object, field, "none".into());
        }
    }
    if let Some(MatchRule::FieldStartsWith { field, any_of }) = &of.matches
        && !any_of.is_empty()
    {
        let beginning = &any_of[index as usize % any_of.len()];
        // A family's name goes on after its beginning: `endpointSecurityAntivirus`.
        let rest = if beginning == "endpointSecurity" { ["Antivirus", "Firewall", "DiskEncryption"][index as usize % 3] } else { "" };
        set(object, field, format!("{beginning}{rest}").into());
    }
}

fn add_platform(object: &mut Map<String, Value>, of: &TypeContract, platform: &str, index: u32) {
    if let PlatformRule::Field(field) = &of.platform {
        let value = match (platform, index % 16) {
            (_, 14) => "windows10,macOS",
            ("", _) | (_, 15) => "unknownFutureValue",
            (platform, _) => platform,
        };
        set(object, field, value.into());
    }
}

/// Fills what the contract keeps, so that there is something to keep; in one object with values of the wrong kind.
fn add_meta(object: &mut Map<String, Value>, of: &TypeContract, described: &Described, mix: Mix) {
    // Annotations, whose names hold a dot of their own, are set where the type is.
    for (number, meta) in of.meta.iter().enumerate().filter(|(_, meta)| !meta.field.starts_with('@')) {
        let mut mix = mix.and(number as u64);
        if described.index == WRONG_KINDS {
            set(object, &meta.field, serde_json::json!({ "wrong": [canary::WRONG_KIND] }));
        } else if !get(object, &meta.field).is_some_and(|value| fits(value, meta.kind)) {
            let value = match meta.kind {
                MetaKind::Text(_) => mix.pick(&["standard", "enabled", "notConfigured", "corporate", "標準"]).into(),
                MetaKind::Integer => mix.below(100).into(),
                MetaKind::Boolean => (mix.below(2) == 0).into(),
                MetaKind::Time => time(mix, described.index, 2023).into(),
                MetaKind::TextList { .. } => vec!["mdm", "endpointPrivilegeManagement"].into(),
            };
            set(object, &meta.field, value);
        }
    }
}

/// Whether what is there already will do. (App protection has a text for a `version`, others a number.)
fn fits(value: &Value, kind: MetaKind) -> bool {
    match kind {
        MetaKind::Text(_) | MetaKind::Time => value.is_string(),
        MetaKind::Integer => value.is_i64() || value.is_u64(),
        MetaKind::Boolean => value.is_boolean(),
        MetaKind::TextList { .. } => value.is_array(),
    }
}

/// Scope tags, by the ids of [`crate::ids::external_id`].
fn scope_tags(index: u32) -> Value {
    if index.is_multiple_of(5) { vec!["0", "3"].into() } else { vec!["0"].into() }
}

/// A time as Intune writes it: seven digits of a second, and now and then the year 1.
fn time(mut mix: Mix, index: u32, year: usize) -> String {
    if index % 17 == 16 {
        return "0001-01-01T00:00:00Z".to_owned();
    }
    let year = year + mix.below(2);
    let (month, day) = (1 + mix.below(12), 1 + mix.below(28));
    let (hour, minute, second, fraction) = (mix.below(24), mix.below(60), mix.below(60), mix.below(10_000_000));
    format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:07}Z")
}

/// Sets a field by dotted path; what stands in the way of it is replaced.
fn set(object: &mut Map<String, Value>, field: &str, value: Value) {
    match field.split_once('.') {
        None => {
            object.insert(field.to_owned(), value);
        }
        Some((first, rest)) => {
            let inner = object.entry(first).or_insert_with(|| Value::Object(Map::new()));
            if !inner.is_object() {
                *inner = Value::Object(Map::new());
            }
            if let Value::Object(inner) = inner {
                set(inner, rest, value);
            }
        }
    }
}

fn get<'a>(object: &'a Map<String, Value>, field: &str) -> Option<&'a Value> {
    match field.split_once('.') {
        None => object.get(field),
        Some((first, rest)) => get(object.get(first)?.as_object()?, rest),
    }
}
