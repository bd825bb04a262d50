//! The thread that serves.

use std::net::{IpAddr, SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use skueye_models::{Code, Fault};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::time::{interval, sleep};

use crate::access::Access;
use crate::api::router;
use crate::connection::{Paced, Peer, Place};
use crate::refusals::{Refusal, Refusals};
use crate::settings::Settings;
use crate::shared::Shared;
use crate::station::Station;

/// Threads on which the device is asked.
const ASKING: usize = 4;
/// The longest head of a request, and the most lines in it.
const LONGEST_HEAD: usize = 16 * 1024;
const MOST_HEADERS: usize = 64;
/// How long work under way may take when the page stops.
const STOPPING: Duration = Duration::from_secs(1);
/// How often a change of the access file is looked for.
const REFRESH: Duration = Duration::from_secs(1);

/// The page while it is served; it stops when this is dropped, at the latest after a second.
pub struct Server {
    address: SocketAddr,
    refusals: Arc<Refusals>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Where it listens, with the port that was taken for port 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What was refused so far.
    pub fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    /// Whether it still serves. It only ends by itself where a bug ends it; a supervisor then serves anew.
    pub fn is_alive(&self) -> bool {
        self.thread
            .as_ref()
            .is_some_and(|thread| !thread.is_finished())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // Its panic was printed where it happened.
            let _ = thread.join();
        }
    }
}

/// Serves the page of `station` on a thread of its own. Errors: E713 where it cannot listen.
pub fn serve(
    settings: Settings,
    station: Arc<dyn Station>,
    access: Arc<Access>,
) -> Result<Server, Fault> {
    let cannot = |error: std::io::Error| {
        Fault::new(
            Code::PageListen,
            format!("to listen on {}", settings.listen),
            error.to_string(),
            "choose another address with page.listen, or end the program that listens there",
        )
    };
    let listener = StdListener::bind(settings.listen).map_err(cannot)?;
    listener.set_nonblocking(true).map_err(cannot)?;
    let address = listener.local_addr().map_err(cannot)?;
    let runtime = Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(ASKING)
        .build()
        .map_err(cannot)?;
    let refusals = Arc::new(Refusals::default());
    let (stop, stopped) = watch::channel(false);
    let shared = Shared::new(settings.clone(), station, access, refusals.clone());
    let thread = thread::Builder::new()
        .name("page".into())
        .spawn(move || run(runtime, listener, Arc::new(shared), stopped))
        .map_err(cannot)?;
    Ok(Server {
        address,
        refusals,
        stop,
        thread: Some(thread),
    })
}

fn run(
    runtime: Runtime,
    listener: StdListener,
    shared: Arc<Shared>,
    mut stopped: watch::Receiver<bool>,
) {
    runtime.block_on(async {
        tokio::spawn(watch_device(shared.clone()));
        tokio::spawn(watch_access(shared.clone()));
        tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => {}
            () = accept(listener, shared) => {}
        }
    });
    runtime.shutdown_timeout(STOPPING);
}

async fn watch_device(shared: Arc<Shared>) {
    shared.feed.run(|| shared.look()).await;
}

async fn watch_access(shared: Arc<Shared>) {
    let mut ticks = interval(REFRESH);
    loop {
        ticks.tick().await;
        shared.access.refresh();
    }
}

async fn accept(listener: StdListener, shared: Arc<Shared>) {
    let Ok(listener) = TcpListener::from_std(listener) else {
        return;
    };
    let router = router(shared.clone());
    loop {
        let Ok((stream, from)) = listener.accept().await else {
            // Out of file descriptors, mostly: others have to close theirs first.
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let from = from.ip().to_canonical();
        match shared.places.take(from, &shared.settings.limits) {
            Some(place) => {
                tokio::spawn(connection(
                    stream,
                    from,
                    place,
                    router.clone(),
                    shared.clone(),
                ));
            }
            None => shared.refusals.add(Refusal::Crowd),
        }
    }
}

async fn connection(
    stream: TcpStream,
    from: IpAddr,
    place: Place,
    router: Router,
    shared: Arc<Shared>,
) {
    let at = stream.local_addr().ok();
    let peer = Peer::new(from, at.map(|at| at.ip().to_canonical()));
    let limits = &shared.settings.limits;
    // Small answers are wanted at once.
    let _ = stream.set_nodelay(true);
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        router.call(request)
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_headers(MOST_HEADERS)
        .max_buf_size(LONGEST_HEAD)
        .serve_connection(TokioIo::new(Paced::new(stream, limits.write)), service)
        .await;
    if let Some(why) = served.err().and_then(|error| refusal(&error)) {
        shared.refusals.add(why);
    }
    drop(place);
}

/// What a connection that failed counts as; a client that just went away counts as nothing.
fn refusal(error: &hyper::Error) -> Option<Refusal> {
    let source = std::error::Error::source(error);
    let io = source.and_then(|source| source.downcast_ref::<std::io::Error>());
    let timed_out = io.is_some_and(|error| error.kind() == std::io::ErrorKind::TimedOut);
    match () {
        () if error.is_timeout() || timed_out => Some(Refusal::Slow),
        () if error.is_parse() || error.is_parse_too_large() => Some(Refusal::Malformed),
        () => None,
    }
}
