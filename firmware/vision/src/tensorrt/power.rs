//! The power mode of a Jetson, as its `nvpmodel` keeps it. It decides how fast an engine runs, and only root may set it:
//! the settings say which one is meant, and the program says whether it is.

use std::fs;
use std::path::Path;

use skueye_models::{Code, Fault};

/// Where `nvpmodel` keeps the number of the mode, and the modes' names.
const STATUS: &str = "var/lib/nvpmodel/status";
const MODES: &str = "etc/nvpmodel.conf";

/// The name of the mode, such as `MAXN`, or its number where it has none. `None` where there is no `nvpmodel`.
pub fn mode() -> Option<String> {
    mode_under(Path::new("/"))
}

/// Whether the machine is in the mode that is wanted. Errors: E414.
pub fn check(wanted: &str, found: Option<&str>) -> Result<(), Fault> {
    if found == Some(wanted) {
        return Ok(());
    }
    Err(Fault::new(
        Code::PowerMode,
        format!("{wanted} (model.power_mode)"),
        found.unwrap_or("a machine without power modes (nvpmodel)"),
        "set the mode with nvpmodel as root (its modes are in /etc/nvpmodel.conf), or correct the setting",
    ))
}

fn mode_under(root: &Path) -> Option<String> {
    let status = fs::read_to_string(root.join(STATUS)).ok()?;
    let number = number_of(&status)?;
    let modes = fs::read_to_string(root.join(MODES)).unwrap_or_default();
    Some(name_of(&modes, number).unwrap_or_else(|| number.to_string()))
}

/// Of a line such as `pmode:0002 fmode:fanNull`.
fn number_of(status: &str) -> Option<u32> {
    let mode = status
        .split_whitespace()
        .find_map(|word| word.strip_prefix("pmode:"))?;
    mode.parse().ok()
}

/// Of the line `< POWER_MODEL ID=2 NAME=MODE_30W >`.
fn name_of(modes: &str, number: u32) -> Option<String> {
    let words = |line: &'_ str| {
        line.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let lines = modes.lines().map(words);
    let mut named = lines.filter(|words| words.iter().any(|word| word == "POWER_MODEL"));
    named.find_map(|words| {
        let value = |key: &str| words.iter().find_map(|word| word.strip_prefix(key));
        (value("ID=")?.parse() == Ok(number)).then(|| value("NAME=").map(str::to_owned))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mode_is_named_as_nvpmodel_names_it() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(mode_under(root.path()), None);
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write(STATUS, "pmode:0002 fmode:fanNull\n");
        assert_eq!(mode_under(root.path()).unwrap(), "2");
        write(
            MODES,
            "# modes\n< POWER_MODEL ID=0 NAME=MAXN >\nCPU_ONLINE CORE_0 1\n< POWER_MODEL ID=2 NAME=MODE_30W >\n",
        );
        assert_eq!(mode_under(root.path()).unwrap(), "MODE_30W");
    }

    #[test]
    fn another_mode_than_the_one_of_the_settings_has_its_number() {
        assert!(check("MAXN", Some("MAXN")).is_ok());
        for found in [Some("MODE_15W"), None] {
            assert_eq!(check("MAXN", found).unwrap_err().code(), Code::PowerMode);
        }
    }
}
