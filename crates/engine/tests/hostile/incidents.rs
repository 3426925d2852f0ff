//! What others met, each with the thread that tells of it.

use lastseen_contracts::{Assignments, Registry};
use lastseen_model::ErrorCode::{GraphBadRequest, GraphForbidden, GraphPageLoop, GraphThrottled, GraphUnavailable};
use lastseen_model::RunStatus;

use crate::row::{Row, prove};
use crate::support::{World, key};

const CONFIGURATION: &str = "deviceConfiguration";
const CATALOG: &str = "settingsCatalogPolicy";
const DRIVER_UPDATES: &str = "windowsDriverUpdateProfile";
const SCRIPT: &str = "deviceManagementScript";

const NO_ROUTE: &str = "action='status'\nerror='no_route'";
const NOTHING: &str = "";

pub(crate) const INCIDENTS: &[Row] = &[
    Row::ends(
        "docs-contrib#5311, msgraph-sdk-dotnet#2108: a next link that leads to itself",
        "action='loop'\npage=3\nskip=0",
        GraphPageLoop,
        3,
    )
    .on("importedDeviceIdentity"),
    // At each of four sizes, 100, 50, 25 and Graph's own: two pages, and six tries for the third.
    Row::ends(
        "msgraph-sdk-powershell#2534: a list that stops early with 504",
        "action='status'\nerror='gateway_timeout'\npage=3",
        GraphUnavailable,
        4 * (2 + 6),
    )
    .on(CATALOG),
    Row::ends("M365Documentation#81: 500 for device configurations only", "action='status'\nerror='internal'", GraphUnavailable, 15)
        .on(CONFIGURATION),
    Row::passes("IntuneCommander: 500 for large pages of the settings catalogue", NOTHING, 3 + 3)
        .on(CATALOG)
        .within(|world| world.simulator.world().fail_large_pages(&World::path(CATALOG), Some(50))),
    Row::passes("IntuneCommander: 400 for $top=999 of update profiles", NOTHING, 3 + 2)
        .on(DRIVER_UPDATES)
        .within(|world| world.simulator.world().limit_top(&World::path(DRIVER_UPDATES), Some(100))),
    Row::passes("IntuneBackupAndRestore#95: 429 on group policies", "action='status'\nerror='throttled'\nretry_after='5'\ntimes=3", 6)
        .on("groupPolicyConfiguration"),
    Row::ends("IntuneCD#217: 429 that never says when", "action='status'\nerror='throttled'\nretry_after=''", GraphThrottled, 6)
        .on("deviceCategory"),
    Row::passes("msgraph-sdk-python#1159: Retry-After 30,120", "action='status'\nerror='throttled'\nretry_after='30,120'\ntimes=1", 4),
    Row::passes("msgraph-sdk-java-core#732: Retry-After 0,120", "action='status'\nerror='throttled'\nretry_after='0,120'\ntimes=1", 4),
    Row::passes("msgraph-sdk-php-core#230: Retry-After 60,120", "action='status'\nerror='throttled'\nretry_after='60,120'\ntimes=1", 4),
    Row::unavailable("msgraph-beta-sdk-go#198, IntuneGet#993: not applicable to the tenant", "action='status'\nerror='not_applicable'")
        .on(CONFIGURATION),
    Row::passes("Microsoft365DSC#5650, #5970: 502 during an export", "action='status'\nerror='bad_gateway'\npage=2\ntimes=2", 5)
        .on(CONFIGURATION),
    Row::passes("Microsoft365DSC#5650, #5970: 503 during an export", "action='status'\nerror='unavailable'\npage=2\ntimes=2", 5)
        .on(CONFIGURATION),
    // One request for each of its options: $top alone, in two sizes below its own 200, and none.
    Row::ends("microsoft-graph-explorer-v4#2930: no route for policy sets", NO_ROUTE, GraphBadRequest, 5).on("policySet"),
    Row::ends("docs-contrib#5956: no route for role definitions", NO_ROUTE, GraphBadRequest, 5).on("roleDefinition"),
    // Only $expand can be left out.
    Row::ends("Intune-PowerShell-SDK#65: 400 for app protection", NO_ROUTE, GraphBadRequest, 2).on("iosManagedAppProtection"),
    Row::passes("Intune-PowerShell-SDK#65: 400 for the assignments of app protection alone", NOTHING, 4)
        .on("iosManagedAppProtection")
        .within(|world| world.simulator.world().refuse_expand(&World::path("iosManagedAppProtection"), true)),
    Row::ends(
        "GetIntuneAssignments#14, intune-my-macs#10: scripts 403 after a change",
        "action='status'\nerror='forbidden'",
        GraphForbidden,
        1,
    )
    .on(SCRIPT),
    Row::unavailable("IntuneManagement#322: no licence for driver updates", "action='status'\nerror='forbidden'").on(DRIVER_UPDATES),
    Row::ends("a licence that ends in mid-listing", "action='status'\nerror='not_licensed'\npage=2", GraphForbidden, 2).on(DRIVER_UPDATES),
];

#[tokio::test(flavor = "multi_thread")]
async fn i15_what_others_met_costs_one_listing_at_most() {
    prove(&INCIDENTS[..INCIDENTS.len() / 2]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i15_what_others_met_costs_one_listing_at_most_the_rest() {
    prove(&INCIDENTS[INCIDENTS.len() / 2..]).await;
}

// IAC#28, Microsoft365DSC#5088, IntuneBackupAndRestore#88: only 25 policies came.
#[tokio::test(flavor = "multi_thread")]
async fn i02_a_path_that_gives_25_a_page_whatever_it_is_asked_for_is_read_to_its_end() {
    let world = World::with_size(0).await;
    world.simulator.world().set_size(world.tenant(), &key(CATALOG), 130).expect("a type");
    world.simulator.world().set_page_limit(Some(25));
    let run = world.sync(&[CATALOG]).await;
    assert_eq!((run.record.status, run.record.counts.items_observed, run.listings[0].pages), (RunStatus::Success, 130, 6));
}

// microsoft-graph-docs#19579: 403 without a User-Agent. microsoft-graph-docs#5025: no assignments without $expand.
#[tokio::test(flavor = "multi_thread")]
async fn every_request_names_its_agent_and_asks_for_what_would_not_come_unasked() {
    let world = World::with_size(1).await;
    assert_eq!(world.sync(&[]).await.record.status, RunStatus::Success);
    let requests = world.simulator.requests();
    assert!(requests.iter().all(|request| request.user_agent.as_deref().is_some_and(|agent| agent.starts_with("lastseen/"))));
    let mut with_assignments = 0;
    for path in Registry::builtin().paths().iter().filter(|path| path.assignments == Assignments::Expand) {
        for request in requests.iter().filter(|request| request.path.ends_with(&path.path)) {
            assert!(request.query.contains("$expand=assignments"), "{}: {}", path.path, request.query);
            with_assignments += 1;
        }
    }
    assert!(with_assignments >= 10, "{with_assignments} listings with assignments");
}
