//! `writ policy keygen`, `sign` and `verify`: keys and signatures of policies, as minisign writes them.
//!
//! No server has a part in it: what signs should be where nobody else is.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use writ_core::LoadLimits;
use writ_core::text::visible;
use zeroize::Zeroizing;

use super::SENT_BYTES_MAX;
use crate::cli::exit::{Exit, Failure};
use crate::cli::{input, text};
use crate::clock::now_ms;
use crate::config::Environment;
use crate::config::root::not_shared;
use crate::policy_set::{
    Boxed, SIGNATURE_BYTES_MAX, SIGNATURE_SUFFIX, SecretKey, Trust, TrustedKey,
};

/// How large a file of a key may be, in bytes.
const KEY_BYTES_MAX: u64 = 4 << 10;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make a key that signs policies
    Keygen(Keygen),
    /// Sign a policy, so that servers load it that trust the key
    Sign(Sign),
    /// Tell whether a policy is signed by one of some keys
    Verify(Verify),
}

#[derive(Debug, clap::Args)]
pub(super) struct Keygen {
    /// What the key is called: `NAME.key`, which is secret, and `NAME.pub` are written
    #[arg(value_name = "NAME")]
    name: String,
    /// Protect the secret key by no password, for machines that sign: it is asked for otherwise, or in
    /// WRIT_SIGNING_PASSWORD
    #[arg(long)]
    no_password: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Sign {
    /// A component: its signature is written beside it, as `COMPONENT.minisig`
    #[arg(value_name = "COMPONENT")]
    component: PathBuf,
    /// The file of the secret key, or `-` for standard input
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(super) struct Verify {
    /// A component, with its signature beside it
    #[arg(value_name = "COMPONENT")]
    component: PathBuf,
    /// A public key that counts, or the file that holds it; may be given more than once
    #[arg(long, value_name = "KEY", required = true)]
    key: Vec<String>,
    /// The signature, where it is not `COMPONENT.minisig`
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
}

impl Command {
    pub(super) fn run(self, environment: &Environment, json: bool) -> Result<Exit, Failure> {
        let (told, text) = match self {
            Self::Keygen(keygen) => keygen.run(environment)?,
            Self::Sign(sign) => sign.run(environment)?,
            Self::Verify(verify) => verify.run()?,
        };
        if json {
            text::json_to_stdout(&told)?
        } else {
            text::to_stdout(&text)?
        }
        Ok(Exit::Permitted)
    }
}

/// What came of a command: as JSON, and for people.
type Told = (Value, String);

impl Keygen {
    fn run(&self, environment: &Environment) -> Result<Told, Failure> {
        let files = ["key", "pub"].map(|end| format!("{}.{end}", self.name));
        // Before anybody is asked for a password, and before one of them is written.
        if let Some(there) = files.iter().find(|file| fs::symlink_metadata(file).is_ok()) {
            return Err(unwritten(there, &io::ErrorKind::AlreadyExists.into()));
        }
        let [secret_file, public_file] = files;
        let password = match self.no_password {
            true => None,
            false => Some(new_password(environment)?),
        };
        let key = SecretKey::generate().map_err(Failure::internal)?;
        let secret = key.file(password.as_deref()).map_err(Failure::internal)?;
        create(&secret_file, &secret, 0o600)?;
        create(&public_file, &key.public_file(), 0o666).inspect_err(|_| {
            // Alone, it would be in the way of the next try; and it is nobody's but this one's.
            fs::remove_file(&secret_file).ok();
        })?;
        let key = key.public();
        let text = format!(
            "{secret_file} signs: keep it secret.\n{public_file} is the key to trust it by:\n\n[policies]\nkeys = [\"{key}\"]\n"
        );
        let key = key.to_string();
        Ok((json!({"secret_file": secret_file, "public_file": public_file, "key": key}), text))
    }
}

impl Sign {
    fn run(&self, environment: &Environment) -> Result<Told, Failure> {
        let component = component(&self.component)?;
        let key = secret(&self.key, environment)?;
        let name = self.component.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = name.unwrap_or_default().replace(char::is_control, "");
        let seconds = now_ms() / 1_000;
        let trusted = format!("timestamp:{seconds}\tfile:{name}\thashed");
        let signature = key.sign(&component, &trusted);
        let file = beside(&self.component);
        let written = File::create(&file).and_then(|opened| write(opened, &signature));
        written.map_err(|error| unwritten(&file, &error))?;
        let key = key.public().to_string();
        let text = format!("{file} is its signature, by {key}\n");
        Ok((json!({"signature_file": file, "key": key}), text))
    }
}

impl Verify {
    fn run(&self) -> Result<Told, Failure> {
        let component = component(&self.component)?;
        let file = self.signature.clone().unwrap_or_else(|| beside(&self.component).into());
        let signature = signature(&file)?;
        let keys = self.key.iter().map(|key| trusted(key)).collect::<Result<_, _>>()?;
        let name = self.component.display();
        let signed = Trust::new(keys, true).verify(&component, &signature);
        let signed = signed.map_err(|error| Failure::refused(format!("`{name}`: {error}")))?;
        // Its parts are apart by tabs.
        let (by, comment) = (&signed.by, visible(&signed.comment.replace('\t', " ")));
        let text = format!("{name} is signed by {by}\ntrusted comment: {comment}\n");
        let told = json!({"component": name.to_string(), "key": by.to_string(), "trusted_comment": comment});
        Ok((told, text))
    }
}

/// A signature that the operator names.
pub(super) fn signature(file: &Path) -> Result<String, Failure> {
    input::text(file, SIGNATURE_BYTES_MAX)
}

fn component(path: &Path) -> Result<Vec<u8>, Failure> {
    let limits = LoadLimits { component_bytes_max: SENT_BYTES_MAX, ..Default::default() };
    Ok(input::component(&path.to_string_lossy(), &limits)?.1)
}

fn beside(component: &Path) -> String {
    format!("{}{SIGNATURE_SUFFIX}", component.display())
}

/// A public key: itself, or a file as minisign writes it, whose last line it is.
fn trusted(key: &str) -> Result<TrustedKey, Failure> {
    if let Ok(key) = key.parse() {
        return Ok(key);
    }
    let text = input::text(Path::new(key), KEY_BYTES_MAX)?;
    text.lines().last().unwrap_or_default().trim().parse().map_err(Failure::refused)
}

/// A secret key, ready to sign.
fn secret(file: &Path, environment: &Environment) -> Result<SecretKey, Failure> {
    let name = file.display();
    let refused = |error| Failure::refused(format!("`{name}`: {error}"));
    let text = Zeroizing::new(input::text(file, KEY_BYTES_MAX)?);
    let boxed = Boxed::read(&text).map_err(refused)?;
    let password = match boxed.is_protected() {
        true => password(environment)?,
        false => {
            kept_from_others(file)?;
            String::new()
        }
    };
    boxed.open(&password).map_err(refused)
}

/// Whether nobody else gets at the key in a file, which no password protects. Standard input and pipes
/// have no other readers.
fn kept_from_others(file: &Path) -> Result<(), Failure> {
    let name = file.to_string_lossy();
    match fs::metadata(file) {
        Ok(metadata) if metadata.is_file() && name != "-" => {
            not_shared(&name, metadata.permissions().mode()).map_err(Failure::refused)
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

fn new_password(environment: &Environment) -> Result<String, Failure> {
    if let Some(password) = &environment.signing_password {
        return Ok(password.expose().to_owned());
    }
    let first = asked("Password of the new key: ")?;
    match first.is_empty() || first != asked("The same again: ")? {
        true => Err(Failure::usage(
            "there is no password, or two\nhint: `--no-password` makes a key without one",
        )),
        false => Ok(first),
    }
}

fn password(environment: &Environment) -> Result<String, Failure> {
    match &environment.signing_password {
        Some(password) => Ok(password.expose().to_owned()),
        None => asked("Password of the key: "),
    }
}

fn asked(prompt: &str) -> Result<String, Failure> {
    rpassword::prompt_password(prompt).map_err(|error| {
        Failure::usage(format!(
            "nobody can be asked for the key's password: {error}\n\
             hint: put it into the environment variable WRIT_SIGNING_PASSWORD"
        ))
    })
}

/// Makes a file: one that is there may be the only one of its kind.
fn create(file: &str, text: &str, mode: u32) -> Result<(), Failure> {
    let made = OpenOptions::new().write(true).create_new(true).mode(mode).open(file);
    let made = made.map_err(|error| unwritten(file, &error))?;
    write(made, text).map_err(|error| {
        // Half a key is none, and in the way of the next try.
        fs::remove_file(file).ok();
        unwritten(file, &error)
    })
}

/// Writes a file, to last.
fn write(mut file: File, text: &str) -> io::Result<()> {
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn unwritten(file: &str, error: &io::Error) -> Failure {
    Failure::refused(match error.kind() {
        io::ErrorKind::AlreadyExists => format!(
            "there is a file `{file}`, which may be needed\nhint: give another name, or move it away"
        ),
        _ => format!("`{file}` cannot be written: {error}"),
    })
}
