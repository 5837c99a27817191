/** When the account's password runs out: the server tells everybody by which rule, and when it was set only those who may read its own tables. */
import { FuserError, kindOf } from "../../base/errors.ts";
import { passwordForecast } from "../../base/forecasts.ts";
import { askServer } from "./describe.ts";
import type { Inspection, Problem } from "./inspection.ts";

const operation = "check the ERP's database";
const dayMs = 86_400_000;

/** MariaDB 10.4 and MySQL 5.7; of older ones nothing is known. */
export async function passwordProblems(inspection: Inspection): Promise<Problem[]> {
  const { access } = inspection;
  const [known] = await allowed(
    inspection,
    "SELECT CURRENT_USER() AS account, VERSION() AS version, @@default_password_lifetime AS days",
  );
  if (known === undefined) return [];
  const account = known.account ?? "";
  const standard = Number(known.days);
  const [set] = await allowed(inspection, /mariadb/i.test(known.version ?? "") ? ofMariaDb : ofMysql);
  if (set?.changed) {
    // MariaDB writes -1 for the server's own rule, MySQL nothing.
    const own = set.days === null || set.days === undefined || Number(set.days) < 0 ? standard : Number(set.days);
    return passwordForecast(
      account,
      own > 0 ? Number(set.changed) * 1_000 + own * dayMs : Number.NaN,
      access.context.clock.now(),
    );
  }
  const [rule] = await allowed(inspection, "SHOW CREATE USER CURRENT_USER()");
  const days = daysOf(Object.values(rule ?? {})[0] ?? "", standard);
  if (days === 0) return [];
  return [
    {
      severity: "info",
      code: "erp-password-lifetime",
      message: `The password of ${account} runs out ${days} days after it was set; when that was the account may not see`,
      remedy:
        "Ask the DBA for PASSWORD EXPIRE NEVER for this account, or note the day and store the next one by `erpfuser secret set`.",
    },
  ];
}

const ofMysql =
  "SELECT UNIX_TIMESTAMP(password_last_changed) AS changed, password_lifetime AS days FROM mysql.user WHERE CONCAT(user, '@', host) = CURRENT_USER()";
const ofMariaDb =
  "SELECT JSON_VALUE(Priv, '$.password_last_changed') AS changed, JSON_VALUE(Priv, '$.password_lifetime') AS days FROM mysql.global_priv WHERE CONCAT(User, '@', Host) = CURRENT_USER()";

/** Days by the words of an account's own definition; 0: it never runs out. */
function daysOf(definition: string, standard: number): number {
  const own = /PASSWORD EXPIRE INTERVAL (\d+) DAY/i.exec(definition)?.[1];
  if (own !== undefined) return Number(own);
  return definition === "" || /PASSWORD EXPIRE NEVER/i.test(definition) || !Number.isFinite(standard) ? 0 : standard;
}

/** Nothing where the server does not let the account see it, or has no such thing. */
async function allowed({ link, signal }: Inspection, statement: string) {
  try {
    return await askServer(link, statement, signal, operation);
  } catch (error) {
    if (!(error instanceof FuserError) || kindOf(error) === "transient" || kindOf(error) === "bug") throw error;
    return [];
  }
}
