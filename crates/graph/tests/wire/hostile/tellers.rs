//! Headers that tell when and why: `Retry-After`, `Date`, claims challenges. Waits stay within bounds whatever they say (I13, I14).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::{config, only_below_the_version, runtime};
use crate::support::*;

/// The bytes of a header's value: forms that were seen, forms that a standard allows, and anything that may stand in a header.
fn value() -> impl Strategy<Value = Vec<u8>> {
    let known = select(vec![
        "10",
        "2.128",
        "0.249",
        "30,120",
        "0,120",
        "60,120",
        "0",
        "-5",
        "",
        "soon",
        "1e3",
        "NaN",
        "inf",
        "99999999999999999999999",
        "120",
        "121",
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Sun, 22 Nov 2026 10:00:00 GMT",
        "Sun, 22 Nov 2026 10:00:30 GMT",
        "Mon, 30 Feb 2026 25:61:61 GMT",
        "Thu, 01 Jan 0000 00:00:00 GMT",
        ",,,,",
        "1,,2",
    ]);
    let byte = any::<u8>().prop_map(|byte| if byte == b'\t' || (byte >= b' ' && byte != 0x7f) { byte } else { b'x' });
    let changed = (known.clone(), any::<Index>(), byte.clone()).prop_map(|(known, at, byte)| {
        let mut bytes = known.as_bytes().to_vec();
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    });
    prop_oneof![3 => known.prop_map(|known| known.as_bytes().to_vec()), 3 => changed, 2 => prop::collection::vec(byte, 0..60)]
}

fn with_headers(status: u16, headers: &[(&str, Vec<u8>)]) -> Reply {
    let body = b"{\"error\":{\"code\":\"Code\"}}";
    let mut bytes = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n", body.len()).into_bytes();
    for (name, value) in headers {
        bytes.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    Reply::Send([bytes.as_slice(), b"\r\n", body].concat())
}

proptest! {
    #![proptest_config(config(150))]

    #[test]
    fn i13_i14_whatever_says_when_the_waits_are_within_bounds(
        status in select(vec![429_u16, 503, 500, 502, 504, 408, 401, 400]),
        after in prop::collection::vec(value(), 0..3),
        date in prop::collection::vec(value(), 0..3),
        for_ever: bool,
    ) {
        runtime().block_on(async {
            let server = Server::start().await;
            let headers: Vec<_> = after.into_iter().map(|value| ("Retry-After", value)).chain(date.into_iter().map(|value| ("dAtE", value))).collect();
            server.graph([with_headers(status, &headers)]);
            if for_ever {
                server.route(move |_| with_headers(status, &headers));
            } else {
                server.graph([server.page(&["1"], None)]);
            }
            let timer = FakeTimer::new();
            let listed = list(server.session(&timer).pages(&path("/things"), &[0])).await;
            prop_assert!(!(for_ever && listed.whole()));
            only_below_the_version(&server, 6)?;
            let pauses = timer.pauses();
            prop_assert!(pauses.len() <= 5, "{pauses:?}");
            for pause in &pauses {
                prop_assert!((Duration::from_millis(250)..=Duration::from_secs(150)).contains(pause), "{pauses:?}");
            }
            prop_assert!(pauses.iter().sum::<Duration>() <= Duration::from_mins(5), "{pauses:?}");
            Ok(())
        })?;
    }

    #[test]
    fn i17_whatever_a_challenge_claims_only_a_json_object_is_replayed_and_once(
        claims in prop_oneof![
            Just(r#"{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}"#.to_owned()),
            "\\PC{0,80}",
            (0..9_000_usize).prop_map(|n| format!(r#"{{"a":"{}"}}"#, "x".repeat(n))),
            (1..300_usize).prop_map(|n| format!(r#"{{"a":{}{}}}"#, "[".repeat(n), "]".repeat(n))),
        ],
        quoted: bool,
        at: Index,
        byte in b' '..0x7f,
        spoilt: bool,
    ) {
        runtime().block_on(async {
            let server = Server::start().await;
            let packed = STANDARD.encode(&claims);
            let packed = if quoted { format!("\"{packed}\"") } else { packed };
            let mut header = format!("Bearer realm=\"\", error=\"insufficient_claims\", claims={packed}").into_bytes();
            if spoilt {
                let at = at.index(header.len());
                header[at] = byte;
            }
            server.graph([with_headers(401, &[("WWW-Authenticate", header)]), server.page(&["1"], None)]);
            let listed = list(server.session(&FakeTimer::new()).pages(&path("/things"), &[0])).await;
            prop_assert!(listed.whole(), "{}", listed.code());
            let forms = server.signed_in();
            prop_assert_eq!(forms.len(), 2);
            for (form, last) in forms.iter().zip([false, true]) {
                let replayed = url::form_urlencoded::parse(form.body.as_bytes()).find(|(name, _)| name == "claims");
                prop_assert!(last || replayed.is_none());
                if let Some((_, replayed)) = replayed {
                    prop_assert!(replayed.len() <= 4_096);
                    prop_assert!(serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&replayed).is_ok(), "{replayed}");
                    prop_assert!(spoilt || replayed == claims.as_str());
                }
            }
            Ok(())
        })?;
    }
}
