//! Objects to begin with: made-up ones of every path that ships, and real ones where the corpus is there. They are seeds only: nothing of
//! the corpus is a part of the project.

#![expect(clippy::print_stderr, reason = "a corpus that is not there is worth a line to whoever runs the test")]

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use lastseen_contracts::{PathContract, Registry};
use lastseen_graph::GraphClient;
use lastseen_model::CorrelationId;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;

use crate::support::{SwiftTimer, World};

/// A path, and an object that is on it.
pub(crate) type Seed = (&'static PathContract, String);

/// All of them; read once.
pub(crate) fn seeds() -> &'static [Seed] {
    static SEEDS: OnceLock<Vec<Seed>> = OnceLock::new();
    SEEDS.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let mut seeds = runtime.block_on(made_up());
        for path in Registry::builtin().paths() {
            assert!(seeds.iter().any(|(known, _)| known.path == path.path), "no object of {}", path.path);
        }
        seeds.extend(real());
        seeds
    })
}

/// What the simulator renders, read by the client as a run would read it.
async fn made_up() -> Vec<Seed> {
    let world = World::with_size(3).await;
    let graph = GraphClient::new(world.graph.clone(), Arc::new(SwiftTimer::default())).expect("a client");
    let correlation: CorrelationId = "33333333-5a54-4c0e-9d6b-3f1f0f6b7a10".parse().expect("a GUID");
    let session = graph.session(world.tenant(), world.access(), correlation, CancellationToken::new()).expect("a session");
    let mut seeds = Vec::new();
    for path in Registry::builtin().paths() {
        // Without `$select` an object comes with everything that must not be kept.
        let mut pages = session.pages(&PathContract { select: false, ..path.clone() }, &[]);
        while let Some(page) = pages.next().await.unwrap_or_else(|failure| panic!("{}: {failure}", path.path)) {
            seeds.extend(page.objects().map(|object| (path, object.to_owned())));
        }
    }
    seeds
}

/// Some of each real collection.
fn real() -> Vec<Seed> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/intune");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("without real objects: the corpus is not at ../shared/data/intune, seen from the project's root");
        return Vec::new();
    };
    let mut seeds = Vec::new();
    for entry in entries {
        let file = entry.expect("an entry").path();
        let Some(name) = file.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".json")) else { continue };
        let wanted = format!("/{}", name.replace('.', "/"));
        let Some(path) = Registry::builtin().paths().iter().find(|path| path.path == wanted) else { continue };
        let objects: Vec<Box<RawValue>> = serde_json::from_str(&std::fs::read_to_string(&file).expect("readable")).expect("an array");
        seeds.extend(objects.iter().take(5).map(|object| (path, object.get().to_owned())));
    }
    eprintln!("with {} real objects", seeds.len());
    seeds
}

/// The object as a tree.
pub(crate) fn tree(seed: &Seed) -> Value {
    serde_json::from_str(&seed.1).expect("an object")
}
