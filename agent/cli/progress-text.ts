import { formatDuration } from "../../base/time.ts";
import type { Progress } from "../capture/parts.ts";

/** `4000 of about 8320 rows, 2000/s, 2s left`; where the database gives no estimate, only what was read. */
export function progressText({ rows, total, rowsPerSecond }: Pick<Progress, "rows" | "total" | "rowsPerSecond">): string {
  const rate = `${Math.round(rowsPerSecond)}/s`;
  if (total === undefined || total < rows) return `${rows} rows so far, ${rate}`;
  const left = rowsPerSecond > 0 ? `, ${formatDuration(Math.ceil((total - rows) / rowsPerSecond) * 1_000)} left` : "";
  return `${rows} of about ${total} rows, ${rate}${total === rows ? "" : left}`;
}
