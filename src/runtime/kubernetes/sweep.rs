//! What runs whose owner is gone have left in a namespace, and its removal. That an owner lives is known by its lease: not
//! by the time that stands in it, which may be another machine's, but by its being renewed while it is looked at.

use super::{
    cluster::{Cluster, Kind},
    label::{LEASE_SECONDS, RUN},
};
use crate::runtime::Error;
use k8s_openapi::jiff::Timestamp;
use kube::api::DynamicObject;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// A living owner renews its lease in less than this.
const LOOK_FOR: Duration = Duration::from_secs(25);
/// How long removed pods may take to be gone.
const GONE_WITHIN: Duration = Duration::from_secs(60);

/// Which of the runs that have left something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which<'a> {
    /// Those whose owner is gone.
    Left,
    /// Those of them whose lease has run out by the clocks of their machine and of this one: where there are none, nobody
    /// has to wait.
    Lapsed,
    /// This one, whatever its owner does.
    Run(&'a str),
}

/// What is removed, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Pods, by name.
    pub pods: Vec<String>,
    /// Jobs and leases, by name.
    pub others: Vec<String>,
    /// The runs that they belong to.
    pub runs: BTreeSet<String>,
}

impl Found {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }
}

impl std::fmt::Display for Found {
    /// `3 pods, 2 other objects of l4-17-0a1b2c`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        let runs: Vec<&str> = self.runs.iter().map(String::as_str).collect();
        let of = if runs.is_empty() { String::new() } else { format!(" of {}", runs.join(", ")) };
        write!(f, "{}, {}{of}", count(self.pods.len(), "pod"), count(self.others.len(), "other object"))
    }
}

/// Everything of runs in the namespace.
struct All {
    pods: Vec<DynamicObject>,
    jobs: Vec<DynamicObject>,
    leases: Vec<DynamicObject>,
}

impl All {
    async fn of(cluster: &Cluster) -> Result<Self, Error> {
        Ok(Self {
            pods: cluster.list(Kind::Pod, RUN).await?,
            jobs: cluster.list(Kind::Job, RUN).await?,
            leases: cluster.list(Kind::Lease, RUN).await?,
        })
    }

    fn runs(&self) -> BTreeSet<String> {
        let all = self.pods.iter().chain(&self.jobs).chain(&self.leases);
        all.filter_map(run_of).map(str::to_owned).collect()
    }

    /// The leases of runs as they stand, by run; with `lapsed`, those that seem to be held are not among them.
    fn doubtful(&self, lapsed: bool) -> BTreeMap<String, Option<String>> {
        let mut doubtful: BTreeMap<String, Option<String>> = self.runs().into_iter().map(|run| (run, None)).collect();
        for lease in &self.leases {
            let Some(run) = run_of(lease) else { continue };
            let renewed = lease.data["spec"]["renewTime"].as_str();
            let held = renewed.and_then(|time| time.parse::<Timestamp>().ok()).is_some_and(|time| {
                let age = Timestamp::now().as_second() - time.as_second();
                age.unsigned_abs() < LEASE_SECONDS
            });
            if held && lapsed {
                doubtful.remove(run);
            } else {
                doubtful.insert(run.to_owned(), renewed.map(str::to_owned));
            }
        }
        doubtful
    }
}

fn run_of(object: &DynamicObject) -> Option<&str> {
    object.metadata.labels.as_ref()?.get(RUN).map(String::as_str)
}

fn name(object: &DynamicObject) -> String {
    object.metadata.name.clone().unwrap_or_default()
}

/// Finds what is left over; removes it unless `only_look`.
///
/// # Errors
/// The cluster does not say, or does not remove.
pub async fn sweep(cluster: &Cluster, which: Which<'_>, only_look: bool) -> Result<Found, Error> {
    let all = All::of(cluster).await?;
    let left: BTreeSet<String> = match which {
        Which::Run(run) => all.runs().into_iter().filter(|id| id == run).collect(),
        Which::Left | Which::Lapsed => {
            let lapsed = which == Which::Lapsed;
            let before = all.doubtful(lapsed);
            if before.is_empty() {
                return Ok(Found::default());
            }
            tokio::time::sleep(LOOK_FOR).await;
            let after = All::of(cluster).await?.doubtful(lapsed);
            before.into_iter().filter(|(run, lease)| after.get(run) == Some(lease)).map(|(run, _)| run).collect()
        }
    };
    let of = |things: &[DynamicObject]| {
        let ours = things.iter().filter(|it| run_of(it).is_some_and(|run| left.contains(run)));
        ours.map(name).collect::<Vec<_>>()
    };
    let (jobs, leases) = (of(&all.jobs), of(&all.leases));
    let found = Found { pods: of(&all.pods), others: [&jobs[..], &leases[..]].concat(), runs: left.clone() };
    if !only_look {
        for run in &left {
            cluster.delete_pods(&format!("{RUN}={run}")).await?;
        }
        for (kind, names) in [(Kind::Lease, leases), (Kind::Job, jobs)] {
            for name in names {
                cluster.delete(kind, &name).await?;
            }
        }
        for run in &left {
            until_gone(cluster, &format!("{RUN}={run}")).await?;
        }
    }
    Ok(found)
}

/// Waits until pods that were removed are gone.
///
/// # Errors
/// They stay.
pub async fn until_gone(cluster: &Cluster, selector: &str) -> Result<(), Error> {
    let end = tokio::time::Instant::now() + GONE_WITHIN;
    loop {
        let pods = cluster.list(Kind::Pod, selector).await?;
        if pods.is_empty() {
            return Ok(());
        }
        if tokio::time::Instant::now() > end {
            let names: Vec<String> = pods.iter().map(name).collect();
            let says = format!("{} are still there; the machine that they are on may be lost", names.join(", "));
            return Err(Error::Cluster { doing: "remove all pods".to_owned(), says });
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
