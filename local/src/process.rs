//! Figures of this process, as Linux has them in `/proc`.

use telemetry::prometheus::{counter, gauge};

/// Resources that the process uses.
#[derive(Clone, Copy, Debug)]
struct Process {
    cpu_seconds: f64,
    resident_bytes: f64,
    open_files: f64,
    most_files: f64,
    began: f64,
}

/// Prints the figures where the system has them, under the names that Prometheus' own clients have for them.
pub(crate) fn print(text: &mut String) {
    let Some(Process { cpu_seconds, resident_bytes, open_files, most_files, began }) = read() else { return };
    counter(text, "process_cpu_seconds_total", "Processor time in seconds", cpu_seconds);
    gauge(text, "process_resident_memory_bytes", "Resident memory", resident_bytes);
    gauge(text, "process_open_fds", "Open file descriptors", open_files);
    gauge(text, "process_max_fds", "Most open file descriptors", most_files);
    gauge(text, "process_start_time_seconds", "Start of the process, in seconds since 1970", began);
}

#[cfg(target_os = "linux")]
fn read() -> Option<Process> {
    use std::fs;

    let (own, system) = (fs::read_to_string("/proc/self/stat").ok()?, fs::read_to_string("/proc/stat").ok()?);
    let (user, kernel, began, pages) = of_stat(&own)?;
    let boot: f64 = system.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let most = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?.split_whitespace().next()?;
    let open = fs::read_dir("/proc/self/fd").ok()?.count();
    let page = u32::try_from(rustix::param::page_size()).ok()?;
    #[allow(clippy::cast_precision_loss, reason = "ticks since the machine's start, for a graph")]
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    Some(Process {
        cpu_seconds: (user + kernel) / ticks,
        resident_bytes: pages * f64::from(page),
        open_files: f64::from(u32::try_from(open).ok()?),
        most_files: most.parse().unwrap_or(f64::INFINITY),
        began: boot + began / ticks,
    })
}

#[cfg(not(target_os = "linux"))]
const fn read() -> Option<Process> {
    None
}

/// User and kernel time and the start in ticks, and resident pages, of `/proc/<pid>/stat`. The program's name in it may hold
/// blanks and brackets.
#[cfg(target_os = "linux")]
fn of_stat(stat: &str) -> Option<(f64, f64, f64, f64)> {
    let (_, rest) = stat.rsplit_once(") ")?;
    // The third field of the file is the first here.
    let field = |number: usize| rest.split_whitespace().nth(number - 3)?.parse::<f64>().ok();
    Some((field(14)?, field(15)?, field(22)?, field(24)?))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_behind_any_name() {
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194304 900 0 0 0 150 50 0 0 20 0 9 0 4242 123456 2048 0";
        assert_eq!(of_stat(stat), Some((150.0, 50.0, 4242.0, 2048.0)));
        assert_eq!(of_stat("7 (a"), None);
    }

    #[test]
    fn own_figures_are_plausible() {
        let process = read().unwrap();
        assert!(process.resident_bytes > 1e6 && process.open_files > 2.0 && process.began > 1.6e9, "{process:?}");
        assert!(process.most_files >= process.open_files && process.cpu_seconds < 1e6, "{process:?}");
    }
}
