//! Every text here was printed by iptables 1.8.9 (nf_tables) on a Linux box.

use super::*;
use crate::host::Stdin;

/// What a console shows: each line with `$`, what it printed, and its exit status unless that is 0.
fn console(lines: &str) -> String {
    let mut kernel = Kernel::default();
    let mut shown = String::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let mut io = Io::default();
        let run = if args[0] == "iptables" { iptables } else { save };
        let status = run(&mut kernel, &args, &mut io);
        let status = if status == 0 { String::new() } else { format!("[{status}]\n") };
        shown += &format!("$ {line}\n{}{}{status}", io.out, io.err);
    }
    shown
}

#[test]
fn rules_are_written_as_the_tool_writes_them() {
    let script = "
        iptables -N web
        iptables -A INPUT -p 112 -j DROP
        iptables -A INPUT -p tcp --dport 80 -j REJECT
        iptables -A INPUT -p tcp --dport 1000:2010 -s 10.0.0.0/24 -d 10.0.0.1 -i eth0 -j REJECT --reject-with tcp-reset
        iptables -A INPUT -p TCP -j web
        iptables -A INPUT -s 10.0.0.3/255.0.255.0 -g web
        iptables -A OUTPUT -p udp ! --sport 53 -o eth+ ! -d 10.1.0.0/16 -j ACCEPT
        iptables -A FORWARD ! -i lo -p icmp --icmp-type echo-request -j LOG
        iptables -A FORWARD -p icmp --icmp-type 3/4 -j LOG --log-prefix fragment: --log-level debug
        iptables -P FORWARD DROP
        iptables -A web -p tcp -m multiport --dports 80,23,100:200 -j RETURN
        iptables -A web -m mac ! --mac-source 02:00:00:00:01:00 -j DROP
        iptables -A web -m pkttype --pkt-type broadcast
        iptables -A web -m state --state NEW,ESTABLISHED -j ACCEPT
        iptables -A web -m conntrack ! --ctstate RELATED,ESTABLISHED -j ACCEPT
        iptables -A web ! -p tcp -f -j DROP
        iptables -A web -m mark ! --mark 0x10/0xf0 -m comment --comment why -j DROP
        iptables -A web -p tcp ! --syn -s 10.0.0.1,10.0.0.2
        iptables -S
        iptables -L
        iptables -nvL web --line-numbers
        iptables-save
    ";
    insta::assert_snapshot!(console(script), @r#"
    $ iptables -N web
    $ iptables -A INPUT -p 112 -j DROP
    $ iptables -A INPUT -p tcp --dport 80 -j REJECT
    $ iptables -A INPUT -p tcp --dport 1000:2010 -s 10.0.0.0/24 -d 10.0.0.1 -i eth0 -j REJECT --reject-with tcp-reset
    $ iptables -A INPUT -p TCP -j web
    $ iptables -A INPUT -s 10.0.0.3/255.0.255.0 -g web
    $ iptables -A OUTPUT -p udp ! --sport 53 -o eth+ ! -d 10.1.0.0/16 -j ACCEPT
    $ iptables -A FORWARD ! -i lo -p icmp --icmp-type echo-request -j LOG
    $ iptables -A FORWARD -p icmp --icmp-type 3/4 -j LOG --log-prefix fragment: --log-level debug
    $ iptables -P FORWARD DROP
    $ iptables -A web -p tcp -m multiport --dports 80,23,100:200 -j RETURN
    $ iptables -A web -m mac ! --mac-source 02:00:00:00:01:00 -j DROP
    $ iptables -A web -m pkttype --pkt-type broadcast
    $ iptables -A web -m state --state NEW,ESTABLISHED -j ACCEPT
    $ iptables -A web -m conntrack ! --ctstate RELATED,ESTABLISHED -j ACCEPT
    $ iptables -A web ! -p tcp -f -j DROP
    $ iptables -A web -m mark ! --mark 0x10/0xf0 -m comment --comment why -j DROP
    $ iptables -A web -p tcp ! --syn -s 10.0.0.1,10.0.0.2
    $ iptables -S
    -P INPUT ACCEPT
    -P FORWARD DROP
    -P OUTPUT ACCEPT
    -N web
    -A INPUT -p vrrp -j DROP
    -A INPUT -p tcp -m tcp --dport 80 -j REJECT --reject-with icmp-port-unreachable
    -A INPUT -s 10.0.0.0/24 -d 10.0.0.1/32 -i eth0 -p tcp -m tcp --dport 1000:2010 -j REJECT --reject-with tcp-reset
    -A INPUT -p tcp -j web
    -A INPUT -s 10.0.0.0/255.0.255.0 -g web
    -A FORWARD ! -i lo -p icmp -m icmp --icmp-type 8 -j LOG
    -A FORWARD -p icmp -m icmp --icmp-type 3/4 -j LOG --log-prefix "fragment:" --log-level 7
    -A OUTPUT ! -d 10.1.0.0/16 -o eth+ -p udp -m udp ! --sport 53 -j ACCEPT
    -A web -p tcp -m multiport --dports 80,23,100:200 -j RETURN
    -A web -m mac ! --mac-source 02:00:00:00:01:00 -j DROP
    -A web -m pkttype --pkt-type broadcast
    -A web -m state --state NEW,ESTABLISHED -j ACCEPT
    -A web -m conntrack ! --ctstate RELATED,ESTABLISHED -j ACCEPT
    -A web ! -p tcp -f -j DROP
    -A web -m mark ! --mark 0x10/0xf0 -m comment --comment why -j DROP
    -A web -s 10.0.0.1/32 -p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN
    -A web -s 10.0.0.2/32 -p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN
    $ iptables -L
    Chain INPUT (policy ACCEPT)
    target     prot opt source               destination         
    DROP       vrrp --  anywhere             anywhere            
    REJECT     tcp  --  anywhere             anywhere             tcp dpt:http reject-with icmp-port-unreachable
    REJECT     tcp  --  10.0.0.0/24          10.0.0.1             tcp dpts:1000:2010 reject-with tcp-reset
    web        tcp  --  anywhere             anywhere            
    web        all  --  10.0.0.0/255.0.255.0  anywhere            [goto] 
    
    Chain FORWARD (policy DROP)
    target     prot opt source               destination         
    LOG        icmp --  anywhere             anywhere             icmp echo-request LOG level warn
    LOG        icmp --  anywhere             anywhere             icmp fragmentation-needed LOG level debug prefix "fragment:"
    
    Chain OUTPUT (policy ACCEPT)
    target     prot opt source               destination         
    ACCEPT     udp  --  anywhere            !10.1.0.0/16          udp spt:!domain
    
    Chain web (2 references)
    target     prot opt source               destination         
    RETURN     tcp  --  anywhere             anywhere             multiport dports http,telnet,100:200
    DROP       all  --  anywhere             anywhere             MAC ! 02:00:00:00:01:00
               all  --  anywhere             anywhere             PKTTYPE = broadcast
    ACCEPT     all  --  anywhere             anywhere             state NEW,ESTABLISHED
    ACCEPT     all  --  anywhere             anywhere             ! ctstate RELATED,ESTABLISHED
    DROP      !tcp  -f  anywhere             anywhere            
    DROP       all  --  anywhere             anywhere             mark match ! 0x10/0xf0 /* why */
               tcp  --  10.0.0.1             anywhere             tcp flags:!FIN,SYN,RST,ACK/SYN
               tcp  --  10.0.0.2             anywhere             tcp flags:!FIN,SYN,RST,ACK/SYN
    $ iptables -nvL web --line-numbers
    Chain web (2 references)
    num   pkts bytes target     prot opt in     out     source               destination         
    1        0     0 RETURN     6    --  *      *       0.0.0.0/0            0.0.0.0/0            multiport dports 80,23,100:200
    2        0     0 DROP       0    --  *      *       0.0.0.0/0            0.0.0.0/0            MAC ! 02:00:00:00:01:00
    3        0     0            0    --  *      *       0.0.0.0/0            0.0.0.0/0            PKTTYPE = broadcast
    4        0     0 ACCEPT     0    --  *      *       0.0.0.0/0            0.0.0.0/0            state NEW,ESTABLISHED
    5        0     0 ACCEPT     0    --  *      *       0.0.0.0/0            0.0.0.0/0            ! ctstate RELATED,ESTABLISHED
    6        0     0 DROP      !6    -f  *      *       0.0.0.0/0            0.0.0.0/0           
    7        0     0 DROP       0    --  *      *       0.0.0.0/0            0.0.0.0/0            mark match ! 0x10/0xf0 /* why */
    8        0     0            6    --  *      *       10.0.0.1             0.0.0.0/0            tcp flags:!0x17/0x02
    9        0     0            6    --  *      *       10.0.0.2             0.0.0.0/0            tcp flags:!0x17/0x02
    $ iptables-save
    # Generated by iptables-save v1.8.9 (nf_tables)
    *filter
    :INPUT ACCEPT [0:0]
    :FORWARD DROP [0:0]
    :OUTPUT ACCEPT [0:0]
    :web - [0:0]
    -A INPUT -p vrrp -j DROP
    -A INPUT -p tcp -m tcp --dport 80 -j REJECT --reject-with icmp-port-unreachable
    -A INPUT -s 10.0.0.0/24 -d 10.0.0.1/32 -i eth0 -p tcp -m tcp --dport 1000:2010 -j REJECT --reject-with tcp-reset
    -A INPUT -p tcp -j web
    -A INPUT -s 10.0.0.0/255.0.255.0 -g web
    -A FORWARD ! -i lo -p icmp -m icmp --icmp-type 8 -j LOG
    -A FORWARD -p icmp -m icmp --icmp-type 3/4 -j LOG --log-prefix "fragment:" --log-level 7
    -A OUTPUT ! -d 10.1.0.0/16 -o eth+ -p udp -m udp ! --sport 53 -j ACCEPT
    -A web -p tcp -m multiport --dports 80,23,100:200 -j RETURN
    -A web -m mac ! --mac-source 02:00:00:00:01:00 -j DROP
    -A web -m pkttype --pkt-type broadcast
    -A web -m state --state NEW,ESTABLISHED -j ACCEPT
    -A web -m conntrack ! --ctstate RELATED,ESTABLISHED -j ACCEPT
    -A web ! -p tcp -f -j DROP
    -A web -m mark ! --mark 0x10/0xf0 -m comment --comment why -j DROP
    -A web -s 10.0.0.1/32 -p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN
    -A web -s 10.0.0.2/32 -p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN
    COMMIT
    # Completed
    "#);
}

#[test]
fn marks() {
    let script = "
        iptables -t mangle -A PREROUTING -d 192.168.1.200 -i eth0 -p tcp -m multiport --dports 80,23 -j MARK --set-mark 8
        iptables -t mangle -A PREROUTING -j MARK --set-xmark 0x1/0xff
        iptables -t mangle -A PREROUTING -j MARK --or-mark 4
        iptables -t mangle -A PREROUTING -j MARK --and-mark 4
        iptables -t mangle -S PREROUTING
        iptables -t mangle -nL PREROUTING
    ";
    insta::assert_snapshot!(console(script), @r#"
    $ iptables -t mangle -A PREROUTING -d 192.168.1.200 -i eth0 -p tcp -m multiport --dports 80,23 -j MARK --set-mark 8
    $ iptables -t mangle -A PREROUTING -j MARK --set-xmark 0x1/0xff
    $ iptables -t mangle -A PREROUTING -j MARK --or-mark 4
    $ iptables -t mangle -A PREROUTING -j MARK --and-mark 4
    $ iptables -t mangle -S PREROUTING
    -P PREROUTING ACCEPT
    -A PREROUTING -d 192.168.1.200/32 -i eth0 -p tcp -m multiport --dports 80,23 -j MARK --set-xmark 0x8/0xffffffff
    -A PREROUTING -j MARK --set-xmark 0x1/0xff
    -A PREROUTING -j MARK --set-xmark 0x4/0x4
    -A PREROUTING -j MARK --set-xmark 0x0/0xfffffffb
    $ iptables -t mangle -nL PREROUTING
    Chain PREROUTING (policy ACCEPT)
    target     prot opt source               destination         
    MARK       6    --  0.0.0.0/0            192.168.1.200        multiport dports 80,23 MARK set 0x8
    MARK       0    --  0.0.0.0/0            0.0.0.0/0            MARK xset 0x1/0xff
    MARK       0    --  0.0.0.0/0            0.0.0.0/0            MARK or 0x4
    MARK       0    --  0.0.0.0/0            0.0.0.0/0            MARK and 0x4
    "#);
}

#[test]
fn rules_are_found_by_number_and_by_what_they_say() {
    let script = "
        iptables -A INPUT -p tcp --dport 80 -j DROP
        iptables -A INPUT -p vrrp -j DROP
        iptables -I INPUT 2 -j ACCEPT
        iptables -I INPUT -s 10.0.0.1
        iptables -C INPUT -p 112 -j DROP
        iptables -R INPUT 3 -i eth0 -j DROP
        iptables -D INPUT 1
        iptables -D INPUT -p tcp --dport 80 -j DROP
        iptables -D INPUT -p tcp --dport 80 -j DROP
        iptables -S INPUT
        iptables -L INPUT 2 -n
        iptables -D INPUT 9
        iptables -I INPUT 9 -j DROP
        iptables -R INPUT 9 -j DROP
        iptables -F
        iptables -S
    ";
    insta::assert_snapshot!(console(script), @r#"
    $ iptables -A INPUT -p tcp --dport 80 -j DROP
    $ iptables -A INPUT -p vrrp -j DROP
    $ iptables -I INPUT 2 -j ACCEPT
    $ iptables -I INPUT -s 10.0.0.1
    $ iptables -C INPUT -p 112 -j DROP
    $ iptables -R INPUT 3 -i eth0 -j DROP
    $ iptables -D INPUT 1
    $ iptables -D INPUT -p tcp --dport 80 -j DROP
    $ iptables -D INPUT -p tcp --dport 80 -j DROP
    iptables: Bad rule (does a matching rule exist in that chain?).
    [1]
    $ iptables -S INPUT
    -P INPUT ACCEPT
    -A INPUT -i eth0 -j DROP
    -A INPUT -p vrrp -j DROP
    $ iptables -L INPUT 2 -n
    DROP       112  --  0.0.0.0/0            0.0.0.0/0           
    $ iptables -D INPUT 9
    iptables: Index of deletion too big.
    [1]
    $ iptables -I INPUT 9 -j DROP
    iptables: Index of insertion too big.
    [1]
    $ iptables -R INPUT 9 -j DROP
    iptables: Index of replacement too big.
    [1]
    $ iptables -F
    $ iptables -S
    -P INPUT ACCEPT
    -P FORWARD ACCEPT
    -P OUTPUT ACCEPT
    "#);
}

#[test]
fn mistakes() {
    let script = "
        iptables
        iptables -A NOPE -j DROP
        iptables -A INPUT -j NOPE
        iptables -A INPUT --dport 80 -j DROP
        iptables -A INPUT -p tcp --dport 99999 -j DROP
        iptables -A INPUT -p tcp --dport 10:5
        iptables -A INPUT -p foo -j DROP
        iptables -A INPUT -s 10.0.0.300 -j DROP
        iptables -A INPUT -s 10.0.0.3/33 -j DROP
        iptables -A INPUT -o eth0 -j DROP
        iptables -A INPUT -m nomatch -j DROP
        iptables -A INPUT -m state
        iptables -A INPUT -m multiport --dports 80
        iptables -A INPUT -j REJECT --reject-with foo
        iptables -A INPUT -j REJECT --reject-with tcp-reset
        iptables -A INPUT -p tcp -p udp
        iptables -A INPUT ! -j DROP
        iptables -A INPUT extra
        iptables -A INPUT -A OUTPUT
        iptables -L INPUT -j DROP
        iptables -D INPUT 0
        iptables -R INPUT
        iptables -P INPUT REJECT
        iptables -t foo -L
        iptables -L NOPE
    ";
    insta::assert_snapshot!(console(script), @r#"
    $ iptables
    iptables v1.8.9 (nf_tables): no command specified
    Try `iptables -h' or 'iptables --help' for more information.
    [2]
    $ iptables -A NOPE -j DROP
    iptables: No chain/target/match by that name.
    [1]
    $ iptables -A INPUT -j NOPE
    iptables v1.8.9 (nf_tables): Chain 'NOPE' does not exist
    Try `iptables -h' or 'iptables --help' for more information.
    [2]
    $ iptables -A INPUT --dport 80 -j DROP
    iptables v1.8.9 (nf_tables): unknown option "--dport"
    Try `iptables -h' or 'iptables --help' for more information.
    [2]
    $ iptables -A INPUT -p tcp --dport 99999 -j DROP
    iptables v1.8.9 (nf_tables): invalid port/service `99999' specified
    Try `iptables -h' or 'iptables --help' for more information.
    [2]
    $ iptables -A INPUT -p tcp --dport 10:5
    iptables v1.8.9 (nf_tables): invalid portrange (min > max)
    Try `iptables -h' or 'iptables --help' for more information.
    [2]
    $ iptables -A INPUT -p foo -j DROP
    iptables v1.8.9 (nf_tables): unknown protocol "foo" specified
    Try `iptables -h' or 'iptables --help' for more information.
    [2]
    $ iptables -A INPUT -s 10.0.0.300 -j DROP
    iptables v1.8.9 (nf_tables): host/network `10.0.0.300' not found
    Try `iptables -h' or 'iptables --help' for more information.
    [2]
    $ iptables -A INPUT -s 10.0.0.3/33 -j DROP
    iptables v1.8.9 (nf_tables): invalid mask `33' specified
    Try `iptables -h' or 'iptables --help' for more information.
    [2]
    $ iptables -A INPUT -o eth0 -j DROP
    iptables v1.8.9 (nf_tables): Can't use -o with INPUT
    
    Try `iptables -h' or 'iptables --help' for more information.
    [2]
    $ iptables -A INPUT -m nomatch -j DROP
    iptables v1.8.9 (nf_tables): Couldn't load match `nomatch':No such file or directory
    
    Try `iptables -h' or 'iptables --help' for more information.
    [2]
    $ iptables -A INPUT -m state
    iptables v1.8.9 (nf_tables): state: option "--state" must be specified
    
    Try `iptables -h' or 'iptables --help' for more information.
    [2]
    $ iptables -A INPUT -m multiport --dports 80
    iptables v1.8.9 (nf_tables): multiport needs `-p tcp', `-p udp', `-p udplite', `-p sctp' or `-p dccp'
    Try `iptables -h' or 'iptables --help' for more information.
    [2]
    $ iptables -A INPUT -j REJECT --reject-with foo
    iptables v1.8.9 (nf_tables): unknown reject type "foo"
    Try `iptables -h' or 'iptables --help' for more information.
    [2]
    $ iptables -A INPUT -j REJECT --reject-with tcp-reset
    iptables v1.8.9 (nf_tables):  RULE_APPEND failed (Invalid argument): rule in chain INPUT
    [4]
    $ iptables -A INPUT -p tcp -p udp
    iptables v1.8.9 (nf_tables): multiple -p flags not allowed
    Try `iptables -h' or 'iptables --help' for more information.
    [2]
    $ iptables -A INPUT ! -j DROP
    iptables v1.8.9 (nf_tables): cannot have ! before -j
    Try `iptables -h' or 'iptables --help' for more information.
    [2]
    $ iptables -A INPUT extra
    Bad argument `extra'
    Try `iptables -h' or 'iptables --help' for more information.
    [2]
    $ iptables -A INPUT -A OUTPUT
    iptables v1.8.9 (nf_tables): Cannot use -A with -A
    Try `iptables -h' or 'iptables --help' for more information.
    [2]
    $ iptables -L INPUT -j DROP
    iptables v1.8.9 (nf_tables): Illegal option `-j' with this command
    Try `iptables -h' or 'iptables --help' for more information.
    [2]
    $ iptables -D INPUT 0
    iptables v1.8.9 (nf_tables): Invalid rule number `0'
    Try `iptables -h' or 'iptables --help' for more information.
    [2]
    $ iptables -R INPUT
    iptables v1.8.9 (nf_tables): -R requires a rule number
    Try `iptables -h' or 'iptables --help' for more information.
    [2]
    $ iptables -P INPUT REJECT
    iptables: Bad policy name. Run `dmesg' for more information.
    [1]
    $ iptables -t foo -L
    iptables v1.8.9 (nf_tables): table 'foo' does not exist
    Perhaps iptables or your kernel needs to be upgraded.
    [3]
    $ iptables -L NOPE
    iptables v1.8.9 (nf_tables): chain `NOPE' in table `filter' is incompatible, use 'nft' tool.
    [1]
    "#);
}

#[test]
fn chains() {
    let script = "
        iptables -N b
        iptables -N a
        iptables -N a
        iptables -N DROP
        iptables -A a -j b
        iptables -A b -j a
        iptables -A INPUT -j a
        iptables -A INPUT -j INPUT
        iptables -X a
        iptables -X nope
        iptables -E a b
        iptables -E a c
        iptables -S
        iptables -F c
        iptables -F
        iptables -X
        iptables -S
    ";
    insta::assert_snapshot!(console(script), @r#"
    $ iptables -N b
    $ iptables -N a
    $ iptables -N a
    iptables: Chain already exists.
    [1]
    $ iptables -N DROP
    iptables v1.8.9 (nf_tables): chain name may not clash with target name
    Try `iptables -h' or 'iptables --help' for more information.
    [2]
    $ iptables -A a -j b
    $ iptables -A b -j a
    $ iptables -A INPUT -j a
    iptables v1.8.9 (nf_tables):  RULE_APPEND failed (Too many links): rule in chain INPUT
    [4]
    $ iptables -A INPUT -j INPUT
    iptables v1.8.9 (nf_tables):  RULE_APPEND failed (Operation not supported): rule in chain INPUT
    [4]
    $ iptables -X a
    iptables v1.8.9 (nf_tables):  CHAIN_DEL failed (Device or resource busy): chain a
    [4]
    $ iptables -X nope
    iptables: No chain/target/match by that name.
    [1]
    $ iptables -E a b
    iptables: File exists.
    [1]
    $ iptables -E a c
    $ iptables -S
    -P INPUT ACCEPT
    -P FORWARD ACCEPT
    -P OUTPUT ACCEPT
    -N b
    -N c
    -A b -j c
    -A c -j b
    $ iptables -F c
    $ iptables -F
    $ iptables -X
    $ iptables -S
    -P INPUT ACCEPT
    -P FORWARD ACCEPT
    -P OUTPUT ACCEPT
    "#);
}

#[test]
fn tables_come_back_from_what_was_saved() {
    let mut kernel = Kernel::default();
    let mut restore = |text: &str| {
        let mut io = Io { stdin: Stdin::text(text), ..Io::default() };
        let status = restore(&mut kernel, &["iptables-restore".to_owned()], &mut io);
        let mut shown = Io::default();
        iptables(&mut kernel, &["iptables".to_owned(), "-S".to_owned()], &mut shown);
        format!("{}[{status}]\n{}", io.err, shown.out)
    };
    let text = "
        # saved
        *filter
        :INPUT DROP [3:4]
        :mine - [0:0]
        -A INPUT -p tcp -m tcp --dport 80 -j mine
        -A mine -m comment --comment \"a \\\"b\\\"\" -j ACCEPT
        COMMIT
    ";
    let restored = restore(text);
    insta::assert_snapshot!(restored, @r#"
    [0]
    -P INPUT DROP
    -P FORWARD ACCEPT
    -P OUTPUT ACCEPT
    -N mine
    -A INPUT -p tcp -m tcp --dport 80 -j mine
    -A mine -m comment --comment "a \"b\"" -j ACCEPT
    "#);
    // What is wrong changes nothing.
    let wrong = [
        "*filter\n-A INPUT -p foo\nCOMMIT\n",
        "*filter\n-A NOPE -j DROP\nCOMMIT\n",
        "*foo\nCOMMIT\n",
        "foo\n",
        "*filter\n-A INPUT -j ACCEPT\n",
        "*filter\nfoo\nCOMMIT\n",
    ];
    let told = wrong.map(|text| restore(text).replace(restored.trim_start_matches("[0]\n"), ""));
    insta::assert_snapshot!(told.concat(), @r#"
    iptables-restore v1.8.9 (nf_tables): unknown protocol "foo" specified
    Error occurred at line: 2
    Try `iptables-restore -h' or 'iptables-restore --help' for more information.
    [2]
    iptables-restore: line 2 failed: No chain/target/match by that name.
    [1]
    iptables-restore v1.8.9 (nf_tables): iptables-restore: line 1 table name 'foo' invalid
    Error occurred at line: 1
    Try `iptables-restore -h' or 'iptables-restore --help' for more information.
    [2]
    iptables-restore: line 1 failed
    [1]
    iptables-restore: COMMIT expected at line 3
    [1]
    Bad argument `foo'
    Error occurred at line: 2
    Try `iptables-restore -h' or 'iptables-restore --help' for more information.
    [2]
    "#);
}

/// Translation, and conditions and targets about connections.
#[test]
fn it_says_what_the_tool_says() {
    const TRANSCRIPT: &str = include_str!("transcript.txt");
    let commands: Vec<&str> = TRANSCRIPT.lines().filter_map(|line| line.strip_prefix("$ ")).collect();
    assert_eq!(console(&commands.join("\n")), TRANSCRIPT);
}
