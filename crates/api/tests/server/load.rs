//! Many who read at once over a large catalogue.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use lastseen_contracts::Registry;
use lastseen_model::{PolicyType, Selection};

use crate::client::{Answer, Client};
use crate::whole::{Whole, external_id, tenant};

const ITEMS: usize = 100_000;
const CLIENTS: usize = 16;
const REQUESTS_EACH: usize = 130;

/// Asks for something, under the condition that it has changed where it was asked for before.
async fn ask(client: &mut Client, token: &str, path: &str, known: &mut HashMap<String, String>) -> Answer {
    let condition = known.get(path).map(|etag| format!("if-none-match: {etag}\r\n")).unwrap_or_default();
    client.send(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n{condition}\r\n")).await;
    let answer = client.answer().await.expect("an answer");
    if let Some(etag) = answer.head.lines().find_map(|line| line.strip_prefix("etag: ")) {
        known.insert(path.to_owned(), etag.to_owned());
    }
    answer
}

/// What one client asks, one after the other.
async fn read(client: usize, address: std::net::SocketAddr, token: Arc<String>, types: Arc<Vec<PolicyType>>) -> BTreeMap<u16, usize> {
    let (mut connection, mut known, mut statuses) = (Client::connect(address).await, HashMap::new(), BTreeMap::new());
    let home = format!("/v1/tenants/{}", tenant(1));
    let mut next_page = None::<String>;
    for request in 0..REQUESTS_EACH {
        let number = (client * 7919 + request * 104_729) % (ITEMS / types.len());
        let policy_type = &types[number % types.len()];
        let path = match request % 13 {
            0..=2 => format!("{home}/items?limit=100{}", next_page.take().unwrap_or_default()),
            3 | 4 => format!("{home}/items?type={policy_type}&platform=windows&limit=200"),
            5 => format!("{home}/items?search=policy%20{number}&limit=50"),
            6 => format!("{home}/missing?limit=100"),
            7 => format!("{home}/coverage"),
            8 | 9 => format!("{home}/items/{policy_type}/{}", external_id(policy_type, number)),
            10 => format!("{home}/runs?limit=10"),
            11 => "/v1/status".to_owned(),
            _ => "/v1/types".to_owned(),
        };
        let answer = ask(&mut connection, &token, &path, &mut known).await;
        assert!(matches!(answer.status, 200 | 304), "{path}: {answer:?}");
        *statuses.entry(answer.status).or_default() += 1;
        if request % 13 < 3 && answer.status == 200 {
            let page: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
            next_page = page["next_cursor"].as_str().map(|cursor| format!("&cursor={cursor}"));
        }
        assert!(!answer.closes(), "{path}: {answer:?}");
    }
    statuses
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_who_read_a_hundred_thousand_items_are_all_answered() {
    let whole = Whole::new().await;
    whole.tenant(1).await;
    let types = Registry::builtin().vocabulary().scope(&Selection::default()).expect("everything");
    let of_each = ITEMS.div_ceil(types.len());
    whole.sync(1, of_each, 0).await;
    whole.sync(1, of_each, 20).await;

    let (token, types) = (Arc::new(whole.admin.clone()), Arc::new(types));
    let reading: Vec<_> =
        (0..CLIENTS).map(|client| tokio::spawn(read(client, whole.address, Arc::clone(&token), Arc::clone(&types)))).collect();
    let mut statuses = BTreeMap::<u16, usize>::new();
    for client in reading {
        for (status, count) in client.await.expect("every answer good") {
            *statuses.entry(status).or_default() += count;
        }
    }
    assert_eq!(statuses.values().sum::<usize>(), CLIENTS * REQUESTS_EACH);
    // What had not changed was not sent again.
    assert!(statuses[&200] > 0 && statuses[&304] > 0, "{statuses:?}");
    whole.end().await;
}
