/** What goes wrong with the ERP's own feed, where sources live on it. */
import type { Fault } from "./faults.ts";

const minuteMs = 60_000;

const broken: Fault = ({ erp }) => {
  erp.log.breaks += 1;
};

/** Nobody gets at it, and when it is back what came meanwhile is no longer kept. */
const purged: Fault = ({ erp, time }, chance) => {
  const { log } = erp;
  log.breaks += 1;
  log.away = true;
  time.after(chance.between(100, 4 * minuteMs), () => {
    log.away = false;
    log.purge(erp.position);
  });
};

const refused: Fault = ({ erp, time }, chance) => {
  const { log } = erp;
  log.refused = true;
  if (chance.hits(0.7)) log.breaks += 1;
  time.after(chance.between(minuteMs, 10 * minuteMs), () => {
    log.refused = false;
  });
};

const readersAre =
  (mood: "mute" | "deaf"): Fault =>
  ({ erp }) => {
    for (const reader of erp.log.readers) reader.mood = mood;
  };

const untold: Fault = ({ erp, time }, chance) => {
  const { log } = erp;
  log.untoldShare = chance.between(0.2, 1);
  time.after(chance.between(5_000, 4 * minuteMs), () => {
    log.untoldShare = 0;
  });
};

export const feedFaults: Readonly<Record<string, { fault: Fault; weight: number }>> = {
  "feed broken": { fault: broken, weight: 3 },
  "feed purged": { fault: purged, weight: 4 },
  "feed refused": { fault: refused, weight: 2 },
  "feed mute": { fault: readersAre("mute"), weight: 4 },
  "feed deaf": { fault: readersAre("deaf"), weight: 3 },
  "feed names no rows": { fault: untold, weight: 4 },
};
