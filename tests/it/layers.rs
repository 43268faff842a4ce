//! Which module may import which: the layers of the design, read off every source file.
//!
//! `crate::x`, `$crate::x`, grouped imports and `super` paths that reach the crate's root count; comments, literals and
//! unit tests (`mod tests`, `tests.rs`, `tests/`) don't: a test may make its input by whatever is handy.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Client,
    Orchestrator,
}
use Side::{Client, Orchestrator};

/// Every module, lowest layer first within its side.
const LAYERS: &[(Side, u8, &[&str])] = &[
    (Client, 0, &["ssz", "time"]),
    (Client, 1, &["crypto", "types"]),
    (Client, 2, &["spec", "api", "engine", "keystore", "witness"]),
    (Client, 3, &["chain", "validator"]),
    (Client, 4, &["net"]),
    (Client, 5, &["node"]),
    (Orchestrator, 0, &["journal", "yaml"]),
    (Orchestrator, 1, &["genesis", "client", "image"]),
    (Orchestrator, 2, &["topology"]),
    (Orchestrator, 3, &["runtime"]),
    (Orchestrator, 4, &["monitor"]),
    (Orchestrator, 5, &["scenario"]),
    (Orchestrator, 6, &["report"]),
    (Orchestrator, 7, &["matrix"]),
    (Orchestrator, 8, &["cli"]),
];

/// What the orchestrator may import of the client side.
const SHARED: &[&str] = &["ssz", "types", "spec", "time", "crypto", "api", "engine", "keystore", "witness"];

/// Imported by anybody.
const LEAVES: &[&str] = &["yaml"];

/// Files that may start the embedded client: they may import all of the client side.
const BRIDGES: &[&str] = &["runtime/simulation", "cli/node", "cli/validator", "cli/engine"];

/// Macros that stand at the crate's root, and the module that they belong to.
const MACROS: &[(&str, &str)] =
    &[("container", "ssz"), ("limits", "ssz"), ("field_is_present", "ssz"), ("field_is_lasting", "ssz")];

fn layer_of(module: &str) -> Option<(Side, u8)> {
    LAYERS.iter().find(|(.., modules)| modules.contains(&module)).map(|(side, layer, _)| (*side, *layer))
}

/// Why `file` (relative to `src`) may not import `module`; `None` if it may.
fn forbidden(file: &str, module: &str) -> Option<String> {
    let module = MACROS.iter().find(|(name, _)| *name == module).map_or(module, |(_, owner)| owner);
    let own = file.split(['/', '.']).next().unwrap_or_default();
    if own == "lib" || own == module || LEAVES.contains(&module) {
        return None;
    }
    if own == "main" {
        return (module != "cli").then(|| format!("{file}: main starts `cli` and nothing else, not `{module}`"));
    }
    let Some((side, layer)) = layer_of(own) else {
        return Some(format!("{file}: the module `{own}` has no layer; give it one in this test and in the design"));
    };
    let Some((their_side, their_layer)) = layer_of(module) else {
        return Some(format!("{file}: `crate::{module}` is no module with a layer"));
    };
    let allowed = match (side, their_side) {
        (Client, Client) | (Orchestrator, Orchestrator) => their_layer < layer,
        (Orchestrator, Client) => {
            SHARED.contains(&module)
                || BRIDGES
                    .iter()
                    .any(|bridge| file.strip_prefix(bridge).is_some_and(|rest| rest.starts_with(['.', '/', '_'])))
        }
        (Client, Orchestrator) => false,
    };
    (!allowed).then(|| format!("{file}: `{own}` may not import `{module}`"))
}

/// Identifiers, `::`, and single other characters; comments, literals and lifetimes left out.
fn tokens(source: &str) -> Vec<String> {
    let chars: Vec<char> = source.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let mut tokens = Vec::new();
    let mut i = 0;
    while i < chars.len() {
        let c = chars[i];
        if c == '/' && at(i + 1) == '/' {
            i += chars[i..].iter().take_while(|c| **c != '\n').count();
        } else if c == '/' && at(i + 1) == '*' {
            i = after_block_comment(&chars, i);
        } else if let Some(end) = after_literal(&chars, i) {
            i = end;
        } else if c.is_alphabetic() || c == '_' {
            let word: String = chars[i..].iter().take_while(|c| c.is_alphanumeric() || **c == '_').collect();
            i += word.chars().count();
            tokens.push(word);
        } else if c == ':' && at(i + 1) == ':' {
            tokens.push("::".into());
            i += 2;
        } else {
            if !c.is_whitespace() {
                tokens.push(c.to_string());
            }
            i += 1;
        }
    }
    tokens
}

fn after_block_comment(chars: &[char], mut i: usize) -> usize {
    let mut depth = 0;
    while i < chars.len() {
        match (chars[i], chars.get(i + 1)) {
            ('/', Some('*')) => (depth, i) = (depth + 1, i + 2),
            ('*', Some('/')) => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            break;
        }
    }
    i
}

/// The end of the string, raw string, character or lifetime that begins at `i`, if one does.
fn after_literal(chars: &[char], i: usize) -> Option<usize> {
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let in_word = i > 0 && (chars[i - 1].is_alphanumeric() || chars[i - 1] == '_');
    let mut start = i;
    if !in_word {
        start += usize::from(matches!(at(start), 'b' | 'c'));
        if at(start) == 'r' {
            let hashes = chars[start + 1..].iter().take_while(|c| **c == '#').count();
            if at(start + 1 + hashes) == '"' {
                let close: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
                let body = start + 2 + hashes;
                let length = chars[body..].windows(close.len()).position(|window| window == close)?;
                return Some(body + length + close.len());
            }
        }
    }
    match at(start) {
        '"' => {
            let mut end = start + 1;
            while end < chars.len() && at(end) != '"' {
                end += 1 + usize::from(at(end) == '\\');
            }
            Some(end + 1)
        }
        '\'' if at(start + 1) == '\\' => {
            let rest = chars[start + 3..].iter().position(|c| *c == '\'')?;
            Some(start + 3 + rest + 1)
        }
        '\'' if at(start + 2) == '\'' => Some(start + 3),
        '\'' => Some(start + 1),
        _ => None,
    }
}

/// The names at the crate's root that a file's code refers to. `depth` is that of its module: 1 for `src/a.rs`.
fn root_names(source: &str, depth: usize) -> BTreeSet<String> {
    let tokens = tokens(source);
    let token = |i: usize| tokens.get(i).map_or("", String::as_str);
    let mut names = BTreeSet::new();
    // Open braces, and whether each opened an inline module.
    let mut braces: Vec<bool> = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        match token(i) {
            "{" if i >= 2 && token(i - 2) == "mod" && token(i - 1) == "tests" => i = closing(&tokens, i),
            "{" => braces.push(i >= 2 && token(i - 2) == "mod"),
            "}" => drop(braces.pop()),
            "crate" if token(i + 1) == "::" => collect(&tokens, i + 2, &mut names),
            "super" if token(i + 1) == "::" && token(i.wrapping_sub(1)) != "::" => {
                let mut supers = 0;
                while token(i + 2 * supers) == "super" && token(i + 2 * supers + 1) == "::" {
                    supers += 1;
                }
                if supers >= depth + braces.iter().filter(|inline| **inline).count() {
                    collect(&tokens, i + 2 * supers, &mut names);
                }
            }
            _ => {}
        }
        i += 1;
    }
    names
}

/// The index of the brace that closes the one at `i`.
fn closing(tokens: &[String], i: usize) -> usize {
    let mut depth = 0;
    let closes = |token: &String| {
        depth += i32::from(token == "{") - i32::from(token == "}");
        depth == 0
    };
    tokens[i..].iter().position(closes).map_or(tokens.len(), |length| i + length)
}

/// The first name of the path that begins at token `i`, or of each path of a group there.
fn collect(tokens: &[String], i: usize, names: &mut BTreeSet<String>) {
    if tokens.get(i).is_none_or(|token| token != "{") {
        names.extend(tokens.get(i).cloned());
        return;
    }
    let mut depth = 1;
    let mut first = true;
    for token in &tokens[i + 1..] {
        match token.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            "," if depth == 1 => first = true,
            "::" if first && depth == 1 => {}
            name if first && depth == 1 => {
                names.insert(name.to_string());
                first = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
}

fn source_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("src is readable") {
        let path = entry.expect("src is readable").path();
        if path.is_dir() {
            if !path.ends_with("tests") {
                source_files(&path, files);
            }
        } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("tests.rs") {
            files.push(path);
        }
    }
}

#[test]
fn modules_import_lower_layers_only() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    source_files(&src, &mut files);
    assert!(files.len() > 20, "the source files were found");
    let mut wrong = Vec::new();
    for path in files {
        let file = path.strip_prefix(&src).expect("below src").to_string_lossy().replace('\\', "/");
        let depth = file.split('/').filter(|part| *part != "mod.rs").count();
        let source = fs::read_to_string(&path).expect("source files are readable");
        let names = root_names(&source, if file == "lib.rs" { 0 } else { depth });
        wrong.extend(names.iter().filter_map(|module| forbidden(&file, module)));
    }
    wrong.sort();
    assert!(wrong.is_empty(), "forbidden imports:\n{}", wrong.join("\n"));
}

#[test]
fn the_checker_sees_imports_in_code_only() {
    let names = |source: &str, depth| root_names(source, depth).into_iter().collect::<Vec<_>>().join(" ");
    assert_eq!(names("use crate::ssz::Ssz; fn f() { crate::types::x() }", 1), "ssz types");
    assert_eq!(names("use crate::{spec, types::{self, a::b}, ssz};", 1), "spec ssz types");
    assert_eq!(names("pub(crate) use super::chain; $crate::net!{}", 1), "chain net");
    assert_eq!(names("use super::inner; use super::super::node;", 2), "node");
    assert_eq!(names("mod inner { use super::*; use super::super::node; }", 1), "node");
    assert_eq!(names("mod tests { use crate::a; fn f() { crate::b } } use crate::c;", 1), "c");
    assert_eq!(names("fn f() { use super::time; } mod m { fn g() { super::h() } }", 1), "time");
    assert_eq!(names("// crate::a\n/* crate::b /* crate::c */ crate::d */ /// crate::e\n", 1), "");
    assert_eq!(names(r##"let s = "crate::a \" crate::b"; let r = r#"crate::c " "#; crate::d"##, 1), "d");
    assert_eq!(names("let c = '\"'; crate::a; let d = '\\''; crate::b; fn f<'a>(x: &'a str) { crate::c }", 1), "a b c");
    assert_eq!(names("br\"crate::x\"; b'\\n'; number; crate::y", 1), "y");
}

#[test]
fn the_checker_knows_the_layers() {
    let ok = |file: &str, module: &str| forbidden(file, module).is_none();
    assert!(ok("types/mod.rs", "ssz") && !ok("ssz/mod.rs", "types") && !ok("crypto/mod.rs", "types"));
    assert!(ok("chain/mod.rs", "spec") && !ok("chain/mod.rs", "net") && !ok("chain/head.rs", "validator"));
    assert!(ok("types/config/file.rs", "yaml") && ok("types/beacon.rs", "container"));
    assert!(!ok("chain/mod.rs", "journal") && !ok("node/mod.rs", "genesis"), "the client side knows no orchestrator");
    assert!(ok("monitor/mod.rs", "api") && !ok("monitor/mod.rs", "node") && !ok("report/html.rs", "net"));
    assert!(ok("runtime/simulation/mod.rs", "node") && ok("runtime/simulation.rs", "chain"));
    assert!(!ok("runtime/process.rs", "node") && !ok("runtime/mod.rs", "validator"));
    assert!(ok("cli/validator/driver.rs", "validator") && !ok("cli/nodes.rs", "node"));
    assert!(ok("cli/node.rs", "node") && ok("cli/validator.rs", "validator") && !ok("cli/run.rs", "node"));
    assert!(ok("main.rs", "cli") && !ok("main.rs", "node"));
    assert!(!ok("scenario/mod.rs", "report") && ok("report/mod.rs", "scenario"));
    assert!(!ok("novelty/mod.rs", "ssz") && !ok("cli/run.rs", "novelty"), "a new module needs a layer");
}
