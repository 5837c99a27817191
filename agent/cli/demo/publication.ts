/** What PostgreSQL's DBA does for the agent's feed: a publication of the ERP's tables, which `erpfuser check` would ask for. */
import { feedName } from "../../../connectors/postgres/feed-names.ts";
import { agentName } from "../../../test/support/erp/config.ts";
import type { ErpDb } from "../../../test/support/erp/db.ts";
import { tableNames } from "../../../test/support/erp/schema.ts";
import { sessionNameOf } from "../../erp.ts";

/** Publishes the sample company's tables for the demo's agent; one of an earlier demo is replaced. */
export async function publishTables(db: ErpDb, database: string): Promise<void> {
  const name = feedName(sessionNameOf(agentName), database);
  await db.run(`DROP PUBLICATION IF EXISTS ${name}`);
  await db.run(`CREATE PUBLICATION ${name} FOR TABLE ${tableNames.join(", ")}`);
}
