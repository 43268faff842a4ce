// A second implementation of the state transition, asked line by line: one JSON question in, one JSON answer out.
//   {"start": {"config": "config.yaml's text", "state": "hex of SSZ"}} -> {"slot", "root"}
//   {"block": "hex of SSZ"}                                           -> {"slot", "root"}: the state after it
//   {"state": true}                                                    -> {"state": "hex of SSZ"}
// An error is answered as {"error": "..."} and changes nothing.
import readline from "node:readline";
import {createBeaconConfig, createChainConfig, createChainForkConfig, chainConfigFromJson} from "@lodestar/config";
import * as transition from "@lodestar/state-transition";
import {PubkeyIndexMap} from "@chainsafe/pubkey-index-map";
import yaml from "js-yaml";

const bytes = (hex) => new Uint8Array(Buffer.from(hex, "hex"));
const hex = (data) => Buffer.from(data).toString("hex");
// SSZ: where the state keeps its slot, and a signed block its message and the message its slot.
const slotOfState = (data) => Number(Buffer.from(data).readBigUInt64LE(40));
const slotOfBlock = (data) => Number(Buffer.from(data).readBigUInt64LE(Buffer.from(data).readUInt32LE(0)));

let forks;
let state;

const about = () => ({slot: state.slot, root: hex(state.hashTreeRoot())});

function start({config, state: data}) {
  const values = yaml.load(config, {schema: yaml.FAILSAFE_SCHEMA});
  forks = createChainForkConfig(createChainConfig(chainConfigFromJson(values)));
  const view = forks.getForkTypes(slotOfState(bytes(data))).BeaconState.deserializeToViewDU(bytes(data));
  state = transition.createCachedBeaconState(view, {
    config: createBeaconConfig(forks, view.genesisValidatorsRoot),
    pubkeyCache: transition.createPubkeyCache ? transition.createPubkeyCache() : undefined,
    pubkey2index: new PubkeyIndexMap(),
    index2pubkey: [],
  });
  return about();
}

function block(text) {
  const data = bytes(text);
  const signed = forks.getForkTypes(slotOfBlock(data)).SignedBeaconBlock.deserialize(data);
  const post = transition.stateTransition(state, signed, {
    verifyStateRoot: false,
    verifyProposer: true,
    verifySignatures: true,
    executionPayloadStatus: transition.ExecutionPayloadStatus.valid,
    dataAvailabilityStatus: transition.DataAvailabilityStatus.Available,
  });
  post.commit();
  state = post;
  return about();
}

function answer(line) {
  const question = JSON.parse(line);
  if (question.start) return start(question.start);
  if (question.block) return block(question.block);
  if (question.state) return {state: hex(state.serialize())};
  throw new Error("unknown question");
}

for await (const line of readline.createInterface({input: process.stdin})) {
  let reply;
  try {
    reply = answer(line);
  } catch (error) {
    reply = {error: String(error?.stack ?? error)};
  }
  process.stdout.write(JSON.stringify(reply) + "\n");
}
