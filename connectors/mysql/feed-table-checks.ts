import type { FeedTable } from "../feed.ts";
import { bind, concat } from "../statement.ts";
import { askServer, describeTables } from "./describe.ts";
import type { FeedProblem } from "./feed-checks.ts";
import type { Link } from "./link.ts";
import { mysqlSyntax } from "./sql.ts";

const operation = "check the tables of the binlog";

/** Character sets whose texts are read from the binlog exactly as the server sends them; tried in test/contract/mysql-feed-keys.test.ts. */
const knownCharsets =
  /^(utf8mb4|utf8mb3|utf8|ascii|latin1|latin2|latin5|latin7|cp125\d|cp850|cp852|cp866|koi8r|koi8u|ucs2|utf16|utf16le|utf32)$/;

/** Types that the binlog holds as bytes, or as a value that the server would write in another way. */
const unreadableTypes = /^(inet4|inet6|json|geometry|point|linestring|polygon|multi\w+|geometrycollection)$/i;

/** Tables that the binlog does not tell of, or not all of. */
export async function tableProblems(link: Link, tables: readonly FeedTable[], signal: AbortSignal): Promise<FeedProblem[]> {
  const names = [...new Set(tables.map(({ table }) => table))];
  const found = await describeTables(link, names, signal);
  const problems: FeedProblem[] = [];
  for (const name of names) {
    const table = found.find(
      (one) => one.name.toLowerCase() === name.split(".").at(-1)?.toLowerCase() || one.name.toLowerCase() === name.toLowerCase(),
    );
    if (table === undefined) {
      const remedy = `Correct its name, or GRANT SELECT ON ${mysqlSyntax.quote(name)} TO the account`;
      problems.push({ severity: "error", code: "erp-object-missing", place: name, message: `There is no table ${name}`, remedy });
    } else if (table.kind === "view") {
      const message = `${name} is a view: the binlog tells of tables alone`;
      problems.push({
        severity: "error",
        code: "erp-feed-table",
        place: name,
        message,
        remedy: "Name the tables behind it in `changes:`.",
      });
    } else {
      const keys = new Set(
        tables
          .filter((one) => one.table === name)
          .flatMap(({ key, own }) => [...key, ...own])
          .map((key) => key.toLowerCase()),
      );
      problems.push(...(await columnProblems(link, name, { keys, signal })), ...(await cascades(link, name, signal)));
    }
  }
  return problems;
}

async function columnProblems(
  link: Link,
  name: string,
  { keys, signal }: { keys: ReadonlySet<string>; signal: AbortSignal },
): Promise<FeedProblem[]> {
  const rows = await askServer(
    link,
    concat(
      "SELECT COLUMN_NAME AS name, DATA_TYPE AS type, CHARACTER_SET_NAME AS charset FROM information_schema.COLUMNS WHERE ",
      ofTable(name),
    ),
    signal,
    operation,
  );
  const there = new Set(rows.map((row) => row.name?.toLowerCase() ?? ""));
  const missing = [...keys].filter((key) => !there.has(key));
  const foreign = rows.filter(
    ({ name, type, charset }) =>
      keys.has(name?.toLowerCase() ?? "") &&
      (unreadableTypes.test(type ?? "") || (charset !== null && !knownCharsets.test(charset ?? ""))),
  );
  return [
    ...missing.map((key) => ({
      severity: "error" as const,
      code: "erp-object-missing",
      place: name,
      message: `${name} has no column ${key}`,
      remedy: "Correct its name in the configuration.",
    })),
    ...foreign.map((row) => ({
      severity: "error" as const,
      code: "erp-feed-table",
      place: name,
      message: `The key column ${row.name} (${row.type}${row.charset === null ? "" : `, ${row.charset}`}) can't be read from the binlog for certain`,
      remedy: "Take another method for `changes:` of this table.",
    })),
  ];
}

/** What the database changes by itself, because a row elsewhere was changed, is not in the binlog. */
async function cascades(link: Link, name: string, signal: AbortSignal): Promise<FeedProblem[]> {
  const rows = await askServer(
    link,
    concat(
      "SELECT REFERENCED_TABLE_NAME AS parent FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE (DELETE_RULE IN ('CASCADE', 'SET NULL') OR UPDATE_RULE IN ('CASCADE', 'SET NULL')) AND CONSTRAINT_SCHEMA = ",
      schemaOf(name),
      " AND TABLE_NAME = ",
      bind(name.split(".").at(-1) as string),
    ),
    signal,
    operation,
  );
  const parents = [...new Set(rows.map((row) => row.parent))];
  if (parents.length === 0) return [];
  return [
    {
      severity: "info",
      code: "erp-feed-cascade",
      place: name,
      message: `Rows of ${name} that the database deletes or changes along with rows of ${parents.join(", ")} (ON DELETE, ON UPDATE) are not in the binlog: ${name} is compared in full then`,
      remedy: "Nothing to do where that is rare; else take a shorter interval of compares in place of the feed.",
    },
  ];
}

const schemaOf = (name: string) => (name.includes(".") ? bind(name.split(".")[0] as string) : "DATABASE()");
const ofTable = (name: string) =>
  concat("TABLE_SCHEMA = ", schemaOf(name), " AND TABLE_NAME = ", bind(name.split(".").at(-1) as string));
