//! Texts that leave the device without what nobody else may know.

/// A key whose name holds one of these has a secret for a value.
const NAMES: [&str; 7] = [
    "password",
    "passwd",
    "secret",
    "token",
    "key",
    "credential",
    "code",
];
const HIDDEN: &str = "(removed)";

/// `text` without the values of keys that sound like secrets, and without the names and passwords in addresses
/// (`//NAME:PASSWORD@host`).
pub fn removed(text: &str) -> String {
    let lines = text.lines().map(line);
    lines.fold(String::with_capacity(text.len()), |mut all, line| {
        all.push_str(&line);
        all.push('\n');
        all
    })
}

fn line(line: &str) -> String {
    let at = line.find(['=', ':']);
    if let Some((name, _)) = at.and_then(|at| line.split_at_checked(at)) {
        let name = name.to_lowercase();
        if NAMES.iter().any(|secret| name.contains(secret)) {
            let sign = &line[name_end(line)..=name_end(line)];
            return format!("{}{sign} \"{HIDDEN}\"", &line[..name_end(line)]);
        }
    }
    without_users(line)
}

/// Where the sign behind a key stands.
fn name_end(line: &str) -> usize {
    line.find(['=', ':']).unwrap_or(line.len())
}

fn without_users(line: &str) -> String {
    let mut parts = line.split("//");
    let mut all = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        all.push_str("//");
        let host = part.find(['/', '"', '\'', ' ']).unwrap_or(part.len());
        match part[..host].rfind('@') {
            Some(at) => {
                all.push_str(HIDDEN);
                all.push_str(&part[at..]);
            }
            None => all.push_str(part),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn secrets_go_and_everything_else_stays() {
        let text = "[link]\nwebhook = \"https://till:hunter2@shop.example/sale?x=1\"\nmqtt_password = 'hunter2'\n\
                    Api_Token=\"hunter2\"\n# about: nothing\nbaud = 9600\nurl = \"http://host/a@b\"\n\
                    one-time code: hunter2\n";
        let safe = removed(text);
        assert!(!safe.contains("hunter2"), "{safe}");
        for kept in [
            "@shop.example/sale?x=1",
            "baud = 9600",
            "# about: nothing",
            "http://host/a@b",
            "mqtt_password =",
        ] {
            assert!(safe.contains(kept), "{kept} not in {safe}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in "[a-z=:/@\"é\\n ]{0,60}") {
            prop_assert_eq!(removed(&text).lines().count(), text.lines().count());
        }
    }
}
