/** The yardstick: all periods read by a bare mysql2 text stream with its fastest settings, in a process of its own: `bench/yardstick.ts ACCESS`. */
import mysql from "mysql2";
import { answerCalls } from "./call.ts";
import { periodColumns } from "./erp.ts";

const access = JSON.parse(process.argv[2] ?? "{}") as mysql.ConnectionOptions;

/** Reads everything once, on a connection of its own, which is not counted. */
async function read(): Promise<{ rows: number; ms: number }> {
  // Arrays in place of objects, dates as text, events in place of a Readable: the fastest of what was tried (docs/performance.md).
  const connection = mysql.createConnection({ ...access, charset: "utf8mb4", dateStrings: true, rowsAsArray: true });
  await new Promise<void>((resolve, reject) => connection.connect((error) => (error ? reject(error) : resolve())));
  const from = performance.now();
  let rows = 0;
  await new Promise<void>((resolve, reject) => {
    connection
      .query(`SELECT ${periodColumns.join(", ")} FROM MIETVERTRAG`)
      .on("result", () => {
        rows += 1;
      })
      .on("end", resolve)
      .on("error", reject);
  });
  const ms = performance.now() - from;
  connection.destroy();
  return { rows, ms };
}

answerCalls({ read });
