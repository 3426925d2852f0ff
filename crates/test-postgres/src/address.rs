//! Where a server listens, and what a client calls it.

use std::net::{Ipv4Addr, SocketAddr};

/// A port of this machine's loopback interface.
pub(crate) fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// The address of a database as drivers and `psql` read it. Nothing here asks for a password.
pub(crate) fn url(address: SocketAddr, role: &str, database: &str) -> String {
    format!("postgres://{role}@{address}/{database}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_role_server_and_database() {
        assert_eq!(url(loopback(5433), "someone", "inventory"), "postgres://someone@127.0.0.1:5433/inventory");
    }
}
