//! Looks for a browser and its driver. Tests that need them are reported as ignored where there is none.

use std::env;
use std::path::Path;

fn main() {
    println!("cargo::rustc-check-cfg=cfg(has_browser)");
    println!("cargo::rerun-if-env-changed=PATH");
    let found = ["chromium", "chromedriver"].iter().all(|name| {
        let usual = Path::new("/usr/bin").join(name);
        println!("cargo::rerun-if-changed={}", usual.display());
        let path = env::var_os("PATH").unwrap_or_default();
        usual.is_file() || env::split_paths(&path).any(|folder| folder.join(name).is_file())
    });
    if found {
        println!("cargo::rustc-cfg=has_browser");
    }
}
