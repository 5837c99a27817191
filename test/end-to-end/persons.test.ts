/**
 * What reaches the portal of persons: every item that arrives at the gateway is looked at, not only what stands there in the end. Whose an address is, says SQL
 * over the ERP (oracle-addresses.ts).
 */
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from "vitest";
import { openStoreForReading } from "../../agent/store/open.ts";
import { systemClock } from "../../base/time.ts";
import { expandChanges, type NumberedItem } from "../../protocol/changes.ts";
import type { Run } from "../support/agent-run.ts";
import { answer } from "../support/cli.ts";
import { addDays, localStamp, openEnd, splitStamp } from "../support/erp/calendar.ts";
import { mainMandant } from "../support/erp/generate.ts";
import { asVouched } from "../support/erp/oracle-addresses.ts";
import { idOf, str } from "../support/erp/oracle-values.ts";
import { openSite, type Site } from "../support/site.ts";

/** One of each mess of persons. */
const units = 40;

/** A command that writes a person, in a field that both sides may change. */
const personUpdate = `commands:
  person.update:
    idempotency: base
    steps:
      - update: PERSON
        key: { MANDANT: "\${key(id).MANDANT}", PERSNR: "\${key(id).PERSNR}" }
        values: { ANREDE: { from: salutation } }
    result: { source: persons, key: ["\${key(id).MANDANT}", "\${key(id).PERSNR}", "\${key(id).TEIL}"] }
`;
const shared = "salutation: { from: ANREDE, owner: shared, do: [empty-to-null] }";

/** By the house, which is no part of a person's key. */
const teams = { "001": "Team Nord", "002": "Team Süd" };

describe("with a clerk at work, an agent that is restarted and killed", () => {
  const opened = new AsyncDisposableStack();
  let site: Site;
  let run: Run;
  /** All items of persons since the last look. */
  let arrived: NumberedItem[] = [];
  let onPerson = (): void => undefined;
  beforeAll(async () => {
    site = opened.use(await openSite({ units }));
    mkdirSync(lists());
    site.configure({}, (text) => {
      const changed = text.replace("commands:\n", personUpdate).replace(/salutation: \{.*\}/, shared);
      return `${changed}\nquality: { deliver: { folder: ${lists()}, otherwise: Zentrale, team: { column: HAUSNR, teams: ${JSON.stringify(teams)} } } }\n`;
    });
    await site.join();
    site.gateway.hooks.message = (message) => {
      if (message.type !== "changes") return undefined;
      const persons = [...expandChanges(message)].filter(({ type }) => type === "person");
      arrived.push(...persons);
      if (persons.length > 0) onPerson();
      return undefined;
    };
  });
  afterAll(() => opened.disposeAsync());
  const lists = (): string => join(site.folder, "lists");

  const person = (number: string): string => idOf(mainMandant, number, "1");
  const addressIn = (item: NumberedItem | undefined): string | null => {
    const { emails } = (item?.op === "upsert" ? item.fields : {}) as { emails?: { address: string }[] | null };
    return emails?.[0]?.address ?? null;
  };
  /** By the person's id: the one address that may be sent of it. */
  async function vouched(): Promise<Map<string, string | null>> {
    const whose = await asVouched(site.erp, mainMandant);
    const rows = await site.erp.query("SELECT PERSNR, EMAIL FROM PERSON WHERE MANDANT = ?", [mainMandant]);
    const of = (row: (typeof rows)[number]): string | null =>
      (whose.emails(row) as { address: string }[] | null)?.[0]?.address ?? null;
    return new Map(rows.map((row) => [person(str(row, "PERSNR")), of(row)]));
  }
  /** Something happens; everything is compared once more, and all that arrived meanwhile may be sent by the ERP as it was or as it is. Returns it. */
  async function through(happens: () => Promise<unknown>): Promise<NumberedItem[]> {
    const before = await vouched();
    arrived = [];
    await happens();
    const after = await vouched();
    const asked = Date.now();
    site.hurry({ full: true });
    await site.until(() => {
      using store = openStoreForReading(site.state, systemClock);
      for (const source of ["persons", "periods", "teamMembers"])
        expect(store.sources.get(source).comparedAt ?? 0).toBeGreaterThan(asked);
      expect(store.pending.count()).toBe(0);
      expect(store.outbox.bounds().items).toBe(0);
    });
    const strange = arrived.filter((item) => {
      const address = addressIn(item);
      return address !== null && address !== before.get(item.id) && address !== after.get(item.id);
    });
    expect(strange).toEqual([]);
    await site.converges();
    return arrived;
  }
  const set = (number: string, email: string | null): Promise<number> =>
    site.erp.run("UPDATE PERSON SET EMAIL = ? WHERE MANDANT = ? AND PERSNR = ?", [email, mainMandant, number]);
  const stamp = (): string => localStamp(Date.now());
  const period = "MANDANT = ? AND PERSNR = ? AND STORNO <> 'J' AND LEERSTAND <> 'J'";
  const setPeriod = (number: string, column: "MITPERSNR" | "ENDE", value: string | number): Promise<number> =>
    site.erp.run(`UPDATE MIETVERTRAG SET ${column} = ?, AENDTS = ? WHERE ${period}`, [value, stamp(), mainMandant, number]);
  const last = (items: readonly NumberedItem[], number: string): string | null | undefined => {
    const item = items.findLast(({ id }) => id === person(number));
    return item && addressIn(item);
  };

  /** Tenants of one running contract each, with an address of their own. */
  let tenants: { number: string; email: string }[] = [];
  const tenant = (at: number): { number: string; email: string } => tenants[at] as (typeof tenants)[number];

  it("no item of the first sync brings an address that is nobody's or another person's, though the agent is killed in it", async () => {
    const rows = await site.erp.query(
      `SELECT PERSNR, EMAIL FROM PERSON p WHERE MANDANT = ? AND EMAIL = lower(trim(EMAIL)) AND EMAIL LIKE '%_@web.example.de' AND EXISTS
        (SELECT 1 FROM MIETVERTRAG v WHERE v.MANDANT = p.MANDANT AND v.PERSNR = p.PERSNR AND MITPERSNR = '' AND STORNO = 'N' AND BEGINN BETWEEN 1 AND 20261101 AND ENDE = ?)
        AND 1 = (SELECT count(*) FROM MIETVERTRAG v WHERE v.MANDANT = p.MANDANT AND v.PERSNR = p.PERSNR)
        AND 1 = (SELECT count(*) FROM PERSON o WHERE o.MANDANT = p.MANDANT AND o.EMAIL = p.EMAIL) ORDER BY PERSNR`,
      [mainMandant, openEnd],
    );
    tenants = rows.map((row) => ({ number: str(row, "PERSNR"), email: str(row, "EMAIL") }));
    expect(tenants.length).toBeGreaterThan(8);
    const { promise, resolve } = Promise.withResolvers<void>();
    onPerson = resolve;
    onTestFailed(() => console.log(run.lines.slice(-20)));
    const all = await through(async () => {
      run = opened.use(site.run());
      await promise;
      await run.kill9();
      run = opened.use(site.run());
    });
    expect(new Set(all.map(({ id }) => id)).size).toBeGreaterThan(units);
    // Every mess of addresses is among them: the company has its placeholder, its household, and so on.
    const withheld = await site.erp.query(
      "SELECT PERSNR FROM PERSON WHERE MANDANT = ? AND (EMAIL LIKE 'keine@%' OR EMAIL LIKE '%@mailinator.com' OR EMAIL LIKE '%musterstadt.example.de')",
      [mainMandant],
    );
    expect(withheld.length).toBe(3);
  });

  it("nor when a clerk enters a placeholder, an address of the staff or another person's", async () => {
    const [member] = await site.erp.query("SELECT EMAIL FROM SACHBEARBEITER WHERE MANDANT = ? LIMIT 1", [mainMandant]);
    const items = await through(async () => {
      await set(tenant(0).number, "keine@web.de");
      await set(tenant(1).number, str(member ?? {}, "EMAIL"));
      await set(tenant(2).number, tenant(3).email.toUpperCase());
      await set(tenant(4).number, "wegwerf@mailinator.com");
    });
    expect([0, 1, 2, 3, 4].map((at) => last(items, tenant(at).number))).toEqual([null, null, null, null, null]);
  });

  it("nor when a household is formed of two who share an address, and when it ends", async () => {
    const formed = await through(() => setPeriod(tenant(3).number, "MITPERSNR", tenant(2).number));
    expect(last(formed, tenant(3).number)).toBe(tenant(3).email);
    expect(last(formed, tenant(2).number) ?? null).toBeNull();
    const yesterday = addDays(splitStamp(stamp()).day, -1);
    const ended = await through(() => setPeriod(tenant(3).number, "ENDE", yesterday));
    expect(last(ended, tenant(3).number)).toBeNull();
    expect(last(ended, tenant(2).number) ?? null).toBeNull();
  });

  it("nor when somebody of the landlord's gets an address at a domain where a tenant has one", async () => {
    await through(() => set(tenant(5).number, "jemand@neu.example.de"));
    const joined = await through(() =>
      site.erp.run(
        "INSERT INTO SACHBEARBEITER (MANDANT, SBNR, NAME, EMAIL, ROLLE) VALUES (?, '0099', 'Neu', 'neu@neu.example.de', 'SB')",
        [mainMandant],
      ),
    );
    expect(last(joined, tenant(5).number)).toBeNull();
  });

  it("nor what changed while the agent stood, or was killed while it sent", async () => {
    await run.stop();
    const stood = await through(async () => {
      await set(tenant(6).number, tenant(7).email);
      await set(tenant(0).number, tenant(0).email);
      run = opened.use(site.run());
    });
    expect([0, 6, 7].map((at) => last(stood, tenant(at).number))).toEqual([tenant(0).email, null, null]);
    const { promise, resolve } = Promise.withResolvers<void>();
    onPerson = resolve;
    const killed = await through(async () => {
      await set(tenant(6).number, tenant(6).email);
      await set(tenant(0).number, "keine@email.de");
      site.hurry({ full: true });
      await promise;
      await run.kill9();
      run = opened.use(site.run());
    });
    expect([0, 6, 7].map((at) => last(killed, tenant(at).number))).toEqual([null, tenant(6).email, tenant(7).email]);
  });

  it("an e-mail changed in the ERP arrives as a change of the same person, by one compare and with nothing else", async () => {
    const held = await stored(tenant(8).number);
    const began = Date.now();
    await set(tenant(8).number, "neu@web.example.de");
    arrived = [];
    site.hurry({ full: true });
    await site.until(() => expect(arrived).toHaveLength(1));
    using store = openStoreForReading(site.state, systemClock);
    const compares = store.journal.list({ kind: "compare", source: "persons", since: began, limit: 10 });
    expect(compares.length).toBeLessThanOrEqual(1);
    expect(arrived).toMatchObject([
      {
        op: "upsert",
        type: "person",
        id: person(tenant(8).number),
        fields: { ...held, emails: [{ address: "neu@web.example.de" }] },
      },
    ]);
    await site.converges();
    expect(arrived).toHaveLength(1);
  });

  it("the portal's attempt to change an e-mail is refused with the reason, and the ERP keeps it", async () => {
    const [id, email] = [person(tenant(8).number), "portal@web.example.de"];
    const order = (values: Record<string, unknown>, base: Record<string, unknown>) =>
      site.gateway.issue(site.agentId, {
        ...{ command: "person.update", entity: { type: "person", id } },
        ...{ values, base },
      } as Parameters<typeof site.gateway.issue>[1]);
    const emails = [{ address: email }];
    const refusedAtOnce = (): string => order({ emails }, { emails: [{ address: "neu@web.example.de" }] });
    expect(refusedAtOnce).toThrow("does not offer the field emails");
    site.gateway.hooks.allowUnoffered = true;
    const refused = refusedAtOnce();
    site.gateway.hooks.allowUnoffered = false;
    const held = await stored(tenant(8).number);
    const taken = order({ salutation: "Dr." }, { salutation: held.salutation ?? null });
    const resultOf = (command: string) => JSON.parse(site.gateway.command(command)?.result ?? "{}");
    await site.until(() => expect(resultOf(taken)).toMatchObject({ outcome: "applied" }));
    expect(resultOf(refused)).toMatchObject({
      outcome: "rejected",
      error: {
        code: "field-owned-by-erp",
        de: "„E-Mail“ wird in der Verwaltungssoftware gepflegt und kann hier nicht geändert werden.",
        en: '"E-mail" is kept in the management software and can\'t be changed here.',
      },
    });
    const [row] = await site.erp.query("SELECT EMAIL, ANREDE FROM PERSON WHERE MANDANT = ? AND PERSNR = ?", [
      mainMandant,
      tenant(8).number,
    ]);
    expect(row).toEqual({ EMAIL: "neu@web.example.de", ANREDE: "Dr." });
  });

  it("`quality deliver` writes the German lists by team: what is found of a person stands with the team of its flat", async () => {
    const { written } = await answer(site, ["quality", "deliver"]);
    expect(written).toMatchObject([{ team: "Team Nord" }, { team: "Team Süd" }, { team: "Zentrale" }]);
    const rows = await site.erp.query(
      "SELECT PERSNR, HAUSNR, ENDE FROM MIETVERTRAG WHERE MANDANT = ? AND STORNO = 'N' ORDER BY ENDE DESC",
      [mainMandant],
    );
    const teamOf = (number: string): string =>
      teams[str(rows.find(({ PERSNR }) => PERSNR === number) ?? {}, "HAUSNR") as keyof typeof teams] ?? "Zentrale";
    const listed = (written as { team: string; files: string[] }[]).flatMap(({ team, files }) => {
      const [page, csv] = files.map((file) => readFileSync(file, "utf8"));
      expect(page).toContain('<html lang="de">');
      return [...(csv ?? "").matchAll(/"MANDANT 001, PERSNR (\w+), TEIL 1"/g)].map(([, number = ""]) => ({ number, team }));
    });
    expect(listed).toEqual(listed.map(({ number }) => ({ number, team: teamOf(number) })));
    expect(new Set(listed.map(({ team }) => team)).size).toBeGreaterThan(1);
    const { total } = await answer(site, ["quality", "--source", "persons"]);
    expect(listed).toHaveLength(Number(total));
    for (const at of [0, 1, 4]) expect(listed.map(({ number }) => number)).toContain(tenant(at).number);
  });

  /** A person's fields at the portal. */
  async function stored(number: string): Promise<Record<string, unknown>> {
    await site.gateway.settled();
    const row = site.gateway.store.get<{ fields: string }>(
      "SELECT fields FROM entity WHERE type = 'person' AND id = ?",
      person(number),
    );
    return JSON.parse(row?.fields ?? "{}");
  }
});
