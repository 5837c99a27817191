import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort, observed, programOf, tempDirectory } from "./servers.ts";

export interface Sshd extends AsyncDisposable {
  port: number;
  user: string;
  /** That the account may log in with. */
  privateKey: string;
  /** One that the server does not know. */
  strangeKey: string;
  /** As ssh-keygen prints it. */
  hostKey: string;
  /** Ends it, as a server that goes away. */
  stop(): Promise<void>;
  /** Starts it again on the same port, with another host key where asked. */
  start(options?: { hostKey: "other" }): Promise<void>;
}

/** An OpenSSH server of our own for SFTP alone, on a free loopback port, with keys of its own; the tests' account logs in with a key. */
export async function sshd(): Promise<Sshd> {
  const program = programOf("sshd");
  const home = await tempDirectory();
  const port = await freePort();
  const { username } = userInfo();
  for (const name of ["host", "other", "client", "strange"])
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(home.path, name)]);
  // As root it insists on this folder; its package makes it only when the service starts.
  if (process.getuid?.() === 0) mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
  let running: ReturnType<typeof spawn> | undefined;

  async function start(options?: { hostKey: "other" }): Promise<void> {
    const config = join(home.path, "sshd_config");
    const lines = [
      `Port ${port}`,
      "ListenAddress 127.0.0.1",
      `HostKey ${join(home.path, options?.hostKey ?? "host")}`,
      `AuthorizedKeysFile ${join(home.path, "client.pub")}`,
      "PidFile none",
      "UsePAM no",
      "StrictModes no",
      "PasswordAuthentication no",
      "PermitRootLogin prohibit-password",
      "Subsystem sftp internal-sftp",
    ];
    writeFileSync(config, `${lines.join("\n")}\n`);
    const child = spawn(program, ["-D", "-e", "-f", config], { stdio: ["ignore", "ignore", "pipe"] });
    running = child;
    let said = "";
    child.stderr?.on("data", (data) => {
      said += data;
    });
    for (const until = performance.now() + 20_000; !(await answers(port)); ) {
      if (child.exitCode !== null || performance.now() > until) throw new Error(`sshd did not start: ${said}`);
      await sleep(20);
    }
  }

  async function stop(): Promise<void> {
    const child = running;
    running = undefined;
    if (child === undefined || child.exitCode !== null) return;
    child.kill("SIGTERM");
    await once(child, "exit");
  }

  await start();
  // It prints its version with the message on an option that it does not have.
  observed("sshd", versionOf(program));
  const print = execFileSync("ssh-keygen", ["-lf", join(home.path, "host.pub")], { encoding: "utf8" });
  return {
    port,
    user: username,
    privateKey: readFileSync(join(home.path, "client"), "utf8"),
    strangeKey: readFileSync(join(home.path, "strange"), "utf8"),
    hostKey: print.split(" ")[1] as string,
    start,
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
      await home[Symbol.asyncDispose]();
    },
  };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("data", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
    socket.once("close", () => resolve(false));
  });
}

function versionOf(program: string): string {
  const { stderr } = spawnSync(program, ["-V"], { encoding: "utf8" });
  return /OpenSSH_[\w.]+/.exec(stderr)?.[0] ?? "unknown";
}
