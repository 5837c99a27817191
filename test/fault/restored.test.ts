/** Agent and portal put back in turn to an older state, as after a restore from backup, and the agent's host cloned. */
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readStatusFile } from "../../agent/status-file.ts";
import { change, commandsAtPortal, company, expectClean, notesAtPortal, report, restMs, told } from "../support/restored.ts";
import { copyStore } from "../support/rig.ts";
import { seed } from "../support/seed.ts";

describe(`Restored from backup, seed ${seed}`, () => {
  test("the agent's store: recognised, compared with the portal's inventory, each ticket still once", async () => {
    const rig = await company("sqlite");
    await report(rig, { from: 0, count: 4 });
    await rig.agent.kill9();
    const restore = copyStore(join(rig.home.state, "store.db"));
    rig.agent.start();
    await change(rig, 76, 1);
    await report(rig, { from: 4, count: 8 });
    await rig.atRest(restMs);
    // Some commands are under way, and the restored store knows none of them.
    await report(rig, { from: 12, count: 6 });
    await rig.agent.kill9();
    await change(rig, 38, 2);
    restore();
    rig.agent.start();
    await told(rig, "epoch-agent-restored");
    await rig.atRest(restMs);
    expectClean(await rig.judge());
    expect(notesAtPortal(rig)).toContain("connection-below");
  });

  test("the agent's store is lost altogether: it is rebuilt from ERP and portal, each ticket still once", async () => {
    const rig = await company("sqlite");
    await report(rig, { from: 0, count: 8 });
    await rig.agent.kill9();
    await change(rig, 76, 1);
    for (const suffix of ["", "-wal", "-shm"]) rmSync(join(rig.home.state, `store.db${suffix}`), { force: true });
    rig.agent.start();
    await told(rig, "epoch-agent-restored");
    await rig.atRest(restMs);
    expectClean(await rig.judge());
  });

  test("the portal's store: recognised, refilled, its commands settled again without a second effect", async () => {
    const rig = await company("sqlite");
    await report(rig, { from: 0, count: 4 });
    await rig.atRest(restMs);
    await rig.agent.kill9();
    await report(rig, { from: 4, count: 4 });
    await rig.portal.kill9();
    const restore = copyStore(rig.home.portalStore);
    const known = new Set(commandsAtPortal(rig));
    await rig.portal.start();
    rig.agent.start();
    await change(rig, 76, 1);
    await report(rig, { from: 8, count: 6 });
    await rig.atRest(restMs);
    const forgotten = commandsAtPortal(rig, "type IN ('ticket.create', 'message.create') AND outcome = 'applied'").filter(
      (id) => !known.has(id),
    );
    await rig.portal.kill9();
    restore();
    await change(rig, 38, 2);
    await rig.portal.start();
    await told(rig, "epoch-portal-restored");
    await rig.atRest(restMs);
    const verdict = await rig.judge();
    // What the portal has forgotten was carried out, and shows in the ERP as ordered by nobody: these and no others.
    expect(forgotten).toHaveLength(12);
    expect(verdict.details.map(({ kind, id }) => `${kind} ${id}`).sort()).toEqual(forgotten.map((id) => `command ${id}`).sort());
    expect(verdict.mismatches).toBe(forgotten.length);
    expect(verdict.commands).toMatchObject({ lost: 0, doubled: forgotten.length, uncertain: 0 });
  });
});

test("a cloned host: one of the two stays away and says why, no ticket is doubled, and one alone comes to rest", async () => {
  const rig = await company("sqlite");
  await rig.agent.kill9();
  const state = join(rig.home.directory, "clone");
  cpSync(rig.home.state, state, { recursive: true });
  const configFile = join(rig.home.directory, "clone.yaml");
  writeFileSync(configFile, readFileSync(rig.home.configFile, "utf8").replaceAll(rig.home.state, state));
  const clone = rig.secondAgent({ configFile, state, name: "clone" });
  rig.agent.start();
  await rig.inStep(60_000);
  await report(rig, { from: 0, count: 6 });
  clone.start();
  await report(rig, { from: 6, count: 6 });
  await change(rig, 76, 1);
  await rig.until("one of them stays away", () => rig.status()?.portal.state === "superseded");
  await rig.until("the other one is connected", () => readStatusFile(state)?.portal.state === "connected");
  expect(rig.status()?.portal.reason).toContain("superseded");
  await told(rig, "portal-superseded");
  expect(notesAtPortal(rig)).toContain("connection-below");
  await report(rig, { from: 12, count: 4 });
  await rig.until("the other one has settled them", () => commandsAtPortal(rig, "state <> 'settled'").length === 0, restMs);
  // As the message says: stop one of the two. The one that stayed away comes back at its restart.
  await clone.stop();
  await rig.agent.stop();
  await change(rig, 38, 2);
  rig.agent.start();
  await rig.inStep(restMs);
  await rig.atRest(restMs);
  expectClean(await rig.judge());
});
