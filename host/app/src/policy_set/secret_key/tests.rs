//! Keys that sign policies, against keys and signatures of minisign.

use super::*;
use crate::policy_set::{Trust, TrustedKey};

// Made with minisign 0.11, and used with it. It writes no checksum where no password is.
const SECRET: &str = "untrusted comment: minisign encrypted secret key\n\
    RWRTY0IyX2uwPARaO7w/8snNkmjq2LmnnDfqWQbb6UgQDCS4aEEAABAAAAAAAAAAAAIAAAAAo7JOfNBUfb4nwv657xFGh2UCkwDLHLvFjOufFEjnMpo1c07eO6iycvXCf/9PnWEHsre1bKVhlSAn3L7EtaqnvCCZMCto+ACK+WJeJFDynnt0SQ0R/odHg+V7fwAs+kV7Sy6dpiRwsyE=\n";
const UNPROTECTED: &str = "untrusted comment: minisign encrypted secret key\n\
    RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA8b2C84jCrXKTGTTwimzl3yaFlNH2QcGgJQqPedmyZInnIn90MZg/v/zo1Q6iI+lnnUymO11C2iEm3rnJP2CE6mOkYgFTstZPAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
const PUBLIC: &str = "untrusted comment: minisign public key 72ADC288F382BDF1\n\
    RWTxvYLziMKtcvzo1Q6iI+lnnUymO11C2iEm3rnJP2CE6mOkYgFTstZP\n";
const SIGNATURE: &str = "untrusted comment: signature from minisign secret key\n\
    RUTxvYLziMKtcl/2fUZfBetTZ7RSKZqBbr42ugss8pkRmaVIkckZDOvNa2806l7elqfvC+B49OhqGoctxq+IvUvsIvP5EskWawY=\n\
    trusted comment: a comment\n\
    vBairaM6Ug3fOeJX4hobesIPptdsh2oMSz1TKr7YLiullt/ik89cW9ZJpZypXs58pBBwRBdFSA9JtBO99KauDQ==\n";

#[test]
fn a_key_of_minisign_opens_with_its_password_and_no_other() {
    let boxed = || Boxed::read(SECRET).unwrap();
    assert!(boxed().is_protected());
    let key = boxed().open("correct horse").unwrap();
    assert_eq!(key.public_file(), PUBLIC);
    let same = Boxed::read(UNPROTECTED).unwrap();
    assert!(!same.is_protected());
    assert_eq!(same.open("").unwrap().public(), key.public());
    assert_eq!(boxed().open("another horse").err(), Some(InvalidSecretKey::Password));
    let trusted: TrustedKey = key.public().parse().unwrap();
    let trust = Trust::new(vec![trusted], true);
    assert!(trust.verify(b"component", SIGNATURE).is_ok());
    assert!(trust.verify(b"component", &key.sign(b"component", "mine")).is_ok());
}

#[test]
fn a_key_reads_back_with_and_without_a_password() {
    let key = SecretKey::generate().unwrap();
    for password in [None, Some("p")] {
        let boxed = Boxed::read(&key.file(password).unwrap()).unwrap();
        assert_eq!(boxed.is_protected(), password.is_some());
        let opened = boxed.open(password.unwrap_or_default()).unwrap();
        assert_eq!(opened.public(), key.public());
    }
}

#[test]
fn a_damaged_key_signs_nothing() {
    let file = SecretKey::generate().unwrap().file(None).unwrap();
    let line = STANDARD.decode(file.lines().nth(1).unwrap()).unwrap();
    // Salt and cost mean nothing where there is no password.
    for at in (0..6).chain(54..line.len()) {
        let mut line = line.clone();
        line[at] ^= 1;
        let opened = Boxed::read(&format!("\n{}", STANDARD.encode(line)));
        assert!(opened.and_then(|boxed| boxed.open("")).is_err(), "{at}");
    }
    assert_eq!(Boxed::read("").err(), Some(InvalidSecretKey::Text));
}

#[test]
fn what_scrypt_may_cost_is_bounded() {
    let log = |operations, bytes| Cost { operations, bytes }.params().map(|params| params.log_n());
    // What new keys have; what minisign itself gives to keys.
    assert_eq!((log(COST.operations, COST.bytes), log(1 << 25, 1 << 30)), (Some(17), Some(20)));
    assert_eq!((log(1 << 30, 1 << 40), log(u64::MAX, 1 << 20)), (None, None));
}

#[test]
fn no_secret_is_formatted() {
    let boxed = Boxed::read(UNPROTECTED).unwrap();
    let told = format!("{boxed:?}");
    assert_eq!(told, "Boxed { cost: Cost { operations: 0, bytes: 0 }, .. }");
    let key = boxed.open("").unwrap();
    let told = format!("{key:?}");
    assert_eq!(told, format!("SecretKey {{ public: {:?}, .. }}", key.public()));
}
