//! sink PORT: reads to the end of the client's data, answers with the number of bytes, closes.

use super::args::Args;
use super::server::{CHUNK_BYTES, serve};
use crate::host::net::TcpStream;
use crate::host::process::Task;
use crate::host::{Errno, Process};

/// Runs it.
pub fn sink(process: Process, words: Vec<String>) -> Task {
    Box::pin(async move {
        match Args::new(&words, "sink PORT").port(0) {
            Ok(port) => serve(&process, port, one).await,
            Err(why) => {
                process.complain(&why);
                1
            }
        }
    })
}

async fn one(stream: TcpStream) -> Result<(), Errno> {
    let mut total = 0;
    loop {
        let bytes = stream.read(CHUNK_BYTES, None).await?;
        if bytes.is_empty() {
            break;
        }
        total += bytes.len();
    }
    stream.write_all(format!("{total}\n").as_bytes(), None).await
}
