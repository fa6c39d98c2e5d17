use super::{run, script};

fn sed(script: &str, text: &str) -> String {
    let script = script::parse(script, true).unwrap();
    run::run(&script, text, false).0
}

fn quietly(script: &str, text: &str) -> String {
    let script = script::parse(script, true).unwrap();
    run::run(&script, text, true).0
}

fn error(script: &str) -> String {
    script::parse(script, false).unwrap_err().to_string()
}

/// As GNU sed 4.9 says it.
#[test]
fn errors_name_the_place() {
    for (script, place, what) in [
        ("s/a", 3, "unterminated `s' command"),
        ("s/a/b", 5, "unterminated `s' command"),
        ("s/a/b/k", 7, "unknown option to `s'"),
        ("k", 1, "unknown command: `k'"),
        ("1,", 2, "unexpected `,'"),
        ("dd", 2, "extra characters after command"),
        ("d x", 3, "extra characters after command"),
        ("}", 1, "unexpected `}'"),
        ("{d", 0, "unmatched `{'"),
        ("/a", 2, "unterminated address regex"),
        ("y/a/", 4, "unterminated `y' command"),
        ("y/ab/c/", 7, "strings for `y' command are different lengths"),
        ("s/a/\\1/", 7, "invalid reference \\1 on `s' command's RHS"),
        ("s/a/b/0", 7, "number option to `s' command may not be zero"),
        ("s/a/b/gg", 8, "multiple `g' options to `s' command"),
        ("1!", 2, "missing command"),
        ("1#x", 2, "comments don't accept any addresses"),
        ("a", 1, "expected \\ after `a', `c' or `i'"),
        ("5!!p", 3, "multiple `!'s"),
        ("1,2q", 4, "command only uses one address"),
        ("+1p", 2, "invalid usage of +N or ~N as first address"),
        ("0p", 2, "invalid usage of line address 0"),
        (
            "/state/s^MASTER^BACKUP^g;/priority/s^100^80^g;/notify_backup/s@^@#@g;/include/s^@^#@g;",
            86,
            "unterminated `s' command",
        ),
    ] {
        assert_eq!(error(script), format!("-e expression #1, char {place}: {what}"), "{script}");
    }
    assert_eq!(error("b x"), "can't find label for jump to `x'");
}

#[test]
fn substitutes() {
    for (script, text, result) in [
        ("s/a/b/", "aaa\n", "baa\n"),
        ("s/a/b/g", "aaa\n", "bbb\n"),
        ("s/a/b/2", "aaa\n", "aba\n"),
        ("s/a/b/2g", "aaa\n", "abb\n"),
        ("s/(a+)(b)/[\\2&\\1]/", "xaab\n", "x[baabaa]\n"),
        ("s^MASTER^BACKUP^g", "state MASTER\n", "state BACKUP\n"),
        ("s@^@#@g", "notify\n", "#notify\n"),
        ("s/A/x/I", "a\n", "x\n"),
        ("s,/,\\,,", "a/b\n", "a,b\n"),
        ("/b/s//c/", "ab\n", "ac\n"),
        ("s/[/]/x/", "a/b\n", "axb\n"),
        ("y/abc/xyz/", "cab\n", "zxy\n"),
        ("s/a/x\\ny/", "a", "x\ny"),
    ] {
        assert_eq!(sed(script, text), result, "{script}");
    }
}

#[test]
fn addresses() {
    let text = "1\n2\n3\n4\n5\n6\n";
    for (script, result) in [
        ("2p", "2\n"),
        ("$p", "6\n"),
        ("2,3p", "2\n3\n"),
        ("4,2p", "4\n"),
        ("/2/,/4/p", "2\n3\n4\n"),
        ("/2/,+1p", "2\n3\n"),
        ("3,~4p", "3\n4\n"),
        ("0~3p", "3\n6\n"),
        ("2,$!p", "1\n"),
        ("0,/1/p", "1\n"),
        ("1,/1/p", "1\n2\n3\n4\n5\n6\n"),
        ("2,4{/3/!p}", "2\n4\n"),
        ("$=", "6\n"),
    ] {
        assert_eq!(quietly(script, text), result, "{script}");
    }
}

#[test]
fn lines_come_and_go() {
    for (script, text, result) in [
        ("2d", "a\nb\nc\n", "a\nc\n"),
        ("1a new\\\nlines", "a\nb\n", "a\nnew\nlines\nb\n"),
        ("1i\\\n  new", "a\n", "  new\na\n"),
        ("1,2c x", "a\nb\nc\n", "x\nc\n"),
        ("N;s/\\n/ /", "a\nb\nc\n", "a b\nc\n"),
        (":x;s/^(x*)a/\\1x/;tx", "aaab\n", "xxxb\n"),
        ("1!G;h;$!d", "a\nb\nc\n", "c\nb\na\n"),
        ("2q", "a\nb\nc\n", "a\nb\n"),
        ("n;d", "a\nb\nc\n", "a\nc\n"),
        ("$!N;P;D", "a\nb\nc\n", "a\nb\nc\n"),
        ("/^$/d # empty ones", "a\n\nb", "a\nb"),
        ("", "a", "a"),
    ] {
        assert_eq!(sed(script, text), result, "{script}");
    }
}
