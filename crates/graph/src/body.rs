//! Reading a body without trusting its size: a cap on what comes over the wire and on what it unpacks to.
//!
//! Unpacking is done here and not by the HTTP library, because only here both sides of it can be counted.

use std::io::{self, Write};

use flate2::write::MultiGzDecoder;

/// What can be wrong with an answer before anyone reads its JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// No connection, or it broke.
    Connection,
    /// Not whole within the time limit.
    Timeout,
    /// The connection ended in good order, but before the body did.
    CutOff,
    /// Packed in a way that does not unpack.
    Garbled,
    /// Larger than the cap, as it came or unpacked.
    TooLarge,
    /// Packed by a method that was not asked for.
    Encoding,
    /// The request could not even be written.
    Unsendable,
}

/// Collects a body under a cap.
pub(crate) struct Collector {
    cap: u64,
    received: u64,
    sink: Sink,
}

enum Sink {
    Plain(Capped),
    // Boxed: the decoder's window would make every collector large.
    Gzip(Box<MultiGzDecoder<Capped>>),
}

impl Collector {
    /// For a body with this `Content-Encoding` (none is `identity`).
    pub(crate) fn new(encoding: Option<&[u8]>, cap: u64) -> Result<Self, Fault> {
        let capped = Capped { cap, bytes: Vec::new(), full: false };
        let sink = match encoding {
            None => Sink::Plain(capped),
            Some(name) if name.eq_ignore_ascii_case(b"identity") => Sink::Plain(capped),
            Some(name) if name.eq_ignore_ascii_case(b"gzip") => Sink::Gzip(Box::new(MultiGzDecoder::new(capped))),
            Some(_) => return Err(Fault::Encoding),
        };
        Ok(Self { cap, received: 0, sink })
    }

    /// Takes the next bytes from the wire.
    pub(crate) fn take(&mut self, chunk: &[u8]) -> Result<(), Fault> {
        self.received = self.received.saturating_add(chunk.len() as u64);
        if self.received > self.cap {
            return Err(Fault::TooLarge);
        }
        match &mut self.sink {
            Sink::Plain(capped) => capped.write_all(chunk).map_err(|_| capped.fault()),
            Sink::Gzip(decoder) => decoder.write_all(chunk).map_err(|_| decoder.get_ref().fault()),
        }
    }

    /// The whole body, unpacked.
    pub(crate) fn finish(self) -> Result<Vec<u8>, Fault> {
        match self.sink {
            Sink::Plain(capped) => Ok(capped.bytes),
            // Nothing at all is an empty body, packed or not.
            Sink::Gzip(_) if self.received == 0 => Ok(Vec::new()),
            Sink::Gzip(mut decoder) => match decoder.try_finish() {
                Ok(()) => Ok(std::mem::take(&mut decoder.get_mut().bytes)),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(Fault::CutOff),
                Err(_) => Err(decoder.get_ref().fault()),
            },
        }
    }
}

/// A buffer that refuses to grow past its cap.
struct Capped {
    cap: u64,
    bytes: Vec<u8>,
    full: bool,
}

impl Capped {
    fn fault(&self) -> Fault {
        if self.full { Fault::TooLarge } else { Fault::Garbled }
    }
}

impl Write for Capped {
    fn write(&mut self, chunk: &[u8]) -> io::Result<usize> {
        if (self.bytes.len() + chunk.len()) as u64 > self.cap {
            self.full = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(chunk);
        Ok(chunk.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).expect("to memory");
        encoder.finish().expect("to memory")
    }

    fn collect(encoding: Option<&[u8]>, cap: u64, chunks: &[&[u8]]) -> Result<Vec<u8>, Fault> {
        let mut collector = Collector::new(encoding, cap)?;
        chunks.iter().try_for_each(|chunk| collector.take(chunk))?;
        collector.finish()
    }

    #[test]
    fn a_body_in_pieces_is_put_together() {
        assert_eq!(collect(None, 10, &[b"abc", b"", b"defghij"]), Ok(b"abcdefghij".to_vec()));
        let packed = packed(b"hello, hello, hello");
        let (head, tail) = packed.split_at(7);
        assert_eq!(collect(Some(b"GZIP"), 100, &[head, tail]), Ok(b"hello, hello, hello".to_vec()));
        assert_eq!(collect(Some(b"gzip"), 100, &[]), Ok(Vec::new()));
    }

    #[test]
    fn i30_a_body_over_the_cap_is_refused_as_it_comes_and_as_it_unpacks() {
        assert_eq!(collect(None, 10, &[b"abcdefghij", b"k"]), Err(Fault::TooLarge));
        let bomb = packed(&vec![b' '; 10_000_000]);
        assert!(bomb.len() < 20_000);
        assert_eq!(collect(Some(b"gzip"), 1_000_000, &[&bomb]), Err(Fault::TooLarge));
        // Members that unpack to nothing would otherwise be read for ever.
        let nothing = packed(b"");
        assert_eq!(collect(Some(b"gzip"), 100, &vec![nothing.as_slice(); 20]), Err(Fault::TooLarge));
    }

    #[test]
    fn i02_a_packed_body_that_breaks_off_anywhere_is_never_a_shorter_body() {
        let whole = packed(br#"{"value":[{"id":"1"},{"id":"2"}]}"#);
        for cut in 1..whole.len() {
            assert!(collect(Some(b"gzip"), 1000, &[&whole[..cut]]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn garbage_and_packings_nobody_asked_for_are_faults() {
        assert_eq!(collect(Some(b"gzip"), 100, &[b"this is not gzip"]), Err(Fault::Garbled));
        assert_eq!(collect(Some(b"br"), 100, &[b"x"]), Err(Fault::Encoding));
    }
}
