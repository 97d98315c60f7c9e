//! The metrics page: Prometheus text format 0.0.4.
//!
//! Counters that the engine and the store keep for themselves are sampled when the page is read.

use prometheus::TextEncoder;
use prometheus::proto::{Counter, Gauge, Metric, MetricFamily, MetricType};

use super::metrics::Metrics;

/// The page's media type.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A figure that is sampled when the page is read.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// The metric's name: a counter's ends in `_total`.
    pub name: &'static str,
    /// One sentence.
    pub help: &'static str,
    /// The figure, in the base unit that the name states.
    pub value: f64,
}

/// Writes the page.
///
/// # Errors
/// Where a sample breaks the format, or has a name that is taken.
pub fn write(metrics: &Metrics, samples: &[Sample]) -> Result<String, prometheus::Error> {
    let mut families = metrics.registry().gather();
    families.extend(samples.iter().map(Sample::family));
    families.sort_by(|left, right| left.name().cmp(right.name()));
    TextEncoder::new().encode_to_string(&families)
}

impl Sample {
    fn family(&self) -> MetricFamily {
        let mut metric = Metric::default();
        let kind = if self.name.ends_with("_total") {
            let mut counter = Counter::default();
            counter.set_value(self.value);
            metric.set_counter(counter);
            MetricType::COUNTER
        } else {
            let mut gauge = Gauge::default();
            gauge.set_value(self.value);
            metric.set_gauge(gauge);
            MetricType::GAUGE
        };
        let mut family = MetricFamily::default();
        family.set_name(self.name.to_owned());
        family.set_help(self.help.to_owned());
        family.set_field_type(kind);
        family.set_metric(vec![metric]);
        family
    }
}
