//! The sets that a host is given: those that decide, and those that are broken, each in a way of its own.

use writ_testkit::guests;

use crate::world::allowing;

/// How many sets come again and again: more than a host keeps ready.
const AGAIN: u64 = 24;
/// Of so many that are not broken, one was never seen.
const UNSEEN_EVERY: u64 = 8;

/// What is refused is meant to be; and what never ends is to end soon, by its fuel on any machine.
const HOST: &str = r#"
[log]
level = "error,writ::reload=off"
[engine.load]
configure-fuel = 100_000_000
configure-deadline-ms = 60_000
[tests]
directory = "cases"
"#;

const CASE: &str = r#"{"name": "always", "request": {
    "subject": {"type": "agent", "id": "a1"}, "action": {"name": "always"},
    "resource": {"type": "tool", "id": "t1"}}, "expect": {"decision": "allowed"}}"#;

/// What the set becomes.
pub(crate) enum Step {
    /// One that allows `always`, and `v` with this number.
    Good(u64),
    Broken(Broken),
}

/// What is wrong with a set.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Broken {
    /// The component ends before its end, each time elsewhere.
    Truncated,
    /// The component is a tool.
    WrongWorld,
    /// `configure` traps, once it has used up its fuel.
    TrappingConfigure,
    /// A case does not hold.
    FailingCase,
    /// The component wants what nobody gives.
    ForbiddenImport,
    /// The settings are not what the policy's schema says.
    InvalidSettings,
}

impl Step {
    /// The step of a number, from 1: every other one is broken.
    pub(crate) fn of(number: u64) -> Self {
        let (half, is_good) = (number / 2, number.is_multiple_of(2));
        let kinds = Broken::ALL.len() as u64;
        match is_good {
            true if half.is_multiple_of(UNSEEN_EVERY) => Self::Good(AGAIN + half),
            true => Self::Good(half % AGAIN),
            false => Self::Broken(Broken::ALL[(half % kinds) as usize]),
        }
    }
}

impl Broken {
    pub(crate) const ALL: [Self; 6] = [
        Self::Truncated,
        Self::WrongWorld,
        Self::TrappingConfigure,
        Self::FailingCase,
        Self::ForbiddenImport,
        Self::InvalidSettings,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::WrongWorld => "wrong-world",
            Self::TrappingConfigure => "trapping-configure",
            Self::FailingCase => "failing-case",
            Self::ForbiddenImport => "forbidden-import",
            Self::InvalidSettings => "invalid-settings",
        }
    }

    /// What the host must say of it, and of nothing else.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Truncated => {
                "`truncated.wasm` does not load: the component is not valid: unexpected end-of-file"
            }
            Self::WrongWorld => {
                "`tool.wasm` does not load: the component is a tool, and a policy is wanted here"
            }
            Self::TrappingConfigure => "`configure` failed: out-of-fuel",
            Self::FailingCase => {
                "cases/always.json: always: step 1: the decision is `all-abstained`"
            }
            Self::ForbiddenImport => {
                "`forbidden.wasm` does not load: the import `evil:host/shell@0.1.0` is not offered"
            }
            Self::InvalidSettings => {
                "the settings break the policy's schema at `/allow/0`: 7 is not of type"
            }
        }
    }

    /// The set.
    pub(crate) fn set(self) -> String {
        let whole = good(0);
        let other = |name: &str| whole.replace("builtin:tool-list", name);
        match self {
            Self::Truncated => other("truncated.wasm"),
            Self::WrongWorld => other("tool.wasm"),
            Self::TrappingConfigure => other("trapping.wasm"),
            Self::FailingCase => whole.replace("\"always\"", "\"seldom\""),
            Self::ForbiddenImport => other("forbidden.wasm"),
            Self::InvalidSettings => whole.replace("\"always\"", "7"),
        }
    }

    /// A file of the set that is another one each time.
    pub(crate) fn file(self, number: u64) -> Option<(&'static str, Vec<u8>)> {
        match self {
            Self::Truncated => {
                let mut component = guests::dist_bytes("tool-list");
                // In its middle is the module, which says how long it is.
                let quarter = component.len() / 4;
                let length = quarter + number.wrapping_mul(7_919) as usize % (2 * quarter);
                component.truncate(length);
                Some(("truncated.wasm", component))
            }
            _ => None,
        }
    }
}

/// A set that allows `always`, and `v` with this number.
pub(crate) fn good(allows: u64) -> String {
    let actions = format!("\"always\", \"v{allows}\"");
    format!("{HOST}{}", allowing(&actions))
}

/// What lies beside the configuration.
pub(crate) fn place() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("cases/always.json", CASE.as_bytes().to_vec()),
        ("tool.wasm", guests::bytes("tool-payout")),
        ("trapping.wasm", guests::bytes("hostile/loop-in-configure")),
        ("forbidden.wasm", guests::bytes("hostile/forbidden-import")),
    ]
}
