//! What was found beside the plan's checks, as a verdict: by the runtime, pre-flight and referee.

use super::super::checks::Outcome;
use super::super::plan::Plan;
use crate::journal::{Disputed, Event, FaultState, Line, NodeState, Stalled, Verdict};
use std::collections::BTreeSet;

/// Of so many blocks the referee may have missed one: the last ones of a run often come too late to be fetched.
const IMMATERIAL: u64 = 16;

/// What the runtime can't do; `None` if it can do everything that is asked for.
pub(super) fn unsupported(lines: &[Line]) -> Option<Outcome> {
    lines.iter().find_map(|line| match &line.event {
        Event::Unsupported { says } => Some(Outcome { verdict: Verdict::Unsupported, says: says.clone(), seen: true }),
        _ => None,
    })
}

/// What pre-flight found; `None` in a run that had none, or in which nothing was started. What decides whether a node is as
/// planned and could not be asked makes it `unknown`, and so does a node that was started and never asked.
pub(super) fn preflight(plan: &Plan, lines: &[Line]) -> Option<Outcome> {
    if !plan.preflight {
        return None;
    }
    let again = lines.iter().rposition(|line| matches!(line.event, Event::Again { .. }));
    let lines = &lines[again.map_or(0, |at| at + 1)..];
    let (mut waiting, mut asked) = (BTreeSet::new(), 0);
    let (mut differs, mut lacks, mut unknown, mut remarked) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for line in lines {
        match &line.event {
            Event::Node(event) if event.state == NodeState::Started => waiting.insert(event.node.as_str()),
            _ => false,
        };
    }
    for line in lines {
        let Event::Preflight { node, differs: theirs, lacks: missing, unknown: unasked, remarks } = &line.event else {
            continue;
        };
        asked += 1;
        waiting.remove(node.as_str());
        let node_named = named(plan, node);
        let values = theirs.iter().map(|it| format!("{} is {}, planned {}", it.what, it.has, it.planned));
        let values: Vec<String> = values.collect();
        if !values.is_empty() {
            differs.push(format!("{node_named}: {}", values.join(", ")));
        }
        if !missing.is_empty() {
            lacks.push(format!("{node_named} lacks what this network needs: {}", missing.join(", ")));
        }
        if let Some(first) = unasked.first() {
            let more = if unasked.len() > 1 { format!(" (and {} more)", unasked.len() - 1) } else { String::new() };
            unknown.push(format!("{node_named} did not tell whether it is as planned: {first}{more}"));
        }
        remarked.extend(remarks.first().map(|what| format!("; a remark on {node}: {what}")));
    }
    unknown.extend(waiting.iter().map(|node| format!("{} was never held against the plan", named(plan, node))));
    let outcome = |verdict, says| Some(Outcome { verdict, says, seen: true });
    if !differs.is_empty() {
        outcome(Verdict::Fail, [differs, lacks].concat().join("; "))
    } else if !lacks.is_empty() {
        outcome(Verdict::Unsupported, lacks.join("; "))
    } else if !unknown.is_empty() {
        outcome(Verdict::Unknown, unknown.join("; "))
    } else if asked > 0 {
        outcome(Verdict::Pass, format!("every node is as planned{}", remarked.concat()))
    } else {
        None
    }
}

/// What the referee found. That nodes disagree on a block is a wrong that was seen, whoever is right. Where all nodes that
/// can be asked took a block and this program alone objects, one of the two is wrong, and it is not said which. What it could
/// not judge is no pass, unless it is little.
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
    let saw = lines.iter().rev().find_map(|line| match line.event {
        Event::Refereed { blocks, unjudged } => Some((blocks, unjudged)),
        _ => None,
    });
    let moved = lines.iter().any(|line| matches!(line.event, Event::Head { head_slot, .. } if head_slot > 0));
    let (judged, unjudged) = match saw {
        None | Some((0, 0)) if !moved => return None,
        None => return outcome(Verdict::Unknown, "the journal ends without what was judged in all".to_owned()),
        Some(saw) => saw,
    };
    if judged == 0 || unjudged.saturating_mul(IMMATERIAL) > judged.saturating_add(unjudged) {
        let known = if unjudged > 0 { format!("of {} blocks {unjudged}", judged + unjudged) } else { "blocks".into() };
        return outcome(
            Verdict::Unknown,
            format!("{known} could not be judged; {judged} have the post-states that they say"),
        );
    }
    let rest = if unjudged > 0 { format!("; {unjudged} more could not be judged") } else { String::new() };
    outcome(Verdict::Pass, format!("{judged} blocks have the post-states that they say{rest}"))
}

/// Nodes that stayed before a good block to the end; `None` if there is none, or if there was a dispute, which explains it.
/// It need not be the doing of the node: what never reached it, it can't take.
pub(super) fn stalled(plan: &Plan, lines: &[Line]) -> Option<Outcome> {
    if lines.iter().any(|line| matches!(line.event, Event::Disputed(_))) {
        return None;
    }
    let stalled: Vec<String> = lines.iter().enumerate().filter_map(|(at, line)| stall(plan, lines, at, line)).collect();
    (!stalled.is_empty()).then(|| Outcome { verdict: Verdict::Fail, says: stalled.join("; "), seen: false })
}

/// A node that stayed behind a good block to the end, if this line tells of one. None that moved on, was ended, or was kept
/// from it by the scenario itself: by what its engine was told to answer, or by a fault that has not been over for as long.
fn stall(plan: &Plan, lines: &[Line], at: usize, line: &Line) -> Option<String> {
    let Event::Stalled(stalled) = &line.event else { return None };
    let Stalled { node, head, head_slot, since, block, block_slot, followed, has } = stalled.as_ref();
    let resumed = lines[at..].iter().any(|later| match &later.event {
        Event::Head { node: who, block, .. } => who == node && block != head,
        Event::Node(event) => event.node == *node,
        _ => false,
    });
    let scripted =
        plan.node(node).and_then(|node| node.engine.as_ref()).is_some_and(|it| !it.script.verdicts.is_empty());
    let told = line.slot?;
    // A killed node is asked nothing; whoever is left has no excuse in it.
    let broken = lines.iter().filter_map(|line| match &line.event {
        Event::Fault { verb, state, .. } if verb != "kill" => Some(if *state == FaultState::On { 1 } else { -1 }),
        _ => None,
    });
    let in_force = broken.sum::<i64>() > 0;
    let fault =
        lines.iter().filter(|line| matches!(line.event, Event::Fault { .. })).filter_map(|line| line.slot).max();
    let end = lines.iter().rev().find_map(|line| line.slot)?;
    let for_long = end >= fault.unwrap_or(0).max(*since).saturating_add(told.saturating_sub(*since));
    if resumed || scripted || in_force || !for_long {
        return None;
    }
    let how = match has {
        Some(true) => "has it and does not follow it",
        Some(false) => "does not have it",
        None => "does not say whether it has it",
    };
    let block = block.get(..12).unwrap_or(block);
    let sides = followed.iter().map(|name| named(plan, name)).collect::<Vec<_>>().join(", ");
    Some(format!(
        "slot {block_slot}, block {block}: by the rules it is valid, {sides} took it, but {} stays on slot {head_slot} \
         since slot {since} and {how}",
        named(plan, node)
    ))
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
    use super::{stalled as stalled_in, *};
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
    }

    fn saw(blocks: u64, unjudged: u64) -> Line {
        Line::new(0, Some(40), Event::Refereed { blocks, unjudged })
    }

    fn head(slot: u64, node: &str, head_slot: u64) -> Line {
        let (block, state) = (format!("0x{head_slot:02}"), String::new());
        let node = node.to_owned();
        let event = Event::Head { node, head_slot, block, state, proposer: None, justified: 0, finalized: 0 };
        Line::new(0, Some(slot), event)
    }

    #[test]
    fn what_the_referee_did_not_judge_is_no_pass_unless_it_is_little() {
        let plan = scenario("");
        let told = |lines: &[Line]| referee(&plan, lines).map(|it| (it.verdict, it.says));
        let all = "40 blocks have the post-states that they say".to_owned();
        assert_eq!(told(&[saw(40, 0)]), Some((Verdict::Pass, all.clone())));
        assert_eq!(told(&[saw(40, 2)]), Some((Verdict::Pass, all + "; 2 more could not be judged")));
        let says = "of 43 blocks 3 could not be judged; 40 have the post-states that they say".to_owned();
        assert_eq!(told(&[saw(40, 3)]), Some((Verdict::Unknown, says)));
        assert_eq!(told(&[saw(1, 400)]).unwrap().0, Verdict::Unknown);
        // Nothing was there to be judged, or it was and nobody judged it.
        assert_eq!(told(&[head(1, "a0", 0)]), None);
        assert_eq!(told(&[head(3, "a0", 3), saw(0, 0)]).unwrap().0, Verdict::Unknown);
        let says = "the journal ends without what was judged in all".to_owned();
        assert_eq!(told(&[head(3, "a0", 3)]), Some((Verdict::Unknown, says)));
    }

    #[test]
    fn who_stays_before_a_good_block_to_the_end_is_named_unless_it_was_kept_from_it() {
        let mut plan = scenario("");
        let stalled = Stalled {
            node: "b0".into(),
            head: "0x16".into(),
            head_slot: 16,
            since: 18,
            block: "0x0123456789abcdef".into(),
            block_slot: 17,
            followed: vec!["a0".into()],
            has: Some(false),
        };
        let stalled = Line::new(0, Some(26), Event::Stalled(Box::new(stalled)));
        let run = [head(16, "b0", 16), stalled.clone(), saw(30, 0)];
        let told = stalled_in(&plan, &run).unwrap();
        assert_eq!((told.verdict, told.seen), (Verdict::Fail, false));
        assert_eq!(referee(&plan, &run).unwrap().verdict, Verdict::Pass, "no block broke a rule");
        let says = "slot 17, block 0x0123456789: by the rules it is valid, a0 (lockin) took it, but b0 (lockin) stays on \
                    slot 16 since slot 18 and does not have it";
        assert_eq!(told.says, says);
        let passes = |plan: &Plan, lines: &[Line]| stalled_in(plan, lines).is_none();
        assert!(passes(&plan, &[stalled.clone(), head(30, "b0", 29), saw(30, 0)]));
        let fault = |slot, state| {
            Line::new(0, Some(slot), Event::Fault { verb: "partition".into(), args: serde_json::Value::Null, state })
        };
        let (on, off) = (FaultState::On, FaultState::Off);
        assert!(passes(&plan, &[fault(3, on), stalled.clone(), fault(33, off), saw(30, 0)]));
        assert!(!passes(&plan, &[fault(3, on), stalled.clone(), fault(32, off), saw(30, 0)]));
        assert!(passes(&plan, &[fault(3, on), stalled.clone(), saw(30, 0)]));
        let script = crate::engine::Script::from_yaml("x", "verdicts: [{ answer: INVALID }]").unwrap();
        plan.nodes[1].engine = Some(EnginePlan { client: "lockin".into(), script });
        assert!(passes(&plan, &run));
    }
}
