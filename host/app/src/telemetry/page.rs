//! The metrics page: Prometheus text format 0.0.4.
//!
//! Counters that the engine and the store keep for themselves are sampled when the page is read.

use prometheus::TextEncoder;
use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};

use super::metrics::Metrics;

/// The page's media type.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Figures that are sampled when the page is read.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The metric's name: a counter's ends in `_total`.
    pub name: &'static str,
    /// One sentence.
    pub help: &'static str,
    /// The label that tells its figures apart, where there are several.
    pub label: Option<&'static str>,
    /// What each figure's label says, empty where there is one figure; and the figure, in the base
    /// unit that the name states.
    pub values: Vec<(String, f64)>,
}

/// Writes the page.
///
/// # Errors
/// Where a sample breaks the format, or has a name that is taken.
pub fn write(metrics: &Metrics, samples: &[Sample]) -> Result<String, prometheus::Error> {
    let mut families = metrics.registry().gather();
    // The format has no place for a metric without a figure.
    let told = samples.iter().filter(|sample| !sample.values.is_empty());
    families.extend(told.map(Sample::family));
    families.sort_by(|left, right| left.name().cmp(right.name()));
    TextEncoder::new().encode_to_string(&families)
}

impl Sample {
    /// One figure.
    pub fn one(name: &'static str, help: &'static str, value: f64) -> Self {
        Self { name, help, label: None, values: vec![(String::new(), value)] }
    }

    fn family(&self) -> MetricFamily {
        let kind = match self.name.ends_with("_total") {
            true => MetricType::COUNTER,
            false => MetricType::GAUGE,
        };
        let mut family = MetricFamily::default();
        family.set_name(self.name.to_owned());
        family.set_help(self.help.to_owned());
        family.set_field_type(kind);
        let metrics = self.values.iter().map(|(label, value)| self.metric(kind, label, *value));
        family.set_metric(metrics.collect());
        family
    }

    fn metric(&self, kind: MetricType, label: &str, value: f64) -> Metric {
        let mut metric = Metric::default();
        if kind == MetricType::COUNTER {
            let mut counter = Counter::default();
            counter.set_value(value);
            metric.set_counter(counter);
        } else {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            metric.set_gauge(gauge);
        }
        let pairs = self.label.map(|name| {
            let mut pair = LabelPair::default();
            pair.set_name(name.to_owned());
            pair.set_value(label.to_owned());
            pair
        });
        metric.set_label(pairs.into_iter().collect());
        metric
    }
}
