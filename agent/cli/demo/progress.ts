/** What the demo is doing, on stderr: progress bars on a terminal, else a line when a step begins, every few seconds, and when it ends. */
import cliProgress from "cli-progress";
import type { Clock } from "../../../base/time.ts";
import { formatDuration } from "../../../base/time.ts";

export interface Step {
  /** How far it is; `detail` is a remark of a few words. */
  update(done: number, detail?: string): void;
  /** Ends the step with its result in a few words. */
  done(result: string): void;
}

export interface Progress extends Disposable {
  /** Begins a step; the one before has ended. `total` 0: nobody knows. */
  step(title: string, total?: number): Step;
  note(text: string): void;
}

const lineEveryMs = 5_000;

/** `terminal`: stderr is one. */
export function createProgress(clock: Clock, terminal: boolean): Progress {
  const write = (text: string): void => void process.stderr.write(`${text}\n`);
  let bar: cliProgress.SingleBar | undefined;
  const begin = terminal ? beginBar : beginLines;

  function beginBar(title: string, total: number): Step["update"] {
    const open = new cliProgress.SingleBar({
      format: total > 0 ? "  {title} [{bar}] {value}/{total} {detail}" : "  {title}  {detail}",
      barsize: 30,
      barCompleteChar: "█",
      barIncompleteChar: "░",
      hideCursor: true,
      clearOnComplete: true,
      stream: process.stderr,
    });
    bar = open;
    open.start(total, 0, { title, detail: "" });
    return (done, detail = "") => open.update(total > 0 ? Math.min(done, total) : done, { detail });
  }

  function beginLines(title: string, total: number): Step["update"] {
    write(`${title} ...`);
    let last = clock.monotonic();
    return (done, detail = "") => {
      if (clock.monotonic() - last < lineEveryMs) return;
      last = clock.monotonic();
      write(`  ${total > 0 ? `${done} of ${total} ` : ""}${detail}`.trimEnd());
    };
  }

  const stopBar = (): void => {
    bar?.stop();
    bar = undefined;
  };
  return {
    step(title, total = 0) {
      const started = clock.monotonic();
      const update = begin(title, total);
      return {
        update,
        done(result) {
          stopBar();
          write(`${terminal ? "✓ " : ""}${title}: ${result} (${formatDuration(clock.monotonic() - started)})`);
        },
      };
    },
    note: write,
    [Symbol.dispose]: stopBar,
  };
}
