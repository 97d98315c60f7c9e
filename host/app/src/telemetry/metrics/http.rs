//! What is counted of HTTP: answers, by route and class of status.

use prometheus::IntCounter;

use super::register::Register;

macro_rules! routes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $label:literal,)+) => {
        /// A route, as a label.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Route { $($(#[doc = $doc])+ $variant,)+ }

        impl Route {
            const LABELS: &'static [&'static str] = &[$($label),+];
        }
    };
}

routes! {
    /// `POST /access/v1/evaluation`
    Evaluation = "evaluation",
    /// `POST /access/v1/evaluations`
    Evaluations = "evaluations",
    /// Everything else.
    Other = "other",
}

const STATUS_CLASSES: [&str; 3] = ["success", "client-error", "server-error"];

/// Counters by route and class of status.
#[derive(Debug)]
pub(super) struct Answers(Vec<[IntCounter; STATUS_CLASSES.len()]>);

impl Answers {
    pub(super) fn new(register: &Register) -> Self {
        let answers = register.counters(
            "writ_http_requests_total",
            "HTTP requests that were answered, by route and class of status.",
            &["route", "status"],
        );
        let of = |route| STATUS_CLASSES.map(|class| answers.with_label_values(&[route, class]));
        Self(Route::LABELS.iter().copied().map(of).collect())
    }

    pub(super) fn count(&self, route: Route, status: u16) {
        let class = match status {
            0..400 => 0,
            400..500 => 1,
            500.. => 2,
        };
        self.0[route as usize][class].inc();
    }
}
