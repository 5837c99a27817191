/** Everything the demo plays with: ERP, portal and agent, started in order and ended in reverse. */
import { type CsvDrops, csvDrops } from "../../../test/support/erp/csv-drops.ts";
import type { Session } from "../session.ts";
import { type AgentProcess, createAgent } from "./agent-process.ts";
import { type Company, prepareCompany } from "./company.ts";
import { openDropFolder } from "./drop-folder.ts";
import { csvPlace, type ErpPlace, serverPlace, sqlitePlace } from "./erp-place.ts";
import { type Home, openHome } from "./home.ts";
import type { DemoOptions } from "./options.ts";
import { createPortal, type PortalProcess } from "./portal-process.ts";
import { choosePort } from "./ports.ts";
import type { Progress } from "./progress.ts";

export interface World extends AsyncDisposable {
  session: Session;
  options: DemoOptions;
  home: Home;
  place: ErpPlace;
  company: Company;
  /** Where the ERP drops CSV files: nothing is seen of it but these. */
  drops: CsvDrops | undefined;
  portal: PortalProcess;
  agent: AgentProcess;
  agentId: string;
  /** Ctrl-C, or the unexpected end of portal or agent; the reason is the error to show. */
  signal: AbortSignal;
}

/**
 * Makes (or finds again) the company, starts the portal, enrols and starts the agent.
 * @throws FuserError whatever kept one of them from starting, each with its remedy
 */
export async function openWorld(session: Session, options: DemoOptions, progress: Progress): Promise<World> {
  const deaths = new AbortController();
  const signal = AbortSignal.any([session.signal, deaths.signal]);
  const ended: (() => PromiseLike<void> | void)[] = [];
  const dispose = async (): Promise<void> => {
    for (const end of ended.splice(0).reverse()) await end();
  };
  try {
    const home = openHome(options.directory, options);
    ended.push(() => home[Symbol.dispose]());
    const place = placeOf(options, home);
    const earlier = home.earlier?.erp === place.label ? home.earlier : undefined;
    const company = await openCompany(session, { place, options, progress, keep: earlier !== undefined });
    ended.push(() => company.db.close());
    const { dropFolder: folder } = place;
    const drops = folder === undefined ? undefined : csvDrops({ db: company.db, folder, now: session.clock.now });
    await drops?.full();
    const parts = { clock: session.clock, signal, onDeath: (error: Error) => deaths.abort(error) };
    const portal = createPortal({
      ...parts,
      store: home.portalStore,
      port: await choosePort(options.port ?? earlier?.portalPort, session.random, "--port"),
      token: tokenOf(session),
      logFile: home.logFile("portal"),
    });
    ended.push(() => portal[Symbol.asyncDispose]());
    const { configFile, state } = home;
    // A compare of a large company in quick succession would be all that its ERP does.
    const compareEvery = options.units > 1_000 ? "1m" : "3s";
    const config = options.feed === undefined ? {} : { feed: options.feed };
    const agent = createAgent({ ...parts, configFile, state, place, compareEvery, config, logFile: home.logFile("agent") });
    const kept = options.feed !== undefined && place.keepsForFeed;
    ended.push(async () => {
      await agent[Symbol.asyncDispose]();
      if (kept && agent.pid !== undefined) await agent.dropFeed().catch((error: Error) => session.out.note(error.message));
    });
    const starting = progress.step("Portal and agent");
    await portal.start();
    if (earlier === undefined) await agent.prepare(portal.channel, await portal.enrolmentCode());
    const agentId = earlier?.agentId ?? (await portal.agent())?.id ?? "";
    home.remember({ erp: place.label, units: options.units, portalPort: portal.port, agentId });
    agent.start();
    starting.done(earlier === undefined ? "running, enrolled" : "running, as before");
    return { session, options, home, place, company, drops, portal, agent, agentId, signal, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    // A child's end shows itself in many ways; its own last words say most.
    throw deaths.signal.aborted ? deaths.signal.reason : error;
  }
}

function placeOf({ erp, keep }: DemoOptions, { erpFile }: Home): ErpPlace {
  if (erp === undefined) return sqlitePlace(erpFile);
  const folder = /^csv:(.+)$/.exec(erp)?.[1];
  return folder === undefined ? serverPlace(erp) : csvPlace(openDropFolder(folder, { keep }), erpFile);
}

interface CompanyParts {
  place: ErpPlace;
  options: DemoOptions;
  progress: Progress;
  keep: boolean;
}

async function openCompany(session: Session, { place, options, progress, keep }: CompanyParts): Promise<Company> {
  const { units, reset, feed } = options;
  const step = progress.step(`Sample company (${place.label})`);
  const company = await prepareCompany(session, { place, units, keep, reset, fed: feed !== undefined });
  step.done(`${company.rows} rows ${company.made ? "made" : "found"}`);
  return company;
}

/** Opens only the demo's own portal on this machine, hence no need for a better source than the session's. */
function tokenOf({ random }: Session): string {
  return Array.from({ length: 4 }, () =>
    Math.floor(random() * 2 ** 32)
      .toString(16)
      .padStart(8, "0"),
  ).join("");
}
