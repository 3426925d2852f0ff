//! Next links of every make: a token goes to Graph's origin below the version prefix, and nowhere else (I29).

use proptest::prelude::*;
use proptest::sample::select;

use super::{config, only_below_the_version, port, runtime};
use crate::support::*;

/// A part of a link, with `{port}` for Graph's port and `{elsewhere}` for another one's.
fn scheme() -> impl Strategy<Value = &'static str> {
    select(vec![
        "http://",
        "http:",
        "http:/",
        "http:///",
        "http:\\\\",
        "HTTP://",
        "https://",
        "//",
        "\\\\",
        "/",
        "",
        "ftp://",
        "javascript:",
        "http://\t",
        "ht\ntp://",
        " http://",
        "\u{feff}http://",
        "\0http://",
        "file://",
        "data:",
        "ws://",
        "http://user@",
        "http://:pass@",
        "http://127.0.0.1:{port}@",
        "http://127.0.0.1:{port}%40",
        "http://127.0.0.1:{port}\\@",
        "http://127.0.0.1:{port}#@",
        "http://127.0.0.1:{port}?@",
        "http://127.0.0.1:{port}/@",
        "http://127.0.0.1:{port}:",
        "http://[",
        "http://%00",
    ])
}

fn host() -> impl Strategy<Value = &'static str> {
    select(vec![
        "127.0.0.1:{port}",
        "127.0.0.1:{port}",
        "127.0.0.1:{port}",
        "127.0.0.1:{elsewhere}",
        "127.0.0.1:{elsewhere}",
        "localhost:{port}",
        "localhost:{elsewhere}",
        "127.1:{port}",
        "127.1:{elsewhere}",
        "0x7f.1:{port}",
        "2130706433:{port}",
        "2130706433:{elsewhere}",
        "017700000001:{port}",
        "%31%32%37.0.0.1:{port}",
        "%31%32%37.0.0.1:{elsewhere}",
        "１２７.0.0.1:{port}",
        "127。0。0。1:{elsewhere}",
        "127.0.0.1.:{port}",
        "[::1]:{port}",
        "[::ffff:127.0.0.1]:{port}",
        "127.0.0.1",
        "127.0.0.1:0{port}",
        "127.0.0.1:99999",
        "127.0.0.1:{port}\u{200b}",
        "127.0.0.2:{port}",
        "0.0.0.0:{elsewhere}",
        "xn--lcalhost-54a:{port}",
        "löcalhost:{port}",
        "graph.microsoft.com",
        "",
        "a b",
        "127.0.0.1:{port}.example",
    ])
}

fn way() -> impl Strategy<Value = String> {
    let piece = select(vec![
        "/",
        "\\",
        "beta",
        "BETA",
        "beta2",
        "v1.0",
        "things",
        "..",
        ".",
        "%2e%2e",
        "%2E.",
        ".%2e",
        "%2f",
        "%5c",
        "%252e%252e",
        "%252f",
        "//",
        ";",
        "?",
        "#",
        "$skiptoken=1",
        "&",
        "%",
        "%zz",
        "%00",
        "\0",
        "\t",
        "\n",
        "\r\nAuthorization: x\r\n",
        " ",
        "é",
        "\u{202e}",
        "'",
        "\"",
        "<",
        "{",
        "|",
        "^",
        "`",
        "@",
        ":",
        "/beta/",
        "/beta/things",
        "..%2f..%2fv1.0",
        "beta/..",
        "%62eta",
        "/%62eta/",
        "bet%61",
    ]);
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn link() -> impl Strategy<Value = String> {
    let below = prop_oneof![3 => Just("/beta/things".to_owned()), 1 => Just(String::new())];
    let long = prop_oneof![8 => Just(String::new()), 1 => (0..20_000_usize).prop_map(|n| format!("?{}", "a".repeat(n)))];
    prop_oneof![
        6 => (scheme(), host(), below, way(), long).prop_map(|(scheme, host, below, way, long)| format!("{scheme}{host}{below}{way}{long}")),
        2 => way().prop_map(|way| format!("http://127.0.0.1:{{port}}/beta/things{way}")),
        1 => any::<String>(),
    ]
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn i29_whatever_a_next_link_is_the_token_goes_below_the_version_of_graph_and_nowhere_else(links in prop::collection::vec(link(), 1..4)) {
        runtime().block_on(async {
            let (server, elsewhere) = (Server::start().await, Server::start().await);
            for link in &links {
                let link = link.replace("{port}", &port(&server)).replace("{elsewhere}", &port(&elsewhere));
                server.graph([page_to(&["1"], Some(&link))]);
            }
            server.graph([server.page(&["last"], None)]);
            let listed = list(server.session(&FakeTimer::new()).pages(&path("/things"), &[0])).await;
            prop_assert!(elsewhere.requests().is_empty(), "{links:?}");
            only_below_the_version(&server, links.len() + 1)?;
            let whole = listed.whole() && listed.ids().last().is_some_and(|id| id == "last");
            prop_assert!(whole || matches!(listed.code(), "graph_untrusted_link" | "graph_page_loop" | "graph_invalid_response"), "{}", listed.code());
            Ok(())
        })?;
    }
}
