//! The container engine, in the few verbs that a run needs. Nothing else here knows the engine's own library.
//!
//! Never: decides what to make or remove. What is gone already is removed; everything else that goes wrong is told with
//! what was being done.

use super::label::Labels;
use crate::{client::repository, image, runtime::Error};
use bollard::{
    Docker as Api, body_full,
    container::LogOutput,
    errors::Error as ApiError,
    exec::{StartExecOptions, StartExecResults},
    models::{
        ContainerCreateBody, ContainerState, EndpointIpamConfig, EndpointSettings, ExecConfig, ImageInspect, Ipam,
        IpamConfig, NetworkCreateRequest, NetworkingConfig, VolumeCreateRequest,
    },
    query_parameters::{
        CreateContainerOptions, CreateImageOptions, DownloadFromContainerOptions, KillContainerOptions,
        ListContainersOptions, ListNetworksOptions, ListVolumesOptions, LogsOptions, RemoveContainerOptions,
        RemoveVolumeOptions, StatsOptions, UploadToContainerOptions, WaitContainerOptions,
    },
};
use futures::{Stream, StreamExt};
use std::{
    collections::{BTreeMap, HashMap},
    io::Write,
    net::Ipv4Addr,
    path::Path,
    time::Duration,
};

/// What the engine says when some of a container's processes escaped.
const NOT_FROZEN: &str = "unable to freeze";
/// How often it is asked to freeze a container.
const PAUSE_ATTEMPTS: u32 = 30;
/// Between two of them.
const PAUSE_AGAIN: Duration = Duration::from_millis(100);
/// How long a command in a container may take.
const EXEC_WITHIN: Duration = Duration::from_secs(60);

/// A connection to an engine.
#[derive(Clone, Debug)]
pub struct Engine(Api);

/// Something of a run that the engine holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thing {
    /// By which it is removed.
    pub id: String,
    /// By which people know it.
    pub name: String,
    /// Its labels.
    pub labels: Labels,
    /// Of a container: the port of this machine for each published one.
    pub ports: BTreeMap<u16, u16>,
}

/// What a command said that was run in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Its exit code.
    pub code: i64,
    /// What it wrote, to either stream.
    pub text: String,
}

impl Engine {
    /// Connects to the engine that DOCKER_HOST names, or to the one of this machine.
    ///
    /// # Errors
    /// None answers.
    pub async fn connect() -> Result<Self, Error> {
        image::connect().await.map(Self).map_err(|none| Error::Other(none.to_string()))
    }

    /// Over a connection that there is.
    pub fn over(api: Api) -> Self {
        Self(api)
    }

    /// An image that the engine has; `None` if it has none of that name.
    pub async fn image(&self, reference: &str) -> Result<Option<ImageInspect>, Error> {
        found(self.0.inspect_image(reference).await).map_err(told(&format!("look at the image {reference}")))
    }

    /// Pulls an image; what is heard of it meanwhile goes to `progress`: done and total bytes of what is under way.
    pub async fn pull(&self, reference: &str, mut progress: impl FnMut(u64, u64)) -> Result<(), String> {
        // A name without a tag would stand for all tags that there are.
        let tagged =
            if repository(reference) == reference { format!("{reference}:latest") } else { reference.to_owned() };
        let options = CreateImageOptions { from_image: Some(tagged), ..Default::default() };
        let mut layers: HashMap<String, (u64, u64)> = HashMap::new();
        let mut news = std::pin::pin!(self.0.create_image(Some(options), None, None));
        while let Some(info) = news.next().await {
            let info = info.map_err(|error| error.to_string())?;
            let detail = info.progress_detail.unwrap_or_default();
            if let (Some(id), Some(current), Some(total)) = (info.id, detail.current, detail.total) {
                layers.insert(id, (current.max(0) as u64, total.max(0) as u64));
                progress(layers.values().map(|layer| layer.0).sum(), layers.values().map(|layer| layer.1).sum());
            }
        }
        Ok(())
    }

    /// Makes a bridge network. `Ok(false)`: the subnet is taken.
    pub async fn create_network(
        &self,
        name: &str,
        subnet: &str,
        gateway: Ipv4Addr,
        labels: Labels,
    ) -> Result<bool, Error> {
        let config =
            IpamConfig { subnet: Some(subnet.to_owned()), gateway: Some(gateway.to_string()), ..Default::default() };
        // What runs here talks with its own network only: nothing is translated to go out.
        let no_way_out = [("com.docker.network.bridge.enable_ip_masquerade".to_owned(), "false".to_owned())];
        let request = NetworkCreateRequest {
            name: name.to_owned(),
            driver: Some("bridge".to_owned()),
            ipam: Some(Ipam { config: Some(vec![config]), ..Default::default() }),
            options: Some(HashMap::from(no_way_out)),
            labels: Some(labels),
            ..Default::default()
        };
        match self.0.create_network(request).await {
            Ok(_) => Ok(true),
            Err(ApiError::DockerResponseServerError { message, .. }) if is_taken(&message) => Ok(false),
            Err(error) => Err(told(&format!("make the network {name}"))(error)),
        }
    }

    /// Makes a volume.
    pub async fn create_volume(&self, name: &str, labels: Labels) -> Result<(), Error> {
        let request = VolumeCreateRequest { name: Some(name.to_owned()), labels: Some(labels), ..Default::default() };
        let made = self.0.create_volume(request).await;
        made.map(drop).map_err(told(&format!("make the volume {name}")))
    }

    /// Makes a container, which is not started; its id.
    pub async fn create(&self, name: &str, body: ContainerCreateBody) -> Result<String, Error> {
        let options = CreateContainerOptions { name: Some(name.to_owned()), ..Default::default() };
        let made = self.0.create_container(Some(options), body).await;
        made.map(|made| made.id).map_err(told(&format!("make the container {name}")))
    }

    /// Starts a container.
    pub async fn start(&self, id: &str) -> Result<(), Error> {
        self.0.start_container(id, None).await.map_err(told("start a container"))
    }

    /// Sends a signal to a container's first process; one that has ended already is no error.
    pub async fn kill(&self, id: &str, signal: &str) -> Result<(), Error> {
        let options = KillContainerOptions { signal: signal.to_owned() };
        match self.0.kill_container(id, Some(options)).await {
            // It does not run.
            Err(ApiError::DockerResponseServerError { status_code: 404 | 409, .. }) => Ok(()),
            other => other.map_err(told(&format!("send {signal} to a container"))),
        }
    }

    /// Freezes a container's processes, or lets them go on. Where a container has many of them and the machine is busy, older
    /// kernels don't catch all in the time that the engine waits for it; then it lets go of those that it has, and is asked again.
    pub async fn pause(&self, id: &str, paused: bool) -> Result<(), Error> {
        let doing = if paused { "pause a container" } else { "unpause a container" };
        for _ in 0..PAUSE_ATTEMPTS {
            let done = if paused { self.0.pause_container(id).await } else { self.0.unpause_container(id).await };
            match done {
                Err(ApiError::DockerResponseServerError { message, .. }) if message.contains(NOT_FROZEN) => {
                    tracing::debug!(id, message, "asked again");
                    tokio::time::sleep(PAUSE_AGAIN).await;
                }
                other => return other.map_err(told(doing)),
            }
        }
        Err(Error::Engine { doing: doing.to_owned(), says: format!("{NOT_FROZEN}, {PAUSE_ATTEMPTS} times") })
    }

    /// What becomes of a container; `None` if it is not there any more.
    pub async fn state(&self, id: &str) -> Result<Option<ContainerState>, Error> {
        let seen = found(self.0.inspect_container(id, None).await).map_err(told("look at a container"))?;
        Ok(seen.map(|seen| seen.state.unwrap_or_default()))
    }

    /// The port of this machine at which each published TCP port of a container is reached.
    pub async fn published(&self, id: &str) -> Result<HashMap<u16, u16>, Error> {
        let seen = self.0.inspect_container(id, None).await.map_err(told("look at a container's ports"))?;
        let ports = seen.network_settings.and_then(|settings| settings.ports).unwrap_or_default();
        let host = |bindings: Option<Vec<_>>| -> Option<u16> {
            bindings?.into_iter().find_map(|binding: bollard::models::PortBinding| binding.host_port?.parse().ok())
        };
        let pair = |(port, bindings): (String, _)| Some((port.strip_suffix("/tcp")?.parse().ok()?, host(bindings)?));
        Ok(ports.into_iter().filter_map(pair).collect())
    }

    /// A container's output from then on (Unix seconds), until it ends.
    pub fn logs(&self, id: &str, since: i32) -> impl Stream<Item = Result<LogOutput, ApiError>> + Send + use<> {
        let options = LogsOptions {
            follow: true,
            stdout: true,
            stderr: true,
            since,
            tail: "all".to_owned(),
            ..Default::default()
        };
        self.0.logs(id, Some(options))
    }

    /// Waits until a container does not run.
    pub async fn wait(&self, id: &str) {
        let options = WaitContainerOptions { condition: "not-running".to_owned() };
        let mut ended = std::pin::pin!(self.0.wait_container(id, Some(options)));
        // Its exit code comes as an error; what became of it is asked for anyhow.
        let _ = ended.next().await;
    }

    /// Bytes of memory that a container uses now.
    pub async fn memory(&self, id: &str) -> Option<u64> {
        let options = StatsOptions { stream: false, one_shot: true };
        let stats = std::pin::pin!(self.0.stats(id, Some(options))).next().await?.ok()?.memory_stats?;
        // What the kernel would give back at once is no use of memory.
        let caches = stats.stats.unwrap_or_default();
        let cache = caches.get("total_inactive_file").or_else(|| caches.get("inactive_file")).copied().unwrap_or(0);
        Some(stats.usage?.saturating_sub(cache))
    }

    /// Puts the files of a tar archive into a container, from its root on.
    pub async fn put(&self, id: &str, archive: Vec<u8>) -> Result<(), Error> {
        let options = UploadToContainerOptions { path: "/".to_owned(), ..Default::default() };
        let put = self.0.upload_to_container(id, Some(options), body_full(archive.into())).await;
        put.map_err(told("copy files into a container"))
    }

    /// Copies a folder of a container, running or not, into a file as a tar archive, up to so many bytes; more is an error, and
    /// leaves no file.
    pub async fn get(&self, id: &str, folder: &str, file: &Path, at_most: u64) -> Result<(), Error> {
        let failed = told("copy files out of a container");
        let write = |error: std::io::Error| Error::Other(format!("writing {}: {error}", file.display()));
        let options = DownloadFromContainerOptions { path: folder.to_owned() };
        let mut archive = std::pin::pin!(self.0.download_from_container(id, Some(options)));
        let (mut out, mut bytes) = (std::fs::File::create(file).map_err(write)?, 0);
        while let Some(piece) = archive.next().await {
            let piece = piece.map_err(&failed)?;
            bytes += piece.len() as u64;
            if bytes > at_most {
                std::fs::remove_file(file).map_err(write)?;
                return Err(Error::Other(format!("{folder} of a container has more than {at_most} bytes")));
            }
            out.write_all(&piece).map_err(write)?;
        }
        Ok(())
    }

    /// Runs a command in a running container, as that user, to its end, which is to come soon.
    pub async fn exec(&self, id: &str, user: &str, command: Vec<String>) -> Result<Said, Error> {
        let doing = format!("run `{}` in a container", command.join(" "));
        let says = || format!("it has not ended within {} s", EXEC_WITHIN.as_secs());
        let done = tokio::time::timeout(EXEC_WITHIN, self.exec_for_long(id, user, command, &doing)).await;
        done.unwrap_or_else(|_| Err(Error::Engine { doing: doing.clone(), says: says() }))
    }

    async fn exec_for_long(&self, id: &str, user: &str, command: Vec<String>, doing: &str) -> Result<Said, Error> {
        let failed = told(doing);
        let config = ExecConfig {
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            user: Some(user.to_owned()),
            cmd: Some(command),
            ..Default::default()
        };
        let made = self.0.create_exec(id, config).await.map_err(&failed)?;
        let mut text = String::new();
        if let StartExecResults::Attached { mut output, .. } =
            self.0.start_exec(&made.id, None::<StartExecOptions>).await.map_err(&failed)?
        {
            while let Some(piece) = output.next().await {
                text.push_str(&piece.map_err(&failed)?.to_string());
            }
        }
        let seen = self.0.inspect_exec(&made.id).await.map_err(&failed)?;
        Ok(Said { code: seen.exit_code.unwrap_or(-1), text })
    }

    /// Every container with a run's label, running or not.
    pub async fn containers(&self) -> Result<Vec<Thing>, Error> {
        let options = ListContainersOptions { all: true, filters: Some(of_runs()), ..Default::default() };
        let listed = self.0.list_containers(Some(options)).await.map_err(told("list containers"))?;
        let thing = |it: bollard::models::ContainerSummary| {
            let name = it.names.unwrap_or_default().into_iter().next().unwrap_or_default();
            let name = name.trim_start_matches('/').to_owned();
            let ports = it.ports.unwrap_or_default().into_iter();
            let ports = ports.filter_map(|port| Some((port.private_port, port.public_port?))).collect();
            Some(Thing { id: it.id?, name, labels: it.labels.unwrap_or_default(), ports })
        };
        Ok(listed.into_iter().filter_map(thing).collect())
    }

    /// Every network with a run's label.
    pub async fn networks(&self) -> Result<Vec<Thing>, Error> {
        let options = ListNetworksOptions { filters: Some(of_runs()) };
        let listed = self.0.list_networks(Some(options)).await.map_err(told("list networks"))?;
        let thing = |it: bollard::models::Network| {
            let (name, labels) = (it.name.unwrap_or_default(), it.labels.unwrap_or_default());
            Some(Thing { id: it.id?, name, labels, ports: BTreeMap::new() })
        };
        Ok(listed.into_iter().filter_map(thing).collect())
    }

    /// Every volume with a run's label.
    pub async fn volumes(&self) -> Result<Vec<Thing>, Error> {
        let options = ListVolumesOptions { filters: Some(of_runs()) };
        let listed = self.0.list_volumes(Some(options)).await.map_err(told("list volumes"))?;
        let thing = |it: bollard::models::Volume| {
            let (id, name, labels) = (it.name.clone(), it.name, it.labels);
            Thing { id, name, labels, ports: BTreeMap::new() }
        };
        Ok(listed.volumes.unwrap_or_default().into_iter().map(thing).collect())
    }

    /// Removes a container, whatever it does, and the volumes that only it has.
    pub async fn remove_container(&self, id: &str) -> Result<(), Error> {
        let options = RemoveContainerOptions { v: true, force: true, ..Default::default() };
        match self.0.remove_container(id, Some(options)).await {
            // Somebody else is removing it: wait until it is gone.
            Err(ApiError::DockerResponseServerError { status_code: 409, .. }) => {
                let options = WaitContainerOptions { condition: "removed".to_owned() };
                let _ = std::pin::pin!(self.0.wait_container(id, Some(options))).next().await;
                Ok(())
            }
            other => found(other).map(drop).map_err(told("remove a container")),
        }
    }

    /// Removes a network.
    pub async fn remove_network(&self, id: &str) -> Result<(), Error> {
        found(self.0.remove_network(id).await).map(drop).map_err(told(&format!("remove the network {id}")))
    }

    /// Removes a volume.
    pub async fn remove_volume(&self, name: &str) -> Result<(), Error> {
        let options = RemoveVolumeOptions { force: true };
        let removed = self.0.remove_volume(name, Some(options)).await;
        found(removed).map(drop).map_err(told(&format!("remove the volume {name}")))
    }
}

/// A container's place in a network.
pub fn endpoint(network: &str, address: Ipv4Addr) -> NetworkingConfig {
    let ipam = EndpointIpamConfig { ipv4_address: Some(address.to_string()), ..Default::default() };
    let settings = EndpointSettings { ipam_config: Some(ipam), ..Default::default() };
    NetworkingConfig { endpoints_config: Some(HashMap::from([(network.to_owned(), settings)])) }
}

fn of_runs() -> HashMap<String, Vec<String>> {
    HashMap::from([("label".to_owned(), vec![super::label::RUN.to_owned()])])
}

/// What the engine says of a subnet that another network has.
fn is_taken(message: &str) -> bool {
    let message = message.to_lowercase();
    ["overlap", "already used", "already being used", "conflicts with network"]
        .iter()
        .any(|words| message.contains(words))
}

/// What is not there is no error.
fn found<T>(answer: Result<T, ApiError>) -> Result<Option<T>, ApiError> {
    match answer {
        Ok(it) => Ok(Some(it)),
        Err(ApiError::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// An error with what was being done.
fn told(doing: &str) -> impl Fn(ApiError) -> Error {
    let doing = doing.to_owned();
    move |error| {
        let says = match error {
            ApiError::DockerResponseServerError { message, .. } => message,
            other => other.to_string(),
        };
        Error::Engine { doing: doing.clone(), says }
    }
}
