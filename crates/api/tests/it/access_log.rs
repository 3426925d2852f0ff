//! Who asked for what is written down.

use std::io;
use std::sync::{Arc, Mutex};

use http::StatusCode;
use lastseen_model::{Role, Tenants};
use tracing_subscriber::fmt::MakeWriter;

use crate::support::World;

/// What was logged.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("nobody panicked").extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;
    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Log {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("nobody panicked").clone()).expect("text")
    }
}

#[tokio::test]
async fn the_line_that_writes_a_request_down_says_who_asked() {
    let log = Log::default();
    // As `--log lastseen_api=info` has it.
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::INFO).with_ansi(false).with_writer(log.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let world = World::new().await;
    let (token, record) = world.token_and_record(Role::Reader, Tenants::All).await;
    assert_eq!(world.get(&token, "/v1/whoami").await.status, StatusCode::OK);
    assert_eq!(world.get("wrong", "/v1/whoami").await.status, StatusCode::UNAUTHORIZED);
    let text = log.text();
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("answered") && line.contains("path=\"/v1/whoami\"")).collect();
    let [known, unknown] = lines[..] else { panic!("a line for each request: {text}") };
    assert!(known.contains(&format!("who=\"{}\"", record.token_id)) && known.contains("status=200"), "{known}");
    assert!(!unknown.contains("who=") && unknown.contains("status=401"), "{unknown}");
}
