//! Shipments: how fast one of fifty events is read by any of its keys, with many other events stored.

use std::path::PathBuf;

use anyhow::ensure;

use crate::calls::settled;
use crate::latency::median;
use crate::load::{Load, Loaded, What};
use crate::measure::{Bench, WARM_UP};
use crate::process::{self, System};
use crate::report;

/// Shipments that are read by turns.
const SHIPMENTS: u64 = 100;

/// Events of each.
const EVENTS: u64 = 50;

/// Reads shipments, and prints the report as Markdown.
#[derive(clap::Args)]
pub(crate) struct Shipments {
    /// The hub's binary, a release build
    #[arg(long, default_value = "target/release/tongguan")]
    hub: PathBuf,
    /// Where the data goes while measuring: a disk, not memory
    #[arg(long, default_value = "target/bench")]
    dir: PathBuf,
    /// Duration of each load
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Runs of each point; the report has the medians
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Other events in the store
    #[arg(long, default_value_t = 1_000_000)]
    preload: u64,
}

/// The body of a receipt of the shipment that a number is of: most name the order, some its bill or declaration alone.
pub(crate) fn receipt(number: u64) -> String {
    let (shipment, part) = (number / EVENTS % SHIPMENTS, number % EVENTS);
    let keys = match part % 5 {
        0 => format!(r#""billNo":"SHIP-B{shipment}","paramJson":{{"#),
        1 => format!(r#""paramJson":{{"entryId":"SHIP-E{shipment}","#),
        _ => {
            format!(
                r#""orderOutNo":"SHIP-{shipment}","billNo":"SHIP-B{shipment}","paramJson":{{"entryId":"SHIP-E{shipment}","#
            )
        }
    };
    let time = format!("2026-03-01 10:{part:02}:00");
    format!(r#"{{"action":"single_receipt",{keys}"channel":"L","note":"海关已接收","noticeDate":"{time}"}}}}"#)
}

/// The path by which the shipment that a number stands for is read.
pub(crate) fn path(number: u64) -> String {
    let shipment = number % SHIPMENTS;
    let key = match number / SHIPMENTS % 3 {
        0 => format!("order:SHIP-{shipment}"),
        1 => format!("bl:SHIP-B{shipment}"),
        _ => format!("entry:SHIP-E{shipment}"),
    };
    format!("/shipments/{key}")
}

/// Measures.
pub(crate) fn run(options: &Shipments) -> anyhow::Result<()> {
    ensure!(options.hub.is_file(), "there is no {}: build it, or give --hub", options.hub.display());
    let system = System::Hub(std::path::absolute(&options.hub)?);
    let mut bench = Bench::new(options.dir.clone(), options.seconds);
    eprintln!("filling a store with {} events", options.preload);
    let dir = bench.fill(&system, options.preload)?;
    let running = system.start(dir.path(), None, false)?;
    let load = |what, path: String, connections, seconds, count| -> anyhow::Result<Loaded> {
        let address = running.address.to_string();
        let load = Load { what, address, path, connections, seconds, rate: None, count, first: 0, subjects: None };
        let loaded = process::load(&load)?;
        ensure!(loaded.accepted > 0, "nothing is answered: {}", loaded.refusal.unwrap_or_default());
        if let Some(refusal) = &loaded.refusal {
            eprintln!("  {} refused, the first: {refusal}", loaded.refused);
        }
        Ok(loaded)
    };
    load(What::Part, System::path(), 16, 3600.0, SHIPMENTS * EVENTS)?;
    settled(dir.path())?;
    let mut rows = vec![];
    for connections in [1, 16] {
        let mut runs = vec![];
        for run in 1..=options.runs {
            load(What::Shipment, String::new(), connections, WARM_UP, u64::MAX)?;
            let loaded = load(What::Shipment, String::new(), connections, options.seconds, u64::MAX)?;
            eprintln!("run {run}: {connections} connections: {:.0}/s, {:?} us", loaded.per_second(), loaded.ack);
            runs.push(loaded);
        }
        let of = |figure: fn(&Loaded) -> f64| median(runs.iter().map(figure).collect());
        rows.push(vec![
            connections.to_string(),
            format!("{:.0}", of(Loaded::per_second)),
            format!("{:.2}", of(|run| run.ack.p50 / 1000.0)),
            format!("{:.2}", of(|run| run.ack.p99 / 1000.0)),
            runs.iter().map(|run| run.refused).sum::<u64>().to_string(),
        ]);
    }
    running.process.stop()?;
    let title = format!("A shipment of {EVENTS} events by one of three keys, {} others stored", options.preload);
    let head = ["connections", "answers/s", "p50 ms", "p99 ms", "refused"];
    println!("{}\n\n{}", report::machine(), report::markdown(&title, &head, &rows));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receipts_are_json_of_their_shipment() {
        for (number, keys) in
            [(0, ["", "SHIP-B0", ""]), (51, ["", "", "SHIP-E1"]), (52, ["SHIP-1", "SHIP-B1", "SHIP-E1"])]
        {
            let body: serde_json::Value = serde_json::from_str(&receipt(number)).unwrap();
            let found = [&body["orderOutNo"], &body["billNo"], &body["paramJson"]["entryId"]];
            assert_eq!(found.map(|key| key.as_str().unwrap_or_default()), keys);
        }
        assert_eq!(
            [path(7), path(107), path(207)].join(" "),
            "/shipments/order:SHIP-7 /shipments/bl:SHIP-B7 /shipments/entry:SHIP-E7"
        );
    }
}
