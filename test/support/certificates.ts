/** A certificate authority and certificates that it signed, made by the openssl command. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";

export interface SignedCertificate {
  /** Files. */
  ca: string;
  cert: string;
  key: string;
}

/** A certificate authority and a server's certificate for the address that it signed, in files of the folder. */
export function signedCertificate(folder: string, name: string, address = "127.0.0.1"): SignedCertificate {
  const file = (suffix: string): string => join(folder, `${name}-${suffix}.pem`);
  const openssl = (...args: string[]): void => void execFileSync("openssl", args, { stdio: "ignore" });
  const key = ["-newkey", "rsa:2048", "-nodes"];
  const authority = ["-keyout", file("ca-key"), "-out", file("ca"), "-days", "2", "-subj", `/CN=${name} CA`];
  openssl("req", "-x509", ...key, ...authority);
  const subject = ["-subj", "/CN=erp", "-addext", `subjectAltName=IP:${address}`];
  openssl("req", ...key, "-keyout", file("key"), "-out", file("request"), ...subject);
  const signed = ["-CA", file("ca"), "-CAkey", file("ca-key"), "-CAcreateserial", "-days", "2", "-copy_extensions", "copy"];
  openssl("x509", "-req", "-in", file("request"), "-out", file("cert"), ...signed);
  return { ca: file("ca"), cert: file("cert"), key: file("key") };
}
