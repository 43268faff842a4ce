use super::*;
use crate::ssz::{Fork as ForkName, Preset};
use crate::types::ChainConfig;

fn context() -> Context {
    let peer = |name: &str, port: u16| Peer {
        name: name.into(),
        multiaddr: format!("/ip4/127.0.0.1/tcp/{port}/p2p/16Uiu2{name}"),
        peer_id: format!("16Uiu2{name}"),
        enr: None,
    };
    Context {
        lockin: Some("/usr/bin/lockin".into()),
        data: "/run/a/data".into(),
        network: NetworkFiles {
            dir: "/run/network".into(),
            config: "/run/network/config.yaml".into(),
            genesis: "/run/network/genesis.ssz".into(),
            ..NetworkFiles::default()
        },
        node: Node { name: "a".into(), key: "0b".repeat(32), ..Node::default() },
        ports: [("p2p".to_string(), 9000), ("rest".to_string(), 5052)].into(),
        listen: "127.0.0.1".into(),
        address: "127.0.0.1".into(),
        peers: vec![peer("b", 9001), peer("c", 9002)],
        keys: Keys::interop(&[0..8, 16..24]),
        beacon: Some(BeaconUrls { rest: "http://127.0.0.1:5052".into(), grpc: None }),
        engine: None,
        slot: Slot { ms: 2000, seconds: Some(2) },
        log_level: "info".into(),
        fee_recipient: "0x01".into(),
    }
}

fn shown(command: &Command) -> String {
    let mut lines = vec![command.program.clone().unwrap_or_default()];
    lines.extend(command.args.clone());
    lines.join("\n")
}

#[test]
fn the_embedded_client() {
    let lockin = load("lockin").expect("part of the program");
    insta::assert_snapshot!(shown(&lockin.render("beacon", &context()).expect("renders")), @r"
    /usr/bin/lockin
    node
    --network-dir=/run/network
    --data-dir=/run/a/data
    --listen=127.0.0.1:9000
    --rest=127.0.0.1:5052
    --node-key=0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b
    --peer=/ip4/127.0.0.1/tcp/9001/p2p/16Uiu2b
    --peer=/ip4/127.0.0.1/tcp/9002/p2p/16Uiu2c
    --log-level=info
    ");
    insta::assert_snapshot!(shown(&lockin.render("validator", &context()).expect("renders")), @r"
    /usr/bin/lockin
    validator
    --beacon=http://127.0.0.1:5052
    --network-dir=/run/network
    --data-dir=/run/a/data
    --log-level=info
    --interop=0..8,16..24
    ");
    let mut context = context();
    context.engine = Some(Engine {
        url: "http://127.0.0.1:8551".into(),
        jwt: "/run/network/jwt.hex".into(),
        rpc: None,
        script: None,
    });
    context.ports.insert("engine".into(), 8551);
    let merged = lockin.render("beacon", &context).expect("renders").args;
    assert!(
        merged.ends_with(&["--engine=http://127.0.0.1:8551".into(), "--jwt-secret=/run/network/jwt.hex".into()]),
        "{merged:?}"
    );
    context.engine.as_mut().expect("just set").script = Some("/run/a/engine.yaml".into());
    insta::assert_snapshot!(shown(&lockin.render("engine", &context).expect("renders")), @r"
    /usr/bin/lockin
    engine
    --listen=127.0.0.1:8551
    --jwt-secret=/run/network/jwt.hex
    --network-dir=/run/network
    --script=/run/a/engine.yaml
    --log-level=info
    ");
    assert_eq!(lockin.signing_role(), Some("validator"));
    assert_eq!(lockin.start_order(), ["engine", "beacon", "validator"]);
}

#[test]
fn lines_that_render_to_nothing_drop_out() {
    let lockin = load("lockin").expect("part of the program");
    let mut context = context();
    context.peers.clear();
    context.keys = Keys::default();
    let beacon = lockin.render("beacon", &context).expect("renders");
    assert!(beacon.args.iter().all(|arg| !arg.contains("--peer") && !arg.is_empty()), "{:?}", beacon.args);
    let validator = lockin.render("validator", &context).expect("renders");
    assert!(validator.args.iter().all(|arg| !arg.contains("--interop")), "{:?}", validator.args);
}

const SMALL: &str = r#"
name: other
about: A client of the tests.
supports: { presets: [mainnet], forks: bellatrix..deneb, slot_time: "6s, 12s" }
roles:
  beacon:
    program: other
    ports: { rest: tcp }
    env: { RUST_LOG: "{{ log_level }}" }
    args: ["{% for peer in peers %}{% if loop.first %}--peers={% else %},{% endif %}{{ peer.name }}{% endfor %}", "--enr={{ peers[0].enr }}"]
  signer:
    needs: beacon
    keys: { interop_range: ["--from={{ keys.first }}", "--count={{ keys.count }}"] }
"#;

fn other(change: impl Fn(String) -> String) -> Result<ClientDef, ClientError> {
    ClientDef::from_bytes("other.yaml", change(SMALL.into()).as_bytes())
}

#[test]
fn an_undefined_variable_names_client_role_and_line() {
    let def = other(|text| text).expect("reads");
    let error = |role: &str, context: &Context| def.render(role, context).expect_err("must fail").to_string();
    insta::assert_snapshot!(error("beacon", &context()), @"client other, role beacon, args line 2: `--enr={{ peers[0].enr }}`: Tried to render a variable that is undefined");
    // Two ranges: a client that takes one range only must not be started with half of its keys.
    insta::assert_snapshot!(error("signer", &context()), @"client other, role signer, keys.interop_range line 1: `--from={{ keys.first }}`: Field `first` is not defined. Available fields: ranges, total");
    let one = Context { keys: Keys::interop(std::slice::from_ref(&(4..6))), ..context() };
    assert_eq!(def.render("signer", &one).expect("renders").args, ["--from=4", "--count=2"]);
    insta::assert_snapshot!(error("engine", &context()), @"client other has no role `engine`; it has beacon, signer");
}

#[test]
fn what_would_fail_later_fails_on_loading() {
    let fail = |from: &str, to: &str| {
        assert!(SMALL.contains(from), "{from}");
        other(|text| text.replace(from, to)).expect_err("must fail").to_string()
    };
    insta::assert_snapshot!(fail("log_level }}", "log_levl }}"), @"client other, role beacon, env RUST_LOG: `{{ log_levl }}`: `log_levl` is no variable; there are lockin, data, network, node, ports, listen, address, peers, keys, beacon, engine, slot, log_level, fee_recipient");
    insta::assert_snapshot!(fail("{{ log_level }}", "{{ log_level"), @"client other, role beacon, env RUST_LOG: `{{ log_level`: Unexpected end of input");
    insta::assert_snapshot!(fail("rest: tcp", "rest: tpc"), @r"
    other.yaml:8:20: unknown value `tpc` (did you mean `tcp`?); accepted values: tcp, udp
      |
    8 |     ports: { rest: tpc }
      |                    ^
    ");
    insta::assert_snapshot!(fail("needs: beacon", "needs: bacon"), @"other.yaml: roles: they need each other in a circle, or one needs a role there is not");
    insta::assert_snapshot!(fail("bellatrix..deneb", "deneb..bellatrix"), @r#"
    other.yaml:4:40: `deneb..bellatrix` runs backwards: the older fork comes first
      |
    4 | supports: { presets: [mainnet], forks: deneb..bellatrix, slot_time: "6s, 12s" }
      |                                        ^
    "#);
    insta::assert_snapshot!(fail("6s, 12s", "6, 12"), @r#"
    other.yaml:4:69: `6` is no duration; accepted: a whole number and ms, s or m (500ms, 2s, 1m); slot times are `any`, `at least 2s`, `whole seconds, at least 2s`, `at most 12s` or `6s, 12s`
      |
    4 | supports: { presets: [mainnet], forks: bellatrix..deneb, slot_time: "6, 12" }
      |                                                                     ^
    "#);
    insta::assert_snapshot!(fail("[mainnet]", "[main]"), @r#"
    other.yaml:4:22: `main` is not a preset; known presets: minimal, mainnet
      |
    4 | supports: { presets: [main], forks: bellatrix..deneb, slot_time: "6s, 12s" }
      |                      ^
    "#);
    insta::assert_snapshot!(fail("about:", "abuot:"), @r"
    other.yaml:3:1: unknown key `abuot` (did you mean `about`?); accepted keys: name, about, supports, versions, roles, embedded, gone, quirks, logs
      |
    3 | abuot: A client of the tests.
      | ^
    ");
}

#[test]
fn outside_of_what_it_supports() {
    let def = other(|text| text).expect("reads");
    let mut cfg = ChainConfig::lockin(Preset::minimal());
    let why = |cfg: &ChainConfig| def.unsupported(cfg).unwrap_or_default();
    assert_eq!(why(&cfg), "other supports the presets mainnet, not minimal");
    cfg = ChainConfig::lockin(Preset::mainnet());
    assert_eq!(why(&cfg), "other supports bellatrix..deneb; the network starts in phase0");
    cfg.start_at(ForkName::Capella);
    assert_eq!(why(&cfg), "");
    cfg.slot_duration_ms = 2000;
    assert_eq!(why(&cfg), "other supports slots of 6s, 12s, not 2s");
    cfg.set_fork_epoch(ForkName::Electra, 4);
    assert_eq!(why(&cfg), "other supports bellatrix..deneb; electra comes in epoch 4");
    let gone = other(|text| text + "gone: nobody has it\n").expect("reads");
    assert_eq!(gone.unsupported(&cfg).as_deref(), Some("other can't be had any more: nobody has it"));
}

#[test]
fn a_build_of_the_users_own_has_no_limits_of_the_release() {
    let change = |what: Changed, text: &str| what.parse(text).expect("a change");
    let why = |changes: Vec<Change>, cfg: &ChainConfig, client| {
        let def = Library::new(Vec::new(), changes).load(client).expect("part of the program");
        def.unsupported(cfg).unwrap_or_default()
    };
    let mut electra = ChainConfig::lockin(Preset::minimal());
    (electra.slot_duration_ms, _) = (2000, electra.start_at(ForkName::Electra));
    let says = "lodestar supports phase0..capella; deneb comes in epoch 0";
    assert_eq!(why(vec![], &electra, "lodestar"), says);
    assert_eq!(why(vec![change(Changed::Arg, "lodestar.beacon=--x")], &electra, "lodestar"), says);
    assert_eq!(why(vec![change(Changed::Image, "lodestar=x/y:latest")], &electra, "lodestar"), "");
    assert_eq!(why(vec![change(Changed::Program, "lodestar.beacon=./new")], &electra, "lodestar"), "");
    assert_eq!(why(vec![], &electra, "prysm"), "prysm supports the presets mainnet, not minimal");
    let own = vec![change(Changed::Image, "prysm.beacon=x/y:z"), change(Changed::Image, "prysm.validator=x/v:z")];
    assert_eq!(why(own.clone(), &electra, "prysm"), "");
    // What holds for every build stays.
    electra.slot_duration_ms = 500;
    let says = "prysm supports slots of whole seconds, at least 2s, not 500ms";
    assert_eq!(why(own, &electra, "prysm"), says);
    let gone = vec![change(Changed::Image, "harmony=x/y")];
    assert!(why(gone, &electra, "harmony").contains("can't be had any more"));
}

#[test]
fn slot_times_in_whole_seconds_and_by_preset() {
    let limit = |text: &str| other(|yaml| yaml.replace("\"6s, 12s\"", text)).expect("reads").supports.slot_time;
    let whole = limit("\"whole seconds, at least 2s\"");
    let allows = |limit: &SlotLimit, preset: &str, ms| limit.of(preset).allows(Millis(ms));
    assert!(allows(&whole, "minimal", 2000) && allows(&whole, "mainnet", 13_000));
    assert!(!allows(&whole, "minimal", 1000) && !allows(&whole, "minimal", 2500));
    let each = limit("{ minimal: 6s, mainnet: at least 12s }");
    assert_eq!(each.to_string(), "mainnet: at least 12s; minimal: 6s");
    assert!(allows(&each, "minimal", 6000) && !allows(&each, "minimal", 12_000));
    assert!(allows(&each, "mainnet", 13_000) && !allows(&each, "mainnet", 6000));
    let wrong = other(|yaml| yaml.replace("\"6s, 12s\"", "{ minimum: 6s }")).expect_err("no such preset").to_string();
    assert!(wrong.contains("`minimum` is not a preset"), "{wrong}");
}

#[test]
fn files_are_text_or_bytes_and_stay_in_the_data_folder() {
    let role = |files: &str| {
        other(|yaml| yaml.replace("    program: other", &format!("    program: other\n    files: {files}")))
    };
    let context = Context { peers: vec![Peer { enr: Some("enr:-x".into()), ..Peer::default() }], ..context() };
    let command =
        role(r#"{ a/b: "hex:0b{{ node.key }}", c: "{{ data }}" }"#).expect("reads").render("beacon", &context);
    let files = command.expect("renders").files;
    assert_eq!(files["a/b"], [0x0b; 33]);
    assert_eq!(files["c"], b"/run/a/data");
    let wrong = role(r#"{ a: "hex:x{{ node.key }}" }"#).expect("reads").render("beacon", &context).expect_err("no hex");
    assert!(
        wrong.to_string().contains("role beacon, files a: `hex:x{{ node.key }}`: after `hex:` come hex digits"),
        "{wrong}"
    );
    for outside in ["../x", "/x", "a/../../x"] {
        let error = role(&format!("{{ {outside}: \"\" }}")).expect_err("outside").to_string();
        assert!(error.contains("must be a path within the data folder"), "{error}");
    }
}

#[test]
fn unknown_names_and_files() {
    assert_eq!(
        load("prism").expect_err("unknown").to_string(),
        format!("`prism` is no known client; known are {}, or name a file: ./prism.yaml", built_in_names().join(", "))
    );
    assert!(load("no/such.yaml").expect_err("unreadable").to_string().contains("no/such.yaml"));
    let dir = tempfile::tempdir().expect("temporary folder");
    let path = dir.path().join("mine.yaml");
    std::fs::write(&path, SMALL).expect("writes");
    assert_eq!(load(path.to_str().expect("UTF-8")).expect("loads").name, "other");
}

#[test]
fn every_definition_of_the_program_loads() {
    for name in built_in_names() {
        let def = load(name).expect(name);
        assert_eq!(def.name, name);
        let again = ClientDef::from_bytes("again", yaml::to_string(&def).expect("writes").as_bytes());
        assert_eq!(again.expect("reads what it wrote"), def);
    }
}

#[test]
fn two_versions_of_a_client_are_two_clients() {
    let change = |what: Changed, text: &str| what.parse(text).unwrap();
    let changes = vec![
        change(Changed::Program, "prysm.beacon=./usual"),
        change(Changed::Arg, "prysm.beacon=--verbosity=warn"),
        change(Changed::Arg, "prysm.beacon=--usual"),
        change(Changed::Program, "prysm@new.beacon=./new"),
        change(Changed::Arg, "prysm@new.beacon=--verbosity=debug"),
    ];
    let library = Library::new(Vec::new(), changes);
    let (usual, new) = (library.load("prysm").unwrap(), library.load("prysm@new").unwrap());
    let beacon = |def: &ClientDef| (def.roles["beacon"].program.clone().unwrap(), def.roles["beacon"].extra.clone());
    assert_eq!(beacon(&usual), ("./usual".into(), vec!["--verbosity=warn".to_owned(), "--usual".into()]));
    assert_eq!(beacon(&new), ("./new".into(), vec!["--usual".to_owned(), "--verbosity=debug".into()]));
    assert_eq!((usual.name.as_str(), new.name.as_str()), ("prysm", "prysm@new"));
    let both = [usual, new].map(|def| (def.name.clone(), def)).into();
    library.all_used(&both).unwrap();
    let only = [("prysm".to_owned(), library.load("prysm").unwrap())].into();
    let said = library.all_used(&only).unwrap_err().to_string();
    assert!(said.contains("prysm@new") && said.contains("takes part"), "{said}");
    assert!(library.load("nobody@new").is_err() && library.load("prysm@").is_err());
}
