//! From templates and a [`Context`] to a command line.

use std::collections::BTreeMap;

use tera::Tera;

use super::{ClientDef, ClientError, Context, NetworkFiles, Role};

/// The command line of one process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Command {
    /// Program: a path, or a name on PATH; `None` for a role that only has an image.
    pub program: Option<String>,
    /// Container image; `None` for a role that is a local program only.
    pub image: Option<String>,
    /// Arguments, without the program.
    pub args: Vec<String>,
    /// Environment to add.
    pub env: BTreeMap<String, String>,
    /// Files in its data folder, by path.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Arguments that the program is run with, to its end, before it first starts.
    pub setup: Vec<Vec<String>>,
}

/// The names at the top of what templates may use.
const VARIABLES: &[&str] = &[
    "lockin",
    "data",
    "network",
    "node",
    "ports",
    "listen",
    "address",
    "peers",
    "keys",
    "beacon",
    "engine",
    "slot",
    "log_level",
    "fee_recipient",
];

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
        let mut command = Command::default();
        let image = self.versions.image.as_deref().filter(|_| definition.image.is_none());
        for (place, template) in image.map(|image| (Template::Image, image)).into_iter().chain(templates(definition)) {
            let skipped = match place {
                Template::Keys(_) => context.keys.total == 0 || context.keys.dir.is_some(),
                Template::Keystores(_) => context.keys.dir.is_none(),
                _ => false,
            };
            if skipped {
                continue;
            }
            let tera = compile(at, &place.to_string(), template)?;
            let text = tera
                .render(TEMPLATE, &variables)
                .map_err(|error| at.error(&place.to_string(), template, explain(&error)))?;
            let lines = text.lines().filter(|line| !line.trim().is_empty()).map(str::to_string);
            match place {
                Template::Program => command.program = Some(text),
                Template::Image => command.image = Some(text),
                Template::Env(name) => drop(command.env.insert(name.into(), text)),
                Template::File(path) => {
                    let content = file_content(&text).map_err(|why| at.error(&place.to_string(), template, why))?;
                    command.files.insert(path.into(), content);
                }
                Template::Setup(step, _) => {
                    command.setup.resize(command.setup.len().max(step), Vec::new());
                    command.setup[step - 1].extend(lines);
                }
                Template::Arg(_) | Template::Keys(_) | Template::Keystores(_) => command.args.extend(lines),
            }
        }
        for extra in &definition.extra {
            let flag = extra.split('=').next().filter(|flag| flag.starts_with('-'));
            command.args.retain(|arg| flag.is_none() || arg.split('=').next() != flag);
        }
        command.args.extend(definition.extra.iter().cloned());
        Ok(command)
    }

    /// The images that `role` is started from, one for each preset that the client supports, without repetition; none
    /// for a role that is a local program only.
    ///
    /// # Errors
    /// An unknown role, or a template that names more than the preset.
    pub fn images(&self, role: &str) -> Result<Vec<String>, ClientError> {
        let Some(template) = self.role(role)?.image.as_ref().or(self.versions.image.as_ref()) else {
            return Ok(Vec::new());
        };
        let at = Place { client: &self.name, role };
        let failed = |error: &tera::Error| at.error(&Template::Image.to_string(), template, explain(error));
        let tera = compile(at, &Template::Image.to_string(), template)?;
        let mut images = Vec::new();
        for preset in &self.supports.presets {
            let network = NetworkFiles { preset: preset.clone(), ..NetworkFiles::default() };
            let context = Context { network, ..Context::default() };
            let variables = tera::Context::from_serialize(&context).map_err(|error| failed(&error))?;
            let image = tera.render(TEMPLATE, &variables).map_err(|error| failed(&error))?.trim().to_owned();
            if !images.contains(&image) {
                images.push(image);
            }
        }
        Ok(images)
    }
}

/// A file's content: the text, or the bytes that it stands for.
fn file_content(text: &str) -> Result<Vec<u8>, String> {
    match text.strip_prefix("hex:") {
        Some(digits) => hex::decode(digits.trim()).map_err(|error| format!("after `hex:` come hex digits: {error}")),
        None => Ok(text.as_bytes().to_vec()),
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
    Image,
    Arg(usize),
    Keys(usize),
    Keystores(usize),
    Env(&'a str),
    File(&'a str),
    Setup(usize, usize),
}

impl std::fmt::Display for Template<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Template::Program => f.write_str("program"),
            Template::Image => f.write_str("image"),
            Template::Arg(line) => write!(f, "args line {line}"),
            Template::Keys(line) => write!(f, "keys.interop_range line {line}"),
            Template::Keystores(line) => write!(f, "keys.keystores.args line {line}"),
            Template::Env(name) => write!(f, "env {name}"),
            Template::File(path) => write!(f, "files {path}"),
            Template::Setup(step, line) => write!(f, "setup {step} line {line}"),
        }
    }
}

fn templates(role: &Role) -> impl Iterator<Item = (Template<'_>, &str)> {
    let program = role.program.iter().map(|text| (Template::Program, text.as_str()));
    let image = role.image.iter().map(|text| (Template::Image, text.as_str()));
    let args = numbered(&role.args).map(|(line, text)| (Template::Arg(line), text));
    let keys = role.keys.iter().flat_map(|keys| numbered(&keys.interop_range));
    let keys = keys.map(|(line, text)| (Template::Keys(line), text));
    let keystores = role.keys.iter().filter_map(|keys| keys.keystores.as_ref());
    let keystores = keystores.flat_map(|keystores| numbered(&keystores.args));
    let keystores = keystores.map(|(line, text)| (Template::Keystores(line), text));
    let env = role.env.iter().map(|(name, text)| (Template::Env(name), text.as_str()));
    let files = role.files.iter().map(|(path, text)| (Template::File(path), text.as_str()));
    let setup = role
        .setup
        .iter()
        .zip(1..)
        .flat_map(|(step, number)| numbered(step).map(move |(line, text)| (Template::Setup(number, line), text)));
    program.chain(image).chain(args).chain(keys).chain(keystores).chain(env).chain(files).chain(setup)
}

/// Lines, counted from 1.
fn numbered(lines: &[String]) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(lines.iter().map(String::as_str))
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
