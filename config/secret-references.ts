/** Secrets in free settings (a connector's): references only, and a plain one is a fault that never repeats it. */

import { nearest } from "../base/nearest.ts";
import type { Path } from "./document.ts";
import { readComplaint } from "./fault-text.ts";
import type { Scene } from "./scene.ts";
import { plainSecret } from "./schema-values.ts";

const secretKey = /pass(word|wort|wd|phrase)|pwd$|kennwort|secret|token$|api[-_]?key|private[-_]?key|credential|(^|[-_])pass$/i;
const passWord = /[a-z]Pass$/;
const inAddress = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*@/i;
const inText = /\b(password|pwd|passwort)\s*=/i;

function isReference(node: unknown): node is { secret: string } {
  return (
    typeof node === "object" &&
    node !== null &&
    Object.keys(node).length === 1 &&
    typeof (node as { secret?: unknown }).secret === "string"
  );
}

/** Names of the secrets that the settings refer to; faults for values that stand there themselves. */
export function secretsIn(scene: Scene, node: unknown, path: Path): { name: string; path: Path }[] {
  if (isReference(node)) return [{ name: node.secret, path: [...path, "secret"] }];
  const key = path.findLast((part) => typeof part === "string") ?? "";
  if (typeof node === "string") {
    const plain = node !== "" && (secretKey.test(String(key)) || passWord.test(String(key)) || inText.test(node));
    const address = inAddress.test(node) && /:\/\/[^/?#]*:[^/?#]*@/.test(node);
    if (!plain && !address) return [];
    const { message, remedy } = readComplaint(
      plainSecret(
        plain
          ? `erp-${String(key)
              .toLowerCase()
              .replace(/[^a-z0-9]/g, "-")}`
          : "erp-password",
      ),
    );
    scene.fault(path, `\`${String(key).slice(0, 60)}\` ${message}`, remedy);
    return [];
  }
  if (Array.isArray(node)) return node.flatMap((item, index) => secretsIn(scene, item, [...path, index]));
  if (typeof node !== "object" || node === null) return [];
  return Object.entries(node).flatMap(([name, inner]) => secretsIn(scene, inner, [...path, name]));
}

/** A fault for each secret that is not in the store. */
export function checkStored(scene: Scene, wanted: readonly { name: string; path: Path }[], stored: readonly string[]): void {
  for (const { name, path } of wanted) {
    if (stored.includes(name)) continue;
    const near = nearest(name, stored);
    scene.fault(
      path,
      `No secret \`${name.slice(0, 100)}\` is stored`,
      `${near === undefined ? "" : `Did you mean \`${near}\`? `}Run \`erpfuser secret set ${name.slice(0, 100)}\`.`,
    );
  }
}
