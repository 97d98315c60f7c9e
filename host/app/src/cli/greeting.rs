//! What a server says when it is ready: where it listens, what decides, and who may call.

use std::net::SocketAddr;

use super::text;
use crate::auth::Issued;
use crate::clock::now_ms;
use crate::config::Config;
use crate::http::App;

/// What there is to say.
pub(super) struct Greeting<'a> {
    pub(super) address: SocketAddr,
    pub(super) config: &'a Config,
    pub(super) app: &'a App,
    /// A key that was just made. This is the only place where it is shown, and it shows it once.
    pub(super) first_key: Option<Issued>,
    /// Whether the built-in policy set decides, which a newcomer wants to try.
    pub(super) built_in: bool,
}

impl Greeting<'_> {
    /// As lines.
    pub(super) fn text(&self) -> String {
        let bindings = self.config.policies.bindings.iter();
        let bindings: Vec<_> = bindings.map(|binding| binding.binding.name.as_str()).collect();
        let mut text = format!(
            "writ listens on http://{}\npolicy set {}: {}\nkeys: {}\n",
            self.address,
            self.app.service.active().digest,
            text::lines([bindings.join(", ")]),
            self.keys(),
        );
        if self.built_in {
            text.push_str(&self.trial());
        }
        text
    }

    fn keys(&self) -> String {
        match &self.first_key {
            Some(_) if self.built_in => {
                "the first one, which may do everything, is in the line below and nowhere else: keep it".into()
            }
            Some(issued) => format!(
                "the first one, which may do everything, is shown here and nowhere else: {}",
                issued.text.expose()
            ),
            None => format!(
                "{}{} in use; `writ keys create --server http://{}` makes another, or without \
                 `--server` while the server is stopped",
                self.tokens(),
                self.app.auth.keys().valid(now_ms()),
                self.address
            ),
        }
    }

    fn tokens(&self) -> String {
        let issuer = self.app.auth.issuer();
        issuer.map(|issuer| format!("tokens of {issuer} are taken; ")).unwrap_or_default()
    }

    /// How the built-in policy set is tried.
    fn trial(&self) -> String {
        let mut text = String::from("\nAn action that goes on:\n");
        match &self.first_key {
            Some(issued) => {
                let header = format!("'Authorization: Bearer {}'", issued.text.expose());
                text.push_str(&self.curl(&header, "search_web"));
                text.push_str("\nWith `delete_database` in place of `search_web` it is denied.\n");
            }
            None => {
                let header = "\"Authorization: Bearer $WRIT_KEY\"";
                text.push_str(&self.curl(header, "search_web"));
                text.push_str("\nOne that is denied:\n");
                text.push_str(&self.curl(header, "delete_database"));
            }
        }
        text.push_str(
            "\n`writ serve --print-config` prints this policy set, to start your own from.\n",
        );
        text
    }

    /// A question, as a line for a shell; `header` in its quotes.
    fn curl(&self, header: &str, action: &str) -> String {
        format!(
            "  curl -s http://{}/access/v1/evaluation -H {header} \
             -H 'Content-Type: application/json' -d \
             '{{\"subject\":{{\"type\":\"agent\",\"id\":\"demo\"}},\
             \"action\":{{\"name\":\"{action}\"}},\
             \"resource\":{{\"type\":\"tool\",\"id\":\"{action}\"}}}}'\n",
            self.address
        )
    }
}
