/** What the agent knows of its sources and of the signals that speak for them. A position is committed together with the keys it marked. */
import type { Database } from "./database.ts";
import type { Names } from "./names.ts";
import type { ChildState, SourceState, SourceStore } from "./store.ts";

interface SourceRow {
  fingerprint: string | null;
  compared_at: number | null;
  last_success_at: number | null;
  rows: number;
  sent: number;
  reconciled: number;
  facts: string | null;
  facts_swept: number;
}
interface Child {
  no: number;
  own: string;
  parent: string;
}

const childBatch = 2_000;

export function createSources(database: Database, names: Names): SourceStore {
  const statements = prepareAll(database);
  /** As of the last commit: asked for several times a second by each loop. A reader of another process looks each time. */
  const committed = new Map<string, SourceState>();
  for (const moment of ["committed", "rolled-back"] as const) database.on(moment, () => committed.clear());
  const get = (source: string): SourceState => {
    if (database.readOnly || database.inTransaction) return read(source);
    let state = committed.get(source);
    if (state === undefined) {
      state = read(source);
      committed.set(source, state);
    }
    return state;
  };
  const read = (source: string): SourceState => {
    const row = statements.get.get<SourceRow>(names.no(source));
    return {
      fingerprint: row?.fingerprint ?? undefined,
      comparedAt: row?.compared_at ?? undefined,
      lastSuccessAt: row?.last_success_at ?? undefined,
      rows: row?.rows ?? 0,
      sent: row?.sent ?? 0,
      reconciled: row?.reconciled === 1,
      facts: row?.facts ?? undefined,
      factsSwept: row?.facts_swept === 1,
    };
  };
  return {
    get,
    update(source, change) {
      database.transaction(() => {
        const state = { ...get(source), ...change };
        const { fingerprint, comparedAt, lastSuccessAt, rows, sent, reconciled } = state;
        const times = [fingerprint ?? null, comparedAt ?? null, lastSuccessAt ?? null] as const;
        const facts = [state.facts ?? null, Number(state.factsSwept)] as const;
        statements.put.run(names.no(source), ...times, rows, sent, Number(reconciled), ...facts);
      });
    },
    position: (signal) => statements.position.get<{ position: string | null }>(names.no(signal))?.position ?? undefined,
    setPosition(signal, mark) {
      database.transaction(() => statements.setPosition.run(names.no(signal), mark ?? null));
    },
    child: (signal, own) => statements.child.get<ChildState>(names.no(signal), own),
    setParents(signal, children) {
      database.transaction(() => {
        const no = names.no(signal);
        for (const { own, parent } of children) statements.setParent.run(no, own, parent);
      });
    },
    removeChild(signal, own) {
      database.transaction(() => statements.removeChild.run(names.no(signal), own));
    },
    highestChildNo: () => statements.highestChild.get<{ no: number | null }>()?.no ?? 0,
    *unseenChildren(signal, seen, upToNo) {
      const signalNo = names.no(signal);
      let after = "";
      for (;;) {
        const children = statements.children.all<Child>(signalNo, after, childBatch);
        const unseen = children.filter(({ no }) => no <= upToNo && !((seen[no >> 3] ?? 0) & (1 << (no & 7))));
        if (unseen.length > 0) yield unseen;
        if (children.length < childBatch) return;
        after = (children.at(-1) as Child).own;
      }
    },
    samples(signal) {
      const row = statements.samples.get<{ samples: string }>(names.no(signal));
      return row ? (JSON.parse(row.samples) as { key: string; mark: string }[]) : [];
    },
    setSamples(signal, samples) {
      database.transaction(() => statements.setSamples.run(names.no(signal), JSON.stringify(samples)));
    },
  };
}

function prepareAll(database: Database) {
  const prepare = (sql: string) => database.prepare(sql);
  return {
    get: prepare(
      "SELECT fingerprint, compared_at, last_success_at, rows, sent, reconciled, facts, facts_swept FROM source WHERE no = ?",
    ),
    put: prepare("INSERT OR REPLACE INTO source VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"),
    position: prepare("SELECT position FROM signal WHERE no = ?"),
    setPosition: prepare(
      "INSERT INTO signal (no, position) VALUES (?, ?) ON CONFLICT (no) DO UPDATE SET position = excluded.position",
    ),
    samples: prepare("SELECT samples FROM signal WHERE no = ?"),
    setSamples: prepare(
      "INSERT INTO signal (no, samples) VALUES (?, ?) ON CONFLICT (no) DO UPDATE SET samples = excluded.samples",
    ),
    child: prepare("SELECT no, parent FROM child WHERE signal = ? AND own = ?"),
    setParent: prepare(
      "INSERT INTO child (signal, own, parent) VALUES (?, ?, ?) ON CONFLICT (signal, own) DO UPDATE SET parent = excluded.parent",
    ),
    removeChild: prepare("DELETE FROM child WHERE signal = ? AND own = ?"),
    children: prepare("SELECT no, own, parent FROM child WHERE signal = ? AND own > ? ORDER BY own LIMIT ?"),
    highestChild: prepare("SELECT max(no) AS no FROM child"),
  };
}
