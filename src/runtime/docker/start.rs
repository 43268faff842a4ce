//! How a node's programs start: files, what is to be run before, the container, and who waits for whom.

use super::{Docker, container, images::Image, program::Program};
use crate::{
    client::{ClientDef, Command},
    runtime::{
        Error, Started, Watch,
        node::{Node, identity_of, last_lines, line, reference, write},
    },
};
use std::{
    net::Ipv4Addr,
    time::{Duration, Instant},
};

/// How long a program may take for what is to be done before it first starts.
const SETUP_WITHIN: Duration = Duration::from_secs(120);
/// Between two attempts to connect to a program that is starting.
const CONNECT_EVERY: Duration = Duration::from_millis(20);
/// A published port takes connections for a program that does not: it closes them within this time.
const CLOSED_WITHIN: Duration = Duration::from_millis(50);

impl Docker {
    pub(super) async fn start_program(&self, node: &Node, role: &str) -> Result<(Program, Started), Error> {
        let name = &node.plan.name;
        let setting = self.setting.as_ref().ok_or(Error::State { node: name.clone(), state: "not prepared" })?;
        let command = node.command(setting, &self.nodes, role)?;
        let def = node.def_of(role);
        let (reference, image) = self.image_of(def, role, command.image.as_deref())?;
        let entrypoint = def.roles.get(role).map(|role| role.entrypoint.clone()).unwrap_or_default();
        let set_up = node.seat.folder.join(format!("{role}.setup"));
        if !set_up.exists() {
            self.put_files(node, role, &command).await?;
            for args in &command.setup {
                let program = self.run_program(node, role, &image.id, &entrypoint, args, &command).await?;
                let ended = program.wait(SETUP_WITHIN).await;
                self.engine.remove_container(&program.id).await?;
                if !ended || program.ended().and_then(|ended| ended.code) != Some(0) {
                    let command = [&entrypoint[..], args].concat().join(" ");
                    let says = last_lines(&node.log(role), 1).join("");
                    return Err(Error::Setup { node: name.clone(), role: role.to_owned(), command, says });
                }
            }
            let shown: Vec<String> =
                command.setup.iter().map(|args| line(&entrypoint, args).join("\n") + "\n").collect();
            write(&set_up, shown.join("\n").as_bytes())?;
        }
        let line = line(&entrypoint, &command.args);
        write(&node.seat.folder.join(format!("{role}.cmd")), (line.join("\n") + "\n").as_bytes())?;
        let program = self.run_program(node, role, &image.id, &entrypoint, &command.args, &command).await?;
        let (role, command) = (role.to_owned(), Some(line));
        let started = Started { role, command, pid: None, image: Some(reference), digest: Some(image.digest) };
        Ok((program, started))
    }

    /// Files that a role's program finds in its data folder when it first starts.
    async fn put_files(&self, node: &Node, role: &str, command: &Command) -> Result<(), Error> {
        if command.files.is_empty() {
            return Ok(());
        }
        let archive = node.files_of(role, command)?;
        self.engine.put(&self.net(&node.plan.name)?.id, archive).await
    }

    async fn run_program(
        &self,
        node: &Node,
        role: &str,
        image: &str,
        entrypoint: &[String],
        args: &[String],
        command: &Command,
    ) -> Result<Program, Error> {
        let name = &node.plan.name;
        let data = node.seen(&node.data(role));
        let net = &self.net(name)?.id;
        let (run, limits) = (&self.run, self.limits);
        let program = container::Program { run, node: name, role, image, entrypoint, args, data: &data, net, limits };
        let id = self.engine.create(&self.run.container(name, role), program.body(command)).await?;
        self.engine.start(&id).await?;
        Program::follow(&self.engine, id, &node.log(role))
    }

    /// Waits until a role's program takes connections; no longer than it declares, and not for one that has ended:
    /// whoever needs it will say so.
    pub(super) async fn wait_for(&self, name: &str, role: &str, port: u16, within: Duration) {
        let end = Instant::now() + within;
        let Some(port) = self.nets.get(name).and_then(|net| net.ports.get(&port)) else { return };
        let runs =
            || self.running.get(name).and_then(|all| all.get(role)).is_some_and(|program| program.ended().is_none());
        while Instant::now() < end && runs() {
            if takes_connections(*port).await {
                return;
            }
            tokio::time::sleep(CONNECT_EVERY).await;
        }
    }

    /// Waits until a node has said its peer id, for those that can't be told one.
    pub(super) async fn learn_identity(&mut self, name: &str) -> Result<(), Error> {
        let client = self.beacon(name)?;
        let running = self.running.get(name);
        let runs = || running.is_some_and(|all| all.values().all(|program| program.ended().is_none()));
        let Some(node) = self.nodes.get_mut(name).filter(|node| node.says_its_identity()) else { return Ok(()) };
        // It may have another one after every start.
        (node.peer_id, node.said_enr) = (None, None);
        if let Some(identity) = identity_of(&client, node.starts_within(), runs).await {
            node.said(identity);
        }
        Ok(())
    }

    /// The image of a role: as others wrote it, and as the engine has it.
    fn image_of(&self, def: &ClientDef, role: &str, image: Option<&str>) -> Result<(String, Image), Error> {
        let named = reference(def, image);
        let known = named.and_then(|reference| Some((reference.clone(), self.images.get(&reference)?.clone())));
        known.ok_or_else(|| {
            let why = format!("the image of its role `{role}` was not looked for");
            Error::Unsupported { client: def.name.clone(), runtime: "docker", why }
        })
    }
}

/// Whether somebody takes connections behind a published port: the engine takes them anyhow, and closes them then.
async fn takes_connections(port: u16) -> bool {
    let Ok(stream) = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else { return false };
    // Nothing to read in that time: it is open.
    tokio::time::timeout(CLOSED_WITHIN, stream.readable()).await.is_err()
}
