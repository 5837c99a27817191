/** Joins the compiled commands of the mapping with the write-back, which knows neither configuration nor mapping. */
import { FuserError } from "../base/errors.ts";
import type { Command } from "../protocol/messages.ts";
import { schemaMissing } from "./capture/status.ts";
import type { Compiled } from "./compile.ts";
import type { PlanContext } from "./map/write-plan.ts";
import type { Lack } from "./schema-lacks.ts";
import type { Compile } from "./writeback/parts.ts";

/** How a command of the portal becomes a plan; one that the configuration does not have is refused. */
export function planner({ commands, mappings, lacks }: Compiled): Compile {
  return (message, { now }) => {
    const compiled = commands.get(message.command);
    if (compiled === undefined) {
      const rejected = notOffered(message.command);
      const lack = lacks.find(({ stops, name }) => stops === "command" && name === message.command);
      return lack === undefined ? { rejected } : { rejected, waits: lacking(lack) };
    }
    // References were resolved and repetition is decided by the write-back.
    const isCurrent = (source: string, id: string): boolean => {
      const mapping = mappings.find((one) => one.source === source);
      const key = mapping?.keyOf(id);
      return mapping === undefined || key === undefined || mapping.idOf(key) === id;
    };
    const context: PlanContext = { now, mayBeRepeated: false, rehearse: false, resolve: () => undefined, isCurrent };
    const command = message as Command;
    const plan = compiled.plan(command, context);
    if ("rejected" in plan) {
      const { rejected } = plan;
      return rejected.code === "lookup-missing" ? { rejected, waits: tableMissing(rejected.en) } : { rejected };
    }
    const mapping = mappings.find(({ source }) => source === compiled.source);
    return {
      plan,
      source: compiled.source,
      entityOf: (key) => ({ type: compiled.type, id: mapping?.idOf(key) ?? key }),
      numberOf: (results) => compiled.numberOf(command, results, context),
      conflicts: (found) => compiled.conflicts(command, found),
      asks: compiled.asks,
    };
  };
}

function lacking({ fault }: Lack): FuserError {
  return new FuserError("config", `The ERP's schema lacks what the command needs: ${fault.message}`, {
    code: schemaMissing,
    operation: "carry out a command",
    place: fault.path,
    hint: fault.remedy,
  });
}

/** The portal sends its tables as soon as it is connected. */
function tableMissing(message: string): FuserError {
  return new FuserError("transient", message, {
    code: "lookup-missing",
    operation: "carry out a command",
    hint: "Nothing, if the portal is about to send its table; else tell its operator which one `hello` asks for",
  });
}

function notOffered(name: string) {
  return {
    code: "not-offered",
    de: `Das ERP-System nimmt „${name}“ nicht an.`,
    en: `The ERP does not take “${name}”.`,
  };
}
