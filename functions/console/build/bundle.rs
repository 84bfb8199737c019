//! Puts the modules of the console into one script. Each becomes a function that returns its exports, behind those that it
//! imports. It takes what the sources use and refuses the rest: `import { a, b as c } from './x.js';` at the head of a module,
//! and `export` before `function`, `async function`, `const` and `class`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Component, Path, PathBuf};
use std::{fs, io};

/// The script that begins with that module.
pub(crate) fn script(root: &Path, first: &str) -> Result<String, String> {
    let mut bundle = Bundle { root: root.to_owned(), names: BTreeMap::new(), count: 0, text: String::new() };
    bundle.add(Path::new(first))?;
    Ok(bundle.text)
}

struct Bundle {
    root: PathBuf,
    /// The name of each module in the script; none while its imports are added.
    names: BTreeMap<PathBuf, Option<String>>,
    /// Number of the modules that were added.
    count: usize,
    text: String,
}

impl Bundle {
    /// Adds a module behind its imports, and tells its name.
    fn add(&mut self, path: &Path) -> Result<String, String> {
        match self.names.get(path) {
            Some(Some(name)) => return Ok(name.clone()),
            Some(None) => return Err(format!("{}: it imports itself by way of others", path.display())),
            None => {}
        }
        self.names.insert(path.to_owned(), None);
        let wrong = |error: io::Error| format!("{}: {error}", path.display());
        let source = fs::read_to_string(self.root.join(path)).map_err(wrong)?;
        let body = if path.starts_with("vendor") { vendored(&source)? } else { self.module(path, &source)? };
        self.count += 1;
        let name = format!("m{}", self.count);
        self.names.insert(path.to_owned(), Some(name.clone()));
        writeln!(self.text, "const {name} = (() => {{\n{body}}})();").map_err(|error| error.to_string())?;
        Ok(name)
    }

    /// The body of a module of ours: imports as constants, exports as what it returns.
    fn module(&mut self, path: &Path, source: &str) -> Result<String, String> {
        let wrong = |line: &str| format!("{}: cannot be bundled: {line}", path.display());
        let mut body = String::new();
        let mut exports = Vec::new();
        let mut lines = source.lines();
        while let Some(line) = lines.next() {
            if line.starts_with("import ") {
                let mut statement = line.to_owned();
                while !statement.trim_end().ends_with(';') {
                    statement.push_str(lines.next().ok_or_else(|| wrong(&statement))?);
                }
                let (names, from) = imported(&statement).ok_or_else(|| wrong(&statement))?;
                let module = self.add(&beside(path, from))?;
                body.extend(["const {", &names.replace(" as ", ": "), "} = ", &module, ";\n"]);
            } else if let Some(rest) = line.strip_prefix("export ") {
                exports.push(exported(rest).ok_or_else(|| wrong(line))?.to_owned());
                body.push_str(rest);
                body.push('\n');
            } else if line.trim_start().starts_with("/**") {
                let mut end = line;
                while !end.contains("*/") {
                    end = lines.next().ok_or_else(|| wrong(line))?;
                }
                if let Some((_, code)) = end.split_once("*/").filter(|(_, code)| !code.is_empty()) {
                    body.push_str(code);
                    body.push('\n');
                }
            } else if !line.trim_start().starts_with("// ") {
                body.push_str(line);
                body.push('\n');
            }
        }
        body.extend(["return { ", &exports.join(", "), " };\n"]);
        Ok(body)
    }
}

/// Names and address of `import { names } from 'address';`.
fn imported(statement: &str) -> Option<(&str, &str)> {
    let rest = statement.strip_prefix("import {")?;
    let (names, rest) = rest.split_once('}')?;
    let from = rest.trim().strip_prefix("from '")?.strip_suffix("';")?;
    Some((names, from))
}

/// The name of a declaration.
fn exported(declaration: &str) -> Option<&str> {
    let kinds = ["function ", "async function ", "const ", "class "];
    let rest = kinds.iter().find_map(|kind| declaration.strip_prefix(kind))?;
    let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_' && letter != '$')?;
    rest.get(..end).filter(|name| !name.is_empty())
}

/// The path of a module that another names relative to itself.
fn beside(module: &Path, from: &str) -> PathBuf {
    let mut path = module.parent().unwrap_or(Path::new("")).to_owned();
    for part in Path::new(from).components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            Component::Normal(part) => path.push(part),
            Component::CurDir | Component::Prefix(_) | Component::RootDir => {}
        }
    }
    path
}

/// The body of a minified module whose last statement is `export{a as b,...};`.
fn vendored(source: &str) -> Result<String, String> {
    let (body, exports) = source.rsplit_once("export{").ok_or("a vendored module has no exports")?;
    let (exports, _) = exports.split_once('}').ok_or("the exports of a vendored module have no end")?;
    let returned = exports.split(',').map(|export| match export.split_once(" as ") {
        Some((own, name)) => format!("{name}:{own}"),
        None => export.to_owned(),
    });
    Ok(format!("{body}\nreturn {{{}}};\n", returned.collect::<Vec<_>>().join(",")))
}
