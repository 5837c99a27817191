// A portal that lies: about what it has, about what it was told, about who it spoke with. The agent refuses what can't be true, with its code, comes
// back by itself, loses nothing and carries no command out twice.
import { describe, expect, test } from "vitest";
import type { AgentMessage, PortalMessage, Welcome } from "../../protocol/messages.ts";
import type { LogLine, Run } from "../support/agent-run.ts";
import { faultBench } from "../support/fault-bench.ts";
import { has } from "../support/servers.ts";
import type { Site } from "../support/site.ts";

const say = (site: Site, message: PortalMessage): void => {
  expect(site.gateway.sendRaw(site.agentId, JSON.stringify(message))).toBe(true);
};

/** What the agent says from now on. */
function overheard(site: Site): AgentMessage[] {
  const heard: AgentMessage[] = [];
  site.gateway.hooks.message = (message) => {
    heard.push(message);
    return undefined;
  };
  return heard;
}

const codes = (lines: readonly LogLine[]): (string | undefined)[] => lines.map(({ code }) => code);

/** Number of the agent's last connection: the portal may not have seen the end of the one before when the next is made. */
const connectionOf = ({ gateway }: Site): number =>
  Number(gateway.store.get<{ connection: number }>("SELECT connection FROM agent")?.connection);

async function connectedSince(site: Site, before: number): Promise<void> {
  await site.until(() => {
    expect(connectionOf(site)).toBeGreaterThan(before);
    expect(site.gateway.isConnected(site.agentId)).toBe(true);
  });
}

async function refusedFrame(site: Site, run: Run, message: PortalMessage): Promise<void> {
  const [before, connection] = [run.lines.length, connectionOf(site)];
  say(site, message);
  await site.until(() => expect(codes(run.lines.slice(before))).toContain("portal-frame-malformed"));
  await site.clerkWorks();
  site.hurry();
  await connectedSince(site, connection);
}

describe.skipIf(!has("mariadb"))("A lying portal", () => {
  const bench = faultBench();

  test("acks of what was never sent, and refusals past their ack or out of order, are refused; nothing of the outbox is dropped", async () => {
    const { site, run } = await bench.running();
    const next = Number(site.gateway.store.get<{ last: number }>("SELECT last FROM agent")?.last) + 1;
    const refused = (seq: number) => ({ seq, code: "later" as const, reason: "not now" });
    site.gateway.hooks.ackDelayMs = "never";
    await site.clerkWorks();
    const lies: PortalMessage[] = [
      { type: "ack", seq: next + 1_000, refused: [] },
      { type: "ack", seq: next, refused: [refused(next + 5)] },
    ];
    for (const lie of lies) await refusedFrame(site, run, lie);
    site.gateway.hooks.ackDelayMs = undefined;
    site.report();
    await site.clerkWorks();
    await site.comesToRest(1);
  });

  test("acks that come twice, late and again after more was acked change nothing", async () => {
    const { site, run } = await bench.running();
    const last = (): number => Number(site.gateway.store.get<{ last: number }>("SELECT last FROM agent")?.last);
    const old = last();
    for (let n = 0; n < 3; n++) {
      site.report(`Schaden ${n}`);
      await site.clerkWorks();
      await site.converges();
      for (const seq of [last(), last(), old, 0]) say(site, { type: "ack", seq, refused: [] });
    }
    await site.comesToRest(3);
    expect(codes(run.lines)).not.toContain("portal-frame-malformed");
  });

  test("a command that is sent again at once, while it is carried out, when it is settled, and after a restart of the agent has one effect, and its result is told again each time", async () => {
    const { site, run } = await bench.running();
    const heard = overheard(site);
    const id = site.report();
    const again = (): void => say(site, JSON.parse(site.gateway.command(id)?.body ?? "") as PortalMessage);
    for (let n = 0; n < 5; n++) again();
    await site.until(() => expect(site.gateway.command(id)?.state).toBe("settled"));
    const results = (): number => heard.filter((message) => message.type === "result" && message.id === id).length;
    const before = results();
    again();
    again();
    await site.until(() => expect(results()).toBeGreaterThan(before));
    const connection = connectionOf(site);
    await run.kill9();
    site.runSteered();
    await connectedSince(site, connection);
    again();
    await site.comesToRest(1);
  });

  test("another command under an id that was used is not carried out: the first one stands", async () => {
    const { site } = await bench.running();
    const id = site.report("Der erste");
    const forged = JSON.parse(site.gateway.command(id)?.body ?? "") as Extract<PortalMessage, { type: "command" }>;
    await site.until(() => expect(site.gateway.command(id)?.state).toBe("settled"));
    say(site, { ...forged, values: { ...forged.values, title: "Der zweite" } });
    await site.clerkWorks();
    await site.comesToRest(1);
    expect(await site.erp.query("SELECT KURZTEXT FROM AUFTRAG WHERE KURZTEXT LIKE 'Der %'")).toEqual([{ KURZTEXT: "Der erste" }]);
  });

  test("results settled before they were told, in another revision, or of commands that nobody gave: each result is still told until it is settled", async () => {
    const { site, run } = await bench.running();
    site.killAt("before-erp-commit");
    const id = site.report();
    await run.ended;
    const heard = overheard(site);
    const connection = connectionOf(site);
    site.runSteered();
    await connectedSince(site, connection);
    for (const revision of [1, 2, 99]) say(site, { type: "settled", id, revision });
    say(site, { type: "settled", id: "01NEVERISSUEDATALL00", revision: 1 });
    await site.comesToRest(1);
    expect(heard.filter((message) => message.type === "result")).not.toEqual([]);
  });

  test("a result that was settled and then lost at the portal is told again when the command comes again", async () => {
    const { site } = await bench.running();
    let lost = 0;
    site.gateway.hooks.message = (message) => {
      if (message.type !== "result" || lost > 0) return undefined;
      lost += 1;
      say(site, { type: "settled", id: message.id, revision: message.revision });
      return "ignore";
    };
    const id = site.report();
    await site.until(() => expect(lost).toBe(1));
    await site.until(async () =>
      expect((await site.erp.query("SELECT 1 AS N FROM AUFTRAG WHERE FREMDNR = ?", [id])).length).toBe(1),
    );
    say(site, JSON.parse(site.gateway.command(id)?.body ?? "") as PortalMessage);
    await site.comesToRest(1);
  });

  const lies: { name: string; lie: (welcome: Welcome) => Partial<Welcome>; epochs: RegExp }[] = [
    { name: "it holds more than was ever sent", lie: ({ last }) => ({ last: (last ?? 0) + 1_000 }), epochs: /^epoch-/ },
    { name: "it holds nothing of this epoch", lie: () => ({ last: null }), epochs: /^epoch-/ },
    { name: "it holds less than it has acked", lie: () => ({ last: 1 }), epochs: /^epoch-/ },
    { name: "it has seen later connections", lie: ({ seen }) => ({ seen: seen + 5 }), epochs: /^epoch-/ },
  ];
  test.each(lies)(
    "a welcome that says $name: a new epoch, everything is compared, all of both directions arrives once",
    async ({ lie, epochs }) => {
      const { site, run } = await bench.running();
      let lied = 0;
      site.gateway.hooks.welcome = (welcome) => {
        lied += 1;
        return lied === 1 ? { ...welcome, ...lie(welcome) } : welcome;
      };
      site.report();
      site.gateway.disconnect(site.agentId);
      await site.clerkWorks();
      site.hurry();
      await site.until(() => expect(codes(run.lines)).toContainEqual(expect.stringMatching(epochs)));
      site.report("Noch ein Schaden");
      await site.comesToRest(2);
    },
  );

  test("an ack of all, before any of it is durable, as the last words of a portal that then forgets it: found at the next connection", async () => {
    const { site, run } = await bench.running();
    const last = Number(site.gateway.store.get<{ last: number }>("SELECT last FROM agent")?.last);
    let swallowed = 0;
    site.gateway.hooks.message = (message) => {
      if (message.type !== "changes" || swallowed > 0) return undefined;
      swallowed += message.tables.reduce((sum, table) => sum + table.rows.length, 0);
      say(site, { type: "ack", seq: last + swallowed, refused: [] });
      return "ignore";
    };
    await site.clerkWorks();
    await site.until(() => expect(swallowed).toBeGreaterThan(0));
    site.gateway.hooks.message = undefined;
    site.report();
    site.gateway.disconnect(site.agentId);
    site.hurry();
    await site.until(() => expect(codes(run.lines)).toContain("epoch-portal-restored"));
    await site.comesToRest(1);
  });
});
