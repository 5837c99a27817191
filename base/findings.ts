/** How bad a finding is: an `error` stops the part it names, a `warning` should be mended, `info` is said once. */
export type Severity = "error" | "warning" | "info";

/** Something a person should know or mend: from `check`, configuration, schema drift or data quality. Always with its remedy. */
export interface Finding {
  severity: Severity;
  /** Stable, documented code in kebab-case, e.g. `column-missing`. */
  code: string;
  /** Where: configuration path with line, source, ERP table. */
  place: string;
  message: string;
  /** What to do, as a sentence or the statement a DBA must run. */
  remedy: string;
}
