//! Taking connections in.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tokio_io_timeout::TimeoutStream;

use super::Shared;
use super::connection::converse;
use super::listener::Listener;
use super::tls::Tls;

/// How long nothing is accepted after the system could not give a connection: mostly it is out of descriptors, and trying again at once
/// would only burn the processor.
const HOLD_BACK: Duration = Duration::from_millis(100);

/// How many connections that were waiting to be accepted when the server closes are still taken. As many as the system keeps waiting; more
/// would let newcomers hold up the end.
const STILL_TAKEN: usize = 1024;

/// A connection, under the bound on writing.
type Stream = Pin<Box<TimeoutStream<TcpStream>>>;

/// Takes connections from one listener until the server closes.
pub(super) async fn all(listener: Listener, shared: &Arc<Shared>) {
    let mut taken_late = 0;
    loop {
        let Some((stream, spare)) = next(&listener, shared, taken_late < STILL_TAKEN).await else { return };
        taken_late += usize::from(shared.closing.is_cancelled());
        // Whoever gets no place is told so, on one of a few places that are kept for it: a load balancer then asks elsewhere at once,
        // where it would wait for a connection that nobody accepts.
        let (router, place) = match Arc::clone(&shared.places).try_acquire_owned() {
            Ok(place) => (&shared.router, place),
            Err(_) => (&shared.busy, spare),
        };
        shared.connections.spawn(one(stream, listener.tls.clone(), router.clone(), place, Arc::clone(shared)));
    }
}

/// The next connection, and a place where it could be refused; none when the server closes and none is waiting. One that waits was let in by
/// the system, and may have sent its request already.
async fn next(listener: &Listener, shared: &Shared, may_take: bool) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let next = async {
        let spare = Arc::clone(&shared.refusals).acquire_owned().await.ok()?;
        loop {
            match listener.socket.accept().await {
                Ok((stream, _)) => return Some((stream, spare)),
                Err(error) => {
                    tracing::warn!(code = "connection_not_accepted", kind = ?error.kind(), "the system gave no connection");
                    let _: Result<(), _> = timeout(HOLD_BACK, shared.closing.cancelled()).await;
                }
            }
        }
    };
    tokio::select! {
        biased;
        next = next, if may_take => next,
        () = shared.closing.cancelled() => None,
    }
}

/// One connection from its handshake to its end. It keeps its place until then.
async fn one(stream: TcpStream, tls: Option<Tls>, router: Router, place: OwnedSemaphorePermit, shared: Arc<Shared>) {
    let conversation = async {
        // Answers are written whole; waiting to fill a packet only delays the last one.
        if stream.set_nodelay(true).is_err() {
            return;
        }
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(shared.settings.write_timeout));
        let stream: Stream = Box::pin(stream);
        match tls {
            None => converse(stream, router, &shared.settings, &shared.closing).await,
            // A client that is silent here delays nobody: this is its own task.
            Some(Tls(acceptor)) => match timeout(shared.settings.handshake_timeout, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => converse(stream, router, &shared.settings, &shared.closing).await,
                Ok(Err(_)) => tracing::debug!(code = "tls_handshake_failed", "a client and this server came to no agreement on TLS"),
                Err(_) => tracing::debug!(code = "tls_handshake_timeout", "a client did not finish its TLS handshake"),
            },
        }
    };
    tokio::select! {
        biased;
        () = shared.cut.cancelled() => {}
        () = conversation => {}
    }
    drop(place);
}
