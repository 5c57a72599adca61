import type { DatagramFaults, StreamFaults } from "../../core/fault_options.ts";
import {
  checkDatagramFaults,
  checkStreamFaults,
} from "../../faults/check_faults.ts";
import type { Endpoint } from "../../listen/endpoint.ts";
import {
  readSomeTime,
  readWhole,
  SOME_TIME,
  UsageError,
} from "../command_line.ts";
import type { AcceptedParameters, GivenParameters } from "../parameters.ts";
import {
  readSize,
  readSizeFrom0,
  readSizes,
  SIZE,
  SIZE_FROM_0,
  SIZES,
} from "../size.ts";

type Name = keyof StreamFaults | keyof DatagramFaults;

const ALL = ["tcp", "tls", "unix", "udp", "fd"] as const;
const STREAMS = ["tcp", "tls", "unix", "fd"] as const;

/** The parameters for faults. */
export const FAULTS = {
  delay: ALL,
  jitter: ALL,
  window: ALL,
  rate: STREAMS,
  slice: STREAMS,
  stall: STREAMS,
  after: STREAMS,
  reset: ["tcp", "tls", "fd"],
  close: STREAMS,
  deaf: STREAMS,
  mute: STREAMS,
  corrupt: ALL,
  drop: ["udp"],
  duplicate: ["udp"],
  reorder: ["udp"],
  share: ALL,
  seed: ALL,
} as const satisfies AcceptedParameters<Name>;

const PERCENT = "a share from 0% to 100%, such as 10% or 0.5%";
const LARGEST_SEED = 2 ** 32 - 1;

/**
 * Reads the faults of an endpoint; undefined if there are none. Throws a UsageError
 * if one is invalid.
 */
export function readFaults(
  { url, addr, parameters }: Endpoint,
  { isOn, valueOf }: GivenParameters<Name>,
): StreamFaults & DatagramFaults | undefined {
  if (!parameters.some(([name]) => Object.hasOwn(FAULTS, name))) {
    return undefined;
  }
  const time = (name: Name) => valueOf(name, SOME_TIME, readSomeTime);
  const size = (name: Name) => valueOf(name, SIZE, readSize);
  const sizeFrom0 = (name: Name) => valueOf(name, SIZE_FROM_0, readSizeFrom0);
  const percent = (name: Name) => valueOf(name, PERCENT, readPercent);
  const all = {
    delay: time("delay"),
    jitter: time("jitter"),
    window: size("window"),
    rate: size("rate"),
    slice: valueOf("slice", SIZES, readSizes),
    stall: time("stall"),
    after: sizeFrom0("after"),
    reset: sizeFrom0("reset"),
    close: sizeFrom0("close"),
    deaf: isOn("deaf") || undefined,
    mute: isOn("mute") || undefined,
    corrupt: percent("corrupt"),
    drop: percent("drop"),
    duplicate: percent("duplicate"),
    reorder: percent("reorder"),
    share: percent("share"),
    seed: valueOf(
      "seed",
      `a whole number from 0 to ${LARGEST_SEED}`,
      (text) => readWhole(text, 0, LARGEST_SEED),
    ),
  } satisfies StreamFaults & DatagramFaults;
  const given = Object.entries(all).filter(([_, value]) => value !== undefined);
  const faults: StreamFaults & DatagramFaults = Object.fromEntries(given);
  try {
    if (addr.transport === "udp") checkDatagramFaults(faults);
    else checkStreamFaults(faults);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new UsageError(`${error.message}, in ${JSON.stringify(url)}`);
  }
  return faults;
}

/** Parses a share in percent. Returns undefined if the text is not one. */
function readPercent(text: string): number | undefined {
  const [, digits] = /^(\d+(?:\.\d+)?)%$/.exec(text) ?? [];
  const percent = Number(digits);
  return percent <= 100 ? percent : undefined;
}
