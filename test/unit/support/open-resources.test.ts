import { spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { describe, expect, test } from "vitest";
import { openedSince, openResources } from "../../support/open-resources.ts";
import { watchSockets } from "../../support/open-sockets.ts";

describe("the leak check names", () => {
  test("a timer that is still armed", () => {
    const before = openResources();
    const timer = setTimeout(() => undefined, 60_000);
    expect(openedSince(before)).toEqual(["1 × Timeout"]);
    clearTimeout(timer);
    expect(openedSince(before)).toEqual([]);
  });

  test("a server that still listens, and both ends of a connection, with ports, state and who opened it", async () => {
    const before = openResources();
    const openSockets = watchSockets();
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const accepted = once(server, "connection");
    const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
    await once(socket, "connect");
    await accepted;
    expect(openedSince(before).sort()).toEqual(["1 × TCPServerWrap", "2 × TCPSocketWrap"]);
    const [near, far] = [socket.localPort, socket.remotePort];
    expect(openSockets()).toHaveLength(2);
    expect(openSockets()).toContainEqual(
      expect.stringMatching(`^${near} to ${far}, reading, opened .*open-resources\\.test\\.ts`),
    );
    expect(openSockets()).toContain(`${far} to ${near}, reading, accepted by a server`);
    socket.destroy();
    server.close();
    await once(server, "close");
    await expect.poll(() => openedSince(before)).toEqual([]);
    expect(openSockets()).toEqual([]);
  });

  test("a child process that still runs", async () => {
    const before = openResources();
    const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
    expect(openedSince(before)).toEqual(["1 × ProcessWrap"]);
    child.kill("SIGKILL");
    await once(child, "exit");
    await expect.poll(() => openedSince(before)).toEqual([]);
  });

  test("a signal handler that was not taken off", () => {
    const before = openResources();
    const handler = (): void => undefined;
    process.on("SIGTERM", handler);
    expect(openedSince(before)).toContain('1 × listener of process "SIGTERM"');
    process.off("SIGTERM", handler);
    expect(openedSince(before)).toEqual([]);
  });
});
