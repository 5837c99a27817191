/** Who else logs in with our account: its password is then known to others, and its rights are theirs. */
import { askServer } from "./describe.ts";
import type { Inspection, Problem } from "./inspection.ts";

const operation = "check the ERP's database";

/** Programs with which people work. */
const tools =
  /^(mysql|mariadb|mysqlsh|mycli)$|heidi|workbench|phpmyadmin|dbeaver|navicat|datagrip|dbforge|toad|excel|access|odbc/i;
const administrators = /^(root|admin|administrator|mysql|mariadb(\.sys)?)$/i;

const code = "erp-account-shared";
const remedy = "Give the agent an account of its own: the script of `erpfuser grants` begins with its CREATE USER.";

/**
 * An account sees its own sessions without any right. Names of programs are kept by the performance schema alone, which MariaDB has switched off unless somebody wants it:
 * without it only sessions from other machines can be told from ours.
 */
export async function companyProblems({ access, link, signal }: Inspection): Promise<Problem[]> {
  const sessions = await askServer(
    link,
    "SELECT ID, HOST, ID = CONNECTION_ID() AS own FROM information_schema.PROCESSLIST WHERE USER = SUBSTRING_INDEX(USER(), '@', 1) AND COMMAND <> 'Binlog Dump'",
    signal,
    operation,
  );
  const named = await askServer(
    link,
    "SELECT PROCESSLIST_ID AS id, ATTR_VALUE AS program FROM performance_schema.session_account_connect_attrs WHERE ATTR_NAME = 'program_name'",
    signal,
    operation,
  ).catch(() => []);
  const programs = new Map(named.map(({ id, program }) => [id, program ?? ""]));
  const machine = (host: string | null | undefined): string => (host ?? "").replace(/:\d+$/, "");
  const here = machine(sessions.find(({ own }) => own === "1")?.host);
  const others = sessions.flatMap(({ id, host, own }): string[] => {
    const program = programs.get(id ?? "");
    if (own === "1" || program === access.context.sessionName) return [];
    if (program === undefined && machine(host) === here) return [];
    return [`${program || "a program without a name"} from ${machine(host)}`];
  });
  const problems: Problem[] = [];
  if (others.length > 0) {
    const list = [...new Set(others)].sort();
    const person = list.some((text) => tools.test(text.split(" from ")[0] as string));
    const message = `Others are logged in with our account${person ? ", and a person among them" : ""}: ${list.join(", ")}`;
    problems.push({ severity: "warning", code, message, remedy });
  }
  if (administrators.test(access.settings.user)) {
    const message = `The service logs in as ${access.settings.user}, an account with which people administer the server`;
    problems.push({ severity: "warning", code, message, remedy });
  }
  return problems;
}
