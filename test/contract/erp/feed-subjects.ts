import { has, postgresPrograms } from "../../support/servers.ts";
import type { FeedSubject } from "./feed-subject.ts";
import { mssqlFeedSubject } from "./mssql-feed.ts";
import { mysqlFeedSubject } from "./mysql-feed.ts";
import { contractEnv, figuresName } from "./named.ts";
import { oracleFeedSubject } from "./oracle-feed.ts";
import { postgresFeedSubject } from "./postgres-feed.ts";

/** A database whose own feed is under the suite. */
interface FeedCandidate {
  /** Whose figures it counts for in `npm run contract`. */
  connector: string;
  name: string;
  make: () => Promise<FeedSubject>;
}

const here: readonly FeedCandidate[] = [
  { connector: "mssql-double", name: "SQL Server's double", make: () => mssqlFeedSubject() },
  { connector: "oracle-double", name: "Oracle's driver and a double", make: () => oracleFeedSubject() },
  ...(has("mariadb") ? [{ connector: "mariadb", name: "MariaDB", make: () => mysqlFeedSubject() }] : []),
  ...postgresPrograms().map((program) => ({
    connector: figuresName(program.name),
    name: program.name,
    make: () => postgresFeedSubject(program),
  })),
];

/** Every database whose feed this run is about. */
export function feedSubjects(): readonly FeedCandidate[] {
  const { [contractEnv.connector]: connector } = process.env;
  return connector === undefined ? here : here.filter((one) => one.connector === connector);
}
