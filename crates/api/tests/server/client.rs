//! A client that does exactly what it is told, and no more than HTTP asks.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Longer than anything here takes, on the busiest machine; what hangs is a failure.
const FAR_TOO_LONG: Duration = Duration::from_mins(1);

/// Waits for what has to come.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(FAR_TOO_LONG, what).await.expect("an end within a minute")
}

/// An answer that came whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// Whether the server says that the connection closes.
    pub(crate) fn closes(&self) -> bool {
        self.head.contains("connection: close")
    }
}

/// One connection.
pub(crate) struct Client<S = TcpStream>(pub(crate) S);

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self(soon(TcpStream::connect(address)).await.expect("a connection"))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// Sends bytes as they are.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        soon(self.0.write_all(bytes.as_ref())).await.expect("sent");
    }

    /// Sends a `GET`.
    pub(crate) async fn ask(&mut self, path: &str) {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n")).await;
    }

    /// Sends a `GET` and reads its answer.
    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.ask(path).await;
        self.answer().await.expect("an answer")
    }

    /// Reads an answer; none where the connection ended before its first byte.
    pub(crate) async fn answer(&mut self) -> Option<Answer> {
        soon(async {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                match self.0.read_u8().await {
                    Ok(byte) => head.push(byte),
                    Err(_) if head.is_empty() => return None,
                    Err(error) => panic!("a head that is cut off: {error}"),
                }
            }
            let head = String::from_utf8(head).expect("text").to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let bodiless = head.contains(" 304 ") || head.contains(" 204 ");
            let length = if bodiless { 0 } else { length.expect("a length").parse().expect("a number") };
            let mut body = vec![0; length];
            self.0.read_exact(&mut body).await.expect("a whole body");
            let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
            Some(Answer { status, head, body: String::from_utf8(body).expect("text") })
        })
        .await
    }

    /// Fails if anything more comes, and if the connection is reset instead of closed.
    pub(crate) async fn ends_in_good_order(&mut self) {
        let mut rest = Vec::new();
        let end = soon(self.0.read_to_end(&mut rest)).await;
        assert!(matches!(end, Ok(0)), "{end:?}");
    }

    /// What comes until the server ends the connection, be it in good order or not.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // A reset ends it as well; what came before it counts.
        let _: Result<usize, _> = soon(self.0.read_to_end(&mut rest)).await;
        rest
    }
}
