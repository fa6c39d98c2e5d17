//! The network as a graph: switches and machines, with an edge for each cable.

use std::collections::VecDeque;

use petgraph::graph::{NodeIndex, UnGraph};
use petgraph::visit::EdgeRef;

use super::{Network, Role};

/// A switch or a machine, by its place in the [`Network`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Vertex {
    /// A switch: a broadcast domain.
    Switch(usize),
    /// A machine.
    Machine(usize),
}

/// Who is plugged in where. The weight of an edge is the interface's place in its machine.
pub struct Graph {
    graph: UnGraph<Vertex, usize>,
    switches: Vec<NodeIndex>,
    machines: Vec<NodeIndex>,
}

impl Graph {
    /// The graph of a network.
    pub fn of(network: &Network) -> Graph {
        let mut graph = UnGraph::default();
        let switches: Vec<_> = (0..network.switches.len()).map(|at| graph.add_node(Vertex::Switch(at))).collect();
        let machines: Vec<_> = (0..network.machines.len()).map(|at| graph.add_node(Vertex::Machine(at))).collect();
        for (machine, &from) in network.machines.iter().zip(&machines) {
            for (place, interface) in machine.interfaces.iter().enumerate() {
                if let Some(&to) = interface.switch.and_then(|switch| switches.get(switch)) {
                    graph.add_edge(from, to, place);
                }
            }
        }
        Graph { graph, switches, machines }
    }

    /// petgraph's own.
    pub fn inner(&self) -> &UnGraph<Vertex, usize> {
        &self.graph
    }

    /// The machines on a switch, each once, in the scenario's order: those who hear one another's broadcasts.
    pub fn domain(&self, switch: usize) -> Vec<usize> {
        let Some(&at) = self.switches.get(switch) else { return Vec::new() };
        let machine = |neighbour| match self.graph[neighbour] {
            Vertex::Machine(machine) => Some(machine),
            Vertex::Switch(_) => None,
        };
        let mut machines: Vec<_> = self.graph.neighbors(at).filter_map(machine).collect();
        machines.sort_unstable();
        machines.dedup();
        machines
    }

    /// The cables of a machine: interface and switch, in the interfaces' order.
    pub fn cables(&self, machine: usize) -> Vec<(usize, usize)> {
        let Some(&at) = self.machines.get(machine) else { return Vec::new() };
        let mut cables: Vec<_> = self
            .graph
            .edges(at)
            .filter_map(|edge| match self.graph[edge.target()] {
                Vertex::Switch(switch) => Some((*edge.weight(), switch)),
                Vertex::Machine(_) => None,
            })
            .collect();
        cables.sort_unstable();
        cables
    }

    /// The [`Graph::distances`] from the switches that clients are on: of several, that with the most clients comes first.
    pub fn ranks(&self, network: &Network) -> (Vec<usize>, Vec<usize>) {
        let is_client = |machine: &usize| network.role(&network.machines[*machine]) == Role::Client;
        let clients = |switch: usize| self.domain(switch).iter().filter(|machine| is_client(machine)).count();
        let mut roots: Vec<_> = (0..network.switches.len()).filter(|&switch| clients(switch) > 0).collect();
        roots.sort_by_key(|&switch| (std::cmp::Reverse(clients(switch)), switch));
        self.distances(&roots)
    }

    /// How many machines lie between each switch and the nearest of `roots`, and in which order the switches are reached.
    /// Parts that no root reaches begin with their own first switch.
    pub fn distances(&self, roots: &[usize]) -> (Vec<usize>, Vec<usize>) {
        let mut distance = vec![None; self.switches.len()];
        let mut order = Vec::new();
        let mut queue = VecDeque::new();
        for start in roots.iter().copied().chain(0..self.switches.len()) {
            if distance.get(start).is_none_or(Option::is_some) {
                continue;
            }
            distance[start] = Some(0);
            queue.push_back((start, 0));
            while let Some((switch, steps)) = queue.pop_front() {
                order.push(switch);
                for (_, next) in self.domain(switch).into_iter().flat_map(|machine| self.cables(machine)) {
                    if distance[next].is_none() {
                        distance[next] = Some(steps + 1);
                        queue.push_back((next, steps + 1));
                    }
                }
            }
        }
        (distance.into_iter().map(Option::unwrap_or_default).collect(), order)
    }
}

impl Network {
    /// The machines from the clients inwards: the order in which packets meet them.
    pub fn order(&self) -> Vec<usize> {
        let graph = Graph::of(self);
        let (rank, _) = graph.ranks(self);
        let mut order: Vec<_> = (0..self.machines.len()).collect();
        let nearest = |machine: usize| graph.cables(machine).iter().map(|cable| rank[cable.1]).min();
        // Those that are plugged in nowhere come last.
        order.sort_by_key(|&at| (nearest(at).unwrap_or(usize::MAX), self.role(&self.machines[at]), at));
        order
    }
}
