import { readFileSync, statSync } from "node:fs";
import { isScalar, parseDocument } from "yaml";
import { FuserError } from "../../base/errors.ts";
import type { Config } from "../../config/config.ts";
import { enrol } from "../channel/enrol.ts";
import { machineName, newId } from "../erp.ts";
import { transportSettings } from "../portal-way.ts";
import { replaceFile } from "../replace-file.ts";
import { readStatusFile, stillRuns } from "../status-file.ts";
import type { Register } from "./command.ts";
import { readConfiguration } from "./configuration.ts";
import { requireCode } from "./enrol.ts";
import { exitCodes } from "./exit-codes.ts";
import { counted } from "./output.ts";
import { prompt } from "./prompt.ts";
import { configurationSecrets } from "./secrets.ts";
import type { Session } from "./session.ts";
import { withState } from "./state.ts";

/** `erpfuser go-live CODE`: shows the figures of the test, asks once, joins the portal's live tenant and switches the stage. */
export const goLive: Register = (program, start) => {
  program
    .command("go-live")
    .description("Switch from the portal's test tenant to the live one")
    .argument("<code>", "one-time code that the portal's live tenant shows")
    .option("-y, --yes", "do not ask", false)
    .action(
      start(async (session, [code = ""], { yes }) => {
        requireCode(code);
        const config = await readConfiguration(session);
        requireReady(config);
        const figures = await testFigures(session, config);
        for (const line of figureLines(figures)) session.out.note(line);
        if (yes !== true) await confirm(session);
        const enrolment = await joinLive(session, config, code);
        switchStage(config.file);
        session.out.result({ ...figures, agentId: enrolment.agentId, tenant: enrolment.tenant, stage: "live" }, () => [
          `Live at ${enrolment.portalName} for ${enrolment.tenant} as ${enrolment.agentId}. Start the agent: \`erpfuser run\`, or its service.`,
        ]);
        return exitCodes.ok.code;
      }),
    );
};

/** The agent must rest, so that nothing of the test is on its way, and be in stage test. */
function requireReady(config: Config): void {
  if (config.agent.stage === "live")
    throw refused("decision-already-live", "This agent is live already", "Nothing is to be done");
  stageRange(config.file);
  const status = readStatusFile(config.agent.state);
  if (status !== undefined && stillRuns(status)) {
    throw refused("decision-agent-runs", "The agent is running", "Stop it first, then run `erpfuser go-live` again");
  }
}

interface Figures {
  entities: Readonly<Record<string, number>>;
  quarantined: number;
  openGuards: number;
  findings: number;
}

async function testFigures(session: Session, config: Config): Promise<Figures> {
  return await withState(session, config, (state) => ({
    entities: Object.fromEntries(config.sources.map(({ name }) => [name, state.entities.count(name)])),
    quarantined: state.quarantine.count(),
    openGuards: state.guards.list().filter((guard) => guard.state === "open").length,
    findings: state.findings.count({ accepted: { is: false, at: session.clock.now() } }),
  }));
}

function figureLines({ entities, quarantined, openGuards, findings }: Figures): string[] {
  return [
    "What the test showed:",
    ...Object.entries(entities).map(([source, count]) => `  ${source}: ${count} entities`),
    `  ${quarantined} in quarantine, ${openGuards} open guards, ${counted(findings, "finding")} of data quality`,
  ];
}

async function confirm(session: Session): Promise<void> {
  const answer = await prompt(session, "From now on commands are carried out in the ERP. Type `live` to go on");
  if (answer !== "live") throw refused("decision-not-confirmed", "Nothing was changed", "Run it again when you are ready");
}

async function joinLive(session: Session, config: Config, code: string) {
  const secrets = configurationSecrets(session, config);
  const transport = await transportSettings(config, secrets.require, session.env);
  const { clock, signal } = session;
  const enrolment = await enrol(
    { portal: config.agent.portal, secrets, transport, clock, newId, signal, stage: "live" },
    { code, host: machineName(), agentName: config.agent.name },
  );
  return enrolment;
}

/** Where the value of `agent.stage` stands in the file. */
function stageRange(file: string): { text: string; from: number; until: number } {
  const text = readFileSync(file, "utf8");
  const node = parseDocument(text, { schema: "failsafe" }).getIn(["agent", "stage"], true);
  if (isScalar(node) && node.range) return { text, from: node.range[0], until: node.range[1] };
  throw new FuserError("config", "The configuration does not say its stage", {
    code: "config-stage-missing",
    operation: "go live",
    place: file,
    hint: "Write `stage: test` under `agent:` and run it again",
  });
}

/** Changes the one word and nothing else of the file, which stays as closed as it was. */
function switchStage(file: string): void {
  const { text, from, until } = stageRange(file);
  replaceFile(file, `${text.slice(0, from)}live${text.slice(until)}`, { mode: statSync(file).mode & 0o777 });
}

function refused(code: string, message: string, hint: string): FuserError {
  return new FuserError("config", message, { code, operation: "go live", hint });
}
