//! NATS JetStream: three servers on one machine, the one that has the connection is killed while
//! the backlog drains.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

use crate::common::{eventually, free_port};
use crate::site::{Board, Receiver};

const RECORDS: u64 = 200_000;

/// A cluster elects its leaders, builds the streams of its gateway and moves them after a kill.
const CLUSTER: Duration = Duration::from_secs(120);

/// Three servers, each with its own store.
struct Cluster {
    folder: TempDir,
    ports: [[u16; 3]; 3],
    children: [Option<Child>; 3],
}

impl Cluster {
    /// None of them runs yet.
    fn prepare() -> Cluster {
        let ports = std::array::from_fn(|_| std::array::from_fn(|_| free_port()));
        let folder = tempfile::tempdir().unwrap();
        Cluster { folder, ports, children: [None, None, None] }
    }

    fn run(&mut self, at: usize) {
        let [client, route, mqtt] = self.ports[at];
        let folder = self.folder.path();
        let routes: Vec<_> =
            self.ports.iter().map(|ports| format!("nats-route://127.0.0.1:{}", ports[1])).collect();
        let text = format!(
            "server_name: n{at}\nlisten: \"127.0.0.1:{client}\"\n\
             jetstream {{ store_dir: \"{}\" }}\n\
             cluster {{ name: outpost, listen: \"127.0.0.1:{route}\", routes: [{}] }}\n\
             mqtt {{ listen: \"127.0.0.1:{mqtt}\", stream_replicas: 3 }}\n",
            folder.join(format!("store-{at}")).display(),
            routes.join(", ")
        );
        let file = folder.join(format!("n{at}.conf"));
        std::fs::write(&file, text).unwrap();
        let path = folder.join(format!("n{at}.log"));
        let log = std::fs::File::options().create(true).append(true).open(path).unwrap();
        let child = Command::new("nats-server")
            .arg("-c")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.children[at] = Some(child);
    }

    fn kill(&mut self, at: usize) {
        if let Some(mut child) = self.children[at].take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    fn mqtt(&self) -> [SocketAddr; 3] {
        self.ports.map(|ports| SocketAddr::from(([127, 0, 0, 1], ports[2])))
    }

    fn logs(&self) -> String {
        let read = |at| std::fs::read_to_string(self.folder.path().join(format!("n{at}.log")));
        (0..3).map(|at| read(at).unwrap_or_default()).collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.logs());
        }
        for at in 0..3 {
            self.kill(at);
        }
    }
}

/// One address before several servers, as a name with several addresses or a balancer is: a new
/// connection goes to the first that takes it.
struct Balancer {
    addr: SocketAddr,
    last: Arc<Mutex<Option<SocketAddr>>>,
    _runtime: tokio::runtime::Runtime,
}

impl Balancer {
    fn start(servers: Vec<SocketAddr>) -> Balancer {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0))).unwrap();
        let addr = listener.local_addr().unwrap();
        let last = Arc::new(Mutex::new(None));
        let noted = Arc::clone(&last);
        runtime.spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let (servers, noted) = (servers.clone(), Arc::clone(&noted));
                tokio::spawn(async move {
                    for server in servers {
                        if let Ok(mut far) = TcpStream::connect(server).await {
                            *noted.lock().unwrap() = Some(server);
                            // How it ended is the client's to find out.
                            copy_bidirectional(&mut client, &mut far).await.ok();
                            return;
                        }
                    }
                });
            }
        });
        Balancer { addr, last, _runtime: runtime }
    }
}

#[test]
fn one_of_three_servers_is_killed_while_the_backlog_drains_and_nothing_is_lost() {
    let mut cluster = Cluster::prepare();
    let [a, b, c] = cluster.mqtt();
    let for_board = Balancer::start(vec![a, b, c]);
    let for_receiver = Balancer::start(vec![c, b]);
    let mut board = Board::start(for_board.addr, "ack = \"receiver\"\ndelay = \"0s\"");
    for _ in 0..RECORDS / 1000 {
        board.readings(1000);
        // The journal's writer takes so much at once and no more.
        board.wait_stored();
    }
    for at in 0..3 {
        cluster.run(at);
    }
    let receiver = Receiver::start(for_receiver.addr);
    eventually("a part of the backlog", CLUSTER, || {
        (receiver.look().unwrap_or_default().last >= RECORDS / 10).then_some(())
    });
    let before = receiver.look().unwrap();
    assert!(before.last < RECORDS, "killed in the midst, not after it");
    assert_eq!(*for_board.last.lock().unwrap(), Some(a), "the one with the board's line");
    cluster.kill(0);
    let here = receiver.wait(RECORDS, CLUSTER);
    assert_ne!(*for_board.last.lock().unwrap(), Some(a));
    let said = receiver.said();
    println!("NATS: {} records, killed at {}, receiver: {said}", here.records, before.last);
}
