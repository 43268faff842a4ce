//! What the command line changes in definitions: a user's own image, program or arguments in a client's place.

use super::{ClientDef, ClientError};

/// One change: what of which client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What is changed.
    pub what: Changed,
    /// The client's name.
    pub client: String,
    /// One of its roles; all of them where a change can be of all.
    pub role: Option<String>,
    /// The new value, taken as it is.
    pub value: String,
}

/// What of a client can be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// The container image.
    Image,
    /// The local program.
    Program,
    /// An argument: it takes the place of those with its flag, or is added.
    Arg,
}

impl Changed {
    /// The flag of the command line.
    pub fn flag(self) -> &'static str {
        match self {
            Changed::Image => "--image",
            Changed::Program => "--program",
            Changed::Arg => "--arg",
        }
    }

    /// Reads `CLIENT=VALUE` or `CLIENT.ROLE=VALUE`.
    ///
    /// # Errors
    /// Other text, or no role where there must be one; the message says what is accepted.
    pub fn parse(self, text: &str) -> Result<Change, String> {
        let accepted = match self {
            Changed::Image => "CLIENT=REF or CLIENT.ROLE=REF, such as prysm.beacon=my/prysm:test",
            Changed::Program => "CLIENT.ROLE=FILE, such as prysm.beacon=./beacon-chain",
            Changed::Arg => "CLIENT.ROLE=ARG, such as prysm.beacon=--verbosity=debug",
        };
        let wrong = || format!("`{text}` is not {accepted}");
        let (whose, value) = text.split_once('=').filter(|(_, value)| !value.is_empty()).ok_or_else(wrong)?;
        let (client, role) = match whose.split_once('.') {
            Some((client, role)) if !role.is_empty() => (client, Some(role.to_owned())),
            None if self == Changed::Image => (whose, None),
            _ => return Err(wrong()),
        };
        if client.is_empty() {
            return Err(wrong());
        }
        Ok(Change { what: self, client: client.to_owned(), role, value: value.to_owned() })
    }
}

impl Change {
    /// Whether it is a change of the client of that name: `prysm` changes `prysm@new`, too, but not the other way round.
    pub fn is_of(&self, name: &str) -> bool {
        self.client == name || name.split_once('@').is_some_and(|(client, _)| self.client == client)
    }

    /// Whether this, of one version of a client, takes the place of a change that is of all its versions.
    pub(super) fn replaces(&self, general: &Change) -> bool {
        let flag = |change: &Change| change.value.split('=').next().map(str::to_owned);
        let same_place = self.what == general.what && (self.role == general.role || self.role.is_none());
        self.client != general.client && same_place && (self.what != Changed::Arg || flag(self) == flag(general))
    }

    /// Carries it out on the definition of its client. A build of the user's own has none of the limits of the release in
    /// whose place it comes.
    pub(super) fn apply(&self, def: &mut ClientDef) -> Result<(), ClientError> {
        if let Some(role) = &self.role {
            def.role(role)?;
        }
        if matches!(self.what, Changed::Image | Changed::Program) {
            def.supports.lift();
        }
        let chosen = def.roles.iter_mut().filter(|(name, _)| self.role.as_ref().is_none_or(|role| role == *name));
        for (_, role) in chosen {
            match self.what {
                Changed::Image => role.image = Some(literal(&self.value)),
                Changed::Program => role.program = Some(literal(&self.value)),
                Changed::Arg => role.extra.push(self.value.clone()),
            }
        }
        Ok(())
    }
}

/// A template that renders to this text whatever is in it.
fn literal(text: &str) -> String {
    if text.contains('{') { format!("{{% raw %}}{text}{{% endraw %}}") } else { text.to_owned() }
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let role = self.role.as_ref().map_or(String::new(), |role| format!(".{role}"));
        write!(f, "{}{role}={}", self.client, self.value)
    }
}
