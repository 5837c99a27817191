import { MultiBar, Presets, type SingleBar } from "cli-progress";
import type { Progress } from "../capture/parts.ts";
import type { Output } from "./output.ts";
import { progressText } from "./progress-text.ts";

export interface SyncProgress {
  show(progress: Progress): void;
  end(): void;
}

/** One bar per source that is being compared, on a terminal; elsewhere nothing, for the log tells it. */
export function syncProgress(out: Output): SyncProgress {
  if (!out.interactive) return { show() {}, end() {} };
  const bars = new Map<string, SingleBar>();
  let all: MultiBar | undefined;
  const end = (): void => {
    all?.stop();
    all = undefined;
    bars.clear();
  };
  return {
    show({ source, rows, total, rowsPerSecond, done }) {
      all ??= new MultiBar(
        {
          format: "{source} {bar} {told}",
          stream: process.stderr,
          clearOnComplete: true,
          hideCursor: true,
        },
        Presets.shades_classic,
      );
      const bar = bars.get(source) ?? all.create(total ?? rows, 0, { source: source.padEnd(18), told: "" });
      bars.set(source, bar);
      bar.setTotal(Math.max(total ?? rows, rows));
      bar.update(rows, { told: progressText({ rows, total, rowsPerSecond }) });
      if (!done) return;
      all.remove(bar);
      bars.delete(source);
      if (bars.size === 0) end();
    },
    end,
  };
}
