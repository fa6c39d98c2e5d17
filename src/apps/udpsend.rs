//! udpsend VIP PORT \[COUNT\] \[GAP_S\] \[SPORT\]: sends datagrams one after another, and prints the answers.

use std::net::SocketAddrV4;

use super::args::Args;
use super::resolve::resolve;
use crate::host::net::UdpSocket;
use crate::host::process::Task;
use crate::host::{Bind, Errno, Process};
use crate::time::Span;

/// How long it waits for an answer.
const PATIENCE: Span = Span::from_secs(1);

/// Runs it.
pub fn udpsend(process: Process, words: Vec<String>) -> Task {
    Box::pin(async move {
        match send(&process, &words).await {
            Ok(()) => 0,
            Err(why) => {
                process.complain(&why);
                1
            }
        }
    })
}

async fn send(process: &Process, words: &[String]) -> Result<(), String> {
    let args = Args::new(words, "udpsend VIP PORT [COUNT] [GAP_S] [SPORT]");
    let (name, port) = (args.word(0)?, args.port(1)?);
    let (count, gap) = (args.count(2, 1)?, Span::from_secs_f64(args.number(3, 0.1)?));
    let address = process.sys.with(|kernel| resolve(kernel, name));
    let address = address.ok_or_else(|| format!("{name}: Name or service not known\n"))?;
    let local = Bind { port: args.count(4, 41_001)? as u16, ..Bind::ANY };
    let broken = |error: Errno| format!("OSError: {error}\n");
    let socket = UdpSocket::bind(&process.sys, local).map_err(broken)?;
    socket.connect(SocketAddrV4::new(address, port)).map_err(broken)?;
    for _ in 0..count {
        let text = match ask(process, &socket).await {
            Ok(answer) => String::from_utf8_lossy(&answer).trim().to_owned(),
            Err(Errno::WouldBlock | Errno::TimedOut) => "timeout".to_owned(),
            Err(error) => error.to_string(),
        };
        process.print(&format!("{text}\n"));
        process.sys.sleep(gap).await;
    }
    Ok(())
}

async fn ask(process: &Process, socket: &UdpSocket) -> Result<Vec<u8>, Errno> {
    socket.send(b"hello")?;
    let answer = socket.receive(Some(process.sys.now() + PATIENCE)).await?;
    Ok(answer.bytes)
}
