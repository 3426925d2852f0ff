//! A listing is whole exactly when every page of it came whole (I2, I30).

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};

use lastseen_graph::GraphSettings;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree as _;
use serde_json::Value;

use super::damage::{Change, harm, oddity};
use super::{config, only_below_the_version, runtime};
use crate::support::*;

/// The largest body, as it comes and unpacked.
const BODY_CAP: u64 = 1_000_000;

/// The pages of a listing: so many, of two objects each.
fn bodies(server: &Server, pages: usize) -> Vec<String> {
    let body = |n: usize| {
        let ids = [format!("{n}-a"), format!("{n}-b")];
        let next = (n + 1 < pages).then(|| server.url(&format!("/beta/things?$skiptoken={}", n + 1)));
        page_body(&[&ids[0], &ids[1]], next.as_deref())
    };
    (0..pages).map(body).collect()
}

fn page_of(request: &Request) -> usize {
    request.target().split_once("$skiptoken=").map_or(0, |(_, number)| number.parse().expect("a number of ours"))
}

/// Lists from a server that sends its pages, one of them changed the first so many times that it is asked for.
async fn listed(pages: usize, changed: usize, times: u32, change: impl Fn(&str) -> Reply + Send + Sync + 'static) -> (Server, Listed, u64) {
    let server = Server::start().await;
    let bodies = bodies(&server, pages);
    let asked = AtomicU32::new(0);
    server.route(move |request| {
        let page = page_of(request);
        if page == changed && asked.fetch_add(1, Ordering::SeqCst) < times { change(&bodies[page]) } else { json(200, &bodies[page]) }
    });
    let client = server.client_with(GraphSettings { body_cap: BODY_CAP, ..GraphSettings::default() }, &FakeTimer::new());
    let session = session(&client);
    let listed = list(session.pages(&path("/things"), &[0])).await;
    let received = session.traffic().bytes_received;
    (server, listed, received)
}

fn all_ids(pages: usize) -> BTreeSet<String> {
    (0..pages).flat_map(|n| [format!("{n}-a"), format!("{n}-b")]).collect()
}

/// Each page at most six times, in three passes.
const fn most(pages: usize) -> usize {
    pages * 6 * 3
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn i02_i30_a_page_that_is_harmed_for_good_never_makes_a_whole_listing(pages in 1..4_usize, at: Index, change in harm()) {
        let name = change.0;
        let (server, listed, received) = runtime().block_on(listed(pages, at.index(pages), u32::MAX, move |body| change.reply(body)));
        prop_assert!(!listed.whole() && listed.failure.is_some(), "{name}: {:?}", listed.pages);
        prop_assert!(!listed.pages.iter().any(|page| page.last), "{name}");
        prop_assert!(listed.ids().into_iter().collect::<BTreeSet<_>>().is_subset(&all_ids(pages)), "{name}");
        only_below_the_version(&server, most(pages))?;
        // What comes over the cap is not read on: a chunk more at each request, at most.
        prop_assert!(received <= server.asked().len() as u64 * (BODY_CAP + 500_000), "{name}: {received} bytes");
    }

    #[test]
    fn i16_i20_harm_that_passes_costs_no_object_and_doubles_no_page_at_the_end(pages in 1..4_usize, at: Index, times in 1..3_u32, change in harm()) {
        let name = change.0;
        let (server, listed, _) = runtime().block_on(listed(pages, at.index(pages), times, move |body| change.reply(body)));
        if listed.failure.is_none() {
            prop_assert!(listed.whole(), "{name}");
            prop_assert_eq!(listed.ids().into_iter().collect::<BTreeSet<_>>(), all_ids(pages), "{}", name);
            prop_assert_eq!(listed.pages.iter().filter(|page| page.last).count(), 1, "{}", name);
        }
        only_below_the_version(&server, most(pages))?;
    }
}

proptest! {
    #![proptest_config(config(120))]

    #[test]
    fn i02_a_page_in_an_odd_form_is_the_page(pages in 1..4_usize, at: Index, change in oddity()) {
        let name = change.0;
        let (server, listed, _) = runtime().block_on(listed(pages, at.index(pages), u32::MAX, move |body| change.reply(body)));
        prop_assert!(listed.whole(), "{name}: {:?}", listed.failure);
        prop_assert_eq!(listed.ids().into_iter().collect::<Vec<_>>(), all_ids(pages).into_iter().collect::<Vec<_>>(), "{}", name);
        prop_assert_eq!(server.asked().len(), pages, "{}", name);
    }

    #[test]
    fn i02_of_bytes_that_were_changed_at_will_only_what_reads_as_a_page_counts(
        at: Index,
        changes in prop::collection::vec((any::<Index>(), any::<u8>(), 0..4_u8), 1..4),
    ) {
        let pages = 3;
        let changed = at.index(pages);
        let change = move |body: &str| {
            let mut bytes = body.as_bytes().to_vec();
            for (at, byte, how) in &changes {
                let at = at.index(bytes.len());
                match how {
                    0 => bytes[at] = *byte,
                    1 => bytes.insert(at, *byte),
                    2 if bytes.len() > 1 => drop(bytes.remove(at)),
                    _ => bytes[at] ^= 0x20,
                }
            }
            bytes
        };
        let reference = change.clone();
        let (server, listed, _) = runtime().block_on(async {
            listed(pages, changed, u32::MAX, move |body| Reply::SendAndClose(bytes(200, &[], &change(body)))).await
        });
        only_below_the_version(&server, most(pages))?;
        let sent = reference(&bodies(&server, pages)[changed]);
        let read: Option<Value> = serde_json::from_slice(&sent).ok();
        let is_page = read.as_ref().is_some_and(|page| page.is_object() && page["value"].is_array() && page["error"].is_null());
        let last = read.as_ref().is_none_or(|page| page["@odata.nextLink"].is_null());
        if listed.whole() {
            prop_assert!(is_page, "{}", String::from_utf8_lossy(&sent));
            prop_assert!(last || changed + 1 < pages, "{}", String::from_utf8_lossy(&sent));
        }
    }

    #[test]
    fn i02_an_answer_behind_the_answer_is_never_taken_for_the_next(pages in 2..4_usize, at: Index) {
        let forged = page_body(&["forged"], None);
        let behind = move |body: &str| {
            let forged = bytes(200, &[], forged.as_bytes());
            Reply::Send([bytes(200, &[], body.as_bytes()), forged].concat())
        };
        let (_server, listed, _) = runtime().block_on(listed(pages, at.index(pages), 1, behind));
        prop_assert!(!listed.ids().contains(&"forged".to_owned()));
        prop_assert!(!listed.whole() || listed.ids().into_iter().collect::<BTreeSet<_>>() == all_ids(pages));
    }
}

/// Keeps the names of changes honest: each of them is known, and none panics.
#[test]
fn every_change_can_be_made() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..500 {
        for strategy in [harm().boxed(), oddity().boxed()] {
            let change: Change = strategy.new_tree(&mut runner).expect("a value").current();
            drop(change.of(r#"{"value":[{"id":"1"}]}"#));
        }
    }
}
