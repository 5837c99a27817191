/** The agents that this portal knows: their enrolment, keys, stage, and the place in their history at which the portal stands. */
import { createHash } from "node:crypto";
import type { Clock } from "../base/time.ts";
import type { EnrolRequest, HttpFault } from "../protocol/enrolment.ts";
import type { Hello, Start, Status } from "../protocol/messages.ts";
import { newAgentId, newEnrolmentCode } from "./ids.ts";
import type { Store } from "./store.ts";

export type Stage = Hello["stage"];

export interface Agent {
  id: string;
  name: string | null;
  stage: Stage;
  public_key: string;
  previous_key: string | null;
  revoked_at: number | null;
  /** The machine that used this identity last. */
  host: string | null;
  /** Highest connection number that a `start` carried. */
  connection: number;
  epoch: string | null;
  /** Last number held durably in that epoch. */
  last: number | null;
  /** Types and commands of the last `hello`, JSON. */
  offers: string | null;
  /** Last `status`, JSON. */
  status: string | null;
  seen_at: number | null;
}

export interface Offers {
  types: Hello["types"];
  commands: Hello["commands"];
  lookups?: Hello["lookups"];
}

const rememberTokensMs = 10 * 60_000;

export interface Greeted {
  hello: Hello;
  start: Start;
  /** What the store held of the hello's epoch when `welcome` was made; null where it did not know the epoch. */
  last: number | null;
}

export interface Agents {
  get(id: string): Agent | undefined;
  list(): Agent[];
  /** A single-use code. With `agentId` the enrolment replaces that agent's key. */
  createCode(options: { stage: Stage; ttlMs: number; agentId?: string | undefined }): { code: string; expiresAt: number };
  enrol(request: EnrolRequest): { agent: Agent } | { fault: HttpFault["error"] };
  /** The new key is valid from now on; the old one until the new one was used. False where another agent has that key. */
  rotate(id: string, publicKey: string): boolean;
  /** The new key works: the old one is gone. */
  dropPreviousKey(id: string): void;
  revoke(id: string): boolean;
  setStage(id: string, stage: Stage): boolean;
  /** False when this token was used before. */
  rememberToken(id: string, jti: string): boolean;
  /** Counts a connection and sets the epoch. False when another connection was counted or has sent items since `welcome`. */
  start(id: string, greeted: Greeted): boolean;
  offers(id: string): Offers | undefined;
  setStatus(id: string, status: Status): void;
}

const hash = (code: string): string => createHash("sha256").update(code.trim().toUpperCase()).digest("hex");

export function agentsIn(store: Store, clock: Clock): Agents {
  const get = (id: string): Agent | undefined => store.get<Agent>("SELECT * FROM agent WHERE id = ?", id);
  const keyInUse = (publicKey: string, except: string): boolean =>
    store.get("SELECT 1 FROM agent WHERE (public_key = ?1 OR previous_key = ?1) AND id <> ?2", publicKey, except) !== undefined;
  return {
    get,
    list: () => store.all<Agent>("SELECT * FROM agent ORDER BY enrolled_at, id"),
    createCode({ stage, ttlMs, agentId }) {
      const code = newEnrolmentCode();
      const expiresAt = clock.now() + ttlMs;
      const sql = "INSERT INTO enrolment_code (code_hash, stage, agent_id, expires_at) VALUES (?, ?, ?, ?)";
      store.run(sql, hash(code), stage, agentId ?? null, expiresAt);
      return { code, expiresAt };
    },
    enrol: (request) => store.transaction(() => enrol({ store, clock, keyInUse, get }, request)),
    rotate(id, publicKey) {
      return store.transaction(() => {
        if (keyInUse(publicKey, id)) return false;
        // Asked again because an answer was lost: the key known to work stays, whichever new one is tried.
        const sql =
          "UPDATE agent SET previous_key = coalesce(previous_key, public_key), public_key = ?1 WHERE id = ?2 AND public_key <> ?1";
        store.run(sql, publicKey, id);
        return true;
      });
    },
    dropPreviousKey: (id) => void store.run("UPDATE agent SET previous_key = NULL WHERE id = ? AND previous_key IS NOT NULL", id),
    revoke: (id) => store.run("UPDATE agent SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", clock.now(), id) > 0,
    setStage: (id, stage) => store.run("UPDATE agent SET stage = ? WHERE id = ?", stage, id) > 0,
    rememberToken(id, jti) {
      store.run("DELETE FROM token_seen WHERE at < ?", clock.now() - rememberTokensMs);
      return store.run("INSERT OR IGNORE INTO token_seen (agent_id, jti, at) VALUES (?, ?, ?)", id, jti, clock.now()) > 0;
    },
    start: (id, greeted) => countStart({ store, clock }, id, greeted),
    offers(id) {
      const json = get(id)?.offers;
      return json ? (JSON.parse(json) as Offers) : undefined;
    },
    setStatus(id, status) {
      const sql = "UPDATE agent SET status = ?, seen_at = ? WHERE id = ?";
      // The agent says it again soon.
      store.repeatable(() => store.run(sql, JSON.stringify(status), clock.now(), id));
    },
  };
}

interface EnrolParts {
  store: Store;
  clock: Clock;
  keyInUse: (publicKey: string, except: string) => boolean;
  get: (id: string) => Agent | undefined;
}

function enrol(parts: EnrolParts, request: EnrolRequest): { agent: Agent } | { fault: HttpFault["error"] } {
  const { store, clock } = parts;
  interface Code {
    stage: Stage;
    agent_id: string | null;
    expires_at: number;
    used_at: number | null;
  }
  const code = store.get<Code>("SELECT * FROM enrolment_code WHERE code_hash = ?", hash(request.code));
  if (code === undefined) return { fault: "code-unknown" };
  if (code.used_at !== null) return { fault: "code-used" };
  if (code.expires_at <= clock.now()) return { fault: "code-expired" };
  const id = code.agent_id ?? newAgentId();
  if (parts.keyInUse(request.publicKey, id)) return { fault: "key-in-use" };
  store.run("UPDATE enrolment_code SET used_at = ? WHERE code_hash = ?", clock.now(), hash(request.code));
  store.run(
    `INSERT INTO agent (id, name, stage, public_key, enrolled_at) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET name = excluded.name, stage = excluded.stage, public_key = excluded.public_key, previous_key = NULL,
       revoked_at = NULL`,
    id,
    request.agentName ?? null,
    code.stage,
    request.publicKey,
    clock.now(),
  );
  return { agent: parts.get(id) as Agent };
}

/** Conditional on the number, so that of two links (or two gateway nodes) with one number only the first goes on. */
function countStart(parts: { store: Store; clock: Clock }, id: string, { hello, start, last }: Greeted): boolean {
  const { types, commands, lookups } = hello;
  const offers: Offers = { types, commands, ...(lookups === undefined ? {} : { lookups }) };
  const changed = parts.store.run(
    `UPDATE agent SET connection = ?1, host = ?2, offers = ?3, seen_at = ?4,
       last = CASE WHEN epoch IS ?5 THEN last ELSE NULL END, epoch = ?5
     WHERE id = ?6 AND connection < ?1 AND revoked_at IS NULL AND (?7 IS NULL OR coalesce(last, 0) = ?7)`,
    start.connection,
    hello.host,
    JSON.stringify(offers),
    parts.clock.now(),
    start.epoch,
    id,
    last,
  );
  return changed > 0;
}
