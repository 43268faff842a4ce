//! A run's places: its Job, its lease, a pod for each node. They are there, bound to machines, and all their containers
//! run before anything of the network is made; what keeps them from it is told in the cluster's words.

use super::{
    Kubernetes,
    attend::{Heard, renew, watch_pods},
    board::Known,
    cluster::Kind,
    label::{NODE, RUN},
    log::Following,
    manifest::{FOLDER, Need, Role},
    view::Pod,
};
use crate::{
    client::ClientDef,
    runtime::{
        Error,
        node::{empty_but_for_logs, images_of},
    },
    topology::NetworkPlan,
};
use futures::{StreamExt, TryStreamExt, stream};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
    path::Path,
    time::{Duration, Instant},
};

/// Pods that are made at once.
const AT_ONCE: usize = 16;
/// Until all that is missing is known once something is.
const ALL_MISSING_WITHIN: Duration = Duration::from_secs(2);
/// Between two looks at what is known.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Between two looks at what else runs in the namespace.
const OTHERS_EVERY: Duration = Duration::from_secs(5);
/// How long containers may take to be started once their pods are bound: large images are fetched meanwhile.
const RUN_WITHIN: Duration = Duration::from_secs(900);

/// What tries something stands in for a node of this name.
const TRIAL: &str = "trial";

/// A node's pod.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its name.
    pub pod: String,
    /// Its address.
    pub address: Ipv4Addr,
    /// The machine that it is on.
    pub machine: String,
    /// The images of its roles: as their definitions name them.
    pub images: BTreeMap<String, String>,
}

impl Kubernetes {
    /// Makes all places and waits until they are ready; the machine of each node.
    pub(super) async fn make_places(&mut self, plan: &NetworkPlan) -> Result<BTreeMap<String, String>, Error> {
        let roles = self.roles(plan)?;
        self.take_ownership().await?;
        self.tasks.spawn(watch_pods(self.cluster.clone(), self.run.clone(), self.board.clone()));
        let pods: Vec<_> = roles.iter().map(|(node, roles)| self.shape.pod(&self.run, node, &pinned(roles))).collect();
        let made = stream::iter(pods).map(|pod| self.cluster.create(Kind::Pod, pod));
        made.buffer_unordered(AT_ONCE).try_collect::<Vec<_>>().await?;
        self.wait_until_bound(plan).await?;
        self.wait_until_they_run(plan).await?;
        for (node, roles) in roles {
            let images = roles.into_iter().map(|(role, reference)| (role.name, reference)).collect();
            let place = self.place(&node, images)?;
            self.attend(&node, &place)?;
            self.places.insert(node, place);
        }
        Ok(self.places.iter().map(|(node, place)| (node.clone(), place.machine.clone())).collect())
    }

    /// The containers of all nodes, with the images as their definitions name them.
    fn roles(&self, plan: &NetworkPlan) -> Result<BTreeMap<String, Vec<(Role, String)>>, Error> {
        let mut roles: BTreeMap<String, Vec<(Role, String)>> = BTreeMap::new();
        for it in images_of(plan, &self.clients, Path::new(FOLDER), "kubernetes")? {
            let embedded = self.clients.get(&it.client).is_some_and(|def| def.embedded);
            let need = if embedded { Need::EMBEDDED } else { Need::OTHER };
            let image = self.lock.pinned(&it.reference).unwrap_or_else(|| it.reference.clone());
            roles.entry(it.node).or_default().push((Role { name: it.role, image, need }, it.reference));
        }
        Ok(roles)
    }

    /// The Job that owns all, and the lease by which it is known that this process lives.
    async fn take_ownership(&mut self) -> Result<(), Error> {
        if self.owned {
            return Ok(());
        }
        if !self.run.owner.is_ours {
            let job = self.cluster.create(Kind::Job, self.run.job(&self.shape.own_image, self.deadline_s)).await?;
            self.run.owner.uid = job.metadata.uid.unwrap_or_default();
        }
        self.cluster.create(Kind::Lease, self.run.lease_object()).await?;
        self.owned = true;
        self.tasks.spawn(renew(self.cluster.clone(), self.run.clone()));
        Ok(())
    }

    async fn wait_until_bound(&self, plan: &NetworkPlan) -> Result<(), Error> {
        let (mut stuck_since, mut asked_at) = (None, Instant::now());
        loop {
            let (all, unschedulable) = {
                let known = self.board.known();
                let pods = self.pods(plan, &known);
                let stuck = pods.iter().find_map(|(_, pod)| pod.unschedulable().map(str::to_owned));
                (pods.len() == plan.nodes.len() && pods.iter().all(|(_, pod)| pod.machine().is_some()), stuck)
            };
            if all {
                return Ok(());
            }
            if let Some(says) = unschedulable {
                let since = *stuck_since.get_or_insert_with(Instant::now);
                if asked_at.elapsed() > OTHERS_EVERY {
                    asked_at = Instant::now();
                    // what another run holds comes free when it is over
                    if self.another_run_is_whole().await? {
                        stuck_since = None;
                    }
                }
                if since.elapsed() > self.schedule_within && stuck_since.is_some() {
                    let doing = "find machines for all pods".to_owned();
                    return Err(Error::Cluster { doing, says });
                }
            }
            self.board_or(LOOK_EVERY).await;
            self.nothing_is_lost(plan)?;
        }
    }

    /// Whether another run in the namespace has all its pods bound: it ends some time, and waits for nobody.
    async fn another_run_is_whole(&self) -> Result<bool, Error> {
        let mut whole: BTreeMap<String, bool> = BTreeMap::new();
        for pod in self.cluster.list(Kind::Pod, RUN).await? {
            let labels = pod.metadata.labels.unwrap_or_default();
            let bound = pod.data["spec"]["nodeName"].is_string() && pod.data["status"]["phase"] == "Running";
            let Some(run) = labels.get(RUN).filter(|run| **run != self.run.id) else { continue };
            *whole.entry(run.clone()).or_insert(true) &= bound;
        }
        Ok(whole.values().any(|whole| *whole))
    }

    async fn wait_until_they_run(&self, plan: &NetworkPlan) -> Result<(), Error> {
        let (since, mut missing_since) = (Instant::now(), None);
        loop {
            let (ready, missing) = {
                let known = self.board.known();
                let pods = self.pods(plan, &known);
                let ready = pods.iter().all(|(_, pod)| pod.runs() && pod.address().is_some());
                (ready && pods.len() == plan.nodes.len(), missing(&pods))
            };
            if ready {
                return Ok(());
            }
            if !missing.is_empty() && missing_since.get_or_insert_with(Instant::now).elapsed() > ALL_MISSING_WITHIN {
                let lines: Vec<String> = missing.into_iter().collect();
                return Err(Error::Other(lines.join("\n  ")));
            }
            if missing_since.is_none() {
                self.nothing_is_lost(plan)?;
            }
            if since.elapsed() > RUN_WITHIN {
                let says = format!("containers did not start within {} s", RUN_WITHIN.as_secs());
                return Err(Error::Cluster { doing: "start all pods".to_owned(), says });
            }
            self.board_or(LOOK_EVERY).await;
        }
    }

    fn pods<'a>(&self, plan: &NetworkPlan, known: &'a Known) -> Vec<(String, &'a Pod)> {
        let pod = |name: &str| Some((name.to_owned(), known.pods.get(&self.run.pod(name))?));
        plan.nodes.iter().filter_map(|node| pod(&node.name)).collect()
    }

    fn nothing_is_lost(&self, plan: &NetworkPlan) -> Result<(), Error> {
        let known = self.board.known();
        let lost = |name: &String| Some((name.clone(), known.lost(&self.run.pod(name))?));
        match plan.nodes.iter().find_map(|node| lost(&node.name)) {
            Some((node, says)) => Err(Error::Cluster { doing: format!("start the pod of {node}"), says }),
            None => Ok(()),
        }
    }

    async fn board_or(&self, within: Duration) {
        // either way it is looked again
        drop(tokio::time::timeout(within, self.board.changed()).await);
    }

    fn place(&self, node: &str, images: BTreeMap<String, String>) -> Result<Place, Error> {
        let pod = self.run.pod(node);
        let known = self.board.known();
        let address = known.pods.get(&pod).and_then(Pod::address).unwrap_or_default();
        let address = address.parse().map_err(|_| {
            let says = format!("the address of its pod is `{address}`, and nodes need one of IPv4");
            Error::Other(format!("node {node}: {says}"))
        })?;
        Ok(Place { machine: known.machine(&pod), pod, address, images })
    }

    /// Listens to a pod and follows its logs.
    fn attend(&mut self, node: &str, place: &Place) -> Result<(), Error> {
        let folder = self.dir.node(node).map_err(|error| Error::Other(error.to_string()))?;
        empty_but_for_logs(&folder)?;
        let roles: Vec<String> = place.images.keys().cloned().collect();
        for role in &roles {
            let log = folder.join(format!("{role}.log"));
            let following = Following::of(&self.cluster, &self.board, &place.pod, role, &log)?;
            self.logs.push(tokio::spawn(following.until_its_end()));
        }
        let (cluster, board) = (self.cluster.clone(), self.board.clone());
        let heard = Heard { cluster, board, node: node.to_owned(), pod: place.pod.clone(), roles };
        self.tasks.spawn(heard.listen());
        Ok(())
    }

    /// Finds out whether pods may have a container that sets rules of the packet filter, and whether the kernel has it.
    ///
    /// # Errors
    /// The trial can't be made.
    pub async fn try_filter(&mut self) -> Result<(), Error> {
        if !self.shape.net_admin {
            return Ok(());
        }
        self.take_ownership().await?;
        let (name, selector) = (self.run.pod(TRIAL), format!("{},{NODE}={TRIAL}", self.run.selector()));
        let tried = match self.cluster.create(Kind::Pod, self.shape.trial(&self.run, TRIAL)).await {
            Ok(_) => self.outcome(&selector).await,
            Err(error) => Ok(Some(error.to_string())),
        };
        self.cluster.delete(Kind::Pod, &name).await?;
        self.no_filter = tried?;
        Ok(())
    }

    /// How a pod ended that only tries something: why it could not.
    async fn outcome(&self, selector: &str) -> Result<Option<String>, Error> {
        let since = Instant::now();
        while since.elapsed() < self.schedule_within + RUN_WITHIN {
            let pods = self.cluster.list(Kind::Pod, selector).await?;
            let Some(pod) = pods.into_iter().next().and_then(|pod| serde_json::to_value(pod).ok()).map(Pod::of) else {
                return Ok(Some("its trial was deleted".to_owned()));
            };
            let missing = pod.missing_images().into_iter().next().map(|(image, says)| format!("{image}: {says}"));
            match pod.ended() {
                Some(Ok(())) => return Ok(None),
                Some(Err(says)) => return Ok(Some(format!("trying it in a pod failed: {says}"))),
                None if missing.is_some() => return Ok(missing),
                None if pod.unschedulable().is_some() && since.elapsed() > self.schedule_within => {
                    return Ok(pod.unschedulable().map(str::to_owned));
                }
                None => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
        Ok(Some("its trial did not end".to_owned()))
    }
}

/// The image of the embedded client in a network, if it plays there: this program is in it.
///
/// # Errors
/// A definition that names no image, or whose templates can't be filled in.
pub fn own_image(plan: &NetworkPlan, clients: &BTreeMap<String, ClientDef>) -> Result<Option<String>, Error> {
    let embedded = |client: &str| clients.get(client).is_some_and(|def| def.embedded);
    let needed = images_of(plan, clients, Path::new(FOLDER), "kubernetes")?;
    Ok(needed.into_iter().find(|it| embedded(&it.client)).map(|it| it.reference))
}

/// A container's image exactly as it is asked for.
fn pinned(roles: &[(Role, String)]) -> Vec<Role> {
    roles.iter().map(|(role, _)| role.clone()).collect()
}

/// A line for each image that is not to be had, with the machine.
fn missing(pods: &[(String, &Pod)]) -> BTreeSet<String> {
    let lines = pods.iter().flat_map(|(_, pod)| {
        let machine = pod.machine().unwrap_or("no machine");
        pod.missing_images().into_iter().map(move |(image, says)| format!("missing image {image} on {machine}: {says}"))
    });
    lines.collect()
}
