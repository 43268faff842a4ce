//! From templates and a [`Context`] to a command line.

use std::collections::BTreeMap;

use tera::Tera;

use super::{ClientDef, ClientError, Context, Role};

/// The command line of one process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Program: a path, or a name on PATH; `None` for a role that only has an image.
    pub program: Option<String>,
    /// Arguments, without the program.
    pub args: Vec<String>,
    /// Environment to add.
    pub env: BTreeMap<String, String>,
}

/// The names at the top of what templates may use.
const VARIABLES: &[&str] =
    &["lockin", "data", "network", "node", "ports", "listen", "peers", "keys", "beacon", "engine", "slot", "log_level"];

/// The variables that templates may use, for messages and documentation.
pub fn template_variables() -> &'static [&'static str] {
    VARIABLES
}

impl ClientDef {
    /// The command line of `role` for one node.
    ///
    /// # Errors
    /// An unknown role, or a template that names what the context does not have: client, role and line are named.
    pub fn render(&self, role: &str, context: &Context) -> Result<Command, ClientError> {
        let definition = self.role(role)?;
        let at = Place { client: &self.name, role };
        let variables =
            tera::Context::from_serialize(context).map_err(|error| at.error("context", "", error.to_string()))?;
        let mut command = Command { program: None, args: Vec::new(), env: BTreeMap::new() };
        for (place, template) in templates(definition) {
            if matches!(place, Template::Keys(_)) && context.keys.total == 0 {
                continue;
            }
            let tera = compile(at, &place.to_string(), template)?;
            let text = tera
                .render(TEMPLATE, &variables)
                .map_err(|error| at.error(&place.to_string(), template, explain(&error)))?;
            match place {
                Template::Program => command.program = Some(text),
                Template::Env(name) => drop(command.env.insert(name.into(), text)),
                Template::Arg(_) | Template::Keys(_) => {
                    command.args.extend(text.lines().filter(|line| !line.trim().is_empty()).map(str::to_string));
                }
            }
        }
        Ok(command)
    }
}

/// Checks that every template of a role parses and names only variables that exist.
pub(super) fn check_templates(client: &str, name: &str, role: &Role) -> Result<(), ClientError> {
    let at = Place { client, role: name };
    for (place, template) in templates(role) {
        let tera = compile(at, &place.to_string(), template)?;
        let mut used: Vec<&str> = tera.get_template_variables(TEMPLATE).into_iter().flatten().collect();
        used.sort_unstable();
        if let Some(unknown) = used.into_iter().find(|variable| !VARIABLES.contains(variable)) {
            let why = format!("`{unknown}` is no variable; there are {}", VARIABLES.join(", "));
            return Err(at.error(&place.to_string(), template, why));
        }
    }
    Ok(())
}

/// The name under which the only template of an engine is filed.
const TEMPLATE: &str = "template";

#[derive(Clone, Copy)]
struct Place<'a> {
    client: &'a str,
    role: &'a str,
}

impl Place<'_> {
    fn error(self, place: &str, template: &str, why: String) -> ClientError {
        let (client, role) = (self.client.into(), self.role.into());
        ClientError::Template { client, role, place: place.into(), template: template.trim_end().into(), why }
    }
}

/// Where in a role a template stands; lines count from 1.
#[derive(Clone, Copy)]
enum Template<'a> {
    Program,
    Arg(usize),
    Keys(usize),
    Env(&'a str),
}

impl std::fmt::Display for Template<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Template::Program => f.write_str("program"),
            Template::Arg(line) => write!(f, "args line {line}"),
            Template::Keys(line) => write!(f, "keys.interop_range line {line}"),
            Template::Env(name) => write!(f, "env {name}"),
        }
    }
}

fn templates(role: &Role) -> impl Iterator<Item = (Template<'_>, &str)> {
    let program = role.program.iter().map(|text| (Template::Program, text.as_str()));
    let args = role.args.iter().enumerate().map(|(i, text)| (Template::Arg(i + 1), text.as_str()));
    let keys = role.keys.iter().flat_map(|keys| &keys.interop_range).enumerate();
    let env = role.env.iter().map(|(name, text)| (Template::Env(name), text.as_str()));
    program.chain(args).chain(keys.map(|(i, text)| (Template::Keys(i + 1), text.as_str()))).chain(env)
}

/// An engine that holds this one template; no escaping: arguments are not HTML.
fn compile(at: Place<'_>, place: &str, template: &str) -> Result<Tera, ClientError> {
    let mut tera = Tera::default();
    tera.autoescape_on(Vec::<String>::new());
    tera.add_raw_template(TEMPLATE, template).map_err(|error| at.error(place, template, explain(&error)))?;
    Ok(tera)
}

/// The engine's message without its drawing of the template, which the error shows already.
fn explain(error: &tera::Error) -> String {
    let text = match error.kind() {
        tera::ErrorKind::SyntaxError(report) | tera::ErrorKind::RenderingError(report) => report.message().to_string(),
        other => other.to_string(),
    };
    let sentence = text.lines().next().unwrap_or_default();
    sentence.strip_prefix("error: ").unwrap_or(sentence).to_string()
}
