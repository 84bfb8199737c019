//! Alarms and dashboard: the template uses the metrics that the code measures, and the runbook covers each alarm.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use telemetry::metrics::{Dimension, Metric, NAMESPACE, STACK};
use tongguan::table::{Trigger, functions};

use super::{infra, logical_id, resource, resources};

/// The alarms, by name.
fn alarms() -> impl Iterator<Item = (String, Value)> {
    resources("AWS::CloudWatch::Alarm").into_iter().map(|(id, alarm)| (id, alarm["Properties"].clone()))
}

/// The dashboard, with the parts that its widgets share filled in.
fn dashboard() -> Value {
    let body = resource("Dashboard")["DashboardBody"]["Fn::Sub"].clone();
    let mut text = body[0].as_str().unwrap().to_owned();
    for (name, value) in body[1].as_object().unwrap() {
        if let Some(value) = value.as_str().or_else(|| value["Fn::Sub"].as_str()) {
            text = text.replace(&format!("${{{name}}}"), value);
        }
    }
    serde_json::from_str(&text).unwrap()
}

/// The metrics of the dashboard's widgets, each written out, with its widget's title.
fn shown() -> Vec<(String, Vec<Value>)> {
    let mut shown = Vec::new();
    for widget in dashboard()["widgets"].as_array().unwrap() {
        let properties = &widget["properties"];
        assert_eq!(properties["region"], "${AWS::Region}");
        let mut before: Vec<Value> = Vec::new();
        for row in properties["metrics"].as_array().unwrap() {
            let row = row.as_array().unwrap();
            let (mut metric, options): (Vec<_>, Vec<_>) = row.iter().cloned().partition(Value::is_string);
            // `...` is the beginning of the row before, and `.` its value in the same place.
            if metric.first().is_some_and(|first| first == "...") {
                let own = metric.split_off(1);
                metric = [&before[..before.len() - own.len()], &own[..]].concat();
            }
            for (value, above) in metric.iter_mut().zip(&before).filter(|(value, _)| *value == ".") {
                value.clone_from(above);
            }
            before.clone_from(&metric);
            shown.push((properties["title"].as_str().unwrap().to_owned(), [metric, options].concat()));
        }
    }
    shown
}

/// A search for metrics of the hub as the dashboard writes it: its dimensions and its metric.
fn search(metric: &[Value]) -> Option<(Vec<String>, String)> {
    let expression = metric[0].get("expression")?.as_str().unwrap();
    let (schema, rest) = expression.strip_prefix("SEARCH('{").unwrap().split_once("} MetricName=\"").unwrap();
    let (name, rest) = rest.split_once('"').unwrap();
    let dimensions = schema.strip_prefix(&format!("{NAMESPACE},"))?;
    assert!(rest.starts_with(" Stack=\"${AWS::StackName}\""), "{expression}");
    Some((dimensions.split(',').map(str::to_owned).collect(), name.to_owned()))
}

#[test]
fn monitored_and_measured_metrics_are_the_same() {
    let dimensions = [Dimension::Function, Dimension::Partner, Dimension::Connection, Dimension::Endpoint];
    let dimensions: BTreeSet<&str> = dimensions.iter().map(|dimension| dimension.name()).collect();
    let mut looked_at = BTreeSet::new();
    for (id, alarm) in alarms().filter(|(_, alarm)| alarm["Namespace"] == NAMESPACE) {
        assert_eq!(alarm["Dimensions"], json!([{"Name": STACK, "Value": {"Ref": "AWS::StackName"}}]), "{id}");
        looked_at.insert(alarm["MetricName"].as_str().unwrap().to_owned());
    }
    for (title, metric) in shown() {
        if let Some((by, name)) = search(&metric) {
            assert_eq!(by[0], STACK, "{title}");
            assert!(by[1..].iter().all(|name| dimensions.contains(name.as_str())), "{title}: {by:?}");
            let split = Metric::ALL.into_iter().any(|metric| metric.is_split() && metric.name() == name);
            assert!(split, "{title}: {name} is counted for the stack alone");
            looked_at.insert(name);
        } else if metric[0] == NAMESPACE {
            assert_eq!(metric[2..4], [STACK.into(), Value::from("${AWS::StackName}")], "{title}");
            looked_at.insert(metric[1].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(looked_at, Metric::ALL.iter().map(|metric| metric.name()).collect());
}

#[test]
fn critical_metric_has_an_alarm() {
    let own = |metric: Metric, comparison: &str, threshold: u64| {
        let found = alarms().any(|(_, alarm)| {
            let looks = alarm["Namespace"] == NAMESPACE && alarm["MetricName"] == metric.name();
            let at = alarm["ComparisonOperator"] == format!("{comparison}ThanThreshold");
            looks && at && alarm["Threshold"] == threshold
        });
        assert!(found, "{metric:?}");
    };
    own(Metric::AckMargin, "Less", 20);
    own(Metric::OldestDue, "Greater", 120);
    for metric in [
        Metric::Unavailable,
        Metric::Unauthorized,
        Metric::Errors,
        Metric::Failed,
        Metric::Ambiguous,
        Metric::CircuitsOpen,
        Metric::LedgerDifference,
        Metric::ConfigurationRefused,
        Metric::CredentialsRefused,
        Metric::AnswersNotKept,
    ] {
        own(metric, "Greater", 0);
    }
    let name = |member: &Value| member.as_str().unwrap_or_default().to_owned();
    let aws: BTreeSet<_> =
        alarms().map(|(_, alarm)| format!("{}/{}", name(&alarm["Namespace"]), name(&alarm["MetricName"]))).collect();
    assert!(aws.contains("AWS/SQS/ApproximateNumberOfMessagesVisible") && aws.contains("AWS/Lambda/Throttles"));
    // A function that is not called cannot fail.
    for scheduled in functions().iter().filter(|it| matches!(it.trigger, Trigger::Schedule | Trigger::Daily)) {
        let silent = alarms().find(|(id, _)| *id == format!("{}Silent", logical_id(scheduled.name))).unwrap().1;
        assert_eq!((&silent["MetricName"], &silent["TreatMissingData"]), (&"Invocations".into(), &"breaching".into()));
        assert_eq!(silent["Dimensions"][0]["Value"]["Ref"], logical_id(scheduled.name));
    }
    // The least margin and the longest wait count, not a mean that hides them.
    for (id, alarm) in alarms() {
        let expected = match alarm["MetricName"].as_str().unwrap_or_default() {
            "AckMargin" => "Minimum",
            "OldestDue" | "Failed" | "Ambiguous" | "CircuitsOpen" | "LedgerDifference" => "Maximum",
            _ => continue,
        };
        assert_eq!(alarm["Statistic"], expected, "{id}");
    }
}

/// The sweep measures what waits. Where it cannot, what was wrong is still wrong.
#[test]
fn missing_measurement_does_not_end_an_alarm() {
    let measured = [Metric::OldestDue, Metric::Failed, Metric::Ambiguous, Metric::CircuitsOpen].map(Metric::name);
    for (id, alarm) in alarms().filter(|(_, alarm)| measured.iter().any(|name| alarm["MetricName"] == *name)) {
        assert_eq!(alarm["TreatMissingData"], "ignore", "{id}");
    }
}

/// Daily work has one data point a day, and a failure that stands alone is one in many minutes. Only the sweep runs again a
/// minute later.
#[test]
fn one_failure_is_enough_for_an_alarm() {
    for (id, alarm) in alarms().filter(|(id, _)| id.ends_with("Errors") && id != "SweepErrors") {
        assert_eq!((&alarm["DatapointsToAlarm"], &alarm["Threshold"]), (&1.into(), &0.into()), "{id}");
        assert_eq!(alarm["ComparisonOperator"], "GreaterThanThreshold", "{id}");
    }
}

/// The functions whose failed invocations an alarm counts.
fn watched(id: &str, alarm: &Value) -> Vec<String> {
    let of = |dimensions: &Value| dimensions[0]["Value"]["Ref"].as_str().unwrap().to_owned();
    let Some(metrics) = alarm["Metrics"].as_array() else {
        let counts = alarm["Namespace"] == "AWS/Lambda" && alarm["MetricName"] == "Errors";
        return if counts { vec![of(&alarm["Dimensions"])] } else { Vec::new() };
    };
    let [sum, counted @ ..] = &metrics[..] else { panic!("{id} has no metrics") };
    assert_eq!(sum["Expression"], "SUM(FILL(METRICS(), 0))", "a function without data counts as one without failures");
    assert!(counted.len() <= 10, "{id} has more metrics than CloudWatch takes in an alarm");
    let functions = counted.iter().map(|counted| {
        let stat = &counted["MetricStat"];
        assert_eq!(
            (&counted["ReturnData"], &stat["Stat"], &stat["Period"]),
            (&false.into(), &"Sum".into(), &60.into())
        );
        let metric = &stat["Metric"];
        assert_eq!((&metric["Namespace"], &metric["MetricName"]), (&"AWS/Lambda".into(), &"Errors".into()), "{id}");
        of(&metric["Dimensions"])
    });
    functions.collect()
}

#[test]
fn each_function_has_one_alarm_of_its_failures() {
    let mut watched: Vec<_> = alarms().flat_map(|(id, alarm)| watched(&id, &alarm)).collect();
    watched.sort_unstable();
    let mut all: Vec<_> = functions().iter().map(|function| logical_id(function.name)).collect();
    all.sort_unstable();
    assert_eq!(watched, all);
}

#[test]
fn the_dashboard_shows_every_function_and_the_dead_letters() {
    let functions: BTreeSet<String> =
        functions().iter().map(|function| format!("${{{}}}", logical_id(function.name))).collect();
    for name in ["Errors", "ConcurrentExecutions"] {
        let shown = shown().into_iter().filter(|(_, metric)| metric[0] == "AWS/Lambda" && metric[1] == name);
        let of: BTreeSet<String> = shown.map(|(_, metric)| metric[3].as_str().unwrap().to_owned()).collect();
        assert_eq!(of, functions, "{name}");
    }
    let dead = json!(["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", "${DeadLetters.QueueName}"]);
    assert!(shown().iter().any(|(_, metric)| metric.starts_with(dead.as_array().unwrap())));
}

#[test]
fn the_runbook_has_a_section_for_every_alarm() {
    let runbook = std::fs::read_to_string(infra().join("README.md")).unwrap();
    let (_, sections) = runbook.split_once("\n## Alarms\n").unwrap();
    let sections = sections.split("\n## ").next().unwrap();
    // A heading may name several.
    let headings = sections.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`'));
    let mut named: Vec<_> = headings.flat_map(|heading| heading.split("`, `")).collect();
    named.sort_unstable();
    assert_eq!(named, alarms().map(|(id, _)| id).collect::<Vec<_>>());
}
