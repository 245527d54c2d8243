//! The text format of Prometheus, version 0.0.4.

use std::fmt::{Display, Write as _};

use amp_pool_core::figures::{Spread, UPPER_BOUNDS};

/// What a family of samples is.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// A page of samples. Writing to a string cannot fail.
#[derive(Default)]
pub(super) struct Page(String);

impl Page {
    /// Begins a family. Its samples follow, and nothing else in between.
    pub(super) fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    pub(super) fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        for (at, (label, text)) in labels.iter().enumerate() {
            let _ = write!(self.0, "{}{label}=\"{}\"", if at == 0 { '{' } else { ',' }, escape(text));
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{end} {value}");
    }

    /// The samples of a histogram, in seconds.
    pub(super) fn spread(&mut self, name: &str, labels: &[(&str, &str)], spread: &Spread) {
        let bucket = format!("{name}_bucket");
        let mut below = 0;
        for (bound, count) in UPPER_BOUNDS.iter().zip(spread.buckets) {
            below += count;
            let bound = seconds(bound * 1000);
            self.sample(&bucket, &[labels, &[("le", bound.as_str())]].concat(), below);
        }
        self.sample(&bucket, &[labels, &[("le", "+Inf")]].concat(), spread.count);
        self.sample(&format!("{name}_sum"), labels, seconds(spread.sum_us));
        self.sample(&format!("{name}_count"), labels, spread.count);
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }
}

fn seconds(us: u64) -> String {
    let text = format!("{}.{:06}", us / 1_000_000, us % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_page_reads_as_the_format_has_it() {
        let mut page = Page::default();
        page.family("calls_total", Kind::Counter, "Calls.");
        page.sample("calls_total", &[], 1);
        page.sample("calls_total", &[("model", "a\"b\\c\nd"), ("x", "y")], 2);
        let expected = "# HELP calls_total Calls.\n# TYPE calls_total counter\ncalls_total 1\n\
                        calls_total{model=\"a\\\"b\\\\c\\nd\",x=\"y\"} 2\n";
        assert_eq!(page.into_text(), expected);
    }

    #[test]
    fn buckets_add_up_to_all() {
        let mut spread = Spread::default();
        [2, 40, 400_000].into_iter().for_each(|ms| spread.add(Duration::from_millis(ms)));
        let mut page = Page::default();
        page.spread("took", &[("m", "a")], &spread);
        let text = page.into_text();
        for line in [
            "took_bucket{m=\"a\",le=\"0.001\"} 0\n",
            "took_bucket{m=\"a\",le=\"0.05\"} 2\n",
            "took_bucket{m=\"a\",le=\"300\"} 2\n",
            "took_bucket{m=\"a\",le=\"+Inf\"} 3\n",
            "took_sum{m=\"a\"} 400.042\n",
            "took_count{m=\"a\"} 3\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }
}
