//! What Graph's paths answer when nothing goes wrong.

use std::collections::{BTreeSet, HashSet};

use crate::support::{Client, TYPE, children, collections, fault_path, policy_type, small, target, targets};
use lastseen_contracts::{Paging, PathKind, Registry};
use lastseen_simulator::{CANARIES, Simulator, SimulatorConfig, SizePlan, TenantPlan, Watched};
use serde_json::Value;

#[tokio::test]
async fn following_the_links_covers_each_object_of_every_path_exactly_once() {
    let (simulator, client, tenant) = small(23).await;
    for path in collections() {
        let listed = client.all_ids(&format!("/{}{}", path.api_version.as_str(), path.path)).await;
        let held: BTreeSet<String> =
            path.types.iter().flat_map(|of| simulator.world().list(tenant, &of.policy_type)).map(|(id, _)| id).collect();
        assert_eq!(listed.len(), 23 * path.types.len(), "{}", path.path);
        assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), held, "{}", path.path);
    }
    simulator.shutdown().await;
}

#[tokio::test]
async fn every_object_is_of_the_type_it_was_made_for_and_keeps_its_name() {
    let (simulator, client, tenant) = small(40).await;
    for path in Registry::builtin().paths() {
        let target = format!("/{}{}", path.api_version.as_str(), path.path);
        let objects: Vec<Value> = match path.kind {
            PathKind::Singleton => vec![client.get(&target).await.json()],
            PathKind::Collection => {
                let mut objects = Vec::new();
                for target in targets(&simulator, tenant, path) {
                    let pages = client.pages(&target).await;
                    objects.extend(pages.iter().flat_map(|page| page.json()["value"].as_array().expect("an array").clone()));
                }
                objects
            }
        };
        let mut observed: Vec<(String, String, Option<String>)> = Vec::new();
        for object in &objects {
            let seen = path.observe(&object.to_string()).unwrap_or_else(|rejection| panic!("{}: {rejection:?}: {object}", path.path));
            let of = &path.types[seen.type_index];
            let id = seen.observation.external_id.as_str().to_owned();
            observed.push((of.policy_type.as_str().to_owned(), id, seen.observation.display_name));
            for canary in CANARIES {
                assert!(!seen.observation.meta.contains(canary), "{}: {canary} is kept", path.path);
            }
        }
        let mut made: Vec<(String, String, Option<String>)> = Vec::new();
        for of in &path.types {
            let listed = simulator.world().list(tenant, &of.policy_type);
            let cut = |name: String| name.chars().take(lastseen_model::observation::DISPLAY_NAME_MAX_CHARS).collect();
            made.extend(listed.into_iter().map(|(id, name)| (of.policy_type.as_str().to_owned(), id, name.map(cut))));
        }
        observed.sort();
        made.sort();
        assert_eq!(observed, made, "{}", path.path);
    }
    simulator.shutdown().await;
}

#[tokio::test]
async fn i17_i18_what_must_not_survive_is_really_there() {
    let (simulator, client, tenant) = small(40).await;
    let mut bodies = client.token.clone();
    for path in Registry::builtin().paths() {
        for target in targets(&simulator, tenant, path) {
            for page in client.pages(&target).await {
                bodies.push_str(&page.body);
            }
        }
    }
    let never_listed = ["canary-graph-error", "canary-sign-in-error", "canary-garbage", "canary-client-secret", "canary-script-body"];
    for canary in CANARIES.iter().filter(|canary| !never_listed.iter().any(|other| canary.starts_with(other))) {
        assert!(bodies.contains(canary), "{canary} is planted nowhere");
    }
    simulator.shutdown().await;
}

#[tokio::test]
async fn i22_the_same_seed_makes_the_same_tenants_and_another_seed_others() {
    let ids = async |seed| {
        let config = SimulatorConfig { seed, ..SimulatorConfig::default() };
        let tenant = config.tenants[0].tenant_id;
        let simulator = Simulator::start(config).await.expect("started");
        let client = Client::sign_in(&simulator, tenant).await;
        let body = client.get(&target(TYPE)).await.body.replace(&simulator.origin(), "");
        simulator.shutdown().await;
        body
    };
    assert_eq!(ids(1).await, ids(1).await);
    assert_ne!(ids(1).await, ids(2).await);
}

#[tokio::test]
async fn i19_names_come_in_many_scripts_one_is_null_one_comes_twice_and_ids_are_odd() {
    let (simulator, _, tenant) = small(30).await;
    let listed = simulator.world().list(tenant, &policy_type("deviceConfiguration"));
    let names: Vec<&str> = listed.iter().filter_map(|(_, name)| name.as_deref()).collect();
    assert_eq!(names.len(), 29);
    assert_eq!(names.iter().collect::<HashSet<_>>().len(), 28);
    assert!(names.iter().any(|name| name.chars().count() > 1_024));
    let id_of = |key: &str| simulator.world().list(tenant, &policy_type(key)).into_iter().next().expect("one").0;
    assert_eq!(id_of("roleScopeTag"), "0");
    assert!(id_of("managedAppPolicy").starts_with("T_"));
    assert!(id_of("targetedManagedAppConfiguration").starts_with("A_"));
    let limits = simulator.world().list(tenant, &policy_type("enrollmentLimitRestriction"));
    assert!(limits.iter().all(|(id, _)| id.ends_with("_DefaultLimit")), "{limits:?}");
    simulator.shutdown().await;
}

#[tokio::test]
async fn a_page_is_as_large_as_asked_within_what_the_endpoint_does() {
    let (simulator, client, _) = small(250).await;
    simulator.world().set_page_limit(None);
    let size = async |target: String| client.get(&target).await.ids().len();
    assert_eq!(size(target(TYPE)).await, 25, "the settings catalogue's own page size");
    assert_eq!(size(format!("{}?$top=7", target(TYPE))).await, 7);
    assert_eq!(size(format!("{}?$top=5000", target(TYPE))).await, 100, "the contract's page size");
    assert_eq!(size(target("deviceCompliancePolicy")).await, 250);
    let updates = target("windowsQualityUpdateProfile");
    assert_eq!(client.get(&format!("{updates}?$top=201")).await.status, 400);
    assert_eq!(size(format!("{updates}?$top=200")).await, 200);
    for wrong in ["$top=0", "$top=x", "$skiptoken=x", "$filter=a"] {
        assert_eq!(client.get(&format!("{updates}?{wrong}")).await.status, 400, "{wrong}");
    }
    simulator.shutdown().await;
}

#[tokio::test]
async fn a_next_link_is_encoded_twice_and_only_works_verbatim() {
    let (simulator, client, _) = small(15).await;
    let link = client.get(&target(TYPE)).await.next_link().expect("more pages");
    assert!(link.starts_with(&format!("{}{}?", simulator.origin(), target(TYPE))), "{link}");
    assert!(link.contains("$skiptoken=%255B"), "{link}");
    assert_eq!(client.get(&link).await.ids().len(), 10);
    assert_eq!(client.get(&link.replace("%25", "%")).await.status, 400, "a rebuilt link");
    let last = simulator.requests().last().cloned().expect("recorded");
    assert!(last.query.contains("%5B"), "recorded as it came");
    simulator.shutdown().await;
}

#[tokio::test]
async fn a_top_limit_and_pages_that_are_too_large_can_be_set_for_a_path() {
    let (simulator, client, _) = small(60).await;
    simulator.world().set_page_limit(None);
    let (compliance, path) = (target("deviceCompliancePolicy"), fault_path("deviceCompliancePolicy"));
    let status = async |query: &str| client.get(&format!("{compliance}{query}")).await.status;

    simulator.world().limit_top(&path, Some(50));
    let refused = client.get(&format!("{compliance}?$top=51")).await;
    assert_eq!((refused.status, refused.error_code().as_str()), (400, "BadRequest"));
    assert!(refused.body.contains("The limit of '50' for Top query has been exceeded."), "{}", refused.body);
    assert_eq!((status("?$top=50").await, status("").await), (200, 200));
    simulator.world().limit_top(&path, None);
    assert_eq!(status("?$top=51").await, 200);

    simulator.world().fail_large_pages(&path, Some(50));
    assert_eq!((status("?$top=51").await, status("?$top=50").await, status("").await), (500, 200, 500));
    simulator.world().fail_large_pages(&path, None);
    assert_eq!(status("").await, 200);
    simulator.shutdown().await;
}

#[tokio::test]
async fn i26_assignments_come_only_when_they_are_expanded_and_some_come_with_a_link_to_more() {
    let (simulator, client, _) = small(30).await;
    let objects = async |query: &str| {
        let pages = client.pages(&format!("{}{query}", target(TYPE))).await;
        pages.iter().flat_map(|page| page.json()["value"].as_array().expect("an array").clone()).collect::<Vec<Value>>()
    };
    assert!(objects("").await.iter().all(|object| object.get("assignments").is_none()));
    let expanded = objects("?$expand=assignments").await;
    let counts: BTreeSet<usize> = expanded.iter().map(|object| object["assignments"].as_array().expect("a list").len()).collect();
    assert_eq!(counts, [0, 1, 2, 3].into());
    let more = expanded.iter().filter(|object| object.get("assignments@odata.nextLink").is_some()).count();
    assert!(more > 0 && more < expanded.len() / 4, "{more}");
    let selected = objects("?$select=id&$expand=assignments").await;
    assert!(selected.iter().all(|object| object.get("assignments").is_some() && object.get("description").is_none()));
    assert_eq!(objects("?$expand=assignments&$top=3").await, expanded, "the links ask for them, too");

    let refused = async |target: String| client.get(&format!("{target}?$expand=assignments")).await;
    assert_eq!(refused(target("mobileApp")).await.error_code(), "BadRequest", "where no contract says so");
    simulator.world().refuse_expand(&fault_path(TYPE), true);
    assert_eq!(refused(target(TYPE)).await.status, 400);
    simulator.world().refuse_expand(&fault_path(TYPE), false);
    assert_eq!(refused(target(TYPE)).await.status, 200);
    simulator.shutdown().await;
}

#[tokio::test]
async fn each_child_is_in_the_collection_of_one_parent() {
    let (simulator, client, tenant) = small(23).await;
    assert!(!children().is_empty());
    for (path, _) in children() {
        let mut listed = Vec::new();
        for target in targets(&simulator, tenant, path) {
            listed.extend(client.all_ids(&target).await);
        }
        let held: BTreeSet<String> =
            path.types.iter().flat_map(|of| simulator.world().list(tenant, &of.policy_type)).map(|(id, _)| id).collect();
        assert_eq!(listed.len(), 23 * path.types.len(), "{}", path.path);
        assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), held, "{}", path.path);
    }
    simulator.shutdown().await;
}

#[tokio::test]
async fn a_parent_that_goes_takes_its_children_along_and_one_that_comes_has_none() {
    let (simulator, client, tenant) = small(4).await;
    let (path, parent) = children().into_iter().next().expect("one");
    let child = &path.types[0].policy_type;
    simulator.world().set_size(tenant, child, 12).expect("a known type");
    let before = targets(&simulator, tenant, path);
    let first = client.all_ids(&before[0]).await;
    assert_eq!((before.len(), first.len()), (4, 3));

    let (gone, _) = simulator.world().list(tenant, &parent.policy_type).remove(0);
    simulator.world().remove(tenant, &parent.policy_type, &gone).expect("it is there");
    assert_eq!(client.get(&before[0]).await.status, 404);
    let left = simulator.world().list(tenant, child);
    assert_eq!(left.len(), 9);
    assert!(left.iter().all(|(id, _)| !first.contains(id)));

    let second = client.all_ids(&before[1]).await;
    let new = simulator.world().add(tenant, &parent.policy_type, 1).expect("added").remove(0);
    let after = targets(&simulator, tenant, path);
    assert!(after.last().is_some_and(|target| target.contains(&new)));
    assert!(client.all_ids(&after[3]).await.is_empty());
    assert_eq!(client.all_ids(&before[1]).await, second, "no child moves");
    simulator.world().restore(tenant, &parent.policy_type, &gone).expect("it was there");
    assert_eq!(client.all_ids(&before[0]).await, first);
    assert_eq!(client.get(&before[0].replace(&gone, "stranger")).await.status, 404);
    simulator.shutdown().await;
}

#[tokio::test]
async fn select_is_honoured_where_the_contract_says_so_and_refused_on_demand() {
    let (simulator, client, _) = small(3).await;
    let selected = client.get(&format!("{}?$select=id,name&$top=2", target(TYPE))).await.json();
    for object in selected["value"].as_array().expect("an array") {
        assert_eq!(object.as_object().expect("an object").keys().collect::<Vec<_>>(), ["id", "name"]);
    }
    assert_eq!(client.get(&format!("{}?$select=id,a.b", target(TYPE))).await.status, 400);
    let ignoring = Registry::builtin().paths().iter().find(|path| !path.select && path.kind == PathKind::Collection).expect("such a path");
    let whole = client.get(&format!("/{}{}?$select=id", ignoring.api_version.as_str(), ignoring.path)).await.json();
    assert!(whole["value"][0].get("description").is_some());

    simulator.world().refuse_select(&fault_path(TYPE), true);
    let refused = client.get(&format!("{}?$select=id", target(TYPE))).await;
    assert_eq!((refused.status, refused.error_code().as_str()), (400, "BadRequest"));
    assert!(refused.body.contains("Could not find a property named"));
    assert_eq!(client.get(&target(TYPE)).await.status, 200);
    simulator.world().refuse_select(&fault_path(TYPE), false);
    assert_eq!(client.get(&format!("{}?$select=id", target(TYPE))).await.status, 200);
    simulator.shutdown().await;
}

#[tokio::test]
async fn i25_what_is_not_there_or_not_allowed_is_never_an_empty_list() {
    let (simulator, client, tenant) = small(2).await;
    for wrong in ["/beta/deviceManagement/nothing", "/v1.0/deviceManagement/configurationPolicies", "/v2.0/x", "/", "/beta"] {
        let reply = client.get(wrong).await;
        assert_eq!(reply.status, 400, "{wrong}");
        assert!(reply.body.contains("Resource not found for the segment"), "{wrong}");
    }
    for method in ["POST", "PATCH", "DELETE", "PUT"] {
        let reply = Client::read(client.request(method, &target(TYPE))).await.expect("an answer");
        assert_eq!(reply.status, 405);
    }
    assert_eq!((simulator.counts().not_get, simulator.counts().foreign), (4, 4 + 4), "and four of the paths are unknown on any version");

    let nameless = Client::read(client.request("GET", &target(TYPE)).header("user-agent", "")).await.expect("an answer");
    assert_eq!(nameless.status, 403);

    let (path, _) = Registry::builtin().find(&policy_type(TYPE)).expect("known");
    simulator.world().deny(tenant, &path.permission).expect("a known tenant");
    let denied = client.get(&target(TYPE)).await;
    assert_eq!((denied.status, denied.error_code().as_str()), (403, "Forbidden"));
    assert!(denied.body.contains(&path.permission), "the answer names what would do");
    simulator.world().grant(tenant, &path.permission).expect("a known tenant");
    assert_eq!(client.get(&target(TYPE)).await.status, 200);
    simulator.shutdown().await;
}

#[tokio::test]
async fn a_singleton_has_no_envelope_and_is_404_when_it_is_not_there() {
    let (simulator, client, tenant) = small(5).await;
    let singleton = Registry::builtin().paths().iter().find(|path| path.kind == PathKind::Singleton).expect("a singleton");
    let target = format!("/{}{}", singleton.api_version.as_str(), singleton.path);
    let object = client.get(&target).await.json();
    assert!(object.get("value").is_none() && object.get("@odata.context").is_some());
    let of = &singleton.types[0].policy_type;
    let (id, _) = simulator.world().list(tenant, of).into_iter().next().expect("one");
    simulator.world().remove(tenant, of, &id).expect("removed");
    assert_eq!(client.get(&target).await.status, 404);
    simulator.shutdown().await;
}

#[tokio::test]
async fn a_path_that_pages_by_offset_hides_an_object_when_an_earlier_one_goes() {
    let mut path = Registry::builtin().find(&policy_type(TYPE)).expect("known").0.clone();
    path.types.retain(|of| of.matches.is_none());
    let mut listed = async |paging| {
        path.paging = paging;
        let tenant = TenantPlan { sizes: SizePlan::each(20), ..TenantPlan::numbered(1) };
        let id = tenant.tenant_id;
        let config = SimulatorConfig { tenants: vec![tenant], ..SimulatorConfig::default() };
        let simulator = Simulator::start_with(config, vec![path.clone()]).await.expect("started");
        let client = Client::sign_in(&simulator, id).await;
        let first = client.get(&format!("{}?$top=10", target(TYPE))).await;
        simulator.world().remove(id, &policy_type(TYPE), &first.ids()[0]).expect("removed");
        let rest = client.all_ids(&first.next_link().expect("more")).await;
        simulator.shutdown().await;
        first.ids().len() + rest.len()
    };
    assert_eq!(listed(Paging::Token).await, 20);
    assert_eq!(listed(Paging::Offset).await, 19);
}

#[tokio::test]
async fn requests_are_counted_and_recorded_with_what_they_carried() {
    let (simulator, client, tenant) = small(3).await;
    let id = "0d7bb60f-27d4-4a8a-9a55-0c8f4e1ad0a1";
    let request = client.request("GET", &format!("{}?$top=2", target(TYPE))).header("client-request-id", id);
    let reply = Client::read(request).await.expect("an answer");
    assert_eq!(reply.header("client-request-id"), Some(id));
    assert!(reply.header("request-id").is_some());
    client.get("/beta/nowhere").await;

    let counts = simulator.counts();
    assert_eq!((counts.requests, counts.token_requests, counts.not_get, counts.foreign, counts.throttled), (3, 1, 0, 1, 0));
    assert_eq!(counts.by_method, [("GET".to_owned(), 2), ("POST".to_owned(), 1)].into());
    assert_eq!(counts.by_path, [("(other)".to_owned(), 1), (fault_path(TYPE), 1), ("token".to_owned(), 1)].into());
    assert_eq!(counts.by_status, [(200, 2), (400, 1)].into());
    assert!(counts.bytes_sent > reply.body.len() as u64);

    let recorded = &simulator.requests()[1];
    assert_eq!((recorded.method.as_str(), recorded.path.as_str(), recorded.query.as_str()), ("GET", target(TYPE).as_str(), "$top=2"));
    assert_eq!((recorded.user_agent.as_deref(), recorded.client_request_id.as_deref()), (Some("tests/1"), Some(id)));
    assert_eq!((recorded.tenant, recorded.status), (Some(tenant), 200));
    simulator.shutdown().await;
}

#[tokio::test]
async fn a_type_of_200_000_objects_is_there_at_once() {
    let (simulator, client, tenant) = small(0).await;
    simulator.world().set_page_limit(None);
    simulator.world().set_size(tenant, &policy_type("deviceCompliancePolicy"), 200_000).expect("a known type");
    let first = client.get(&target("deviceCompliancePolicy")).await;
    assert_eq!(first.ids().len(), 1_000);
    let second = client.get(&first.next_link().expect("many more")).await;
    assert_eq!(second.ids().len(), 1_000);
    simulator.shutdown().await;
}

#[tokio::test]
#[should_panic(expected = "i28")]
async fn i28_a_watched_simulator_that_was_asked_to_change_something_fails_its_test() {
    let (simulator, client, _) = small(1).await;
    let watched = Watched::from(simulator);
    assert_eq!((watched.counts().token_requests, watched.counts().foreign), (1, 0));
    Client::read(client.request("PATCH", &target(TYPE))).await.expect("an answer");
}
