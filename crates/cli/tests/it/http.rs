//! A client of HTTP/1.1 that is small enough to be trusted: one connection a request, and every answer is read to its end.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

/// An answer, whole.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Asks, and reads the answer to its end.
pub(crate) fn ask(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> std::io::Result<Answer> {
    let mut connection = send(address, method, path, headers, body)?;
    read(&mut BufReader::new(&mut connection))
}

/// Asks on a connection of its own, which is left to be read from.
pub(crate) fn send(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> std::io::Result<TcpStream> {
    let mut connection = TcpStream::connect(address)?;
    connection.write_all(request(address, method, path, headers, body).as_bytes())?;
    Ok(connection)
}

fn request(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> String {
    let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        request.extend([name, ": ", value, "\r\n"]);
    }
    request + "\r\n" + body
}

/// Reads an answer. One that ends before its end is an error: it was lost.
pub(crate) fn read(from: &mut impl BufRead) -> std::io::Result<Answer> {
    let (status, headers) = read_head(from)?;
    let value = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let body = if value("transfer-encoding") == Some("chunked") {
        let mut body = Vec::new();
        while let Some(chunk) = read_chunk(from)? {
            body.extend(chunk);
        }
        body
    } else {
        let mut body = vec![0; value("content-length").map_or(0, |length| length.parse().expect("a length"))];
        from.read_exact(&mut body)?;
        body
    };
    Ok(Answer { status, headers, body })
}

/// Reads the status and the headers, names in lower case.
pub(crate) fn read_head(from: &mut impl BufRead) -> std::io::Result<(u16, Vec<(String, String)>)> {
    let status = line(from)?;
    let status = status.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or(std::io::ErrorKind::InvalidData)?;
    let mut headers = Vec::new();
    loop {
        let line = line(from)?;
        if line.is_empty() {
            return Ok((status, headers));
        }
        let (name, value) = line.split_once(':').ok_or(std::io::ErrorKind::InvalidData)?;
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
}

/// The next chunk of a body; none at its end.
pub(crate) fn read_chunk(from: &mut impl BufRead) -> std::io::Result<Option<Vec<u8>>> {
    let size = usize::from_str_radix(line(from)?.trim(), 16).map_err(|_| std::io::ErrorKind::InvalidData)?;
    let mut chunk = vec![0; size];
    from.read_exact(&mut chunk)?;
    line(from)?;
    Ok((size > 0).then_some(chunk))
}

fn line(from: &mut impl BufRead) -> std::io::Result<String> {
    let mut line = String::new();
    if from.read_line(&mut line)? == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
