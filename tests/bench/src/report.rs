//! The figures as Markdown: medians over the runs.

use crate::latency::median;
use crate::measure::{Figures, Point};

/// One row of a table: a system at a point, and its runs.
pub(crate) struct Row {
    pub system: String,
    pub point: Point,
    pub runs: Vec<Figures>,
}

impl Row {
    /// The median of one figure over the runs.
    pub(crate) fn median(&self, figure: impl Fn(&Figures) -> f64) -> f64 {
        median(self.runs.iter().map(figure).collect())
    }

    /// The load in words.
    pub(crate) fn load(&self) -> String {
        let load = match self.point.rate {
            Some(rate) => format!("{} connections, {rate}/s", self.point.connections),
            None if self.point.connections == 1 => "1 connection".to_owned(),
            None => format!("{} connections", self.point.connections),
        };
        let subjects = self.point.subjects.map(|subjects| format!(", {subjects} subjects")).unwrap_or_default();
        load + &subjects + if self.point.ordered { ", in order" } else { "" }
    }

    fn cells(&self) -> Vec<String> {
        let millis = |micros: f64| format!("{:.2}", micros / 1000.0);
        let mut cells = vec![
            self.system.clone(),
            self.load(),
            format!("{:.0}", self.median(|run| run.accepted_per_second)),
            millis(self.median(|run| run.ack.p50)),
            millis(self.median(|run| run.ack.p99)),
            millis(self.median(|run| run.ack.p999)),
        ];
        if self.point.deliver {
            let nothing = f64::NAN;
            cells.push(format!("{:.0}", self.median(|run| run.delivered_per_second.unwrap_or(nothing))));
            cells.push(millis(self.median(|run| run.on_the_way.map_or(nothing, |times| times.p50))));
            cells.push(millis(self.median(|run| run.on_the_way.map_or(nothing, |times| times.p99))));
        }
        cells.push(format!("{:.2}", self.median(|run| run.cpu)));
        cells.push(format!("{:.0}", self.median(|run| run.resident)));
        cells.push(format!("{:.0}", self.median(|run| run.highest)));
        cells.push(self.runs.iter().map(|run| run.refused).sum::<u64>().to_string());
        cells
    }
}

/// A table of points that are all delivered, or all not.
pub(crate) fn table(title: &str, rows: &[Row]) -> String {
    let delivered = rows.iter().any(|row| row.point.deliver);
    let mut head = vec!["system", "load", "accepted/s", "ack p50 ms", "p99", "p99.9"];
    if delivered {
        head.extend(["delivered/s", "push to ERP p50 ms", "p99"]);
    }
    head.extend(["CPU s per 10,000", "RSS MB", "highest MB", "refused"]);
    markdown(title, &head, &rows.iter().map(Row::cells).collect::<Vec<_>>())
}

/// Each system in parts of the last one, point by point: medians of the ratios of runs that followed one another. Nothing where
/// there is one system alone.
pub(crate) fn ratios(title: &str, rows: &[Row]) -> String {
    let Some(limit) = rows.last().map(|row| row.system.clone()) else { return String::new() };
    let is_delivered = rows.iter().any(|row| row.point.deliver);
    let mut head = vec!["system", "load", "accepted/s", "ack p50", "p99"];
    if is_delivered {
        head.extend(["delivered/s", "push to ERP p50", "p99"]);
    }
    head.push("CPU");
    let mut lines = Vec::new();
    for row in rows.iter().filter(|row| row.system != limit) {
        let Some(own) = rows.iter().find(|own| own.system == limit && own.point == row.point) else { continue };
        let ratio = |figure: &dyn Fn(&Figures) -> f64| {
            let ratios = row.runs.iter().zip(&own.runs).map(|(run, limit)| figure(run) / figure(limit));
            format!("{:.2}", median(ratios.collect()))
        };
        let mut cells = vec![row.system.clone(), row.load()];
        cells.push(ratio(&|run| run.accepted_per_second));
        cells.extend([ratio(&|run| run.ack.p50), ratio(&|run| run.ack.p99)]);
        if row.point.deliver {
            let way = |run: &Figures| run.on_the_way.unwrap_or_default();
            cells.push(ratio(&|run| run.delivered_per_second.unwrap_or_default()));
            cells.extend([ratio(&|run| way(run).p50), ratio(&|run| way(run).p99)]);
        }
        cells.push(ratio(&|run| run.cpu));
        lines.push(cells);
    }
    if lines.is_empty() { String::new() } else { markdown(&format!("{title}, in parts of {limit}"), &head, &lines) }
}

/// Any table.
pub(crate) fn markdown(title: &str, head: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: Vec<&str>| format!("| {} |\n", cells.join(" | "));
    let mut out = format!("### {title}\n\n");
    out += &line(head.to_vec());
    out += &line(vec!["---"; head.len()]);
    for row in rows {
        out += &line(row.iter().map(String::as_str).collect());
    }
    out
}

/// The machine: processor, cores, kernel.
pub(crate) fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or(std::env::consts::ARCH, |(_, model)| model.trim());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{model}, {cores} cores, Linux {}", kernel.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::Percentiles;

    fn figures(rate: f64, deliver: bool) -> Figures {
        Figures {
            accepted_per_second: rate,
            refused: 1,
            ack: Percentiles { p50: 1500.0, p99: 2000.0, p999: 3000.0, max: 4000.0 },
            delivered_per_second: deliver.then_some(rate),
            on_the_way: deliver.then(|| Percentiles { p50: rate, p99: rate, ..Percentiles::default() }),
            cpu: 0.5,
            resident: 20.0,
            highest: 25.0,
        }
    }

    /// Not that of the medians: a minute in which the machine is slow falls on both.
    #[test]
    fn a_ratio_is_that_of_runs_beside_each_other() {
        for deliver in [false, true] {
            let row = |system: &str, rates: [f64; 3]| Row {
                system: system.to_owned(),
                point: Point::closed(64, deliver),
                runs: rates.map(|rate| figures(rate, deliver)).to_vec(),
            };
            let rows = [row("hub", [10.0, 50.0, 60.0]), row("limit", [20.0, 80.0, 300.0])];
            let table = ratios("T", &rows);
            let way = if deliver { " 0.50 | 0.50 | 0.50 |" } else { "" };
            assert!(table.contains(&format!("| hub | 64 connections | 0.50 | 1.00 | 1.00 |{way} 1.00 |")), "{table}");
            let columns: Vec<_> = table.lines().skip(2).map(|line| line.matches('|').count()).collect();
            assert!(columns.len() == 3 && columns.iter().all(|one| *one == columns[0]), "{table}");
            assert_eq!(ratios("T", &rows[..1]), "");
        }
    }

    #[test]
    fn a_row_has_a_cell_for_every_column() {
        for deliver in [false, true] {
            let figures = |rate| figures(rate, deliver);
            let row = Row {
                system: "s".to_owned(),
                point: Point::closed(64, deliver),
                runs: vec![figures(10.0), figures(30.0), figures(20.0)],
            };
            let table = table("T", &[row]);
            let columns: Vec<_> = table.lines().skip(2).map(|line| line.matches('|').count()).collect();
            assert!(columns.len() == 3 && columns.iter().all(|one| *one == columns[0]), "{table}");
            assert!(table.contains("| s | 64 connections | 20 | 1.50 | 2.00 | 3.00 |"), "{table}");
            assert!(table.ends_with("| 0.50 | 20 | 25 | 3 |\n"), "{table}");
        }
    }
}
