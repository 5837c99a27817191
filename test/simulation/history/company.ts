/** The small housing company that a run begins with. */

import type { Change, ErpServer } from "../erp/server.ts";
import type { Chance } from "../world/chance.ts";
import { put } from "./clerk.ts";

const properties = 2;
const buildingsEach = 2;
const unitsEach = 4;

export function foundCompany(erp: ErpServer, chance: Chance): void {
  const stamp = "2026-01-13T08:00:00";
  const changes: Change[] = [put("KREIS", { NAME: "AUFTRAG", NR: 100 })];
  let person = 0;
  for (let p = 1; p <= properties; p++) {
    changes.push(put("OBJEKT", { NR: `${p}`, NAME: `Estate ${p}` }));
    for (let b = 1; b <= buildingsEach; b++) {
      changes.push(put("HAUS", { OBJ: `${p}`, NR: `${b}`, NAME: `House ${p}/${b}` }));
      for (let u = 1; u <= unitsEach; u++) {
        const place = { OBJ: `${p}`, HAUS: `${b}` };
        changes.push(put("WOHNUNG", { ...place, NR: `${u}`, LAGE: `Flat ${p}/${b}/${u}` }));
        const nr = `${++person}`;
        changes.push(put("PERSON", { NR: nr, NAME: `Person ${nr}`, AENDTS: stamp }));
        if (chance.hits(0.2)) continue;
        const rent = { NR: `${1_000 + person}`, ...place, WOHN: `${u}`, PERS: nr };
        changes.push(put("MIETE", { ...rent, BEGINN: 20200101, ENDE: 0, STORNO: "N", AENDTS: stamp }));
        if (chance.hits(0.5))
          changes.push(...someTicket({ nr: `${person}`.padStart(6, "0"), place, unit: `${u}`, person: nr, stamp }));
      }
    }
  }
  erp.commit(changes, undefined);
}

function someTicket(told: {
  nr: string;
  place: { OBJ: string; HAUS: string };
  unit: string;
  person: string;
  stamp: string;
}): Change[] {
  const { nr, place, unit, person, stamp } = told;
  return [
    put("AUFTRAG", {
      NR: nr,
      ...place,
      WOHN: unit,
      MELDER: person,
      TITEL: `Ticket ${nr}`,
      STATUS: "0",
      PRIO: "2",
      FREMDNR: null,
      AENDTS: stamp,
    }),
    put("BESCHR", { AUFTR: nr, LFD: 1, ZEILE: `Description of ${nr}`, AENDTS: stamp }),
    put("NOTIZ", { AUFTR: nr, LFD: 1, ZEILE: `Note to ${nr}`, FREMDNR: null, SEQ: 100 + Number(nr) }),
  ];
}
