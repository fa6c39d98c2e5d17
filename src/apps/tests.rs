//! Servers and clients of one host that speak over its loopback interface.

use crate::shell::testing::Console;

fn with_server(server: &str, lines: &[&str]) -> String {
    let mut console = Console::new();
    console.type_line(server);
    console.converse(lines)
}

#[test]
fn get_and_httpd() {
    insta::assert_snapshot!(with_server("httpd 80 &", &[
        "get 127.0.0.1 80 2; get 127.0.0.1 81; get -w 1 nohost 80; get",
        "get 127.0.0.1 80 1 0 50001 127.0.0.2; get 127.0.0.1 80 1 0 50001 10.9.9.9; get 127.0.0.1 80 2 0 65535",
        "httpd 80; httpd x; hold 127.0.0.1 80 2 45001 3; pkill httpd; get 127.0.0.1 80",
    ]), @"
    $ get 127.0.0.1 80 2; get 127.0.0.1 81; get -w 1 nohost 80; get
    40001 box
    40002 box
    40001 refused
    nohost: Name or service not known
    usage: get [-w S] VIP PORT [COUNT] [GAP_S] [SPORT] [SRC]
    [1]
    $ get 127.0.0.1 80 1 0 50001 127.0.0.2; get 127.0.0.1 80 1 0 50001 10.9.9.9; get 127.0.0.1 80 2 0 65535
    50001 box
    50001 Cannot assign requested address
    65535 box
    65536 Invalid argument
    $ httpd 80; httpd x; hold 127.0.0.1 80 2 45001 3; pkill httpd; get 127.0.0.1 80
    45001 box
    45002 box
    45003 box
    40001 refused
    OSError: Address already in use
    'x' is no port
    usage: httpd PORT [BODY_BYTES] [DELAY_S]
    ");
}

#[test]
fn timing_of_get_and_hold() {
    let mut console = Console::new();
    console.type_line("httpd 80 &");
    console.type_line("get 127.0.0.1 80 3");
    let after_get = console.seconds();
    assert!((after_get - 0.3).abs() < 0.001, "a tenth of a second after each");
    console.type_line("hold 127.0.0.1 80 1 45001 2");
    let held = console.seconds() - after_get;
    assert!((held - 1.06).abs() < 0.011, "a twentieth of a second between them, and a look every fiftieth: {held}");
}

#[test]
fn put_and_sink() {
    let text = with_server("sink 9 &", &["put 127.0.0.1 9 200000; put 127.0.0.1 9 0 47005"]);
    assert_eq!(text, "$ put 127.0.0.1 9 200000; put 127.0.0.1 9 0 47005\n47001 200000\n47005 timeout\n");
}

#[test]
fn udpsend_and_udpecho() {
    insta::assert_snapshot!(with_server("udpecho 53 &", &["udpsend 127.0.0.1 53 2; udpsend 127.0.0.1 54 1; udpecho 53"]), @"
    $ udpsend 127.0.0.1 53 2; udpsend 127.0.0.1 54 1; udpecho 53
    box
    box
    Connection refused
    OSError: Address already in use
    [1]
    ");
}

#[test]
fn curl_and_its_words() {
    insta::assert_snapshot!(with_server("httpd 80 20 &", &[
        "curl -s http://127.0.0.1/; echo; curl -si localhost; curl -s -o f -w '%{http_code} %{remote_ip}:%{remote_port} %{size_download} %{num_connects}\\n' 127.0.0.1; cat f",
        "curl -sS 127.0.0.1:81; echo $?; curl -s 127.0.0.1:81; echo $?; curl -sS -m 1 nohost; curl; curl -z; curl -sI 127.0.0.1",
        "curl -sv 127.0.0.1",
        "curl 127.0.0.1",
        "curl --interface 10.9.9.9 -sS 127.0.0.1; curl --interface nodev -sS 127.0.0.1; curl -sS https://127.0.0.1/",
    ]).replace('\r', "<CR>"), @r#"
    $ curl -s http://127.0.0.1/; echo; curl -si localhost; curl -s -o f -w '%{http_code} %{remote_ip}:%{remote_port} %{size_download} %{num_connects}\n' 127.0.0.1; cat f
    box
    xxxxxxxxxxxxxxxx
    HTTP/1.0 200 OK<CR>
    Content-Length: 20<CR>
    <CR>
    box
    xxxxxxxxxxxxxxxx200 127.0.0.1:80 20 1
    box
    xxxxxxxxxxxxxxxx$ curl -sS 127.0.0.1:81; echo $?; curl -s 127.0.0.1:81; echo $?; curl -sS -m 1 nohost; curl; curl -z; curl -sI 127.0.0.1
    7
    7
    HTTP/1.0 200 OK<CR>
    Content-Length: 20<CR>
    <CR>
    curl: (7) Failed to connect to 127.0.0.1 port 81 after 0 ms: Couldn't connect to server
    curl: (6) Could not resolve host: nohost
    curl: try 'curl --help' or 'curl --manual' for more information
    curl: option -z: is unknown
    curl: try 'curl --help' or 'curl --manual' for more information
    $ curl -sv 127.0.0.1
    box
    xxxxxxxxxxxxxxxx*   Trying 127.0.0.1:80...
    * Connected to 127.0.0.1 (127.0.0.1) port 80 (#0)
    > GET / HTTP/1.1
    > Host: 127.0.0.1
    > User-Agent: curl/7.88.1
    > Accept: */*
    > 
    * HTTP 1.0, assume close after body
    < HTTP/1.0 200 OK
    < Content-Length: 20
    < 
    { [20 bytes data]
    * Closing connection 0
    $ curl 127.0.0.1
    box
    xxxxxxxxxxxxxxxx  % Total    % Received % Xferd  Average Speed   Time    Time     Time  Current
                                     Dload  Upload   Total   Spent    Left  Speed
    <CR>  0     0    0     0    0     0      0      0 --:--:-- --:--:-- --:--:--     0<CR>100    20  100    20    0     0  99999      0 --:--:-- --:--:-- --:--:-- 99999
    $ curl --interface 10.9.9.9 -sS 127.0.0.1; curl --interface nodev -sS 127.0.0.1; curl -sS https://127.0.0.1/
    curl: (45) bind failed with errno 99: Cannot assign requested address
    curl: (45) Couldn't bind to 'nodev'
    curl: (1) Protocol "https" not supported or disabled in libcurl
    [1]
    "#);
}

#[test]
fn nc_and_its_words() {
    insta::assert_snapshot!(with_server("nc -l -v 7 > got 2> said &", &[
        "nc -zv 127.0.0.1 81; nc -z 127.0.0.1 81; echo $?; nc; nc 127.0.0.1; nc 127.0.0.1 x; nc -Q; nc -v nohost 80",
        "echo hello | nc -vN -p 50007 127.0.0.1 7; cat got said",
        "nc -zvu 127.0.0.1 53; nc -zv -s 10.9.9.9 127.0.0.1 80",
    ]), @r#"
    $ nc -zv 127.0.0.1 81; nc -z 127.0.0.1 81; echo $?; nc; nc 127.0.0.1; nc 127.0.0.1 x; nc -Q; nc -v nohost 80
    1
    nc: connect to 127.0.0.1 port 81 (tcp) failed: Connection refused
    usage: nc [-46CDdFhklNnrStUuvZz] [-I length] [-i interval] [-M ttl]
    	  [-m minttl] [-O length] [-P proxy_username] [-p source_port]
    	  [-q seconds] [-s sourceaddr] [-T keyword] [-V rtable] [-W recvlimit]
    	  [-w timeout] [-X proxy_protocol] [-x proxy_address[:port]]
    	  [destination] [port]
    nc: missing port number
    nc: port number invalid: x
    nc: invalid option -- 'Q'
    usage: nc [-46CDdFhklNnrStUuvZz] [-I length] [-i interval] [-M ttl]
    	  [-m minttl] [-O length] [-P proxy_username] [-p source_port]
    	  [-q seconds] [-s sourceaddr] [-T keyword] [-V rtable] [-W recvlimit]
    	  [-w timeout] [-X proxy_protocol] [-x proxy_address[:port]]
    	  [destination] [port]
    nc: getaddrinfo for host "nohost" port 80: Name or service not known
    [1]
    $ echo hello | nc -vN -p 50007 127.0.0.1 7; cat got said
    hello
    Listening on 0.0.0.0 7
    Connection received on localhost 50007
    Connection to 127.0.0.1 7 port [tcp/echo] succeeded!
    $ nc -zvu 127.0.0.1 53; nc -zv -s 10.9.9.9 127.0.0.1 80
    nc: connect to 127.0.0.1 port 53 (udp) failed: Connection refused
    nc: bind failed: Cannot assign requested address
    [1]
    "#);
}

#[test]
fn load_reports_every_request() {
    let mut console = Console::with_cable();
    console.type_line("httpd 80 &");
    console.type_line("udpecho 53 &");
    console.type_line("ip route add local 10.9.0.0/24 dev lo");
    insta::assert_snapshot!(console.converse(&[
        "load --rate 100/s --requests 50 http://10.0.0.1/",
        "load --poisson --rate 1000 --duration 100ms --from 10.9.0.0/24 --hold exp:1s 10.0.0.1:80",
        "load --requests 20 --keepalive --hold 2s http://10.0.0.1/x",
        "load --requests 3 --udp --from 10.9.0.7 10.0.0.1:53",
        "load --requests 3 10.0.0.1:81; load --requests 2 --udp 10.0.0.1:81; load --requests 2 10.0.0.9:80",
        "load --requests 2 --from 10.8.0.0/24 10.0.0.1:80; load --requests 2 9.9.9.9:80",
        "load --requests",
    ]));
}

#[test]
fn load_ends_when_its_last_connection_does() {
    let mut console = Console::with_cable();
    console.type_line("httpd 80 &");
    console.type_line("load --requests 10 --rate 10 --hold 5s 10.0.0.1:80");
    assert!((console.seconds() - 5.9).abs() < 0.01, "{}", console.seconds());
}
