/** What the agent reaches of the world around it: in life a directory, a database and a socket of this machine; the simulation brings its own. */
import type { Config } from "../config/config.ts";
import type { Connector } from "../connectors/connector.ts";
import { createDigester, type Digester } from "../protocol/digest.ts";
import type { AgentParts, Running } from "./agent.ts";
import { answerAsks } from "./asks.ts";
import { tokenSource } from "./channel/identity.ts";
import type { Connect } from "./channel/link.ts";
import { socketConnector } from "./channel/socket.ts";
import { deliverWorklists } from "./deliver.ts";
import { machineName, newId, openErp } from "./erp.ts";
import { keepForecasts } from "./forecasts.ts";
import { withHeapMode } from "./heap-mode.ts";
import { keepHouse } from "./housekeeping.ts";
import { transportSettings } from "./portal-way.ts";
import { tellStatus, tellWaiting } from "./reporting.ts";
import { openStore } from "./store/open.ts";
import type { CommitHook, Store } from "./store/store.ts";
import { waitOut } from "./wait-out.ts";

/** Work beside the parts; runs until the signal aborts. */
export type Chore = (running: Running, signal: AbortSignal) => Promise<void>;

export interface Surroundings {
  /** @throws FuserError `state-*`, `store-*` */
  openStore(): Store;
  /** Nothing is connected before the connector's first call. */
  openErp(): Promise<Connector>;
  /** How links to the portal are opened. @throws FuserError `secret-missing` */
  wayToPortal(): Promise<Connect>;
  digester: Digester;
  /** Unique text for connections, questions and epochs. */
  newId: () => string;
  /** Name of this machine, as the portal shows it. */
  host: string;
  chores: readonly Chore[];
  /** Says that the agent waits for the ERP, and why. */
  tellWaiting(store: Store, error: unknown): void;
}

const delivering = (worklists: Config["worklists"]): Chore[] =>
  worklists === undefined ? [] : [(running, signal) => deliverWorklists(running, worklists, signal)];

/** Between two looks for persons whom the portal has asked about, ms: somebody who is new in the ERP waits no longer for a finding. */
const askedEveryMs = 5_000;

const watchPersons: Chore = ({ parts, questions }, signal) =>
  waitOut({ parts, part: "persons", everyMs: askedEveryMs }, async () => questions.lookAgain(), signal);

/** Between two looks at documents whose bytes could not be had, ms. */
const bytesEveryMs = 3_600_000;

const watchingDocuments = ({ sources }: Config): Chore[] =>
  sources.some(({ bytes }) => bytes !== undefined)
    ? [
        ({ parts, documents }, signal) =>
          waitOut({ parts, part: "documents", everyMs: bytesEveryMs }, (inner) => documents.lookAgain(inner), signal),
      ]
    : [];

/** Those of this machine. */
export async function realSurroundings(parts: AgentParts): Promise<Surroundings> {
  const { config, secrets, clock, log } = parts;
  const startedAt = clock.now();
  let commits = 0;
  const onCommit: CommitHook = (moment, name) => {
    if (moment === "after-commit") commits += 1;
    parts.onCommit?.(moment, name);
  };
  return {
    openStore() {
      const { state: directory } = config.agent;
      return openStore({ directory, clock, log: log.part("store"), journal: config.journal, onCommit });
    },
    openErp: async () => withHeapMode(await openErp({ config, clock, log, secret: secrets.require })),
    async wayToPortal() {
      const transport = await transportSettings(config, secrets.require, parts.env);
      const token = tokenSource({ secrets, clock, newId });
      return socketConnector({ ...transport, url: config.agent.portal, token, clock });
    },
    digester: await createDigester(),
    newId,
    host: machineName(),
    chores: [
      answerAsks,
      ...delivering(config.worklists),
      watchPersons,
      ...watchingDocuments(config),
      (running, signal) => tellStatus(running, { signal, startedAt, commits: () => commits }),
      (running, signal) => keepForecasts(running, () => transportSettings(config, secrets.require, parts.env), signal),
      (running, signal) => keepHouse(running, { signal, commits: () => commits }),
    ],
    tellWaiting: (store, error) => tellWaiting({ parts, store, startedAt }, error),
  };
}
