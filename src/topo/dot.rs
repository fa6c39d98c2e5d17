//! The network in Graphviz's language.

use petgraph::dot::{Config, Dot};
use petgraph::visit::EdgeRef;

use super::{Graph, Network, Role, Vertex};

/// The network as a graph that `dot` or `neato` draws.
pub fn dot(network: &Network) -> String {
    let graph = Graph::of(network);
    let cable = |graph: &petgraph::graph::UnGraph<Vertex, usize>, edge: petgraph::graph::EdgeReference<'_, usize>| {
        let end = [edge.source(), edge.target()].into_iter().find_map(|end| match graph[end] {
            Vertex::Machine(machine) => network.machines.get(machine),
            Vertex::Switch(_) => None,
        });
        let name = end.and_then(|machine| machine.interfaces.get(*edge.weight())).map_or("", |it| it.name.as_str());
        format!("label=\"{}\"", escape(name))
    };
    let vertex = |_: &petgraph::graph::UnGraph<Vertex, usize>, (_, vertex): (_, &Vertex)| match *vertex {
        Vertex::Switch(switch) => {
            format!("label=\"{}\", shape=box, style=filled, fillcolor=\"#e8ecf2\"", escape(&network.switches[switch]))
        }
        Vertex::Machine(machine) => machine_attributes(network, machine),
    };
    let config = [Config::NodeNoLabel, Config::EdgeNoLabel];
    format!("// by lvslab topo\n{:?}", Dot::with_attr_getters(graph.inner(), &config, &cable, &vertex))
}

fn machine_attributes(network: &Network, machine: usize) -> String {
    let machine = &network.machines[machine];
    let mut label = format!("{}\\n{}", escape(&machine.name), network.part(machine));
    for (interface, address) in machine.addresses() {
        label += &format!("\\n{} {}", escape(&interface.name), address.net);
    }
    let colour = match network.role(machine) {
        Role::Client => "#0072b2",
        Role::Router => "#cc79a7",
        Role::Director => "#e69f00",
        Role::RealServer => "#009e73",
    };
    format!("label=\"{label}\", shape=box, style=rounded, color=\"{colour}\"")
}

/// A text as it stands between the quotes of Graphviz.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_end_their_quotes() {
        assert_eq!(escape(r#"a"b\"#), r#"a\"b\\"#);
    }
}
