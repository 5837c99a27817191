import { createServer } from "node:net";
import { FuserError } from "../../../base/errors.ts";
import type { Random } from "../../../base/time.ts";

/**
 * The port that the user asked for, or a free one. A free one lies below the range from which systems hand out ports to outgoing connections
 * (Linux 32768, others 49152), so that a portal which is killed and restarted on it does not find it taken by somebody's socket.
 * @throws FuserError `usage-port-in-use`
 */
export async function choosePort(asked: number | undefined, random: Random, option: string): Promise<number> {
  if (asked !== undefined) {
    if (await isFree(asked)) return asked;
    throw new FuserError("config", `Port ${asked} is in use`, {
      code: "usage-port-in-use",
      operation: "start the demo",
      place: `127.0.0.1:${asked}`,
      hint: `End the process that listens there, or name another port with ${option}`,
    });
  }
  for (;;) {
    const port = 15_000 + Math.floor(random() * 17_000);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  return new Promise((resolve) => {
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}
