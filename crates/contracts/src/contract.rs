//! What a contract says: how a path is listed, and what is kept of the objects on it.

use lastseen_model::{Category, ContractHash, ContractVersion, Observation, PolicyType};
use serde::Deserialize;

use crate::field;
use crate::field::ODATA_TYPE;

/// One path of Graph and the types that live on it. A run reads a path once, whatever number of its types it lists.
#[derive(Debug, Clone)]
pub struct PathContract {
    /// Below the version prefix, e.g. `/deviceManagement/configurationPolicies`. Where there is a parent, [`PARENT_ID`] stands in
    /// it for the parent's id.
    pub path: String,
    /// The collection whose every object has a collection of this path; none for most paths.
    pub parent: Option<Parent>,
    /// The version it is listed on. v1.0 and beta show different membership; they are never mixed.
    pub api_version: ApiVersion,
    /// Collection or one object.
    pub kind: PathKind,
    /// Whose limits it counts against.
    pub workload: Workload,
    /// The least application permission that lists it.
    pub permission: String,
    /// What is asked for with `$top`; none: Graph's own page size.
    pub page_size: Option<u32>,
    /// Whether the endpoint honours `$select`.
    pub select: bool,
    /// Whether assignments are read.
    pub assignments: Assignments,
    /// How Graph pages it.
    pub paging: Paging,
    /// Whether a tenant may lack the feature or licence, so that 403 and 404 mean *unavailable*.
    pub optional_feature: bool,
    /// Where these facts come from.
    pub evidence: Vec<String>,
    /// The types: first the views in the order they are tried, last the base type (which has no rule), where there is one.
    pub types: Vec<TypeContract>,
}

/// What stands in a path for the id of an object of its parent.
pub const PARENT_ID: &str = "{id}";

/// A collection that is listed only for the ids of its objects, because each of them has a collection of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parent {
    /// Below the version prefix.
    pub path: String,
    /// What is asked for with `$top`, by the path's own entry, where it has one; none: Graph's own page size.
    pub page_size: Option<u32>,
    /// Whether it can be asked for its ids alone: its own entry says that it honours `$select`.
    pub select: bool,
}

/// One policy type.
#[derive(Debug, Clone)]
pub struct TypeContract {
    /// Its key; never renamed once released.
    pub policy_type: PolicyType,
    /// Its name for people, singular, lower case where it is no proper name.
    pub name: String,
    /// Its category.
    pub category: Category,
    /// Why it is listed only when it is named: its permission exposes bodies, say, or its facts are unverified. None where it is listed
    /// by default.
    pub off_because: Option<String>,
    /// The field with the name people see; none where Graph has none.
    pub display_name_field: Option<String>,
    /// How the platform is found.
    pub platform: PlatformRule,
    /// Which objects of the path are of this type; none for the base type, which takes the rest.
    pub matches: Option<MatchRule>,
    /// What is kept in `meta_jsonb`.
    pub meta: Vec<MetaField>,
    /// Path, api version and classification, hashed.
    pub contract_hash: ContractHash,
    /// All that shapes an observation, hashed.
    pub contract_version: ContractVersion,
}

impl TypeContract {
    /// Whether it is listed without being named.
    pub fn is_on(&self) -> bool {
        self.off_because.is_none()
    }
}

/// A version of Graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
pub enum ApiVersion {
    /// `v1.0`
    #[serde(rename = "v1.0")]
    V1,
    /// `beta`
    #[serde(rename = "beta")]
    Beta,
}

impl ApiVersion {
    /// The version prefix, without slashes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "v1.0",
            Self::Beta => "beta",
        }
    }
}

/// What a path answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PathKind {
    /// An envelope with a `value` array, in pages.
    #[default]
    Collection,
    /// One object without an envelope. Where it has no `id`, its external id is the type key.
    Singleton,
}

/// Whose limits a request counts against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Workload {
    /// 1,000 requests in 20 s for one app in a tenant.
    Intune,
    /// One request a second for a tenant, all apps together; no `Retry-After`.
    ConditionalAccess,
    /// Directory and policy objects: resource units in a token bucket.
    Identity,
    /// Windows 365; limits not published.
    CloudPc,
}

/// Whether the assignments of a path's objects are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Assignments {
    /// They are not asked for, so nobody knows how many there are.
    #[default]
    NotRead,
    /// They come with the list, by `$expand=assignments`, and are counted.
    Expand,
}

impl Workload {
    /// Its name, as the data files write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Intune => "intune",
            Self::ConditionalAccess => "conditional_access",
            Self::Identity => "identity",
            Self::CloudPc => "cloud_pc",
        }
    }
}

/// How Graph pages a collection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Paging {
    /// By a token that stands for a place in the list.
    #[default]
    Token,
    /// By counting: objects that go while the list is read can hide others.
    Offset,
}

/// How an object's platform is found.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PlatformRule {
    /// There is none.
    None,
    /// Always this one.
    Fixed(String),
    /// From the prefix of `@odata.type`.
    OdataType,
    /// From this field: a text, or several joined by commas or in a list; kept only where it names one platform.
    Field(String),
}

/// Which objects are of a type.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum MatchRule {
    /// `@odata.type` is one of these (without `#microsoft.graph.`).
    OdataType(Vec<String>),
    /// The text of a field, by dotted path, begins with one of these.
    FieldStartsWith {
        /// Dotted path, e.g. `templateReference.templateFamily`.
        field: String,
        /// The beginnings.
        any_of: Vec<String>,
    },
}

/// A whitelisted field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetaField {
    /// Dotted path in the object, and the key it is kept under.
    pub field: String,
    /// What its value must be.
    pub kind: MetaKind,
}

/// What a whitelisted value must be; another is dropped and counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum MetaKind {
    /// A text of at most this many characters.
    Text(usize),
    /// An integer within 53 bits; its digits as a text count as well, because some answers write it so.
    Integer,
    /// true or false.
    Boolean,
    /// A point in time, kept as RFC 3339 UTC with microseconds; `0001-01-01` and its like are dropped uncounted.
    Time,
    /// A list of at most `items` texts of at most `chars` characters, kept sorted and without repetition. One text is a list
    /// joined by commas: Graph writes sets of flags so, and some of its answers write them as lists.
    TextList {
        /// How many.
        items: usize,
        /// How long each.
        chars: usize,
    },
}

/// One object, sorted and reduced.
#[derive(Debug, Clone)]
pub struct Observed {
    /// Index into [`PathContract::types`].
    pub type_index: usize,
    /// What is kept.
    pub observation: Observation,
    /// Keys that no whitelist names, or whose value is of the wrong kind.
    pub dropped: u32,
}

/// An object that can't be identified or sorted. It is counted; the others of its page are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// Not a JSON object.
    NotAnObject,
    /// No `id`, or one that is no text.
    NoId,
    /// An empty `id`.
    EmptyId,
    /// An `id` over 512 bytes.
    LongId,
    /// An `id` that holds U+0000.
    NulInId,
    /// No type of the path matches, or the field that decides is not readable.
    Unsortable,
}

impl PathContract {
    /// The keys of the types at these indexes into [`Self::types`].
    pub fn keys(&self, wanted: &[usize]) -> Vec<PolicyType> {
        wanted.iter().map(|index| self.types[*index].policy_type.clone()).collect()
    }

    /// The fields to ask for with `$select`, sorted, without repetition: what any type of the path keeps or is sorted by.
    /// Empty where the endpoint does not honour it. Annotations such as `@odata.type` are not among them: they come unasked,
    /// and naming one is refused. Nor are `assignments`: what is expanded comes whatever is selected.
    pub fn select_fields(&self) -> Vec<&str> {
        if !self.select {
            return Vec::new();
        }
        let heads = self.reads().map(|path| field::split(path).0).filter(|head| !head.starts_with('@'));
        let mut fields: Vec<&str> = heads.collect();
        fields.sort_unstable();
        fields.dedup();
        fields
    }

    /// Every field that is read of an object of this path, as dotted paths, whatever its type turns out to be.
    pub(crate) fn reads(&self) -> impl Iterator<Item = &str> {
        self.sorted_by().chain(self.types.iter().flat_map(TypeContract::reads))
    }

    /// The fields that every object is read for: its id, and what decides its type.
    pub(crate) fn sorted_by(&self) -> impl Iterator<Item = &str> {
        ["id", ODATA_TYPE].into_iter().chain(self.types.iter().filter_map(|known| known.matches.as_ref()).map(MatchRule::field))
    }
}

impl TypeContract {
    /// The fields that are read of an object of this type.
    fn reads(&self) -> impl Iterator<Item = &str> {
        let kept = self.meta.iter().map(|kept| kept.field.as_str());
        self.named_by().chain(kept)
    }

    /// The fields that are read of an object of this type without being kept in `meta_jsonb`.
    pub(crate) fn named_by(&self) -> impl Iterator<Item = &str> {
        self.display_name_field.as_deref().into_iter().chain(self.platform.field())
    }
}

impl PlatformRule {
    /// The field the platform is read from.
    pub(crate) fn field(&self) -> Option<&str> {
        match self {
            Self::None | Self::Fixed(_) => None,
            Self::OdataType => Some(ODATA_TYPE),
            Self::Field(field) => Some(field),
        }
    }
}

impl MatchRule {
    /// The field that decides.
    pub(crate) fn field(&self) -> &str {
        match self {
            Self::OdataType(_) => ODATA_TYPE,
            Self::FieldStartsWith { field, .. } => field,
        }
    }
}
