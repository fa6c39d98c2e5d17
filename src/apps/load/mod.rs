//! load: requests at a rate of their own, however slowly they are answered (an open loop), from one address or many.
//!
//! All connections are held in one table by one program, which the kernel tells about those at which something has
//! happened, as epoll(7) would: a connection that is merely held open costs a few dozen bytes here.

mod clients;
mod flight;
mod options;
mod report;
mod run;

pub use clients::Clients;

use crate::host::Process;
use crate::host::process::Task;
use options::Options;
use run::Run;

/// Runs it.
pub fn load(process: Process, words: Vec<String>) -> Task {
    Box::pin(async move {
        let options = match process.sys.with(|kernel| Options::parse(kernel, words.get(1..).unwrap_or_default())) {
            Ok(options) => options,
            Err(why) => {
                process.complain(&why);
                return 2;
            }
        };
        let mut run = Run::new(&process.sys, options);
        run.finish().await;
        process.print(&run.report());
        0
    })
}
