//! udpecho PORT: answers each datagram with the node's name, from the address that it was sent to.

use super::args::Args;
use crate::host::net::UdpSocket;
use crate::host::process::Task;
use crate::host::{Bind, Errno, Process};

/// Runs it.
pub fn udpecho(process: Process, words: Vec<String>) -> Task {
    Box::pin(async move {
        let port = match Args::new(&words, "udpecho PORT").port(0) {
            Ok(port) => port,
            Err(why) => {
                process.complain(&why);
                return 1;
            }
        };
        match echo(&process, port).await {
            Ok(()) => 0,
            Err(error) => {
                process.complain(&format!("OSError: {error}\n"));
                1
            }
        }
    })
}

async fn echo(process: &Process, port: u16) -> Result<(), Errno> {
    let socket = UdpSocket::bind(&process.sys, Bind { port, ..Bind::ANY })?;
    let answer = process.sys.with(|kernel| format!("{}\n", kernel.name));
    loop {
        let datagram = socket.receive(None).await?;
        socket.send_to(answer.as_bytes(), datagram.from, Some(datagram.to))?;
    }
}
