use super::*;
use crate::camera::Kind;
use proptest::prelude::*;
use skueye_link::TriggerMode;

fn problems(text: &str) -> Vec<Problem> {
    Config::parse(text, Path::new("")).unwrap_err()
}

#[test]
fn the_shipped_profile_holds_the_defaults_and_names_every_key() {
    let shipped = Config::parse(KIOSK_PROFILE, Path::new("")).unwrap();
    assert_eq!(shipped, Config::default());
    assert_eq!(Config::parse("", Path::new("")).unwrap(), shipped);
    let (_, found) = parse::read("", Path::new(""));
    let mut section = "";
    let mut named = Vec::new();
    for line in KIOSK_PROFILE.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
        }
        let line = line.trim_start_matches("# ");
        if let Some((key, _)) = line.split_once(" = ") {
            named.push(format!("{section}.{key}"));
        }
    }
    for key in found.keys {
        assert!(named.contains(&key), "{key} is not in the profile");
    }
}

#[test]
fn the_warehouse_profile_is_sound_and_follows_several_items() {
    let shipped = Config::parse(WAREHOUSE_PROFILE, Path::new("")).unwrap();
    assert_eq!(shipped.decision.items, Items::Many);
    assert_eq!(shipped.enrol, Config::default().enrol);
}

#[test]
fn every_problem_is_listed_with_its_line() {
    let text = "[camera]\nreplay_fps = 0\nreplayfps = 3\n\n[decison]\n[decision]\naccept = 2\nmin_frames = 9\n\
                [link]\nprefix = \"a\\\\q\"\npty = 1\n";
    let found: Vec<_> = problems(text)
        .into_iter()
        .map(|p| (p.line, p.code, p.key))
        .collect();
    let expected = [
        (2, Code::SettingsValue, "camera.replay_fps"),
        (3, Code::SettingsUnknownKey, "camera.replayfps"),
        (5, Code::SettingsUnknownKey, "decison"),
        (7, Code::SettingsValue, "decision.accept"),
        (10, Code::SettingsValue, "link.prefix"),
        (11, Code::SettingsValue, "link.pty"),
    ];
    for entry in expected {
        let entry = (entry.0, entry.1, entry.2.to_string());
        assert!(found.contains(&entry), "{entry:?} not in {found:?}");
    }
    // max_frames is left at 6, below the 9 of min_frames; it stands in no line of its own.
    assert_eq!(found.len(), expected.len() + 1);
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_name() {
    let suggestion = |text: &str| problems(text)[0].remedy.clone();
    assert_eq!(suggestion("[camera]\nreplay_fsp = 3"), "write replay_fps");
    assert_eq!(suggestion("[galery]\n"), "write gallery");
    assert_eq!(suggestion("[camera]\nbrightness = 3"), "remove it");
}

#[test]
fn syntax_errors_are_listed_with_their_lines() {
    let found = problems("[camera\nreplay_fps = 3\n[link]\npty = \"\n");
    assert!(found.iter().all(|p| p.code == Code::SettingsSyntax));
    assert_eq!(found[0].line, 1);
    assert!(found.iter().any(|p| p.line == 4), "{found:?}");
}

#[test]
fn paths_start_at_the_folder_of_the_file() {
    let text =
        "[model]\nfolder = \"m\"\n[gallery]\npath = \"/abs/g.skg\"\n[events]\npath = \"e.jsonl\"";
    let config = Config::parse(text, Path::new("/etc/skueye")).unwrap();
    assert_eq!(config.model, Path::new("/etc/skueye/m"));
    assert_eq!(config.gallery, Path::new("/abs/g.skg"));
    assert_eq!(
        config.events.as_deref(),
        Some(Path::new("/etc/skueye/e.jsonl"))
    );
}

#[test]
fn every_sink_that_is_named_is_used_and_the_pseudo_terminal_where_none_is() {
    let link = |text: &str| {
        let text = format!("[link]\n{text}");
        Config::parse(&text, Path::new("/etc/skueye")).unwrap().link
    };
    let serial = link("serial = \"/dev/ttyS0\"\nbaud = 115200");
    let port = Serial {
        path: "/dev/ttyS0".into(),
        baud: 115_200,
    };
    assert_eq!((serial.serial, serial.pty), (Some(port), false));
    assert!(!link("pty = false").pty);
    let all = link(
        "pty = true\nserial = \"x\"\ntcp = \"127.0.0.1:9004\"\nwebhook = \"http://10.0.0.5:8080/sold\"\n\
         webhook_keep = 7\nhold_ms = 0\ntrigger = \"till\"",
    );
    assert!(all.pty && all.serial.is_some());
    assert_eq!(all.tcp, Some("127.0.0.1:9004".parse().unwrap()));
    assert_eq!((all.hold_ms, all.trigger), (0, TriggerMode::Till));
    let webhook = Webhook {
        url: "http://10.0.0.5:8080/sold".into(),
        spool: "/etc/skueye/spool".into(),
        keep: 7,
        timeout_ms: 5000,
    };
    assert_eq!(all.webhook, Some(webhook));
    for (bad, key) in [
        ("tcp = \"9004\"", "link.tcp"),
        ("tcp = \"till:9004\"", "link.tcp"),
        ("webhook = \"https://example.org\"", "link.webhook"),
        ("webhook = \"10.0.0.5\"", "link.webhook"),
        ("webhook = \"http:///x\"", "link.webhook"),
        ("trigger = \"never\"", "link.trigger"),
    ] {
        assert_eq!(problems(&format!("[link]\n{bad}"))[0].key, key, "{bad}");
    }
}

#[test]
fn a_camera_is_asked_for_what_is_written() {
    let text = "[camera]\nsource = \"v4l2\"\ndevice = \"cam\"\nformat = \"mjpeg\"\nwidth = 640\nheight = 480\n\
                fps = 15\nexposure = 120\nstrict = true\nstall_ms = 500\nfrozen_frames = 0\n";
    let camera = Config::parse(text, Path::new("/dev")).unwrap().camera;
    assert_eq!((camera.kind, camera.frozen_frames), (Kind::V4l2, 0));
    let expected = skueye_camera::v4l2::Settings {
        device: "/dev/cam".into(),
        pixels: Some(skueye_camera::PixelFormat::Jpeg),
        width: 640,
        height: 480,
        fps: 15,
        exposure: Some(120),
        focus: None,
        strict: true,
        stall: std::time::Duration::from_millis(500),
    };
    assert_eq!(camera.v4l2, expected);
    for bad in [
        "source = \"usb\"",
        "format = \"H264\"",
        "width = 9000",
        "fps = 0",
        "exposure = -1",
        "device = \"\"",
        "source = \"gstreamer\"\npipeline = \" \"",
    ] {
        let found = problems(&format!("[camera]\n{bad}\n"));
        assert_eq!(found[0].code, Code::SettingsValue, "{bad}: {found:?}");
    }
    let misspelt = problems("[camera]\nsorce = \"v4l2\"");
    assert_eq!(misspelt[0].remedy, "write source");
}

#[test]
fn thresholds_are_the_models_unless_overridden() {
    let model = Thresholds {
        accept: 0.6,
        reject: 0.4,
        margin: 0.05,
        false_accept_rate: 0.01,
    };
    let decision = Decision {
        accept: Some(0.5),
        ..Decision::default()
    };
    let used = decision.thresholds(&model).unwrap();
    assert_eq!((used.accept, used.reject), (0.5, 0.4));
    let crossed = Decision {
        accept: Some(0.3),
        ..Decision::default()
    };
    assert!(crossed.thresholds(&model).is_err());
}

#[test]
fn single_products_have_thresholds_of_their_own() {
    let text = "[thresholds]\n4006381333931 = { accept = 0.5 }\n96385074 = { margin = 0.2, reject = 0.1 }\n";
    let config = Config::parse(text, Path::new("")).unwrap();
    let all = Thresholds {
        accept: 0.6,
        reject: 0.55,
        margin: 0.05,
        false_accept_rate: 0.01,
    };
    let own = |gtin: u64| config.thresholds[&gtin].over(&all).unwrap();
    let first = own(4_006_381_333_931);
    assert_eq!((first.accept, first.reject, first.margin), (0.5, 0.5, 0.05));
    let second = own(96_385_074);
    assert_eq!(
        (second.accept, second.reject, second.margin),
        (0.6, 0.1, 0.2)
    );
    assert_eq!(super::Own::default().over(&all), None);
    for (line, key) in [
        (
            "4006381333932 = { accept = 0.5 }",
            "thresholds.4006381333932",
        ),
        ("4006381333931 = 0.5", "thresholds.4006381333931"),
        ("4006381333931 = { acept = 0.5 }", "thresholds.acept"),
        ("4006381333931 = { accept = 1.5 }", "thresholds.accept"),
        (
            "4006381333931 = { accept = 0.5, reject = 0.6 }",
            "thresholds.reject",
        ),
    ] {
        let found = problems(&format!("[thresholds]\n{line}\n"));
        assert_eq!((found.len(), found[0].line, &*found[0].key), (1, 2, key));
    }
}

#[test]
fn a_settings_file_of_any_size_is_read_no_further_than_its_limit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("huge.toml");
    let huge = std::fs::File::create(&path).unwrap();
    huge.set_len(MAX_SETTINGS_BYTES + 1).unwrap();
    assert_eq!(
        Config::load(&path).unwrap_err().code(),
        Code::SettingsSyntax
    );
}

proptest! {
    #[test]
    fn any_text_is_parsed_or_refused_without_a_panic(text in "[\\[\\]a-z_=\"0-9.\n #{},]{0,120}") {
        let _ = Config::parse(&text, Path::new(""));
    }
}

#[test]
fn tensorrt_has_its_places_and_its_core() {
    let text = "[model]\nruntime = \"tensorrt\"\ntensorrt = \"libs\"\nengines = \"e\"\ndla_core = 1\npower_mode = \"MAXN\"\n";
    let config = Config::parse(text, Path::new("/etc/skueye")).unwrap();
    assert_eq!(config.runtime.only, Some(runtime::Runtime::TensorRt));
    let expected = tensorrt::Options {
        folder: Some("/etc/skueye/libs".into()),
        engines: Some("/etc/skueye/e".into()),
        dla_core: Some(1),
        build: true,
    };
    assert_eq!(config.runtime.tensorrt, expected);
    assert_eq!(config.power_mode.as_deref(), Some("MAXN"));
    assert_eq!(problems("[model]\nengines = \"\"")[0].key, "model.engines");
    assert_eq!(problems("[model]\ndla_core = 99")[0].key, "model.dla_core");
}

#[test]
fn an_old_name_is_understood_and_warned_about_with_its_line() {
    let text = "[page]\nnames = \"till-3\"\n[enrol]\n# The shop's.\nnames = \"list.csv\"\n";
    let old = Config::parse(text, Path::new("/etc")).unwrap();
    assert_eq!(old.page.host_names, Some(vec!["till-3".to_owned()]));
    assert_eq!(old.enrol.product_list, Some("/etc/list.csv".into()));
    let lines: Vec<_> = old.warnings.iter().map(|w| (w.line, w.code)).collect();
    let renamed = Code::SettingsRenamed;
    assert_eq!(lines, [(2, renamed), (5, renamed)]);
    let said = old.warnings[1].to_string();
    assert!(
        said.contains("line 5") && said.contains("write product_list"),
        "{said}"
    );
    let migrated = migrate(text).unwrap().text;
    let new = Config::parse(&migrated, Path::new("/etc")).unwrap();
    assert_eq!(new.warnings, []);
    let plain = Config {
        warnings: Vec::new(),
        ..old
    };
    assert_eq!(new, plain);
    let both = problems("[enrol]\nnames = \"a\"\nproduct_list = \"b\"\n");
    assert_eq!((both[0].line, both[0].code), (2, Code::SettingsValue));
    assert_eq!(problems("[enrol]\nname = \"a\"\n")[0].remedy, "remove it");
}

#[test]
fn a_page_for_other_machines_is_warned_about() {
    let warnings = |listen: &str| {
        let text = format!("[page]\nlisten = \"{listen}\"\n");
        Config::parse(&text, Path::new("")).unwrap().warnings
    };
    assert_eq!(warnings("0.0.0.0:8080")[0].code, Code::PageExposed);
    assert_eq!(warnings("[::]:80")[0].line, 2);
    for sound in ["off", "127.0.0.1:80", "[::1]:80"] {
        assert_eq!(warnings(sound), [], "{sound}");
    }
}

#[test]
fn browsers_may_call_the_device_by_the_machines_name_or_by_those_that_are_set() {
    let names = |text: &str| {
        let page = Config::parse(text, Path::new("")).unwrap().page;
        page.settings().unwrap().names
    };
    let own = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert_eq!(names("")[0], own.trim());
    assert_eq!(names("[page]\nhost_names = \"a b.c\"\n"), ["a", "b.c"]);
    assert_eq!(names("[page]\nhost_names = \"\"\n"), [""; 0]);
}

#[test]
fn a_broker_has_a_name_a_port_and_a_topic_without_wildcards() {
    let link = |text: &str| {
        let text = format!("[link]\n{text}");
        Config::parse(&text, Path::new("/var/x")).unwrap().link
    };
    let mqtt = link("mqtt = \"[fe80::1]:1884\"\nmqtt_user = \"a\"\nmqtt_password = \"b\"");
    assert!(!mqtt.pty);
    let expected = Mqtt {
        host: "fe80::1".into(),
        port: 1884,
        topic: "skueye/events".into(),
        login: Some(("a".into(), "b".into())),
        spool: "/var/x/mqtt-spool".into(),
        keep: 10_000,
        timeout_ms: 5000,
    };
    assert_eq!(mqtt.mqtt, Some(expected));
    assert_eq!(link("").mqtt, None);
    for (bad, key) in [
        ("mqtt = \"broker\"", "link.mqtt"),
        ("mqtt = \"mqtt://broker:1883\"", "link.mqtt"),
        ("mqtt = \"broker:0\"", "link.mqtt"),
        ("mqtt_topic = \"a/#\"", "link.mqtt_topic"),
        ("mqtt_topic = \"\"", "link.mqtt_topic"),
    ] {
        assert_eq!(problems(&format!("[link]\n{bad}"))[0].key, key, "{bad}");
    }
}
