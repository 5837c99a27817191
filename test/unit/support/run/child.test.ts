import { getPriority } from "node:os";
import { expect, test } from "vitest";
import { runNode } from "../../../support/run/child.ts";

const own = ["-e", "console.log(os.getPriority())"];

test("What gives way has less of the processors than we, and so have its children; anything else has as much", async () => {
  const asks = `execFileSync(process.execPath, ${JSON.stringify(own)}, { stdio: "inherit" })`;
  const args = ["-e", `child_process.${asks}`];
  const [plain, aside] = await Promise.all([runNode({ args }), runNode({ args, givesWay: true })]);
  expect(plain).toMatchObject({ code: 0, output: `${getPriority()}\n` });
  expect(aside).toMatchObject({ code: 0, output: `${Math.min(getPriority() + 3, 19)}\n` });
});
