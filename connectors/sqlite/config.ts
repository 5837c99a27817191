import { z } from "zod";
import { filledText } from "../settings.ts";

/** `erp:` keys of an SQLite database. */
export const sqliteSettings = z.strictObject({
  file: filledText.describe("Path of the database file. It must exist: it is never created."),
});

export type SqliteSettings = z.infer<typeof sqliteSettings>;
