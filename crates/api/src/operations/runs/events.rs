//! `GET /v1/tenants/{tenant_id}/runs/{run_id}/events`

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, stream};
use lastseen_model::{Role, RunId};
use lastseen_store::{RunDetail, TenantScope};

use crate::authority::Caller;
use crate::gate::{Remembered, Tenant};
use crate::operation::{Content, Endpoint, Gives, Needs, Operation};
use crate::problem::{Code, Problem};
use crate::segments::Segments;
use crate::shared::App;
use crate::streams::StreamPlace;

/// How often the run is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long nothing is said at most: a proxy in between takes a silent connection for a dead one.
const SILENT_FOR: Duration = Duration::from_secs(15);
/// How often the token of whoever watches is looked at again.
const TOKEN_EVERY: Duration = Duration::from_secs(15);
/// How long a stream goes on. A token of the issuer, which is not looked at again, is good for no longer than this.
const OPEN_FOR: Duration = Duration::from_mins(15);
/// How long whoever comes back should wait.
const RETRY_AFTER: Duration = Duration::from_secs(1);

const OPERATION: Operation = Operation {
    id: "watch_run",
    path: "/v1/tenants/{tenant_id}/runs/{run_id}/events",
    needs: Needs::Tenant(Role::Reader),
    summary: "A run, each time it changes",
    about: "Server-sent events. `progress` comes at once and then whenever the run has changed, `end` when it has ended; both hold what \
            `show_run` answers. After `end` there is nothing more to come: close. The stream also ends after 15 minutes, and \
            when the process begins to drain, whatever the run does then; come back, as an event source does by itself. It ends within \
            some 15 seconds after its token of Lastseen was revoked or has expired. One caller may have 16 open.",
    example: "-N $HOST/v1/tenants/$TENANT_ID/runs/$RUN_ID/events",
    gives: &[Gives { status: 200, about: "The events.", body: Content::Events }],
    ..Operation::NONE
};

pub(super) fn endpoint() -> Endpoint {
    Endpoint::new(&OPERATION, handle)
}

async fn handle(
    State(app): State<App>,
    caller: Caller,
    token: Remembered,
    tenant: Tenant,
    segments: Segments,
) -> Result<Response, Problem> {
    let run = segments.get("run_id")?;
    let place = app.streams.place(caller.who())?;
    // A run that is not there is refused before the stream begins.
    let detail = app.api.store.run(&tenant.scope, run).await?.ok_or_else(|| Problem::new(Code::NotFound))?;
    let begun = app.api.timer.now();
    let watch = Watch { app, scope: tenant.scope, run, told: None, begun, spoke: begun, token, judged: begun, _place: place };
    Ok(Sse::new(events(Box::new(watch), Box::new(detail))).into_response())
}

/// A run that is watched.
struct Watch {
    app: App,
    scope: TenantScope,
    run: RunId,
    /// What was told of it last.
    told: Option<RunDetail>,
    begun: Duration,
    /// When anything was said last.
    spoke: Duration,
    token: Remembered,
    /// When the token was looked at last.
    judged: Duration,
    _place: StreamPlace,
}

/// What comes next.
enum Turn {
    /// To tell this.
    Tell(Box<Watch>, Box<RunDetail>),
    /// To look again.
    Look(Box<Watch>),
    /// Nothing.
    Over,
}

fn events(watch: Box<Watch>, first: Box<RunDetail>) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(Turn::Tell(watch, first), async |turn| match turn {
        Turn::Tell(watch, detail) => Some(watch.tell(detail)),
        Turn::Look(watch) => Some(watch.look().await),
        Turn::Over => None,
    })
}

impl Watch {
    fn tell(mut self: Box<Self>, detail: Box<RunDetail>) -> (Result<Event, Infallible>, Turn) {
        let live = detail.record.status.is_live();
        let event = Event::default().event(if live { "progress" } else { "end" });
        let Ok(event) = event.json_data(&detail) else {
            tracing::error!(run = %self.run, "a run can't be written as JSON");
            return leave();
        };
        self.told = Some(*detail);
        self.spoke = self.app.api.timer.now();
        (Ok(event), if live { Turn::Look(self) } else { Turn::Over })
    }

    /// Looks until there is something to say.
    async fn look(mut self: Box<Self>) -> (Result<Event, Infallible>, Turn) {
        loop {
            let now = self.app.api.timer.now();
            if self.app.api.drain.is_cancelled() || now.saturating_sub(self.begun) >= OPEN_FOR {
                return leave();
            }
            if now.saturating_sub(self.judged) >= TOKEN_EVERY {
                if !self.token.holds(&self.app).await {
                    return leave();
                }
                self.judged = now;
            }
            if now.saturating_sub(self.spoke) >= SILENT_FOR {
                self.spoke = now;
                return (Ok(Event::default().comment("still here")), Turn::Look(self));
            }
            tokio::select! {
                biased;
                () = self.app.api.drain.cancelled() => continue,
                () = self.app.api.timer.pause(LOOK_EVERY) => {}
            }
            match self.app.api.store.run(&self.scope, self.run).await {
                Ok(Some(detail)) if self.told.as_ref() != Some(&detail) => return self.tell(Box::new(detail)),
                Ok(Some(_)) => {}
                // Its tenant was purged.
                Ok(None) => return leave(),
                Err(error) if error.is_transient() => tracing::warn!(run = %self.run, %error, "a watched run can't be looked at"),
                Err(error) => {
                    tracing::error!(run = %self.run, %error, "a watched run can't be looked at");
                    return leave();
                }
            }
        }
    }
}

/// Ends the stream, and says when to come back.
fn leave() -> (Result<Event, Infallible>, Turn) {
    (Ok(Event::default().retry(RETRY_AFTER).comment("come back")), Turn::Over)
}
