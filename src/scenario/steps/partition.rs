//! `partition`: nodes of different sides can't reach each other. Kept so until the step's time is over, or until [`heal`].
//!
//! ```yaml
//! - partition: { sides: [[a0, b0], [a1, b1]], for: 4 epochs }
//! - partition: { sides: [a0, [a1, b0, b1]] }    # until a step `heal`
//! ```
//!
//! Every node that runs is on a side. One that starts meanwhile and is on no side reaches everybody.
//!
//! [`heal`]: super::heal

use super::lasting::Lasting;
use super::{Begin, Ctx, Running};
use crate::runtime::{Ability, Fault};
use crate::scenario::error::Error;
use crate::scenario::quantity::Span;
use crate::scenario::raw::{At, RawNames, Word};
use crate::scenario::resolve::Scope;

/// As written.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    sides: At<Vec<At<RawNames>>>,
    #[serde(default, rename = "for")]
    span: Option<Word>,
}

/// Who can't reach whom, and for how long.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Plan {
    /// Two or more.
    pub sides: Vec<Vec<String>>,
    /// `None`: until a step heals it.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub span: Option<Span>,
}

/// Reads it.
pub fn resolve(raw: &Raw, at: &At<super::RawStep>, scope: &mut Scope<'_>) -> Result<Plan, Error> {
    if scope.parted.is_some() {
        return Err(scope.source.error(at, "the network is partitioned already at this point; write `- heal` before"));
    }
    let mut sides: Vec<Vec<String>> = Vec::new();
    for side in &raw.sides.value {
        let names = scope.names(Some(side), &[])?;
        if let Some(twice) = names.iter().find(|name| sides.iter().flatten().any(|other| other == *name)) {
            return Err(scope.source.error_in(side, &raw.sides, format!("`{twice}` is on two sides")));
        }
        sides.push(names);
    }
    if sides.len() < 2 {
        return Err(scope.source.error(&raw.sides, "a partition has two sides or more: `[[a0, b0], [a1, b1]]`"));
    }
    let aside = |name: &&String| !sides.iter().flatten().any(|other| other == *name);
    if let Some(name) = scope.up_now().iter().find(aside) {
        let message = format!("`{name}` runs and is on no side: it would carry everything from side to side");
        return Err(scope.source.error(&raw.sides, message));
    }
    let span = scope.read_optional(raw.span.as_ref())?;
    if span.is_none() {
        scope.parted = Some(sides.clone());
    }
    Ok(Plan { sides, span })
}

impl Begin for Plan {
    fn begin(&self, _: &Ctx<'_>) -> Box<dyn Running> {
        let fault = Fault::Partition { sides: self.sides.clone() };
        Lasting::boxed("partition", format!("kept apart {}", shown(&self.sides)), fault, self.span)
    }

    fn needs(&self) -> Option<Ability> {
        Some(Ability::Partition)
    }
}

/// `a0, b0 | a1, b1`.
pub(super) fn shown(sides: &[Vec<String>]) -> String {
    sides.iter().map(|side| side.join(", ")).collect::<Vec<_>>().join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::steps::test::{actions, scenario};
    use crate::scenario::steps::{Action, Turn};

    fn fault() -> Fault {
        Fault::Partition { sides: vec![vec!["a0".into()], vec!["b0".into()]] }
    }

    #[test]
    fn it_is_healed_when_its_time_is_over() {
        let scenario = scenario("- partition: { sides: [[a0], b0], for: 4 epochs }");
        let polls = actions(&scenario, 0, &[10, 41, 42]);
        assert_eq!(polls[0], (Turn::Going(None), vec![Action::Inflict(fault())]));
        assert_eq!(polls[1], (Turn::Going(None), vec![]));
        let says = "kept apart a0 | b0 from slot 10 to slot 42".to_owned();
        assert_eq!(polls[2], (Turn::Done(says), vec![Action::Lift(fault())]));
    }

    #[test]
    fn without_a_time_it_lasts_until_a_step_heals_it() {
        let scenario = scenario("- partition: { sides: [a0, b0] }\n  - wait: 1 slots\n  - heal");
        let polls = actions(&scenario, 0, &[10]);
        let says = "kept apart a0 | b0 in slot 10".to_owned();
        assert_eq!(polls[0], (Turn::Done(says), vec![Action::Inflict(fault())]));
        let polls = actions(&scenario, 2, &[11]);
        assert_eq!(polls[0], (Turn::Done("healed a0 | b0 in slot 11".into()), vec![Action::Lift(fault())]));
        assert_eq!(scenario.needs(), [(0, Ability::Partition)]);
    }
}
