//! One connection: requests in, answers out, within bounds, until it ends in good order.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;
use tokio_util::io::InspectReader;
use tokio_util::sync::CancellationToken;

use super::head_timer::HeadTimer;
use super::settings::ServerSettings;

/// How much a connection holds of what came in and of what is to go out. More waits where it is.
const BUFFER: usize = 64 * 1024;

/// As many headers as hyper keeps without asking for memory.
const HEADERS: usize = 100;

/// How much a client may still send after its connection was closed, before it is cut off.
const PARTING_BYTES: u64 = 256 * 1024;

/// Serves a connection to its end.
pub(super) async fn converse<S>(stream: S, router: Router, settings: &ServerSettings, closing: &CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let received = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&received);
    let stream = InspectReader::new(stream, move |bytes: &[u8]| {
        counter.fetch_add(bytes.len() as u64, Ordering::Relaxed);
    });
    let router = TowerToHyperService::new(router);
    // Boxed, because a connection whose stream is wanted back has to be movable.
    let service = service_fn(move |request: Request<Incoming>| Box::pin(router.call(request.map(Body::new))));
    let mut connection = http1::Builder::new()
        .timer(HeadTimer::new(settings.head_timeout, Arc::clone(&received)))
        .header_read_timeout(settings.idle_timeout)
        .max_header_size(settings.head_cap)
        .max_headers(HEADERS)
        .max_buf_size(BUFFER)
        // Whoever has asked and says no more still wants the answer.
        .half_close(true)
        .serve_connection(TokioIo::new(stream), service);

    let spoken = poll_fn(|_| if received.load(Ordering::Relaxed) > 0 { Poll::Ready(()) } else { Poll::Pending });
    let mut last_answer = pin!(async {
        let _: Result<(), _> = timeout(settings.connection_life, closing.cancelled()).await;
        // hyper closes a connection that it has read nothing of. Its client was let in: what it has sent is on its way. What wakes this is
        // the connection, which is polled first, by the same task.
        let _: Result<(), _> = timeout(settings.first_word, spoken).await;
    });
    let mut too_old = pin!(timeout(settings.connection_life.saturating_mul(2), std::future::pending::<()>()));
    let mut asked = false;
    let ended = loop {
        tokio::select! {
            biased;
            ended = poll_fn(|context| connection.poll_without_shutdown(context)) => break ended,
            () = &mut last_answer, if !asked => {
                asked = true;
                std::pin::Pin::new(&mut connection).graceful_shutdown();
            }
            _ = &mut too_old => return,
        }
    };
    if let Err(error) = ended {
        // What kind of end it was; the library's text may quote the client.
        tracing::debug!(
            code = "connection_ended_early",
            too_slow = error.is_timeout(),
            not_http = error.is_parse(),
            cut_off = error.is_incomplete_message(),
            "a connection ended before its time"
        );
    }
    part(connection.into_parts().io.into_inner(), settings.parting).await;
}

/// Closes a stream. What its client still sends is read and dropped for a moment: closing over unread bytes would reset the connection, and
/// the answer would be lost with it.
async fn part<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, moment: Duration) {
    let parting = async {
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(PARTING_BYTES), &mut tokio::io::sink()).await
    };
    if !matches!(timeout(moment, parting).await, Ok(Ok(_))) {
        tracing::trace!(code = "connection_not_closed_by_client", "a connection ended without its client's farewell");
    }
}
