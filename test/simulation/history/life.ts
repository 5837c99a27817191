/** The life of a housing company, one deed at a time: tenants move, clerks correct, merge, cancel and delete, tickets come and go. */
import type { Row } from "../erp/server.ts";
import type { Chance } from "../world/chance.ts";
import { gone, type Office, put, transact } from "./clerk.ts";

export type Deed = (office: Office, chance: Chance) => void;

const referenced = ({ erp }: Office, person: Row): boolean => erp.rows("MIETE").some((rent) => rent.PERS === person.NR);
const unitOf = (rent: Row): string => [rent.OBJ, rent.HAUS, rent.WOHN].join("|");
const closed = (ticket: Row): boolean => ticket.STATUS === "9";

const personRenamed: Deed = (office, chance) => {
  const name = `Renamed ${++office.serial}`;
  const nr = String(chance.pick(office.erp.rows("PERSON")).NR);
  transact(office, chance, (stamp) => {
    const row = office.erp.row("PERSON", nr);
    return row === undefined ? [] : [put("PERSON", { ...row, NAME: name, AENDTS: stamp })];
  });
};

const personAdded: Deed = (office, chance) => {
  const nr = `${1_000 + ++office.serial}`;
  transact(office, chance, (stamp) => [put("PERSON", { NR: nr, NAME: `Person ${nr}`, AENDTS: stamp })]);
};

/** One tenant leaves, another one takes the flat. */
const move: Deed = (office, chance) => {
  const { erp } = office;
  const nr = `${1_000 + ++office.serial}`;
  const flat = chance.pick(erp.rows("WOHNUNG"));
  transact(office, chance, (stamp) => {
    const unit = erp.row("WOHNUNG", [flat.OBJ, flat.HAUS, flat.NR].join("|"));
    if (unit === undefined) return [];
    const place = { OBJ: unit.OBJ ?? "", HAUS: unit.HAUS ?? "", WOHN: unit.NR ?? "" };
    const ended = erp.rows("MIETE").filter((rent) => unitOf(rent) === unitOf(place) && rent.ENDE === 0);
    return [
      put("PERSON", { NR: nr, NAME: `Tenant ${nr}`, AENDTS: stamp }),
      ...ended.map((rent) => put("MIETE", { ...rent, ENDE: 20260131, AENDTS: stamp })),
      put("MIETE", { NR: `${5_000 + office.serial}`, ...place, PERS: nr, BEGINN: 20260201, ENDE: 0, STORNO: "N", AENDTS: stamp }),
    ];
  });
};

const rentCancelled: Deed = (office, chance) => {
  const rents = office.erp.rows("MIETE").filter((rent) => rent.STORNO === "N");
  if (rents.length < 8) return;
  const nr = String(chance.pick(rents).NR);
  transact(office, chance, (stamp) => {
    const row = office.erp.row("MIETE", nr);
    return row === undefined ? [] : [put("MIETE", { ...row, STORNO: "J", AENDTS: stamp })];
  });
};

const rentRestored: Deed = (office, chance) => {
  const rents = office.erp.rows("MIETE").filter((rent) => rent.STORNO === "J");
  if (rents.length === 0) return;
  const nr = String(chance.pick(rents).NR);
  transact(office, chance, (stamp) => {
    const row = office.erp.row("MIETE", nr);
    const whole = row && office.erp.row("WOHNUNG", unitOf(row)) && office.erp.row("PERSON", String(row.PERS));
    return row === undefined || whole === undefined ? [] : [put("MIETE", { ...row, STORNO: "N", AENDTS: stamp })];
  });
};

/** One statement over many rows, as somebody writes it who forgot the condition. */
const massUpdate =
  (most: number, which: (rent: Row) => boolean, values: (office: Office, chance: Chance) => Row): Deed =>
  (office, chance) => {
    const rents = office.erp.rows("MIETE").filter(which);
    const set = values(office, chance);
    transact(office, chance, (stamp) =>
      rents.slice(0, most).flatMap(({ NR }) => {
        const row = office.erp.row("MIETE", String(NR));
        return row === undefined ? [] : [put("MIETE", { ...row, ...set, AENDTS: stamp })];
      }),
    );
  };

const endsWiped = massUpdate(
  100,
  ({ ENDE }) => ENDE !== 0,
  () => ({ ENDE: 0 }),
);
const rentsMisplaced = massUpdate(
  10,
  ({ STORNO }) => STORNO === "N",
  ({ erp }, chance) => {
    const { OBJ = "", HAUS = "", NR = "" } = chance.pick(erp.rows("WOHNUNG"));
    return { OBJ, HAUS, WOHN: NR };
  },
);

/** The ERP's mask writes a row by deleting it and entering it again, some moments later. */
const rowRewritten: Deed = (office, chance) => {
  const { erp } = office;
  const table = chance.pick(["PERSON", "WOHNUNG", "NOTIZ"] as const);
  const rows = erp.rows(table);
  if (rows.length === 0) return;
  const row = chance.pick(rows);
  let taken: Row | undefined;
  const take = () => {
    taken = erp.row(table, put(table, row).key);
    return taken === undefined ? [] : [gone(table, taken)];
  };
  const then = (): void => {
    const back = taken;
    if (back === undefined || erp.row(table, put(table, back).key) !== undefined) return;
    office.open += 1;
    erp.time.after(chance.between(50, 1_200), () => {
      office.open -= 1;
      enterAgain(office, chance, table, back);
    });
  };
  transact(office, chance, take, { then, free: true });
};

function enterAgain(office: Office, chance: Chance, table: "PERSON" | "WOHNUNG" | "NOTIZ", row: Row): void {
  const { erp } = office;
  const text = { PERSON: "NAME", WOHNUNG: "LAGE", NOTIZ: "ZEILE" }[table];
  const stamped = (stamp: string): Row =>
    table === "PERSON" ? { AENDTS: stamp } : table === "NOTIZ" ? { SEQ: erp.nextVersion() } : {};
  // What hung on it went meanwhile: nobody enters it again.
  if (table === "NOTIZ" && erp.row("AUFTRAG", String(row.AUFTR)) === undefined) return;
  transact(office, chance, (stamp) => [
    put(table, { ...row, ...stamped(stamp), [text]: `${row[text]} again ${++office.serial}` }),
  ]);
}

/** Two records of one person become one. */
const personsMerged: Deed = (office, chance) => {
  const { erp } = office;
  const [kept, other] = [chance.pick(erp.rows("PERSON")), chance.pick(erp.rows("PERSON"))];
  if (kept.NR === other.NR) return;
  transact(office, chance, (stamp) => {
    const [target, gives] = [erp.row("PERSON", String(kept.NR)), erp.row("PERSON", String(other.NR))];
    if (target === undefined || gives === undefined) return [];
    const rents = erp.rows("MIETE").filter((rent) => rent.PERS === gives.NR);
    const tickets = erp.rows("AUFTRAG").filter((ticket) => ticket.MELDER === gives.NR);
    return [
      ...rents.map((rent) => put("MIETE", { ...rent, PERS: target.NR ?? "", AENDTS: stamp })),
      ...tickets.map((ticket) => put("AUFTRAG", { ...ticket, MELDER: target.NR ?? "", AENDTS: stamp })),
      gone("PERSON", gives),
    ];
  });
};

const personDeleted: Deed = (office, chance) => {
  const free = office.erp.rows("PERSON").filter((person) => !referenced(office, person));
  if (free.length < 3) return;
  const nr = String(chance.pick(free).NR);
  transact(office, chance, () => {
    const row = office.erp.row("PERSON", nr);
    return row === undefined || referenced(office, row) ? [] : [gone("PERSON", row)];
  });
};

const flatRenamed: Deed = (office, chance) => {
  const flat = chance.pick(office.erp.rows("WOHNUNG"));
  const name = `Flat ${++office.serial}`;
  transact(office, chance, () => {
    const row = office.erp.row("WOHNUNG", put("WOHNUNG", flat).key);
    return row === undefined ? [] : [put("WOHNUNG", { ...row, LAGE: name })];
  });
};

/** A house with its flats; sometimes an estate for it. */
const houseBuilt: Deed = (office, chance) => {
  const nr = `${10 + ++office.serial}`;
  const isNew = chance.hits(0.3);
  const estate = isNew ? `E${nr}` : String(chance.pick(office.erp.rows("OBJEKT")).NR);
  const flats = chance.whole(1, 3);
  transact(office, chance, () => [
    ...(isNew ? [put("OBJEKT", { NR: estate, NAME: `Estate ${estate}` })] : []),
    put("HAUS", { OBJ: estate, NR: nr, NAME: `House ${nr}` }),
    ...Array.from({ length: flats }, (_, index) =>
      put("WOHNUNG", { OBJ: estate, HAUS: nr, NR: `${index + 1}`, LAGE: `Flat ${nr}/${index + 1}` }),
    ),
  ]);
};

/** A house that nobody lives in goes, with its flats. */
const houseDemolished: Deed = (office, chance) => {
  const { erp } = office;
  const used = new Set([...erp.rows("MIETE"), ...erp.rows("AUFTRAG")].map((row) => `${row.OBJ}|${row.HAUS}`));
  const free = erp.rows("HAUS").filter((house) => !used.has(`${house.OBJ}|${house.NR}`));
  if (free.length === 0) return;
  const house = chance.pick(free);
  transact(office, chance, () => {
    const row = erp.row("HAUS", put("HAUS", house).key);
    const stillUsed = [...erp.rows("MIETE"), ...erp.rows("AUFTRAG")].some(
      (one) => one.OBJ === house.OBJ && one.HAUS === house.NR,
    );
    if (row === undefined || stillUsed) return [];
    const flats = erp.rows("WOHNUNG").filter((flat) => flat.OBJ === house.OBJ && flat.HAUS === house.NR);
    return [...flats.map((flat) => gone("WOHNUNG", flat)), gone("HAUS", row)];
  });
};

const ticketOpened: Deed = (office, chance) => {
  const { erp } = office;
  const flat = chance.pick(erp.rows("WOHNUNG"));
  const person = String(chance.pick(erp.rows("PERSON")).NR);
  const nr = `${900_000 + ++office.serial}`;
  transact(office, chance, (stamp) => {
    if (erp.row("WOHNUNG", put("WOHNUNG", flat).key) === undefined) return [];
    const ticket = { NR: nr, OBJ: flat.OBJ ?? "", HAUS: flat.HAUS ?? "", WOHN: flat.NR ?? "", MELDER: person };
    return [
      put("AUFTRAG", { ...ticket, TITEL: `Ticket ${nr}`, STATUS: "0", PRIO: "2", FREMDNR: null, AENDTS: stamp }),
      put("BESCHR", { AUFTR: nr, LFD: 1, ZEILE: `Description of ${nr}`, AENDTS: stamp }),
    ];
  });
};

const openTicket = ({ erp }: Office, chance: Chance): string | undefined => {
  const open = erp.rows("AUFTRAG").filter((ticket) => !closed(ticket));
  return open.length === 0 ? undefined : String(chance.pick(open).NR);
};

const ticketRetitled: Deed = (office, chance) => {
  const nr = openTicket(office, chance);
  const title = `Title ${++office.serial}`;
  transact(office, chance, (stamp) => {
    const row = nr === undefined ? undefined : office.erp.row("AUFTRAG", nr);
    return row === undefined ? [] : [put("AUFTRAG", { ...row, TITEL: title, AENDTS: stamp })];
  });
};

const ticketClosed: Deed = (office, chance) => {
  const nr = openTicket(office, chance);
  transact(office, chance, (stamp) => {
    const row = nr === undefined ? undefined : office.erp.row("AUFTRAG", nr);
    return row === undefined ? [] : [put("AUFTRAG", { ...row, STATUS: "9", AENDTS: stamp })];
  });
};

const descriptionGrows: Deed = (office, chance) => {
  const nr = openTicket(office, chance);
  const text = `Line ${++office.serial}`;
  transact(office, chance, (stamp) => {
    const row = nr === undefined ? undefined : office.erp.row("AUFTRAG", nr);
    if (row === undefined) return [];
    const lines = office.erp.rows("BESCHR").filter((line) => line.AUFTR === nr);
    return [put("BESCHR", { AUFTR: row.NR ?? "", LFD: lines.length + 1, ZEILE: text, AENDTS: stamp })];
  });
};

const noteWritten: Deed = (office, chance) => {
  const { erp } = office;
  const nr = openTicket(office, chance);
  if (nr === undefined) return;
  const text = `Note ${++office.serial}`;
  const seq = erp.nextVersion();
  transact(office, chance, () => {
    if (erp.row("AUFTRAG", nr) === undefined) return [];
    const last = Math.max(
      0,
      ...erp
        .rows("NOTIZ")
        .filter((note) => note.AUFTR === nr)
        .map((note) => Number(note.LFD)),
    );
    return [put("NOTIZ", { AUFTR: nr, LFD: last + 1, ZEILE: text, FREMDNR: null, SEQ: seq })];
  });
};

/** Corrects one of the newest notes: often what the portal has just written. */
const noteCorrected =
  (among: number): Deed =>
  (office, chance) => {
    const { erp } = office;
    const newest = erp
      .rows("NOTIZ")
      .sort((one, other) => Number(other.SEQ) - Number(one.SEQ))
      .slice(0, among);
    if (newest.length === 0) return;
    const note = chance.pick(newest);
    const text = `Corrected ${++office.serial}`;
    const seq = erp.nextVersion();
    transact(office, chance, () => {
      const row = erp.row("NOTIZ", put("NOTIZ", note).key);
      return row === undefined ? [] : [put("NOTIZ", { ...row, ZEILE: text, SEQ: seq })];
    });
  };

/** With its lines and notes; what came from the portal is kept, for its number is all that remembers the command. */
const ticketDeleted: Deed = (office, chance) => {
  const { erp } = office;
  const own = erp.rows("AUFTRAG").filter((ticket) => ticket.FREMDNR === null);
  if (own.length < 4) return;
  const nr = String(chance.pick(own).NR);
  transact(office, chance, () => {
    const row = erp.row("AUFTRAG", nr);
    const notes = erp.rows("NOTIZ").filter((note) => note.AUFTR === nr);
    if (row === undefined || notes.some((note) => note.FREMDNR !== null)) return [];
    const lines = erp.rows("BESCHR").filter((line) => line.AUFTR === nr);
    return [...notes.map((note) => gone("NOTIZ", note)), ...lines.map((line) => gone("BESCHR", line)), gone("AUFTRAG", row)];
  });
};

/** A code that no mapping knows, until somebody notices. */
const ticketSpoiled: Deed = (office, chance) => {
  const { erp } = office;
  const nr = openTicket(office, chance);
  if (nr === undefined) return;
  const title = `Odd ${++office.serial}`;
  const set = (values: Row, then?: () => void): void => {
    const make = (stamp: string) => {
      const row = erp.row("AUFTRAG", nr);
      return row === undefined ? [] : [put("AUFTRAG", { ...row, ...values, AENDTS: stamp })];
    };
    transact(office, chance, make, then === undefined ? {} : { then });
  };
  set({ STATUS: "?" }, () => void erp.time.after(chance.between(5_000, 120_000), () => set({ STATUS: "1", TITEL: title })));
};

/** A restore of the ERP may have brought back what somebody had noticed before. */
export function mendTickets(office: Office, chance: Chance): void {
  for (const { NR } of office.erp.rows("AUFTRAG").filter((ticket) => ticket.STATUS === "?")) {
    transact(office, chance, (stamp) => {
      const row = office.erp.row("AUFTRAG", String(NR));
      return row === undefined ? [] : [put("AUFTRAG", { ...row, STATUS: "1", AENDTS: stamp })];
    });
  }
}

/** Each deed as often as it stands here. */
export const deeds: Readonly<Record<string, { deed: Deed; weight: number }>> = {
  "person renamed": { deed: personRenamed, weight: 8 },
  "person added": { deed: personAdded, weight: 3 },
  "tenant moves": { deed: move, weight: 8 },
  "rent cancelled": { deed: rentCancelled, weight: 4 },
  "rent restored": { deed: rentRestored, weight: 3 },
  "ends wiped": { deed: endsWiped, weight: 2 },
  "rents misplaced": { deed: rentsMisplaced, weight: 1 },
  "row rewritten": { deed: rowRewritten, weight: 6 },
  "persons merged": { deed: personsMerged, weight: 3 },
  "person deleted": { deed: personDeleted, weight: 3 },
  "flat renamed": { deed: flatRenamed, weight: 4 },
  "house built": { deed: houseBuilt, weight: 3 },
  "house demolished": { deed: houseDemolished, weight: 3 },
  "ticket opened": { deed: ticketOpened, weight: 10 },
  "ticket retitled": { deed: ticketRetitled, weight: 12 },
  "ticket closed": { deed: ticketClosed, weight: 5 },
  "description grows": { deed: descriptionGrows, weight: 6 },
  "note written": { deed: noteWritten, weight: 10 },
  "note corrected": { deed: noteCorrected(3), weight: 5 },
  "newest note corrected": { deed: noteCorrected(1), weight: 2 },
  "ticket deleted": { deed: ticketDeleted, weight: 4 },
  "ticket spoiled": { deed: ticketSpoiled, weight: 2 },
};
