//! CloudWatch's part: alarms, dashboards and metrics, paid for by the month whatever the traffic.

use std::collections::BTreeSet;

use telemetry::metrics::Metric;

/// Numbers of what CloudWatch is paid for by the month.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watched {
    /// Series of the hub's own metrics, where every webhook is in use by every partner that it knows.
    pub(crate) series: f64,
    /// Alarms.
    pub(crate) alarms: f64,
    /// Metrics that alarms evaluate.
    pub(crate) evaluated: f64,
    /// Dashboards.
    pub(crate) dashboards: f64,
    /// Keys of the topics that alarms go to.
    pub(crate) keys: f64,
}

impl Watched {
    /// As the template and the metrics have it.
    pub(crate) fn of_the_template() -> anyhow::Result<Self> {
        let template = host::Template::deployed()?;
        let resources = template.at("/Resources")?;
        let all = |kind: &'static str| {
            let all = resources.as_object().into_iter().flat_map(|all| all.values());
            all.filter(move |resource| resource["Type"] == kind)
        };
        let of = |kind| count(all(kind).count());
        // An alarm is of one metric, or of those that its expression sums up.
        let evaluated = all("AWS::CloudWatch::Alarm").map(|alarm| match alarm["Properties"]["Metrics"].as_array() {
            None => 1,
            Some(metrics) => metrics.iter().filter(|metric| metric.get("MetricStat").is_some()).count(),
        });
        let split = Metric::ALL.into_iter().filter(|metric| metric.is_split()).count();
        let pairs: BTreeSet<_> = callback::ACTIONS
            .iter()
            .flat_map(|action| action.partners.iter().map(move |partner| (action.name, partner.id())))
            .collect();
        Ok(Self {
            series: count(Metric::ALL.len() + split * pairs.len()),
            alarms: of("AWS::CloudWatch::Alarm"),
            evaluated: count(evaluated.sum()),
            dashboards: of("AWS::CloudWatch::Dashboard"),
            keys: of("AWS::KMS::Key"),
        })
    }
}

fn count(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
