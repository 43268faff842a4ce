//! Puts an image into a container engine.

use super::{BINARY_LABEL, Engine, Error, Packed};
use bollard::{
    body_full,
    errors::Error as EngineError,
    query_parameters::{ImportImageOptionsBuilder, RemoveImageOptions},
};
use futures::TryStreamExt;
use std::collections::BTreeSet;

/// An image that an engine has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// What the engine calls it.
    pub id: String,
    /// Bytes that it takes there, as the engine counts.
    pub size: u64,
    /// Images that had its names before, and were removed since they have none any more.
    pub replaced: usize,
}

/// Loads a packed image, and sees that the engine has it under all of its names.
///
/// # Errors
/// The engine runs another architecture, refuses the image, or has another one under its name afterwards.
pub async fn load(engine: &Engine, packed: &Packed) -> Result<Loaded, Error> {
    let docker = &engine.docker;
    let failed = |doing: &str, source| Error::Engine { doing: doing.to_owned(), source };
    let version = docker.version().await.map_err(|error| failed("asking for its version", error))?;
    if let Some(arch) = version.arch.filter(|arch| arch != packed.arch) {
        return Err(Error::Architecture { arch: packed.arch, engine: arch, at: engine.at.clone() });
    }
    let mut before = BTreeSet::new();
    for tag in &packed.tags {
        before.extend(docker.inspect_image(tag).await.ok().and_then(|image| image.id));
    }
    let options = ImportImageOptionsBuilder::new().quiet(true).build();
    let told = docker.import_image(options, body_full(packed.archive.clone().into()), None);
    let _: Vec<_> = told.try_collect().await.map_err(|error| failed("loading the image", error))?;
    let mut loaded = Loaded { id: String::new(), size: 0, replaced: 0 };
    for tag in &packed.tags {
        let image = docker.inspect_image(tag).await;
        let image = image.map_err(|error| failed(&format!("looking for {tag} once it is loaded"), error))?;
        let binary = image.config.and_then(|config| config.labels).and_then(|labels| labels.get(BINARY_LABEL).cloned());
        if binary.as_ref() != Some(&packed.binary) {
            let says = binary.map_or("no image of this program".to_owned(), |other| format!("of the binary {other}"));
            return Err(Error::NotLoaded { tag: tag.clone(), says });
        }
        loaded.id = image.id.unwrap_or_default();
        loaded.size = image.size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default();
    }
    before.remove(&loaded.id);
    for id in before {
        loaded.replaced += usize::from(remove_nameless(engine, &id).await.is_ok_and(|removed| removed));
    }
    Ok(loaded)
}

/// Removes an image that has no name any more, unless a container uses it.
async fn remove_nameless(engine: &Engine, id: &str) -> Result<bool, EngineError> {
    let image = engine.docker.inspect_image(id).await?;
    if image.repo_tags.is_some_and(|tags| !tags.is_empty()) {
        return Ok(false);
    }
    engine.docker.remove_image(id, None::<RemoveImageOptions>, None).await?;
    Ok(true)
}
