//! The messages that a client sends to PostgreSQL, cut out of the stream of bytes.
//!
//! A connection begins with start-up packets, which have a length and a code; every later message has a letter for its kind and a length.

use std::collections::HashMap;
use std::io::{self, Read};
use std::ops::RangeInclusive;

/// What a start-up packet may be long; PostgreSQL's own limit.
const STARTUP_LIMIT: u32 = 10_000;
/// What a message may be long; PostgreSQL's own limit.
const MESSAGE_LIMIT: u32 = 1 << 30;

/// A message of a client, after its start-up.
#[derive(Debug, Clone, Copy)]
pub struct FrontendMessage<'a> {
    connection: u64,
    bytes: &'a [u8],
    bound: Option<&'a str>,
}

impl<'a> FrontendMessage<'a> {
    /// Which connection of the proxy sent it; they are counted from 1 in the order in which they came.
    pub fn connection(&self) -> u64 {
        self.connection
    }

    /// Its kind as the protocol names it: `Q` for a query, `P` for parse, `B` for bind, `E` for execute, `S` for sync, `X` for the end.
    pub fn kind(&self) -> char {
        self.bytes.first().copied().map_or('\0', char::from)
    }

    /// What follows the kind and the length.
    pub fn body(&self) -> &'a [u8] {
        self.bytes.get(5..).unwrap_or_default()
    }

    /// The statement of a query or a parse; none for other kinds, and for what is no UTF-8.
    pub fn query(&self) -> Option<&'a str> {
        match self.kind() {
            'Q' => self.text(0),
            // The name under which it is prepared comes first.
            'P' => self.text(1),
            _ => None,
        }
    }

    /// The statement that a bind gives its parameters, which was parsed earlier on the same connection; none for other kinds.
    pub fn bound(&self) -> Option<&'a str> {
        self.bound
    }

    /// One of the texts that the body begins with, each of which ends with a zero.
    fn text(&self, at: usize) -> Option<&'a str> {
        std::str::from_utf8(self.body().split(|byte| *byte == 0).nth(at)?).ok()
    }
}

/// The statements that one connection has parsed, by the names that it gave them.
#[derive(Debug, Default)]
pub(crate) struct Prepared(HashMap<String, String>);

impl Prepared {
    /// The connection's next message, as [`read_message`] gives it.
    pub(crate) fn message<'a>(&'a mut self, connection: u64, bytes: &'a [u8]) -> FrontendMessage<'a> {
        let message = FrontendMessage { connection, bytes, bound: None };
        if let (Some(name), Some(statement)) = (message.text(0), message.query())
            && message.kind() == 'P'
        {
            self.0.insert(name.to_owned(), statement.to_owned());
        }
        // The name of a statement follows that of a portal.
        let name = message.text(1).filter(|_| message.kind() == 'B');
        FrontendMessage { bound: name.and_then(|name| self.0.get(name)).map(String::as_str), ..message }
    }
}

/// What a start-up packet asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Startup {
    /// Encryption, of either kind; another packet follows the answer.
    Encryption,
    /// That another session stops what it does; nothing follows.
    Cancel,
    /// A session; messages follow.
    Session,
}

impl Startup {
    /// What a packet asks for that [`read_startup`] gave.
    pub(crate) fn of(packet: &[u8]) -> Self {
        match packet.get(4..8).unwrap_or_default() {
            [0x04, 0xd2, 0x16, 0x2f | 0x30] => Self::Encryption,
            [0x04, 0xd2, 0x16, 0x2e] => Self::Cancel,
            _ => Self::Session,
        }
    }
}

/// Reads a start-up packet, its length included; none at the end of the stream.
///
/// # Errors
/// Of reading; the stream ends within the packet, or the packet is no start-up packet.
pub(crate) fn read_startup(from: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    read_frame(from, 0, 8..=STARTUP_LIMIT)
}

/// Reads a message, its kind and length included; none at the end of the stream.
///
/// # Errors
/// Of reading; the stream ends within the message, or the message is too long.
pub(crate) fn read_message(from: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    read_frame(from, 1, 4..=MESSAGE_LIMIT)
}

/// Reads so many bytes, then a length that counts itself, then the rest.
fn read_frame(from: &mut impl Read, before_length: usize, lengths: RangeInclusive<u32>) -> io::Result<Option<Vec<u8>>> {
    let mut frame = Vec::new();
    read_up_to(from, before_length + 4, &mut frame)?;
    if frame.is_empty() {
        return Ok(None);
    }
    let length = frame.get(before_length..).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes);
    let length = length.ok_or(io::ErrorKind::UnexpectedEof)?;
    if !lengths.contains(&length) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("{length} is no length of a message")));
    }
    let whole = before_length + usize::try_from(length).map_err(io::Error::other)?;
    read_up_to(from, whole - frame.len(), &mut frame)?;
    if frame.len() < whole {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(frame))
}

/// Appends so many bytes, or fewer if the stream ends. The room is made as they come: a length that lies costs nothing.
fn read_up_to(from: &mut impl Read, bytes: usize, into: &mut Vec<u8>) -> io::Result<()> {
    let limit = u64::try_from(bytes).map_err(io::Error::other)?;
    from.take(limit).read_to_end(into).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time, as a network may.
    struct Dripping<'a>(&'a [u8]);

    impl Read for Dripping<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let some = into.len().min(1);
            self.0.read(&mut into[..some])
        }
    }

    #[test]
    fn messages_come_out_of_the_stream_unchanged_however_it_drips() {
        let stream = b"Q\0\0\0\x0dSELECT 1\0S\0\0\0\x04X\0\0\0\x04";
        let mut from = Dripping(stream);
        let mut messages = Vec::new();
        while let Some(message) = read_message(&mut from).expect("whole messages") {
            messages.push(message);
        }
        assert_eq!(messages.len(), 3);
        assert_eq!(messages.concat(), stream);
    }

    #[test]
    fn the_statement_of_a_query_and_of_a_parse_is_known() {
        let mut prepared = Prepared::default();
        let query = prepared.message(7, b"Q\0\0\0\x0bCOMMIT\0");
        assert_eq!((query.kind(), query.query(), query.body(), query.connection()), ('Q', Some("COMMIT"), &b"COMMIT\0"[..], 7));
        let parse = prepared.message(7, b"P\0\0\0\x12name\0SELECT\0\0\0");
        assert_eq!((parse.kind(), parse.query()), ('P', Some("SELECT")));
        let unnamed = prepared.message(7, b"P\0\0\0\x0e\0SELECT\0\0\0");
        assert_eq!(unnamed.query(), Some("SELECT"));
        assert_eq!(prepared.message(7, b"S\0\0\0\x04").query(), None);
    }

    #[test]
    fn a_bind_knows_what_was_parsed_under_its_name() {
        let mut prepared = Prepared::default();
        prepared.message(1, b"P\0\0\0\x12name\0SELECT\0\0\0");
        prepared.message(1, b"P\0\0\0\x0e\0COMMIT\0\0\0");
        assert_eq!(prepared.message(1, b"B\0\0\0\x10\0name\0\0\0\0\0\0\0").bound(), Some("SELECT"));
        assert_eq!(prepared.message(1, b"B\0\0\0\x12portal\0\0\0\0\0\0\0\0").bound(), Some("COMMIT"));
        assert_eq!(prepared.message(1, b"B\0\0\0\x11\0other\0\0\0\0\0\0\0").bound(), None);
        assert_eq!(prepared.message(1, b"E\0\0\0\x09\0\0\0\0\0").bound(), None);
    }

    #[test]
    fn a_stream_that_ends_within_a_message_is_an_error_and_between_two_it_is_not() {
        assert!(read_message(&mut &b""[..]).expect("the end").is_none());
        assert!(read_message(&mut &b"Q\0\0"[..]).is_err());
        assert!(read_message(&mut &b"Q\0\0\0\x0dSELECT"[..]).is_err());
        assert!(read_startup(&mut &b"\0\0\0\x08\x04\xd2"[..]).is_err());
    }

    #[test]
    fn a_length_that_cannot_be_is_refused() {
        assert!(read_message(&mut &b"Q\0\0\0\x03"[..]).is_err());
        assert!(read_message(&mut &b"Q\xff\xff\xff\xff"[..]).is_err());
        assert!(read_startup(&mut &b"\0\0\0\x04"[..]).is_err());
    }

    #[test]
    fn start_up_packets_are_told_apart() {
        let packet = |code: u32| [8_u32.to_be_bytes(), code.to_be_bytes()].concat();
        assert_eq!(Startup::of(&packet(80_877_103)), Startup::Encryption);
        assert_eq!(Startup::of(&packet(80_877_104)), Startup::Encryption);
        assert_eq!(Startup::of(&packet(80_877_102)), Startup::Cancel);
        assert_eq!(Startup::of(&packet(196_608)), Startup::Session);
    }
}
