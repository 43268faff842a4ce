//! `lockin k8s`: what a run in a cluster needs of its people, and what it runs inside of pods.

use super::exit;
use crate::image;
use crate::runtime::{
    Error,
    kubernetes::{JobSpec, ROLE, inside},
};
use clap::{Args, Subcommand};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// Prints what a run in a Kubernetes cluster needs.
#[derive(Debug, Args)]
pub struct K8sArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Prints a service account with the rights that runs need in their namespace, and no others.
    Role,
    /// Prints a Job that runs this program inside of the cluster.
    Job(JobArgs),
    /// Puts this program where containers of other images find it. Run in pods.
    #[command(hide = true)]
    Install {
        /// The folder.
        folder: PathBuf,
    },
    /// Supervises the program of a role. Run in pods.
    #[command(hide = true)]
    Supervise {
        /// The role.
        role: String,
        /// The folder that the pod's containers share.
        #[arg(long, value_name = "DIR", default_value = inside::SHARED)]
        shared: PathBuf,
    },
    /// Answers a question that comes by stdin. Run in pods.
    #[command(hide = true)]
    Answer {
        /// The folder that the pod's containers share.
        #[arg(long, value_name = "DIR", default_value = inside::SHARED)]
        shared: PathBuf,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "\
Files that WORDS name are put into a ConfigMap beside the Job. It needs the account of `lockin k8s role`.

Examples:
  lockin k8s role | kubectl -n ci apply -f -
  lockin k8s job --namespace ci -- run scenarios/pairwise.yaml | kubectl apply -f -
  kubectl -n ci logs -f job/lockin")]
struct JobArgs {
    /// The namespace of the Job and of its runs.
    #[arg(long, value_name = "NAME", default_value = "default")]
    namespace: String,
    /// The Job's name.
    #[arg(long, value_name = "NAME", default_value = "lockin")]
    name: String,
    /// The image of this program in the cluster [default: that of `lockin image`].
    #[arg(long, value_name = "REF")]
    image: Option<String>,
    /// The service account that has the rights.
    #[arg(long, value_name = "NAME", default_value = "lockin")]
    account: String,
    /// A volume claim of the namespace that keeps the runs' folders; without one they end with the Job.
    #[arg(long, value_name = "NAME")]
    claim: Option<String>,
    /// The Job and all of its runs are ended after so many minutes.
    #[arg(long, value_name = "MINUTES", default_value_t = 720, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    deadline: u64,
    /// What it runs: `run` or `matrix`, and its arguments.
    #[arg(last = true, required = true, value_name = "WORDS")]
    words: Vec<String>,
}

impl JobArgs {
    fn spec(self) -> Result<JobSpec, Error> {
        let image = self.image.unwrap_or_else(image::reference);
        let (mut files, mut words) = (BTreeMap::new(), Vec::new());
        for word in self.words {
            let path = Path::new(&word);
            let name = path.file_name().and_then(|name| name.to_str()).filter(|_| path.is_file());
            let Some(name) = name else {
                words.push(word);
                continue;
            };
            let text = std::fs::read_to_string(path).map_err(|source| Error::Io {
                doing: "reading",
                path: path.to_owned(),
                source,
            })?;
            words.push(JobSpec::file(name));
            if files.insert(name.to_owned(), text).is_some() {
                return Err(Error::Other(format!("two files are called {name}")));
            }
        }
        let place = match words.first().map(String::as_str) {
            Some("run" | "matrix") => ["--runtime".to_owned(), "kubernetes".to_owned()],
            _ => return Err(Error::Other("a Job runs `run` or `matrix`, such as -- run FILE".to_owned())),
        };
        words.splice(1..1, place);
        let own = ["--own-image".to_owned(), image.clone()];
        match words.iter().position(|word| word == "--") {
            Some(at) => drop(words.splice(at + 1..at + 1, own)),
            None if words[0] == "matrix" => words.extend(std::iter::once("--".to_owned()).chain(own)),
            None => words.extend(own),
        }
        crate::cli::check_words(&words).map_err(Error::Other)?;
        let (name, namespace, account, claim) = (self.name, self.namespace, self.account, self.claim);
        Ok(JobSpec { name, namespace, image, account, claim, deadline_s: self.deadline * 60, words, files })
    }
}

/// Runs the subcommand; the exit code.
pub fn run(args: K8sArgs) -> u8 {
    let done = match args.command {
        Command::Role => {
            super::say(ROLE.trim_end());
            Ok(())
        }
        Command::Job(args) => args.spec().and_then(|spec| print(&spec.objects())),
        Command::Install { folder } => inside::install(&folder),
        Command::Supervise { role, shared } => inside::supervise(&shared, &role),
        Command::Answer { shared } if inside::answer(&shared) => Ok(()),
        Command::Answer { .. } => Err(Error::Other("nobody listens".to_owned())),
    };
    match done {
        Ok(()) => exit::PASS,
        Err(error) => {
            eprintln!("error: {error}");
            exit::UNKNOWN
        }
    }
}

/// Prints objects as `kubectl apply` takes them.
fn print(objects: &[Value]) -> Result<(), Error> {
    let texts: Result<Vec<String>, _> = objects.iter().map(crate::yaml::to_string).collect();
    let texts = texts.map_err(|error| Error::Other(error.to_string()))?;
    super::say(texts.join("---\n").trim_end());
    Ok(())
}
