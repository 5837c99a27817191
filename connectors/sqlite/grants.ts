/** SQLite has no accounts: what counts are the rights on the file, and on its folder, where the journal or the write-ahead log lies. */
import { accessSync, constants } from "node:fs";
import { dirname } from "node:path";
import type { Comparison, GrantNeeds, GrantScript } from "../grants.ts";

/** The service's own account (installer). */
const account = "erpfuser";

const writes = ({ tables }: GrantNeeds): boolean =>
  tables.some(({ insert, update, remove }) => insert.length > 0 || update.length > 0 || remove);

/** A path within single quotes of a shell. */
const inShell = (path: string): string => `'${path.replaceAll("'", "'\\''")}'`;

export function sqliteGrantScript({ file }: { file: string }): GrantScript {
  return (kind, needs) => {
    const [own, folder] = [inShell(file), inShell(dirname(file))];
    const about = `# ERP Fuser, for the service's account ${account}; run as the file's owner or root`;
    switch (kind) {
      case "ledger":
        return [
          about,
          ...needs.ledgers.map(
            (table) => `sqlite3 ${own} 'CREATE TABLE ${table} (command_id VARCHAR(64) NOT NULL PRIMARY KEY, results TEXT)'`,
          ),
        ];
      case "revoke":
        return [about, `setfacl -x u:${account} ${own}`, `setfacl -x u:${account} ${folder}`];
      default: {
        const writing = kind === "grant" && writes(needs);
        return [
          about,
          `setfacl -m u:${account}:${writing ? "rw" : "r"} ${own}`,
          "# the journal or write-ahead log is made beside the file",
          `setfacl -m u:${account}:${writing ? "rwx" : "rx"} ${folder}`,
        ];
      }
    }
  };
}

/** By what this process may do: run it as the service's account. */
export function compareFileRights(file: string, needs: GrantNeeds): Comparison {
  const may = (path: string, mode: number): boolean => {
    try {
      accessSync(path, mode);
      return true;
    } catch {
      return false;
    }
  };
  const wanted = writes(needs);
  const missing = [
    ...(may(file, constants.R_OK) ? [] : [`read ${file}`]),
    ...(wanted && !may(file, constants.W_OK) ? [`write ${file}`] : []),
    ...(wanted && !may(dirname(file), constants.W_OK) ? [`write in ${dirname(file)}`] : []),
  ];
  const tooMany = !wanted && may(file, constants.W_OK) ? [`write ${file}`] : [];
  return { server: { version: "SQLite", account: process.env.USER ?? account }, missing, tooMany };
}
