//! The network as text, for terminals.

use std::io::{self, Write};

use super::{Graph, Machine, Network, plan};

/// Writes the network: each broadcast domain with its machines, then services, then what is wrong with the addresses.
///
/// # Errors
///
/// Those of the writer.
pub fn write(out: &mut dyn Write, network: &Network) -> io::Result<()> {
    writeln!(out, "{}", network.title)?;
    let graph = Graph::of(network);
    let name_width = network.machines.iter().map(|machine| machine.name.chars().count()).max().unwrap_or_default();
    let part_width = network.machines.iter().map(|machine| network.part(machine).len()).max().unwrap_or_default();
    for (place, switch) in network.switches.iter().enumerate() {
        writeln!(out, "\n{switch}")?;
        let members = graph.domain(place);
        for (at, &member) in members.iter().enumerate() {
            let machine = &network.machines[member];
            let (branch, trunk) = if at + 1 == members.len() { ("└─", "  ") } else { ("├─", "│ ") };
            let mut lead = format!("{branch} {:<name_width$}  {:<part_width$}  ", machine.name, network.part(machine));
            for line in addresses(network, machine, place) {
                writeln!(out, "{}", format!("{lead}{line}").trim_end())?;
                lead = format!("{trunk} {:<name_width$}  {:<part_width$}  ", "", "");
            }
        }
    }
    let alone = network.machines.iter().filter(|machine| machine.switches().next().is_none());
    let alone: Vec<_> = alone.map(|machine| machine.name.as_str()).collect();
    if !alone.is_empty() {
        writeln!(out, "\nplugged in nowhere: {}", alone.join(", "))?;
    }
    services(out, network)?;
    let findings = plan::check(network);
    if !findings.is_empty() {
        writeln!(out, "\nthe address plan")?;
    }
    findings.iter().try_for_each(|finding| writeln!(out, "  {finding}"))
}

/// The lines about a machine's addresses on a switch, and those that it has on no switch.
fn addresses(network: &Network, machine: &Machine, switch: usize) -> Vec<String> {
    let vips = network.virtual_addresses();
    let mut lines = Vec::new();
    for interface in machine.interfaces.iter().filter(|it| it.switch.is_none_or(|on| on == switch)) {
        if interface.addresses.is_empty() && interface.switch.is_some() {
            lines.push(format!("{:<5} no address", interface.name));
        }
        for address in &interface.addresses {
            let mut line = format!("{:<5} {}", interface.name, address.net);
            if vips.contains(&address.net.addr()) {
                line += "  VIP";
            }
            if address.floats {
                line += ", as master";
            } else if !address.answers {
                line += ", silent";
            }
            lines.push(line);
        }
    }
    lines
}

fn services(out: &mut dyn Write, network: &Network) -> io::Result<()> {
    for (place, (director, service)) in network.services().enumerate() {
        if place == 0 {
            writeln!(out, "\nservices")?;
        }
        writeln!(out, "  {}  {} at {}", service.name, service.scheduler, director.name)?;
        for server in &service.servers {
            let mut holders = network.holders(*server.at.ip()).map(|machine| machine.name.as_str());
            let name = holders.next().unwrap_or("nobody");
            let at = server.at.to_string();
            writeln!(out, "    {name:<8} {at:<21} {:<3} weight {}", server.method.name(), server.weight)?;
        }
    }
    Ok(())
}
