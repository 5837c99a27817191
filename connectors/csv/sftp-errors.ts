import { FuserError, isAbort } from "../../base/errors.ts";

const operation = "connect to the SFTP server";

/** An error of ssh2 before the connection stood. Its `level` says where it comes from. */
export function connectError(error: unknown, place: string): FuserError {
  const { level, code, message } = error as Error & { level?: string; code?: string };
  const details = { operation, place, cause: error };
  if (level === "client-authentication" || /privateKey|passphrase|parse/i.test(message)) {
    return new FuserError("config", `The SFTP server refuses the login: ${message}`, {
      ...details,
      code: "erp-login-refused",
      hint: "Check `erp: sftp: user:` and store the password or key anew with `erpfuser secret set`.",
    });
  }
  return new FuserError("transient", `The SFTP server does not answer: ${message}${code === undefined ? "" : ` (${code})`}`, {
    ...details,
    code: "erp-unreachable",
    hint: "Check `erp: sftp: host:` and `port`, the firewall, and whether the server allows SFTP.",
  });
}

export function hostKeyError(seen: string, wanted: string | undefined, place: string): FuserError {
  const message =
    wanted === undefined
      ? `The SFTP server shows the key ${seen}, and none is written in the configuration`
      : `The SFTP server shows the key ${seen} in place of ${wanted}`;
  return new FuserError("config", message, {
    code: "erp-host-key",
    operation,
    place,
    hint: "Ask the server's admin for its fingerprint (ssh-keygen -lf on its public key). If it is this one, write it under `erp: sftp: hostKey:`; else somebody may be listening.",
  });
}

/** Status codes of SFTP (draft-ietf-secsh-filexfer-02, 7). */
const missing = 2;
const denied = 3;

export const isMissing = (error: unknown): boolean => (error as { code?: unknown }).code === missing;

/** An error of a request to the server. */
export function requestError(error: unknown, request: string, { place, user }: { place: string; user: string }): unknown {
  if (error instanceof FuserError || isAbort(error) || !(error instanceof Error)) return error;
  const { code } = error as { code?: unknown };
  const details = { operation: request, place, cause: error };
  if (code === missing) {
    return new FuserError("transient", `The account ${user} does not find the folder ${place}`, {
      ...details,
      code: "erp-folder-missing",
      hint: "Correct `erp: folder:`; a path that begins with / is absolute on the server.",
    });
  }
  if (code === denied) {
    return new FuserError("transient", `The account ${user} may not use the folder ${place}`, {
      ...details,
      code: "erp-folder-rights",
      hint: "Give this account the right to read, write and rename in it: imported files are moved to the archive folder.",
    });
  }
  return new FuserError("transient", `The SFTP server fails: ${error.message}`, {
    ...details,
    code: "erp-connection-lost",
    hint: "It is tried again by itself.",
  });
}
