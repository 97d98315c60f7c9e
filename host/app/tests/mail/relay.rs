//! A real SMTP server: keeps each letter that it takes, and refuses receivers as a test wants.

use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use mailin::{Action, AuthMechanism, Handler, Response, SessionBuilder, response};

/// How long a test waits for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// A letter that was taken.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    pub(crate) to: String,
    pub(crate) text: String,
}

/// What it says to a receiver, each time that one is named: how often before, and whom.
type Answers = dyn Fn(usize, &str) -> Response + Send + Sync;

#[derive(Default)]
struct Kept {
    letters: Vec<Letter>,
    /// Everybody to whom a letter was offered, in order.
    offered: Vec<String>,
    /// Who has shown that they are somebody.
    users: Vec<(String, String)>,
}

#[derive(Clone)]
struct Session {
    kept: Arc<(Mutex<Kept>, Condvar)>,
    answers: Arc<Answers>,
    to: String,
    text: Vec<u8>,
}

/// A relay; it listens until the test ends.
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    kept: Arc<(Mutex<Kept>, Condvar)>,
}

impl Letter {
    /// A header, as it stands in one line.
    pub(crate) fn header(&self, name: &str) -> &str {
        let start = format!("{name}: ");
        let (head, _) = self.text.split_once("\r\n\r\n").unwrap();
        let line = head.lines().find_map(|line| line.strip_prefix(start.as_str()));
        line.unwrap_or_else(|| panic!("{name}: {head}"))
    }

    /// The path of the one link in it.
    pub(crate) fn link(&self) -> String {
        let (_, link) = self
            .text
            .split_once("http://127.0.0.1/writ")
            .unwrap_or_else(|| panic!("{}", self.text));
        let link = link.split_whitespace().next().unwrap();
        assert!(link.starts_with("/answer/") && link.len() == 8 + 43, "{link}");
        link.to_owned()
    }
}

impl Relay {
    pub(crate) fn start(answers: impl Fn(usize, &str) -> Response + Send + Sync + 'static) -> Self {
        Self::new(SessionBuilder::new("relay.example"), answers)
    }

    /// One that takes everything from whoever shows who they are, and nothing from others.
    pub(crate) fn guarded() -> Self {
        let mut sessions = SessionBuilder::new("relay.example");
        sessions.enable_auth(AuthMechanism::Plain).insecure_enable_plaintext_auth();
        Self::new(sessions, |_, _| response::OK)
    }

    fn new(
        sessions: SessionBuilder,
        answers: impl Fn(usize, &str) -> Response + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let kept: Arc<(Mutex<Kept>, Condvar)> = Arc::default();
        let answers: Arc<Answers> = Arc::new(answers);
        let session = Session { kept: kept.clone(), answers, to: String::new(), text: Vec::new() };
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let session = sessions.build(IpAddr::from([127, 0, 0, 1]), session.clone());
                // Whoever hangs up in the middle has said all that it wants to.
                thread::spawn(move || serve(&stream, session).ok());
            }
        });
        Self { address, kept }
    }

    /// One that takes everything.
    pub(crate) fn content() -> Self {
        Self::start(|_, _| response::OK)
    }

    /// Letters, as soon as there are so many; in the order of their receivers.
    pub(crate) fn wait_for(&self, count: usize) -> Vec<Letter> {
        let mut letters =
            self.wait(|kept| kept.letters.len() >= count, |kept| kept.letters.clone());
        letters.sort_by(|one, other| one.to.cmp(&other.to));
        letters
    }

    /// Everybody to whom a letter was offered, as soon as there are so many.
    pub(crate) fn wait_for_offers(&self, count: usize) -> Vec<String> {
        self.wait(|kept| kept.offered.len() >= count, |kept| kept.offered.clone())
    }

    /// Who has shown that they are somebody.
    pub(crate) fn users(&self) -> Vec<(String, String)> {
        self.kept.0.lock().unwrap().users.clone()
    }

    fn wait<T>(&self, enough: impl Fn(&Kept) -> bool, take: impl Fn(&Kept) -> T) -> T {
        let end = Instant::now() + PATIENCE;
        let (kept, came) = &*self.kept;
        let mut kept = kept.lock().unwrap();
        while !enough(&kept) {
            let left = end.checked_duration_since(Instant::now());
            let left = left
                .unwrap_or_else(|| panic!("only these: {:#?} {:?}", kept.letters, kept.offered));
            kept = came.wait_timeout(kept, left).unwrap().0;
        }
        take(&kept)
    }
}

impl Session {
    fn keep(&self, change: impl FnOnce(&mut Kept)) {
        change(&mut self.kept.0.lock().unwrap());
        self.kept.1.notify_all();
    }
}

impl Handler for Session {
    fn rcpt(&mut self, to: &str) -> Response {
        let mut before = 0;
        self.keep(|kept| {
            before = kept.offered.iter().filter(|offered| *offered == to).count();
            kept.offered.push(to.to_owned());
        });
        self.to = to.to_owned();
        (self.answers)(before, to)
    }

    fn data(&mut self, line: &[u8]) -> std::io::Result<()> {
        self.text.extend_from_slice(line);
        Ok(())
    }

    fn data_end(&mut self) -> Response {
        let text = String::from_utf8(std::mem::take(&mut self.text)).unwrap();
        let letter = Letter { to: self.to.clone(), text };
        self.keep(|kept| kept.letters.push(letter));
        response::OK
    }

    fn auth_plain(&mut self, _: &str, user: &str, password: &str) -> Response {
        self.keep(|kept| kept.users.push((user.to_owned(), password.to_owned())));
        if password == "open sesame" { response::AUTH_OK } else { response::INVALID_CREDENTIALS }
    }
}

fn serve(stream: &TcpStream, mut session: mailin::Session<Session>) -> std::io::Result<()> {
    let (mut reader, mut writer) = (BufReader::new(stream), stream);
    session.greeting().write_to(&mut writer)?;
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        let answer = session.process(&line);
        line.clear();
        match answer.action {
            Action::NoReply => {}
            Action::Close => return answer.write_to(&mut writer),
            Action::Reply | Action::UpgradeTls => answer.write_to(&mut writer)?,
        }
        writer.flush()?;
    }
    Ok(())
}
