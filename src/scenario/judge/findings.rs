//! What was found beside the plan's checks, as a verdict: by the runtime, pre-flight and referee.

use super::super::checks::Outcome;
use super::super::plan::Plan;
use crate::journal::{Disputed, Event, Line, Verdict};

/// What the runtime can't do; `None` if it can do everything that is asked for.
pub(super) fn unsupported(lines: &[Line]) -> Option<Outcome> {
    lines.iter().find_map(|line| match &line.event {
        Event::Unsupported { says } => Some(Outcome { verdict: Verdict::Unsupported, says: says.clone(), seen: true }),
        _ => None,
    })
}

/// What pre-flight found; `None` in a run that had none.
pub(super) fn preflight(plan: &Plan, lines: &[Line]) -> Option<Outcome> {
    let (mut asked, mut differs, mut lacks, mut unknown) = (0, Vec::new(), Vec::new(), Vec::new());
    for line in lines {
        let Event::Preflight { node, differs: theirs, lacks: missing, unknown: unasked } = &line.event else {
            continue;
        };
        asked += 1;
        let node_named = named(plan, node);
        let values = theirs.iter().map(|it| format!("{} is {}, planned {}", it.what, it.has, it.planned));
        let values: Vec<String> = values.collect();
        if !values.is_empty() {
            differs.push(format!("{node_named}: {}", values.join(", ")));
        }
        if !missing.is_empty() {
            lacks.push(format!("{node_named} lacks what this network needs: {}", missing.join(", ")));
        }
        unknown.extend(unasked.first().map(|why| format!("; not all could be asked of {node}: {why}")));
    }
    let outcome = |verdict, says| Some(Outcome { verdict, says, seen: true });
    match (asked, differs.is_empty(), lacks.is_empty()) {
        (0, ..) => None,
        (_, false, _) => outcome(Verdict::Fail, [differs, lacks].concat().join("; ")),
        (_, true, false) => outcome(Verdict::Unsupported, lacks.join("; ")),
        (_, true, true) => outcome(Verdict::Pass, format!("every node is as planned{}", unknown.concat())),
    }
}

/// What the referee found. That nodes disagree on a block is a wrong that was seen, whoever is right. Where all nodes that
/// can be asked took a block and this program alone objects, one of the two is wrong, and it is not said which.
pub(super) fn referee(plan: &Plan, lines: &[Line]) -> Option<Outcome> {
    let disputed: Vec<&Disputed> = lines
        .iter()
        .filter_map(|line| match &line.event {
            Event::Disputed(disputed) => Some(disputed.as_ref()),
            _ => None,
        })
        .collect();
    let outcome = |verdict, says| Some(Outcome { verdict, says, seen: true });
    let told = |disputed: &Disputed, whole| dispute(plan, disputed, whole);
    let both = |disputed: &&Disputed| !disputed.took.is_empty() && !disputed.refused.is_empty();
    let more = |all: usize| if all > 1 { format!(" (and {} more such blocks)", all - 1) } else { String::new() };
    if let Some(first) = disputed.iter().copied().find(|it| both(it)) {
        let all = disputed.iter().filter(|it| both(it)).count();
        return outcome(Verdict::Fail, told(first, "the nodes disagree on it") + &more(all));
    }
    if let Some(first) = disputed.first() {
        let whole = "no node that could be asked refused it: either the clients or this program is wrong";
        return outcome(Verdict::Unknown, told(first, whole) + &more(disputed.len()));
    }
    let judged = lines.iter().find_map(|line| match line.event {
        Event::Refereed { blocks, .. } if blocks > 0 => Some(blocks),
        _ => None,
    })?;
    outcome(Verdict::Pass, format!("{judged} blocks have the post-states that they say"))
}

/// `b0 (prysm+geth)`: a node with its clients.
fn named(plan: &Plan, name: &str) -> String {
    let Some(node) = plan.node(name) else { return name.to_owned() };
    match &node.engine {
        Some(engine) if engine.client != node.client => format!("{name} ({}+{})", node.client, engine.client),
        _ => format!("{name} ({})", node.client),
    }
}

fn dispute(plan: &Plan, disputed: &Disputed, whole: &str) -> String {
    let side = |nodes: &[String]| nodes.iter().map(|name| named(plan, name)).collect::<Vec<_>>().join(", ");
    let Disputed { block_slot, block, proposer, why, took, refused, fields, differing, unseen } = disputed;
    let holder = plan.nodes.iter().find(|node| node.validators.iter().any(|range| range.contains(*proposer)));
    let by = holder.map_or(String::new(), |node| format!(" of {}", named(plan, &node.name)));
    let refused = if refused.is_empty() { String::new() } else { format!(", refused by {}", side(refused)) };
    let fields = match (fields.first(), unseen) {
        (Some(first), _) => {
            let more = if *differing > 1 { format!(" (and {} more values)", differing - 1) } else { String::new() };
            format!("; {} is {} there, {} by the rules{more}", first.field, first.theirs, first.ours)
        }
        (None, Some(why)) => format!("; the states could not be compared: {why}"),
        (None, None) => String::new(),
    };
    let block = block.get(..12).unwrap_or(block);
    format!("slot {block_slot}, block {block}{by}: {why}{fields}; taken by {}{refused}; {whole}", side(took))
}

#[cfg(test)]
mod tests {
    use super::super::super::steps::test::scenario;
    use super::*;
    use crate::topology::EnginePlan;

    fn disputed(took: &[&str], refused: &[&str]) -> Line {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let disputed = Disputed {
            block_slot: 17,
            block: "0x0123456789abcdef".into(),
            proposer: 9,
            why: "by the rules it is invalid: x".into(),
            took: names(took),
            refused: names(refused),
            fields: Vec::new(),
            differing: 0,
            unseen: None,
        };
        Line::new(0, Some(19), Event::Disputed(Box::new(disputed)))
    }

    #[test]
    fn nodes_that_disagree_fail_and_a_referee_alone_is_unknown() {
        let mut plan = scenario("");
        plan.nodes[1].engine = Some(EnginePlan { client: "geth".into(), script: Default::default() });
        let alone = referee(&plan, &[disputed(&["a0", "b0"], &[])]).unwrap();
        assert_eq!(alone.verdict, Verdict::Unknown);
        assert!(alone.says.ends_with("either the clients or this program is wrong"), "{}", alone.says);
        let apart = referee(&plan, &[disputed(&["a0", "b0"], &[]), disputed(&["b0"], &["a0"])]).unwrap();
        assert_eq!((apart.verdict, apart.seen), (Verdict::Fail, true));
        let says = "slot 17, block 0x0123456789 of b0 (lockin+geth): by the rules it is invalid: x; taken by b0 \
                    (lockin+geth), refused by a0 (lockin); the nodes disagree on it";
        assert_eq!(apart.says, says);
        let saw = |blocks| Line::new(0, Some(40), Event::Refereed { blocks, unjudged: 0 });
        assert_eq!(referee(&plan, &[saw(40)]).unwrap().verdict, Verdict::Pass);
        assert_eq!(referee(&plan, &[saw(0)]), None);
    }
}
