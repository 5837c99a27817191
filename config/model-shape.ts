/** What the portal's model expects of a value, read off its schemas. */
import * as z from "zod";
import { didYouMean } from "../base/nearest.ts";
import type { Json } from "../protocol/model.ts";
import type { ConstantNode } from "./schema-read.ts";

/** Schema of a value of the model; undefined where it is not known what is expected. */
export type Expected = z.ZodType | undefined;

/** The schema inside of optional and nullable. */
export function bare(expected: Expected): Expected {
  let schema = expected;
  while (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) schema = schema.unwrap() as z.ZodType;
  return schema;
}

/** Types of entities whose id is expected here; undefined where no id is. */
export function referencedTypes(expected: Expected): readonly string[] | undefined {
  return expected === undefined
    ? undefined
    : ((bare(expected)?.meta()?.references ?? expected.meta()?.references) as string[] | undefined);
}

/** `a list`, `an object` or `a text`, as a person would say it. */
export function kindOf(expected: Expected): "list" | "object" | "value" | "unknown" {
  const schema = bare(expected);
  if (schema === undefined) return "unknown";
  if (schema instanceof z.ZodArray) return "list";
  return schema instanceof z.ZodObject || schema instanceof z.ZodRecord ? "object" : "value";
}

export function elementOf(expected: Expected): Expected {
  const schema = bare(expected);
  return schema instanceof z.ZodArray ? (schema.element as z.ZodType) : undefined;
}

/** Fields of an expected object; undefined where any name may stand. */
export function fieldsOf(expected: Expected): Readonly<Record<string, z.ZodType>> | undefined {
  const schema = bare(expected);
  return schema instanceof z.ZodObject ? (schema.shape as Record<string, z.ZodType>) : undefined;
}

/** What is expected of one field of an object. */
export function fieldOf(expected: Expected, name: string): Expected {
  const schema = bare(expected);
  if (schema instanceof z.ZodRecord) return schema.valueType as z.ZodType;
  const fields = fieldsOf(expected);
  return fields && Object.hasOwn(fields, name) ? fields[name] : undefined;
}

/** Fields that must not be absent. */
export function requiredFields(expected: Expected): string[] {
  return Object.entries(fieldsOf(expected) ?? {}).flatMap(([name, schema]) => (schema instanceof z.ZodOptional ? [] : [name]));
}

/** A constant in the type that the model wants: the file knows texts only. */
export function constantFor(node: ConstantNode, expected: Expected): { value: Json } | { reason: string } {
  const schema = expected;
  if (schema === undefined) return { value: node };
  const candidates: unknown[] = [node];
  if (node === "true" || node === "false") candidates.push(node === "true");
  if (typeof node === "string" && /^-?\d+(\.\d+)?$/.test(node)) candidates.push(Number(node));
  for (const candidate of candidates) if (schema.safeParse(candidate).success) return { value: candidate as Json };
  return { reason: reasonFor(node, schema) };
}

function reasonFor(node: ConstantNode, schema: z.ZodType): string {
  const inner = bare(schema);
  if (inner instanceof z.ZodEnum && typeof node === "string") return didYouMean(node, inner.options.map(String));
  if (inner instanceof z.ZodBoolean) return "Write true or false.";
  const issue = schema.safeParse(node).error?.issues[0];
  return issue ? `The model wants: ${issue.message.replace(/^Invalid input: /, "")}.` : "See docs/model.";
}
