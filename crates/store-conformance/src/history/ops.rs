//! The moves a random history is made of, and how they are drawn.
//!
//! A move names things by small numbers that the director resolves against what exists, so that every list of moves is a
//! history and shrinking is just dropping moves and lowering numbers.

use lastseen_store::Change as Edit;
use proptest::prelude::*;

/// One move.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    /// A whole run: start, every path as told, finish.
    Sync { tenant: u8, selection: u8, min_items: u8, paths: [PathTold; 4], ending: u8 },
    /// A start that leaves the run open.
    Start { tenant: u8, selection: u8, min_items: u8, wait: bool },
    /// A run for the queue; with a key it is asked for twice, and then something else is.
    Enqueue { tenant: u8, selection: u8, min_items: u8, wait: bool, key: Option<u8> },
    /// A claim of a run, most often a pending one.
    Claim { run: u8 },
    /// A cancellation of a run, most often a pending one.
    Cancel { run: u8 },
    /// A cancellation of a running run, and a renewal of its lease.
    CancelRunning { run: u8 },
    /// Marks a path of a running run as begun.
    Begin { run: u8, path: u8 },
    /// The next page of a path of a running run.
    Page { run: u8, path: u8, page: PageTold },
    /// A page that is stored already, with other objects on it.
    Replay { run: u8, path: u8, mask: u16 },
    /// A page that leaves a gap.
    Gap { run: u8, path: u8 },
    /// A path that breaks off.
    Fail { run: u8, path: u8, code: u8 },
    /// The end of a running run, whatever is open.
    Finish { run: u8, ending: u8 },
    /// Every open path to its end, then the end of the run.
    Complete { run: u8 },
    /// A renewal of a running run's lease.
    Renew { run: u8 },
    /// A write under the lease of a run that has ended.
    Zombie { run: u8, what: u8 },
    /// A write for a run of one tenant through the door of the other.
    Trespass { run: u8, what: u8 },
    /// Time passes.
    Advance { by: u8 },
    /// A reaping, at once or when every lease is over.
    Reap { later: bool },
    /// Something changes in a tenant at Microsoft.
    World(Change),
    /// Our registry changes.
    Contract { policy_type: u8, hash: bool },
    /// A person's note.
    Acknowledge { tenant: u8, item: u8 },
    /// The note is taken back.
    Unacknowledge { tenant: u8, item: u8 },
    /// A tenant is removed.
    RemoveTenant { tenant: u8 },
    /// A tenant is changed, or brought back; with a limit of its own, without one, or with the one it has.
    SetTenant { tenant: u8, runs_at_once: Edit<u32> },
    /// A tenant is taken away with all it had.
    Purge { tenant: u8 },
    /// Retention.
    Prune { tenant: u8, keep_runs: Option<u8>, older_than: Option<u8> },
}

/// How a path goes in a whole run.
#[derive(Debug, Clone, Copy)]
pub(crate) enum PathTold {
    /// All of it, on this many pages.
    Whole { pages: u8 },
    /// The last page leaves some out.
    LeavesOut { mask: u16 },
    /// One page, then an error.
    BreaksOff { mask: u16, code: u8 },
    /// An error at once.
    Fails { code: u8 },
    /// The tenant has no such feature.
    Unavailable,
    /// An object that can't be identified.
    Rejects,
    /// Not begun.
    NotStarted,
}

/// What a page holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageTold {
    /// Which of the tenant's objects are on it.
    pub(crate) mask: u16,
    /// Whether the first object comes twice.
    pub(crate) twice: bool,
    /// Objects that can't be identified.
    pub(crate) rejected: u8,
    /// The last one.
    pub(crate) last: bool,
}

/// A change in a tenant.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    /// An object comes, or goes.
    Toggle { tenant: u8, policy_type: u8, id: u8 },
    /// An object's fields change.
    Edit { tenant: u8, policy_type: u8, id: u8 },
    /// An object moves to another type under its id.
    Move { tenant: u8, from: u8, to: u8, id: u8 },
    /// Most or all of a type goes.
    Wipe { tenant: u8, policy_type: u8, spared: u8 },
    /// All of a type comes.
    Fill { tenant: u8, policy_type: u8 },
}

/// A history of at most this many moves, and at least of half of them: evidence has to grow old before retention and
/// contradiction get interesting.
pub(crate) fn history(moves: usize) -> impl Strategy<Value = Vec<Op>> {
    prop::collection::vec(op(), moves / 2..=moves)
}

fn op() -> impl Strategy<Value = Op> {
    let mask = || prop_oneof![3 => Just(u16::MAX), 2 => any::<u16>()];
    let page = (mask(), any::<bool>(), prop_oneof![9 => Just(0u8), 1 => 1u8..3], any::<bool>());
    let page = page.prop_map(|(mask, twice, rejected, last)| PageTold { mask, twice, rejected, last });
    prop_oneof![
        28 => (tenant(), selection(), 1u8..6, paths(), ending())
            .prop_map(|(tenant, selection, min_items, paths, ending)| Op::Sync { tenant, selection, min_items, paths, ending }),
        12 => (tenant(), selection(), 1u8..6, prop::bool::weighted(0.8))
            .prop_map(|(tenant, selection, min_items, wait)| Op::Start { tenant, selection, min_items, wait }),
        5 => (tenant(), selection(), 1u8..6, any::<bool>(), prop::option::weighted(0.3, 0u8..3))
            .prop_map(|(tenant, selection, min_items, wait, key)| Op::Enqueue { tenant, selection, min_items, wait, key }),
        4 => any::<u8>().prop_map(|run| Op::Claim { run }),
        1 => any::<u8>().prop_map(|run| Op::Cancel { run }),
        1 => any::<u8>().prop_map(|run| Op::CancelRunning { run }),
        1 => (any::<u8>(), 0u8..4).prop_map(|(run, path)| Op::Begin { run, path }),
        10 => (any::<u8>(), 0u8..4, page).prop_map(|(run, path, page)| Op::Page { run, path, page }),
        5 => (any::<u8>(), 0u8..4, any::<u16>()).prop_map(|(run, path, mask)| Op::Replay { run, path, mask }),
        1 => (any::<u8>(), 0u8..4).prop_map(|(run, path)| Op::Gap { run, path }),
        2 => (any::<u8>(), 0u8..4, any::<u8>()).prop_map(|(run, path, code)| Op::Fail { run, path, code }),
        2 => (any::<u8>(), ending()).prop_map(|(run, ending)| Op::Finish { run, ending }),
        4 => any::<u8>().prop_map(|run| Op::Complete { run }),
        1 => any::<u8>().prop_map(|run| Op::Renew { run }),
        2 => (any::<u8>(), any::<u8>()).prop_map(|(run, what)| Op::Zombie { run, what }),
        1 => (any::<u8>(), any::<u8>()).prop_map(|(run, what)| Op::Trespass { run, what }),
        5 => any::<u8>().prop_map(|by| Op::Advance { by }),
        3 => any::<bool>().prop_map(|later| Op::Reap { later }),
        18 => change().prop_map(Op::World),
        2 => (0u8..5, any::<bool>()).prop_map(|(policy_type, hash)| Op::Contract { policy_type, hash }),
        3 => (tenant(), any::<u8>()).prop_map(|(tenant, item)| Op::Acknowledge { tenant, item }),
        1 => (tenant(), any::<u8>()).prop_map(|(tenant, item)| Op::Unacknowledge { tenant, item }),
        1 => prop_oneof![1 => Just(0u8), 4 => Just(1u8)].prop_map(|tenant| Op::Purge { tenant }),
        2 => tenant().prop_map(|tenant| Op::RemoveTenant { tenant }),
        3 => (tenant(), prop_oneof![3 => (1u32..4).prop_map(Edit::Set), 2 => Just(Edit::Clear), 2 => Just(Edit::Leave)])
            .prop_map(|(tenant, runs_at_once)| Op::SetTenant { tenant, runs_at_once }),
        13 => (tenant(), prop::option::weighted(0.8, 0u8..3), prop::option::weighted(0.3, 0u8..4))
            .prop_map(|(tenant, keep_runs, older_than)| Op::Prune { tenant, keep_runs, older_than }),
    ]
}

/// One tenant does more than the other.
fn tenant() -> impl Strategy<Value = u8> {
    prop_oneof![3 => Just(0u8), 1 => Just(1u8)]
}

/// The first selections come more often, so that histories of one selection grow long enough to have a past.
fn selection() -> impl Strategy<Value = u8> {
    prop_oneof![6 => Just(0u8), 5 => Just(1u8), 2 => Just(2u8), 2 => Just(3u8), 1 => Just(4u8)]
}

fn ending() -> impl Strategy<Value = u8> {
    prop_oneof![8 => Just(0u8), 1 => 1u8..4]
}

fn paths() -> impl Strategy<Value = [PathTold; 4]> {
    prop::array::uniform4(path_told())
}

fn path_told() -> impl Strategy<Value = PathTold> {
    prop_oneof![
        16 => (1u8..4).prop_map(|pages| PathTold::Whole { pages }),
        3 => any::<u16>().prop_map(|mask| PathTold::LeavesOut { mask }),
        1 => (any::<u16>(), any::<u8>()).prop_map(|(mask, code)| PathTold::BreaksOff { mask, code }),
        1 => any::<u8>().prop_map(|code| PathTold::Fails { code }),
        2 => Just(PathTold::Unavailable),
        1 => Just(PathTold::Rejects),
        1 => Just(PathTold::NotStarted),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    let place = || (tenant(), 0u8..5, 0u8..8);
    prop_oneof![
        4 => place().prop_map(|(tenant, policy_type, id)| Change::Toggle { tenant, policy_type, id }),
        5 => place().prop_map(|(tenant, policy_type, id)| Change::Edit { tenant, policy_type, id }),
        3 => (place(), 0u8..5).prop_map(|((tenant, from, id), to)| Change::Move { tenant, from, to, id }),
        // Between the two types that share a path: a run of one of them alone passes over the object.
        4 => (tenant(), any::<bool>(), 0u8..8).prop_map(|(tenant, there, id)| {
            let (from, to) = if there { (3, 4) } else { (4, 3) };
            Change::Move { tenant, from, to, id }
        }),
        2 => place().prop_map(|(tenant, policy_type, spared)| Change::Wipe { tenant, policy_type, spared }),
        1 => (tenant(), 0u8..5).prop_map(|(tenant, policy_type)| Change::Fill { tenant, policy_type }),
    ]
}
