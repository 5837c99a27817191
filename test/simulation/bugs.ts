/**
 * Bugs that the simulation must find. Each is a change of one place in the product's source, made while the module is loaded, in a process of its own
 * (planted.ts): the product itself knows nothing of them. Where the place has changed, the bug must be planted anew, and says so.
 */
export interface Edit {
  file: string;
  from: string;
  to: string;
}

export const bugs: Readonly<Record<string, readonly Edit[]>> = {
  "ack before commit": [
    {
      file: "agent/channel/downstream.ts",
      from: 'store.inbox.receive(command, { now: clock.now(), mayBeRepeated });\n      send({ type: "received", id: command.id });',
      to: 'send({ type: "received", id: command.id });\n      store.inbox.receive(command, { now: clock.now(), mayBeRepeated });',
    },
  ],
  "digest before outbox": [
    {
      file: "agent/capture/settle.ts",
      from: "const seqs = store.outbox.append(items, { bulk: this.#options.bulk });",
      to: `const seqs = items.map((_, index) => store.outbox.bounds().next + index);
    const { bulk } = this.#options;
    void Promise.resolve()
      .then(() => store.outbox.append(items, { bulk }))
      .catch(() => undefined);`,
    },
  ],
  "missing inbox check": [
    {
      file: "agent/store/inbox.ts",
      from: 'if (known !== undefined && known.state !== "settled" && !mayBeRepeated) return "known";',
      to: "",
    },
    {
      file: "agent/store/inbox.ts",
      from: 'statements.setState.run(nextCommandState(row.state, "ask-again"), row.id);',
      to: `database.prepare("UPDATE command SET state = 'received', attempts = 0, may_be_repeated = 0 WHERE id = ?").run(row.id);
        return "known";`,
    },
  ],
  "lost position": [
    {
      file: "agent/capture/signals.ts",
      from: "const stored = store.sources.position(cursor.name);\n    if (stored === undefined) {",
      to: "if (!verified) store.sources.setPosition(cursor.name, undefined);\n    const stored = store.sources.position(cursor.name);\n    verified = true;\n    if (stored === undefined) {",
    },
  ],
  "reused sequence number": [
    {
      file: "agent/channel/greeting.ts",
      from: "const epoch = parts.newId();",
      to: "const epoch = recall(meta).epoch as string;",
    },
  ],
  "empty read taken as delete without confirmation": [
    { file: "agent/capture/verdict.ts", from: 'case "marked":\n      return "confirm";', to: 'case "marked":' },
  ],
  "scan row overwriting a newer read": [
    { file: "agent/capture/scan.ts", from: "for (const key of keys) scan.written.add(key);", to: "" },
  ],
  "restored store not recognised": [
    { file: "agent/channel/acks.ts", from: "if (presented < seen) return", to: "if (presented < 0) return" },
    { file: "agent/channel/acks.ts", from: "if (last >= next) return", to: "if (last < 0) return" },
  ],
  "restored ERP not recognised": [
    { file: "agent/capture/identity.ts", from: "there !== undefined && there < then)", to: "there !== undefined && there < 0n)" },
  ],
  "commands not resent to a new epoch": [
    {
      file: "portal/commands.ts",
      from: "state <> 'settled' AND n > ?",
      to: "state <> 'settled' AND received_epoch IS NULL AND n > ?",
    },
  ],
  "not-found taken as not-applied": [
    {
      file: "connectors/execute-plan.ts",
      from: "const seen = (await foundRow(session, plan, signal)) !== undefined;",
      to: "const seen = (await foundRow(session, plan, signal)) !== undefined;\n    if (!seen) return undefined;",
    },
  ],
  "update retried over a clerk's later change": [
    {
      file: "connectors/plan-steps.ts",
      from: "if (conflicts.length > 0) throw new ConflictFound([...conflicts, ...overruled]);\n  return [...open];",
      to: "return [...columns];",
    },
  ],
  "position committed without its keys": [
    {
      file: "agent/capture/sightings.ts",
      from: "store.pending.mark(source.mapping.source, marked, { now: clock.now(), confirm: true });",
      to: `void Promise.resolve()
      .then(() => store.pending.mark(source.mapping.source, marked, { now: clock.now(), confirm: true }))
      .catch(() => undefined);`,
    },
    {
      file: "agent/capture/drain.ts",
      from: "note(keys.filter((key) => !found.has(key)));\n          return take();",
      to: `note(keys.filter((key) => !found.has(key)));
          void Promise.resolve()
            .then(() => take())
            .catch(() => undefined);
          return undefined;`,
    },
    {
      file: "agent/capture/drain.ts",
      from: "store.pending.owe(name, [...found], { now, notBefore });",
      to: `void Promise.resolve()
            .then(() => store.pending.owe(name, [...found], { now, notBefore }))
            .catch(() => undefined);`,
    },
  ],
  "gateway commit without its condition": [
    {
      file: "portal/commit.ts",
      from: 'WHERE id = ? AND epoch = ? AND connection = ? AND revoked_at IS NULL";',
      to: 'WHERE id = ? AND (epoch = ? OR 1) AND (connection = ? OR 1) AND revoked_at IS NULL";',
    },
    {
      file: "portal/commit.ts",
      from: "WHERE id = ? AND epoch = ? AND connection = ? AND coalesce(last, 0) = ? AND",
      to: "WHERE id = ? AND (epoch = ? OR 1) AND (connection = ? OR 1) AND (coalesce(last, 0) = ? OR 1) AND",
    },
    { file: "portal/commit.ts", from: "if (frame.from > done.last + 1) {", to: "if (frame.from < 0) {" },
  ],
  "child before parent": [
    {
      file: "agent/capture/send-order.ts",
      from: "if (missing(upsert, false) === undefined) place(upsert);\n        else still.push(upsert);",
      to: "place(upsert);",
    },
  ],
  "feed's position committed without its keys": [
    {
      file: "agent/capture/feed-batch.ts",
      from: "store.pending.mark(source.mapping.source, [...keys], { now, confirm: true });",
      to: "clock.after(1_000, () => store.pending.mark(source.mapping.source, [...keys], { now, confirm: true }));",
    },
  ],
  "gap that owes no compare": [
    {
      file: "agent/capture/feed-reader.ts",
      from: 'for (const use of plan.uses.flat()) oweTable(room, use, "begun");',
      to: "",
    },
    { file: "agent/capture/feed-silence.ts", from: "return suspected && !behind;", to: "return false;" },
  ],
  "gap that keeps the old position": [
    {
      file: "agent/capture/feed-reader.ts",
      from: 'store.transaction(() => store.sources.setPosition(name, undefined), "position");',
      to: "",
    },
  ],
  "event before its row is visible not read again": [
    {
      file: "agent/capture/feed-batch.ts",
      from: "store.pending.mark(source.mapping.source, [...keys], { now, confirm: true });",
      to: "store.pending.mark(source.mapping.source, [...keys], { now, confirm: false });",
    },
  ],
  "untold changes ignored": [
    {
      file: "agent/capture/feed-batch.ts",
      from: 'if (untold) oweTable(room, { source, child, signal }, "untold");',
      to: "",
    },
  ],
  "child told by its own key alone not read": [
    {
      file: "agent/capture/feed-batch.ts",
      from: "if (key === undefined || store.pending.get(child, own) !== undefined) news.unread.add(own);",
      to: "",
    },
  ],
};
