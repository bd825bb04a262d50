//! Section by section from TOML to [`Config`].

use std::path::{Path, PathBuf};

use skueye_models::Code;
use skueye_vision::{MAX_SIDE, Region, localise, runtime, tensorrt};
use toml::de::DeTable;

use super::problem::Problem;
use super::reader::{Found, Reader, Section, line_of};
use super::{Config, Decision, Items};

pub(super) fn parse(text: &str, folder: &Path) -> Result<Config, Vec<Problem>> {
    let (mut config, found) = read(text, folder);
    config.warnings = found.warnings;
    if found.problems.is_empty() {
        Ok(config)
    } else {
        Err(found.problems)
    }
}

/// The settings, and what was found besides.
pub(super) fn read(text: &str, folder: &Path) -> (Config, Found) {
    let mut config = Config {
        home: folder.to_owned(),
        ..Config::default()
    };
    let (document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let found = Found {
            keys: Vec::new(),
            problems: errors.iter().map(|error| syntax(text, error)).collect(),
            warnings: Vec::new(),
        };
        return (config, found);
    }
    let mut reader = Reader::new(text, document.get_ref());
    reader.version(super::VERSION);
    read_places(&mut reader, folder, &mut config);
    read_localise(reader.section("localise"), &mut config.localise);
    read_decision(reader.section("decision"), &mut config.decision);
    super::thresholds::read(reader.section("thresholds"), &mut config.thresholds);
    super::link::read(reader.section("link"), folder, &mut config.link);
    super::page::read(reader.section("page"), folder, &mut config.page);
    super::enrol::read(reader.section("enrol"), folder, &mut config.enrol);
    super::update::read(reader.section("update"), folder, &mut config.update);
    super::status::read(reader.section("status"), folder, &mut config.status);
    super::log::read(reader.section("log"), folder, &mut config.log);
    (config, reader.finish())
}

fn syntax(text: &str, error: &toml::de::Error) -> Problem {
    Problem {
        line: line_of(text, error.span().map_or(0, |span| span.start)),
        code: Code::SettingsSyntax,
        key: String::new(),
        expected: "TOML".into(),
        got: error.message().chars().take(200).collect(),
        remedy: "correct the line".into(),
    }
}

fn read_places(reader: &mut Reader<'_>, folder: &Path, config: &mut Config) {
    let mut model = reader.section("model");
    read_path(&mut model, "folder", folder, &mut config.model);
    read_runtime(&mut model, folder, &mut config.runtime);
    read_tensorrt(&mut model, folder, &mut config.runtime.tensorrt);
    let mut power_mode = String::new();
    model.text("power_mode", &mut power_mode);
    config.power_mode = (!power_mode.is_empty()).then_some(power_mode);
    model.finish();
    let mut gallery = reader.section("gallery");
    read_path(&mut gallery, "path", folder, &mut config.gallery);
    let mut photos = String::from("photos");
    gallery.text("photos", &mut photos);
    config.photos = (!photos.is_empty()).then(|| folder.join(photos));
    gallery.finish();
    super::camera::read(reader.section("camera"), folder, &mut config.camera);
    let mut events = reader.section("events");
    let mut path = String::from("-");
    events.text("path", &mut path);
    config.events = (path != "-").then(|| folder.join(path));
    events.finish();
}

pub(super) fn read_path(
    section: &mut Section<'_, '_>,
    key: &'static str,
    folder: &Path,
    into: &mut PathBuf,
) {
    let mut text = into.to_string_lossy().into_owned();
    section.text(key, &mut text);
    if text.is_empty() {
        section.refuse(key, "a path".into(), "name a file or folder");
    }
    *into = folder.join(text);
}

fn read_runtime(section: &mut Section<'_, '_>, folder: &Path, into: &mut runtime::Settings) {
    let expected = "auto, tensorrt, onnxruntime or tract";
    let parse = runtime::Settings::parse_choice;
    section.parsed("runtime", expected, &mut into.only, parse);
    let mut library = String::new();
    section.text("onnxruntime", &mut library);
    into.onnxruntime = (!library.is_empty()).then(|| folder.join(library));
}

fn read_tensorrt(section: &mut Section<'_, '_>, folder: &Path, into: &mut tensorrt::Options) {
    let mut libraries = String::new();
    section.text("tensorrt", &mut libraries);
    into.folder = (!libraries.is_empty()).then(|| folder.join(libraries));
    let mut engines = into.engines.take().unwrap_or_default();
    read_path(section, "engines", folder, &mut engines);
    into.engines = Some(engines);
    let mut core = 0;
    section.integer("dla_core", 0..=15, &mut core);
    into.dla_core = section.has("dla_core").then_some(core);
}

fn read_localise(mut section: Section<'_, '_>, into: &mut localise::Settings) {
    section.integer("grid_width", 16..=512, &mut into.grid_width);
    section.integer("learn_frames", 1..=1000, &mut into.learn_frames);
    section.number("change_level", 1.0..=500.0, &mut into.change_level);
    section.number("min_area", 0.0001..=1.0, &mut into.min_area);
    section.number("margin", 0.0..=1.0, &mut into.margin);
    section.flag("square", &mut into.square);
    section.number("motion_level", 1.0..=500.0, &mut into.motion_level);
    section.number("motion_share", 0.0..=1.0, &mut into.motion_share);
    section.integer("still_frames", 1..=1000, &mut into.still_frames);
    section.integer("empty_frames", 1..=1000, &mut into.empty_frames);
    section.number("adapt", 0.0..=1.0, &mut into.adapt);
    section.integer("relearn_frames", 10..=1_000_000, &mut into.relearn_frames);
    let expected = format!("[x, y, width, height] in pixels inside {MAX_SIDE} x {MAX_SIDE}");
    if let Some([x, y, width, height]) = section.four("fixed_region", &expected) {
        let region = Region {
            x,
            y,
            width,
            height,
        };
        if !region.fits(MAX_SIDE, MAX_SIDE) {
            section.refuse("fixed_region", expected, "correct the value");
        }
        into.fixed = Some(region);
    }
    section.finish();
}

fn read_decision(mut section: Section<'_, '_>, into: &mut Decision) {
    section.optional("accept", -1.0..=1.0, &mut into.accept);
    section.optional("reject", -1.0..=1.0, &mut into.reject);
    section.optional("margin", 0.0..=2.0, &mut into.margin);
    let parse = |name: &str| match name {
        "one" => Some(Items::One),
        "many" => Some(Items::Many),
        _ => None,
    };
    section.parsed("items", "one or many", &mut into.items, parse);
    section.integer("min_frames", 1..=1000, &mut into.min_frames);
    section.integer("max_frames", 1..=1000, &mut into.max_frames);
    section.integer("timeout_ms", 1..=3_600_000, &mut into.timeout_ms);
    section.integer("candidates", 1..=16, &mut into.candidates);
    section.number("min_sharpness", 0.0..=100_000.0, &mut into.min_sharpness);
    section.flag("second_look", &mut into.second_look);
    if into.max_frames < into.min_frames {
        let expected = format!("at least min_frames, which is {}", into.min_frames);
        section.refuse(
            "max_frames",
            expected,
            "raise max_frames or lower min_frames",
        );
    }
    if let (Some(accept), Some(reject)) = (into.accept, into.reject)
        && reject > accept
    {
        let expected = format!("at most accept, which is {accept}");
        section.refuse("reject", expected, "lower reject or raise accept");
    }
    section.finish();
}
