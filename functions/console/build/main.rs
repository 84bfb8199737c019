//! Packs the folder `static` into the files that the crate serves: one script, one style sheet, each compressed once.

mod bundle;

use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("static");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed={}", root.display());

    let read = |name: &str| fs::read(root.join(name)).map_err(|error| format!("{name}: {error}"));
    let script = bundle::script(&root, "main.js")?;
    let style = style(&root)?;
    let files = [
        ("index.html", "text/html; charset=utf-8", read("index.html")?),
        ("app.js", "text/javascript; charset=utf-8", script.into_bytes()),
        ("style.css", "text/css; charset=utf-8", style),
        ("uplot.js", "text/javascript; charset=utf-8", read("vendor/uPlot.iife.min.js")?),
        ("fields.json", "application/json", read("fields.json")?),
        ("icon.svg", "image/svg+xml", read("icon.svg")?),
    ];
    let mut table = format!("const FILES: [File; {}] = [\n", files.len());
    for (name, kind, bytes) in &files {
        let digest = Sha256::digest(bytes);
        let tag = digest.iter().take(12).fold(String::new(), |tag, byte| tag + &format!("{byte:02x}"));
        let packed = packed(bytes)?;
        let (plain_path, packed_path) = (out.join(name), out.join(format!("{name}.gz")));
        fs::write(&plain_path, bytes)?;
        fs::write(&packed_path, packed)?;
        let (plain, packed) = (plain_path.display().to_string(), packed_path.display().to_string());
        writeln!(
            table,
            "    File {{ name: {name:?}, kind: {kind:?}, tag: {tag:?}, plain: include_bytes!({plain:?}), \
             packed: include_bytes!({packed:?}) }},"
        )?;
    }
    table.push_str("];\n");
    fs::write(out.join("files.rs"), table)?;
    Ok(())
}

/// The style sheets one after another, in the order of their names, behind the plots' own.
fn style(root: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    let folder = root.join("style");
    let mut sheets: Vec<PathBuf> =
        fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_, std::io::Error>>()?;
    sheets.sort();
    let mut style = fs::read(root.join("vendor/uPlot.min.css"))?;
    for sheet in sheets {
        style.push(b'\n');
        style.extend(fs::read(sheet)?);
    }
    Ok(style)
}

fn packed(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}
