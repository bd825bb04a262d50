//! README.md's examples, run as a reader would run them.
//!
//! Each fenced block marked `sh` is given whole to `sh -eu` in the workspace's folder, in the order of the page, after
//! the demo has made what the later ones look at. A block whose first line begins with `# needs` wants something that
//! a plain machine lacks (a camera, a GPU) and is left out, as is one that calls `cargo demo` or `cargo ci`, which are
//! what is running.

use std::fs;

use crate::steps::{Step, Trouble};
use crate::workspace::Workspace;

/// A block of the page.
#[derive(Debug, PartialEq, Eq)]
struct Example {
    line: usize,
    text: String,
}

/// The steps that run README.md's examples; prints those that are left out.
pub fn examples(workspace: &Workspace) -> Result<Vec<Step>, Trouble> {
    let path = workspace.root().join("README.md");
    let page = fs::read_to_string(&path).map_err(|e| {
        Trouble::new(
            format!("{} cannot be read ({e})", path.display()),
            "restore the file",
        )
    })?;
    let (left_out, run): (Vec<_>, Vec<_>) = blocks(&page).into_iter().partition(is_left_out);
    for example in left_out {
        let first = example.text.lines().next().unwrap_or_default();
        println!("   README.md line {}: not run here: {first}", example.line);
    }
    Ok(run.iter().map(|example| step(workspace, example)).collect())
}

fn step(workspace: &Workspace, example: &Example) -> Step {
    workspace
        .step(format!("README.md line {}", example.line), "sh")
        .args(["-eu", "-c"])
        .arg(&example.text)
}

fn is_left_out(example: &Example) -> bool {
    let ours = |line: &str| line.starts_with("cargo demo") || line.starts_with("cargo ci");
    example.text.starts_with("# needs") || example.text.lines().any(ours)
}

/// Every fenced block whose language is `sh`, with the line of its first command.
fn blocks(page: &str) -> Vec<Example> {
    let mut found = Vec::new();
    let mut lines = page.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let Some(language) = line.strip_prefix("```") else {
            continue;
        };
        let inside: Vec<&str> = lines
            .by_ref()
            .map(|(_, line)| line)
            .take_while(|line| !line.starts_with("```"))
            .collect();
        if language.trim() == "sh" {
            found.push(Example {
                line: number + 2,
                text: inside.join("\n"),
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_sh_are_run_unless_they_say_otherwise() {
        let page = "a\n```sh\nls\ncd /\n```\n```toml\nx = 1\n```\n```sh\n# needs a camera\nskueye run\n```\n```sh\ncargo demo\n```\n";
        let found = blocks(page);
        assert_eq!(
            found[0],
            Example {
                line: 3,
                text: "ls\ncd /".into()
            }
        );
        let left_out: Vec<bool> = found.iter().map(is_left_out).collect();
        assert_eq!(left_out, [false, true, true]);
    }
}
