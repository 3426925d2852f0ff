//! A TCP proxy before a server: it follows a failover, breaks connections, and stops a client's message on its way.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, BufReader, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result};

use crate::address;
use crate::frame::{FrontendMessage, Prepared, Startup, read_message, read_startup};

/// What becomes of a client's message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on to the server.
    Forward,
    /// It waits, and with it what its client sends later, until [`Proxy::release`]; then it goes on.
    Hold,
    /// It never arrives: its connection ends here, towards both sides.
    Cut,
    /// It goes on to the server, and its connection ends before the client can hear an answer.
    Unanswered,
}

/// A proxy on a port of the loopback interface, with two threads a connection. Bytes go through unchanged. It offers no encryption, whatever
/// the server does, for it has to read along. Its connections end when it is dropped.
pub struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
    accepting: Option<JoinHandle<()>>,
}

impl Proxy {
    /// A proxy that lets everything through.
    ///
    /// # Errors
    /// There is no port.
    pub fn start(target: SocketAddr) -> Result<Self> {
        Self::start_with(target, |_| Verdict::Forward)
    }

    /// A proxy that asks about each message of a client, after its start-up and before the message goes on.
    ///
    /// The question is asked in the thread of the message's connection, so it may block, or call this proxy. To crash a client before the
    /// server gets a message, kill it and answer [`Verdict::Cut`]; to crash it after the server got it and before the client knows, kill it
    /// and answer [`Verdict::Forward`].
    ///
    /// # Errors
    /// There is no port.
    pub fn start_with(target: SocketAddr, judge: impl Fn(&FrontendMessage<'_>) -> Verdict + Send + Sync + 'static) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port for the proxy")?;
        let address = listener.local_addr()?;
        let state = Arc::new(State {
            judge: Box::new(judge),
            inner: Mutex::new(Inner { target, closed: false, cuts: 0, releases: 0, open: HashMap::new() }),
            changed: Condvar::new(),
        });
        let accepting = {
            let state = Arc::clone(&state);
            thread::spawn(move || accept(&listener, &state))
        };
        Ok(Self { address, state, accepting: Some(accepting) })
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of a database of the server behind it, for a role.
    pub fn url(&self, role: &str, database: &str) -> String {
        address::url(self.address, role, database)
    }

    /// Sends new connections to another server, and cuts those that there are.
    pub fn repoint(&self, target: SocketAddr) {
        let mut inner = self.state.lock();
        inner.target = target;
        self.state.cut(inner);
    }

    /// Cuts all connections, towards both sides. What is held never arrives. New connections are welcome.
    pub fn cut(&self) {
        self.state.cut(self.state.lock());
    }

    /// Lets every message go on that is held, or about which the question is being answered right now.
    pub fn release(&self) {
        self.state.lock().releases += 1;
        self.state.changed.notify_all();
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let mut inner = self.state.lock();
        inner.closed = true;
        self.state.cut(inner);
        // It waits for a connection, so it gets one.
        if TcpStream::connect(self.address).is_ok()
            && let Some(accepting) = self.accepting.take()
        {
            // A panic there has been printed; a destructor adds none.
            let _ = accepting.join();
        }
    }
}

struct State {
    judge: Box<dyn Fn(&FrontendMessage<'_>) -> Verdict + Send + Sync>,
    inner: Mutex<Inner>,
    /// Something of `inner` that a held message waits for.
    changed: Condvar,
}

struct Inner {
    target: SocketAddr,
    closed: bool,
    /// How often everything was cut.
    cuts: u64,
    /// How often everything was released.
    releases: u64,
    /// Both sides of every connection, by its number.
    open: HashMap<u64, [TcpStream; 2]>,
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends every connection that there is.
    fn cut(&self, mut inner: MutexGuard<'_, Inner>) {
        inner.cuts += 1;
        for (_, sides) in inner.open.drain() {
            end(&sides);
        }
        self.changed.notify_all();
    }

    /// Waits until a message may go on that was held when there were so many releases. Answers whether it may: not if its connection was
    /// cut meanwhile.
    fn wait(&self, releases: u64, cuts: u64) -> bool {
        let held = |inner: &mut Inner| inner.releases == releases && inner.cuts == cuts;
        let inner = self.changed.wait_while(self.lock(), held).unwrap_or_else(PoisonError::into_inner);
        inner.cuts == cuts
    }
}

fn accept(listener: &TcpListener, state: &Arc<State>) {
    // One that broke before it was accepted is none.
    for (number, client) in (1..).zip(listener.incoming().flatten()) {
        let (target, cuts) = {
            let inner = state.lock();
            if inner.closed {
                break;
            }
            (inner.target, inner.cuts)
        };
        let state = Arc::clone(state);
        thread::spawn(move || {
            // A connection that fails is closed, which is all that a client of a broken server sees.
            let _ = Connection { number, cuts, state: &state }.serve(&client, target);
        });
    }
}

/// One connection on its way through.
struct Connection<'a> {
    number: u64,
    /// How often everything had been cut when it came.
    cuts: u64,
    state: &'a State,
}

impl Connection<'_> {
    fn serve(&self, client: &TcpStream, target: SocketAddr) -> io::Result<()> {
        let server = TcpStream::connect(target)?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        if !self.register(client, &server)? {
            return Ok(());
        }
        let ended = thread::scope(|scope| {
            scope.spawn(|| answers(&server, client));
            let ended = self.requests(client, &server);
            // The server gets to the end of what was sent, and then it is told that this was all.
            let _ = server.shutdown(Shutdown::Write);
            ended
        });
        self.state.lock().open.remove(&self.number);
        ended
    }

    /// Lets it be cut. Answers no if that has happened already.
    fn register(&self, client: &TcpStream, server: &TcpStream) -> io::Result<bool> {
        let sides = [client.try_clone()?, server.try_clone()?];
        let mut inner = self.state.lock();
        let is_uncut = inner.cuts == self.cuts;
        if is_uncut {
            inner.open.insert(self.number, sides);
        }
        Ok(is_uncut)
    }

    /// Carries what the client says to the server, until the client ends or is cut.
    fn requests(&self, mut client: &TcpStream, mut server: &TcpStream) -> io::Result<()> {
        let mut from = BufReader::new(client);
        loop {
            let Some(packet) = read_startup(&mut from)? else { return Ok(()) };
            match Startup::of(&packet) {
                Startup::Encryption => client.write_all(b"N")?,
                Startup::Cancel => return server.write_all(&packet),
                Startup::Session => {
                    server.write_all(&packet)?;
                    break;
                }
            }
        }
        let mut prepared = Prepared::default();
        while let Some(message) = read_message(&mut from)? {
            // Before the question, so that a release in the midst of it counts.
            let releases = self.state.lock().releases;
            let goes_on = match (self.state.judge)(&prepared.message(self.number, &message)) {
                Verdict::Forward => true,
                Verdict::Hold => self.state.wait(releases, self.cuts),
                Verdict::Cut => false,
                Verdict::Unanswered => {
                    // In this order: what the server says must find nobody to tell it to.
                    let _ = client.shutdown(Shutdown::Both);
                    return server.write_all(&message);
                }
            };
            if !goes_on {
                end(&[client, server]);
                return Ok(());
            }
            server.write_all(&message)?;
        }
        Ok(())
    }
}

/// Carries what the server says to the client, until the server ends or is cut.
fn answers(mut server: &TcpStream, mut client: &TcpStream) {
    // A server whose client died must be able to go on speaking: else it would stop short of what was sent to it before.
    if io::copy(&mut server, &mut client).is_err() {
        let _ = io::copy(&mut server, &mut io::sink());
    }
    // Whether the server ended well or broke, its client has nobody to talk to any more.
    let _ = client.shutdown(Shutdown::Both);
}

/// Ends both sides of a connection. One that has ended already is no failure.
fn end<S: std::borrow::Borrow<TcpStream>>(sides: &[S; 2]) {
    for side in sides {
        let _ = side.borrow().shutdown(Shutdown::Both);
    }
}
