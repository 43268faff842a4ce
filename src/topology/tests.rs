use super::*;
use crate::genesis::Convention;
use crate::ssz::{Fork, Preset};
use crate::yaml;

fn node(name: &str, validators: &str) -> NodeSpec {
    let validators = validators.parse().expect("test ranges are right");
    let (name, role, client) = (name.into(), Some("A".into()), "lockin".into());
    NodeSpec {
        name,
        role,
        client,
        validator: None,
        engine: None,
        validators,
        start: Start::Genesis,
        config: Default::default(),
    }
}

fn plan(validators: u64, nodes: &[NodeSpec], links: &Links) -> Result<NetworkPlan, TopologyError> {
    let genesis = GenesisPlan { fork: Fork::Phase0, validators, delay_ms: None, convention: Convention::Genesis };
    lay_out("test", 7, ChainConfig::lockin(Preset::minimal()), genesis, nodes, links)
}

fn ranges(plan: &NetworkPlan) -> Vec<String> {
    let show = |node: &NodePlan| node.validators.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    plan.nodes.iter().map(show).collect()
}

fn dials(plan: &NetworkPlan) -> Vec<String> {
    plan.edges.iter().map(|edge| format!("{}>{}", edge.from, edge.to)).collect()
}

#[test]
fn counts_are_dealt_in_order_around_ranges() {
    let nodes = [node("a", "6"), node("b", "4..8"), node("c", "2"), node("d", "0"), node("e", "20..22,10..12")];
    let plan = plan(24, &nodes, &Links::Full).expect("fits");
    assert_eq!(ranges(&plan), ["0..4,8..10", "4..8", "12..14", "", "10..12,20..22"]);
    assert_eq!(plan.unheld(), [KeyRange { first: 14, end: 20 }, KeyRange { first: 22, end: 24 }]);
    assert_eq!(plan.holder(9).map(|node| node.name.as_str()), Some("a"));
    assert_eq!(plan.holder(23), None);
    assert_eq!(plan.nodes[0].validator_count(), 6);
}

#[test]
fn keys_never_have_two_holders_nor_come_from_nowhere() {
    let fail = |nodes: &[NodeSpec]| plan(16, nodes, &Links::Full).expect_err("must fail").to_string();
    insta::assert_snapshot!(fail(&[node("a", "0..9"), node("b", "8..16")]),
        @"validators 8..9 are given to `a` and to `b`; a key has one holder");
    insta::assert_snapshot!(fail(&[node("a", "0..9,3..4")]),
        @"validators 3..4 are given to `a` and to `a`; a key has one holder");
    insta::assert_snapshot!(fail(&[node("a", "8..17")]),
        @"`a` is given validators 8..17, but genesis has only 16 (0..16)");
    insta::assert_snapshot!(fail(&[node("a", "10"), node("b", "7")]),
        @"`b` asks for 7 validators, but only 6 of 16 are left to deal");
    assert!(fail(&[node("a", "18446744073709551615")]).contains("only 16 of 16"));
}

#[test]
fn names_are_unique_and_fit_folders_and_hosts() {
    let fail = |names: &[&str]| {
        let nodes: Vec<NodeSpec> = names.iter().map(|name| node(name, "0")).collect();
        plan(4, &nodes, &Links::Full).expect_err("must fail")
    };
    assert_eq!(fail(&[]), TopologyError::NoNodes);
    assert_eq!(fail(&["a", "b", "A"]), TopologyError::SameName("A".into()));
    for bad in ["", "..", "a/b", "-a", "ä", "a b", &"x".repeat(41)] {
        assert_eq!(fail(&[bad]), TopologyError::BadName(bad.into()), "{bad}");
    }
}

#[test]
fn links_say_who_dials() {
    let nodes = [node("a", "1"), node("b", "1"), node("c", "1"), node("d", "1")];
    let of = |count: usize, links: Links| plan(4, &nodes[..count], &links).map(|plan| dials(&plan));
    let pair = |a: &str, b: &str| (a.to_string(), b.to_string());
    assert_eq!(of(3, Links::Full).expect("ok"), ["b>a", "c>a", "c>b"]);
    assert_eq!(of(4, Links::Ring).expect("ok"), ["b>a", "c>b", "d>c", "d>a"]);
    assert_eq!(of(2, Links::Ring).expect("ok"), ["b>a"]);
    assert_eq!(of(1, Links::Ring).expect("ok"), Vec::<String>::new());
    assert_eq!(of(3, Links::Star("b".into())).expect("ok"), ["a>b", "c>b"]);
    assert_eq!(of(3, Links::Pairs(vec![pair("a", "c"), pair("c", "b")])).expect("ok"), ["a>c", "c>b"]);
    assert_eq!(
        of(2, Links::Star("x".into())).expect_err("unknown").to_string(),
        "a link names `x`, which is no node; nodes: a, b"
    );
    assert_eq!(of(2, Links::Pairs(vec![pair("a", "a")])), Err(TopologyError::SelfLink("a".into())));
    assert_eq!(
        of(2, Links::Pairs(vec![pair("a", "b"), pair("b", "a")])),
        Err(TopologyError::LinkedTwice("b".into(), "a".into()))
    );
}

#[test]
fn who_comes_later_dials() {
    let mut nodes = [node("late", "0"), node("a", "1"), node("b", "1")];
    nodes[0].start = Start::Later;
    let plan = plan(2, &nodes, &Links::Full).expect("ok");
    assert_eq!(dials(&plan), ["late>a", "late>b", "b>a"]);
    assert_eq!(plan.dials("late").collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(plan.neighbours("a").collect::<Vec<_>>(), ["late", "b"]);
}

#[test]
fn a_plan_is_data_and_names_itself() {
    let nodes = [node("a", "8"), node("b", "8..16")];
    let first = plan(16, &nodes, &Links::Full).expect("ok");
    let json = serde_json::to_string(&first).expect("serializes");
    let read: NetworkPlan = serde_json::from_str(&json).expect("deserializes");
    assert_eq!(read, first);
    let yaml = yaml::to_string(&first).expect("serializes");
    assert_eq!(yaml::from_str::<NetworkPlan>("plan.yaml", &yaml).expect("deserializes"), first);
    let other = NetworkPlan { seed: 8, ..first.clone() };
    assert_ne!(other, first);
    assert_ne!(first.nodes[0].node_key, first.nodes[1].node_key);
    assert_eq!(first.nodes[0].node_key, node_key(7, "a"));
}

#[test]
fn validators_and_links_as_scenarios_write_them() {
    let validators = |text: &str| yaml::from_str::<Validators>("s", text);
    assert_eq!(validators("16").expect("ok"), Validators::Count(16));
    let two = Validators::Ranges(vec![KeyRange { first: 0, end: 8 }, KeyRange { first: 16, end: 24 }]);
    assert_eq!(validators("0..8,16..24").expect("ok"), two);
    assert_eq!(validators("[0..8, 16..24]").expect("ok"), two);
    for bad in ["many", "8..0", "0..0", "-1", "0-8", "[8]", "0..8,", "1.5", "+1..+2", "{a: 1}"] {
        let error = validators(bad).expect_err(bad).to_string();
        assert!(error.contains("0..16"), "{bad}: {error}");
    }
    let links = |text: &str| yaml::from_str::<Links>("s", text);
    assert_eq!(links("full").expect("ok"), Links::Full);
    assert_eq!(links("{ star: a0 }").expect("ok"), Links::Star("a0".into()));
    assert_eq!(links("[[a, b]]").expect("ok"), Links::Pairs(vec![("a".into(), "b".into())]));
    for bad in ["mesh", "{ stra: a }", "[a, b]", "[[a]]", "{}", "3", "{ star: a, ring: b }"] {
        assert!(links(bad).is_err(), "{bad}");
    }
    let show = |text: &str| yaml::from_str::<Written>("s.yaml", text).expect_err("bad").to_string();
    insta::assert_snapshot!(show("links: mesh\n"), @r"
    s.yaml:1:8: `mesh` is no way to link; accepted: full, ring, { star: NODE }, pairs [[a, b], [b, c]]
      |
    1 | links: mesh
      |        ^
    ");
    insta::assert_snapshot!(show("links: ring\nvalidators: 8..0\n"), @r"
    s.yaml:2:13: `8..0` is no range of validator keys; written FIRST..END, the end not included (0..16 are sixteen keys)
      |
    2 | validators: 8..0
      |             ^
    ");
    assert!(show("range: 8\n").starts_with("s.yaml:1:8: `8` is no range"), "{}", show("range: 8\n"));
    for links in [Links::Ring, Links::Star("a".into()), Links::Pairs(vec![("a".into(), "b".into())])] {
        let text = yaml::to_string(&links).expect("serializes");
        assert_eq!(yaml::from_str::<Links>("s", &text).expect("deserializes"), links);
    }
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(dead_code)] // only what can't be read into it is looked at
struct Written {
    links: Links,
    validators: Validators,
    range: KeyRange,
}

impl Default for Written {
    fn default() -> Self {
        Written { links: Links::Full, validators: Validators::Count(0), range: KeyRange { first: 0, end: 1 } }
    }
}

#[test]
fn who_is_dialled_starts_before_whoever_dials_it() {
    let nodes = ["a", "b", "c"].map(|name| node(name, "0"));
    let order = |links: &Links| plan(1, &nodes, links).expect("fits").start_order().join(" ");
    let pairs = |pairs: &[(&str, &str)]| {
        Links::Pairs(pairs.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect())
    };
    assert_eq!(order(&Links::Full), "a b c");
    assert_eq!(order(&pairs(&[("b", "a"), ("c", "a"), ("b", "c")])), "a c b");
    assert_eq!(order(&pairs(&[("a", "b"), ("b", "c")])), "c b a");
    assert_eq!(order(&pairs(&[("a", "b"), ("b", "c"), ("c", "a")])), "a c b", "round in a circle: some node is first");
    let mut late = plan(1, &nodes, &pairs(&[("a", "b")])).expect("fits");
    late.nodes[1].start = Start::Later;
    assert_eq!(late.start_order(), ["a", "c"]);
}
