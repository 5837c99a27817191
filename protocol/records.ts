/** Objects whose keys are data. */
import * as z from "zod";

const own = "__proto__";

/**
 * An object with keys and values of these schemas; that of the keys must not take `__proto__`. zod itself passes over such a key without a word, whatever the schema says: something would be
 * taken that the generated documents refuse.
 */
export function record<Key extends z.ZodString, Value extends z.ZodType>(key: Key, value: Value) {
  return z.preprocess(
    (object, context) => {
      if (typeof object === "object" && object !== null && Object.hasOwn(object, own))
        context.addIssue({ code: "custom", message: "is no name", path: [own] });
      return object;
    },
    z.record(key, value),
  );
}
