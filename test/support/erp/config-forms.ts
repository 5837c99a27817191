/** How the sample ERP's databases hold the same facts, in the words of the configuration: as codes and numbers, or in PostgreSQL's own types. */
import type { ErpDialect } from "./db.ts";

export interface Forms {
  /** Name of the type under `types:` that reads most days. */
  day: string;
  /** SQL for a day that is not known. */
  noDay: string;
  /** Written value: this day. */
  today: string;
  /** Written value: this moment. */
  stamp: string;
  /** SQL: the column does not say yes. */
  isNot: (column: string) => string;
  /** Field: whether the column says yes. */
  is: (column: string) => string;
  /** Codes of a column that says yes or no. */
  yes: string;
  no: string;
  /** Lines under `values:` of a new ticket for what `blanks` can't fill. */
  blankTicket: string;
}

const codes: Forms = {
  day: "ymd",
  noDay: "0",
  today: `"\${format(now, 'yyyyMMdd')}"`,
  stamp: `"\${format(now, 'yyyy-MM-dd HH:mm:ss')}"`,
  isNot: (column) => `${column} = 'N'`,
  is: (column) => `"\${${column} == 'J'}"`,
  yes: "J",
  no: "N",
  blankTicket: "",
};

const types: Forms = {
  day: "day",
  noDay: "NULL",
  today: `"\${format(now, 'yyyy-MM-dd')}"`,
  stamp: `"\${now}"`,
  isNot: (column) => `NOT ${column}`,
  is: (column) => column,
  yes: '"true"',
  no: '"false"',
  blankTicket: '\n          GEWAEHR: "false"',
};

export const formsOf = ({ dialect }: { dialect: ErpDialect | "csv" }): Forms => (dialect === "postgres" ? types : codes);
