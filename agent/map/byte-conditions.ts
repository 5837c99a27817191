/** `when:` asked of the bytes of a row. */
import type { WrittenRows } from "../../connectors/connector.ts";
import type { Decoded } from "./byte-values.ts";
import type { AskedOfBytes } from "./row-reading.ts";
import { declined } from "./written-entity.ts";

/** 1 where it is met, 0 where it is not, `declined` where that is not certain. */
export type ConditionOfBytes = (rows: WrittenRows) => number;

/** Of text columns. */
export function askedOfBytes(asked: AskedOfBytes): ConditionOfBytes {
  switch (asked.ask) {
    case "empty":
    case "filled": {
      const { column } = asked;
      const whenEmpty = asked.ask === "empty" ? 1 : 0;
      return ({ starts, ends }) => (starts[column] === ends[column] ? whenEmpty : 1 - whenEmpty);
    }
    case "same":
    case "other":
      return sameText(asked);
    case "both":
    case "either": {
      const [left, right] = [askedOfBytes(asked.left), askedOfBytes(asked.right)];
      return asked.ask === "both" ? (rows) => left(rows) & right(rows) : (rows) => left(rows) | right(rows);
    }
  }
}

function sameText({ ask, column, text }: AskedOfBytes & { ask: "same" | "other" }): ConditionOfBytes {
  const whenSame = ask === "same" ? 1 : 0;
  return ({ bytes, starts, ends }) => {
    const start = starts[column] as number;
    if (start < 0) return 0;
    if ((ends[column] as number) - start !== text.length) return 1 - whenSame;
    for (let next = 0; next < text.length; next++) if (bytes[start + next] !== text[next]) return 1 - whenSame;
    return whenSame;
  };
}

/** A condition that only the compiled expression knows, of values that are decoded for it. */
export function decodedCondition({ read }: Decoded): ConditionOfBytes {
  return (rows) => {
    const met = read(rows);
    return met === undefined ? declined : met === null ? 0 : 1;
  };
}
