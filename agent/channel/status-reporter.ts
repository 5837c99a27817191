import type { Clock } from "../../base/time.ts";
import { type Status, status } from "../../protocol/messages.ts";

export type StatusReport = Omit<Status, "type" | "at">;

export interface StatusReporter {
  /** Something may have changed: a report follows, at once or when the pause since the last one is over. */
  changed(): void;
  /** Reports now, changed or not. */
  report(): void;
  stop(): void;
}

export interface StatusReporterParts {
  clock: Clock;
  /** Shortest time between two reports, ms. */
  everyMs: number;
  read: () => StatusReport;
  send: (status: Status) => void;
  /** Told once when `read` gives what the protocol does not allow; it is not sent, for the portal would end every conversation over it. */
  onInvalid: (place: string) => void;
  /** Runs what a timer does, so that its failure ends the link and not the process. */
  guarded: (action: () => void) => void;
}

/** Sends the agent's status when it changed, and never more often than the portal can bear. */
export function createStatusReporter(parts: StatusReporterParts): StatusReporter {
  const { clock, everyMs, read, send, guarded, onInvalid } = parts;
  let last = "";
  let invalid = false;
  let sentAt = Number.NEGATIVE_INFINITY;
  let cancel: (() => void) | undefined;
  const report = (always: boolean): void => {
    cancel?.();
    cancel = undefined;
    const now = read();
    const text = JSON.stringify(now);
    if (!always && text === last) return;
    last = text;
    sentAt = clock.monotonic();
    const parsed = status.safeParse({ type: "status", at: new Date(clock.now()).toISOString(), ...now });
    if (parsed.success) return send(parsed.data);
    if (!invalid) onInvalid(parsed.error.issues[0]?.path.join(".") ?? "");
    invalid = true;
  };
  return {
    changed() {
      const waitMs = sentAt + everyMs - clock.monotonic();
      if (waitMs <= 0) report(false);
      else cancel ??= clock.after(waitMs, () => guarded(() => report(false)));
    },
    report: () => report(true),
    stop() {
      cancel?.();
      cancel = undefined;
    },
  };
}
