// A middlebox that doubles and swaps whole frames, or spoils bytes: the receiver refuses or passes over what it has had, and both sides recover.
// Which frames it takes comes from the seed. (Without TLS a spoilt byte within a value can't be told from another value: hence TLS everywhere but on loopback.)
import { describe, expect, test } from "vitest";
import { chance } from "../support/erp/random.ts";
import { faultBench } from "../support/fault-bench.ts";
import type { Way } from "../support/proxy.ts";
import { seed } from "../support/seed.ts";
import { has } from "../support/servers.ts";
import type { Site } from "../support/site.ts";
import { isMessage, onFrames, type WireFrame } from "../support/websocket-frames.ts";

/** Both directions have something to say. */
async function work(site: Site, count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    site.report(`Schaden ${n}`);
    await site.clerkWorks();
  }
}

const commandsOfWork = 4;
/** First byte of a TLS record whose content is encrypted (RFC 8446, 5.1); what comes before are greetings. */
const encryptedRecord = 0x17;

describe.skipIf(!has("mariadb"))(`A lying middlebox, seed ${seed}`, () => {
  const bench = faultBench();

  const sides: { name: string; way: Way }[] = [
    { name: "of the agent", way: "up" },
    { name: "of the portal", way: "down" },
  ];

  test.each(sides)("doubles frames $name: each is taken once, or the link is given up and made anew", async ({ way }) => {
    const site = await bench.site();
    let doubled = 0;
    let seen = 0;
    // The handshake's frames first, so that it is not all that is ever doubled.
    const twice = (frame: WireFrame): boolean => isMessage(frame) && ++seen > 4 && chance(bench.random, 0.4) && ++doubled <= 12;
    site.ways.portal.tamper(
      way,
      onFrames((frame) => (twice(frame) ? [frame.bytes, frame.bytes] : [frame.bytes])),
    );
    site.runSteered();
    await site.comesToRest(0);
    await work(site, commandsOfWork);
    await site.until(() => expect(doubled).toBeGreaterThan(3));
    await site.comesToRest(commandsOfWork);
  });

  test.each(sides)(
    "swaps frames $name: what is out of turn is refused with its reason, and comes again in order",
    async ({ way }) => {
      const site = await bench.site();
      let swapped = 0;
      let seen = 0;
      let kept: Buffer | undefined;
      site.ways.portal.tamper(
        way,
        onFrames((frame) => {
          if (kept !== undefined) {
            const pair = [frame.bytes, kept];
            kept = undefined;
            return pair;
          }
          if (!isMessage(frame) || ++seen <= 4 || swapped >= 6 || !chance(bench.random, 0.4)) return [frame.bytes];
          swapped += 1;
          kept = frame.bytes;
          return [];
        }),
      );
      site.runSteered();
      await work(site, commandsOfWork);
      await site.until(() => expect(swapped).toBeGreaterThan(2));
      await site.comesToRest(commandsOfWork);
    },
  );

  test.each(sides)(
    "flips bits of what is encrypted $name: the link is given up, nothing of it is used, all arrives once",
    async ({ way }) => {
      const { site, run } = await bench.running({ tls: true });
      let flipped = 0;
      site.ways.portal.tamper(way, (bytes) => {
        if (flipped >= 2 || bytes[0] !== encryptedRecord) return bytes;
        flipped += 1;
        const spoilt = Buffer.from(bytes);
        const at = 5 + Math.floor(bench.random() * (bytes.length - 5));
        spoilt[at] = (spoilt[at] ?? 0) ^ 0x10;
        return spoilt;
      });
      await work(site, commandsOfWork);
      await site.until(() => expect(flipped).toBe(2));
      await site.comesToRest(commandsOfWork);
      expect(run.lines.filter(({ level }) => level === "error")).toEqual([]);
    },
  );
});
