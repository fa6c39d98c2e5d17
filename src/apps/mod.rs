//! What runs on hosts: the lab's own servers and clients.
//!
//! They speak, wait and print as the reference implementation does that the recorded kernel cases were made with.

mod args;
mod client;
mod ftpd;
mod httpd;
mod load;
mod resolve;
mod server;
mod sink;
#[cfg(test)]
mod tests;
mod tls;
mod udpecho;
mod udpsend;

pub use client::{get, hold, put};
pub use ftpd::ftpd;
pub use httpd::httpd;
pub use load::{Clients, load};
pub use resolve::{resolve, reverse};
pub use sink::sink;
pub use tls::{Tls, httpsd};
pub use udpecho::udpecho;
pub use udpsend::udpsend;
