//! The policy sets that are measured.
#![allow(dead_code)]

use std::path::Path;

use writ_testkit::guests;
use writ_testkit::server::Writ;

/// A configuration, and the policies that it names.
pub(crate) struct Set {
    config: String,
    policies: Vec<(String, Vec<u8>)>,
}

/// One policy that asks its host nothing.
pub(crate) fn one() -> Set {
    Set::of(&[Bound { settings: NAMES, ..Bound::new("tools", "tool-list") }])
}

/// Names, conditions over arguments, and a rate that is kept in storage.
pub(crate) fn three() -> Set {
    Set::of(&[
        Bound { settings: NAMES, ..Bound::new("tools", "tool-list") },
        Bound { settings: RULES, ..Bound::new("rules", "rules") },
        Bound { settings: RATE, ..Bound::new("rate", "rate-limit") },
    ])
}

/// One policy, and one that never ends, each for actions of its own.
pub(crate) fn one_beside_a_loop() -> Set {
    let hostile = "hostile/loop-in-evaluate";
    Set::of(&[
        Bound { settings: NAMES, action: "read_*", ..Bound::new("tools", "tool-list") },
        Bound { action: "loop", ..Bound::new("loop", hostile) },
    ])
}

/// So many policies, three components in turns, none with the settings of another.
pub(crate) fn many(count: usize) -> Set {
    let names: Vec<_> = (0..count).map(|number| format!("policy-{number}")).collect();
    let policies: Vec<_> = (0..count)
        .map(|number| match number % 3 {
            0 => ("tool-list", NAMES.replace("search", &format!("search-{number}"))),
            1 => ("rules", RULES.replace("10000", &format!("{}", 10_000 + number))),
            _ => ("rate-limit", RATE.replace("1000", &format!("{}", 1_000 - number))),
        })
        .collect();
    let bindings: Vec<_> = names
        .iter()
        .zip(&policies)
        .map(|(name, (policy, settings))| Bound { settings, ..Bound::new(name, policy) })
        .collect();
    Set::of(&bindings)
}

/// So many policies that ask their host nothing, two components in turns, none with the settings of
/// another, or of one that is counted from elsewhere.
pub(crate) fn varied(count: usize, from: usize) -> Set {
    let policies: Vec<_> = (from..from + count)
        .map(|number| match number % 2 {
            0 => ("tool-list", NAMES.replace("search", &format!("search-{number}"))),
            _ => ("rules", RULES.replace("10000", &format!("{}", 10_000 + number))),
        })
        .collect();
    let names: Vec<_> = (0..count).map(|number| format!("policy-{number}")).collect();
    let bindings: Vec<_> = names
        .iter()
        .zip(&policies)
        .map(|(name, (policy, settings))| Bound { settings, ..Bound::new(name, policy) })
        .collect();
    Set::of(&bindings)
}

/// One policy that counts, and one that does not.
pub(crate) fn one_in_the_shadow_of_another() -> Set {
    Set::of(&[
        Bound { settings: NAMES, ..Bound::new("tools", "tool-list") },
        Bound { settings: RULES, mode: "shadow", ..Bound::new("rules", "rules") },
    ])
}

/// A starter policy that allows nothing that is asked, as the host has it.
pub(crate) fn nobody() -> Set {
    Set::built_in("tool-list", "allow = [\"nothing\"]")
}

/// Another one that allows everything.
pub(crate) fn readers() -> Set {
    readers_by("all")
}

/// The same by other settings: a rule of another name.
pub(crate) fn readers_by(rule: &str) -> Set {
    let rule = format!("[[binding.settings.rules]]\nname = \"{rule}\"\neffect = \"allow\"");
    Set::built_in("rules", &rule)
}

/// One policy that asks people about each payment.
pub(crate) fn asking() -> Set {
    Set::of(&[Bound { settings: ASKED, action: "pay", ..Bound::new("review", "four-eyes") }])
}

/// A tool that asks people twice, and how long it is held in memory while they think, in
/// milliseconds.
pub(crate) fn payout(grace_ms: u64) -> Set {
    let rule = "[[binding.settings.rules]]\nname = \"all\"\neffect = \"allow\"\n";
    let mut set = Set::of(&[Bound { settings: rule, ..Bound::new("rules", "rules") }]);
    set.config += &format!(
        "[worker]\ngrace-ms = {grace_ms}\n\n[[tools]]\nname = \"payout\"\n\
         source = \"payout.wasm\"\ngrants = {{ storage = true }}\n"
    );
    set.policies.push(("payout.wasm".to_owned(), guests::bytes("tool-payout")));
    set
}

const ASKED: &str = r#"
[binding.settings.requirement]
stages = [{ approvers = ["user:ann"], expires-after-seconds = 86400 }]
"#;
const NAMES: &str = r#"
allow = ["read_*", "search"]
deny = ["*_password"]
"#;
const RULES: &str = r#"
[[binding.settings.rules]]
name = "secret"
when = { path = "/resource/properties/class", eq = "secret" }
effect = { deny = "secret files stay here" }
[[binding.settings.rules]]
name = "small"
when = { path = "/action/properties/options/limit", le = 10000 }
effect = "allow"
"#;
const RATE: &str = "
limit = 1000
window-seconds = 1
";

/// One binding.
#[derive(Clone, Copy)]
struct Bound<'a> {
    name: &'a str,
    policy: &'a str,
    action: &'a str,
    mode: &'a str,
    /// Lines of TOML.
    settings: &'a str,
}

impl<'a> Bound<'a> {
    fn new(name: &'a str, policy: &'a str) -> Self {
        Self { name, policy, action: "*", mode: "enforce", settings: "" }
    }

    fn file(&self) -> String {
        format!("{}.wasm", self.policy.replace('/', "-"))
    }
}

impl Set {
    /// The same, kept in a database.
    pub(crate) fn with_store(mut self, url: &str) -> Self {
        self.config += &format!("[store]\nurl = \"{url}\"\n");
        self
    }

    /// A server with it, which has compiled nothing yet.
    pub(crate) fn start(&self) -> Writ {
        let place: Vec<_> =
            self.policies.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
        Writ::start_cold(env!("CARGO_BIN_EXE_writ"), &self.config, &place)
    }

    /// Its files, as a server reads them.
    pub(crate) fn write(&self, directory: &Path) {
        let config = ("writ.toml", self.config.as_bytes());
        let policies = self.policies.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
        for (name, bytes) in policies.chain([config]) {
            std::fs::write(directory.join(name), bytes).expect("a file can be written");
        }
    }

    /// What the configuration says.
    pub(crate) fn config(&self) -> &str {
        &self.config
    }

    /// One starter policy, with settings as lines of TOML.
    fn built_in(policy: &str, settings: &str) -> Self {
        let config = format!(
            "[log]\nlevel = \"error\"\n[[binding]]\nname = \"only\"\nsource = \"builtin:{policy}\"\n\
             [binding.settings]\n{settings}\n"
        );
        Self { config, policies: Vec::new() }
    }

    fn of(bindings: &[Bound<'_>]) -> Self {
        let mut config = String::from("[log]\nlevel = \"error\"\n");
        let mut policies = Vec::new();
        for binding in bindings {
            let Bound { name, policy, action, mode, settings } = binding;
            let file = binding.file();
            config += &format!(
                "[[binding]]\nname = \"{name}\"\nsource = \"{file}\"\nmode = \"{mode}\"\n\
                 match = {{ action = \"{action}\" }}\n[binding.settings]\n{settings}\n"
            );
            policies.push((file, guests::bytes(policy)));
        }
        policies.sort();
        policies.dedup();
        Self { config, policies }
    }
}
