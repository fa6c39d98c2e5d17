use std::net::SocketAddrV4;

use super::plan::{Finding, check};
use super::*;

fn machine(name: &str, addresses: &[&str]) -> Machine {
    let address = |text: &&str| Address { net: text.parse().unwrap(), answers: true, floats: false };
    let mac = MacAddr([2, 0, 0, 0, name.len() as u8, name.as_bytes()[name.len() - 1]]);
    let interface = Interface {
        name: "eth0".to_owned(),
        mac,
        switch: Some(0),
        addresses: addresses.iter().map(address).collect(),
        ..Interface::default()
    };
    Machine { name: name.to_owned(), interfaces: vec![interface], ..Machine::default() }
}

/// LVS-DR as it should be, to be spoilt.
fn cluster() -> Network {
    let silent = |mut it: Machine| {
        let address = Address { net: "10.0.0.100/32".parse().unwrap(), answers: false, floats: false };
        it.interfaces.push(Interface { name: "lo".to_owned(), addresses: vec![address], ..Interface::default() });
        it
    };
    let mut director = machine("director", &["10.0.0.1/24", "10.0.0.100/32"]);
    let server = |ip: &str| Server { at: SocketAddrV4::new(ip.parse().unwrap(), 80), method: Method::Dr, weight: 1 };
    director.services.push(Service {
        name: "TCP 10.0.0.100:80".to_owned(),
        address: Some("10.0.0.100".parse().unwrap()),
        port: 80,
        scheduler: "rr".to_owned(),
        servers: vec![server("10.0.0.11"), server("10.0.0.12")],
        ..Service::default()
    });
    let machines = vec![
        machine("client", &["10.0.0.5/24"]),
        director,
        silent(machine("rs1", &["10.0.0.11/24"])),
        silent(machine("rs2", &["10.0.0.12/24"])),
    ];
    Network { title: "a <cluster> & \"more\"".to_owned(), switches: vec!["lan".to_owned()], machines }
}

/// What is wrong once it has been spoilt.
fn spoilt(spoil: impl FnOnce(&mut Network)) -> Vec<String> {
    let mut network = cluster();
    spoil(&mut network);
    check(&network).iter().map(Finding::to_string).collect()
}

#[test]
fn roles_come_from_what_is_configured() {
    let network = cluster();
    let roles: Vec<_> = network.machines.iter().map(|machine| network.part(machine)).collect();
    assert_eq!(roles, ["client", "director, rr", "real server, DR, weight 1", "real server, DR, weight 1"]);
}

#[test]
fn each_mistake_is_found() {
    assert_eq!(spoilt(|_| ()), [""; 0]);
    let answers = spoilt(|it| it.machines[2].interfaces[1].addresses[0].answers = true);
    assert_eq!(answers, ["10.0.0.100 is answered for on lan by director (eth0) and rs1 (lo)"]);
    let absent = spoilt(|it| it.machines[2].interfaces[1].addresses.clear());
    assert_eq!(absent, ["rs1 gets packets for 10.0.0.100 (DR), but does not have that address"]);
    let absent = spoilt(|it| {
        it.machines[1].interfaces[0].addresses.pop();
    });
    assert_eq!(absent, ["director balances TCP 10.0.0.100:80, but does not have 10.0.0.100"]);
    let port = spoilt(|it| it.machines[1].services[0].servers[0].at.set_port(8080));
    assert_eq!(port, ["director names port 8080 of rs1 for TCP 10.0.0.100:80, but DR does not change ports"]);
    let nobody = spoilt(|it| it.machines[1].services[0].servers[0].at.set_ip(Ipv4Addr::new(10, 0, 0, 99)));
    assert_eq!(nobody, ["director passes packets for TCP 10.0.0.100:80 on to 10.0.0.99, which nobody has"]);
    let mac = spoilt(|it| it.machines[3].interfaces[0].mac = it.machines[0].interfaces[0].mac);
    assert_eq!(mac, ["the same hardware address is on lan twice: client (eth0) and rs2 (eth0)"]);
    let route = |gateway: &str| Route { to: "0.0.0.0/0".parse().unwrap(), gateway: gateway.parse().unwrap() };
    let gateway = spoilt(|it| it.machines[0].routes.push(route("10.0.0.77")));
    assert_eq!(gateway, ["client sends packets for 0.0.0.0/0 to 10.0.0.77, which nobody beside it has"]);
    let deaf = spoilt(|it| it.machines[0].routes.push(route("10.0.0.1")));
    assert_eq!(deaf, ["client uses director (10.0.0.1) as gateway, but director forwards nothing (ip_forward=0)"]);
    let away = spoilt(|it| it.machines[0].interfaces[0].addresses[0].net = "10.9.0.5/24".parse().unwrap());
    assert_eq!(
        away,
        [
            "client has no route to director (10.0.0.100)",
            "rs1 has no route to client (10.9.0.5)",
            "rs2 has no route to client (10.9.0.5)"
        ]
    );
}

#[test]
fn pictures_and_texts() {
    let network = cluster();
    let mut page = Vec::new();
    text::write(&mut page, &network).unwrap();
    insta::assert_snapshot!("text", String::from_utf8(page).unwrap());
    insta::assert_snapshot!("svg", draw::svg(&network));
    insta::assert_snapshot!("dot", dot::dot(&network));
}
