//! httpd PORT \[BODY_BYTES\]: answers one request a connection with the node's name, and closes first.

use std::rc::Rc;

use super::args::Args;
use super::server::{CHUNK_BYTES, serve};
use crate::host::Errno;
use crate::host::Process;
use crate::host::net::TcpStream;
use crate::host::process::Task;

/// Bodies are not longer than this, so that a typing error does not eat the simulator's memory.
const MAX_BODY_BYTES: u32 = 64 << 20;

/// Runs it.
pub fn httpd(process: Process, words: Vec<String>) -> Task {
    Box::pin(async move {
        let args = Args::new(&words, "httpd PORT [BODY_BYTES]");
        let (port, body) = match (args.port(0), args.count(1, 0)) {
            (Ok(port), Ok(body)) => (port, body.min(MAX_BODY_BYTES)),
            (Err(why), _) | (_, Err(why)) => {
                process.complain(&why);
                return 1;
            }
        };
        let name = process.sys.with(|kernel| kernel.name.clone());
        let answer: Rc<[u8]> = answer(&name, body as usize).into();
        serve(&process, port, |stream| one(stream, Rc::clone(&answer))).await
    })
}

fn answer(name: &str, body_bytes: usize) -> Vec<u8> {
    let mut body = format!("{name}\n").into_bytes();
    body.resize(body.len().max(body_bytes), b'x');
    let mut answer = format!("HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
    answer.append(&mut body);
    answer
}

async fn one(stream: TcpStream, answer: Rc<[u8]>) -> Result<(), Errno> {
    if !stream.read(CHUNK_BYTES, None).await?.is_empty() {
        stream.write_all(&answer, None).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_the_name_and_filling() {
        assert_eq!(answer("rs1", 0), b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nrs1\n");
        assert_eq!(answer("rs1", 6), b"HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nrs1\nxx");
    }
}
