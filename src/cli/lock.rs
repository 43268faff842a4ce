//! `lockin lock`: writes down which images the references of clients stand for.

use super::{client::ChosenArgs, exit};
use crate::{
    client::{ClientDef, ClientError, Digest, LOCK_FILE, Library, Lock},
    image::{self, Engine},
    runtime::docker,
};
use bollard::{errors::Error as EngineError, models::ImageInspect};
use std::{collections::BTreeSet, path::PathBuf};

/// Writes a lock file: the digest of each client's images. A run that finds the file starts those and no others.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Entries that are in the file already stay, unless they are written anew. An image that is in no registry is written with
the id that this engine gave it: such an entry, `local sha256:...`, is of use on this machine alone.

Examples:
  lockin lock                              # whatever images of clients the engine has
  lockin lock --clients lockin,lodestar    # these; an image that is not there is pulled
  lockin lock --clients lodestar --pull    # the newest that the reference stands for
  lockin lock --clients prysm --image prysm=lockin-peers/prysm:7.0.0")]
pub struct LockArgs {
    /// The file.
    #[arg(long, value_name = "FILE", default_value = LOCK_FILE)]
    lock: PathBuf,
    /// Asks the registry even for images that are there.
    #[arg(long, requires = "clients")]
    pull: bool,
    #[command(flatten)]
    chosen: ChosenArgs,
}

#[derive(Debug, thiserror::Error)]
enum LockError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    NoEngine(#[from] image::NoEngine),
    #[error("{reference} is not there; make it: lockin image")]
    NotMade { reference: String },
    #[error("{reference}: pulling it: {says}; name an image that there is: --image CLIENT=REF")]
    Pull { reference: String, says: String },
    #[error("{reference}: the container engine says: {source}")]
    Engine { reference: String, source: EngineError },
    #[error("{reference}: the container engine gives neither a digest nor an id that could be locked")]
    Nameless { reference: String },
    #[error("{doing} {path}: {source}")]
    Io { doing: &'static str, path: PathBuf, source: std::io::Error },
}

/// Runs the subcommand; the exit code: 2 for what was asked wrongly, 3 for what engine or registry don't give.
pub fn run(args: &LockArgs) -> u8 {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let io = |source| LockError::Io { doing: "starting", path: "the event loop".into(), source };
    match tokio.map_err(io).and_then(|tokio| tokio.block_on(lock(args))) {
        Ok(()) => exit::PASS,
        Err(error) => {
            eprintln!("error: {error}");
            if matches!(error, LockError::Client(_)) { exit::USAGE } else { exit::UNKNOWN }
        }
    }
}

async fn lock(args: &LockArgs) -> Result<(), LockError> {
    let names = args.chosen.names();
    let wanted = references(&names, &args.chosen.library())?;
    let mut lock = Lock::load(&args.lock)?.unwrap_or_default();
    let engine = image::find().await?;
    let mut written = 0;
    for reference in wanted {
        let image = match inspect(&engine, &reference).await? {
            Some(image) if !args.pull => image,
            None if names.is_empty() => continue,
            _ => pulled(&engine, &reference).await?,
        };
        let digest = digest(&reference, &image).ok_or_else(|| LockError::Nameless { reference: reference.clone() })?;
        super::say(&format!("{reference}: {digest}"));
        lock.images.insert(reference, digest);
        written += 1;
    }
    let io = |source| LockError::Io { doing: "writing", path: args.lock.clone(), source };
    let yaml = crate::yaml::to_string(&lock).map_err(|error| io(std::io::Error::other(error)))?;
    std::fs::write(
        &args.lock,
        format!("# Which images the names of images stand for. Written by `lockin lock`.\n{yaml}"),
    )
    .map_err(io)?;
    super::say(&format!("{}: {written} written, {} in all", args.lock.display(), lock.images.len()));
    Ok(())
}

/// The images of these clients, or of all that can be had.
fn references(names: &[String], library: &Library) -> Result<BTreeSet<String>, ClientError> {
    let all = if names.is_empty() { library.names()? } else { names.to_vec() };
    let mut found = BTreeSet::new();
    for name in all {
        let def = library.load(&name)?;
        if names.is_empty() && def.gone.is_some() {
            continue;
        }
        for role in def.roles.keys() {
            found.extend(images(&def, role)?);
        }
    }
    Ok(found)
}

fn images(def: &ClientDef, role: &str) -> Result<Vec<String>, ClientError> {
    let images = def.images(role)?;
    Ok(if images.is_empty() && def.embedded { vec![image::reference()] } else { images })
}

async fn inspect(engine: &Engine, reference: &str) -> Result<Option<ImageInspect>, LockError> {
    match engine.docker.inspect_image(reference).await {
        Ok(image) => Ok(Some(image)),
        Err(EngineError::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
        Err(source) => Err(LockError::Engine { reference: reference.to_owned(), source }),
    }
}

async fn pulled(engine: &Engine, reference: &str) -> Result<ImageInspect, LockError> {
    if reference == image::reference() {
        return Err(LockError::NotMade { reference: reference.to_owned() });
    }
    super::say(&format!("{reference}: pulling"));
    let pulled = docker::Engine::over(engine.docker.clone()).pull(reference, |_, _| {}).await;
    pulled.map_err(|says| LockError::Pull { reference: reference.to_owned(), says })?;
    let image = engine.docker.inspect_image(reference).await;
    image.map_err(|source| LockError::Engine { reference: reference.to_owned(), source })
}

/// The digest by which a registry knows the image, else the engine's id of it.
fn digest(reference: &str, image: &ImageInspect) -> Option<Digest> {
    let digest = match docker::registry_digest(reference, image) {
        Some(digest) => digest,
        None => format!("local {}", image.id.as_ref()?),
    };
    Digest::try_from(digest).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::BINARY_LABEL;
    use bollard::models::ImageConfig;

    fn sha(digit: char) -> String {
        format!("sha256:{}", String::from_iter([digit; 64]))
    }

    #[test]
    fn what_a_registry_knows_is_locked_by_its_digest_and_the_rest_by_its_id() {
        let image = |digests: &[&str]| ImageInspect {
            id: Some(sha('1')),
            repo_digests: Some(digests.iter().map(|name| format!("{name}@{}", sha('2'))).collect()),
            ..ImageInspect::default()
        };
        let registry = Some(Digest::Registry(sha('2')));
        assert_eq!(digest("sigp/lighthouse:latest", &image(&["sigp/lighthouse"])), registry);
        assert_eq!(digest("busybox", &image(&["docker.io/library/busybox"])), registry);
        assert_eq!(digest("localhost:5000/a/b:v1", &image(&["localhost:5000/a/b"])), registry);
        assert_eq!(digest("box", &image(&["docker.io/library/busybox"])), Some(Digest::Local(sha('1'))));
        assert_eq!(digest("a:1", &image(&[])), Some(Digest::Local(sha('1'))));
        assert_eq!(digest("a:1", &ImageInspect::default()), None);
        let labels = Some([(BINARY_LABEL.to_owned(), "1".to_owned())].into());
        let own = ImageInspect { config: Some(ImageConfig { labels, ..ImageConfig::default() }), ..image(&["lockin"]) };
        assert_eq!(digest("lockin:1", &own), Some(Digest::Local(sha('1'))));
    }

    #[test]
    fn every_image_of_a_client_is_found_whatever_the_preset() {
        let library = Library::default();
        let of = |name: &str| references(&[name.to_owned()], &library).unwrap().into_iter().collect::<Vec<_>>();
        assert_eq!(of("lockin"), [image::reference()]);
        assert_eq!(of("lighthouse"), ["ethpandaops/lighthouse:unstable", "sigp/lighthouse:latest"]);
        assert_eq!(of("prysm").len(), 2);
        assert!(references(&["nobody".into()], &library).is_err());
        assert!(references(&[], &library).unwrap().len() > 10);
    }
}
