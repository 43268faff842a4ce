//! The client file as it is written.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Component, Path};

use regex::Regex;
use serde::{Deserialize, Serialize};

use super::{ClientError, Millis, Supports, render};
use crate::keystore::Layout;
use crate::yaml;

/// The role of an execution engine. A node's engine may be that of another client; a definition that has no other role
/// is that of an execution client.
pub const ENGINE: &str = "engine";
/// The role of a validator client. A node's validator may be that of another client.
pub const VALIDATOR: &str = "validator";

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
    /// Why it can't be had any more, if so: then no network is one for it, and this is the reason.
    #[serde(default)]
    pub gone: Option<String>,
    /// Known behaviour that a verdict may have to do with: quoted by the report of a run that did not pass.
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
    /// Container image, if not that of `versions`. A template: some clients have one a preset.
    #[serde(default)]
    pub image: Option<String>,
    /// What is run in the image, if not its own entry point.
    #[serde(default)]
    pub entrypoint: Vec<String>,
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
    /// Files in its data folder that are there before it first starts, by path: templates. A text that begins with
    /// `hex:` stands for those bytes.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// What the same program is run with, to its end, before it first starts: each a list of templates as in `args`.
    #[serde(default)]
    pub setup: Vec<Vec<String>>,
    /// Arguments from the command line, not templates: each takes the place of those in `args` with its flag.
    #[serde(skip_deserializing, skip_serializing_if = "Vec::is_empty")]
    pub extra: Vec<String>,
    /// How it is given the validators of its node, if it is the role that signs.
    #[serde(default)]
    pub keys: Option<KeyArgs>,
    /// How to know that it serves.
    #[serde(default)]
    pub ready: Option<Ready>,
    /// How long it takes from its start until it does, on a busy machine: genesis comes no sooner, until it was measured.
    #[serde(default)]
    pub starts_in: Option<Millis>,
    /// How its network identity is known.
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
    /// Keystore files (EIP-2335), for clients that read no other keys, and for keys that are not one range.
    #[serde(default)]
    pub keystores: Option<Keystores>,
}

impl KeyArgs {
    /// The keystores that it is given for these ranges of interop keys, if it is given any: where it takes a range, it
    /// is given keystores for several only.
    pub fn keystores_for(&self, ranges: &[Range<u64>]) -> Option<&Keystores> {
        self.keystores.as_ref().filter(|_| self.interop_range.is_empty() || ranges.len() > 1)
    }
}

/// Keystore files as one client reads them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keystores {
    /// How the files are named.
    pub layout: Layout,
    /// Argument templates that name what is in the folder `keys.dir`.
    pub args: Vec<String>,
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
    /// Longer than this is a failure to start.
    pub within: Millis,
}

fn rest_port() -> String {
    "rest".into()
}

/// How a network identity is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Identity {
    /// Where its peer id is known from.
    pub from: IdentitySource,
}

/// Where a peer id is known from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IdentitySource {
    /// It takes the key that it is given (`node.key`): known before it starts.
    #[default]
    Key,
    /// It makes its own and says it when asked (`/eth/v1/node/identity`).
    Api,
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

    /// How long a node of these roles takes to start, one after the other.
    pub fn starts_in<'a>(&self, roles: impl Iterator<Item = &'a str>) -> Millis {
        let times = roles.filter_map(|role| self.roles.get(role)?.starts_in);
        Millis(times.map(|time| time.0).sum())
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
            if let Some(path) = role.files.keys().find(|path| !is_inside(path)) {
                return Err(format!("roles.{name}.files: `{path}` must be a path within the data folder"));
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

/// Whether a relative path stays below where it starts.
fn is_inside(path: &str) -> bool {
    !path.is_empty() && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}
