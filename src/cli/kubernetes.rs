//! What a run in a cluster needs before it begins: a cluster that answers, all rights, and nothing of killed runs.

use super::{docker::DockerArgs, exit, plan::Resolved};
use crate::{
    client::Lock,
    image,
    runtime::kubernetes::{
        Access, Cluster, Found, Options, Resources, Shape, Spread, Way, Which, check_rights, is_inside, own_image,
        sweep,
    },
};
use std::{path::PathBuf, time::Duration};

/// How a cluster is found.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Kubernetes")]
pub struct AccessArgs {
    /// File that says how the cluster is reached [default: KUBECONFIG, ~/.kube/config, or the pod's own].
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The context of that file to use, instead of its current one.
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// The namespace in which everything is made [default: that of the context].
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
}

impl AccessArgs {
    /// As the runtime takes it.
    pub fn access(&self) -> Access {
        let Self { kubeconfig, context, namespace } = self.clone();
        Access { kubeconfig, context, namespace }
    }

    /// Whether any of it was said.
    pub fn is_given(&self) -> bool {
        self.kubeconfig.is_some() || self.context.is_some() || self.namespace.is_some()
    }
}

/// Pods, with `--runtime kubernetes`. `--cpus`, `--memory`, `--pull` and `--lock` count here, too.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Kubernetes")]
pub struct KubernetesArgs {
    #[command(flatten)]
    access: AccessArgs,
    /// The image of this program in the cluster [default: that of `lockin image`].
    #[arg(long, value_name = "REF")]
    own_image: Option<String>,
    /// A secret of the namespace by which images are fetched; may be repeated.
    #[arg(long, value_name = "NAME")]
    pull_secret: Vec<String>,
    /// Cores that each program asks for [default: by client, 0.1 or 0.3].
    #[arg(long, value_name = "N", value_parser = super::docker::cpus)]
    cpu_request: Option<f64>,
    /// Memory that each program asks for [default: by client, 64m or 512m].
    #[arg(long, value_name = "SIZE", value_parser = super::docker::memory)]
    memory_request: Option<u64>,
    /// How strictly pods are spread over machines.
    #[arg(long, value_enum, value_name = "HOW", default_value_t = SpreadArg::Preferred)]
    spread: SpreadArg,
    /// Gives one container of each pod the right to set rules of the pod's network, for partitions, losses, bandwidth.
    #[arg(long)]
    net_admin: bool,
    /// How nodes are reached: forward, through the API server, or direct, at their addresses [default: direct in a pod].
    #[arg(long, value_enum, value_name = "WAY")]
    reach: Option<ReachArg>,
    /// How long the scheduler may find no machine for a pod, while no other run is up that will end.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    schedule_within: u64,
    /// The cluster removes everything of the run after so many minutes, whoever lives.
    #[arg(long, value_name = "MINUTES", default_value_t = 180, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    deadline: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum SpreadArg {
    Preferred,
    Required,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ReachArg {
    Forward,
    Direct,
}

/// What a run in a cluster begins with.
pub struct Ready {
    /// The namespace.
    pub cluster: Cluster,
    /// The image of this program there.
    own_image: String,
    /// Digests that images are started by.
    lock: Lock,
    /// What killed runs had left, which is gone.
    pub swept: Found,
}

impl KubernetesArgs {
    /// Finds the cluster, asks for every right, and sweeps. An error is already said on stderr; its exit code is given.
    pub async fn ready(&self, docker: &DockerArgs, resolved: &Resolved) -> Result<Ready, u8> {
        let unknown = |error: &dyn std::fmt::Display| {
            eprintln!("error: {error}");
            exit::UNKNOWN
        };
        let lock = docker.locked()?;
        let cluster = Cluster::connect(&self.access.access()).await.map_err(|error| unknown(&error))?;
        check_rights(&cluster).await.map_err(|error| unknown(&error))?;
        let swept = sweep(&cluster, Which::Lapsed, false).await.map_err(|error| unknown(&error))?;
        let own = match &self.own_image {
            Some(reference) => Some(reference.clone()),
            None => own_image(&resolved.network, &resolved.clients).map_err(|error| unknown(&error))?,
        };
        let own = own.unwrap_or_else(image::reference);
        let own_image = lock.pinned(&own).unwrap_or(own);
        Ok(Ready { cluster, own_image, lock, swept })
    }

    /// What the runtime is made with.
    pub fn options(&self, docker: &DockerArgs, ready: &Ready, name: &str, log_level: &str) -> Options {
        let limits = docker.limits();
        let direct = self.reach.map_or_else(is_inside, |reach| reach == ReachArg::Direct);
        Options {
            name: name.to_owned(),
            log_level: log_level.to_owned(),
            shape: Shape {
                own_image: ready.own_image.clone(),
                pull_policy: docker.pull_policy(),
                pull_secrets: self.pull_secret.clone(),
                resources: Resources {
                    cpu_request: self.cpu_request,
                    memory_request: self.memory_request,
                    cpu_limit: limits.cpus,
                    memory_limit: limits.memory,
                },
                spread: if self.spread == SpreadArg::Required { Spread::Required } else { Spread::Preferred },
                net_admin: self.net_admin,
            },
            lock: ready.lock.clone(),
            way: if direct { Way::Direct } else { Way::Forward },
            deadline_s: self.deadline * 60,
            schedule_within: Duration::from_secs(self.schedule_within),
        }
    }
}
