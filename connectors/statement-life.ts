import type { ConnectorLimits } from "./connector.ts";

/** A statement lives so many times as long as its first row took, if it may: what has to be sorted for long is not sorted anew all the time. */
const worthItsBeginning = 10;

/** How long a scan's statement may live, of which the first row took so long; both in ms. Then the scan goes on behind its last row by another one. */
export function statementLifeMs(
  { snapshotMs, alterableMs }: Pick<ConnectorLimits, "snapshotMs" | "alterableMs">,
  firstRowMs: number,
): number {
  if (alterableMs === undefined) return snapshotMs;
  return Math.min(snapshotMs, Math.max(alterableMs, firstRowMs * worthItsBeginning));
}
