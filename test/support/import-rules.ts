// Who may import whom (architecture.md, "Layout"), as data. A breach here couples rooms that must stay apart, so it fails the check.

export interface SourceFile {
  /** Path from the project's root, with `/`. */
  path: string;
  text: string;
}

export interface Breach {
  path: string;
  line: number;
  /** The specifier as written, or the file it leads to. */
  target: string;
  reason: string;
}

interface Import {
  specifier: string;
  line: number;
  /** True when the statement vanishes with the types: `import type`, `export type`. */
  typeOnly: boolean;
}

interface Room {
  name: string;
  files: RegExp;
  /** What files of this room may import besides their own room. */
  may: RegExp[];
  /** What they may import as types only. */
  mayAsType?: RegExp[];
}

const base = /^base\//;
const protocol = /^protocol\//;
const configuration = /^config\//;
const contract = /^connectors\/(connector|feed|grants)\.ts$/;
/** How often a feed gives a sign of life is part of its contract. */
const feedContract = /^connectors\/feed\.ts$/;
/** What the mapping makes of a row: as types, the contract between it and those who use it. */
const mapped = /^agent\/map\/mapped\.ts$/;
/** What quality makes of an entity: likewise, for the store that keeps its facts and for capture. */
const judged = /^agent\/quality\/judged\.ts$/;
const connectorsShared = /^connectors\/[^/]+\.ts$/;
const registry = /^connectors\/registry\.ts$/;
const store = /^agent\/store\//;
const parts = /^agent\/(capture|documents|map|quality|channel|writeback|store)\//;
const agentTop = /^agent\/[^/]+\.(ts|json)$/;
const cli = /^agent\/cli\//;
const portal = /^portal\//;
const installer = /^installer\//;
const demo = /^agent\/cli\/demo\//;
const testSupport = /^test\/support\//;
const sampleErp = /^test\/support\/erp\//;
const anything = /(?:)/;

function part(name: string, may: RegExp[] = []): Room {
  const files = new RegExp(`^agent/${name}/`);
  return { name: `agent/${name}`, files, may: [base, protocol, ...may], mayAsType: [configuration, contract, mapped, judged] };
}

/** The first room whose pattern fits a file is its room. */
const rooms: Room[] = [
  { name: "base", files: base, may: [] },
  { name: "protocol", files: protocol, may: [] },
  { name: "connectors/registry.ts", files: registry, may: [base, /^connectors\//] },
  { name: "connectors", files: connectorsShared, may: [base] },
  ...["mssql", "mysql", "oracle", "postgres", "sqlite", "csv"].map(connectorFolder),
  { name: "config", files: configuration, may: [base, protocol, registry] },
  part("capture", [store, feedContract]),
  part("map"),
  part("quality"),
  part("channel", [store]),
  part("writeback", [store]),
  part("documents", [store]),
  part("store"),
  {
    name: "agent/cli",
    files: cli,
    may: [base, protocol, configuration, /^connectors\//, parts, agentTop, portal, installer, sampleErp],
  },
  { name: "agent/main.ts", files: /^agent\/main\.ts$/, may: [base, cli, agentTop] },
  { name: "agent", files: agentTop, may: [base, protocol, configuration, contract, registry, parts] },
  { name: "portal", files: portal, may: [base, protocol] },
  { name: "installer", files: installer, may: [base] },
  // It measures the parts as they run, from outside: none of the agent's own.
  { name: "bench", files: /^bench\//, may: [base, protocol, portal, demo, agentTop, testSupport] },
  { name: "test", files: /^test\/|\.config\.ts$/, may: [anything] },
];

/** A database's folder sees the shared contract, and no other database. */
function connectorFolder(name: string): Room {
  return {
    name: `connectors/${name}`,
    files: new RegExp(`^connectors/${name}/`),
    may: [base, /^connectors\/(?!registry\.ts)[^/]+\.ts$/],
  };
}

/** Files that compute only: a module that reaches the outside world is refused. */
const pure = /^agent\/(map\/|quality\/|channel\/acks\.ts$)/;
const outsideWorld =
  /^(node:(fs|net|tls|http|https|http2|dgram|dns|child_process|worker_threads|sqlite|readline|timers)(\/.*)?|ws|mysql2(\/.*)?|winston.*|node-cron|https-proxy-agent|@napi-rs\/keyring)$/;

/** Every import that the rules forbid, in the order of the files. */
export function importBreaches(files: SourceFile[]): Breach[] {
  return files.flatMap((file) => {
    const room = rooms.find((candidate) => candidate.files.test(file.path));
    if (room === undefined)
      return [{ path: file.path, line: 1, target: file.path, reason: "stands in no room of architecture.md" }];
    return importsOf(file.text).flatMap((found) => breachOf(file, room, found));
  });
}

function breachOf(file: SourceFile, room: Room, found: Import): Breach[] {
  const breach = (target: string, reason: string): Breach[] => [{ path: file.path, line: found.line, target, reason }];
  if (!found.specifier.startsWith(".")) {
    if (!pure.test(file.path) || found.typeOnly || !outsideWorld.test(found.specifier)) return [];
    return breach(found.specifier, "this part does no I/O");
  }
  const target = resolvePath(file.path, found.specifier);
  if (target === undefined) return breach(found.specifier, "leads out of the project");
  if (room.files.test(target) || room.may.some((allowed) => allowed.test(target))) return [];
  if (!room.mayAsType?.some((allowed) => allowed.test(target))) return breach(target, `${room.name} may not import it`);
  return found.typeOnly ? [] : breach(target, `${room.name} may import its types only`);
}

const statement = /^[ \t]*(import|export)\s+(type\s+)?(?:[\w*{][^;"'`]*?\sfrom\s*)?(["'])([^"'\n]+)\3/gm;
const dynamic = /\bimport\(\s*(["'`])([^"'`\n]+)\1/g;

function importsOf(text: string): Import[] {
  const lineAt = (index: number): number => text.slice(0, index).split("\n").length;
  const found: Import[] = [];
  for (const match of text.matchAll(statement)) {
    found.push({ specifier: match[4] ?? "", line: lineAt(match.index), typeOnly: match[2] !== undefined });
  }
  for (const match of text.matchAll(dynamic)) {
    found.push({ specifier: match[2] ?? "", line: lineAt(match.index), typeOnly: false });
  }
  return found;
}

/** The path that a relative specifier leads to from `from`; undefined when it leaves the project. */
function resolvePath(from: string, specifier: string): string | undefined {
  const steps = from.split("/").slice(0, -1);
  for (const step of specifier.split("/")) {
    if (step === "..") {
      if (steps.pop() === undefined) return undefined;
    } else if (step !== ".") steps.push(step);
  }
  return steps.join("/");
}
