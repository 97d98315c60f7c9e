//! What is made of a policy's component whatever its settings are: kept, so that other settings cost a
//! fraction of the first ones.
//!
//! It is two things: the code in which the component is tried out, whole, and the functions of the code
//! that serves, one by one, for wasmtime's incremental compilation. The state that `configure` leaves
//! is data, so nearly every function is the same with other settings. Native code it is, so it comes
//! from where compiled code comes from, and from nowhere else.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use wasmtime::component::Component;
use wasmtime::{CacheStore, Engine};

use crate::frame;
use crate::load::deserialize;

/// How much of it is kept for one component, in bytes.
const BYTES_MAX: usize = 128 << 20;

/// What was made of a component before, and what has been made of it since.
#[derive(Debug, Default)]
pub(crate) struct Groundwork {
    /// The code in which it is tried out; none yet.
    trial: Option<Vec<u8>>,
    functions: Arc<Functions>,
    /// Whether the trial's code has been made since.
    is_new: bool,
}

/// The code of functions by what wasmtime finds them by.
type Code = HashMap<Vec<u8>, Vec<u8>>;

/// Functions of a component.
#[derive(Debug, Default)]
pub(crate) struct Functions {
    before: Code,
    /// Guards what has been compiled since, for as long as it is looked up or added to.
    since: Mutex<Code>,
}

/// What a frame holds, of which there is one for each thing that is kept.
#[derive(Debug, Serialize, Deserialize)]
enum Part {
    Trial,
    Function(Vec<u8>),
}

impl Groundwork {
    /// What was kept; what cannot be read is as good as not there.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        Self::try_read(bytes).unwrap_or_default()
    }

    fn try_read(mut bytes: &[u8]) -> io::Result<Self> {
        let (mut trial, mut before) = (None, HashMap::new());
        while !bytes.is_empty() {
            match frame::read(&mut bytes)? {
                (Part::Trial, code) => trial = Some(code),
                (Part::Function(key), code) => {
                    before.insert(key, code);
                }
            }
        }
        let functions = Arc::new(Functions { before, since: Mutex::default() });
        Ok(Self { trial, functions, is_new: false })
    }

    /// The component in the code in which it is tried out.
    pub(crate) fn trial(&mut self, engine: &Engine, bytes: &[u8]) -> wasmtime::Result<Component> {
        // What was made for an engine of other settings is made again.
        let kept = self.trial.as_deref().and_then(|code| deserialize(engine, code).ok());
        if let Some(component) = kept {
            return Ok(component);
        }
        let code = engine.precompile_component(bytes)?;
        let component = deserialize(engine, &code)?;
        (self.trial, self.is_new) = (Some(code), true);
        Ok(component)
    }

    /// The functions of the code that serves.
    pub(crate) fn functions(&self) -> Arc<Functions> {
        self.functions.clone()
    }

    /// What is to be kept; empty where what was kept is as good, or it would be too much.
    pub(crate) fn news(&self) -> Vec<u8> {
        let since = self.functions.since();
        if !self.is_new && (since.is_empty() || !self.functions.before.is_empty()) {
            return Vec::new();
        }
        let mut bytes = Vec::new();
        let functions = self.functions.before.iter().chain(&*since);
        let functions = functions.map(|(key, code)| (Part::Function(key.clone()), code));
        let trial = self.trial.iter().map(|code| (Part::Trial, code));
        for (part, code) in trial.chain(functions) {
            frame::write(&mut bytes, &part, code).expect("memory can be written to");
            if bytes.len() > BYTES_MAX {
                return Vec::new();
            }
        }
        bytes
    }
}

impl Functions {
    fn since(&self) -> MutexGuard<'_, Code> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CacheStore for Functions {
    fn get(&self, key: &[u8]) -> Option<Cow<'_, [u8]>> {
        let before = self.before.get(key).map(|code| Cow::Borrowed(code.as_slice()));
        before.or_else(|| self.since().get(key).cloned().map(Cow::Owned))
    }

    fn insert(&self, key: &[u8], code: Vec<u8>) -> bool {
        self.since().insert(key.to_owned(), code);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn component() -> Vec<u8> {
        wat::parse_str("(component)").unwrap()
    }

    fn kept(groundwork: &Groundwork) -> (Option<&[u8]>, Code) {
        (groundwork.trial.as_deref(), groundwork.functions.before.clone())
    }

    #[test]
    fn what_is_news_reads_back_and_is_none_any_more() {
        let engine = Engine::new(&config::pre_initialising()).unwrap();
        let mut first = Groundwork::default();
        assert!(first.news().is_empty());
        first.trial(&engine, &component()).unwrap();
        first.functions().insert(b"key", b"code".to_vec());
        let mut again = Groundwork::read(&first.news());
        let functions = [(b"key".to_vec(), b"code".to_vec())].into();
        assert_eq!(kept(&again), (first.trial.as_deref(), functions));
        again.trial(&engine, b"it is not looked at").unwrap();
        again.functions().insert(b"other", b"code".to_vec());
        assert!(again.news().is_empty());
    }

    #[test]
    fn functions_that_come_after_the_trial_are_news() {
        let engine = Engine::new(&config::pre_initialising()).unwrap();
        let mut described = Groundwork::default();
        described.trial(&engine, &component()).unwrap();
        let configured = Groundwork::read(&described.news());
        configured.functions().insert(b"key", b"code".to_vec());
        let again = Groundwork::read(&configured.news());
        assert_eq!(again.functions().get(b"key").as_deref(), Some(&b"code"[..]));
        assert_eq!(kept(&again).0, described.trial.as_deref());
    }

    #[test]
    fn what_cannot_be_read_or_is_for_another_engine_is_made_again() {
        let mut groundwork = Groundwork::default();
        groundwork.trial(&Engine::new(&config::code()).unwrap(), &component()).unwrap();
        let mut bytes = groundwork.news();
        let mut other = Groundwork::read(&bytes);
        other.trial(&Engine::new(&config::pre_initialising()).unwrap(), &component()).unwrap();
        assert!(!other.news().is_empty());
        bytes.pop();
        assert_eq!(kept(&Groundwork::read(&bytes)), (None, HashMap::new()));
    }
}
