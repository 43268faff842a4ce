//! The rights that a run needs in its namespace: no more than it uses, and asked for before anything is made.

use super::cluster::Cluster;
use crate::runtime::Error;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};

/// Verbs, API group, resources.
type Right = (&'static [&'static str], &'static str, &'static str);

/// All of them.
pub const RIGHTS: &[Right] = &[
    (&["create", "get", "list", "watch", "delete", "deletecollection"], "", "pods"),
    (&["create", "get"], "", "pods/exec"),
    (&["create", "get"], "", "pods/portforward"),
    (&["get"], "", "pods/log"),
    (&["create", "get", "list", "delete"], "batch", "jobs"),
    (&["create", "get", "list", "patch", "delete"], "coordination.k8s.io", "leases"),
];

/// Questions that are asked at once.
const AT_ONCE: usize = 8;

/// Finds out whether all are there.
///
/// # Errors
/// Which are not, or the cluster does not say.
pub async fn check(cluster: &Cluster) -> Result<(), Error> {
    let all = RIGHTS.iter().flat_map(|(verbs, group, of)| verbs.iter().map(move |verb| (*verb, *group, *of)));
    let asked = stream::iter(all).map(|(verb, group, of)| async move {
        Ok::<_, Error>(cluster.may(verb, group, of).await?.then_some(()).ok_or((verb, of)))
    });
    let asked: Vec<Result<(), (&str, &str)>> = asked.buffered(AT_ONCE).try_collect().await?;
    let missing: Vec<String> =
        asked.into_iter().filter_map(Result::err).map(|(verb, of)| format!("{verb} {of}")).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let namespace = &cluster.namespace;
    Err(Error::Other(format!(
        "rights are missing in the namespace {namespace}: {}; `lockin k8s role --namespace {namespace}` prints a Role that has them all",
        missing.join(", ")
    )))
}

/// A service account that has them and no others.
pub fn account(name: &str, namespace: &str) -> Vec<Value> {
    let rbac = "rbac.authorization.k8s.io";
    let metadata = json!({ "name": name, "namespace": namespace });
    let account = json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata });
    let binding = json!({
        "apiVersion": format!("{rbac}/v1"),
        "kind": "RoleBinding",
        "metadata": metadata,
        "subjects": [{ "kind": "ServiceAccount", "name": name, "namespace": namespace }],
        "roleRef": { "apiGroup": rbac, "kind": "Role", "name": name },
    });
    vec![account, role(name, namespace), binding]
}

/// A Role that has them and no others.
fn role(name: &str, namespace: &str) -> Value {
    let rules =
        RIGHTS.iter().map(|(verbs, group, of)| json!({ "apiGroups": [group], "resources": [of], "verbs": verbs }));
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": { "name": name, "namespace": namespace },
        "rules": rules.collect::<Vec<Value>>(),
    })
}
