//! What is done to the answer with a page: harm, after which it is none, and oddities, after which it is still the page.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::support::*;

/// Harm, or an oddity: its name, and what is sent for a body.
#[derive(Clone, Debug)]
pub(crate) struct Change(pub(crate) &'static str, Index, u16);

/// How the body of a page ends, where there is another.
const END: &str = "}";

fn head(status: u16, headers: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 {status} x\r\n{headers}\r\n").as_bytes(), body].concat()
}

fn sized(status: u16, length: usize, body: &[u8]) -> Vec<u8> {
    head(status, &format!("content-length: {length}\r\n"), body)
}

pub(crate) fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).expect("to memory");
    encoder.finish().expect("to memory")
}

fn packed(body: &[u8]) -> Vec<u8> {
    head(200, &format!("content-encoding: gzip\r\ncontent-length: {}\r\n", body.len()), body)
}

fn chunks(body: &[u8], size: usize, extension: &str) -> Vec<u8> {
    body.chunks(size.max(1)).flat_map(|chunk| [format!("{:x}{extension}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat()).collect()
}

fn whole(body: &str) -> Vec<u8> {
    sized(200, body.len(), body.as_bytes())
}

fn put_in(body: &str, at: usize, bytes: &[u8]) -> Vec<u8> {
    let body = body.as_bytes();
    let body = [&body[..at], bytes, &body[at..]].concat();
    sized(200, body.len(), &body)
}

/// A member more, behind the others.
fn with_member(body: &str, member: &str) -> String {
    format!("{},{member}{END}", body.strip_suffix(END).expect("an object"))
}

/// What makes an answer no page, or not the whole of it.
pub(crate) fn harm() -> impl Strategy<Value = Change> {
    let names = select(vec![
        "cut short of its length",
        "cut, its length told truly",
        "cut between chunks",
        "a chunk that is shorter than it says",
        "a chunk of a size that is none",
        "cut, packed",
        "packed, a byte wrong",
        "a status that is no success",
        "value under another name",
        "value that is no array",
        "an error beside it",
        "a byte that is no UTF-8",
        "value twice, first",
        "value twice, last",
        "a byte order mark",
        "a NUL",
        "twice",
        "packed as nobody asked",
        "packed twice",
        "too deep",
        "cut, without any length",
        "a bomb",
        "a link under another name",
        "two lengths",
        "within an array",
        "half a surrogate in a name",
        "nothing at all",
        "headers without end",
    ]);
    (names, any::<Index>(), 0..1_000_u16).prop_map(|(name, at, number)| Change(name, at, number))
}

/// What leaves it the page that it is.
pub(crate) fn oddity() -> impl Strategy<Value = Change> {
    let names = select(vec![
        "in chunks",
        "in chunks with extensions and a trailer",
        "packed",
        "packed in two members",
        "white space around",
        "members that nobody knows",
        "value by an escape",
        "headers twice",
        "headers in capitals",
        "told to go on first",
        "until the connection closes",
        "identity",
        "half a surrogate within an object",
        "numbers that nobody can hold",
        "a header that is no text",
        "members twice within an object",
    ]);
    (names, any::<Index>(), 0..1_000_u16).prop_map(|(name, at, number)| Change(name, at, number))
}

impl Change {
    /// What is sent instead of a page with this body. The connection is closed behind it.
    pub(crate) fn of(&self, body: &str) -> Vec<u8> {
        let Self(name, index, number) = self;
        let (at, number) = (index.index(body.len()), usize::from(*number));
        let cut = &body.as_bytes()[..at];
        match *name {
            "cut short of its length" => sized(200, body.len(), cut),
            "cut, its length told truly" => sized(200, at, cut),
            "cut between chunks" => head(200, "transfer-encoding: chunked\r\n", &chunks(cut, 1 + number % 40, "")),
            "a chunk that is shorter than it says" => {
                head(200, "transfer-encoding: chunked\r\n", &[format!("{:x}\r\n", body.len() + 1).as_bytes(), body.as_bytes()].concat())
            }
            "a chunk of a size that is none" => {
                let sizes = ["g", "-1", "", "ffffffffffffffffff", "0x10"];
                head(200, "transfer-encoding: chunked\r\n", format!("{}\r\n{body}\r\n0\r\n\r\n", sizes[number % sizes.len()]).as_bytes())
            }
            "cut, packed" => {
                let bytes = gzip(body.as_bytes());
                packed(&bytes[..=index.index(bytes.len() - 1)])
            }
            // Behind the header of ten bytes, where everything is under the checksum.
            "packed, a byte wrong" => {
                let mut bytes = gzip(body.as_bytes());
                let at = 10 + index.index(bytes.len() - 10);
                bytes[at] ^= 1 << (number % 8);
                packed(&bytes)
            }
            "a status that is no success" => {
                let statuses =
                    [201, 202, 203, 204, 205, 206, 207, 300, 304, 400, 401, 403, 404, 408, 410, 418, 429, 500, 502, 503, 504, 599, 999];
                sized(statuses[number % statuses.len()], body.len(), body.as_bytes())
            }
            "value under another name" => whole(&body.replacen("\"value\"", ["\"Value\"", "\"values\"", "\" value\""][number % 3], 1)),
            "value that is no array" => whole(&body.replacen(
                "\"value\":[",
                ["\"value\":null,\"x\":[", "\"value\":{},\"x\":[", "\"value\":\"[]\",\"x\":["][number % 3],
                1,
            )),
            "an error beside it" => whole(&with_member(body, "\"error\":{\"code\":\"canary\"}")),
            "a byte that is no UTF-8" => put_in(body, at, &[[0xff, 0xfe, 0xc0, 0xf8][number % 4]]),
            "value twice, first" => whole(&body.replacen('{', "{\"value\":[],", 1)),
            "value twice, last" => whole(&with_member(body, "\"value\":[]")),
            "a byte order mark" => put_in(body, 0, b"\xef\xbb\xbf"),
            "a NUL" => put_in(body, at, b"\0"),
            "twice" => whole(&format!("{body}{body}")),
            "packed as nobody asked" => head(
                200,
                &format!("content-encoding: {}\r\ncontent-length: {}\r\n", ["br", "deflate", "zstd", "x"][number % 4], body.len()),
                body.as_bytes(),
            ),
            "packed twice" => packed(&gzip(&gzip(body.as_bytes()))),
            "too deep" => whole(&with_member(body, &format!("\"x\":{}{}", "[".repeat(65 + number), "]".repeat(65 + number)))),
            "cut, without any length" => head(200, "", cut),
            "a bomb" => packed(&gzip(format!("{}{}", " ".repeat(2_000_000), body).as_bytes())),
            "a link under another name" => {
                let names = ["@nextLink", "@odata.nextlink", "value@odata.nextLink", "odata.nextLink", "NextLink"];
                whole(&with_member(body, &format!("\"{}\":null", names[number % names.len()])))
            }
            "two lengths" => head(200, &format!("content-length: {}\r\ncontent-length: {}\r\n", body.len(), at), body.as_bytes()),
            "within an array" => whole(&format!("[{body}]")),
            "half a surrogate in a name" => whole(&with_member(body, "\"\\ud800\":1")),
            "nothing at all" => Vec::new(),
            "headers without end" => head(200, &"x: y\r\n".repeat(100_000), body.as_bytes()),
            "in chunks" => head(
                200,
                "Transfer-Encoding: chunked\r\n",
                &[chunks(body.as_bytes(), 1 + number % 40, "").as_slice(), b"0\r\n\r\n"].concat(),
            ),
            "in chunks with extensions and a trailer" => head(
                200,
                "Transfer-Encoding: chunked\r\n",
                &[chunks(body.as_bytes(), 1 + number % 40, ";a=\"b\"").as_slice(), b"000;x\r\nLocation: /x\r\n\r\n"].concat(),
            ),
            "packed" => packed(&gzip(body.as_bytes())),
            "packed in two members" => packed(&[gzip(cut), gzip(&body.as_bytes()[at..])].concat()),
            "white space around" => whole(&format!("\r\n\t {body} \n")),
            "members that nobody knows" => whole(&with_member(body, "\"@odata.count\":7,\"x\":{\"value\":[1],\"error\":1},\"\\u0000\":[]")),
            "value by an escape" => whole(&body.replacen("\"value\"", "\"v\\u0061lue\"", 1)),
            "headers twice" => head(
                200,
                &format!(
                    "date: x\r\ndate: y\r\nrequest-id: a\r\nrequest-id: b\r\ncontent-length: {0}\r\ncontent-length: {0}\r\n",
                    body.len()
                ),
                body.as_bytes(),
            ),
            "headers in capitals" => head(200, &format!("CONTENT-LENGTH: {}\r\nRETRY-AFTER: \r\nDATE: \r\n", body.len()), body.as_bytes()),
            "told to go on first" => [b"HTTP/1.1 100 Continue\r\n\r\n".as_slice(), &whole(body)].concat(),
            "until the connection closes" => head(200, "", body.as_bytes()),
            "identity" => head(200, &format!("content-encoding: Identity\r\ncontent-length: {}\r\n", body.len()), body.as_bytes()),
            "half a surrogate within an object" => whole(&body.replacen("\"id\"", "\"x\":\"\\ud800\",\"id\"", 1)),
            "numbers that nobody can hold" => {
                whole(&body.replacen("\"id\"", &format!("\"n\":1e999,\"m\":-{},\"id\"", "9".repeat(1 + number)), 1))
            }
            "a header that is no text" => [
                b"HTTP/1.1 200 x\r\nretry-after: \xff\xfe\r\ndate: \x80\r\nrequest-id: \xc3\r\n".as_slice(),
                format!("content-length: {}\r\n\r\n{body}", body.len()).as_bytes(),
            ]
            .concat(),
            "members twice within an object" => whole(&body.replacen("\"id\"", "\"x\":1,\"x\":2,\"id\"", 1)),
            other => unreachable!("{other}"),
        }
    }

    /// The same, as what the server does.
    pub(crate) fn reply(&self, body: &str) -> Reply {
        Reply::SendAndClose(self.of(body))
    }
}
