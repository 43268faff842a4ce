//! The tasks that go on while a run's pods are up: one hears of its pods, one renews its lease, one listens to each pod,
//! one follows each log. All of them outlast an API server that is away for a while.

use super::{
    board::{Board, Exited},
    cluster::{AGAIN_AFTER, AWAY_WITHIN, Cluster, Kind, Refusal, SILENT_WITHIN, again},
    inside::{Answer, Ask, Ended, State},
    label::{self, Run},
    manifest::HOLD,
};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// Between two renewals of a lease.
const RENEW_EVERY: Duration = Duration::from_secs(10);
/// A pod that says nothing for so long is not listening any more: it says something every two seconds.
const PULSE_WITHIN: Duration = Duration::from_secs(8);
/// A program that ended is looked at again after this time: its pod may be ending, too.
const CONFIRM_AFTER: Duration = Duration::from_secs(1);

/// Tasks that end with this.
#[derive(Default)]
pub struct Tasks(Vec<JoinHandle<()>>);

impl Tasks {
    /// One more.
    pub fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.push(tokio::spawn(task));
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

/// Hears of the run's pods.
pub async fn watch_pods(cluster: Cluster, run: Run, board: Board) {
    loop {
        let watched = cluster.watch(&run.selector(), &mut |change| board.hear(change)).await;
        if let Err(refusal) = watched {
            tracing::debug!("watching pods: {refusal}");
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    }
}

/// Renews the run's lease: who looks for leftovers sees that its owner lives.
pub async fn renew(cluster: Cluster, run: Run) {
    loop {
        tokio::time::sleep(RENEW_EVERY).await;
        if let Err(refusal) = cluster.patch(Kind::Lease, &run.lease(), &label::renewed()).await {
            tracing::debug!("renewing the lease: {refusal}");
        }
    }
}

/// A node's pod, for who listens to it.
#[derive(Clone)]
pub struct Heard {
    /// The cluster.
    pub cluster: Cluster,
    /// Where what is heard goes.
    pub board: Board,
    /// The node.
    pub node: String,
    /// Its pod.
    pub pod: String,
    /// Its roles.
    pub roles: Vec<String>,
}

impl Heard {
    /// Listens to what becomes of the pod's programs, until the pod is lost.
    pub async fn listen(self) {
        let mut unheard: Option<(Instant, Duration)> = None;
        loop {
            let ask = Ask::Watch(self.roles.clone());
            let refusal = match self.cluster.ask_on(&self.pod, HOLD, &ask, &[]).await {
                Ok(mut answers) => loop {
                    match tokio::time::timeout(PULSE_WITHIN, answers.next()).await {
                        Ok(Ok(Some(Answer::State(state)))) => {
                            unheard = None;
                            self.take_in(state);
                        }
                        Ok(Ok(Some(Answer::Failed(says)))) => break Refusal::Silent(says),
                        Ok(Err(refusal)) => break refusal,
                        Ok(Ok(_)) => break Refusal::Silent("the connection broke off".to_owned()),
                        Err(_) => break Refusal::Silent("it says nothing any more".to_owned()),
                    }
                },
                Err(refusal) => refusal,
            };
            let patience = if matches!(refusal, Refusal::Away(_)) { AWAY_WITHIN } else { SILENT_WITHIN };
            let (since, patience) = match unheard {
                // an API server that answers again has a while to find its nodes
                Some((since, before)) if before == patience => (since, patience),
                _ => (Instant::now(), patience),
            };
            unheard = Some((since, patience));
            if since.elapsed() > patience {
                return self.trouble(&refusal.to_string());
            }
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    }

    /// The pod can't be reached or used: what the cluster did to it, or else what came of asking.
    fn trouble(&self, says: &str) {
        self.board.learn(|known| {
            let machine = known.machine(&self.pod);
            let says = known.lost(&self.pod).unwrap_or_else(|| format!("its pod on {machine} is out of reach: {says}"));
            known.troubles.push((self.node.clone(), says));
        });
    }

    fn take_in(&self, state: State) {
        let key = (self.node.clone(), state.role.clone());
        let before = self.board.learn(|known| known.states.insert(key, state.clone()));
        let same = before.is_some_and(|before| (before.number, before.ended) == (state.number, state.ended.clone()));
        if let Some(ended) = state.ended.filter(|ended| !same && !ended.asked) {
            tokio::spawn(self.clone().confirm(state.role, state.number, ended));
        }
    }

    /// A program ended and was not told to: by itself if its pod is well a moment later, else the cluster has ended it.
    async fn confirm(self, role: String, number: u64, ended: Ended) {
        tokio::time::sleep(CONFIRM_AFTER).await;
        let here = again("reach a pod", || self.cluster.ask(&self.pod, HOLD, &Ask::Here, &[])).await;
        let lost = self.board.known().lost(&self.pod);
        match (here, lost) {
            (Ok(_), None) => {
                let node = self.node.clone();
                self.board.learn(|known| known.exits.push(Exited { node, role, number, ended }));
            }
            (Err(error), _) => self.trouble(&error.to_string()),
            (Ok(_), Some(says)) => self.trouble(&says),
        }
    }
}
