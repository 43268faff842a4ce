//! What is documented for CI is held to what this program takes: the workflow and the action are YAML, and every command
//! line of ours in them and in `docs/ci.md` parses.

use super::Cli;
use clap::Parser;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

type Variables = BTreeMap<String, String>;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn yaml(path: &str) -> Value {
    crate::yaml::from_str(path, &read(path)).unwrap_or_else(|error| panic!("{error}"))
}

/// Every value of this key, wherever it stands.
fn all<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get(key));
            map.values().for_each(|value| all(value, key, found));
        }
        Value::Array(items) => items.iter().for_each(|item| all(item, key, found)),
        _ => {}
    }
}

/// The command lines of this program in a script: lines whose first word is it, up to a redirection, a pipe or a remark.
fn command_lines(script: &str, variables: &Variables) -> Vec<Vec<String>> {
    let joined = script.replace("\\\n", " ");
    let mut found = Vec::new();
    for line in joined.lines() {
        let words = line.split_whitespace().take_while(|word| !matches!(*word, ">" | "|" | "||" | "#" | ">>"));
        // a variable in quotes is one word, one without is as many as it has
        let words = words.flat_map(|word| {
            let bare = word.trim_matches('"');
            let value = bare.strip_prefix('$').map(|name| variables.get(name).cloned().unwrap_or_default());
            match value {
                Some(value) if bare == word => value.split_whitespace().map(str::to_owned).collect(),
                Some(value) => vec![value],
                None => vec![bare.to_owned()],
            }
        });
        let words: Vec<String> = words.collect();
        if words.first().is_some_and(|word| word == "lockin" || word.ends_with("/lockin")) {
            found.push(words);
        }
    }
    found
}

fn parses(words: &[String], place: &str) {
    if let Err(error) = Cli::try_parse_from(words) {
        panic!("{place}: `{}`: {error}", words.join(" "));
    }
}

/// What the action's script is given: its own defaults, and what a workflow says instead.
fn given(action: &Value, with: &Value) -> Variables {
    let mut script = Vec::new();
    all(action, "env", &mut script);
    let input = |expression: &str| {
        let name = expression.trim_start_matches("${{ inputs.").trim_end_matches(" }}");
        let value = with.get(name).unwrap_or_else(|| &action["inputs"][name]["default"]);
        value.as_str().unwrap_or_else(|| panic!("the action's input {name} has no value")).to_owned()
    };
    let known =
        |value: String| value.replace("${{ matrix.shard }}", "1").replace("${{ env.SCENARIO }}", "scenario.yaml");
    let variables = script[0].as_object().unwrap().iter();
    variables.map(|(name, value)| (name.clone(), known(input(value.as_str().unwrap())))).collect()
}

#[test]
fn the_action_and_the_workflow_say_what_this_program_takes() {
    let (action, workflow) = (yaml("action.yml"), yaml("docs/ci/matrix.yml"));
    assert_eq!(action["runs"]["using"], "composite");
    let mut steps = Vec::new();
    for job in workflow["jobs"].as_object().unwrap().values() {
        assert!(job["runs-on"].is_string() && job["steps"].is_array(), "{job}");
        steps.extend(job["steps"].as_array().unwrap());
    }
    let ours = |step: &&&Value| step["uses"].as_str().is_some_and(|uses| uses.starts_with("OWNER/lockin@"));
    let uses: Vec<&Value> = steps.iter().filter(ours).map(|step| &step["with"]).collect();
    assert!(!uses.is_empty(), "the workflow uses the action");
    let mut count = 0;
    for with in uses {
        let inputs = action["inputs"].as_object().unwrap();
        assert!(
            with.as_object().unwrap().keys().all(|key| inputs.contains_key(key)),
            "an input that there is not: {with}"
        );
        let variables = given(&action, with);
        let mut scripts = Vec::new();
        all(&action, "run", &mut scripts);
        for words in scripts.iter().flat_map(|script| command_lines(script.as_str().unwrap(), &variables)) {
            assert!(words.contains(&"--known-failures".to_owned()), "`args` are part of it: {words:?}");
            parses(&words, "action.yml");
            count += 1;
        }
    }
    assert_eq!(count, 1, "the action's one command line was found");
    let mut scripts = Vec::new();
    all(&workflow, "run", &mut scripts);
    let lines: Vec<_> =
        scripts.iter().flat_map(|script| command_lines(script.as_str().unwrap(), &Variables::new())).collect();
    lines.iter().for_each(|words| parses(words, "docs/ci/matrix.yml"));
    let subcommands: Vec<&str> = lines.iter().map(|words| words[1].as_str()).collect();
    assert_eq!(subcommands, ["image", "matrix"]);
}

#[test]
fn the_command_lines_of_the_ci_guide_parse() {
    let lines = command_lines(&read("docs/ci.md"), &Variables::new());
    assert!(lines.len() >= 3, "{lines:?}");
    lines.iter().for_each(|words| parses(words, "docs/ci.md"));
}
