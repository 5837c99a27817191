/**
 * V8 keeps its heap small, at the price of more work for each collection, except while whole tables are read: there each row's CPU counts
 * (docs/decisions/0059).
 */
import { setFlagsFromString } from "node:v8";
import type { Connector } from "../connectors/connector.ts";

const small = "--memory-saver-mode";
const quick = "--no-memory-saver-mode";

/**
 * The connector, whose scans set V8's mode for as long as they last.
 * @param setFlag of `node:v8`; another one in tests
 */
export function withHeapMode<Read extends Pick<Connector, "scan">>(
  connector: Read,
  setFlag: (flag: string) => void = setFlagsFromString,
): Read {
  let scans = 0;
  setFlag(small);
  return {
    ...connector,
    async *scan(source, signal) {
      scans += 1;
      if (scans === 1) setFlag(quick);
      try {
        yield* connector.scan(source, signal);
      } finally {
        scans -= 1;
        if (scans === 0) setFlag(small);
      }
    },
  };
}
