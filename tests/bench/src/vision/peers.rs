//! The same work in Python, in a process of its own that takes its turn when it is told to.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;
use skueye_models::Fault;
use tempfile::TempDir;

use super::frames::Frames;
use super::{Network, Times};
use crate::refused;

const SCRIPT: &str = include_str!("../../vision_peers.py");

/// The running script.
pub struct Peers {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// What the script reads; it goes when this goes.
    _folder: TempDir,
}

impl Peers {
    /// Starts the script with the frames and the f32 network.
    pub fn start(python: &Path, frames: &Frames, network: &Network) -> Result<Self, Fault> {
        let folder = tempfile::tempdir().map_err(|e| Fault::io("create", "a folder", &e))?;
        let spec = serde_json::json!(network.manifest.preprocess).to_string();
        let files: [(&str, &[u8]); 6] = [
            ("peers.py", SCRIPT.as_bytes()),
            ("frame.yuyv", &frames.yuyv),
            ("frame.nv12", &frames.nv12),
            ("frame.jpg", &frames.jpeg),
            ("model.onnx", &network.widened),
            ("preprocess.json", spec.as_bytes()),
        ];
        for (name, bytes) in files {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).map_err(|e| Fault::io("write", &path, &e))?;
        }
        let started = Command::new(python)
            .arg("peers.py")
            .current_dir(folder.path())
            .env("OMP_WAIT_POLICY", "passive")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut child = started.map_err(|e| Fault::io("start", python, &e))?;
        let (orders, answers) = (child.stdin.take(), child.stdout.take());
        let (Some(orders), Some(answers)) = (orders, answers) else {
            return Err(refused("pipes to the script", "none"));
        };
        Ok(Self {
            child,
            orders,
            answers: BufReader::new(answers),
            _folder: folder,
        })
    }

    /// One turn of `seconds` for each of its stages.
    pub fn round(&mut self, seconds: f64, times: &mut Times) -> Result<(), Fault> {
        let told = writeln!(self.orders, "{seconds}").and_then(|()| self.orders.flush());
        told.map_err(|e| refused("a script that listens", e.to_string()))?;
        let mut line = String::new();
        let read = self.answers.read_line(&mut line);
        read.map_err(|e| refused("a script that answers", e.to_string()))?;
        let answer: Value = serde_json::from_str(&line)
            .map_err(|_| refused("times from the script (its own words are above)", &*line))?;
        let stages = answer.as_object().into_iter().flatten();
        for (stage, millis) in stages {
            let millis = millis.as_array().into_iter().flatten();
            times.add(stage, millis.filter_map(Value::as_f64));
        }
        Ok(())
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        // It ends by itself when nobody gives orders; where it does not, it is ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
