/** From the configuration's text to the configuration, or to all of its faults. */
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { FuserError } from "../base/errors.ts";
import type { Finding } from "../base/findings.ts";
import type { Config, Fault } from "./config.ts";
import { readDocument } from "./document.ts";
import { readable } from "./fault-text.ts";
import { noteNeverWritten } from "./never-written.ts";
import { overPreset } from "./preset.ts";
import { checkSources } from "./references.ts";
import { resolveCommand } from "./resolve-command.ts";
import { resolveMaps, resolveScope, resolveTypes, resolveVars } from "./resolve-dictionaries.ts";
import { resolveOwnTypes } from "./resolve-own-types.ts";
import { resolveProperties } from "./resolve-properties.ts";
import { resolvePublished } from "./resolve-published.ts";
import { resolveDeliver, resolveQuality } from "./resolve-quality.ts";
import { resolveSettings } from "./resolve-settings.ts";
import { resolveSource } from "./resolve-source.ts";
import { createScene, type Scene } from "./scene.ts";
import type { FileNode } from "./schema.ts";
import { checkStored, secretsIn } from "./secret-references.ts";
import { shapeOf } from "./shape.ts";

export interface LoadOptions {
  /** Names of the stored secrets. With them, a reference to another one is a fault. */
  secrets?: readonly string[];
}

/** Faults are in the order of their lines. Notes are facts worth knowing about a configuration without faults. */
export type Loaded =
  | { config: Config; notes: readonly Finding[]; faults?: undefined }
  | { faults: readonly Fault[]; config?: undefined };

/**
 * Loads a configuration from a file, or from a text that stands for the file `file`. Relative directories in it are seen from the file's.
 * Throws `config-unreadable` when the file can't be read; every fault of its contents is returned.
 */
export async function loadConfig(from: string | { text: string; file: string }, options: LoadOptions = {}): Promise<Loaded> {
  if (typeof from !== "string") return parseConfig(from, options);
  return parseConfig({ text: await readText(from), file: from }, options);
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw unreadable(file, cause);
  }
}

function unreadable(file: string, cause: unknown): FuserError {
  return new FuserError("config", "The configuration can't be read", {
    code: "config-unreadable",
    operation: "read the configuration",
    place: file,
    hint: "Check that the file exists and that the service's account may read it.",
    cause,
  });
}

/** The same without reading a file. */
export function parseConfig({ text, file }: { text: string; file: string }, options: LoadOptions = {}): Loaded {
  const written = readDocument(text);
  if (written.tree === undefined) return { faults: inOrder(written.faults) };
  const source = overPreset(written);
  const shape = shapeOf(source);
  const faults = [...source.faults, ...shape.faults];
  if (shape.file === undefined) return { faults: inOrder(faults) };
  const scene = createScene(shape.file, shape, source.tree);
  const config = configOf(scene, resolve(file), options);
  faults.push(...scene.faults);
  return faults.length > 0 ? { faults: inOrder(faults) } : { config, notes: scene.notes };
}

function inOrder(faults: readonly Fault[]): readonly Fault[] {
  const once = new Map(faults.map((fault) => [JSON.stringify([fault.path, fault.message]), fault]));
  return [...once.values()].map(readable).sort((a, b) => a.line - b.line || a.path.localeCompare(b.path));
}

function configOf(bare: Scene, file: string, options: LoadOptions): Config {
  const { ownTypes, types } = resolveOwnTypes(bare);
  const scene: Scene = { ...bare, types };
  const { erp, agent, guards, quality, journal, reconcile } = scene.file;
  const { connector, timezone, confirmAfter, courtesy, ...written } = erp;
  const secrets = [...secretsIn(scene, written, ["erp"]), ...proxySecret(scene.file)];
  const settings = resolveSettings(scene, connector, written);
  secretsIn(scene, scene.file.vars, ["vars"]);
  if (options.secrets) checkStored(scene, secrets, options.secrets);
  const sources = Object.entries(scene.file.sources).map(([name, node]) => resolveSource(scene, name, node));
  if (sources.length === 0 && !scene.broken(["sources"]))
    scene.fault(["sources"], "There is no source", "Add a source: `name: { type, table, key, fields }`.");
  checkSources(scene, sources);
  const commands = Object.entries(scene.file.commands).map(([name, node]) => resolveCommand(scene, name, node));
  const published = resolvePublished(scene, sources);
  noteNeverWritten(scene, commands, sources);
  return {
    file,
    agent: agentOf(agent, file),
    erp: { connector, settings, timezone, confirmAfterMs: confirmAfter, courtesy: courtesyOf(courtesy) },
    vars: resolveVars(scene),
    scope: resolveScope(scene),
    types: resolveTypes(scene),
    ...(Object.keys(ownTypes).length === 0 ? {} : { ownTypes }),
    maps: resolveMaps(scene),
    ...(published === undefined ? {} : { published }),
    sources,
    properties: resolveProperties(scene, sources),
    commands,
    guards,
    reconcile: {
      between: { fromMinute: reconcile.between.from, untilMinute: reconcile.between.until },
      everyMs: reconcile.every,
      records: reconcile.records,
    },
    quality: resolveQuality(quality),
    persons: personsOf(scene, sources),
    worklists: resolveDeliver(quality, file),
    journal: { keepDays: journal.keepDays, maxBytes: journal.max },
  };
}

/** The answers come from facts, which the rules of quality gather. */
function personsOf(scene: Scene, sources: Config["sources"]): Config["persons"] {
  const { persons, quality } = scene.file;
  const at = ["persons", "match"];
  if (persons.match && !quality.rules)
    scene.fault(at, "Persons are found by facts, which are not gathered", "Leave `quality: { rules: false }` out, or `match`.");
  if (persons.match && !sources.some(({ type }) => type === "person"))
    scene.fault(at, "No source gives a person", "Add a source of type person, or leave `match` out.");
  return persons;
}

function proxySecret(file: FileNode): { name: string; path: string[] }[] {
  const password = file.agent.proxy?.password;
  return password ? [{ name: password.secret, path: ["agent", "proxy", "password", "secret"] }] : [];
}

/** Where the state is kept when the configuration does not say (operations.md, "Paths"). */
function defaultState(): string {
  if (process.platform !== "win32") return "/var/lib/erpfuser";
  return `${process.env.ProgramData ?? "C:\\ProgramData"}\\ErpFuser\\state`;
}

function agentOf(agent: FileNode["agent"], file: string): Config["agent"] {
  const from = (path: string): string => resolve(dirname(file), path);
  return {
    name: agent.name,
    portal: agent.portal,
    stage: agent.stage,
    state: from(agent.state ?? defaultState()),
    logs: agent.logs === undefined ? undefined : from(agent.logs),
    proxy: agent.proxy && { url: agent.proxy.url, user: agent.proxy.user, password: agent.proxy.password?.secret },
    caFile: agent.caFile === undefined ? undefined : from(agent.caFile),
  };
}

/** A time over midnight becomes two, so that `fromMinute` is always before `untilMinute`. */
function courtesyOf(courtesy: FileNode["erp"]["courtesy"]): Config["erp"]["courtesy"] {
  const blackout = (courtesy.blackout ?? []).flatMap(({ between: { from, until } }) =>
    from < until
      ? [{ fromMinute: from, untilMinute: until }]
      : [
          { fromMinute: from, untilMinute: 1_440 },
          { fromMinute: 0, untilMinute: until },
        ].filter((part) => part.fromMinute < part.untilMinute),
  );
  return {
    pace: courtesy.pace,
    rowsPerSecond: courtesy.rowsPerSecond,
    statementTimeoutMs: courtesy.statementTimeout,
    lockTimeoutMs: courtesy.lockTimeout,
    blackout,
    commandsInBlackout: courtesy.commands,
  };
}
