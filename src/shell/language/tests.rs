//! Conversations with a shell, and what no input may do to it.

use proptest::prelude::*;

use crate::ids::Terminal;
use crate::shell::testing::Console;

fn converse(lines: &[&str]) -> String {
    Console::new().converse(lines)
}

#[test]
fn variables_and_quotes() {
    insta::assert_snapshot!(converse(&[
        "a=1; b=\"$a 2  3\"; echo $b \"$b\" '$b' \\$b",
        "echo $a${nothing}x ${b#* } ${b%% *} ${#b} ${b/2/two} ${nothing:-none} ${a:+some}",
        "set -- x 'y z'; echo $# $1 \"$2\"; for i in \"$@\"; do echo \"<$i>\"; done; shift; echo $*",
        "list=(one 'two three' four); echo ${#list[@]} ${list[1]} ${list[-1]}; list[5]=six; echo ${!list[@]}",
        "echo {1..4} a{b,c}d ~ $((3 * (2 + 1) - 2 ** 3)) $((a += 4)) $a",
        "x=${missing:?not given}; echo never",
        "readonly r=1; r=2; echo $? $r",
        "echo $'tab\\there' \"a\\\"b\" a\\ b",
        "export WHO=me; bash -c 'echo $WHO $0 $1' name arg; WHO=you bash -c 'echo $WHO'; echo $WHO",
        "IFS=: read one two rest <<< 'a:b:c:d'; echo $one,$two,$rest",
    ]), @r#"
    $ a=1; b="$a 2  3"; echo $b "$b" '$b' \$b
    1 2 3 1 2  3 $b $b
    $ echo $a${nothing}x ${b#* } ${b%% *} ${#b} ${b/2/two} ${nothing:-none} ${a:+some}
    1x 2 3 1 6 1 two 3 none some
    $ set -- x 'y z'; echo $# $1 "$2"; for i in "$@"; do echo "<$i>"; done; shift; echo $*
    2 x y z
    <x>
    <y z>
    y z
    $ list=(one 'two three' four); echo ${#list[@]} ${list[1]} ${list[-1]}; list[5]=six; echo ${!list[@]}
    3 two three four
    0 1 2 5
    $ echo {1..4} a{b,c}d ~ $((3 * (2 + 1) - 2 ** 3)) $((a += 4)) $a
    1 2 3 4 abd acd /root 1 5 5
    $ x=${missing:?not given}; echo never
    bash: line 1: missing: not given
    [127]
    $ readonly r=1; r=2; echo $? $r
    1 1
    bash: line 1: r: readonly variable
    $ echo $'tab\there' "a\"b" a\ b
    tab	here a"b a b
    $ export WHO=me; bash -c 'echo $WHO $0 $1' name arg; WHO=you bash -c 'echo $WHO'; echo $WHO
    me name arg
    you
    me
    $ IFS=: read one two rest <<< 'a:b:c:d'; echo $one,$two,$rest
    a,b,c:d
    "#);
}

#[test]
fn lists_and_loops() {
    insta::assert_snapshot!(converse(&[
        "true && echo yes || echo no; false && echo yes || echo no; ! true; echo $?",
        "if [ 1 -gt 2 ]; then echo a; elif [[ abc == a* ]]; then echo b; else echo c; fi",
        "i=0; while [ $i -lt 5 ]; do i=$((i+1)); [ $i = 2 ] && continue; [ $i = 4 ] && break; echo $i; done",
        "for ((i = 0; i < 3; i++)); do echo -n $i; done; echo; until [ $i -eq 0 ]; do i=$((i-1)); done; echo $i",
        "case start in stop|halt) echo 1;; st*) echo 2;; *) echo 3;; esac",
        "f() { local x=in; echo $1 $x; return 3; }; x=out; f arg; echo $? $x",
        "(cd /etc; x=sub; pwd); pwd; echo $x; { echo a; echo b; } | wc -l",
        "echo $(echo inner; echo lines) `echo back`; y=$(false); echo $?",
        "set -e; false; echo never",
        "nothing_here() { false; }; set +e; nothing_here || echo failed",
        "sleep 1 & wait $!; echo $?; kill -0 $!",
    ]), @"
    $ true && echo yes || echo no; false && echo yes || echo no; ! true; echo $?
    yes
    no
    1
    $ if [ 1 -gt 2 ]; then echo a; elif [[ abc == a* ]]; then echo b; else echo c; fi
    b
    $ i=0; while [ $i -lt 5 ]; do i=$((i+1)); [ $i = 2 ] && continue; [ $i = 4 ] && break; echo $i; done
    1
    3
    $ for ((i = 0; i < 3; i++)); do echo -n $i; done; echo; until [ $i -eq 0 ]; do i=$((i-1)); done; echo $i
    012
    0
    $ case start in stop|halt) echo 1;; st*) echo 2;; *) echo 3;; esac
    2
    $ f() { local x=in; echo $1 $x; return 3; }; x=out; f arg; echo $? $x
    arg in
    3 out
    $ (cd /etc; x=sub; pwd); pwd; echo $x; { echo a; echo b; } | wc -l
    /etc
    /root
    out
    2
    $ echo $(echo inner; echo lines) `echo back`; y=$(false); echo $?
    inner lines back
    1
    $ set -e; false; echo never
    [1]
    $ nothing_here() { false; }; set +e; nothing_here || echo failed
    failed
    $ sleep 1 & wait $!; echo $?; kill -0 $!
    0
    bash: line 1: kill: (14) - No such process
    [1]
    ");
}

#[test]
fn files_and_redirections() {
    insta::assert_snapshot!(converse(&[
        "echo one > f; echo two >> f; cat f; cat < f | grep two; wc -l < f",
        "cat nofile 2>/dev/null; echo $?; cat nofile 2>&1 | grep -c such; { echo out; echo err >&2; } &> both; cat both",
        "cat <<END\nhome $HOME\n  $((1+1))\nEND",
        "cat <<'END'\n$HOME\nEND",
        "echo x > /no/such/dir/file; echo y > /etc; cat < missing",
        "while read -r a b; do echo \"$b $a\"; done < <(echo)",
        "printf '%s %d\\n' a 1 b 2 > t; while read -r a b; do echo \"$b $a\"; done < t",
        "mkdir -p d/e; touch d/x1 d/x2; echo d/x* d/*; ls d; rm -r d; ls d",
    ]), @r#"
    $ echo one > f; echo two >> f; cat f; cat < f | grep two; wc -l < f
    one
    two
    two
    2
    $ cat nofile 2>/dev/null; echo $?; cat nofile 2>&1 | grep -c such; { echo out; echo err >&2; } &> both; cat both
    1
    1
    out
    err
    $ cat <<END
    home $HOME
      $((1+1))
    END
    home /root
      2
    $ cat <<'END'
    $HOME
    END
    $HOME
    $ echo x > /no/such/dir/file; echo y > /etc; cat < missing
    bash: line 1: /no/such/dir/file: No such file or directory
    bash: line 1: /etc: Is a directory
    bash: line 1: missing: No such file or directory
    [1]
    $ while read -r a b; do echo "$b $a"; done < <(echo)
    bash: line 1: process substitution: not supported here
    [1]
    $ printf '%s %d\n' a 1 b 2 > t; while read -r a b; do echo "$b $a"; done < t
    1 a
    2 b
    $ mkdir -p d/e; touch d/x1 d/x2; echo d/x* d/*; ls d; rm -r d; ls d
    d/x1 d/x2 d/e d/x1 d/x2
    e
    x1
    x2
    ls: cannot access 'd': No such file or directory
    [2]
    "#);
}

#[test]
fn errors_as_bash_has_them() {
    insta::assert_snapshot!(converse(&[
        "ipvsadmm -ln",
        "echo )",
        "if true",
        "echo 'open",
        "./nofile; /etc; /etc/services; /usr/sbin/nothing",
        "[ 1 -eq a ]; [ 1 2 ]; [ a",
        "cd /nowhere; return 3; break; local x; shift 3; exit abc",
        "echo $((1/0)); echo $((1 +)); echo ${a!}",
        "f() { f; }; f",
        "while true; do :; done",
        "x=a; while :; do x=$x$x; done",
        "echo a >&7",
    ]), @r#"
    $ ipvsadmm -ln
    bash: line 1: ipvsadmm: command not found
    [127]
    $ echo )
    bash: line 1: syntax error near unexpected token `)'
    bash: line 1: `echo )'
    [2]
    $ if true
    bash: line 1: syntax error: unexpected end of file
    [2]
    $ echo 'open
    bash: line 1: unexpected EOF while looking for matching `''
    [2]
    $ ./nofile; /etc; /etc/services; /usr/sbin/nothing
    bash: line 1: ./nofile: No such file or directory
    bash: line 1: /etc: Is a directory
    bash: line 1: /etc/services: Permission denied
    bash: line 1: /usr/sbin/nothing: No such file or directory
    [127]
    $ [ 1 -eq a ]; [ 1 2 ]; [ a
    bash: line 1: [: a: integer expression expected
    bash: line 1: [: 1: unary operator expected
    bash: line 1: [: missing `]'
    [2]
    $ cd /nowhere; return 3; break; local x; shift 3; exit abc
    bash: line 1: cd: /nowhere: No such file or directory
    bash: line 1: return: can only `return' from a function or sourced script
    bash: line 1: break: only meaningful in a `for', `while', or `until' loop
    bash: line 1: local: can only be used in a function
    bash: line 1: exit: abc: numeric argument required
    [2]
    $ echo $((1/0)); echo $((1 +)); echo ${a!}
    bash: line 1: 1/0: division by 0 (error token is "0")
    bash: line 1: 1 +: syntax error: invalid arithmetic expression
    bash: line 1: ${a!}: bad substitution
    [1]
    $ f() { f; }; f
    bash: line 1: maximum nesting level exceeded (100)
    [1]
    $ while true; do :; done
    bash: line 1: stopped after 100000 commands without any time passing: a loop that never ends?
    [137]
    $ x=a; while :; do x=$x$x; done
    bash: line 1: word too long
    [1]
    $ echo a >&7
    bash: line 1: 7: Bad file descriptor
    [1]
    "#);
}

#[test]
fn unknown_commands_name_the_known_ones() {
    let mut console = Console::new();
    console.type_line("slep 1");
    let notes = console.notes();
    let note = notes.iter().find(|note| note.contains("no command slep")).expect("a note");
    assert!(note.starts_with("a node has no command slep; it has sleep, "), "{note}");
}

#[test]
fn scripts_are_files() {
    let mut console = Console::new();
    console.host.with_kernel(|kernel| {
        let script = b"#!/bin/bash\n. /etc/rc.d/init.d/functions\ncase \"$1\" in\nstart)\n  echo \"start $0\"\n  ;;\n*)\n  echo \"Usage: $0 {start|stop}\"\n  exit 1\nesac\nnosuch\n";
        kernel.files().install("/etc/init.d/lvs", script);
        kernel.files().install("plain", b"echo $1\n");
    });
    insta::assert_snapshot!(console.converse(&[
        "/etc/init.d/lvs start; /etc/init.d/lvs; echo $?",
        "./plain; chmod +x plain; ./plain a; bash plain b; sh -c 'echo $1' x c; . ./plain d",
    ]), @"
    $ /etc/init.d/lvs start; /etc/init.d/lvs; echo $?
    start /etc/init.d/lvs
    Usage: /etc/init.d/lvs {start|stop}
    1
    /etc/init.d/lvs: line 11: nosuch: command not found
    $ ./plain; chmod +x plain; ./plain a; bash plain b; sh -c 'echo $1' x c; . ./plain d
    a
    b
    c
    d
    bash: line 1: ./plain: Permission denied
    ");
}

/// What the start-stop scripts and the home-made health check of the LVS notes are made of.
#[test]
fn scripts_of_clusters() {
    let mut console = Console::new();
    console.host.with_kernel(|kernel| {
        kernel.files().install("/sbin/ipvsadm", b"#!/bin/sh\necho ipvsadm \"$@\" >> /tmp/log\ncat /tmp/table\n");
        kernel.files().install("/tmp/table", b"  -> 10.0.0.1:80 Route\n");
        kernel.files().install("check.sh", CHECK.as_bytes());
        kernel.files().set_executable("/root/check.sh", true);
    });
    insta::assert_snapshot!(console.converse(&["./check.sh 10.0.0.1 10.0.0.2", "cat /var/log/monitor.log; wc -l < /tmp/log"]), @"
    $ ./check.sh 10.0.0.1 10.0.0.2
    2: 1 0
    running
    ./check.sh: Stopped.
    a check [FAILED]
    [1]
    $ cat /var/log/monitor.log; wc -l < /tmp/log
    2026-01-01 00:00:00, 10.0.0.2 (weight 1) is gone.
    4
    ");
}

const CHECK: &str = r#"#!/bin/bash
. /etc/rc.d/init.d/functions
VIP=10.0.0.9
RS=("$@")
RW=("2" "1")
declare -a STATUS
LOG=/var/log/monitor.log
listed() {
  /sbin/ipvsadm -ln | grep $1 &> /dev/null && return 0 || return 1
}
initstatus() {
  local I
  local COUNT=0;
  for I in ${RS[*]}; do
    if ipvsadm -L -n | grep "$I:80" &> /dev/null ; then STATUS[$COUNT]=1
    else STATUS[$COUNT]=0
    fi
  let COUNT++
  done
}
initstatus
echo "${#STATUS[@]}: ${STATUS[*]}"
SUM=0
for n in ${STATUS[*]} ; do
  let SUM=$SUM+$n
done
if [[ $SUM -eq 1 ]] && `listed 10.0.0.2;[ $? -eq 1 ]` ;then
  [ $? -eq 0 ] && echo "`date +'%F %H:%M:%S'`, ${RS[1]} (weight ${RW[1]}) is gone." >> $LOG
fi
/bin/touch /var/lock/subsys/lvs.lock &> /dev/null
if [ ! -e /var/lock/subsys/lvs.lock ]; then echo stopped; else echo running; fi
isthere=`/sbin/ipvsadm -ln | grep $VIP`
if [ ! "$isthere" -o ! "isthere" ];then
    # Neither of them
    echo "$0: Stopped."
fi
/bin/rm -rf /var/lock/subsys/lvs.lock >& /dev/null
action "a check" test -e /var/lock/subsys/lvs.lock
"#;

#[test]
fn time_passes_in_a_foreground_job() {
    let mut console = Console::new();
    assert_eq!(console.type_line("sleep 2; sleep 0.5 & sleep 1; echo done"), "done\n");
    assert_eq!(console.seconds(), 3.0);
    assert_eq!(
        console.type_line("timeout 2 sleep 60; echo $?; time sleep 1.5"),
        "124\n\nreal\t0m1.500s\nuser\t0m0.000s\nsys\t0m0.000s\n"
    );
    assert_eq!(console.seconds(), 6.5);
}

#[test]
fn background_jobs_do_not_hold_up_the_console() {
    let mut console = Console::new();
    assert_eq!(console.type_line("sleep 100 &"), "[running]\n");
    assert_eq!(console.type_line("pkill sleep; echo $?"), "0\n");
    assert_eq!(console.host.jobs(Terminal::FIRST)[0].status, Some(143));
    assert_eq!(console.seconds(), 0.0);
}

#[test]
fn settings_are_files() {
    insta::assert_snapshot!(converse(&[
        "echo 1 > /proc/sys/net/ipv4/ip_forward; cat /proc/sys/net/ipv4/ip_forward; ls /proc/sys/net /proc/sys/net/ipv4/conf",
        "for i in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 2 > $i; echo $i $(cat $i); done",
        "echo x > /proc/sys/net/ipv4/ip_forward; echo $?; echo 1 > /proc/sys/net/ipv4/nothing; cat /proc/sys/net/nothing",
        "[ -f /proc/sys/net/ipv4/ip_forward ] && echo file; [ -d /proc/sys/net ] && echo directory; echo 1 > /proc/sys/net",
        "systemctl start keepalived; service nothing stop; systemctl status x; systemctl frob x; crash",
    ]), @r#"
    $ echo 1 > /proc/sys/net/ipv4/ip_forward; cat /proc/sys/net/ipv4/ip_forward; ls /proc/sys/net /proc/sys/net/ipv4/conf
    1
    /proc/sys/net:
    core
    ipv4
    netfilter

    /proc/sys/net/ipv4/conf:
    all
    default
    lo
    tunl0
    $ for i in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 2 > $i; echo $i $(cat $i); done
    /proc/sys/net/ipv4/conf/all/rp_filter 2
    /proc/sys/net/ipv4/conf/default/rp_filter 2
    /proc/sys/net/ipv4/conf/lo/rp_filter 2
    /proc/sys/net/ipv4/conf/tunl0/rp_filter 2
    $ echo x > /proc/sys/net/ipv4/ip_forward; echo $?; echo 1 > /proc/sys/net/ipv4/nothing; cat /proc/sys/net/nothing
    1
    bash: line 1: echo: write error: Invalid argument
    bash: line 1: /proc/sys/net/ipv4/nothing: No such file or directory
    cat: /proc/sys/net/nothing: No such file or directory
    [1]
    $ [ -f /proc/sys/net/ipv4/ip_forward ] && echo file; [ -d /proc/sys/net ] && echo directory; echo 1 > /proc/sys/net
    file
    directory
    bash: line 1: /proc/sys/net: Is a directory
    [1]
    $ systemctl start keepalived; service nothing stop; systemctl status x; systemctl frob x; crash
    Job for keepalived.service failed because the control process exited with error code.
    See "systemctl status keepalived.service" and "journalctl -xeu keepalived.service" for details.
    Failed to stop nothing.service: Unit nothing.service not loaded.
    Unit x.service could not be found.
    Unknown command verb frob.
    "#);
}

/// Things that are fine by themselves, put together until they would not fit onto the stack.
#[test]
fn deep_things_end() {
    let mut console = Console::new();
    for script in [
        "x=-; x=$x$x$x$x$x$x$x$x$x$x; x=$x$x$x$x$x$x$x$x$x$x; x=$x$x$x$x$x$x$x; echo $((${x}1))",
        "x='('; y=')'; for i in {1..8}; do x=$x$x; y=$y$y; done; echo $(($x 1 $y))",
        "a0=1; for i in {1..30}; do eval a$i='\"1+(2*(a'$((i-1))'))\"'; done; echo $((a30))",
        "f() { if true; then { case $1 in *) eval 'echo $(f $1)';; esac; }; fi; }; f 1",
        "f() { [ $1 -gt 0 ] && f $(($1 - 1)); }; f 90; f 1000",
        "echo 'bash x.sh' > x.sh; bash x.sh",
        "x=x; y='${z:-'; for i in {1..10}; do y=$y$y; done; eval echo $y",
        "a() { a | a; }; a",
        "while :; do sleep 0 & done",
    ] {
        console.type_line(script);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Pieces of scripts in any order.
    #[test]
    fn any_line_is_survived(words in proptest::collection::vec(prop_oneof![
        "[ -~]{0,6}",
        proptest::sample::select(vec![
            "if", "then", "fi", "while", "do", "done", "case", "in", "esac", ";;", "for", "(", ")", "{", "}", "$(", "`",
            "'", "\"", "|", "&", ";", "\n", "&&", "||", ">", "<", "<<E", "E\n", "$((", "))", "${", "x[", "]", "[[", "=~",
            "echo", "read x", "x=1", "$x", "${x:-", "~9", "{1..3}", "*", "/etc/*", "sleep 1", "true", "f()", "eval", ":", "!",
            "break", "exit", "cat", "999999999999999999999", "set --", "\\", "seq 3", "wait", "sh -c", "-", "=",
        ]).prop_map(str::to_owned),
    ], 0..14)) {
        let mut console = Console::new();
        console.type_line(&words.join(" "));
        console.type_line(&words.concat());
    }
}
