//! What an entry of a data file may say, and the contract it becomes.

use lastseen_model::{Category, ContractHash, ContractVersion, PolicyType};

use crate::contract::{Assignments, MatchRule, MetaField, MetaKind, PARENT_ID, Parent, PathContract, PathKind, PlatformRule, TypeContract};
use crate::data_file::{PathEntry, TypeEntry};
use crate::{assignments, field, hash, platform};

/// The largest page that any tool is known to ask for.
pub(crate) const PAGE_SIZE_MAX: u32 = 1_000;
/// Longer texts are not metadata.
const TEXT_MAX_CHARS: usize = 256;
/// The longest list that is metadata.
const LIST_MAX_ITEMS: usize = 256;
/// The longest name for people.
const NAME_MAX_CHARS: usize = 64;

/// How the names of fields end that hold secrets, persons, payloads, or whatever somebody typed. None may be kept as text.
const NEVER_KEPT: [&str; 28] = [
    "description",
    "note",
    "notes",
    "comment",
    "message",
    "password",
    "passcode",
    "secret",
    "token",
    "key",
    "url",
    "uri",
    "link",
    "email",
    "mail",
    "upn",
    "principalname",
    "owner",
    "phone",
    "address",
    "script",
    "content",
    "payload",
    "xml",
    "json",
    "certificate",
    "rule",
    "value",
];

/// The longest reason why a type is off: one line of a table.
const REASON_MAX_CHARS: usize = 160;

/// Checks one entry and makes a contract of it, both hashes set.
pub(crate) fn path(entry: PathEntry) -> Result<PathContract, String> {
    let at = |problem: String| format!("path `{}`: {problem}", entry.path);
    facts(&entry).map_err(at)?;
    let mut types: Vec<TypeContract> = Vec::new();
    let count = entry.types.len();
    for (n, known) in entry.types.iter().enumerate() {
        let at = |problem: String| at(format!("type `{}`: {problem}", known.key));
        if known.matches.is_none() && n + 1 < count {
            return Err(at("without `match` it takes every object, so it must be the path's last".to_owned()));
        }
        if entry.kind == PathKind::Singleton && known.matches.is_some() {
            return Err(at("the one object of a singleton needs no `match`".to_owned()));
        }
        let contract = type_contract(&entry, known).map_err(at)?;
        if let Some(problem) = types.iter().find_map(|earlier| shadowed(earlier, &contract)) {
            return Err(at(problem));
        }
        types.push(contract);
    }
    let mut path = PathContract {
        parent: parent_of(&entry.path),
        path: entry.path,
        api_version: entry.api_version,
        kind: entry.kind,
        workload: entry.workload,
        permission: entry.permission,
        page_size: entry.page_size,
        select: entry.select,
        assignments: entry.assignments,
        paging: entry.paging,
        optional_feature: entry.optional_feature,
        evidence: entry.evidence,
        types,
    };
    overlaps(&path).and_then(|()| counted(&path)).map_err(|problem| format!("path `{}`: {problem}", path.path))?;
    hash::seal(&mut path);
    Ok(path)
}

fn facts(entry: &PathEntry) -> Result<(), String> {
    let segments = entry.path.strip_prefix('/').ok_or("must begin with `/`")?;
    let is_word = |segment: &str| !segment.is_empty() && segment.bytes().all(|b| b.is_ascii_alphanumeric());
    if !segments.split('/').all(|segment| is_word(segment) || segment == PARENT_ID) {
        return Err(format!("must be words of letters and digits between single slashes, or `{PARENT_ID}` for the id of its parent"));
    }
    let ids: Vec<usize> = segments.split('/').enumerate().filter(|(_, segment)| *segment == PARENT_ID).map(|(at, _)| at).collect();
    match ids.as_slice() {
        [] => {}
        [at] if *at > 0 && entry.path.split('/').next_back() != Some(PARENT_ID) => {}
        _ => {
            return Err(format!(
                "`{PARENT_ID}` stands once in a path, between the collection whose ids it stands for and what each of them has"
            ));
        }
    }
    if entry.kind == PathKind::Singleton && !ids.is_empty() {
        return Err("what a parent has is a collection".to_owned());
    }
    if entry.kind == PathKind::Singleton && entry.assignments == Assignments::Expand {
        return Err("assignments are read of collections".to_owned());
    }
    let words = entry.permission.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.');
    if !words || !entry.permission.contains(".Read.") {
        return Err(format!("the permission `{}` is not one that only reads", entry.permission));
    }
    match entry.page_size {
        Some(_) if entry.kind == PathKind::Singleton => return Err("a singleton has no pages".to_owned()),
        Some(size) if size == 0 || size > PAGE_SIZE_MAX => return Err(format!("`page_size` must be 1 to {PAGE_SIZE_MAX}")),
        _ => {}
    }
    if entry.evidence.is_empty() || entry.evidence.iter().any(|line| line.trim().is_empty()) {
        return Err("`evidence` must say where the facts come from".to_owned());
    }
    match (entry.types.len(), entry.kind) {
        (0, _) => Err("has no type".to_owned()),
        (2.., PathKind::Singleton) => Err("a singleton is of one type".to_owned()),
        _ => Ok(()),
    }
}

/// The collection that a path lies below. How it is asked is known once all entries are read: [`parents`].
fn parent_of(path: &str) -> Option<Parent> {
    let (above, _) = path.split_once(&format!("/{PARENT_ID}"))?;
    Some(Parent { path: above.to_owned(), page_size: None, select: false })
}

/// Tells each parent how it is asked: as the entry of its own path says, where there is one; else with nothing that could be refused.
pub(crate) fn parents(paths: &mut [PathContract]) -> Result<(), String> {
    for index in 0..paths.len() {
        let Some(parent) = &paths[index].parent else { continue };
        let own = paths.iter().find(|path| (&path.path, path.api_version) == (&parent.path, paths[index].api_version));
        if own.is_some_and(|own| own.kind == PathKind::Singleton) {
            return Err(format!("path `{}`: its parent is a singleton", paths[index].path));
        }
        let (page_size, select) = own.map_or((None, false), |own| (own.page_size, own.select));
        paths[index].parent = Some(Parent { path: parent.path.clone(), page_size, select });
    }
    Ok(())
}

fn type_contract(entry: &PathEntry, known: &TypeEntry) -> Result<TypeContract, String> {
    let policy_type: PolicyType = known.key.parse().map_err(|error| format!("{error}"))?;
    if policy_type.as_str().contains(' ') {
        return Err("a key has no spaces".to_owned());
    }
    let category: Category = known.category.parse().map_err(|error| format!("{error}"))?;
    if known.name.trim() != known.name || known.name.is_empty() || known.name.chars().count() > NAME_MAX_CHARS {
        return Err(format!("`name` must be 1 to {NAME_MAX_CHARS} characters"));
    }
    known.display_name.iter().try_for_each(|field| is_field(field))?;
    platform_rule(&known.platform)?;
    known.matches.iter().try_for_each(match_rule)?;
    if let Some(repeated) = known.meta.keys().find(|field| entry.meta.contains_key(*field)) {
        return Err(format!("`{repeated}` is kept by every type of the path already"));
    }
    let meta = entry.meta.iter().chain(&known.meta).map(|(field, kind)| MetaField { field: field.clone(), kind: *kind });
    let mut meta: Vec<MetaField> = meta.collect();
    meta.sort_by(|one, other| one.field.cmp(&other.field));
    for kept in &meta {
        let is_identity = kept.field == "id" || known.display_name.as_ref() == Some(&kept.field);
        if is_identity {
            return Err(format!("`{}` has a place of its own and needs none in `meta`", kept.field));
        }
        meta_field(kept).map_err(|problem| format!("meta `{}`: {problem}", kept.field))?;
    }
    let off_because = known.off_unless_named.clone();
    if off_because.as_ref().is_some_and(|why| why.trim().is_empty() || why.chars().count() > REASON_MAX_CHARS) {
        return Err(format!("`off_unless_named` says why, in 1 to {REASON_MAX_CHARS} characters"));
    }
    Ok(TypeContract {
        policy_type,
        name: known.name.clone(),
        category,
        off_because,
        display_name_field: known.display_name.clone(),
        platform: known.platform.clone(),
        matches: known.matches.clone(),
        meta,
        contract_hash: ContractHash::from_bytes([0; 16]),
        contract_version: ContractVersion::from_bytes([0; 16]),
    })
}

fn is_field(name: &str) -> Result<(), String> {
    if field::is_path(name) { Ok(()) } else { Err(format!("`{name}` is not a field")) }
}

fn platform_rule(rule: &PlatformRule) -> Result<(), String> {
    match rule {
        PlatformRule::None | PlatformRule::OdataType => Ok(()),
        PlatformRule::Field(field) => is_field(field),
        PlatformRule::Fixed(name) if platform::PLATFORMS.contains(&name.as_str()) => Ok(()),
        PlatformRule::Fixed(name) => Err(format!("`{name}` is not a platform: {}", platform::PLATFORMS.join(", "))),
    }
}

fn match_rule(rule: &MatchRule) -> Result<(), String> {
    is_field(rule.field())?;
    let words = words(rule);
    let is_word = |word: &String| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    match words.iter().find(|word| !is_word(word)) {
        Some(word) => Err(format!("`match` on `{word}`: must be letters, digits and `_`")),
        None if words.is_empty() => Err("`match` on nothing".to_owned()),
        None => Ok(()),
    }
}

fn words(rule: &MatchRule) -> &[String] {
    match rule {
        MatchRule::OdataType(names) => names,
        MatchRule::FieldStartsWith { any_of, .. } => any_of,
    }
}

/// Why some word of a rule can never match: an earlier type takes all that it would.
fn shadowed(earlier: &TypeContract, later: &TypeContract) -> Option<String> {
    let (one, other) = (earlier.matches.as_ref()?, later.matches.as_ref()?);
    if one.field() != other.field() {
        return None;
    }
    let takes = |taken: &String, word: &String| match one {
        MatchRule::OdataType(_) => taken == word,
        MatchRule::FieldStartsWith { .. } => word.starts_with(taken),
    };
    let word = words(other).iter().find(|word| words(one).iter().any(|taken| takes(taken, word)))?;
    Some(format!("`match` on `{word}` can never be reached: `{}` comes first", earlier.policy_type))
}

fn meta_field(kept: &MetaField) -> Result<(), String> {
    is_field(&kept.field)?;
    let is_text = matches!(kept.kind, MetaKind::Text(_) | MetaKind::TextList { .. });
    let name = kept.field.to_ascii_lowercase();
    if is_text && NEVER_KEPT.iter().any(|ending| name.ends_with(ending)) {
        return Err("a text of this name can hold anything, and is never kept".to_owned());
    }
    let within = |bound: usize, max: usize| (1..=max).contains(&bound);
    match kept.kind {
        MetaKind::Text(chars) | MetaKind::TextList { chars, .. } if !within(chars, TEXT_MAX_CHARS) => {
            Err(format!("a text has 1 to {TEXT_MAX_CHARS} characters"))
        }
        MetaKind::TextList { items, .. } if !within(items, LIST_MAX_ITEMS) => Err(format!("a list has 1 to {LIST_MAX_ITEMS} items")),
        _ => Ok(()),
    }
}

/// No field of a path may lie inside another one: it could not be both a value and an object.
fn overlaps(path: &PathContract) -> Result<(), String> {
    let reads: Vec<&str> = path.reads().collect();
    let clash = reads.iter().find_map(|one| reads.iter().find(|other| field::overlap(one, other)).map(|other| (one, other)));
    clash.map_or(Ok(()), |(one, other)| Err(format!("`{one}` and `{other}` lie inside each other")))
}

/// Assignments are counted, and no more of them is read by any contract.
fn counted(path: &PathContract) -> Result<(), String> {
    match path.reads().find(|field| field::split(field).0 == assignments::FIELD) {
        Some(field) => Err(format!("`{field}`: assignments are counted (`assignments = \"expand\"`), and never kept")),
        None => Ok(()),
    }
}
