//! Where definitions come from: the folders of the user first, then the program itself; and what the command line changes
//! in them.

use super::{Change, ClientDef, ClientError, built_in_names, load};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

/// The definitions that can be had.
#[derive(Clone, Debug, Default)]
pub struct Library {
    folders: Vec<PathBuf>,
    changes: Vec<Change>,
}

impl Library {
    /// The definitions `NAME.yaml` of these folders, the first that has one, and those of the program; with changes.
    pub fn new(folders: Vec<PathBuf>, changes: Vec<Change>) -> Self {
        Self { folders, changes }
    }

    /// The names of all definitions.
    ///
    /// # Errors
    /// A folder that can't be read.
    pub fn names(&self) -> Result<Vec<String>, ClientError> {
        let mut names: BTreeSet<String> = built_in_names().into_iter().map(str::to_owned).collect();
        for folder in &self.folders {
            let unreadable = |source| ClientError::Unreadable { path: folder.display().to_string(), source };
            for entry in fs::read_dir(folder).map_err(unreadable)? {
                let file = entry.map_err(unreadable)?.file_name();
                names.extend(file.to_str().and_then(|file| file.strip_suffix(".yaml")).map(str::to_owned));
            }
        }
        Ok(names.into_iter().collect())
    }

    /// The definition called `name`, or of the file at a path (`./mine.yaml`), changed as it was said. `name@label` is a
    /// version of its own: the same definition under that name, with the changes of `name` and then its own.
    ///
    /// # Errors
    /// An unknown name, a file that can't be read or is no definition, or a change of a role that there is not.
    pub fn load(&self, name: &str) -> Result<ClientDef, ClientError> {
        let (name, label) = version(name);
        let own = self.folders.iter().map(|folder| folder.join(format!("{name}.yaml"))).find(|path| path.exists());
        let mut def = match own {
            Some(path) => load(&path.to_string_lossy())?,
            None => load(name)?,
        };
        if let Some(label) = label {
            def.name = format!("{}@{label}", def.name);
        }
        let (own, general): (Vec<&Change>, Vec<&Change>) =
            self.changes.iter().filter(|change| change.is_of(&def.name)).partition(|change| change.client == def.name);
        let general = general.into_iter().filter(|general| !own.iter().any(|change| change.replaces(general)));
        for change in general.chain(own.iter().copied()) {
            change.apply(&mut def)?;
        }
        Ok(def)
    }

    /// Says which change is of a client that is none of these.
    ///
    /// # Errors
    /// There is such a change.
    pub fn all_used(&self, clients: &BTreeMap<String, ClientDef>) -> Result<(), ClientError> {
        let names: BTreeSet<&str> = clients.values().map(|def| def.name.as_str()).collect();
        match self.changes.iter().find(|change| !names.iter().any(|name| change.is_of(name))) {
            None => Ok(()),
            Some(change) => Err(ClientError::Unused {
                flag: change.what.flag(),
                change: change.to_string(),
                client: change.client.clone(),
                known: names.into_iter().collect::<Vec<_>>().join(", "),
            }),
        }
    }
}

/// `prysm@new` is version `new` of `prysm`. What stands behind an `@` in a path of folders is no label.
fn version(name: &str) -> (&str, Option<&str>) {
    let label =
        |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    match name.rsplit_once('@').filter(|(client, text)| !client.is_empty() && label(text)) {
        Some((client, label)) => (client, Some(label)),
        None => (name, None),
    }
}
