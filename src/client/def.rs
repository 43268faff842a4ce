//! The client file as it is written.

use std::collections::BTreeMap;

use regex::Regex;
use serde::{Deserialize, Serialize};

use super::{ClientError, Millis, Supports, render};
use crate::yaml;

/// The role of an execution engine. A node's engine may be that of another client; a definition that has no other role
/// is that of an execution client.
pub const ENGINE: &str = "engine";

/// A client: everything that the orchestrator knows of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientDef {
    /// Short name: lower-case letters, digits and `-`.
    pub name: String,
    /// One line about it.
    pub about: String,
    /// The networks it can take part in.
    pub supports: Supports,
    /// Where its releases are, and which have been tried.
    #[serde(default)]
    pub versions: Versions,
    /// The processes that make one node; [`ClientDef::start_order`] says in which order they start.
    pub roles: BTreeMap<String, Role>,
    /// Whether it is this program's own client, which runs in the simulation too.
    #[serde(default)]
    pub embedded: bool,
    /// Known behaviour that a verdict may have to do with.
    #[serde(default)]
    pub quirks: Vec<Quirk>,
    /// What its logs are read for.
    #[serde(default)]
    pub logs: LogPatterns,
}

/// Where releases are, and which have been tried.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Versions {
    /// Container image.
    #[serde(default)]
    pub image: Option<String>,
    /// Releases that took part in a run.
    #[serde(default)]
    pub tried: Vec<String>,
}

/// One process of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// The role that is started before this one, and ended after it. The role `engine` need not be this client's own.
    #[serde(default)]
    pub needs: Option<String>,
    /// Container image, if not that of `versions`.
    #[serde(default)]
    pub image: Option<String>,
    /// Local program: a name on PATH or a path. A template; `{{ lockin }}` is the running binary.
    #[serde(default)]
    pub program: Option<String>,
    /// Ports that it listens on, by the name that templates use: `ports.rest`.
    #[serde(default)]
    pub ports: BTreeMap<String, Transport>,
    /// One template a line; a line that renders to nothing drops out, one that renders to several lines is several
    /// arguments.
    #[serde(default)]
    pub args: Vec<String>,
    /// Environment, values are templates.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// How it is given the validators of its node, if it is the role that signs.
    #[serde(default)]
    pub keys: Option<KeyArgs>,
    /// How to know that it serves.
    #[serde(default)]
    pub ready: Option<Ready>,
    /// How to read its network identity off the Beacon API.
    #[serde(default)]
    pub identity: Identity,
    /// Where it serves metrics.
    #[serde(default)]
    pub metrics: Option<Metrics>,
    /// How it is ended.
    #[serde(default)]
    pub stop: Stop,
    /// Exit codes by which it says that its environment is at fault, not itself: a port taken, a disk full.
    #[serde(default)]
    pub environment_exits: Vec<i32>,
}

/// What a port speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// Ways to hand over validator keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyArgs {
    /// Argument templates for interop keys, which need no files.
    #[serde(default)]
    pub interop_range: Vec<String>,
    /// The layout of keystore files that it reads.
    #[serde(default)]
    pub keystores: Option<String>,
}

/// How to know that a process serves: a request that succeeds, or a connection where nothing can be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ready {
    /// Name of the port.
    #[serde(default = "rest_port")]
    pub port: String,
    /// Path that is asked for; without it, it is enough that the port takes connections.
    #[serde(default)]
    pub get: Option<String>,
    /// Status codes that mean yes.
    #[serde(default)]
    pub status: Vec<u16>,
    /// How long it takes as a rule, on a machine that has other things to do, too.
    #[serde(default)]
    pub takes: Option<Millis>,
    /// Longer than this is a failure to start.
    pub within: Millis,
}

fn rest_port() -> String {
    "rest".into()
}

/// How to read the network identity off the Beacon API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Identity {
    /// Request headers that it needs.
    pub headers: BTreeMap<String, String>,
    /// Which of its addresses is the right one.
    pub address: AddressChoice,
}

/// Which of several addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AddressChoice {
    /// The first.
    #[default]
    First,
    /// The last.
    Last,
}

/// Where metrics are served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// Name of the port.
    pub port: String,
    /// Path.
    #[serde(default = "metrics_path")]
    pub path: String,
}

fn metrics_path() -> String {
    "/metrics".into()
}

/// How a process is ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Stop {
    /// Sent first.
    pub signal: Signal,
    /// After this long it is killed.
    pub within: Millis,
}

impl Default for Stop {
    fn default() -> Self {
        Stop { signal: Signal::Term, within: Millis(10_000) }
    }
}

/// A signal that asks a process to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Signal {
    /// SIGTERM.
    Term,
    /// SIGINT.
    Int,
    /// SIGKILL.
    Kill,
}

/// Known behaviour that a verdict may have to do with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quirk {
    /// Short name.
    pub id: String,
    /// A sentence for reports.
    pub says: String,
    /// How it is known.
    pub source: String,
}

/// What logs are read for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogPatterns {
    /// Regular expressions of lines that are trouble.
    pub bad: Vec<String>,
    /// Regular expressions of lines that are none, though they look it.
    pub expected: Vec<String>,
}

impl ClientDef {
    /// Reads and checks a definition.
    ///
    /// # Errors
    /// Broken YAML, unknown keys, and whatever can be known to fail later: templates that don't parse or ask for
    /// unknown variables, patterns that are no regular expressions, roles that need a role there is not.
    pub fn from_bytes(file: &str, bytes: &[u8]) -> Result<ClientDef, ClientError> {
        let def: ClientDef = yaml::from_bytes(file, bytes)?;
        def.check().map_err(|why| yaml::Error::new(file, why))?;
        for (name, role) in &def.roles {
            render::check_templates(&def.name, name, role)?;
        }
        Ok(def)
    }

    /// The role called `role`.
    ///
    /// # Errors
    /// There is no such role.
    pub fn role(&self, role: &str) -> Result<&Role, ClientError> {
        self.roles.get(role).ok_or_else(|| ClientError::UnknownRole {
            client: self.name.clone(),
            role: role.into(),
            known: self.roles.keys().cloned().collect::<Vec<_>>().join(", "),
        })
    }

    /// The roles in the order in which they start: each after the one that it needs.
    pub fn start_order(&self) -> Vec<&str> {
        let mut order: Vec<&str> = Vec::new();
        for _ in 0..self.roles.len() {
            let there =
                |needed: &str| order.contains(&needed) || (needed == ENGINE && !self.roles.contains_key(ENGINE));
            let ready = |role: &Role| role.needs.as_deref().is_none_or(there);
            let next = self.roles.iter().find(|(name, role)| !order.contains(&name.as_str()) && ready(role));
            match next {
                Some((name, _)) => order.push(name),
                None => break,
            }
        }
        order
    }

    /// The role that is given the node's validators, if any.
    pub fn signing_role(&self) -> Option<&str> {
        self.roles.iter().find(|(_, role)| role.keys.is_some()).map(|(name, _)| name.as_str())
    }

    fn check(&self) -> Result<(), String> {
        let plain = |name: &str| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        };
        if !plain(&self.name) {
            return Err(format!("name: `{}` must be lower-case letters, digits and `-`", self.name));
        }
        if self.roles.is_empty() {
            return Err("roles: there is none; a client has at least the role `beacon`".into());
        }
        if self.start_order().len() < self.roles.len() {
            return Err("roles: they need each other in a circle, or one needs a role there is not".into());
        }
        for (name, role) in &self.roles {
            if !plain(name) {
                return Err(format!("roles: `{name}` must be lower-case letters, digits and `-`"));
            }
            if let Some(metrics) = role.metrics.as_ref().filter(|metrics| !role.ports.contains_key(&metrics.port)) {
                return Err(format!("roles.{name}.metrics.port: `{}` is none of its ports", metrics.port));
            }
            if let Some(ready) = &role.ready {
                if !role.ports.contains_key(&ready.port) {
                    return Err(format!("roles.{name}.ready.port: `{}` is none of its ports", ready.port));
                }
                if ready.get.is_some() == ready.status.is_empty() {
                    return Err(format!("roles.{name}.ready: `get` and `status` go together"));
                }
            }
            if name == ENGINE && !role.ports.contains_key(ENGINE) {
                return Err(format!("roles.{name}.ports: needs one called `{ENGINE}`, where it serves the Engine API"));
            }
        }
        for pattern in self.logs.bad.iter().chain(&self.logs.expected) {
            Regex::new(pattern).map_err(|error| format!("logs: `{pattern}` is no regular expression: {error}"))?;
        }
        Ok(())
    }
}
