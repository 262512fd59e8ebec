//! A line between a client and a broker that does what lines do: it can be cut, stand still with
//! all its connections open, forget the far end of a connection, and be slow. Plain sockets; the
//! kernel has no queue to shape here.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

/// What the line is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// Bytes pass.
    Up,
    /// Connections end, and new ones are refused.
    Down,
    /// Connections stay, and nothing passes.
    Still,
}

/// How slow it is.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Bytes a second each way.
    pub bytes_per_s: u64,
    /// One way.
    pub delay: Duration,
}

/// The line.
pub struct Proxy {
    addr: SocketAddr,
    line: watch::Sender<Line>,
    /// Connections up to this number have lost their far end and do not know it.
    orphans: watch::Sender<u64>,
    count: Arc<Mutex<Counts>>,
    _runtime: tokio::runtime::Runtime,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Connections that were accepted.
    pub connections: u64,
    /// Bytes from the client.
    pub bytes_up: u64,
    /// Bytes to the client.
    pub bytes_down: u64,
    /// When the last connection was accepted.
    pub accepted: Option<Instant>,
    /// When the first PUBLISH after the last change of the line came from the client.
    pub published: Option<Instant>,
}

impl Proxy {
    /// A line to `to`.
    pub fn start(to: SocketAddr, shape: Option<Shape>) -> Proxy {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (line, seen) = watch::channel(Line::Up);
        let (orphans, orphaned) = watch::channel(0);
        let count = Arc::new(Mutex::new(Counts::default()));
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0))).unwrap();
        let addr = listener.local_addr().unwrap();
        let counting = Arc::clone(&count);
        runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *seen.borrow() != Line::Up {
                    continue;
                }
                let number = {
                    let mut count = counting.lock().unwrap();
                    count.connections += 1;
                    count.accepted = Some(Instant::now());
                    count.connections
                };
                let way = Way {
                    shape,
                    line: seen.clone(),
                    orphaned: orphaned.clone(),
                    number,
                    count: Arc::clone(&counting),
                };
                tokio::spawn(way.attend(client, to));
            }
        });
        Proxy { addr, line, orphans, count, _runtime: runtime }
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub fn set(&self, line: Line) {
        self.count.lock().unwrap().published = None;
        self.line.send_replace(line);
    }

    /// Every connection that is open now is half open from here on: the client's side stands, what
    /// it sends goes nowhere. New connections are sound.
    pub fn orphan(&self) {
        self.orphans.send_replace(self.counts().connections);
    }

    pub fn counts(&self) -> Counts {
        *self.count.lock().unwrap()
    }
}

#[derive(Clone)]
struct Way {
    shape: Option<Shape>,
    line: watch::Receiver<Line>,
    orphaned: watch::Receiver<u64>,
    number: u64,
    count: Arc<Mutex<Counts>>,
}

impl Way {
    async fn attend(self, client: TcpStream, to: SocketAddr) {
        let Ok(broker) = TcpStream::connect(to).await else { return };
        drop(client.set_nodelay(true));
        drop(broker.set_nodelay(true));
        let (from_client, to_client) = client.into_split();
        let (from_broker, to_broker) = broker.into_split();
        let mut line = self.line.clone();
        let mut orphaned = self.orphaned.clone();
        let number = self.number;
        let up = self.clone().carry(from_client, to_broker, true);
        let down = self.carry(from_broker, to_client, false);
        let both = async {
            tokio::select! {
                () = up => {}
                () = down => {}
            }
        };
        tokio::pin!(both);
        let is_orphan = tokio::select! {
            () = &mut both => false,
            _ = line.wait_for(|line| *line == Line::Down) => false,
            _ = orphaned.wait_for(|upto| *upto >= number) => true,
        };
        if is_orphan {
            // The client's side stays open, and nobody is there any more.
            drop(line.wait_for(|line| *line == Line::Down).await);
        }
    }

    /// One way: bytes are read as fast as the shape lets them leave, and arrive after the delay.
    async fn carry(mut self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, up: bool) {
        let (late_in, mut late) = mpsc::channel::<(Instant, Vec<u8>)>(1024);
        let shape = self.shape;
        let read = async {
            let mut buffer = vec![0; 16 * 1024];
            let mut free_at = Instant::now();
            loop {
                let Ok(count) = from.read(&mut buffer).await else { return };
                if count == 0 || self.line.wait_for(|line| *line != Line::Still).await.is_err() {
                    return;
                }
                if up {
                    let mut counts = self.count.lock().unwrap();
                    counts.bytes_up += count as u64;
                    // Packets come in pieces of their own while a connection is new.
                    if buffer[0] >> 4 == 3 {
                        counts.published.get_or_insert_with(Instant::now);
                    }
                } else {
                    self.count.lock().unwrap().bytes_down += count as u64;
                }
                let mut at = Instant::now();
                if let Some(Shape { bytes_per_s, delay }) = shape {
                    let takes = Duration::from_secs_f64(count as f64 / bytes_per_s as f64);
                    free_at = free_at.max(at) + takes;
                    sleep_until(free_at).await;
                    at = free_at + delay;
                }
                if late_in.send((at, buffer[..count].to_vec())).await.is_err() {
                    return;
                }
            }
        };
        let write = async {
            while let Some((at, bytes)) = late.recv().await {
                sleep_until(at).await;
                if to.write_all(&bytes).await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = read => {}
            () = write => {}
        }
    }
}
