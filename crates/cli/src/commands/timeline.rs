//! `lastseen timeline`: one item over the runs.

use lastseen_engine::timeline::{Mark, Marked, NamedStrip, Timeline, Turn};
use lastseen_model::RunStatus;
use lastseen_store::Explanation;

use crate::app::{App, Tenant};
use crate::args;
use crate::commands::explain::find;
use crate::config::shows_unicode;
use crate::exit::Exit;
use crate::output::{Screen, ago, count, selection_words};
use crate::problem::Problem;

/// How many listings an explanation has at most; beyond these a strip does not go back.
const LISTINGS_AT_MOST: usize = 200;
/// How wide the name of a selection before its strip may be.
const LABEL_CHARS: usize = 28;

pub(crate) async fn run(app: &App, args: &args::Timeline, screen: &mut Screen) -> Result<Exit, Problem> {
    let store = app.open_existing().await?;
    let tenant = app.known_tenant(&*store).await?;
    let explanation = find(&*store, &tenant, &args.policy_type, &args.external_id).await?;
    let timeline = Timeline::of(&explanation, store.selections(&tenant.scope).await?);
    if screen.is_json() {
        screen.json(&timeline)?;
    } else {
        let glyphs = if shows_unicode() { &UNICODE } else { &ASCII };
        show(&tenant, &explanation, &timeline.strips, glyphs, screen)?;
    }
    Ok(Exit::Success)
}

/// What stands for each mark.
struct Glyphs {
    seen: char,
    not_there: char,
    could_not_tell: char,
    not_known_then: char,
    cut: char,
}

const UNICODE: Glyphs = Glyphs { seen: '●', not_there: '○', could_not_tell: '?', not_known_then: '·', cut: '…' };
const ASCII: Glyphs = Glyphs { seen: 'x', not_there: 'o', could_not_tell: '?', not_known_then: '.', cut: '<' };

impl Glyphs {
    fn of(&self, mark: Mark) -> char {
        match mark {
            Mark::Seen => self.seen,
            Mark::NotThere => self.not_there,
            Mark::CouldNotTell => self.could_not_tell,
            Mark::NotKnownThen => self.not_known_then,
        }
    }

    fn legend(&self) -> String {
        let Self { seen, not_there, could_not_tell, not_known_then, .. } = self;
        format!(
            "{seen} seen   {not_there} listed completely, and not there   {could_not_tell} could not tell   {not_known_then} not known then"
        )
    }
}

fn show(tenant: &Tenant, explanation: &Explanation, strips: &[NamedStrip], glyphs: &Glyphs, screen: &mut Screen) -> Result<(), Problem> {
    let (item, now) = (&explanation.item, screen.now());
    let name = item.display_name.as_deref().unwrap_or("(no name)");
    screen.heading(&format!("{name}  {}  {}", item.policy_type, tenant.label()))?;
    screen.line(format!("last seen {} by run {}", ago(now, item.last_seen_at), screen.run(item.last_seen_run_id)))?;
    let labels: Vec<String> = strips.iter().map(|strip| label(strip, glyphs)).collect();
    let width = labels.iter().map(|label| label.chars().count()).max().unwrap_or_default();
    screen.line("")?;
    for (strip, label) in strips.iter().zip(&labels) {
        let room = screen.width().map(|all| all.saturating_sub(width + 2).max(1));
        screen.line(format!("{label:width$}  {}", drawn(&strip.strip.listings, glyphs, room)))?;
    }
    screen.line("")?;
    screen.line(glyphs.legend())?;
    if explanation.listings.len() >= LISTINGS_AT_MOST {
        screen.line(format!("the newest {} alone are shown", count(LISTINGS_AT_MOST as u64, "listing", "listings")))?;
    }
    for strip in strips {
        screen.line("")?;
        screen.line(words(strip))?;
        if strip.strip.turns.is_empty() {
            screen.line("  no listing of it could tell")?;
        }
        for turn in &strip.strip.turns {
            screen.line(format!("  {}", told(turn, screen)))?;
        }
    }
    screen.line("")?;
    Ok(screen.line(format!(
        "why it counts as it does: lastseen explain {} {} --tenant {}",
        item.policy_type,
        item.external_id,
        tenant.scope.tenant()
    ))?)
}

/// The marks, newest last; where they do not fit, the oldest go.
fn drawn(listings: &[Marked], glyphs: &Glyphs, room: Option<usize>) -> String {
    let marks = listings.iter().map(|listing| glyphs.of(listing.mark));
    match room {
        Some(room) if listings.len() > room => {
            std::iter::once(glyphs.cut).chain(marks.skip(listings.len() - room.saturating_sub(1))).collect()
        }
        _ => marks.collect(),
    }
}

fn words(named: &NamedStrip) -> String {
    named.selection_payload.as_ref().map_or_else(|| named.strip.selection_hash.to_string(), selection_words)
}

/// The words, no longer than a strip can do without.
fn label(strip: &NamedStrip, glyphs: &Glyphs) -> String {
    let words = words(strip);
    if words.chars().count() <= LABEL_CHARS {
        return words;
    }
    words.chars().take(LABEL_CHARS - 1).chain([glyphs.cut]).collect()
}

fn told(turn: &Turn, screen: &Screen) -> String {
    let at = &turn.at;
    let doubt = match (at.mark, at.run_status) {
        // A run that broke off elsewhere proves less.
        (Mark::NotThere, status) if status != RunStatus::Success => format!(", which was {status}"),
        _ => String::new(),
    };
    format!("{:11} {} by run {}{doubt}", turn.turn.phrase(), ago(screen.now(), at.started_at), screen.run(at.run_id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listings(marks: &[Mark]) -> Vec<Marked> {
        let listing = |mark: &Mark| Marked {
            run_id: "01900000-0000-7000-8000-000000000001".parse().expect("an id"),
            run_status: RunStatus::Success,
            started_at: "2026-01-12T09:14:00Z".parse().expect("a time"),
            mark: *mark,
        };
        marks.iter().map(listing).collect()
    }

    #[test]
    fn where_a_strip_does_not_fit_the_newest_stay() {
        use Mark::{CouldNotTell, NotKnownThen, NotThere, Seen};
        let listings = listings(&[NotKnownThen, Seen, Seen, NotThere, CouldNotTell]);
        assert_eq!(drawn(&listings, &UNICODE, None), "·●●○?");
        assert_eq!(drawn(&listings, &UNICODE, Some(5)), "·●●○?");
        assert_eq!(drawn(&listings, &UNICODE, Some(4)), "…●○?");
        assert_eq!(drawn(&listings, &ASCII, Some(4)), "<xo?");
        assert_eq!(drawn(&listings, &ASCII, Some(1)), "<");
    }

    #[test]
    fn each_mark_is_another_sign_and_ascii_where_it_must_be() {
        for glyphs in [&UNICODE, &ASCII] {
            let signs = [Mark::Seen, Mark::NotThere, Mark::CouldNotTell, Mark::NotKnownThen].map(|mark| glyphs.of(mark));
            assert!(signs.iter().enumerate().all(|(place, sign)| !signs[place + 1..].contains(sign)), "{signs:?}");
            assert!(signs.iter().all(|sign| glyphs.legend().contains(*sign)));
        }
        assert!(ASCII.legend().is_ascii());
    }
}
