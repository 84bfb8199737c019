//! Files of 100 MB on their way through the hub, at once: its highest resident memory, and how long they take.
//!
//! Each is uploaded, named in a call, and sent to a partner that reads and forgets; once as they are, once as base64, and once in the
//! form of the call itself.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use hub::files::Hashing;
use serde_json::{Value, json};

use crate::load::API_KEY;
use crate::measure::Bench;
use crate::process;
use crate::report;

/// The answer of the partner.
const YES: &str = r#"{"code":200,"msg":"成功","data":"S-1"}"#;

#[derive(clap::Args)]
pub(crate) struct Files {
    /// The hub's binary, a release build
    #[arg(long, default_value = "target/release/tongguan")]
    hub: PathBuf,
    /// Folder of the data while measuring: a disk, not memory
    #[arg(long, default_value = "target/bench")]
    dir: PathBuf,
    /// Number of files at once
    #[arg(long, default_value_t = 10)]
    count: usize,
    /// Size of each, in MiB
    #[arg(long, default_value_t = 100)]
    mib: usize,
}

/// Way of a file.
#[derive(Clone, Copy)]
enum Way {
    Upload,
    Base64,
    Form,
}

/// Measures, and prints a table.
pub(crate) fn run(options: &Files) -> anyhow::Result<()> {
    ensure!(options.hub.is_file(), "there is no {}: build it, or give --hub", options.hub.display());
    let binary = std::path::absolute(&options.hub)?;
    let bench = Bench::new(options.dir.clone(), 0.0);
    println!("{}\n", report::machine());
    let mut rows = vec![];
    for (name, way) in [("upload, as it is", Way::Upload), ("upload, as base64", Way::Base64), ("form", Way::Form)] {
        let (dir, partner) = (bench.fresh()?, partner()?);
        let hub = process::hub(&binary, dir.path(), |listen| {
            let data = dir.path().join("data");
            format!(
                "listen = \"{listen}\"\ndata_dir = \"{}\"\n\n[[connections]]\nid = \"bench\"\npartner = \"xhq\"\n\
                 keys = [\"0123456789abcdef0123456789abcdef\"]\nbase_url = \"http://{partner}/\"\nallow_private = true\n\
                 app_id = \"bench\"\nbgh_id = \"bench\"\nbase64_field = \"content\"\nconcurrency = {}\n\n\
                 [[api_keys]]\nid = \"erp\"\nkey = \"{API_KEY}\"\n",
                data.display(),
                options.count,
            )
        })?;
        let (before, _) = hub.process.memory()?;
        let begun = Instant::now();
        let (address, size) = (hub.address, options.mib << 20);
        std::thread::scope(|scope| {
            let sent: Vec<_> =
                (0..options.count).map(|file| scope.spawn(move || send(address, way, file, size))).collect();
            sent.into_iter().try_for_each(|sent| sent.join().map_err(|_| anyhow::anyhow!("a sender panicked"))?)
        })?;
        let took = begun.elapsed().as_secs_f64();
        let (_, highest) = hub.process.memory()?;
        let verdict = if highest < 100.0 { "" } else { " (above 100)" };
        rows.push(vec![
            name.to_owned(),
            format!("{} x {} MiB", options.count, options.mib),
            format!("{before:.0}"),
            format!("{highest:.0}{verdict}"),
            format!("{took:.1}"),
        ]);
        hub.process.stop()?;
    }
    let head = ["way", "files", "RSS before, MB", "highest RSS, MB", "s"];
    println!("{}", report::markdown("Files through the hub", &head, &rows));
    Ok(())
}

/// A piece of the content of a file; each file has its own.
fn piece(file: usize) -> Vec<u8> {
    let mut word = u64::try_from(file).unwrap_or_default() + 1;
    let mut piece = Vec::with_capacity(1 << 20);
    while piece.len() < 1 << 20 {
        word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        piece.extend_from_slice(&word.to_be_bytes());
    }
    piece
}

/// Sends one file by one call, and waits for its end.
fn send(hub: SocketAddr, way: Way, file: usize, size: usize) -> anyhow::Result<()> {
    let (piece, pieces) = (piece(file), size >> 20);
    let key = format!("authorization: Bearer {API_KEY}\r\n");
    let done = if matches!(way, Way::Form) {
        let head = "--edge\r\nContent-Disposition: form-data; name=\"orderOutNo\"\r\n\r\nSO-1\r\n--edge\r\n\
                    Content-Disposition: form-data; name=\"file\"; filename=\"papers.zip\"\r\n\r\n";
        let headers = format!(
            "{key}content-type: multipart/form-data; boundary=edge\r\nidempotency-key: k-{file}\r\nprefer: wait=25\r\n"
        );
        let around = (head.as_bytes(), &b"\r\n--edge--\r\n"[..]);
        ask(hub, "POST /calls/bench/fileUpload", &headers, around, (&piece, pieces))?
    } else {
        let mut hashing = Hashing::default();
        (0..pieces).for_each(|_| hashing.update(&piece));
        let asked = json!({"name": "papers.zip", "bytes": size, "sha256": hashing.done()}).to_string();
        let as_json = format!("{key}content-type: application/json\r\n");
        let begun = ask(hub, "POST /uploads", &as_json, (asked.as_bytes(), b""), (&piece, 0))?;
        let url = begun.pointer("/put/url").and_then(Value::as_str).context("no url")?;
        ask(hub, &format!("PUT /{url}"), &key, (b"", b""), (&piece, pieces))?;
        let operation = if matches!(way, Way::Base64) { "fileBase64Upload" } else { "fileUpload" };
        let call = json!({"orderOutNo": "SO-1", "file": {"upload": begun.get("id")}}).to_string();
        let headers = format!("{as_json}idempotency-key: k-{file}\r\nprefer: wait=25\r\n");
        ask(hub, &format!("POST /calls/bench/{operation}"), &headers, (call.as_bytes(), b""), (&piece, 0))?
    };
    let id = done.get("id").and_then(Value::as_str).with_context(|| format!("no call: {done}"))?.to_owned();
    let begun = Instant::now();
    loop {
        let now = ask(hub, &format!("GET /calls/{id}"), &key, (b"", b""), (&piece, 0))?;
        match now.get("state").and_then(Value::as_str) {
            Some("succeeded") => return Ok(()),
            Some("queued") if begun.elapsed() < Duration::from_mins(5) => {
                std::thread::sleep(Duration::from_millis(100));
            }
            _ => anyhow::bail!("the call of file {file} has not succeeded: {now}"),
        }
    }
}

/// Sends a request with `pieces` times a piece between two texts; its answer, where it is JSON.
fn ask(
    to: SocketAddr,
    line: &str,
    headers: &str,
    (before, behind): (&[u8], &[u8]),
    (piece, pieces): (&[u8], usize),
) -> anyhow::Result<Value> {
    let mut stream = TcpStream::connect(to)?;
    let length = before.len() + piece.len() * pieces + behind.len();
    let head =
        format!("{line} HTTP/1.1\r\nhost: hub\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n");
    stream.write_all(&[head.as_bytes(), before].concat())?;
    for _ in 0..pieces {
        stream.write_all(piece)?;
    }
    stream.write_all(behind)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let text = String::from_utf8_lossy(&answer);
    let status = text.split(' ').nth(1).unwrap_or_default();
    ensure!(status.starts_with('2'), "{line}: {text}");
    let body = text.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
    Ok(if body.is_empty() { Value::Null } else { serde_json::from_str(body)? })
}

/// A partner that reads whatever comes and says yes, until this process ends.
fn partner() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || taken(stream));
        }
    });
    Ok(address)
}

fn taken(stream: TcpStream) -> std::io::Result<()> {
    let mut from = BufReader::with_capacity(1 << 20, stream);
    let mut left = 0;
    loop {
        let mut line = String::new();
        from.read_line(&mut line)?;
        if let Some(length) = line.to_lowercase().strip_prefix("content-length: ") {
            left = length.trim().parse().unwrap_or_default();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    std::io::copy(&mut from.by_ref().take(left), &mut std::io::sink())?;
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", YES.len());
    from.into_inner().write_all(format!("{head}{YES}").as_bytes())
}
