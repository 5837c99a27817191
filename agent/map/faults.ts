/** Gathers the faults of one compilation: all are reported at once. */
import type { Fault, Place } from "../../config/config.ts";

export interface Faults {
  readonly list: readonly Fault[];
  add(at: Place, message: string, remedy: string): void;
  push(fault: Fault): void;
}

export function gatherFaults(): Faults {
  const list: Fault[] = [];
  const seen = new Set<string>();
  const push = (fault: Fault): void => {
    const key = `${fault.path}\n${fault.message}`;
    if (seen.has(key)) return;
    seen.add(key);
    list.push(fault);
  };
  return { list, push, add: (at, message, remedy) => push({ path: at.path, line: at.line, message, remedy }) };
}
