//! The cluster, in the few verbs that a run needs. Nothing else here knows the library that speaks to it.
//!
//! What only a restart of the API server or a busy one could be the cause of is tried again for a while. Never: decides
//! what to make or remove.

use super::inside::{Answer, Ask};
use crate::{image::BINARY, runtime::Error};
use futures::{AsyncBufRead, StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client, Config,
    api::{
        ApiResource, AttachParams, DeleteParams, DynamicObject, ListParams, LogParams, Patch, PatchParams, PostParams,
        PropagationPolicy, WatchEvent, WatchParams,
    },
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::Value;
use std::{
    path::Path,
    time::{Duration, Instant},
};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};

/// How long an API server may be away before it is trouble: a restart is none.
pub const AWAY_WITHIN: Duration = Duration::from_secs(90);
/// How long a node of the cluster may be out of reach of an API server that answers.
pub const SILENT_WITHIN: Duration = Duration::from_secs(12);
/// Between two attempts.
pub const AGAIN_AFTER: Duration = Duration::from_millis(700);
/// Of what a pod is given at once.
const PIECE: usize = 64 * 1024;
/// How long connecting may take, and one answer that is not a stream.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// The kinds of objects that a run has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A node.
    Pod,
    /// What owns all of a run.
    Job,
    /// By which it is known that the owner lives.
    Lease,
}

impl Kind {
    fn resource(self) -> ApiResource {
        let (group, kind, plural) = match self {
            Kind::Pod => ("", "Pod", "pods"),
            Kind::Job => ("batch", "Job", "jobs"),
            Kind::Lease => ("coordination.k8s.io", "Lease", "leases"),
        };
        resource(group, kind, plural)
    }
}

fn resource(group: &str, kind: &str, plural: &str) -> ApiResource {
    let api_version = if group.is_empty() { "v1".to_owned() } else { format!("{group}/v1") };
    let (group, kind, plural) = (group.to_owned(), kind.to_owned(), plural.to_owned());
    ApiResource { group, version: "v1".to_owned(), api_version, kind, plural }
}

/// How a cluster is found.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// The file that says how; without it KUBECONFIG, the user's own, or the pod's that this program runs in.
    pub kubeconfig: Option<std::path::PathBuf>,
    /// Which of its contexts.
    pub context: Option<String>,
    /// The namespace, instead of the context's own.
    pub namespace: Option<String>,
}

/// A namespace of a cluster.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    /// The namespace.
    pub namespace: String,
}

/// What a watch tells of pods, by name.
pub enum Change {
    /// These there are, and no others.
    All(Vec<(String, Value)>),
    /// It is so now.
    Is(String, Value),
    /// It is not there any more.
    Gone(String),
}

/// Why something was not done.
#[derive(Clone, Debug)]
pub enum Refusal {
    /// The API server does not answer.
    Away(String),
    /// It answers, and could not do it, but may be able to soon: who should have done it is out of reach.
    Silent(String),
    /// It refuses, with an HTTP status.
    Refused(u16, String),
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Refusal::Away(says) | Refusal::Silent(says) | Refusal::Refused(_, says) => f.write_str(says),
        }
    }
}

impl From<kube::Error> for Refusal {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) if status.code >= 500 || status.code == 429 => Refusal::Silent(status.message),
            kube::Error::Api(status) => Refusal::Refused(status.code, status.message),
            // The server's own words are lost to the library there.
            kube::Error::UpgradeConnection(error) => {
                let says = error.to_string();
                let refused = [400, 401, 403, 404].into_iter().find(|code| says.contains(&code.to_string()));
                refused.map_or(Refusal::Silent(says.clone()), |code| Refusal::Refused(code, says))
            }
            error => Refusal::Away(chain(&error)),
        }
    }
}

/// An error with what it came of.
fn chain(error: &dyn std::error::Error) -> String {
    let mut says = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        if !says.contains(&more) {
            says = format!("{says}: {more}");
        }
        source = error.source();
    }
    says
}

fn away(error: impl std::fmt::Display) -> Refusal {
    Refusal::Away(error.to_string())
}

impl Cluster {
    /// Connects to the cluster that the access names.
    ///
    /// # Errors
    /// None is named, or it can't be read how it is reached.
    pub async fn connect(access: &Access) -> Result<Self, Error> {
        let none = |error: &dyn std::fmt::Display| {
            Error::Other(format!("no cluster: {error}; name one: --kubeconfig FILE, or KUBECONFIG"))
        };
        let options = KubeConfigOptions { context: access.context.clone(), cluster: None, user: None };
        let mut config = match &access.kubeconfig {
            Some(path) => {
                let read = Kubeconfig::read_from(path).map_err(|error| none(&error))?;
                Config::from_custom_kubeconfig(read, &options).await.map_err(|error| none(&error))?
            }
            None if access.context.is_some() => {
                Config::from_kubeconfig(&options).await.map_err(|error| none(&error))?
            }
            None => Config::infer().await.map_err(|error| none(&error))?,
        };
        config.connect_timeout = Some(CONNECT_WITHIN);
        let namespace = access.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let client = Client::try_from(config).map_err(|error| none(&error))?;
        Ok(Self { client, namespace })
    }

    fn api(&self, kind: Kind) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.namespace, &kind.resource())
    }

    fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Whether whoever runs this may do that in the namespace: a verb, a group, a resource (`pods/exec`).
    pub async fn may(&self, verb: &str, group: &str, resource_name: &str) -> Result<bool, Error> {
        let (name, sub) = resource_name.split_once('/').unwrap_or((resource_name, ""));
        let about = serde_json::json!({
            "namespace": self.namespace, "verb": verb, "group": group, "resource": name, "subresource": sub,
        });
        let reviews = resource("authorization.k8s.io", "SelfSubjectAccessReview", "selfsubjectaccessreviews");
        let api: Api<DynamicObject> = Api::all_with(self.client.clone(), &reviews);
        let asked = object(serde_json::json!({
            "apiVersion": reviews.api_version, "kind": reviews.kind, "metadata": {},
            "spec": { "resourceAttributes": about },
        }))?;
        let doing = "ask for its rights";
        let answer = again(doing, || async { Ok(api.create(&PostParams::default(), &asked).await?) }).await?;
        Ok(answer.data["status"]["allowed"] == true)
    }

    /// Makes an object; as it is then.
    pub async fn create(&self, kind: Kind, what: Value) -> Result<DynamicObject, Error> {
        let what = object(what)?;
        let name = what.metadata.name.clone().unwrap_or_default();
        let (api, mut tries) = (self.api(kind), 0);
        again(&format!("make the {kind:?} {name}"), || {
            tries += 1;
            let (api, what, name, first) = (api.clone(), what.clone(), name.clone(), tries == 1);
            async move {
                match api.create(&PostParams::default(), &what).await {
                    // an attempt before was heard, though its answer was not
                    Err(kube::Error::Api(status)) if status.code == 409 && !first => Ok(api.get(&name).await?),
                    made => Ok(made?),
                }
            }
        })
        .await
    }

    /// Changes an object's fields that are given.
    pub async fn patch(&self, kind: Kind, name: &str, change: &Value) -> Result<(), Refusal> {
        let (api, patch) = (self.api(kind), Patch::Merge(change));
        within(async { Ok(api.patch(name, &PatchParams::default(), &patch).await.map(drop)?) }).await
    }

    /// All of a kind with such labels.
    pub async fn list(&self, kind: Kind, labels: &str) -> Result<Vec<DynamicObject>, Error> {
        let (api, params) = (self.api(kind), ListParams::default().labels(labels));
        again(&format!("list {kind:?}s"), || async { Ok(api.list(&params).await?.items) }).await
    }

    /// Tells of all pods with such labels, and then of each that changes. Ends when it breaks off.
    pub async fn watch(&self, labels: &str, tell: &mut (dyn FnMut(Change) + Send)) -> Result<(), Refusal> {
        let api = self.api(Kind::Pod);
        let listed = within(async { Ok(api.list(&ListParams::default().labels(labels)).await?) }).await?;
        let version = listed.metadata.resource_version.clone().unwrap_or_default();
        tell(Change::All(listed.items.iter().map(|pod| (name(pod), whole(pod))).collect()));
        let params = WatchParams::default().labels(labels).timeout(60);
        let mut changes = api.watch(&params, &version).await?.boxed();
        while let Some(change) = changes.try_next().await? {
            match change {
                WatchEvent::Added(pod) | WatchEvent::Modified(pod) => tell(Change::Is(name(&pod), whole(&pod))),
                WatchEvent::Deleted(pod) => tell(Change::Gone(name(&pod))),
                WatchEvent::Bookmark(_) => {}
                WatchEvent::Error(status) => return Err(Refusal::Silent(status.message)),
            }
        }
        Ok(())
    }

    /// Removes an object, and in the background what it owns. One that is gone is no error.
    pub async fn delete(&self, kind: Kind, name: &str) -> Result<(), Error> {
        let params =
            DeleteParams { propagation_policy: Some(PropagationPolicy::Background), ..DeleteParams::default() };
        let api = self.api(kind);
        again(&format!("remove the {kind:?} {name}"), || async {
            match api.delete(name, &params).await {
                Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
                done => Ok(done.map(drop)?),
            }
        })
        .await
    }

    /// Removes all pods with such labels.
    pub async fn delete_pods(&self, labels: &str) -> Result<(), Error> {
        let params = DeleteParams { grace_period_seconds: Some(1), ..DeleteParams::default() };
        let (api, chosen) = (self.api(Kind::Pod), ListParams::default().labels(labels));
        again("remove pods", || async { Ok(api.delete_collection(&params, &chosen).await.map(drop)?) }).await
    }

    /// A container's output from that second on, each line with its time, until it ends.
    pub async fn logs(
        &self,
        pod: &str,
        container: &str,
        since: Option<&str>,
    ) -> Result<impl AsyncBufRead + use<>, Refusal> {
        let mut params =
            LogParams { container: Some(container.to_owned()), follow: true, timestamps: true, ..LogParams::default() };
        params.since_time = since.and_then(|since| since.parse().ok());
        Ok(self.pods().log_stream(pod, &params).await?)
    }

    /// A connection to a port of a pod.
    pub async fn forward(&self, pod: &str, port: u16) -> Result<impl AsyncRead + AsyncWrite + Unpin + use<>, Refusal> {
        let mut forwarder = within(async { Ok(self.pods().portforward(pod, &[port]).await?) }).await?;
        let stream = forwarder.take_stream(port).ok_or_else(|| away("no stream"))?;
        // it lives as long as its stream
        tokio::spawn(forwarder.join());
        Ok(stream)
    }

    /// Asks a pod, by a command that is run in one of its containers; `more` follows the question.
    pub async fn ask(&self, pod: &str, container: &str, ask: &Ask, more: &[u8]) -> Result<Answer, Refusal> {
        let mut answers = self.ask_on(pod, container, ask, more).await?;
        answers.next().await?.ok_or_else(|| Refusal::Silent(format!("the pod {pod} gave no answer")))
    }

    /// The same, for a question that has many answers.
    pub async fn ask_on(&self, pod: &str, container: &str, ask: &Ask, more: &[u8]) -> Result<Answers, Refusal> {
        let command = [BINARY, "k8s", "answer"];
        let mut attached = self.run(pod, container, &command, true).await?;
        let line = serde_json::to_string(ask).map_err(away)? + "\n";
        let mut stdin = attached.stdin().ok_or_else(|| away("no stdin"))?;
        let stdout = attached.stdout().ok_or_else(|| away("no stdout"))?;
        stdin.write_all(line.as_bytes()).await.map_err(away)?;
        for piece in more.chunks(PIECE) {
            stdin.write_all(piece).await.map_err(away)?;
        }
        stdin.flush().await.map_err(away)?;
        Ok(Answers { lines: BufReader::new(Box::pin(stdout)), _stdin: Box::pin(stdin), _attached: attached })
    }

    /// Runs a command in a container to its end: what it wrote, and whether it went well.
    pub async fn exec(&self, pod: &str, container: &str, command: &[&str]) -> Result<(bool, String), Refusal> {
        let mut attached = self.run(pod, container, command, false).await?;
        let (mut text, mut wrong) = (String::new(), String::new());
        let (out, err) = (attached.stdout(), attached.stderr());
        let status = attached.take_status();
        let (Some(mut out), Some(mut err), Some(status)) = (out, err, status) else { return Err(away("no streams")) };
        let read = futures::future::try_join(out.read_to_string(&mut text), err.read_to_string(&mut wrong));
        read.await.map_err(away)?;
        let status = status.await.ok_or_else(|| away("the connection broke off"))?;
        Ok((status.status.as_deref() == Some("Success"), text + &wrong))
    }

    async fn run(
        &self,
        pod: &str,
        container: &str,
        command: &[&str],
        asks: bool,
    ) -> Result<kube::api::AttachedProcess, Refusal> {
        let params = AttachParams {
            container: Some(container.to_owned()),
            stdin: asks,
            stderr: !asks,
            max_stdin_buf_size: Some(PIECE),
            max_stdout_buf_size: Some(PIECE),
            ..AttachParams::default()
        };
        within(async { Ok(self.pods().exec(pod, command.to_vec(), &params).await?) }).await
    }
}

/// What a pod answers, line by line.
pub struct Answers {
    lines: BufReader<std::pin::Pin<Box<dyn AsyncRead + Send>>>,
    // What it is asked by stays open: its end would be the question's end.
    _stdin: std::pin::Pin<Box<dyn AsyncWrite + Send>>,
    _attached: kube::api::AttachedProcess,
}

impl Answers {
    /// The next; `None` when the connection is at its end.
    pub async fn next(&mut self) -> Result<Option<Answer>, Refusal> {
        let mut line = String::new();
        self.lines.read_line(&mut line).await.map_err(away)?;
        if !line.ends_with('\n') {
            return Ok(None);
        }
        serde_json::from_str(&line).map(Some).map_err(|error| Refusal::Refused(0, format!("{error} in `{line}`")))
    }
}

fn name(object: &DynamicObject) -> String {
    object.metadata.name.clone().unwrap_or_default()
}

/// An object with all its fields.
fn whole(object: &DynamicObject) -> Value {
    let mut all = object.data.clone();
    if let (Some(fields), Ok(metadata)) = (all.as_object_mut(), serde_json::to_value(&object.metadata)) {
        fields.insert("metadata".to_owned(), metadata);
    }
    all
}

fn object(value: Value) -> Result<DynamicObject, Error> {
    serde_json::from_value(value).map_err(|error| Error::Other(format!("an object that is none: {error}")))
}

/// What is no stream has an end.
async fn within<T>(done: impl Future<Output = Result<T, Refusal>>) -> Result<T, Refusal> {
    tokio::time::timeout(ANSWER_WITHIN, done).await.unwrap_or_else(|_| Err(away("it does not answer")))
}

/// Does something until it is done or refused, as long as an API server may be away.
pub async fn again<T, F: Future<Output = Result<T, Refusal>>>(
    doing: &str,
    mut attempt: impl FnMut() -> F,
) -> Result<T, Error> {
    patiently(doing, || within(attempt())).await
}

/// The same for what may take its time.
pub async fn patiently<T, F: Future<Output = Result<T, Refusal>>>(
    doing: &str,
    mut attempt: impl FnMut() -> F,
) -> Result<T, Error> {
    let since = Instant::now();
    loop {
        let refusal = match attempt().await {
            Ok(done) => return Ok(done),
            Err(refusal) => refusal,
        };
        let patience = match refusal {
            Refusal::Away(_) => AWAY_WITHIN,
            Refusal::Silent(_) => SILENT_WITHIN,
            Refusal::Refused(..) => Duration::ZERO,
        };
        if since.elapsed() >= patience {
            return Err(Error::Cluster { doing: doing.to_owned(), says: refusal.to_string() });
        }
        tokio::time::sleep(AGAIN_AFTER).await;
    }
}

/// Where a pod finds out that it runs in a cluster.
pub fn is_inside() -> bool {
    Path::new("/var/run/secrets/kubernetes.io/serviceaccount/token").exists()
}
