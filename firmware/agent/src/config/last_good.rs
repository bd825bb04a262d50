//! The settings that were accepted last, for a start at which the file is refused.

use std::fs;
use std::path::Path;

use skueye_models::{Code, Fault};

use super::{Config, text};
use crate::files;

/// The settings at `path`; where they are refused, those kept at `kept`, and what to tell about it. Settings that are accepted
/// are kept there. Errors: those of [`Config::load`], where nothing is kept that could be used instead.
pub fn load(path: &Path, kept: Option<&Path>) -> Result<(Config, Option<Fault>), Fault> {
    match (Config::load(path), kept) {
        (Ok(config), None) => Ok((config, None)),
        (Ok(config), Some(kept)) => Ok((config, keep(path, kept).err())),
        (Err(refused), None) => Err(refused),
        (Err(refused), Some(kept)) => fall_back(path, kept, refused),
    }
}

/// Keeps a copy where it differs. A device whose disk cannot be written works all the same.
fn keep(path: &Path, kept: &Path) -> Result<(), Fault> {
    let accepted = text(path)?;
    if fs::read(kept).is_ok_and(|old| old == accepted.as_bytes()) {
        return Ok(());
    }
    files::replace(kept, accepted.as_bytes()).map_err(|e| Fault::io("write", kept, &e))
}

fn fall_back(path: &Path, kept: &Path, refused: Fault) -> Result<(Config, Option<Fault>), Fault> {
    let home = path.parent().unwrap_or(Path::new(""));
    let Ok(config) = Config::load_for(kept, home) else {
        return Err(refused);
    };
    let fault = Fault::new(
        Code::SettingsFallback,
        "settings without a problem",
        refused.to_string(),
        format!(
            "correct them; until then those of {} are used, which were accepted last",
            kept.display()
        ),
    );
    Ok((config, Some(fault.at(path))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_settings_are_replaced_by_the_last_that_were_accepted() {
        let folder = tempfile::tempdir().unwrap();
        let (path, kept) = (
            folder.path().join("kiosk.toml"),
            folder.path().join("state/good.toml"),
        );
        fs::create_dir(folder.path().join("state")).unwrap();
        fs::write(&path, "[decision]\nmin_frams = 3\n").unwrap();
        let refused = load(&path, Some(&kept)).unwrap_err();
        assert_eq!(refused.code(), Code::SettingsUnknownKey);
        fs::write(
            &path,
            "[decision]\nmin_frames = 3\n[gallery]\npath = \"g.skg\"\n",
        )
        .unwrap();
        let (good, told) = load(&path, Some(&kept)).unwrap();
        assert_eq!((good.decision.min_frames, told), (3, None));
        for bad in ["[decision]\nmin_frames = 0\n", "x", "version = 99\n"] {
            fs::write(&path, bad).unwrap();
            let (config, told) = load(&path, Some(&kept)).unwrap();
            assert_eq!(
                config, good,
                "paths still start at the settings' own folder"
            );
            assert_eq!(told.unwrap().code(), Code::SettingsFallback);
        }
        assert_eq!(load(&path, None).unwrap_err().code(), Code::SettingsVersion);
        fs::remove_file(&path).unwrap();
        assert_eq!(load(&path, Some(&kept)).unwrap().0, good);
        fs::write(&kept, "x").unwrap();
        assert_eq!(load(&path, Some(&kept)).unwrap_err().code(), Code::Io);
    }

    #[test]
    fn settings_of_100_megabytes_are_refused_without_being_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kiosk.toml");
        fs::File::create(&path).unwrap().set_len(100 << 20).unwrap();
        let before = std::time::Instant::now();
        assert_eq!(
            Config::load(&path).unwrap_err().code(),
            Code::SettingsSyntax
        );
        assert!(before.elapsed().as_secs() < 2);
    }
}
