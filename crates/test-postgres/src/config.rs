//! What a server is told in its configuration file.

use std::path::Path;

/// Settings of every throwaway cluster. Nothing of it has to outlive the machine's power, so nothing waits for the disk; a killed process is
/// survived all the same, for the system keeps what was written.
const DEFAULTS: &[(&str, &str)] = &[
    ("fsync", "off"),
    ("full_page_writes", "off"),
    ("max_connections", "300"),
    ("shared_buffers", "256MB"),
    ("listen_addresses", "127.0.0.1"),
    ("wal_level", "replica"),
    ("max_wal_senders", "5"),
    ("jit", "off"),
];

/// The text of a cluster's configuration file. Of two settings of one name PostgreSQL takes the later, so those that a test asks for come
/// last.
pub(crate) fn text(port: u16, sockets: &Path, extra: &[(String, String)]) -> String {
    let own = [("port", port.to_string()), ("unix_socket_directories", sockets.display().to_string())];
    let defaults = DEFAULTS.iter().map(|(name, value)| line(name, value));
    let own = own.iter().map(|(name, value)| line(name, value));
    let extra = extra.iter().map(|(name, value)| line(name, value));
    defaults.chain(own).chain(extra).collect()
}

/// One setting. Any value may be quoted, numbers too, and a quote is doubled.
fn line(name: &str, value: &str) -> String {
    format!("{name} = '{}'\n", value.replace('\\', r"\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_a_test_come_last_and_quotes_are_doubled() {
        let text = text(5433, Path::new("/somewhere"), &[("fsync".into(), "on".into()), ("cluster_name".into(), "it's".into())]);
        assert!(text.starts_with("fsync = 'off'\n"), "{text}");
        assert!(text.ends_with("port = '5433'\nunix_socket_directories = '/somewhere'\nfsync = 'on'\ncluster_name = 'it''s'\n"), "{text}");
    }
}
