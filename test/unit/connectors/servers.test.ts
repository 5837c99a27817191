import { describe, expect, it } from "vitest";
import { FuserError } from "../../../base/errors.ts";
import { createServers, serverAddresses, serverList, serversText, type Ways } from "../../../connectors/servers.ts";
import { manualClock } from "../../support/manual-clock.ts";

const never = new AbortController().signal;
const away = new FuserError("transient", "away", { code: "erp-unreachable", operation: "connect" });
const refused = new FuserError("config", "refused", { code: "erp-login-refused", operation: "connect" });

type Server = "primary" | "standby" | FuserError;

/** Servers `a`, `b`, … as given; they may be changed. */
function cluster(...servers: Server[]) {
  const clock = manualClock();
  const names = servers.map((_, index) => String.fromCharCode(97 + index));
  const asked: string[] = [];
  const hungUp: string[] = [];
  const ways: Ways<string> = {
    async open({ host }) {
      asked.push(host);
      const server = servers[names.indexOf(host)] as Server;
      if (server instanceof FuserError) throw server;
      return host;
    },
    isPrimary: (host) => servers[names.indexOf(host)] === "primary",
    hangUp: (host) => hungUp.push(host),
  };
  const connecting = createServers(serverAddresses(names, 1), "here", clock);
  const connect = (more: Partial<Ways<string>> = {}, signal = never) => connecting.connect({ ...ways, ...more }, signal);
  return { servers, connecting, connect, asked, hungUp, clock };
}

describe("addresses of servers", () => {
  it("are read with and without a port of their own", () => {
    const list = ["erp1", "erp2:3307", "[fe80::1]:3308", "[::1]", "fe80::2", "/var/run/postgresql", "erp3\\sql"];
    expect(serverAddresses(list, 3306)).toEqual([
      { host: "erp1", port: 3306 },
      { host: "erp2", port: 3307 },
      { host: "fe80::1", port: 3308 },
      { host: "::1", port: 3306 },
      { host: "fe80::2", port: 3306 },
      { host: "/var/run/postgresql", port: 3306 },
      { host: "erp3\\sql", port: 3306 },
    ]);
    expect(serversText(serverAddresses(["erp1", "[::1]:7"], 3306))).toBe("erp1:3306,[::1]:7");
  });

  it.each([[[]], [""], [["a", ""]], [7]])("%j are none", (given) => {
    expect(serverList.safeParse(given).success).toBe(false);
  });
});

describe("of several servers", () => {
  it("the first that is the primary is taken, and none after it is asked", async () => {
    const { connect, asked, hungUp } = cluster("standby", away, "primary", "primary");
    expect(await connect()).toBe("c");
    expect(asked).toEqual(["a", "b", "c"]);
    expect(hungUp).toEqual(["a"]);
  });

  it("one that is away is asked last for half a minute, and in its place again afterwards", async () => {
    const { servers, connect, asked, clock } = cluster(away, "standby", "standby");
    await expect(connect()).rejects.toMatchObject({ code: "erp-read-only" });
    await expect(connect()).rejects.toMatchObject({ code: "erp-read-only" });
    clock.advance(30_000);
    servers[0] = "primary";
    expect(await connect()).toBe("a");
    expect(asked.join("")).toBe("abcbcaa");
  });

  it("the one that was taken stays, also when one named before it is back with what it had, for as long as it is the primary", async () => {
    const { servers, connect, asked, clock } = cluster(away, "primary");
    expect(await connect()).toBe("b");
    servers[0] = "primary";
    clock.advance(30_000);
    expect(await connect()).toBe("b");
    servers[1] = "standby";
    expect(await connect()).toBe("a");
    servers[1] = "primary";
    expect(await connect()).toBe("a");
    expect(asked.join("")).toBe("abbbaa");
  });

  it("one that was away is still found at once where no other is the primary", async () => {
    const { servers, connect } = cluster(away, "primary");
    await connect();
    servers.splice(0, 2, "primary", "standby");
    expect(await connect()).toBe("a");
  });

  it("a refused login is told at once; where all are away, what keeps the first away; where others only can be read, that", async () => {
    const wrong = cluster("standby", refused, "primary");
    await expect(wrong.connect()).rejects.toBe(refused);
    expect(wrong.asked).toEqual(["a", "b"]);
    const lost = new FuserError("transient", "lost", { code: "erp-connection-lost", operation: "connect" });
    await expect(cluster(lost, away).connect()).rejects.toBe(lost);
    expect(await cluster(refused, "primary").connect({ alsoAway: ["erp-login-refused"] })).toBe("b");
    const none = cluster(away, "standby");
    await expect(none.connect()).rejects.toMatchObject({ kind: "transient", code: "erp-read-only", place: "here" });
    expect(none.hungUp).toEqual(["b"]);
  });

  it("connections of before are not used again once another server was taken, or the one taken is doubted", async () => {
    const { servers, connecting, connect } = cluster("primary", "primary");
    await connect();
    await connect();
    const first = connecting.epoch;
    servers[0] = away;
    await connect();
    expect(connecting.epoch).not.toBe(first);
    const second = connecting.epoch;
    const readOnly = new FuserError("config", "read-only", { code: "erp-read-only", operation: "write" });
    expect(connecting.doubtFor(readOnly)).toMatchObject({ kind: "transient", code: "erp-read-only", cause: readOnly });
    expect(connecting.epoch).not.toBe(second);
  });

  it("a single one is taken whatever it is", async () => {
    const { connect, connecting } = cluster("standby");
    expect(await connect()).toBe("a");
    connecting.doubt();
    expect(connecting.doubtFor(refused)).toBe(refused);
    expect(connecting.epoch).toBe(0);
  });

  it("an abort ends the search", async () => {
    const abort = new AbortController();
    const { connect, asked } = cluster("standby", "primary");
    const hangUp = (): void => abort.abort();
    await expect(connect({ hangUp }, abort.signal)).rejects.toMatchObject({ name: "AbortError" });
    expect(asked).toEqual(["a"]);
  });
});
