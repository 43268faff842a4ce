//! What steps and checks may refer to while they are resolved.

use super::super::error::{Error, Source};
use super::super::plan::{Link, Node};
use super::super::raw::{At, RawNames, Word};
use super::super::steps::Step;
use crate::topology::Start;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::str::FromStr;

/// The names in force at a place of the file.
pub struct Scope<'a> {
    /// For messages.
    pub source: Source<'a>,
    /// Of the plan.
    pub nodes: &'a [Node],
    /// Of the plan.
    pub links: &'a [Link],
    /// Nodes that run at this place of the steps.
    pub up: BTreeSet<String>,
    /// Nodes that ran at any place up to here.
    pub ever_up: BTreeSet<String>,
    /// Nodes that are paused at this place, until a step resumes them.
    pub paused: BTreeSet<String>,
    /// The sides of the partition that is in force at this place, until a step heals it.
    pub parted: Option<Vec<Vec<String>>>,
    /// What is wrong with nodes to the end of the run: the verb, and the node.
    pub impaired: BTreeSet<(&'static str, String)>,
    /// The steps before this place.
    pub steps: Vec<Step>,
}

impl<'a> Scope<'a> {
    /// The scope of the first step.
    pub fn new(source: Source<'a>, nodes: &'a [Node], links: &'a [Link]) -> Scope<'a> {
        let up: BTreeSet<_> = nodes.iter().filter(|n| n.start == Start::Genesis).map(|n| n.name.clone()).collect();
        Scope {
            source,
            nodes,
            links,
            ever_up: up.clone(),
            up,
            paused: BTreeSet::new(),
            parted: None,
            impaired: BTreeSet::new(),
            steps: Vec::new(),
        }
    }

    /// Reads a quantity; the error shows the accepted forms.
    pub fn read<Q: FromStr<Err: Display>>(&self, word: &Word) -> Result<Q, Error> {
        word.value.parse().map_err(|wrong: Q::Err| self.source.error(word, wrong.to_string()))
    }

    /// Reads a quantity that may be left out.
    pub fn read_optional<Q: FromStr<Err: Display>>(&self, word: Option<&Word>) -> Result<Option<Q>, Error> {
        word.map(|word| self.read(word)).transpose()
    }

    /// The nodes that are named. `all` means all, and nothing means `default`.
    pub fn names(&self, names: Option<&At<RawNames>>, default: &[String]) -> Result<Vec<String>, Error> {
        let Some(names) = names else { return Ok(default.to_owned()) };
        let mut found = Vec::new();
        for word in &names.value.0 {
            if word.value == "all" && names.value.0.len() == 1 {
                return Ok(self.nodes.iter().map(|node| node.name.clone()).collect());
            }
            if !self.nodes.iter().any(|node| node.name == word.value) {
                return Err(self.source.error_in(word, names, unknown_node(&word.value, self.nodes)));
            }
            if found.contains(&word.value) {
                return Err(self.source.error_in(word, names, format!("`{}` is named twice", word.value)));
            }
            found.push(word.value.clone());
        }
        if found.is_empty() {
            return Err(self.source.error(names, "no node is named; accepted: a node, a list of nodes, `all`"));
        }
        Ok(found)
    }

    /// Names of the nodes that run at this place, in the order of the file.
    pub fn up_now(&self) -> Vec<String> {
        self.nodes.iter().map(|node| node.name.clone()).filter(|name| self.up.contains(name)).collect()
    }

    /// A verb that a check refers to: some step must have it.
    pub fn verb(&self, word: &Word) -> Result<String, Error> {
        if self.steps.iter().any(|step| step.name() == word.value) {
            return Ok(word.value.clone());
        }
        let mut verbs: Vec<_> = self.steps.iter().map(Step::name).collect();
        verbs.dedup();
        let accepted = if verbs.is_empty() { "there is none".to_owned() } else { verbs.join(", ") };
        Err(self.source.error(word, format!("no step is a `{}`; accepted: the verb of a step: {accepted}", word.value)))
    }
}

/// The message for a name that no node has.
pub fn unknown_node(name: &str, nodes: &[Node]) -> String {
    let names: Vec<_> = nodes.iter().map(|node| node.name.as_str()).collect();
    format!("no node is named `{name}`; accepted: {}", names.join(", "))
}
