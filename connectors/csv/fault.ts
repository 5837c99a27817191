/** What is wrong with a file, told to a person: it goes to the reject folder as a whole. */
export interface FileFaultDetails {
  /** From 1; undefined where the file as a whole is meant. */
  line?: number;
  /** Name of the column. */
  column?: string;
  /** Without values of the file: it is logged. */
  message: string;
  /** What to do, as a sentence. */
  remedy: string;
}

export class FileFault extends Error {
  readonly details: FileFaultDetails;

  constructor(details: FileFaultDetails, cause?: unknown) {
    super(details.message, cause === undefined ? undefined : { cause });
    this.name = "FileFault";
    this.details = details;
  }
}
