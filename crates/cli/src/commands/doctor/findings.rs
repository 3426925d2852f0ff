//! What was found, a line each: what is well, what is not, and the next step.

use lastseen_contracts::Workload;
use lastseen_engine::{Examination, Expected, Knock, NotSignedIn, Permission, SignedIn};
use lastseen_graph::{CredentialReason, Endpoints, GraphFailure, MdmAuthority, ORGANIZATION_PERMISSION};
use lastseen_model::{Cloud, CredentialRef, ErrorCode, PolicyType};
use lastseen_store::TenantRecord;
use serde_json::{Value, json};

use crate::advice;
use crate::app::{App, Tenant};
use crate::config::HOW_TO_SIGN_IN;
use crate::output::{Screen, count, exact, first_few};
use crate::problem::Problem;

/// How good a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// Well.
    Good,
    /// Worth knowing, and in nobody's way.
    Note,
    /// In the way of a sync.
    Failed,
}

impl Mark {
    fn sign(self) -> &'static str {
        match self {
            Self::Good => "✓",
            Self::Note => "–",
            Self::Failed => "✗",
        }
    }

    /// Its word for programs.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Note => "note",
            Self::Failed => "failed",
        }
    }
}

/// One thing that was found.
#[derive(Debug, Clone)]
pub(super) struct Finding {
    pub(super) mark: Mark,
    /// What was looked at.
    pub(super) check: &'static str,
    /// What was found, in a line.
    pub(super) text: String,
    /// What to do.
    pub(super) next: Option<String>,
    /// The same for programs, where there is more to say.
    pub(super) facts: Value,
}

impl Finding {
    fn new(mark: Mark, check: &'static str, text: impl Into<String>) -> Self {
        Self { mark, check, text: text.into(), next: None, facts: Value::Null }
    }

    pub(super) fn note(check: &'static str, text: impl Into<String>) -> Self {
        Self::new(Mark::Note, check, text)
    }

    /// From a problem that would have ended another command.
    pub(super) fn failed(check: &'static str, problem: &Problem) -> Self {
        let next = problem.facts.iter().find(|(label, _)| *label == "next").map(|(_, text)| text.clone());
        let beside = problem.facts.iter().filter(|(label, _)| *label != "next").map(|(_, text)| text.as_str());
        let text = [problem.what.as_str()].into_iter().chain(beside).collect::<Vec<_>>().join("; ");
        Self { next, ..Self::new(Mark::Failed, check, text) }
    }

    fn next(self, next: impl Into<String>) -> Self {
        Self { next: Some(next.into()), ..self }
    }
}

/// Tells findings to a person.
pub(super) fn tell(findings: &[Finding], screen: &mut Screen) -> Result<(), Problem> {
    for finding in findings {
        for (line, text) in finding.text.lines().enumerate() {
            let (sign, check) = if line == 0 { (finding.mark.sign(), finding.check) } else { ("", "") };
            screen.line(format!("  {sign:1} {check:13}  {text}"))?;
        }
        for (line, text) in finding.next.iter().flat_map(|next| next.lines()).enumerate() {
            screen.line(format!("    {:13}  {}{text}", "", if line == 0 { "next: " } else { "      " }))?;
        }
    }
    Ok(())
}

/// What the configuration comes to.
pub(super) fn of_configuration(app: &App) -> Finding {
    let config = &app.config;
    let files: Vec<String> = config.files.iter().map(|file| file.display().to_string()).collect();
    let from = if files.is_empty() { "no file".to_owned() } else { files.join(" and ") };
    let endpoints = config.access.endpoints();
    let facts = json!({
        "files": config.files,
        "authority": endpoints.authority.to_string(),
        "graph": endpoints.graph.to_string(),
        "credential": config.access.credential(),
    });
    let text = format!("{from}; Graph is {}, tokens come from {}", endpoints.graph, endpoints.authority);
    Finding { facts, ..Finding::new(Mark::Good, "configuration", text) }
}

/// That it is not clear which tenant is meant.
pub(super) fn no_tenant(known: usize, removed: usize) -> Finding {
    if known == 0 && removed > 0 {
        return Finding::new(Mark::Failed, "tenant", "every tenant that is known was removed")
            .next("name another with --tenant, or bring one back: lastseen tenant list --all");
    }
    if known == 0 {
        return Finding::new(Mark::Failed, "tenant", "none is named, and none is known").next("name one: lastseen doctor --tenant <GUID>");
    }
    let text = format!("{} are known, and none is named", count(known as u64, "tenant", "tenants"));
    Finding::new(Mark::Failed, "tenant", text).next("name one with --tenant, or --all-tenants")
}

/// That a tenant was removed.
pub(super) fn removed(record: &TenantRecord) -> Finding {
    let since = record.removed_at.map(exact).unwrap_or_default();
    Finding::new(Mark::Failed, "tenant", format!("{} was removed on {since}: no sync of it begins", record.tenant_id))
        .next(format!("bring it back: lastseen tenant add {}", record.tenant_id))
}

/// What was found of a tenant.
pub(super) fn of_tenant(tenant: &Tenant, examination: &Examination) -> Vec<Finding> {
    let mut found: Vec<Finding> = tenant.access.cloud.map(|cloud| of_cloud(tenant, cloud)).into_iter().collect();
    let signed_in = match &examination.sign_in {
        Ok(signed_in) => signed_in,
        Err(problem) => {
            found.push(not_signed_in(tenant, problem));
            return found;
        }
    };
    found.push(sign_in(tenant, signed_in));
    found.extend(permissions(&examination.permissions));
    let beyond = signed_in.beyond_reading();
    if !beyond.is_empty() {
        let names: Vec<&str> = beyond.iter().map(|role| role.as_str()).collect();
        let text = format!("more than reading is granted, and Lastseen only reads: {}", names.join(", "));
        found.push(Finding::note("permissions", text));
    }
    found.extend(of_knocks(tenant, &examination.knocks));
    found.extend(examination.mdm_authority.as_ref().and_then(managed));
    found.extend(of_probes(examination));
    found
}

/// Where a tenant of its own cloud is asked.
fn of_cloud(tenant: &Tenant, cloud: Cloud) -> Finding {
    let Endpoints { authority, graph } = &tenant.endpoints;
    let text = format!("{cloud}: Graph is {graph}, tokens come from {authority}");
    if tenant.endpoints == Endpoints::of(cloud) {
        Finding::new(Mark::Good, "cloud", text)
    } else {
        Finding::note("cloud", format!("{text} (set by LASTSEEN_AUTHORITY, LASTSEEN_GRAPH_ENDPOINT or the file, which win over the cloud)"))
    }
}

fn sign_in(tenant: &Tenant, signed_in: &SignedIn) -> Finding {
    let minutes = count(signed_in.expires_in.as_secs() / 60, "minute", "minutes");
    let with = kind(tenant.credential.as_ref());
    Finding::new(Mark::Good, "sign-in", format!("{with}; the token expires in {minutes}"))
}

fn kind(credential: Option<&CredentialRef>) -> String {
    match credential {
        None => "no credential".to_owned(),
        Some(reference @ CredentialRef::Secret(_)) => format!("client secret ({reference})"),
        Some(reference @ CredentialRef::Certificate { .. }) => format!("certificate ({reference})"),
        Some(reference @ CredentialRef::Federated(_)) => format!("workload identity ({reference})"),
        Some(CredentialRef::ManagedIdentity) => "managed identity".to_owned(),
    }
}

fn not_signed_in(tenant: &Tenant, problem: &NotSignedIn) -> Finding {
    let failed = |text: String| Finding::new(Mark::Failed, "sign-in", text);
    let credential = tenant.credential.as_ref();
    match problem {
        NotSignedIn::Credential(problem) => failed(problem.to_string()).next(match problem.reason {
            CredentialReason::NotConfigured | CredentialReason::NoClientId => HOW_TO_SIGN_IN,
            _ => advice::unavailable(credential),
        }),
        NotSignedIn::Setup(error) => failed(error.to_string()).next("install the CA certificates of this system"),
        NotSignedIn::Refused(failure) if failure.code == ErrorCode::AuthFailed => {
            let (meaning, next) = advice::sign_in(&failure.context, credential);
            let number = failure.context.aadsts.map(|number| format!(" (AADSTS{number})")).unwrap_or_default();
            failed(format!("{}{number}: {meaning}", failure.code.meaning())).next(next)
        }
        NotSignedIn::Refused(failure) if failure.code == ErrorCode::CredentialUnavailable => {
            failed(format!("{} can't be used on this machine", kind(credential))).next(advice::unavailable(credential))
        }
        NotSignedIn::Refused(failure) => {
            let next = match failure.code {
                ErrorCode::GraphConnection | ErrorCode::GraphTimeout => {
                    "check this machine's network and proxy, the cloud and the endpoints"
                }
                ErrorCode::AuthTenantMismatch => "check the tenant's GUID, and that the identity belongs to this tenant",
                _ => "try again later",
            };
            failed(failure.code.meaning().to_owned()).next(next)
        }
    }
}

fn permissions(needed: &[Permission]) -> Vec<Finding> {
    if needed.iter().any(|permission| permission.granted.is_none()) {
        return vec![Finding::note("permissions", "the token does not show what it allows").next("ask each path: lastseen doctor --probe")];
    }
    let lacking: Vec<&Permission> = needed.iter().filter(|permission| permission.granted == Some(false)).collect();
    if lacking.is_empty() {
        return vec![Finding::new(Mark::Good, "permissions", format!("{} of {} granted", needed.len(), needed.len()))];
    }
    let finding = |permission: &&Permission| {
        let types = first_few(&permission.types.iter().map(PolicyType::as_str).collect::<Vec<_>>());
        if permission.is_optional {
            return Finding::note(
                "permissions",
                format!("{} is not granted, so these would be told as not available: {types}", permission.name),
            );
        }
        Finding::new(Mark::Failed, "permissions", format!("{} is not granted, so these can't be read: {types}", permission.name))
            .next("grant it to the app registration and consent again, or name the types to sync with --types")
    };
    lacking.iter().map(finding).collect()
}

/// Which workloads answer, and which do not.
fn of_knocks(tenant: &Tenant, knocks: &[Knock]) -> Vec<Finding> {
    let name = |workload| match workload {
        Workload::Intune => "Intune",
        Workload::ConditionalAccess => "conditional access",
        Workload::Identity => "Entra",
        Workload::CloudPc => "Windows 365",
    };
    let answering: Vec<&str> = knocks.iter().filter(|knock| knock.answer.is_ok()).map(|knock| name(knock.workload)).collect();
    let mut found = Vec::new();
    if !answering.is_empty() {
        let verb = if answering.len() == 1 { "answers" } else { "answer" };
        found.push(Finding::new(Mark::Good, "Graph", format!("{} {verb}", answering.join(", "))));
    }
    for knock in knocks {
        let Err(failure) = &knock.answer else { continue };
        let (who, path) = (name(knock.workload), &knock.path);
        found.push(if failure.code.is_unavailability() {
            Finding::note("licence", format!("the tenant has no {who}, or no licence for it"))
        } else {
            Finding::new(Mark::Failed, "Graph", format!("{who} did not answer to {path}: {}", failure.code.meaning()))
                .next(next_of(tenant, failure))
        });
    }
    found
}

/// What to do about a question that was not answered.
fn next_of(tenant: &Tenant, failure: &GraphFailure) -> String {
    match failure.code {
        ErrorCode::GraphConnection | ErrorCode::GraphTimeout => {
            "check this machine's network and proxy, the tenant's cloud, and LASTSEEN_GRAPH_ENDPOINT where it is set".to_owned()
        }
        ErrorCode::GraphForbidden => {
            "see that consent was given for the permissions above, and that no policy keeps the app out".to_owned()
        }
        ErrorCode::GraphUnauthorized => "see that the tenant's cloud and the Graph endpoint belong together".to_owned(),
        ErrorCode::GraphThrottled => "other programs use up what this tenant allows; try again later".to_owned(),
        ErrorCode::GraphUnavailable => "Graph fails on its side; try again later".to_owned(),
        _ => format!("ask every path: lastseen doctor --probe --tenant {}", tenant.scope.tenant()),
    }
}

/// Who manages the devices, where that is known and worth a word.
fn managed(answer: &Result<MdmAuthority, GraphFailure>) -> Option<Finding> {
    let good = |text| Some(Finding::new(Mark::Good, "licence", text));
    match answer {
        Ok(MdmAuthority::Intune) => good("devices are managed by Intune"),
        Ok(MdmAuthority::ConfigurationManager) => good("devices are managed by Configuration Manager"),
        Ok(MdmAuthority::Microsoft365) => good("devices are managed by Microsoft 365's basic mobility"),
        Ok(MdmAuthority::NotSet) => Some(
            Finding::note("licence", "the MDM authority was never set, so Intune has nothing to show")
                .next("set it in the Intune admin centre, where the tenant is to use Intune"),
        ),
        Ok(MdmAuthority::Other) => Some(Finding::note("licence", "devices are managed by something that this program does not know")),
        Err(GraphFailure { code: ErrorCode::GraphForbidden, .. }) => Some(Finding::note(
            "licence",
            format!("who manages devices is not shown: {ORGANIZATION_PERMISSION} is not granted, and no sync needs it"),
        )),
        // What keeps it from answering is told of the workloads.
        Err(_) => None,
    }
}

/// The paths that would break off, by a probe.
fn of_probes(examination: &Examination) -> Vec<Finding> {
    let broken = examination.paths.iter().filter_map(|path| match (&path.probe, path.expected) {
        (Some(_), Expected::Incomplete(code)) => Some((path, code)),
        _ => None,
    });
    broken
        .map(|(path, code)| {
            let words = path.types.first().map(|policy_type| advice::listing(code, policy_type)).unwrap_or_default();
            Finding::new(Mark::Failed, "probe", format!("{}: {words}", path.path))
        })
        .collect()
}
