//! What runs whose owner is gone have left with the engine, and its removal. What lives, what is kept on purpose and
//! what is not a run's is never touched.

use super::{
    container::NET,
    engine::{Engine, Thing},
    label::{Place, ROLE, RUN, Run, Standing},
};
use crate::runtime::Error;
use futures::{StreamExt, stream};
use std::{collections::BTreeSet, time::Duration};

/// Things that are removed at once.
const AT_ONCE: usize = 8;
/// How long an engine may take to make what it was asked for.
const AGAIN: Duration = Duration::from_secs(1);
/// How often it is looked at most.
const ROUNDS: u32 = 20;

/// Which of the runs that have left something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which<'a> {
    /// Those whose owner is gone.
    Left,
    /// Those that were kept on purpose, too.
    Kept,
    /// This one, whatever its owner does.
    Run(&'a str),
}

/// What is removed, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Containers, by name.
    pub containers: Vec<String>,
    /// Networks, by name.
    pub networks: Vec<String>,
    /// Volumes, by name.
    pub volumes: Vec<String>,
    /// The runs that they belong to.
    pub runs: BTreeSet<String>,
}

impl Found {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.containers.is_empty() && self.networks.is_empty() && self.volumes.is_empty()
    }

    /// Counts nothing twice.
    fn add(&mut self, more: Found) {
        for (own, more) in [
            (&mut self.containers, more.containers),
            (&mut self.networks, more.networks),
            (&mut self.volumes, more.volumes),
        ] {
            own.extend(more);
            own.sort_unstable();
            own.dedup();
        }
        self.runs.extend(more.runs);
    }
}

impl std::fmt::Display for Found {
    /// `3 containers, 1 network, 2 volumes of L4-17`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count =
            |list: &[String], what: &str| format!("{} {what}{}", list.len(), if list.len() == 1 { "" } else { "s" });
        let runs: Vec<&str> = self.runs.iter().map(String::as_str).collect();
        let (containers, networks) = (count(&self.containers, "container"), count(&self.networks, "network"));
        let of = if runs.is_empty() { String::new() } else { format!(" of {}", runs.join(", ")) };
        write!(f, "{containers}, {networks}, {}{of}", count(&self.volumes, "volume"))
    }
}

/// Removes what is left over, and what comes of that which a run had asked for in the moment when it was killed: looks again
/// until nothing has come for a second. What is made meanwhile may still use what is to be removed; then that goes a round later.
///
/// # Errors
/// The engine does not say, or does not remove even so.
pub async fn sweep_all(engine: &Engine, which: Which<'_>) -> Result<Found, Error> {
    let (mut all, mut removed, mut quiet) = (Found::default(), Ok(()), false);
    for _ in 0..ROUNDS {
        let left = look(engine, which).await?;
        let found = left.found();
        if found.is_empty() && quiet {
            break;
        }
        quiet = found.is_empty();
        all.add(found);
        removed = left.remove(engine).await;
        if quiet || removed.is_err() {
            tokio::time::sleep(AGAIN).await;
        }
    }
    removed.map(|()| all)
}

/// Finds what is left over; removes it unless `only_look`.
///
/// # Errors
/// The engine does not say, or does not remove.
pub async fn sweep(engine: &Engine, which: Which<'_>, only_look: bool) -> Result<Found, Error> {
    let left = look(engine, which).await?;
    if !only_look {
        left.remove(engine).await?;
    }
    Ok(left.found())
}

/// What the engine holds of runs.
#[derive(Default)]
struct Left {
    containers: Vec<Thing>,
    networks: Vec<Thing>,
    volumes: Vec<Thing>,
}

impl Left {
    fn found(&self) -> Found {
        let all = || self.containers.iter().chain(&self.networks).chain(&self.volumes);
        let names = |things: &[Thing]| things.iter().map(|thing| thing.name.clone()).collect::<Vec<_>>();
        Found {
            containers: names(&self.containers),
            networks: names(&self.networks),
            volumes: names(&self.volumes),
            runs: all().filter_map(|thing| thing.labels.get(RUN).cloned()).collect(),
        }
    }

    async fn remove(&self, engine: &Engine) -> Result<(), Error> {
        let [programs, nets] = waves(&self.containers);
        remove(engine, &[&programs, &nets], &ids(&self.networks), &ids(&self.volumes)).await
    }
}

async fn look(engine: &Engine, which: Which<'_>) -> Result<Left, Error> {
    let Some(here) = Place::here() else { return Ok(Left::default()) };
    let chosen = |thing: &Thing| match which {
        Which::Left => here.standing(&thing.labels) == Standing::Left,
        Which::Kept => matches!(here.standing(&thing.labels), Standing::Left | Standing::Kept),
        Which::Run(run) => thing.labels.get(RUN).is_some_and(|id| id == run),
    };
    let of = |things: Vec<Thing>| things.into_iter().filter(chosen).collect::<Vec<_>>();
    Ok(Left {
        containers: of(engine.containers().await?),
        networks: of(engine.networks().await?),
        volumes: of(engine.volumes().await?),
    })
}

/// Removes everything of a run of this process but its network, until there is nothing more.
///
/// # Errors
/// The engine does not say, or does not remove.
pub async fn remove_nodes(engine: &Engine, run: &Run) -> Result<(), Error> {
    let mut removed = Ok(());
    for _ in 0..ROUNDS {
        let of = |things: Vec<Thing>| things.into_iter().filter(|thing| run.owns(&thing.labels)).collect::<Vec<_>>();
        let (containers, volumes) = (of(engine.containers().await?), of(engine.volumes().await?));
        if containers.is_empty() && volumes.is_empty() {
            return Ok(());
        }
        let [programs, nets] = waves(&containers);
        removed = remove(engine, &[&programs, &nets], &[], &ids(&volumes)).await;
        if removed.is_err() {
            tokio::time::sleep(AGAIN).await;
        }
    }
    removed?;
    Err(Error::Other(format!("the container engine lists what it removed: things of {}", run.id)))
}

/// Programs, and then the containers whose networks they are in: Podman removes no container that another one needs.
fn waves(containers: &[Thing]) -> [Vec<String>; 2] {
    let (nets, programs): (Vec<&Thing>, Vec<&Thing>) =
        containers.iter().partition(|thing| thing.labels.get(ROLE).is_some_and(|role| role == NET));
    [programs, nets].map(|things| things.into_iter().map(|thing| thing.id.clone()).collect())
}

fn ids(things: &[Thing]) -> Vec<String> {
    things.iter().map(|thing| thing.id.clone()).collect()
}

/// Removes containers, one group after the other, then what they used.
///
/// # Errors
/// The first thing that could not be removed; all others have been.
pub async fn remove(
    engine: &Engine,
    containers: &[&[String]],
    networks: &[String],
    volumes: &[String],
) -> Result<(), Error> {
    let mut removed: Vec<Result<(), Error>> = Vec::new();
    for group in containers {
        let gone = stream::iter(*group).map(|id| engine.remove_container(id)).buffer_unordered(AT_ONCE);
        removed.extend(gone.collect::<Vec<_>>().await);
    }
    removed.extend(
        stream::iter(volumes).map(|id| engine.remove_volume(id)).buffer_unordered(AT_ONCE).collect::<Vec<_>>().await,
    );
    removed.extend(
        stream::iter(networks).map(|id| engine.remove_network(id)).buffer_unordered(AT_ONCE).collect::<Vec<_>>().await,
    );
    removed.into_iter().collect()
}
