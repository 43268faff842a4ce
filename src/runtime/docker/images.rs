//! Which images a network needs and whether the engine has them: known before anything starts.

use super::{container::FOLDER, engine::Engine};
use crate::{
    client::{ClientDef, repository},
    image,
    runtime::{Error, node::images_of},
    topology::NetworkPlan,
};
use bollard::models::ImageInspect;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

/// An image that the engine has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Its id: what a container is made of, whatever its name means by then.
    pub id: String,
    /// Digest of its manifest in the registry that it came from; its id where it came from none.
    pub digest: String,
    /// The SHA-256 of the program in it, if this program made it.
    build: Option<String>,
}

/// The images of a network, by the references that definitions give.
#[derive(Clone, Debug, Default)]
pub struct Images {
    found: BTreeMap<String, Image>,
    /// The one that holds nodes' networks: of this program.
    pub net: String,
}

/// Whether images that the engine lacks are fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pull {
    /// From the registry that their name leads to.
    Missing,
    /// Never.
    Never,
}

/// Why a network can't be run for lack of images.
#[derive(Debug, thiserror::Error)]
pub enum ImagesError {
    /// The engine, or a definition.
    #[error(transparent)]
    Runtime(#[from] Error),
    /// Images that are not there.
    #[error("{}", told(.0))]
    Missing(Vec<Missing>),
}

/// An image that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// What it is called.
    pub reference: String,
    /// Whose it is: `prysm (beacon, validator)`.
    pub whose: String,
    /// What to do about it.
    pub advice: String,
}

fn told(missing: &[Missing]) -> String {
    let lines = missing.iter().map(|it| format!("missing image {} of {}: {}", it.reference, it.whose, it.advice));
    lines.collect::<Vec<_>>().join("\n  ")
}

impl Images {
    /// Looks for everything that the network needs; fetches what may be fetched, saying so to `progress` as reference,
    /// bytes that came, and bytes that come.
    ///
    /// `pinned` gives the reference to start by for images whose digest is written down.
    ///
    /// # Errors
    /// Images that are missing, all of them at once.
    pub async fn find(
        engine: &Engine,
        plan: &NetworkPlan,
        clients: &BTreeMap<String, ClientDef>,
        pull: Pull,
        pinned: &dyn Fn(&str) -> Option<String>,
        progress: &mut dyn FnMut(&str, u64, u64),
    ) -> Result<Self, ImagesError> {
        let mut needed = needed(plan, clients)?;
        let own = image::reference();
        let embedded = needed.iter().find(|(_, whose)| whose.iter().any(|(client, _)| client == "lockin"));
        // The user's own image of this program holds the networks, too, where the usual one is not there.
        let net = match (engine.image(&own).await?, embedded) {
            (None, Some((reference, _))) => reference.clone(),
            _ => own.clone(),
        };
        needed.entry(net.clone()).or_default().insert(("lockin".to_owned(), super::container::NET.to_owned()));
        let (mut images, mut missing) = (Self { net, ..Self::default() }, Vec::new());
        for (reference, whose) in needed {
            let exact = pinned(&reference).unwrap_or_else(|| reference.clone());
            match look_for(engine, &exact, pull, &mut |done, of| progress(&reference, done, of)).await? {
                Ok(found) => drop(images.found.insert(reference, found)),
                Err(why) => missing.push(Missing {
                    advice: advice(&reference, &exact, &whose, &why),
                    whose: list(&whose),
                    reference,
                }),
            }
        }
        if missing.is_empty() { Ok(images) } else { Err(ImagesError::Missing(missing)) }
    }

    /// The id of the image that holds nodes' networks.
    pub fn net_id(&self) -> &str {
        self.get(&self.net).map_or(self.net.as_str(), |image| image.id.as_str())
    }

    /// The SHA-256 of this program as it is in the image that holds nodes' networks.
    pub fn own_build(&self) -> Option<&str> {
        self.get(&self.net)?.build.as_deref()
    }

    /// The image that a reference meant when it was looked for.
    pub fn get(&self, reference: &str) -> Option<&Image> {
        self.found.get(reference)
    }
}

type Whose = BTreeSet<(String, String)>;

/// The references of all images of a network, with the client and role of each.
fn needed(plan: &NetworkPlan, clients: &BTreeMap<String, ClientDef>) -> Result<BTreeMap<String, Whose>, Error> {
    let mut needed: BTreeMap<String, Whose> = BTreeMap::new();
    for it in images_of(plan, clients, Path::new(FOLDER), "docker")? {
        needed.entry(it.reference).or_default().insert((it.client, it.role));
    }
    Ok(needed)
}

/// The image of that reference, fetched if it may be; or why it is not there.
async fn look_for(
    engine: &Engine,
    reference: &str,
    pull: Pull,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Result<Image, String>, Error> {
    let mut found = engine.image(reference).await?;
    // An id alone is nowhere to be fetched, nor is what this program makes itself.
    let local = reference.starts_with("sha256:") || reference.starts_with("lockin:");
    if found.is_none() && !local && pull == Pull::Missing {
        if let Err(why) = engine.pull(reference, progress).await {
            return Ok(Err(why));
        }
        found = engine.image(reference).await?;
    }
    let Some(found) = found else { return Ok(Err(String::new())) };
    let digest = registry_digest(reference, &found);
    let id = found.id.unwrap_or_default();
    let build = found.config.and_then(|config| config.labels?.get(image::BINARY_LABEL).cloned());
    Ok(Ok(Image { digest: digest.unwrap_or_else(|| id.clone()), id, build }))
}

/// The digest by which the registry of a reference knows the image. One that this program made is in none, though some
/// engines make up a digest for it.
pub fn registry_digest(reference: &str, image: &ImageInspect) -> Option<String> {
    let labels = image.config.as_ref().and_then(|config| config.labels.as_ref());
    if labels.is_some_and(|labels| labels.contains_key(image::BINARY_LABEL)) {
        return None;
    }
    let name = repository(reference);
    image.repo_digests.iter().flatten().find_map(|entry| {
        let (repository, digest) = entry.split_once('@')?;
        // Some engines write a name out: docker.io/library/NAME.
        let same = repository == name || repository.strip_suffix(name).is_some_and(|rest| rest.ends_with('/'));
        same.then(|| digest.to_owned())
    })
}

fn advice(reference: &str, exact: &str, whose: &Whose, why: &str) -> String {
    let pinned = if exact == reference { String::new() } else { format!("lockin.lock names {exact}; ") };
    if *reference == image::reference() {
        let then = if exact == reference { "" } else { ", then `lockin lock`" };
        return format!("{pinned}run `lockin image`{then}");
    }
    let client = whose.first().map_or("CLIENT", |(client, _)| client);
    let why = if why.is_empty() { String::new() } else { format!("fetching it failed: {why}; ") };
    format!("{pinned}{why}build or load it on this machine, or name another: --image {client}=REF")
}

fn list(whose: &Whose) -> String {
    let mut clients: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (client, role) in whose {
        clients.entry(client).or_default().push(role);
    }
    let client = |(client, roles): (&str, Vec<&str>)| format!("{client} ({})", roles.join(", "));
    clients.into_iter().map(client).collect::<Vec<_>>().join(", ")
}
