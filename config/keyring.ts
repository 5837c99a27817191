/**
 * The desktop's keyring. On Linux pinned to the Secret Service: the library's own choice falls back to the kernel's keyring, which a reboot
 * empties. Not verified here against a running Secret Service, macOS keychain or Windows Credential Manager: the machines of the tests have none.
 */
import type { Keyring } from "./master-key.ts";

/** The entry of one state directory: two agents on one desktop have two keys. The library is loaded only when it is used. */
export function desktopKeyring(directory: string): Keyring {
  const entry = async () => {
    const { AsyncEntry } = await import("@napi-rs/keyring");
    return new AsyncEntry("erpfuser", `master-key:${directory}`, { linux: { store: "secret-service" } });
  };
  return {
    read: async () => (await (await entry()).getPassword()) ?? null,
    write: async (text) => (await entry()).setPassword(text),
  };
}
