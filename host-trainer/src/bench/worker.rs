//! A side of the benchmark as a child process.

use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::de::DeserializeOwned;
use skueye_models::{Code, Fault};

use super::protocol::{Ready, Round, Task};

/// A side that waits for its next turn. It is ended when dropped.
pub(super) struct Worker {
    name: &'static str,
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Worker {
    /// Starts `command` with `task` and waits until it is ready. Errors: E620.
    pub(super) fn start(
        name: &'static str,
        mut command: Command,
        task: &Task,
    ) -> Result<(Self, Ready), Fault> {
        let threads = task.threads.to_string();
        let task = serde_json::json!(task).to_string();
        let mut child = command
            .arg(task)
            // Read by OpenMP when it is loaded, so it must be set before the process starts.
            .env("OMP_WAIT_POLICY", "passive")
            .env("RAYON_NUM_THREADS", threads)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| failed(name, e.to_string()))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed(name, "no pipes".into()));
        };
        let output = BufReader::new(output).lines();
        let mut worker = Self {
            name,
            child,
            input,
            output,
        };
        let ready = worker.answer()?;
        Ok((worker, ready))
    }

    /// Has it make `steps` steps. Errors: E620.
    pub(super) fn round(&mut self, steps: u64) -> Result<Round, Fault> {
        let told = writeln!(self.input, "{steps}").and_then(|()| self.input.flush());
        told.map_err(|e| failed(self.name, e.to_string()))?;
        self.answer()
    }

    fn answer<T: DeserializeOwned>(&mut self) -> Result<T, Fault> {
        let line = match self.output.next() {
            Some(line) => line.map_err(|e| failed(self.name, e.to_string()))?,
            None => return Err(failed(self.name, "its output ended".into())),
        };
        serde_json::from_str(&line).map_err(|_| failed(self.name, line))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It holds nothing that could be lost.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn failed(name: &str, got: String) -> Fault {
    Fault::new(
        Code::BenchSide,
        format!("{name} to train and to answer"),
        got,
        "see what it printed above; a smaller batch needs less memory",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::protocol::Precision;

    fn started(script: &str) -> Result<(Worker, Ready), Fault> {
        let task = Task {
            network: "resnet50".into(),
            precision: Precision::Bf16,
            batch: 4,
            size: 32,
            device: "cpu".into(),
            threads: 1,
            workers: 1,
            pictures: None,
            compile: false,
        };
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Worker::start("a side", command, &task)
    }

    #[test]
    fn a_side_is_told_its_task_and_answers_turn_by_turn() {
        // `sh -c SCRIPT TASK` gives the task as $0.
        let script = r#"case "$0" in *'"precision":"bf16"'*) ;; *) exit 1 ;; esac
            echo '{"parameters": 7, "about": "sh"}'
            while read steps; do echo "{\"seconds\": $steps, \"waited\": 0}"; done"#;
        let (mut side, ready) = started(script).unwrap();
        assert_eq!((ready.parameters, ready.about.as_str()), (7, "sh"));
        assert_eq!(side.round(3).unwrap().seconds, 3.0);
        assert_eq!(side.round(5).unwrap().seconds, 5.0);
    }

    #[test]
    fn a_side_that_ends_or_babbles_is_a_fault() {
        for script in ["exit 3", "echo nonsense"] {
            let fault = started(script).err().unwrap();
            assert_eq!(fault.code(), Code::BenchSide, "{script}");
        }
        let early = r#"echo '{"parameters": 7, "about": "sh"}'"#;
        let (mut side, _) = started(early).unwrap();
        assert_eq!(side.round(1).unwrap_err().code(), Code::BenchSide);
    }
}
