//! The tools that look at the network, and the firewall, in conversation across a router.

use lvslab::scenario::{self, Options};

/// A client and another router on one side of a router, a server on the other, behind a narrower link.
fn converse(timeline: &[(&str, &str)]) -> String {
    const NODES: &str = r#"
        "client": ( interfaces: { "eth0": "lan" }, setup: [
            "ip addr add 10.0.1.10/24 dev eth0", "ip link set eth0 up", "ip route add default via 10.0.1.1",
        ] ),
        "router": ( interfaces: { "eth0": "lan", "eth1": "wan" }, setup: [
            "ip addr add 10.0.1.1/24 dev eth0", "ip link set eth0 up",
            "ip addr add 10.0.2.1/24 dev eth1", "ip link set eth1 up", "ip link set eth1 mtu 1400",
            "ip route add 10.0.9.0/24 via 10.0.1.2", "sysctl -qw net.ipv4.ip_forward=1",
        ] ),
        "other": ( interfaces: { "eth0": "lan" }, setup: [
            "ip addr add 10.0.1.2/24 dev eth0", "ip link set eth0 up", "ip addr add 10.0.9.1/32 dev lo",
        ] ),
        "server": ( interfaces: { "eth0": "wan" }, setup: [
            "ip addr add 10.0.2.10/24 dev eth0", "ip link set eth0 up", "ip link set eth0 mtu 1400",
            "ip route add default via 10.0.2.1", "httpd 80 &",
        ] ),
    "#;
    let step =
        |(at, (node, run)): (usize, &(&str, &str))| format!("(at: \"{}s\", node: {node:?}, run: {run:?}),", at * 5);
    let steps: String = timeline.iter().enumerate().map(step).collect();
    let text = format!(
        "Scenario(title: \"tools\", switches: [\"lan\", \"wan\"], nodes: {{ {NODES} }}, timeline: [ {steps} ])"
    );
    let plan = scenario::load(&text).unwrap();
    let outcome = scenario::run(&plan, Options::default()).unwrap();
    let mut shown = String::new();
    for step in outcome.steps.steps.iter().filter(|step| step.at.is_some()) {
        shown += &format!("{} $ {}\n{}{}", step.node, step.cmd, step.out, step.err);
        shown += &if step.rc == 0 { String::new() } else { format!("[{}]\n", step.rc) };
    }
    shown
}

#[test]
fn ping_tells_what_routers_say() {
    insta::assert_snapshot!(converse(&[
        ("client", "ping -c 2 10.0.2.10"),
        ("client", "ping -c 1 -t 1 -W 1 10.0.2.10"),
        ("client", "ping -c 2 -i 0.5 -M do -s 1400 10.0.2.10"),
        ("client", "ping -c 1 -s 3000 10.0.2.10"),
        ("client", "ping -c 1 10.0.9.1"),
        ("client", "ping -c 1 -W 4 10.0.2.99"),
        ("client", "ping -c 1 -W 1 10.8.8.8"),
    ]), @"
    client $ ping -c 2 10.0.2.10
    PING 10.0.2.10 (10.0.2.10) 56(84) bytes of data.
    64 bytes from 10.0.2.10: icmp_seq=1 ttl=63 time=0.800 ms
    64 bytes from 10.0.2.10: icmp_seq=2 ttl=63 time=0.400 ms

    --- 10.0.2.10 ping statistics ---
    2 packets transmitted, 2 received, 0% packet loss, time 1000ms
    rtt min/avg/max/mdev = 0.400/0.600/0.800/0.200 ms
    client $ ping -c 1 -t 1 -W 1 10.0.2.10
    PING 10.0.2.10 (10.0.2.10) 56(84) bytes of data.
    From 10.0.1.1 icmp_seq=1 Time to live exceeded

    --- 10.0.2.10 ping statistics ---
    1 packets transmitted, 0 received, +1 errors, 100% packet loss, time 0ms

    [1]
    client $ ping -c 2 -i 0.5 -M do -s 1400 10.0.2.10
    PING 10.0.2.10 (10.0.2.10) 1400(1428) bytes of data.
    From 10.0.1.1 icmp_seq=1 Frag needed and DF set (mtu = 1400)

    --- 10.0.2.10 ping statistics ---
    2 packets transmitted, 0 received, +2 errors, 100% packet loss, time 500ms

    ping: local error: message too long, mtu=1400
    [1]
    client $ ping -c 1 -s 3000 10.0.2.10
    PING 10.0.2.10 (10.0.2.10) 3000(3028) bytes of data.
    3008 bytes from 10.0.2.10: icmp_seq=1 ttl=63 time=0.400 ms

    --- 10.0.2.10 ping statistics ---
    1 packets transmitted, 1 received, 0% packet loss, time 0ms
    rtt min/avg/max/mdev = 0.400/0.400/0.400/0.000 ms
    client $ ping -c 1 10.0.9.1
    PING 10.0.9.1 (10.0.9.1) 56(84) bytes of data.
    From 10.0.1.1: icmp_seq=1 Redirect Host(New nexthop: 10.0.1.2)
    64 bytes from 10.0.9.1: icmp_seq=1 ttl=64 time=0.500 ms

    --- 10.0.9.1 ping statistics ---
    1 packets transmitted, 1 received, 0% packet loss, time 0ms
    rtt min/avg/max/mdev = 0.500/0.500/0.500/0.000 ms
    client $ ping -c 1 -W 4 10.0.2.99
    PING 10.0.2.99 (10.0.2.99) 56(84) bytes of data.
    From 10.0.1.1 icmp_seq=1 Destination Host Unreachable

    --- 10.0.2.99 ping statistics ---
    1 packets transmitted, 0 received, +1 errors, 100% packet loss, time 0ms

    [1]
    client $ ping -c 1 -W 1 10.8.8.8
    PING 10.8.8.8 (10.8.8.8) 56(84) bytes of data.
    From 10.0.1.1 icmp_seq=1 Destination Net Unreachable

    --- 10.8.8.8 ping statistics ---
    1 packets transmitted, 0 received, +1 errors, 100% packet loss, time 0ms

    [1]
    ");
}

#[test]
fn arping_asks_and_tells() {
    insta::assert_snapshot!(converse(&[
        ("client", "arping -c 2 -I eth0 10.0.1.2"),
        ("client", "arping -c 1 -w 1 -b 10.0.1.1"),
        ("client", "arping -f 10.0.1.1"),
        ("client", "arping -D -c 1 -I eth0 10.0.1.2"),
        ("client", "arping -D -c 1 -I eth0 10.0.1.77"),
        ("client", "arping -A -c 1 -I eth0 10.0.1.10"),
    ]), @"
    client $ arping -c 2 -I eth0 10.0.1.2
    ARPING 10.0.1.2 from 10.0.1.10 eth0
    Unicast reply from 10.0.1.2 [02:00:00:00:03:00]  0.200ms
    Unicast reply from 10.0.1.2 [02:00:00:00:03:00]  0.200ms
    Sent 2 probes (1 broadcast(s))
    Received 2 response(s)
    client $ arping -c 1 -w 1 -b 10.0.1.1
    ARPING 10.0.1.1 from 10.0.1.10 eth0
    Unicast reply from 10.0.1.1 [02:00:00:00:02:00]  0.200ms
    Sent 1 probes (1 broadcast(s))
    Received 1 response(s)
    client $ arping -f 10.0.1.1
    ARPING 10.0.1.1 from 10.0.1.10 eth0
    Unicast reply from 10.0.1.1 [02:00:00:00:02:00]  0.200ms
    Sent 1 probes (1 broadcast(s))
    Received 1 response(s)
    client $ arping -D -c 1 -I eth0 10.0.1.2
    ARPING 10.0.1.2 from 0.0.0.0 eth0
    Unicast reply from 10.0.1.2 [02:00:00:00:03:00]  0.200ms
    Sent 1 probes (1 broadcast(s))
    Received 1 response(s)
    [1]
    client $ arping -D -c 1 -I eth0 10.0.1.77
    ARPING 10.0.1.77 from 0.0.0.0 eth0
    Sent 1 probes (1 broadcast(s))
    Received 0 response(s)
    client $ arping -A -c 1 -I eth0 10.0.1.10
    ARPING 10.0.1.10 from 10.0.1.10 eth0
    Sent 1 probes (1 broadcast(s))
    Received 0 response(s)
    ");
}

#[test]
fn the_firewall_refuses_and_remembers() {
    insta::assert_snapshot!(converse(&[
        ("router", "iptables -A FORWARD -p tcp --dport 80 -j REJECT --reject-with tcp-reset"),
        ("router", "iptables -A FORWARD -i eth0 -o eth1 -p icmp -j REJECT --reject-with icmp-admin-prohibited"),
        ("client", "get 10.0.2.10 80 1"),
        ("client", "ping -c 1 -W 1 10.0.2.10"),
        ("router", "iptables -nvL FORWARD"),
        ("router", "iptables -F; iptables -P FORWARD DROP; iptables -A FORWARD -m state --state RELATED,ESTABLISHED -j ACCEPT"),
        ("router", "iptables -A FORWARD -s 10.0.1.0/24 -p tcp --dport 80 -m conntrack --ctstate NEW -j ACCEPT"),
        ("client", "get 10.0.2.10 80 1"),
        ("client", "ping -c 1 -W 1 10.0.2.10"),
        ("router", "iptables -vL FORWARD"),
    ]), @"
    router $ iptables -A FORWARD -p tcp --dport 80 -j REJECT --reject-with tcp-reset
    router $ iptables -A FORWARD -i eth0 -o eth1 -p icmp -j REJECT --reject-with icmp-admin-prohibited
    client $ get 10.0.2.10 80 1
    40001 refused
    client $ ping -c 1 -W 1 10.0.2.10
    PING 10.0.2.10 (10.0.2.10) 56(84) bytes of data.
    From 10.0.1.1 icmp_seq=1 Packet filtered

    --- 10.0.2.10 ping statistics ---
    1 packets transmitted, 0 received, +1 errors, 100% packet loss, time 0ms

    [1]
    router $ iptables -nvL FORWARD
    Chain FORWARD (policy ACCEPT 0 packets, 0 bytes)
     pkts bytes target     prot opt in     out     source               destination         
        1    60 REJECT     6    --  *      *       0.0.0.0/0            0.0.0.0/0            tcp dpt:80 reject-with tcp-reset
        1    84 REJECT     1    --  eth0   eth1    0.0.0.0/0            0.0.0.0/0            reject-with icmp-admin-prohibited
    router $ iptables -F; iptables -P FORWARD DROP; iptables -A FORWARD -m state --state RELATED,ESTABLISHED -j ACCEPT
    router $ iptables -A FORWARD -s 10.0.1.0/24 -p tcp --dport 80 -m conntrack --ctstate NEW -j ACCEPT
    client $ get 10.0.2.10 80 1
    40001 server
    client $ ping -c 1 -W 1 10.0.2.10
    PING 10.0.2.10 (10.0.2.10) 56(84) bytes of data.

    --- 10.0.2.10 ping statistics ---
    1 packets transmitted, 0 received, 100% packet loss, time 0ms

    [1]
    router $ iptables -vL FORWARD
    Chain FORWARD (policy DROP 1 packets, 84 bytes)
     pkts bytes target     prot opt in     out     source               destination         
        9   539 ACCEPT     all  --  any    any     anywhere             anywhere             state RELATED,ESTABLISHED
        1    60 ACCEPT     tcp  --  any    any     10.0.1.0/24          anywhere             tcp dpt:http ctstate NEW
    ");
}

#[test]
fn sockets_and_counters() {
    insta::assert_snapshot!(converse(&[
        ("client", "hold 10.0.2.10 80 20 41000 1 &"),
        ("client", "ss -tan"),
        ("server", "ss -tan; ss -tln; ss -t state established; ss -s"),
        ("server", "netstat -tan; netstat -rn"),
        ("client", "nstat -n; ping -qc 1 10.0.2.10 > /dev/null; nstat 'Tcp*Opens'; nstat -az TcpActiveOpens"),
    ]), @"
    client $ hold 10.0.2.10 80 20 41000 1 &
    41000 server
    client $ ss -tan
    State Recv-Q Send-Q Local Address:Port  Peer Address:PortProcess
    ESTAB 0      0          10.0.1.10:41000    10.0.2.10:80         
    server $ ss -tan; ss -tln; ss -t state established; ss -s
    State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process
    LISTEN 0      512          0.0.0.0:80        0.0.0.0:*           
    ESTAB  0      0          10.0.2.10:80      10.0.1.10:41000       
    State  Recv-Q Send-Q Local Address:Port Peer Address:PortProcess
    LISTEN 0      512          0.0.0.0:80        0.0.0.0:*          
    Recv-Q Send-Q Local Address:Port Peer Address:Port Process
    0      0          10.0.2.10:http    10.0.1.10:41000       
    Total: 2
    TCP:   2 (estab 1, closed 0, orphaned 0, timewait 0)

    Transport Total     IP        IPv6
    RAW	  0         0         0        
    UDP	  0         0         0        
    TCP	  2         2         0        
    INET	  2         2         0        
    FRAG	  0         0         0        

    server $ netstat -tan; netstat -rn
    Active Internet connections (servers and established)
    Proto Recv-Q Send-Q Local Address           Foreign Address         State      
    tcp        0      0 0.0.0.0:80              0.0.0.0:*               LISTEN     
    tcp        0      0 10.0.2.10:80            10.0.1.10:41000         ESTABLISHED
    Kernel IP routing table
    Destination     Gateway         Genmask         Flags   MSS Window  irtt Iface
    0.0.0.0         10.0.2.1        0.0.0.0         UG        0 0          0 eth0
    10.0.2.0        0.0.0.0         255.255.255.0   U         0 0          0 eth0
    client $ nstat -n; ping -qc 1 10.0.2.10 > /dev/null; nstat 'Tcp*Opens'; nstat -az TcpActiveOpens
    #kernel
    #kernel
    TcpActiveOpens                  1                  0.0
    ");
}
