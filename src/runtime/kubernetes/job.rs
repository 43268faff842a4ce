//! The Job in which this program runs a scenario or a matrix inside of a cluster, for `kubectl apply`. It owns all that
//! its runs make, so that they end with it.

use super::label::{JOB_NAME, JOB_UID};
use crate::image::{BINARY, DATA, USER};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Where its files are.
const FILES: &str = "/files";
/// Seconds that it stays when it is finished, with its log.
const LINGERS: u64 = 24 * 3600;

/// What the Job is made from.
#[derive(Clone, Debug)]
pub struct JobSpec {
    /// Its name.
    pub name: String,
    /// Its namespace, and that of its runs.
    pub namespace: String,
    /// The image of this program there.
    pub image: String,
    /// The service account that has the rights.
    pub account: String,
    /// A volume claim for its folders; without one they end with it.
    pub claim: Option<String>,
    /// It is ended after so many seconds.
    pub deadline_s: u64,
    /// The words of this program.
    pub words: Vec<String>,
    /// Files that the words name, by name.
    pub files: BTreeMap<String, String>,
}

impl JobSpec {
    /// Where the program finds one of its files.
    pub fn file(name: &str) -> String {
        format!("{FILES}/{name}")
    }

    /// The objects.
    pub fn objects(&self) -> Vec<Value> {
        let metadata = json!({ "name": self.name, "namespace": self.namespace });
        let files = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": self.files });
        let label = |name: &str, label: &str| {
            let path = format!("metadata.labels['batch.kubernetes.io/{label}']");
            json!({ "name": name, "valueFrom": { "fieldRef": { "fieldPath": path } } })
        };
        let data = match &self.claim {
            Some(claim) => json!({ "name": "data", "persistentVolumeClaim": { "claimName": claim } }),
            None => json!({ "name": "data", "emptyDir": {} }),
        };
        let mount = |name: &str, path: &str| json!({ "name": name, "mountPath": path });
        let job = json!({
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": metadata,
            "spec": {
                "backoffLimit": 0,
                "activeDeadlineSeconds": self.deadline_s,
                "ttlSecondsAfterFinished": LINGERS,
                "template": { "spec": {
                    "restartPolicy": "Never",
                    "serviceAccountName": self.account,
                    "enableServiceLinks": false,
                    "securityContext": {
                        "runAsUser": USER, "runAsGroup": USER, "fsGroup": USER, "runAsNonRoot": true,
                        "seccompProfile": { "type": "RuntimeDefault" },
                    },
                    "volumes": [
                        data,
                        { "name": "files", "configMap": { "name": self.name } },
                        { "name": "tmp", "emptyDir": {} },
                    ],
                    "containers": [{
                        "name": "lockin",
                        "image": self.image,
                        "command": [BINARY],
                        "args": self.words,
                        "workingDir": DATA,
                        "env": [
                            label(JOB_NAME, "job-name"),
                            label(JOB_UID, "controller-uid"),
                            { "name": "HOME", "value": DATA },
                        ],
                        "resources": { "requests": { "cpu": "200m", "memory": "256Mi" } },
                        "securityContext": { "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } },
                        "volumeMounts": [mount("data", DATA), mount("files", FILES), mount("tmp", "/tmp")],
                    }],
                }},
            },
        });
        vec![files, job]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_knows_its_own_name_and_carries_its_files() {
        let spec = JobSpec {
            name: "nightly".into(),
            namespace: "ci".into(),
            image: "lockin:1".into(),
            account: "lockin".into(),
            claim: None,
            deadline_s: 60,
            words: vec!["run".into(), JobSpec::file("a.yaml")],
            files: BTreeMap::from([("a.yaml".into(), "name: a\n".into())]),
        };
        let [files, job] = &spec.objects()[..] else { panic!("two objects") };
        assert_eq!(files["data"]["a.yaml"], "name: a\n");
        let container = &job["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["args"], json!(["run", "/files/a.yaml"]));
        assert_eq!(container["env"][0]["name"], JOB_NAME);
        let path = &container["env"][1]["valueFrom"]["fieldRef"]["fieldPath"];
        assert_eq!(path, "metadata.labels['batch.kubernetes.io/controller-uid']");
        assert_eq!(job["spec"]["activeDeadlineSeconds"], 60);
    }
}
