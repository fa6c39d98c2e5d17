//! ab, the load generator of Apache's httpd, as far as HTTP without encryption goes; words and figures are those of 2.3.

mod connection;
mod options;
mod report;
mod run;
mod usage;

use std::rc::Rc;

use crate::host::Process;
use crate::host::process::Task;
use options::{Options, Parsed};
use run::Run;

const COPYRIGHT: &str = "\
This is ApacheBench, Version 2.3 <$Revision$>
Copyright 1996 Adam Twiss, Zeus Technology Ltd, http://www.zeustech.net/
Licensed to The Apache Software Foundation, http://www.apache.org/

";

/// What ends the program early: what it says, and its exit status.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Failure {
    text: String,
    status: i32,
}

/// Runs it.
pub(super) fn ab(process: Process, args: Vec<String>) -> Task {
    Box::pin(async move {
        let read = |path: &str| process.sys.with(|kernel| kernel.read_path(path));
        let (complaints, parsed) = Options::parse(&args, &process.cwd, read);
        process.complain(&complaints);
        let options = match parsed {
            Ok(Parsed::Run(options)) => options,
            Ok(Parsed::Version) => {
                process.print(COPYRIGHT);
                return 0;
            }
            Err(Failure { text, status }) => {
                process.complain(&text);
                return status;
            }
        };
        process.print(COPYRIGHT);
        let progress = if options.heartbeat.is_some() { "\n" } else { "..." };
        process.print(&format!("Benchmarking {} (be patient){progress}", options.url.host));
        match Run::new(&process, *options) {
            Ok(run) => Rc::new(run).finish().await,
            Err(Failure { text, status }) => {
                process.complain(&text);
                status
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use crate::shell::testing::Console;

    #[test]
    fn every_request_is_reported() {
        let mut console = Console::with_cable();
        console.type_line("httpd 80 &");
        insta::assert_snapshot!(console.type_line("ab -n 20 -c 3 http://10.0.0.1/"));
        insta::assert_snapshot!(console.type_line("ab -n 200 -c 2 -k -d -S http://10.0.0.1/x"));
    }

    #[test]
    fn failures_are_those_of_the_tool() {
        let mut console = Console::with_cable();
        for (line, expected) in [
            ("ab -n 3 http://10.0.0.1/", "apr_socket_recv: Connection refused (111)\n"),
            ("ab -n 3 -s 1 http://10.0.0.9/", "apr_pollset_poll: The timeout specified has expired (70007)\n"),
            ("ab http://nosuch/", "apr_sockaddr_info_get() for nosuch: Name or service not known (670002)\n"),
            (
                "ab http://9.9.9.9/",
                "\nTest aborted after 10 failures\n\napr_socket_connect(): Network is unreachable (101)\n",
            ),
            ("ab https://10.0.0.1/", "SSL not compiled in; no https support\n"),
            ("ab -n 0 http://10.0.0.1/", "Invalid number of requests\n\n"),
            (
                "ab -p nosuch http://10.0.0.1/",
                "ab: Could not open POST data file (nosuch): No such file or directory\n",
            ),
        ] {
            let printed = console.type_line(line);
            assert!(printed.contains(expected), "{line}: {printed}");
        }
        for (line, expected) in [
            ("ab http://10.0.0.1", "ab: invalid URL\nUsage: ab"),
            ("ab", "ab: wrong number of arguments\nUsage: ab"),
            ("ab -n", "ab: option requires an argument -- n\nab: wrong number of arguments\nUsage: ab"),
            ("ab -c 2 http://10.0.0.1/", "ab: Cannot use concurrency level greater than total number of requests\n"),
            ("ab -n 9 -c -1 http://10.0.0.1/", "ab: Invalid Concurrency [Range 0..20000]\n"),
        ] {
            let printed = console.type_line(line);
            assert!(printed.starts_with(expected), "{line}: {printed}");
        }
    }
}
