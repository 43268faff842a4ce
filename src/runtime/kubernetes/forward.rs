//! How whoever runs the network reaches the ports of pods: at the pods' addresses, or through the API server by ports of
//! this machine, each connection of its own. Never: open to other machines.

use super::cluster::Cluster;
use crate::runtime::{Error, node::LOOPBACK};
use std::net::{Ipv4Addr, SocketAddr};
use tokio::net::{TcpListener, TcpStream};

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Through the API server.
    Forward,
    /// At the pod's address.
    Direct,
}

impl Way {
    /// Where a port of a pod is reached, and what must go on for that, if anything.
    ///
    /// # Errors
    /// No free port.
    pub async fn to(
        self,
        cluster: &Cluster,
        pod: &str,
        address: Ipv4Addr,
        port: u16,
    ) -> Result<(SocketAddr, Option<impl Future<Output = ()> + Send + use<>>), Error> {
        if self == Way::Direct {
            return Ok(((address, port).into(), None));
        }
        let failed = |error: std::io::Error| Error::Other(format!("listening on {LOOPBACK}: {error}"));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed)?;
        let here = listener.local_addr().map_err(failed)?;
        Ok((here, Some(forward(listener, cluster.clone(), pod.to_owned(), port))))
    }
}

/// Passes every connection on.
async fn forward(listener: TcpListener, cluster: Cluster, pod: String, port: u16) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                connections.spawn(pass(stream, cluster.clone(), pod.clone(), port));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn pass(mut here: TcpStream, cluster: Cluster, pod: String, port: u16) {
    match cluster.forward(&pod, port).await {
        // either end may break off: who asked sees that
        Ok(mut there) => drop(tokio::io::copy_bidirectional(&mut here, &mut there).await),
        Err(refusal) => tracing::debug!("forwarding to {pod}: {refusal}"),
    }
}
