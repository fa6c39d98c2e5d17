//! What TCP servers have in common: a thread for each connection.

use std::future::Future;

use crate::host::net::{TcpListener, TcpStream};
use crate::host::{Bind, Errno, Process};

/// Python's socket.listen(512), as the reference implementation calls it.
pub(super) const BACKLOG: u32 = 512;

/// The most that is read at a time, in bytes.
pub(super) const CHUNK_BYTES: usize = 65_536;

/// Listens at a port and serves each connection until the process is killed.
pub(super) async fn serve<F>(process: &Process, port: u16, serve_one: impl Fn(TcpStream) -> F) -> i32
where
    F: Future<Output = Result<(), Errno>> + 'static,
{
    let listener = match TcpListener::bind(&process.sys, Bind::port(port), BACKLOG) {
        Ok(listener) => listener,
        Err(error) => {
            process.complain(&format!("OSError: {error}\n"));
            return 1;
        }
    };
    loop {
        match listener.accept(None).await {
            Ok((stream, _)) => {
                let one = serve_one(stream);
                // A connection that breaks ends its thread, and nothing else.
                process.sys.spawn_thread(|_| Box::pin(async { i32::from(one.await.is_err()) }));
            }
            Err(error) => {
                process.complain(&format!("OSError: {error}\n"));
                return 1;
            }
        }
    }
}
