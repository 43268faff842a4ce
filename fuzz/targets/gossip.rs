//! Gossip messages of every topic and fork, snappy included, through a whole node: nothing that a peer sends makes it
//! panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use lockin::chain::GossipId;
use lockin::net::{LinkEvent, PeerId, codec};
use lockin::spec::compute_fork_digest;
use lockin::ssz::Fork;
use lockin::witness::named;
use lockin::witness::random::Dice;
use lockin_fuzz::{Input, node};

/// Topic names, each with the container that it carries.
const TOPICS: &[(&str, &str)] = &[
    ("beacon_block", "SignedBeaconBlock"),
    ("beacon_attestation_0", "Attestation"),
    ("beacon_attestation_1", "SingleAttestation"),
    ("beacon_aggregate_and_proof", "SignedAggregateAndProof"),
    ("voluntary_exit", "SignedVoluntaryExit"),
    ("proposer_slashing", "ProposerSlashing"),
    ("attester_slashing", "AttesterSlashing"),
    ("sync_committee_0", "SyncCommitteeMessage"),
    ("sync_committee_contribution_and_proof", "SignedContributionAndProof"),
    ("bls_to_execution_change", "SignedBlsToExecutionChange"),
    ("blob_sidecar_0", "BlobSidecar"),
    ("data_column_sidecar_0", "DataColumnSidecar"),
];

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let fork = Fork::ALL[input.below(Fork::ALL.len())];
    let (topic, container) = TOPICS[input.below(TOPICS.len())];
    let mode = input.byte();
    let (mut core, now_ms) = node(fork);
    let cfg = core.chain().config().clone();
    let payload = match mode % 4 {
        // as it is: the decompressor's business
        0 => input.0.to_vec(),
        // well compressed: the decoder's business
        1 => codec::compress(input.0).expect("an input is short"),
        // a well-formed object with a few bytes changed: the judges' business
        _ => {
            let Some(pair) = named(container, cfg.shape(fork)) else { return };
            let mut bytes = (pair.random)(&mut Dice::new(input.short() as u64));
            if bytes.len() > 200_000 {
                return;
            }
            while !input.0.is_empty() && !bytes.is_empty() {
                let at = input.short() % bytes.len();
                bytes[at] = input.byte();
            }
            codec::compress(&bytes).expect("an object is shorter than a message may be")
        }
    };
    let digest = compute_fork_digest(&cfg, core.chain().genesis_validators_root(), 0);
    let topic = format!("/eth2/{}/{topic}/ssz_snappy", digest.to_string().trim_start_matches("0x"));
    let from = PeerId::new("peer");
    core.on_link(LinkEvent::Gossip { id: GossipId(1), topic: topic.into(), data: payload.into(), from }, now_ms);
    core.on_tick(now_ms + cfg.slot_duration_ms);
});
