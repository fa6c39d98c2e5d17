//! What `ipvsadm -h` and `-v` print.

/// The line that both begin with.
pub(super) const VERSION: &str = "ipvsadm v1.31 2019/12/24 (compiled with popt and IPVS v1.2.1)\n";

/// The ways of calling it that the lab knows, under the name by which it was called.
pub(super) fn text(program: &str) -> String {
    let lines = [
        "-A|E -t|u|f SERVICE [-s SCHEDULER] [-p [SECONDS]] [-M NETMASK] [-o] [--pe ENGINE] [-b FLAGS]",
        "-D -t|u|f SERVICE",
        "-C",
        "-R",
        "-S [-n]",
        "-a|e -t|u|f SERVICE -r SERVER [-g|i|m] [-w WEIGHT] [-x UPPER] [-y LOWER]",
        "-d -t|u|f SERVICE -r SERVER",
        "-L|l [-t|u|f SERVICE] [-n] [-c] [--stats] [--rate] [--thresholds] [--persistent-conn] [--timeout] [--exact]",
        "-Z [-t|u|f SERVICE]",
        "--set TCP TCPFIN UDP",
        "-h",
    ];
    let calls: String = lines.iter().map(|line| format!("  {program} {line}\n")).collect();
    format!("Usage:\n{calls}")
}
