/** What findings say to people, by rule, in German and English. `{name}` stands for a parameter of the finding, `{other}` for the key of the other record. */
import type { FindingName } from "./judged.ts";

export type Language = "de" | "en";
type Text = Readonly<Record<Language, string>>;

interface FindingText {
  /** In a few words. */
  title: Text;
  /** What is wrong with the record. */
  wrong: Text;
  /** What to do in the ERP. */
  mend: Text;
}

/** Every rule has its text, else it does not compile. */
export const findingTexts: Readonly<Record<FindingName, FindingText>> = {
  "email-placeholder": {
    title: { de: "Platzhalter statt E-Mail-Adresse", en: "Placeholder instead of an e-mail address" },
    wrong: {
      de: "Eingetragen ist eine Adresse, die für „keine“ steht. Sie wird nicht an das Mieterportal gegeben.",
      en: "The address that is entered stands for “none”. The portal does not get it.",
    },
    mend: {
      de: "Tragen Sie die richtige Adresse ein oder leeren Sie das Feld.",
      en: "Enter the right address, or empty the field.",
    },
  },
  "schema-missing": {
    title: { de: "Tabelle oder Spalte fehlt", en: "Table or column missing" },
    wrong: {
      de: "Die Datenbank bietet nicht mehr, was gelesen oder geschrieben werden soll: {what}",
      en: "The database no longer offers what is to be read or written: {what}",
    },
    mend: {
      de: "Für die IT: „erpfuser check“ nennt jede Stelle mit Abhilfe.",
      en: "For IT: “erpfuser check” names each place with its remedy.",
    },
  },
};

const fieldLabels: Readonly<Record<string, Text>> = {
  emails: { de: "E-Mail-Adressen", en: "e-mail addresses" },
  phones: { de: "Telefonnummern", en: "phone numbers" },
  startDate: { de: "Beginn", en: "start" },
  endDate: { de: "Ende", en: "end" },
};

/** A field of the model in words; its own name where there are none. */
export const fieldLabel = (field: string, language: Language): string => fieldLabels[field]?.[language] ?? field;

/** The text with its parameters; what is not given shows as a dash. */
export function filled(text: Text, language: Language, params: Readonly<Record<string, string | number>>): string {
  return text[language].replace(/\{(\w+)\}/g, (_, name: string) => String(params[name] ?? "–"));
}
