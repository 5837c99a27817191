/** What the ERP's schema does not offer of what the configuration needs, and what that stops: of each the least (docs/decisions/0050). */
import type { Log } from "../base/log.ts";
import type { Fault } from "../config/config.ts";
import { schemaMissing } from "./capture/status.ts";
import type { Raised } from "./quality/judged.ts";
import type { Store } from "./store/store.ts";

export interface Lack {
  /**
   * `field`: it is left out of what is sent. `source`: nothing of it is read. `signal`: a column or a feed that told of changes; compares take its place.
   * `command`: it is not offered.
   */
  stops: "field" | "source" | "signal" | "command";
  /** Undefined for a command. */
  source: string | undefined;
  /** Of the field, the source, the table that signalled, or the command. */
  name: string;
  fault: Fault;
}

/** For people: what is stopped, and why. */
export function lackText({ stops, source, name, fault }: Lack): string {
  const { message } = fault;
  switch (stops) {
    case "field":
      return `Field ${name} of ${source} is left out: ${message}`;
    case "source":
      return `Nothing of ${source} is read: ${message}`;
    case "signal":
      return `Changes of ${name} are found by compares of ${source}: ${message}`;
    case "command":
      return `Command ${name} is not offered: ${message}`;
    default:
      return stops satisfies never;
  }
}

/** Lacks are the same where this is. */
export const lackName = ({ stops, source, name, fault }: Lack): string => JSON.stringify([stops, source, name, fault.message]);

export interface Told {
  log: Log;
  store: Pick<Store, "findings" | "facts">;
  /** Epoch ms. */
  now: number;
}

/** Logs what lacks now and did not before, with what to do, and what is back; as findings it stands until then. */
export function tellLacks({ log, store, now }: Told, before: readonly Lack[] | undefined, lacks: readonly Lack[]): void {
  const fields = ({ source, fault }: Lack) => ({
    code: schemaMissing,
    ...(source === undefined ? {} : { source }),
    place: `line ${fault.line}, ${fault.path}`,
  });
  const isIn = (lack: Lack, list: readonly Lack[] = []): boolean => list.some((one) => lackName(one) === lackName(lack));
  for (const lack of lacks.filter((one) => !isIn(one, before)))
    log.error(`The ERP's schema lacks what the configuration needs. ${lackText(lack)}`, {
      ...fields(lack),
      hint: lack.fault.remedy,
    });
  for (const lack of before?.filter((one) => !isIn(one, lacks)) ?? [])
    log.info(`The ERP's schema lacks this no more: ${lack.fault.message}`, fields(lack));
  if (before !== undefined)
    log.info("The ERP's schema changed: the agent goes on with what it offers now", { code: "schema-changed" });
  store.findings.replace(store.facts.selfOf("", schemaMissing), lacks.map(findingOf), now);
}

/** Names of tables and columns, and places in the configuration: nothing of a row. */
function findingOf({ stops, source, name, fault }: Lack): Raised {
  return {
    rule: schemaMissing,
    source: source ?? "",
    key: "",
    field: stops === "field" ? name : "",
    other: stops === "field" ? "" : name,
    params: { stops, line: fault.line, what: fault.message },
  };
}
