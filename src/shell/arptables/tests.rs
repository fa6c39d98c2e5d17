use super::*;

/// What arptables 1.8.9 (nf_tables) printed on a Linux box.
const TRANSCRIPT: &str = include_str!("transcript.txt");

#[test]
fn it_says_what_the_tool_says() {
    let mut kernel = Kernel::default();
    let mut shown = String::new();
    for line in TRANSCRIPT.lines().filter_map(|line| line.strip_prefix("$ ")) {
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let mut io = Io::default();
        let status = match arptables(&mut kernel, &args, &mut io) {
            0 => String::new(),
            status => format!("[{status}]\n"),
        };
        shown += &format!("$ {line}\n{}{}{status}", io.out, io.err);
    }
    assert_eq!(shown, TRANSCRIPT);
}
