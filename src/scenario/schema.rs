//! The scenario file as it is written: these types are its reference.
//!
//! Names, times and addresses are still texts here; `check` turns them into a [`Plan`](super::Plan).

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer};

/// A laboratory: its switches and machines, what is done to them, and what must come of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// One line that says what the scenario shows.
    pub title: String,
    /// Names that stand for other texts, and what each may be, the usual first: `${name}` anywhere in the file is replaced
    /// before the rest is read. `--set name=value` chooses another one, and `lvslab sweep` runs through all of them. A name
    /// that several parameters set is the first one's.
    #[serde(default)]
    pub parameters: Entries<Choices>,
    /// What all randomness of the run is drawn from; `--seed` wins over it.
    #[serde(default = "first_seed")]
    pub seed: u64,
    /// The switches: a list of names, or a map of names to options.
    #[serde(default)]
    pub switches: Switches,
    /// The machines by name. Their order numbers them: the first one's MAC addresses begin with 02:00:00:00:01.
    pub nodes: Entries<Node>,
    /// Names of addresses: they stand in every machine's /etc/hosts, and tools show them where they are not told to be numeric.
    #[serde(default)]
    pub hosts: Entries<String>,
    /// What happens when, once everything is set up.
    #[serde(default)]
    pub timeline: Vec<Step>,
    /// When the run ends; no step may come later. Without it, the run ends when the last command in the foreground is done.
    /// Either way the lab is watched 0.6 s longer, so that closing handshakes and late acknowledgements are seen.
    #[serde(default)]
    pub until: Option<String>,
    /// The run is stopped when it has more events than this; 2,000,000 unless told. `--max-events` wins over it.
    #[serde(default)]
    pub max_events: Option<u64>,
    /// What must be true of the run.
    #[serde(default)]
    pub expect: Vec<Expectation>,
}

fn first_seed() -> u64 {
    1
}

/// What a parameter may be.
#[derive(Clone, Debug)]
pub enum Choices {
    /// One of these texts, or any other: `"advert_int": ["1", "0.1"]`.
    Texts(Vec<String>),
    /// Something with a name, which sets several names at once: `"failure": { "crash": { "step": "...", "missed": "3" } }`.
    Named(Entries<Entries<String>>),
}

/// The switches by name.
#[derive(Clone, Debug, Default)]
pub struct Switches(pub Entries<Switch>);

/// What is special about a switch.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Switch {
    /// How long an address that is not heard from is remembered, like "300s".
    pub ageing: Option<String>,
    /// Whether it drops multicast instead of flooding it, as the networks of many clouds do.
    pub filter_multicast: bool,
}

/// A machine: a Linux with network interfaces.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Node {
    /// The network interfaces by name, and what they are plugged into. `lo` is always there.
    #[serde(deserialize_with = "plugs")]
    pub interfaces: Entries<Interface>,
    /// Commands that are run before time 0, one after the other. One that fails makes the scenario wrong, unless it
    /// ends in `|| true`.
    pub setup: Vec<String>,
    /// Files of the machine: their paths and texts.
    pub files: Entries<String>,
}

/// A network interface and its cable. A plain text is short for the switch: `"eth0": "lan"`.
///
/// What the cable does to frames, it does in each direction by itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interface {
    /// The switch that it is plugged into.
    pub switch: String,
    /// Its hardware address, if not 02:00:00:00:NN:II (machine NN from 1, interface II from 0).
    #[serde(default)]
    pub mac: Option<String>,
    /// The largest IP datagram that it sends, in bytes; 1500 unless told.
    #[serde(default)]
    pub mtu: Option<u32>,
    /// How long a frame travels, like "1ms"; 50us unless told.
    #[serde(default)]
    pub latency: Option<String>,
    /// How many bits the cable takes in a second, like "100M"; without it, frames take no time to send.
    #[serde(default)]
    pub bandwidth: Option<String>,
    /// How many frames a cable with a bandwidth holds, the one that is being sent included; further ones are lost.
    #[serde(default)]
    pub queue: Option<usize>,
    /// The part of all frames that is lost, from 0 to 1.
    #[serde(default)]
    pub loss: Option<f64>,
    /// How much longer a frame may take by chance, like "1ms". Frames stay in order.
    #[serde(default)]
    pub jitter: Option<String>,
    /// The part of all frames that overtakes those under way, from 0 to 1.
    #[serde(default)]
    pub reorder: Option<f64>,
    /// The part of all frames that arrives twice, from 0 to 1.
    #[serde(default)]
    pub duplicate: Option<f64>,
}

/// Something that happens at a moment of the run.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// When, counted from the end of the set-up, like "1.5s".
    pub at: String,
    /// The machine at which a command is typed.
    #[serde(default)]
    pub node: Option<String>,
    /// The command. The next one at the same terminal waits for it, unless it ends in `&`.
    #[serde(default)]
    pub run: Option<String>,
    /// At which terminal of the machine it is typed, from 1; the first unless told. Commands at different terminals do
    /// not wait for one another, and share no variables.
    #[serde(default)]
    pub terminal: Option<u16>,
    /// What breaks or is mended.
    #[serde(default)]
    pub fault: Option<Fault>,
}

/// Something that breaks or is mended.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Fault {
    /// The cable of an interface, like "rs1.eth0", is pulled out.
    LinkDown(String),
    /// The cable of an interface is plugged in again.
    LinkUp(String),
    /// The cable of an interface loses this part of all frames, from 0 to 1, and neither end notices: those that come
    /// `in`, and those that go `out`. One of them alone makes a cable that works one way only.
    Lossy {
        /// The interface.
        on: String,
        /// Of the frames that come in; 0 unless told.
        #[serde(default, rename = "in")]
        inward: f64,
        /// Of the frames that go out; 0 unless told.
        #[serde(default, rename = "out")]
        outward: f64,
    },
    /// A machine loses power. Its links go down, and all that its memory held is gone: programs, addresses, routes,
    /// connections, tables, settings. Its files stay. What is typed at it while it is off is lost.
    Crash(String),
    /// A machine has been switched on again; one that was on loses power first. It has the files that it had. The
    /// commands of its `setup` run again, as a machine's own start-up configuration does, and then the services that
    /// have been enabled (`systemctl enable`). All else that commands had configured is lost.
    Boot(String),
    /// A machine is overloaded: each time that one of its programs could go on, it waits for its turn, for `delay` and by
    /// chance up to `jitter` more. The kernel does not wait: it answers pings and ARP as ever. `Slow(node: "ds1")` ends it.
    Slow {
        /// The machine.
        node: String,
        /// How long a program waits at least, like "2s".
        #[serde(default)]
        delay: Option<String>,
        /// How much longer it may wait.
        #[serde(default)]
        jitter: Option<String>,
    },
}

/// Something that must be true of the run.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Expectation {
    /// A command of the timeline printed this, and ended with this status. All that is given must hold.
    Output {
        /// Where the command was typed.
        node: String,
        /// The command, as it stands in the timeline. Of several that are the same, all are meant.
        run: String,
        /// Texts that its standard output must contain.
        #[serde(default)]
        contains: Vec<String>,
        /// Texts that its standard output must not contain.
        #[serde(default)]
        lacks: Vec<String>,
        /// Its whole standard output, white space at both ends aside.
        #[serde(default)]
        equals: Option<String>,
        /// A line of its standard output must be like this, `*` standing for any text.
        #[serde(default)]
        line: Option<String>,
        /// Its exit status.
        #[serde(default)]
        status: Option<i32>,
        /// What this shows, in a sentence that is true if it holds.
        say: String,
    },
    /// The requests of a client (`get`, `hold`, `curl`) were answered by these machines, in this order; an entry may
    /// also be what the client printed instead, like "timeout" or "refused".
    Served {
        /// The client.
        client: String,
        /// The command, if only one is meant.
        #[serde(default)]
        run: Option<String>,
        /// Who answered.
        by: Vec<String>,
        /// Whether the order counts.
        #[serde(default)]
        any_order: bool,
        /// What this shows, in a sentence that is true if it holds.
        say: String,
    },
    /// The requests of a client (`get`, `hold`, `curl`, `load`) were shared between servers like this.
    Share {
        /// The client.
        client: String,
        /// The command, if only one is meant.
        #[serde(default)]
        run: Option<String>,
        /// The part of each server, from 0 to 1.
        of: Entries<f64>,
        /// How far off each part may be; 0.05 unless told.
        #[serde(default = "five_percent")]
        within: f64,
        /// What this shows, in a sentence that is true if it holds.
        say: String,
    },
    /// These machines, and no others, hold an address at a moment: it is on a network card that is switched on. (A real
    /// server that has it on `lo` does not count.) It is called split brain if they are more than one.
    Holders {
        /// The address.
        of: String,
        /// When; what the timeline does at the same time has been done.
        at: String,
        /// The machines.
        are: Vec<String>,
        /// What this shows, in a sentence that is true if it holds.
        say: String,
    },
    /// The longest time in which no frame of a kind passed an interface: how long a service was out, if the frames are
    /// the answers to somebody who asks all the time.
    Silence {
        /// The interface, like "client.eth0".
        on: String,
        /// Which frames, in the language of `--trace`.
        filter: String,
        /// When the watch begins; with the first such frame, unless told.
        #[serde(default)]
        from: Option<String>,
        /// When it ends; with the run, unless told.
        #[serde(default)]
        to: Option<String>,
        /// The column of `lvslab sweep` that it is written into; none without a name.
        #[serde(default)]
        name: Option<String>,
        /// What theory says that it is at most, in seconds: numbers, `+ - * /` and parentheses, like
        /// "3 * ${advert_int} + 0.5". A column beside the other one.
        #[serde(default)]
        theory: Option<String>,
        /// How long it was at least.
        #[serde(default)]
        at_least: Option<String>,
        /// How long it was at most.
        #[serde(default)]
        at_most: Option<String>,
        /// What this shows, in a sentence that is true if it holds.
        say: String,
    },
    /// So many frames of a kind passed an interface.
    Frames {
        /// The interface, like "rs1.eth0".
        on: String,
        /// Which frames, in the language of `--trace`; those in both directions unless it says `in` or `out`.
        filter: String,
        /// How many at least; 1 unless told, and 0 if `at_most` is given.
        #[serde(default)]
        at_least: Option<u64>,
        /// How many at most.
        #[serde(default)]
        at_most: Option<u64>,
        /// What this shows, in a sentence that is true if it holds.
        say: String,
    },
}

fn five_percent() -> f64 {
    0.05
}

/// A map of the file in the file's order. A key that stands twice is here twice, so that the check can point at it.
#[derive(Clone, Debug)]
pub struct Entries<T>(pub Vec<(String, T)>);

impl<T> Default for Entries<T> {
    fn default() -> Entries<T> {
        Entries(Vec::new())
    }
}

impl<T> Entries<T> {
    /// Keys and values in the file's order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &T)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The keys in the file's order.
    pub fn keys(&self) -> Vec<&str> {
        self.0.iter().map(|(key, _)| key.as_str()).collect()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Entries<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Entries<T>, D::Error> {
        deserializer.deserialize_map(EntriesVisitor(PhantomData))
    }
}

struct EntriesVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for EntriesVisitor<T> {
    type Value = Entries<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map in braces")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries<T>, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Entries(entries))
    }
}

impl<'de> Deserialize<'de> for Switches {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Switches, D::Error> {
        deserializer.deserialize_any(SwitchesVisitor)
    }
}

struct SwitchesVisitor;

impl<'de> Visitor<'de> for SwitchesVisitor {
    type Value = Switches;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of names, or a map of names to options")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Switches, A::Error> {
        let mut names = Vec::new();
        while let Some(name) = seq.next_element()? {
            names.push((name, Switch::default()));
        }
        Ok(Switches(Entries(names)))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Switches, A::Error> {
        EntriesVisitor(PhantomData).visit_map(map).map(Switches)
    }
}

impl Choices {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        match self {
            Choices::Texts(texts) => texts.is_empty(),
            Choices::Named(Entries(named)) => named.is_empty(),
        }
    }
}

impl<'de> Deserialize<'de> for Choices {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Choices, D::Error> {
        deserializer.deserialize_any(ChoicesVisitor)
    }
}

struct ChoicesVisitor;

impl<'de> Visitor<'de> for ChoicesVisitor {
    type Value = Choices;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of texts, or a map of names to what each of them sets")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Choices, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = seq.next_element()? {
            texts.push(text);
        }
        Ok(Choices::Texts(texts))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Choices, A::Error> {
        EntriesVisitor(PhantomData).visit_map(map).map(Choices::Named)
    }
}

/// An interface in either of its forms.
struct Plug(Interface);

fn plugs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Entries<Interface>, D::Error> {
    let Entries(plugs) = Entries::<Plug>::deserialize(deserializer)?;
    Ok(Entries(plugs.into_iter().map(|(name, Plug(interface))| (name, interface)).collect()))
}

impl<'de> Deserialize<'de> for Plug {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Plug, D::Error> {
        deserializer.deserialize_any(PlugVisitor)
    }
}

struct PlugVisitor;

impl<'de> Visitor<'de> for PlugVisitor {
    type Value = Plug;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a switch, or (switch: \"...\", ...)")
    }

    fn visit_str<E: de::Error>(self, switch: &str) -> Result<Plug, E> {
        Ok(Plug(Interface {
            switch: switch.to_owned(),
            mac: None,
            mtu: None,
            latency: None,
            bandwidth: None,
            queue: None,
            loss: None,
            jitter: None,
            reorder: None,
            duplicate: None,
        }))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Plug, A::Error> {
        Interface::deserialize(MapAccessDeserializer::new(map)).map(Plug)
    }
}
