import { describeError, FuserError, isAbort } from "../../base/errors.ts";
import type { Finding } from "../../base/findings.ts";
import { certificateForecast, supportForecast } from "../../base/forecasts.ts";
import type { CheckNeeds, Table, WriteRight } from "../connector.ts";
import { serversText } from "../servers.ts";
import { bind, concat, join } from "../statement.ts";
import { checkRoutine } from "./call.ts";
import { companyProblems } from "./company.ts";
import { placeOf, tlsChoice } from "./config.ts";
import { type Access, lookAt } from "./connect.ts";
import { askServer, describeTables } from "./describe.ts";
import type { Inspection, Problem } from "./inspection.ts";
import { type Link, openLink } from "./link.ts";
import { passwordProblems } from "./password-checks.ts";
import { mysqlSyntax } from "./sql.ts";

const operation = "check the ERP's database";
/** Oldest versions whose behaviour the connector relies on (max_statement_time, sql_mode, GTID). */
const oldest = { MariaDB: [10, 3], MySQL: [5, 7] } as const;

/** Every problem of server, rights and settings at once; only what can't be reached at all ends it early. */
export async function checkMysql(access: Access, needs: CheckNeeds, signal: AbortSignal): Promise<Finding[]> {
  const place = placeOf(access.settings);
  let link: Link;
  try {
    link = await openLink(access, "read", signal);
  } catch (error) {
    if (isAbort(error) || !(error instanceof FuserError)) throw error;
    return [
      {
        severity: "error",
        code: error.code,
        place,
        message: error.message,
        remedy: error.hint ?? "Correct the settings under `erp:`.",
      },
    ];
  }
  try {
    const problems: Problem[] = [];
    for (const inspect of [server, others, encryption, certificate, passwordProblems, rights, companyProblems, tables, calls]) {
      try {
        problems.push(...(await inspect({ access, link, needs, signal })));
      } catch (error) {
        if (isAbort(error)) throw error;
        problems.push({
          severity: "error",
          code: "erp-check-failed",
          message: describeError(error),
          remedy: "Mend this and check again.",
        });
      }
    }
    return problems.map((problem) => ({ place, ...problem }));
  } finally {
    await link.close();
  }
}

async function server({ access, link, needs, signal }: Inspection): Promise<Problem[]> {
  const rows = await askServer(
    link,
    "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('version', 'read_only', 'sql_mode', 'max_allowed_packet', 'time_zone', 'wait_timeout', 'default_storage_engine')",
    signal,
    operation,
  );
  const variables = new Map(rows.map((row) => [row.variable_name, row.value ?? ""]));
  const version = variables.get("version") ?? "";
  const product = /mariadb/i.test(version) ? "MariaDB" : "MySQL";
  const problems: Problem[] = [];
  const [major = 0, minor = 0] = version
    .replace(/^5\.5\.5-/, "")
    .split(".")
    .map(Number.parseFloat);
  const [leastMajor, leastMinor] = oldest[product];
  if (major < leastMajor || (major === leastMajor && minor < leastMinor)) {
    problems.push({
      severity: "error",
      code: "erp-version",
      message: `${product} ${version} is too old`,
      remedy: `Update to ${product} ${leastMajor}.${leastMinor} or later.`,
    });
  }
  problems.push(...supportForecast(product, version.replace(/^5\.5\.5-/, ""), access.context.clock.now()));
  if (product === "MySQL") {
    problems.push({
      severity: "info",
      code: "erp-not-verified",
      message: "Nobody has run the contract tests against this product yet; MariaDB 10.11 is verified",
      remedy: "Run `npm run contract` against a test server.",
    });
  }
  if (needs.write.length > 0 && variables.get("read_only") === "ON") {
    problems.push({
      severity: "error",
      code: "erp-read-only",
      message: "The server is read-only, perhaps a replica",
      remedy: "Connect to the primary server.",
    });
  }
  if (Number(variables.get("max_allowed_packet")) < 4 * 1024 * 1024) {
    problems.push({
      severity: "warning",
      code: "erp-packet-small",
      message: "max_allowed_packet is below 4 MB: long texts can't be written",
      remedy: "SET GLOBAL max_allowed_packet = 16777216 (and in the server's configuration)",
    });
  }
  if (Number(variables.get("wait_timeout")) < 60) {
    problems.push({
      severity: "info",
      code: "erp-wait-timeout",
      message: "The server ends idle connections within a minute; they are opened again each time",
      remedy: "A wait_timeout of 600 or more avoids it.",
    });
  }
  if (!/STRICT_(TRANS|ALL)_TABLES/.test(variables.get("sql_mode") ?? "")) {
    problems.push({
      severity: "info",
      code: "erp-not-strict",
      message: "The server cuts values that are too long without an error; our own sessions are strict",
      remedy: "Nothing to do for us; ask the ERP's vendor before changing sql_mode.",
    });
  }
  return problems;
}

/** The other servers of the list: one that can't be reached takes over nothing, and of two that can be written to nobody knows which one the ERP writes to. */
async function others({ access, link, signal }: Inspection): Promise<Problem[]> {
  const { addresses } = access.servers;
  const problems: Problem[] = [];
  const writable = [link.server];
  for (const one of addresses.filter((address) => address !== link.server)) {
    const found = await lookAt(access, one, signal);
    if (found === "primary") writable.push(one);
    else if (found !== "standby")
      problems.push({
        severity: "warning",
        code: found.code,
        place: serversText([one]),
        message: found.message,
        remedy: found.hint ?? "Mend this, so that the server can take over.",
      });
  }
  if (writable.length > 1)
    problems.push({
      severity: "warning",
      code: "erp-several-primaries",
      message: `Several of the servers can be written to (${serversText(writable)}): the first that answers is taken`,
      remedy: "SET GLOBAL read_only = ON on those that follow the primary (and in their configuration)",
    });
  return problems;
}

async function encryption({ access, link, signal }: Inspection): Promise<Problem[]> {
  const [row] = await askServer(link, "SHOW SESSION STATUS LIKE 'Ssl_cipher'", signal, operation);
  const choice = tlsChoice(access.settings, link.server);
  if (choice.mode !== "off" && !row?.value) {
    return [
      {
        severity: "warning",
        code: "erp-not-encrypted",
        message: "The server offers no encryption: passwords and tenant data pass the network in the clear",
        remedy: "Let the DBA set up TLS, then `tls: { mode: required, ca: … }`.",
      },
    ];
  }
  if (choice.mode === "off" && access.settings.socket === undefined && access.settings.tls?.mode === "off") {
    return [
      {
        severity: "info",
        code: "erp-not-encrypted",
        message: "Encryption is switched off in the configuration",
        remedy: "Take `tls: { mode: off }` out unless the server is on this machine.",
      },
    ];
  }
  if (row?.value && !choice.verify) {
    return [
      {
        severity: "warning",
        code: "erp-not-verified-tls",
        message: "The connection is encrypted, but the server's certificate is not verified",
        remedy: "Set `tls: { ca: FILE }` to the authority that signed it.",
      },
    ];
  }
  return [];
}

/** Empty where the server has none, or does not tell. */
async function certificate({ access, link, signal }: Inspection): Promise<Problem[]> {
  const [row] = await askServer(link, "SHOW GLOBAL STATUS LIKE 'Ssl_server_not_after'", signal, operation);
  return certificateForecast("erp", Date.parse(row?.value ?? ""), access.context.clock.now());
}

/** Rights that the agent never needs; each is a way to do harm with a stolen password. */
const tooMuch =
  /\b(ALL PRIVILEGES|SUPER|FILE|SHUTDOWN|CREATE USER|GRANT OPTION|DROP|ALTER|CREATE(?! TEMPORARY)|TRIGGER|PROCESS|RELOAD|DELETE HISTORY)\b/;

async function rights({ link, needs, signal }: Inspection): Promise<Problem[]> {
  const grants = (await askServer(link, "SHOW GRANTS", signal, operation)).map((row) => Object.values(row)[0] ?? "");
  const excess = grants.flatMap((grant) => {
    const [before = ""] = grant.replace(/IDENTIFIED .*/s, "").split(" TO ");
    const found =
      tooMuch.exec(before.replace(/\bON\b.*/s, ""))?.[1] ?? (/WITH GRANT OPTION/.test(grant) ? "GRANT OPTION" : undefined);
    return found === undefined ? [] : [found];
  });
  if (excess.length === 0) return [];
  const message = `The account may do more than it needs: ${[...new Set(excess)].join(", ")}`;
  const wanted =
    needs.write.length > 0 ? "SELECT on what is read, INSERT and UPDATE on what is written" : "SELECT on what is read";
  return [
    {
      severity: "warning",
      code: "erp-rights-too-many",
      message,
      remedy: `Give it only ${wanted}: the script of \`erpfuser grants\`.`,
    },
  ];
}

async function tables(inspection: Inspection): Promise<Problem[]> {
  const { link, needs, signal, access } = inspection;
  const wanted = [...new Set([...needs.read, ...needs.write])];
  if (wanted.length === 0) return [];
  const found = new Map((await describeTables(link, wanted, signal)).map((table) => [table.name, table]));
  const problems: Problem[] = [];
  for (const name of wanted) {
    const table = found.get(name) ?? [...found.values()].find((candidate) => candidate.name.toLowerCase() === name.toLowerCase());
    if (table === undefined) problems.push(await invisible(inspection, name));
    else {
      if (needs.read.includes(name)) problems.push(...(await unreadable(inspection, table)));
      if (needs.write.includes(name)) problems.push(...writeProblems(table));
    }
  }
  problems.push(...(await triggers(inspection, needs.write)), ...(await missingWrites(inspection, [...found.values()])));
  access.context.log.debug("ERP checked", { tables: wanted.length });
  return problems;
}

/** A table without any right on it can't be told from one that does not exist. */
async function invisible({ link, signal }: Inspection, name: string): Promise<Problem> {
  const error = await probe(link, name, signal);
  const code = error?.code === "erp-rights" ? "erp-rights" : "erp-object-missing";
  const message = code === "erp-rights" ? `The account has no right on ${name}` : `There is no table or view ${name}`;
  const remedy =
    code === "erp-rights"
      ? `GRANT SELECT ON ${mysqlSyntax.quote(name)} TO the account`
      : "Correct its name, or grant the account SELECT on it.";
  return { severity: "error", code, place: name, message, remedy };
}

async function unreadable({ link, signal }: Inspection, table: Table): Promise<Problem[]> {
  const error = await probe(link, table.name, signal);
  if (error === undefined) return [];
  const remedy = `GRANT SELECT ON ${mysqlSyntax.quote(table.name)} TO the account`;
  return [{ severity: "error", code: error.code, place: table.name, message: error.message, remedy }];
}

async function probe(link: Link, name: string, signal: AbortSignal): Promise<FuserError | undefined> {
  try {
    await link.query(`SELECT 1 FROM ${mysqlSyntax.quote(name)} LIMIT 0`, signal, operation);
    return undefined;
  } catch (error) {
    if (error instanceof FuserError && error.kind === "config") return error;
    throw error;
  }
}

function writeProblems(table: Table): Problem[] {
  if (table.kind === "view") {
    return [
      {
        severity: "warning",
        code: "erp-view-written",
        place: table.name,
        message: `${table.name} is a view`,
        remedy: "Write to its table.",
      },
    ];
  }
  if (table.transactional) return [];
  return [
    {
      severity: "error",
      code: "erp-table-not-transactional",
      place: table.name,
      message: `${table.name} has no transactions: half a write could not be undone`,
      remedy: `With the ERP vendor's consent: ALTER TABLE ${mysqlSyntax.quote(table.name)} ENGINE = InnoDB`,
    },
  ];
}

async function calls({ link, needs, signal }: Inspection): Promise<Problem[]> {
  const problems: Problem[] = [];
  for (const procedure of needs.calls ?? []) {
    const problem = await checkRoutine(link, procedure, signal);
    if (problem === undefined) continue;
    problems.push({ ...problem, severity: problem.code === "erp-object-missing" ? "error" : "warning", place: procedure });
  }
  return problems;
}

async function triggers({ link, signal }: Inspection, written: readonly string[]): Promise<Problem[]> {
  if (written.length === 0) return [];
  const names = join(
    written.map((name) => bind(name.split(".").at(-1) as string)),
    ", ",
  );
  const statement = concat(
    "SELECT DISTINCT EVENT_OBJECT_TABLE AS name FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = DATABASE() AND EVENT_OBJECT_TABLE IN (",
    names,
    ")",
  );
  return (await askServer(link, statement, signal, operation)).map(({ name }) => ({
    severity: "info" as const,
    code: "erp-triggers",
    place: name ?? "",
    message: `${name} has triggers, which act on what is written`,
    remedy: "Rehearse the commands that write to it: `erpfuser preview --command`.",
  }));
}

const either: readonly WriteRight[] = ["insert", "update"];

/** INSERT and UPDATE as the server counts them for this account, whatever level they were granted on. */
async function missingWrites({ link, needs, signal }: Inspection, found: readonly Table[]): Promise<Problem[]> {
  const written = found.filter((table) => needs.write.some((name) => name.toLowerCase() === table.name.toLowerCase()));
  const problems: Problem[] = [];
  for (const table of written) {
    const [row] = await askServer(
      link,
      concat(
        "SELECT GROUP_CONCAT(DISTINCT PRIVILEGES) AS rights FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ",
        bind(table.name),
      ),
      signal,
      operation,
    );
    const wanted = needs.rights?.[needs.write.find((name) => name.toLowerCase() === table.name.toLowerCase()) ?? ""];
    const lacking = (wanted ?? either).filter((right) => !new RegExp(`\\b${right}\\b`).test(row?.rights ?? ""));
    if (lacking.length === 0) continue;
    problems.push({
      severity: wanted !== undefined || lacking.length === 2 ? "error" : "info",
      code: "erp-rights",
      place: table.name,
      message: `The account may not ${lacking.join(" nor ")} in ${table.name}`,
      remedy: `GRANT ${lacking.join(", ").toUpperCase()} ON ${mysqlSyntax.quote(table.name)} TO the account`,
    });
  }
  return problems;
}
