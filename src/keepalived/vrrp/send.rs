//! Advertisements on their way out (vrrp.c vrrp_send_adv).

use super::effect::{Effect, Message};
use super::{Vrrp, ah, packet};
use crate::keepalived::conf::Authentication;
use crate::wire::proto;

impl Vrrp {
    /// An advertisement of this priority, to the group or to each peer.
    pub(super) fn advertise(&mut self, place: usize, priority: u8) {
        let router = &mut self.routers[place];
        let Some(source) = router.source else { return };
        // The kernel would fill in a 0.
        router.ip_id = router.ip_id.checked_add(1).unwrap_or(1);
        router.sequence = router.sequence.saturating_add(1);
        let it = &router.config;
        let peers: Vec<_> = it.peers.iter().map(|peer| peer.address).collect();
        let destinations = if peers.is_empty() { vec![it.group] } else { peers };
        let (id, ttl) = (router.ip_id, if it.is_unicast() { it.unicast_ttl } else { 255 });
        for destination in destinations {
            let mut bytes = Vec::new();
            packet::write(&mut bytes, it, priority, source, destination);
            let mut protocol = proto::VRRP;
            if let Some(Authentication::Header(key)) = it.authentication {
                bytes = ah::seal(key, (source, destination), (id, ttl), router.sequence, &bytes);
                protocol = proto::AH;
            }
            let (interface, whose) = (router.speaks_by(), (it.name.clone(), priority == 0));
            let message = Message { interface, source, destination, protocol, ttl, id, bytes, whose };
            self.effects.push(Effect::Send(message));
        }
    }
}
