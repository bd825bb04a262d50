//! `check-summary (synth|makers|without-training) SUMMARY.json [SECOND.json]`: the demo's promises against its figures
//! and, with a second file, that two runs of one seed tell the same.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use serde_json::Value;
use skueye_tests::promises::{Finding, check, same};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match findings(&arguments) {
        Ok(findings) => {
            findings.iter().for_each(|finding| println!("   {finding}"));
            ExitCode::from(u8::from(findings.iter().any(|finding| !finding.kept)))
        }
        Err(what) => {
            eprintln!("error: {what}");
            ExitCode::from(2)
        }
    }
}

fn findings(arguments: &[String]) -> Result<Vec<Finding>, String> {
    let [run, summary, second @ ..] = arguments else {
        return Err(
            "use: check-summary (synth|makers|without-training) SUMMARY.json [SECOND.json]"
                .to_owned(),
        );
    };
    let summary = read(summary)?;
    let mut findings = check(&summary, run.parse()?);
    for second in second {
        findings.push(same(&summary, &read(second)?));
    }
    Ok(findings)
}

fn read(path: &str) -> Result<Value, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{path}: {e}"))?;
    serde_json::from_str(&text).map_err(|e| format!("{path}: {e}"))
}
