//! Two directors that share a wire made of vectors.

use proptest::prelude::*;

use super::message::{self, Entry, Writer};
use super::{Error, Role, Settings};
use crate::ipvs::tcp::flags::{ACK, FIN, SYN};
use crate::ipvs::tests::Director;
use crate::ipvs::{Persistence, ServiceOptions};
use crate::time::Span;

/// What a Linux 6.1 director with identifier 7 sent about a connection that its client had closed.
const RECORDED: &str = "0007002c01010000000600240000018300049c4100500050000000000000\
                        00780a0005050a0005600a00055c";

fn bytes(hex: &str) -> Vec<u8> {
    let hex: String = hex.split_whitespace().collect();
    (0..hex.len() / 2).map(|n| u8::from_str_radix(&hex[2 * n..2 * n + 2], 16).unwrap()).collect()
}

fn pair(settings: &Settings, options: ServiceOptions) -> (Director, Director) {
    let mut master = Director::new("rr", options.clone(), &[1, 1]);
    let mut backup = Director::new("rr", options, &[1, 1]);
    let now = master.now;
    master.ipvs.start_daemon(Role::Master, settings.clone(), 1500, now).unwrap();
    backup.ipvs.start_daemon(Role::Backup, settings.clone(), 1500, now).unwrap();
    (master, backup)
}

/// Time passes; what the master sends meanwhile reaches the backup. Says how many messages that was.
fn pass(master: &mut Director, backup: &mut Director, span: Span) -> usize {
    let end = master.now + span;
    let mut sent = 0;
    while let Some(at) = master.ipvs.next_deadline().filter(|at| *at <= end) {
        master.now = at;
        master.ipvs.expire(at);
        for (_, message) in master.ipvs.messages(at) {
            backup.ipvs.receive(&message, at);
            sent += 1;
        }
    }
    master.now = end;
    backup.now = end;
    backup.ipvs.expire(end);
    sent
}

fn listed(director: &Director) -> Vec<String> {
    let conns = director.ipvs.connections();
    conns.map(|conn| format!("{} {} {}", conn.client(), conn.server(), conn.state().name())).collect()
}

#[test]
fn recorded_message() {
    let message = bytes(RECORDED);
    let entries = message::read(&message, 7);
    assert_eq!(entries.len(), 1);
    let Entry { protocol, state, client, virtual_address, server, timeout, .. } = entries[0].clone();
    assert_eq!((protocol, state, timeout), (6, 4, Some(120)));
    let ends = [client, virtual_address, server].map(|end| end.to_string());
    assert_eq!(ends, ["10.0.5.5:40001", "10.0.5.96:80", "10.0.5.92:80"]);
    let mut writer = Writer::new(1, 7, 1472);
    writer.add(&entries[0]);
    assert_eq!(writer.finish(), message);
    assert!(message::read(&message, 8).is_empty(), "another cluster's");
    assert_eq!(message::read(&message, 0).len(), 1, "any cluster's");
    assert!(message::read(&message[..message.len() - 1], 7).is_empty(), "cut short");
}

#[test]
fn told_at_the_third_packet_and_at_the_end() {
    let (mut master, mut backup) = pair(&Settings::default(), ServiceOptions::default());
    master.send(1000, SYN);
    master.send(1000, ACK);
    assert_eq!(pass(&mut master, &mut backup, Span::from_secs(10)), 0);
    master.send(1000, ACK);
    assert_eq!(pass(&mut master, &mut backup, Span::from_secs(3)), 1);
    assert_eq!(listed(&backup), ["192.168.10.5:1000 10.0.0.12:80 ESTABLISHED"]);
    assert_eq!(backup.ipvs.service(backup.key).unwrap().1[0].active(), 1);
    master.send(1000, FIN | ACK);
    assert_eq!(pass(&mut master, &mut backup, Span::from_secs(3)), 1);
    assert_eq!(listed(&backup), ["192.168.10.5:1000 10.0.0.12:80 FIN_WAIT"]);
    assert_eq!(backup.ipvs.service(backup.key).unwrap().1[0].active(), 0);
}

#[test]
fn a_message_waits_for_others_for_two_seconds() {
    let (mut master, mut backup) = pair(&Settings::default(), ServiceOptions::default());
    master.ipvs.config.sync_threshold = (1, 50);
    for port in 1000..1030 {
        master.send(port, SYN);
        master.send(port, ACK);
        master.send(port, FIN);
    }
    assert_eq!(pass(&mut master, &mut backup, Span::from_millis(1900)), 0);
    assert_eq!(pass(&mut master, &mut backup, Span::from_millis(200)), 1);
    assert_eq!(listed(&backup).len(), 30);
    for port in 2000..2100 {
        master.send(port, SYN);
        master.send(port, ACK);
        master.send(port, FIN);
    }
    // 40 entries fill a message, which leaves soon; the rest waits.
    assert_eq!(pass(&mut master, &mut backup, Span::from_millis(30)), 2);
    assert_eq!(pass(&mut master, &mut backup, Span::from_secs(3)), 1);
}

#[test]
fn templates_are_told_about_with_each_connection() {
    let persistent = ServiceOptions {
        persistence: Some(Persistence { timeout: Span::from_secs(300) }),
        ..ServiceOptions::default()
    };
    let (mut master, mut backup) = pair(&Settings::default(), persistent.clone());
    for _ in 0..3 {
        master.send(1000, SYN | ACK);
    }
    pass(&mut master, &mut backup, Span::from_secs(3));
    assert_eq!(backup.ipvs.service(backup.key).unwrap().1[0].persistent(), 1);
    let (mut master, mut backup) = pair(&Settings::default(), persistent);
    master.ipvs.config.sync_persist_mode = 1;
    master.send(1000, SYN);
    for _ in 0..3 {
        master.send(1000, ACK);
    }
    pass(&mut master, &mut backup, Span::from_secs(3));
    assert_eq!(listed(&backup), ["192.168.10.5:0 10.0.0.12:80 ASSURED"]);
}

#[test]
fn version_0_has_no_timeouts() {
    let (mut master, mut backup) = pair(&Settings::default(), ServiceOptions::default());
    master.ipvs.config.sync_version = 0;
    master.ipvs.set_timeouts([50, 0, 0]);
    for flags in [SYN, ACK, ACK] {
        master.send(1000, flags);
    }
    pass(&mut master, &mut backup, Span::from_secs(3));
    let conn = backup.ipvs.connections().next().unwrap();
    assert!(conn.remaining(backup.now) > Span::from_secs(800));
}

#[test]
fn a_backup_only_director_lets_packets_pass() {
    let (_, mut backup) = pair(&Settings::default(), ServiceOptions::default());
    backup.send(1000, SYN);
    assert_eq!(listed(&backup).len(), 1);
    backup.ipvs.config.backup_only = 1;
    backup.send(1001, SYN);
    assert_eq!(listed(&backup).len(), 1);
}

#[test]
fn each_daemon_runs_once() {
    let mut director = Director::rr(&[1]);
    let now = director.now;
    let mut start = |role| director.ipvs.start_daemon(role, Settings::default(), 9000, now);
    assert_eq!(start(Role::Master), Ok(()));
    assert_eq!(start(Role::Backup), Ok(()));
    assert_eq!(start(Role::Master), Err(Error::DaemonRuns));
    assert_eq!(director.ipvs.daemon(Role::Master).unwrap().max_len, 1472);
    assert_eq!(director.ipvs.daemon(Role::Backup).unwrap().max_len, 8972);
    assert_eq!(director.ipvs.stop_daemon(Role::Backup), Ok(()));
    assert_eq!(director.ipvs.stop_daemon(Role::Backup), Err(Error::NoDaemon));
}

proptest! {
    #[test]
    fn no_message_is_too_strange(mut noise in prop::collection::vec(any::<u8>(), 0..200), like_real: bool, id: u8) {
        if like_real && noise.len() >= 8 {
            let size = (noise.len() as u16).to_be_bytes();
            noise[..4].copy_from_slice(&[0, id, size[0], size[1]]);
            noise[5..8].copy_from_slice(&[1, 0, 0]);
        }
        let mut director = Director::rr(&[1]);
        let now = director.now;
        director.ipvs.start_daemon(Role::Backup, Settings::default(), 1500, now).unwrap();
        director.ipvs.receive(&noise, now);
    }

    #[test]
    fn what_is_written_can_be_read(
        ports in prop::collection::vec((any::<u16>(), prop::option::of("[a-z]{1,40}")), 1..30)
    ) {
        let template = message::read(&bytes(RECORDED), 7).remove(0);
        let entries: Vec<Entry> = ports.into_iter().map(|(port, data)| {
            let mut entry = template.clone();
            entry.client.set_port(port);
            entry.data = data.map(Into::into);
            entry
        }).collect();
        let mut writer = Writer::new(1, 7, 1472);
        let mut taken = Vec::new();
        for entry in entries {
            if writer.takes(&entry, 1) {
                writer.add(&entry);
                taken.push(entry);
            }
        }
        prop_assert_eq!(message::read(&writer.finish(), 7), taken);
    }
}
