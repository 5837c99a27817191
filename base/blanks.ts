/** What stands in required columns that a command does not write, by the columns' types. */
export interface Blanks {
  text?: string;
  /** For every column that holds numbers. */
  integer?: string;
  /** `YYYY-MM-DD`; at midnight for columns with a time too. */
  date?: string;
  /** `YYYY-MM-DDTHH:mm:ss`; for columns that keep a zone it is UTC. */
  datetime?: string;
  /** `HH:mm:ss`. */
  time?: string;
  boolean?: boolean;
}

/** @param type of the column, as connectors describe it. Undefined: there is nothing for it */
export function blankFor(type: string, blanks: Blanks | undefined): string | boolean | undefined {
  if (blanks === undefined) return undefined;
  const { text, integer, date, time, boolean } = blanks;
  const datetime = blanks.datetime ?? (date && `${date}T00:00:00`);
  switch (type) {
    case "text":
      return text;
    case "integer":
    case "decimal":
    case "float":
      return integer;
    case "boolean":
      return boolean ?? (integer === undefined ? undefined : integer !== "0");
    case "date":
      return date;
    case "datetime":
      return datetime;
    case "instant":
      return datetime && `${datetime}Z`;
    case "time":
      return time;
    default:
      return undefined;
  }
}
