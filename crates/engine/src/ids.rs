//! Where ids come from.

use lastseen_model::{CorrelationId, RunId, ScheduleId, TokenId, WorkerId};
use rand::RngExt;
use uuid::Uuid;

/// What a worker's name keeps of its machine's; the rest tells workers of one machine apart.
const MACHINE_CHARS: usize = 64;

/// A fresh run id: UUIDv7, so that ids sort by creation.
pub(crate) fn new_run_id() -> RunId {
    RunId::try_from(new_v7()).unwrap_or_else(|_| unreachable_nil())
}

/// A fresh correlation id.
pub(crate) fn new_correlation_id() -> CorrelationId {
    CorrelationId::try_from(new_v7()).unwrap_or_else(|_| unreachable_nil())
}

/// A fresh id of a token: UUIDv7, so that ids sort by creation.
pub fn new_token_id() -> TokenId {
    TokenId::try_from(new_v7()).unwrap_or_else(|_| unreachable_nil())
}

/// A fresh id of a schedule: UUIDv7, so that ids sort by creation.
pub fn new_schedule_id() -> ScheduleId {
    ScheduleId::try_from(new_v7()).unwrap_or_else(|_| unreachable_nil())
}

/// A fresh id of a request to the API.
pub fn new_request_id() -> Uuid {
    new_v7()
}

#[expect(clippy::disallowed_methods, reason = "the one place that makes ids")]
fn new_v7() -> Uuid {
    Uuid::now_v7()
}

/// A version 7 id is never the GUID of zeroes: its version bits are set.
fn unreachable_nil() -> ! {
    unreachable!("a UUIDv7 has its version bits set")
}

/// This process as a worker: its machine, so that a person finds it, its number, and a random part, so that a restarted process is
/// another worker.
pub fn new_worker_id() -> WorkerId {
    let machine: String = gethostname::gethostname().to_string_lossy().chars().take(MACHINE_CHARS).collect();
    WorkerId::new(&format!("{machine}-{}-{}", std::process::id(), unique_suffix()))
}

/// Eight random hexadecimal digits.
pub fn unique_suffix() -> String {
    format!("{:08x}", rand::rng().random::<u32>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_creation_and_differ() {
        let (one, two) = (new_run_id(), new_run_id());
        assert!(one < two);
        assert_ne!(new_worker_id(), new_worker_id());
    }
}
