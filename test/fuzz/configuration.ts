/** Configuration files of chance through the loader and, where they load, the compiler: all faults with place and remedy, or a configuration. */
import { tryCompile } from "../../agent/compile.ts";
import type { Fault } from "../../config/config.ts";
import { parseConfig } from "../../config/load.ts";
import type { Connector } from "../../connectors/connector.ts";
import { type ConfigCase, makeConfigCase } from "./config-texts.ts";
import { guessConnector, namesIn } from "./guess-connector.ts";
import { Broken, type OpenTarget, type Target } from "./target.ts";

/** CPU time that one file may take, ms: files of people take a hundredth of it. */
const mostCpuMs = 4_000;
const file = "/etc/erpfuser.yaml";

export const configuration: Target = { name: "configuration", unit: "files", open: openConfiguration };

async function openConfiguration(): Promise<OpenTarget<unknown>> {
  const before = prototypes();
  const { signal } = new AbortController();
  return {
    make: makeConfigCase,
    show: (made) => JSON.stringify((made as ConfigCase).text),
    async run(made) {
      const { text, secret } = made as ConfigCase;
      const began = process.cpuUsage();
      const loaded = parseConfig({ text, file });
      if (loaded.config === undefined) judgeFaults(loaded.faults, text);
      else {
        const connector = guessConnector(namesIn(text), text.length % 7) as Connector;
        const compiled = await tryCompile(loaded.config, connector, signal);
        if (compiled.compiled === undefined) judgeFaults(compiled.faults, text);
      }
      const said = JSON.stringify(loaded.config === undefined ? loaded.faults : loaded.notes);
      if (secret !== undefined && said.includes(secret)) throw new Broken("no fault repeats a secret", said);
      const { user, system } = process.cpuUsage(began);
      if ((user + system) / 1_000 > mostCpuMs)
        throw new Broken("a file is read in bounded time", `${Math.round((user + system) / 1_000)} ms of CPU`);
      if (prototypes() !== before) throw new Broken("no file changes what all objects have", prototypes());
      return 1;
    },
    async [Symbol.asyncDispose]() {},
  };
}

function judgeFaults(faults: readonly Fault[], text: string): void {
  if (faults.length === 0) throw new Broken("a refused file has faults", "none");
  const lines = text.split("\n").length;
  for (const fault of faults) {
    const { path, line, message, remedy } = fault;
    const placed = typeof path === "string" && Number.isInteger(line) && line >= 1 && line <= lines;
    if (!placed) throw new Broken("a fault has its place", JSON.stringify(fault));
    if (message === "" || remedy === "" || /\bundefined\b|\[object/.test(message + remedy))
      throw new Broken("a fault says what is wrong and what to do", JSON.stringify(fault));
    if (message.length + remedy.length + path.length > 6_000)
      throw new Broken("a fault is short", `${message.length}, ${remedy.length}, ${path.length}`);
  }
}

function prototypes(): string {
  return [Object.prototype, Array.prototype, Function.prototype, String.prototype]
    .map((one) => Object.getOwnPropertyNames(one).length)
    .join(" ");
}
