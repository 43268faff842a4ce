//! The verdict of a run: a pure function of the plan and the journal.
//!
//! Beside the plan's checks every run is asked two things: were all steps done, and did every process run until it was
//! told to end. A node that crashed is a `fail` that names it; one that a step killed or stopped is none, and one that
//! somebody else killed (SIGKILL, SIGTERM) is trouble of the environment.
//!
//! A node that pre-flight found to be configured otherwise than planned is a `fail` that names node and values; one that
//! lacks what a fork needs is `unsupported`. Such a run is ended: of the plan's checks only what was seen to be wrong counts.
//! What pre-flight could not ask, and a material part that the referee could not judge, is `unknown`, never a pass.
//!
//! A run of a scenario that needs what its runtime lacks is `unsupported`, and nothing of it was started.
//!
//! Trouble in the harness is never a client's failure: in a run whose journal tells of trouble, of an interruption, or
//! that was cut off, what was *not seen in time* is `unknown`. What was *seen to be wrong* (two finalized chains, say)
//! stays a `fail`. How verdicts merge is told at [`Verdict`].

mod findings;

use super::checks::{Check, Evidence, Outcome};
use super::plan::Plan;
use crate::journal::{Event, History, Line, NodeEvent, NodeState, StepState, Verdict};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What came out of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// In the order of reports: processes, steps, the plan's checks, trouble.
    pub checks: Vec<CheckResult>,
    /// All merged.
    pub verdict: Verdict,
    /// The reason, as a sentence.
    pub says: String,
}

/// What came out of one check.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckResult {
    /// Its name; with a number behind it if the plan has several of that name.
    pub check: String,
    /// What came out.
    pub verdict: Verdict,
    /// The reason, as a sentence.
    pub says: String,
}

impl Judgement {
    /// The lines that end a journal.
    pub fn events(&self) -> Vec<Event> {
        let check =
            |it: &CheckResult| Event::Check { check: it.check.clone(), verdict: it.verdict, says: it.says.clone() };
        let verdict = Event::Verdict { verdict: self.verdict, says: self.says.clone() };
        self.checks.iter().map(check).chain([verdict]).collect()
    }
}

/// Judges a run by its journal, up to the first judgement or interruption in it: what nodes do when they are told to
/// end is not part of it.
pub fn judge(plan: &Plan, lines: &[Line]) -> Judgement {
    let over =
        |line: &Line| matches!(line.event, Event::Check { .. } | Event::Verdict { .. } | Event::Interrupted { .. });
    let end = lines.iter().position(over).unwrap_or(lines.len());
    let preflight = findings::preflight(plan, &lines[..end]);
    let unsupported = findings::unsupported(&lines[..end]);
    let ended = unsupported.is_some()
        || preflight.as_ref().is_some_and(|found| matches!(found.verdict, Verdict::Fail | Verdict::Unsupported));
    let excuse = if ended { trouble(lines) } else { excuse(plan, lines) };
    let lines = &lines[..end];
    let history = History::of(lines);
    let evidence = Evidence { plan, lines, history: &history };

    // the first that failed is given as the reason: a crash explains whatever was missed after it
    let mut checks = Vec::new();
    if !attached(lines) {
        checks.push(result("processes", processes(lines), excuse.as_deref()));
    }
    checks.extend(unsupported.map(|outcome| result("abilities", outcome, None)));
    checks.extend(preflight.map(|outcome| result("preflight", outcome, None)));
    checks.extend(findings::referee(plan, lines).map(|outcome| result("referee", outcome, excuse.as_deref())));
    checks.extend(findings::stalled(plan, lines).map(|outcome| result("stalled", outcome, excuse.as_deref())));
    if !plan.steps.is_empty() && !ended {
        checks.push(result("steps", steps(plan, lines), excuse.as_deref()));
    }
    for (n, check) in plan.checks.iter().enumerate() {
        let outcome = guarded(|| check.common().judge(&evidence));
        if ended && !(outcome.verdict == Verdict::Fail && outcome.seen) {
            continue;
        }
        checks.push(result(&check_name(&plan.checks, n), outcome, excuse.as_deref()));
    }
    if let Some(excuse) = excuse {
        checks.push(CheckResult { check: "environment".to_owned(), verdict: Verdict::Unknown, says: excuse });
    }
    let verdict = Verdict::of_all(checks.iter().map(|it| it.verdict));
    let says = reason(&checks, verdict);
    Judgement { checks, verdict, says }
}

/// The first trouble of harness or environment before any crash: what comes after, such as whoever looked at it and
/// pressed Ctrl-C, excuses nothing.
fn trouble(lines: &[Line]) -> Option<String> {
    let end = lines.iter().position(|line| crash(line).is_some()).unwrap_or(lines.len());
    lines[..end].iter().find_map(|line| match &line.event {
        Event::Trouble { doing, says } => Some(format!("{doing}: {says}")),
        Event::Interrupted { by } => Some(format!("the run was interrupted ({by})")),
        _ => None,
    })
}

/// Why what was not seen need not be a failure.
fn excuse(plan: &Plan, lines: &[Line]) -> Option<String> {
    trouble(lines).or_else(|| {
        // A crash ends a run before its time: nothing is left to be excused.
        if lines.iter().any(|line| crash(line).is_some()) {
            return None;
        }
        let done = steps_ended(lines);
        let missed = lines.iter().any(|line| matches!(line.event, Event::Step { state: StepState::Missed, .. }));
        let verb = plan.steps.get(done).filter(|_| !missed)?.name();
        Some(format!("the journal ends in step {} of {}, `{verb}`", done + 1, plan.steps.len()))
    })
}

fn steps_ended(lines: &[Line]) -> usize {
    lines.iter().filter(|line| matches!(line.event, Event::Step { state: StepState::End, .. })).count()
}

fn steps(plan: &Plan, lines: &[Line]) -> Outcome {
    let missed = lines.iter().find_map(|line| match &line.event {
        Event::Step { step, verb, state: StepState::Missed, says, .. } => {
            let says = says.as_deref().unwrap_or("its time ran out");
            Some(format!("step {} (`{verb}`): {says}", step + 1))
        }
        _ => None,
    });
    let (done, all) = (steps_ended(lines), plan.steps.len());
    let outcome = |verdict, says| Outcome { verdict, says, seen: false };
    match missed {
        Some(says) => outcome(Verdict::Fail, says),
        None if done < all => outcome(Verdict::Unknown, format!("{done} of {all} steps were done")),
        None if all == 1 => outcome(Verdict::Pass, "its one step was done".to_owned()),
        None => outcome(Verdict::Pass, format!("all {all} steps were done")),
    }
}

/// The end of a program that nobody had asked to end.
fn crash(line: &Line) -> Option<&NodeEvent> {
    match &line.event {
        Event::Node(event) if event.state == NodeState::Exited => Some(event),
        _ => None,
    }
}

/// Whether somebody else runs the nodes: then it is not known of any process.
fn attached(lines: &[Line]) -> bool {
    lines.iter().any(|line| matches!(&line.event, Event::Run { runtime, .. } if runtime == super::ATTACHED))
}

fn processes(lines: &[Line]) -> Outcome {
    let told = |line: &Line| {
        let event = crash(line)?;
        let role = event.role.as_ref().map_or(String::new(), |role| format!(" ({role})"));
        let how = match (event.code, event.signal) {
            (_, Some(signal)) => format!("was ended by signal {signal}"),
            (Some(code), None) => format!("exited with code {code}"),
            (None, None) => "exited".to_owned(),
        };
        let when = line.slot.map_or("before genesis".to_owned(), |slot| format!("in slot {slot}"));
        let last = event.log.last().map_or(String::new(), |line| format!("; its last log line: {line}"));
        Some(format!("{}{role} {how} {when}, not asked to{last}", event.node))
    };
    let crashed: Vec<_> = lines.iter().filter_map(told).collect();
    let outcome = |verdict, says| Outcome { verdict, says, seen: false };
    if crashed.is_empty() {
        return outcome(Verdict::Pass, "every process ran until it was told to end".to_owned());
    }
    outcome(Verdict::Fail, crashed.join("; "))
}

/// A check that panics is a bug of ours, and says nothing about the network.
fn guarded(judge: impl FnOnce() -> Outcome) -> Outcome {
    catch_unwind(AssertUnwindSafe(judge)).unwrap_or_else(|panic| Outcome {
        verdict: Verdict::Unknown,
        says: format!("the check itself crashed: {}; please report this", panic_text(panic.as_ref())),
        seen: false,
    })
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}

fn result(check: &str, outcome: Outcome, excuse: Option<&str>) -> CheckResult {
    let check = check.to_owned();
    match excuse {
        Some(excuse) if outcome.verdict == Verdict::Fail && !outcome.seen => {
            let says = format!("{}; it may be due to the environment: {excuse}", outcome.says);
            CheckResult { check, verdict: Verdict::Unknown, says }
        }
        _ => CheckResult { check, verdict: outcome.verdict, says: outcome.says },
    }
}

fn check_name(checks: &[Check], n: usize) -> String {
    let name = checks[n].name();
    let same = |checks: &[Check]| checks.iter().filter(|check| check.name() == name).count();
    if same(checks) == 1 { name.to_owned() } else { format!("{name} {}", same(&checks[..=n])) }
}

fn reason(checks: &[CheckResult], verdict: Verdict) -> String {
    if verdict == Verdict::Pass {
        return format!("all {} checks hold", checks.len());
    }
    let decisive = checks.iter().filter(|it| it.verdict == verdict);
    let (trouble, others): (Vec<_>, Vec<_>) = decisive.partition(|it| it.check == "environment");
    match (trouble.first(), others.first()) {
        (Some(trouble), _) => trouble.says.clone(),
        (None, Some(first)) if others.len() == 1 => format!("{}: {}", first.check, first.says),
        (None, Some(first)) => format!("{}: {} (and {} more)", first.check, first.says, others.len() - 1),
        (None, None) => "nothing was judged".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::steps::test::scenario;
    use super::*;
    use crate::journal::Difference;

    fn line(event: Event) -> Line {
        Line::new(0, Some(7), event)
    }

    fn step(step: usize, state: StepState) -> Line {
        let args = serde_json::Value::Null;
        line(Event::Step { step, verb: "start".into(), args, state, says: None })
    }

    fn exited() -> Line {
        let log = vec!["panicked at x".to_owned()];
        line(Event::Node(NodeEvent { code: Some(101), log, ..NodeEvent::new("b0", NodeState::Exited) }))
    }

    fn of(judgement: &Judgement, check: &str) -> (Verdict, String) {
        let found = judgement.checks.iter().find(|it| it.check == check).unwrap();
        (found.verdict, found.says.clone())
    }

    #[test]
    fn a_crash_is_a_failure_that_names_the_node() {
        let judgement = judge(&scenario(""), &[exited(), step(0, StepState::End)]);
        let says = "b0 exited with code 101 in slot 7, not asked to; its last log line: panicked at x";
        assert_eq!(of(&judgement, "processes"), (Verdict::Fail, says.to_owned()));
        assert_eq!(judgement.verdict, Verdict::Fail);
        // A run is broken off by a crash; that its steps were not done excuses nothing.
        assert_eq!(judge(&scenario(""), &[exited()]).verdict, Verdict::Fail);
    }

    fn preflight(differs: &[&str], lacks: &[&str]) -> Line {
        let planned = |what: &&str| Difference { what: (*what).into(), planned: "64".into(), has: "32".into() };
        line(Event::Preflight {
            node: "b0".into(),
            differs: differs.iter().map(planned).collect(),
            lacks: lacks.iter().map(|it| (*it).to_owned()).collect(),
            unknown: Vec::new(),
            remarks: Vec::new(),
        })
    }

    #[test]
    fn what_pre_flight_found_is_the_verdict_and_nothing_that_was_not_reached() {
        let judgement = judge(&scenario(""), &[preflight(&["BASE_REWARD_FACTOR"], &["this"])]);
        assert_eq!(judgement.verdict, Verdict::Fail);
        let says = "preflight: b0 (lockin): BASE_REWARD_FACTOR is 32, planned 64; \
                    b0 (lockin) lacks what this network needs: this";
        assert_eq!(judgement.says, says);
        assert_eq!(judgement.checks.len(), 2);

        let lacking = [preflight(&[], &["engine_getPayloadV5"])];
        assert_eq!(judge(&scenario(""), &lacking).verdict, Verdict::Unsupported);
        let interrupted = line(Event::Interrupted { by: "SIGINT".into() });
        let [lacking] = lacking;
        assert_eq!(judge(&scenario(""), &[lacking.clone(), interrupted]).verdict, Verdict::Unknown);
        assert_eq!(judge(&scenario(""), &[lacking, exited()]).verdict, Verdict::Fail);

        let good = judge(&scenario(""), &[preflight(&[], &[]), step(0, StepState::End)]);
        assert_eq!(of(&good, "preflight"), (Verdict::Pass, "every node is as planned".to_owned()));
    }

    #[test]
    fn what_pre_flight_could_not_ask_is_unknown_and_ends_nothing() {
        let asked = |unknown: &[&str], remarks: &[&str]| {
            let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
            let (unknown, remarks) = (texts(unknown), texts(remarks));
            line(Event::Preflight { node: "b0".into(), differs: Vec::new(), lacks: Vec::new(), unknown, remarks })
        };
        let judged = |lines: &[Line]| judge(&scenario(""), lines);
        let silent = judged(&[asked(&["its genesis: late", "x"], &[]), step(0, StepState::End)]);
        let says = "b0 (lockin) did not tell whether it is as planned: its genesis: late (and 1 more)";
        assert_eq!(of(&silent, "preflight"), (Verdict::Unknown, says.to_owned()));
        assert_eq!(of(&silent, "steps").0, Verdict::Pass);
        let remarked = of(&judged(&[asked(&[], &["its genesis block: late"])]), "preflight");
        let says = "every node is as planned; a remark on b0: its genesis block: late";
        assert_eq!(remarked, (Verdict::Pass, says.to_owned()));
        // One that was started and never asked is no better, whoever else was.
        let started = |node: &str| line(Event::Node(NodeEvent::new(node, NodeState::Started)));
        let never = judged(&[started("a0"), started("b0"), asked(&[], &[])]);
        let says = "a0 (lockin) was never held against the plan";
        assert_eq!(of(&never, "preflight"), (Verdict::Unknown, says.to_owned()));
        let again = line(Event::Again { says: String::new() });
        let before = judged(&[asked(&[], &[]), again, started("b0")]);
        assert_eq!(of(&before, "preflight").0, Verdict::Unknown);
        let mut off = scenario("");
        off.preflight = false;
        assert!(judge(&off, &[started("a0")]).checks.iter().all(|it| it.check != "preflight"));
    }

    #[test]
    fn what_a_step_or_the_end_does_to_a_node_is_no_crash() {
        let killed = line(Event::Node(NodeEvent::new("b0", NodeState::Killed)));
        let check = line(Event::Check { check: "x".into(), verdict: Verdict::Pass, says: String::new() });
        let judgement = judge(&scenario(""), &[killed, step(0, StepState::End), check, exited()]);
        assert_eq!(of(&judgement, "processes").0, Verdict::Pass);
    }

    #[test]
    fn trouble_excuses_what_was_not_seen_but_not_what_was() {
        let trouble = line(Event::Trouble { doing: "starting b0".into(), says: "port 9000 is taken".into() });
        let judgement = judge(&scenario(""), &[trouble.clone(), exited(), step(0, StepState::End)]);
        assert_eq!(judgement.verdict, Verdict::Unknown);
        assert_eq!(judgement.says, "starting b0: port 9000 is taken");
        let (verdict, says) = of(&judgement, "peered");
        assert_eq!(verdict, Verdict::Unknown);
        assert!(says.ends_with("it may be due to the environment: starting b0: port 9000 is taken"), "{says}");

        let mut plan = scenario("");
        plan.checks = vec![super::super::test::check_of("checks: [finalized]")];
        let finalized =
            |node: &str, root: &str| line(Event::Finalized { node: node.into(), epoch: 2, root: root.into() });
        let judgement = judge(&plan, &[trouble, finalized("a0", "0x1"), finalized("b0", "0x2")]);
        assert_eq!(judgement.verdict, Verdict::Fail);
    }

    #[test]
    fn a_run_that_was_cut_off_is_unknown() {
        let judgement = judge(&scenario(""), &[]);
        assert_eq!(judgement.verdict, Verdict::Unknown);
        assert_eq!(judgement.says, "the journal ends in step 1 of 1, `start`");
        let missed = judge(&scenario(""), &[step(0, StepState::Missed)]);
        assert_eq!(of(&missed, "steps"), (Verdict::Fail, "step 1 (`start`): its time ran out".to_owned()));
    }

    #[test]
    fn a_crashing_check_is_unknown() {
        let outcome = guarded(|| panic!("index {}", 3));
        assert_eq!(outcome.verdict, Verdict::Unknown);
        assert_eq!(outcome.says, "the check itself crashed: index 3; please report this");
    }

    #[test]
    fn checks_of_one_name_are_numbered() {
        let check = |text| super::super::test::check_of(text);
        let checks = [check("checks: [peered]"), check("checks: [same_head]"), check("checks: [peered]")];
        let names: Vec<_> = (0..3).map(|n| check_name(&checks, n)).collect();
        assert_eq!(names, ["peered 1", "same_head", "peered 2"]);
    }
}
