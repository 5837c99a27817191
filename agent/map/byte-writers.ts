/** From compiled readers to writers of bytes. */
import type { WrittenForm } from "../../connectors/connector.ts";
import { askedOfBytes, type ConditionOfBytes, decodedCondition } from "./byte-conditions.ts";
import { referenceWriter } from "./byte-references.ts";
import { listWriter, objectWriter, type WrittenPart } from "./byte-structures.ts";
import { textWriter } from "./byte-texts.ts";
import { dayWriter, decoded, decodingWriter, fewWriter } from "./byte-values.ts";
import type { RowWriter } from "./mapped.ts";
import type { ObjectPart } from "./object-reads.ts";
import { emptyRule } from "./reads.ts";
import type { Recipe } from "./recipes.ts";
import type { CompiledRead, Condition } from "./row-reading.ts";
import { type WriteBytes, writeFixed } from "./written-entity.ts";

/** What the rows are like, and what they may refer to. */
export interface WriterScope {
  forms: readonly WrittenForm[];
  targets: RowWriter["targets"];
}

/** The writer of a read: by its recipe where its columns come in the right forms, else of decoded values. */
export function byteWriter(compiled: CompiledRead, scope: WriterScope): WriteBytes {
  const { fixed, recipe } = compiled;
  if (fixed !== undefined) {
    const text = Buffer.from(fixed);
    return (_rows, into, at) => writeFixed(text, into, at);
  }
  const byRecipe = recipe && writerByRecipe(recipe, compiled, scope);
  return byRecipe ?? decodingWriter(decoded(compiled, scope.forms.length), scope.targets);
}

function writerByRecipe(recipe: Recipe, compiled: CompiledRead, scope: WriterScope): WriteBytes | undefined {
  const { forms, targets } = scope;
  switch (recipe.kind) {
    case "text":
      return forms[recipe.column] === "text" ? textWriter(recipe) : undefined;
    case "day":
      if (forms[recipe.column] === "integer") return dayWriter(recipe);
      return fewWriter(recipe.column, decoded(compiled, forms.length));
    case "few":
      return fewWriter(recipe.column, decoded(compiled, forms.length));
    case "reference": {
      const { source, missing } = recipe.target;
      const target = targets.findIndex((one) => one.source === source && one.missing === missing);
      return referenceWriter(recipe, forms, target);
    }
    case "object":
      return objectWriter(recipe.parts.map((part) => writtenPart(part, scope)));
    case "list": {
      const items = recipe.items.map(({ when, compiled: item }) => ({
        when: when && conditionOfBytes(when, scope),
        write: byteWriter(item, scope),
      }));
      return listWriter(items, recipe);
    }
  }
}

function writtenPart({ label, kind, compiled }: ObjectPart, scope: WriterScope): WrittenPart {
  const { fixed } = compiled;
  const rule = emptyRule(kind);
  return {
    head: Buffer.from(label + (fixed ?? "")),
    write: fixed === undefined ? byteWriter(compiled, scope) : undefined,
    matters: !compiled.constant,
    empty: rule === "kept" ? "null" : rule === "fault" ? "missing" : rule,
  };
}

export function conditionOfBytes({ asked, columns, test }: Condition, { forms }: WriterScope): ConditionOfBytes {
  if (asked !== undefined && columns.every((column) => forms[column] === "text")) return askedOfBytes(asked);
  return decodedCondition(decoded({ columns, read: (reading) => (test(reading) ? "" : null) }, forms.length));
}
