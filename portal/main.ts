#!/usr/bin/env node
/**
 * The reference portal as a process of its own: `--store FILE` `--port N` `--page` `--tenant NAME` `--public-origin URL`.
 * The admin token is read from ERPFUSER_PORTAL_TOKEN, else made and told once, in the one JSON line on stdout.
 */
import { randomBytes } from "node:crypto";
import { flushCompileCache } from "node:module";
import { parseArgs } from "node:util";
import { describeError, FuserError } from "../base/errors.ts";
import { type Log, type LogFields, type LogLevel, silentLog } from "../base/log.ts";
import { systemClock } from "../base/time.ts";
import { adminRoute } from "./admin.ts";
import { type Gateway, openGateway } from "./gateway.ts";
import { pageRoute } from "./page.ts";

/** Uniform in [0, 1) from the system's own source, 48 bits. */
const secureRandom = (): number => randomBytes(6).readUIntBE(0, 6) / 2 ** 48;

function stderrLog(part?: string): Log {
  const line =
    (level: LogLevel) =>
    (message: string, fields?: LogFields): void => {
      const entry = { time: new Date(systemClock.now()).toISOString(), level, part, message, ...fields };
      process.stderr.write(`${JSON.stringify(entry)}\n`);
    };
  return { error: line("error"), warn: line("warn"), info: line("info"), debug() {}, part: stderrLog };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      store: { type: "string" },
      port: { type: "string", default: "0" },
      page: { type: "boolean", default: false },
      quiet: { type: "boolean", default: false },
      tenant: { type: "string", default: "demo" },
      "public-origin": { type: "string" },
    },
  });
  if (values.store === undefined || !/^\d{1,5}$/.test(values.port)) {
    throw new FuserError(
      "config",
      "usage: portal/main.ts --store FILE [--port N] [--page] [--quiet] [--tenant NAME] [--public-origin URL]",
      {
        code: "usage",
        operation: "start the portal",
      },
    );
  }
  const publicOrigin = values["public-origin"];
  const gateway = await openGateway({
    storePath: values.store,
    port: Number(values.port),
    random: secureRandom,
    log: values.quiet ? silentLog : stderrLog(),
    tenant: values.tenant,
    ...(publicOrigin === undefined ? {} : { publicOrigin }),
  });
  const token = process.env.ERPFUSER_PORTAL_TOKEN || randomBytes(24).toString("base64url");
  gateway.addRoute(adminRoute(gateway, { token, clock: systemClock }));
  if (values.page) gateway.addRoute(pageRoute());
  stopOnSignal(gateway);
  const page = values.page ? { page: `${gateway.httpUrl}/#token=${token}` } : {};
  process.stdout.write(`${JSON.stringify({ url: gateway.url, httpUrl: gateway.httpUrl, token, pid: process.pid, ...page })}\n`);
  // Under NODE_COMPILE_CACHE: a process that is killed would leave nothing of it.
  flushCompileCache();
}

function stopOnSignal(gateway: Gateway): void {
  for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, () => void gateway.close());
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = 1;
}
