/**
 * Mailbox from the CLI to the running agent: a table, because it works alike on every system, needs no port or socket, and survives a restart of
 * either side. It is the only table that another process writes.
 */
import type { Database } from "./database.ts";
import type { Ask, AskAnswer, AskBody, AskStore } from "./store.ts";

interface AskRow {
  id: number;
  body: string;
  asked_at: number;
}

const keepAnsweredMs = 86_400_000;

export function createAsks(database: Database): AskStore {
  const post = database.prepare("INSERT INTO ask (body, asked_at) VALUES (?, ?) RETURNING id");
  const open = database.prepare("SELECT id, body, asked_at FROM ask WHERE answered_at IS NULL ORDER BY id");
  const answer = database.prepare("UPDATE ask SET answered_at = ?, answer = ? WHERE id = ? AND answered_at IS NULL");
  const answerOf = database.prepare("SELECT answer FROM ask WHERE id = ? AND answered_at IS NOT NULL");
  const purge = database.prepare("DELETE FROM ask WHERE answered_at < ?");
  return {
    post(body, now) {
      return database.transaction(() => (post.get<{ id: number }>(JSON.stringify(body), now) as { id: number }).id, "ask");
    },
    open() {
      const toAsk = (row: AskRow): Ask => ({ id: row.id, body: JSON.parse(row.body) as AskBody, askedAt: row.asked_at });
      return open.all<AskRow>().map(toAsk);
    },
    answer(id, given, now) {
      database.transaction(() => answer.run(now, JSON.stringify(given), id), "answer");
    },
    answerOf(id) {
      const row = answerOf.get<{ answer: string }>(id);
      return row && (JSON.parse(row.answer) as AskAnswer);
    },
    purge(now) {
      database.transaction(() => purge.run(now - keepAnsweredMs));
    },
  };
}
