//! TLS on real sockets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use lastseen_api::server::{Ended, Security, ServerSettings, Tls};
use rcgen::{CertificateParams, KeyPair};
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::client::{Client, soon};
use crate::served::{SHORT, Served};

struct Secured {
    served: Served,
    certificate: CertificateDer<'static>,
}

impl Secured {
    async fn within(settings: ServerSettings) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let key = KeyPair::generate().expect("a key");
        let certificate = CertificateParams::new(["localhost".to_owned()]).expect("parameters").self_signed(&key).expect("signed");
        let file = folder.path().join("pem");
        std::fs::write(&file, certificate.pem() + &key.serialize_pem()).expect("written");
        let tls = Tls::read(&file, &file).expect("usable");
        let served = Served::by(Security::Tls(tls), settings, Duration::from_mins(1)).await;
        Self { served, certificate: certificate.der().clone() }
    }

    async fn client(&self) -> Client<TlsStream<TcpStream>> {
        client(self.served.address, &self.certificate).await
    }
}

async fn client(address: SocketAddr, certificate: &CertificateDer<'static>) -> Client<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).expect("a root");
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = soon(TcpStream::connect(address)).await.expect("a connection");
    let name = ServerName::try_from("localhost").expect("a name");
    Client(soon(TlsConnector::from(Arc::new(config)).connect(name, stream)).await.expect("a handshake"))
}

#[tokio::test]
async fn requests_are_answered_over_tls() {
    let secured = Secured::within(ServerSettings::default()).await;
    let mut client = secured.client().await;
    assert_eq!(client.get("/").await.body, "hello");
    client.send(format!("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{}", 60_000, "x".repeat(60_000))).await;
    assert_eq!(client.answer().await.expect("an answer").body.len(), 60_000);
}

#[tokio::test]
async fn plain_text_on_a_port_of_tls_gets_no_answer_of_the_router() {
    let secured = Secured::within(ServerSettings::default()).await;
    let mut client = secured.served.client().await;
    client.ask("/").await;
    let rest = client.rest().await;
    // At most an alert of TLS, which is seven bytes.
    assert!(rest.len() <= 7 && !rest.starts_with(b"HTTP"), "{rest:?}");
    assert_eq!(secured.client().await.get("/").await.status, 200);
}

#[tokio::test]
async fn clients_that_never_finish_their_handshake_delay_nobody() {
    let secured = Secured::within(ServerSettings::default()).await;
    let mut silent = Vec::new();
    for _ in 0..50 {
        let mut client = secured.served.client().await;
        client.send(b"\x16\x03\x01").await;
        silent.push(client);
    }
    assert_eq!(secured.client().await.get("/").await.status, 200);
    drop(silent);
}

#[tokio::test]
async fn a_handshake_that_does_not_end_ends_the_connection() {
    let secured = Secured::within(ServerSettings { handshake_timeout: SHORT, ..ServerSettings::default() }).await;
    for begun in [b"".as_slice(), b"\x16\x03\x01"] {
        let mut client = secured.served.client().await;
        client.send(begun).await;
        assert!(client.rest().await.is_empty());
    }
}

#[tokio::test]
async fn a_drain_over_tls_answers_whole_and_says_farewell() {
    let secured = Secured::within(ServerSettings { linger: SHORT, parting: SHORT, ..ServerSettings::default() }).await;
    let mut client = secured.client().await;
    client.ask("/held").await;
    secured.served.arrived(1).await;
    secured.served.drain.cancel();
    secured.served.signals.go.add_permits(1);
    let answer = client.answer().await.expect("an answer");
    assert!(answer.closes() && answer.body == "held, and let go", "{answer:?}");
    // Without the farewell of TLS this would be an error: somebody on the way could cut an answer short unseen.
    client.ends_in_good_order().await;
    assert_eq!(secured.served.ended().await, Ended::Whole);
}

#[tokio::test]
async fn a_handshake_under_way_does_not_hold_up_the_end() {
    let secured = Secured::within(ServerSettings { linger: SHORT, drain_for: SHORT, ..ServerSettings::default() }).await;
    let silent = secured.served.client().await;
    // The silent one was accepted before this one.
    assert_eq!(secured.client().await.get("/").await.status, 200);
    secured.served.drain.cancel();
    assert_eq!(secured.served.ended().await, Ended::Cut(1));
    drop(silent);
}
