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
  "email-throwaway": {
    title: { de: "Wegwerf-Adresse", en: "Throw-away address" },
    wrong: {
      de: "Eingetragen ist die Adresse eines Postfachs auf Zeit, in das jeder sehen kann. Sie wird nicht an das Mieterportal gegeben.",
      en: "The address that is entered is one of a mailbox for an hour, which everybody may look into. The portal does not get it.",
    },
    mend: {
      de: "Bitten Sie die Person um ihre eigene Adresse.",
      en: "Ask the person for an address of their own.",
    },
  },
  "email-staff": {
    title: { de: "Adresse der Verwaltung bei einer Person", en: "Address of the staff at a person" },
    wrong: {
      de: "Bei dieser Person steht eine Adresse des eigenen Hauses. Sie wird nicht an das Mieterportal gegeben.",
      en: "An address of your own company stands at this person. The portal does not get it.",
    },
    mend: {
      de: "Tragen Sie die Adresse der Person ein oder leeren Sie das Feld.",
      en: "Enter the person's own address, or empty the field.",
    },
  },
  "email-shared": {
    title: { de: "Eine Adresse bei mehreren Personen", en: "One address at several persons" },
    wrong: {
      de: "Dieselbe Adresse steht bei mehreren Personen ({count}), die nicht zusammen in einem Vertrag stehen. Keine von ihnen wird mit ihr an das Mieterportal gegeben.",
      en: "The same address stands at several persons ({count}) who have no contract together. The portal gets it with none of them.",
    },
    mend: {
      de: "Lassen Sie die Adresse nur bei der Person, der sie gehört. Ist es dieselbe Person, führen Sie die Datensätze zusammen.",
      en: "Leave the address with the person whose it is. If it is one person, merge the records.",
    },
  },
  "email-invalid": {
    title: { de: "Keine gültige E-Mail-Adresse", en: "No valid e-mail address" },
    wrong: {
      de: "Was eingetragen ist, ist keine E-Mail-Adresse.",
      en: "What is entered is no e-mail address.",
    },
    mend: {
      de: "Berichtigen Sie die Schreibweise oder leeren Sie das Feld.",
      en: "Correct how it is written, or empty the field.",
    },
  },
  "phone-invalid": {
    title: { de: "Keine gültige Telefonnummer", en: "No valid phone number" },
    wrong: {
      de: "Was eingetragen ist, kann niemand anrufen. Es wird nicht an das Mieterportal gegeben.",
      en: "Nobody can call what is entered. The portal does not get it.",
    },
    mend: {
      de: "Tragen Sie die Nummer ein oder leeren Sie das Feld; Bemerkungen gehören in ein anderes Feld.",
      en: "Enter the number, or empty the field; remarks belong into another one.",
    },
  },
  "field-conflict": {
    title: { de: "Auf beiden Seiten geändert", en: "Changed on both sides" },
    wrong: {
      de: "Hier und im Mieterportal wurde dasselbe Feld geändert, bevor die eine Seite von der anderen wusste. Beide Werte nennt der Befehl {command}.",
      en: "The same field was changed here and in the portal before either side knew of the other. The command {command} names both values.",
    },
    mend: {
      de: "Prüfen Sie, welcher Wert richtig ist. Wartet der Befehl auf eine Entscheidung, trifft sie die IT mit „erpfuser commands show“.",
      en: "Check which value is right. If the command waits for a decision, IT takes it, by “erpfuser commands show”.",
    },
  },
  "document-missing": {
    title: { de: "Datei des Dokuments fehlt", en: "The document's file is missing" },
    wrong: {
      de: "Das Mieterportal wollte das Dokument zeigen. Dort, wo das ERP es nennt, ist keine Datei, oder es nennt keine.",
      en: "The portal wanted to show the document. Where the ERP says that it is there is no file, or it names none.",
    },
    mend: {
      de: "Legen Sie die Datei an ihren Platz zurück, berichtigen Sie den Eintrag oder löschen Sie ihn.",
      en: "Put the file back into its place, correct the entry, or delete it.",
    },
  },
  "document-unreadable": {
    title: { de: "Datei des Dokuments nicht lesbar", en: "The document's file can't be read" },
    wrong: {
      de: "Das Mieterportal wollte das Dokument zeigen. Das Konto des Agenten darf die Datei nicht lesen, oder es ist keine Datei.",
      en: "The portal wanted to show the document. The agent's account may not read the file, or it is no file.",
    },
    mend: {
      de: "Die IT gibt dem Konto des Agenten das Recht, im Ordner der Dokumente zu lesen.",
      en: "IT gives the agent's account the right to read in the folder of the documents.",
    },
  },
  "document-too-large": {
    title: { de: "Dokument zu groß", en: "Document too large" },
    wrong: {
      de: "Das Mieterportal wollte das Dokument zeigen. Es ist größer, als die Einstellung „max“ erlaubt.",
      en: "The portal wanted to show the document. It is larger than the setting “max” allows.",
    },
    mend: {
      de: "Verkleinern Sie die Datei, oder die IT erhöht „bytes: max“ der Quelle.",
      en: "Make the file smaller, or IT raises “bytes: max” of the source.",
    },
  },
  "document-outside": {
    title: { de: "Dokument außerhalb des erlaubten Ordners", en: "Document outside of the allowed folder" },
    wrong: {
      de: "Was das ERP als Ort der Datei nennt, liegt nicht in dem Ordner, aus dem der Agent lesen darf, oder führt über eine Verknüpfung hinaus. Es wurde nichts gelesen.",
      en: "What the ERP names as the file's place is not in the folder that the agent may read from, or leads out of it by a link. Nothing was read.",
    },
    mend: {
      de: "Berichtigen Sie den Eintrag, oder die IT nennt unter „bytes: root“ den Ordner, in dem alle Dokumente liegen.",
      en: "Correct the entry, or IT names the folder that all documents lie in under “bytes: root”.",
    },
  },
  "person-maybe-known": {
    title: { de: "Im Portal vielleicht schon bekannt", en: "Maybe known at the portal already" },
    wrong: {
      de: "Im Mieterportal wurde von Hand eine Person angelegt, die diese sein kann ({reasons}). Beide stehen dort nebeneinander, bis jemand sie verbindet.",
      en: "At the portal a person was added by hand who may be this one ({reasons}). Both stand there side by side until somebody links them.",
    },
    mend: {
      de: "Im Mieterportal prüfen, ob es dieselbe Person ist, und sie dort verbinden.",
      en: "Check at the portal whether it is the same person, and link them there.",
    },
  },
  "person-lookalike": {
    title: { de: "Zwei Datensätze, vermutlich eine Person", en: "Two records, probably one person" },
    wrong: {
      de: "Name und Geburtsdatum (oder Anschrift, wo kein Geburtsdatum bekannt ist) sind dieselben wie bei {other}.",
      en: "Name and date of birth (or address, where no date of birth is known) are the same as those of {other}.",
    },
    mend: {
      de: "Ist es eine Person, führen Sie die Datensätze zusammen. Sind es zwei, tragen Sie die Geburtsdaten ein.",
      en: "If it is one person, merge the records. If they are two, enter their dates of birth.",
    },
  },
  "person-without-period": {
    title: { de: "Person ohne Vertrag", en: "Person without a contract" },
    wrong: {
      de: "Diese Person steht in keinem Vertrag, der gelesen werden kann.",
      en: "This person stands in no contract that can be read.",
    },
    mend: {
      de: "Tragen Sie die Person in ihren Vertrag ein, oder löschen Sie den Datensatz, wenn er nicht gebraucht wird.",
      en: "Enter the person into their contract, or delete the record if nobody needs it.",
    },
  },
  "person-future-only": {
    title: { de: "Vertrag beginnt erst", en: "Contract yet to begin" },
    wrong: {
      de: "Alle Verträge dieser Person beginnen erst noch, der früheste ist {other}.",
      en: "All contracts of this person are yet to begin; the earliest is {other}.",
    },
    mend: {
      de: "Prüfen Sie den Beginn. Stimmt er, ist nichts zu tun: Der Eintrag verschwindet mit dem Einzug.",
      en: "Check the beginning. If it is right there is nothing to do: this entry goes when they move in.",
    },
  },
  "period-overlap": {
    title: { de: "Zwei Verträge zur selben Zeit", en: "Two contracts at the same time" },
    wrong: {
      de: "Der Zeitraum überschneidet sich mit dem von {other} auf derselben Einheit.",
      en: "The period overlaps with that of {other} on the same unit.",
    },
    mend: { de: "Berichtigen Sie Beginn oder Ende eines der beiden.", en: "Correct the beginning or the end of one of them." },
  },
  "period-open-predecessor": {
    title: { de: "Vorgänger nicht beendet", en: "Predecessor never closed" },
    wrong: {
      de: "Der Vertrag hat kein Ende, obwohl auf derselben Einheit danach {other} begonnen hat.",
      en: "The contract has no end, although {other} began after it on the same unit.",
    },
    mend: { de: "Tragen Sie das Vertragsende ein.", en: "Enter the end of the contract." },
  },
  "period-no-start": {
    title: { de: "Vertrag ohne Beginn", en: "Contract without a beginning" },
    wrong: { de: "Es ist kein Beginn eingetragen.", en: "No beginning is entered." },
    mend: { de: "Tragen Sie den Vertragsbeginn ein.", en: "Enter the beginning of the contract." },
  },
  "period-reversed": {
    title: { de: "Ende vor dem Beginn", en: "End before the beginning" },
    wrong: { de: "Der Vertrag endet, bevor er beginnt.", en: "The contract ends before it begins." },
    mend: { de: "Berichtigen Sie Beginn oder Ende.", en: "Correct the beginning or the end." },
  },
  "code-defaulted": {
    title: { de: "Unbekannter Code, ersetzt", en: "Unknown code, replaced" },
    wrong: {
      de: "Der Code „{code}“ steht in keiner Zuordnung; {count} Datensätze werden mit dem Ersatzwert gesendet.",
      en: "No map names the code “{code}”; {count} records are sent with the value for unknown ones.",
    },
    mend: {
      de: "Berichtigen Sie den Code, oder lassen Sie ihn von der IT in die Zuordnung aufnehmen.",
      en: "Correct the code, or ask IT to add it to the map.",
    },
  },
  moved: {
    title: { de: "An eine andere Stelle verschoben", en: "Moved to another place" },
    wrong: { de: "Der Datensatz gehörte vorher zu {other}.", en: "The record belonged to {other} before." },
    mend: {
      de: "Prüfen Sie, ob das gewollt ist. Wenn ja, nehmen Sie den Befund als in Ordnung an.",
      en: "Check whether this is intended. If it is, accept the finding.",
    },
  },
  "key-reused": {
    title: { de: "Vertrag einer anderen Person gegeben", en: "Contract given to another person" },
    wrong: {
      de: "Unter dieser Vertragsnummer stand vorher die Person {other}.",
      en: "The person {other} stood under the number of this contract before.",
    },
    mend: {
      de: "Legen Sie für die neue Person einen eigenen Vertrag an und beenden Sie den alten. War die alte Person ein Irrtum, nehmen Sie den Befund als in Ordnung an.",
      en: "Make a contract of its own for the new person, and end the old one. If the former person was a mistake, accept the finding.",
    },
  },
  "parent-missing": {
    title: { de: "Verweis ins Leere", en: "Reference to nothing" },
    wrong: {
      de: "Der Datensatz verweist auf {other} ({otherSource}), und das gibt es nicht. Er wartet, oder er wird ohne den Verweis gesendet.",
      en: "The record refers to {other} ({otherSource}), which does not exist. It waits, or it is sent without the reference.",
    },
    mend: {
      de: "Berichtigen Sie den Verweis oder legen Sie an, was fehlt.",
      en: "Correct the reference, or create what is missing.",
    },
  },
  "code-unknown": {
    title: { de: "Unbekannter Code", en: "Code never seen before" },
    wrong: {
      de: "Dieser Code steht in keiner Zuordnung. Der Datensatz wartet in der Quarantäne.",
      en: "No map names this code. The record waits in quarantine.",
    },
    mend: {
      de: "Berichtigen Sie den Code, oder lassen Sie ihn von der IT in die Zuordnung aufnehmen.",
      en: "Correct the code, or ask IT to add it to the map.",
    },
  },
  "row-held": {
    title: { de: "Datensatz wird zurückgehalten", en: "Record is held back" },
    wrong: {
      de: "So kann der Datensatz nicht gesendet werden ({code}). Er wartet in der Quarantäne.",
      en: "The record can't be sent as it stands ({code}). It waits in quarantine.",
    },
    mend: {
      de: "Berichtigen Sie das Feld. Ist keines genannt, kennt die IT den Grund: „erpfuser quarantine show“.",
      en: "Correct the field. If none is named, IT knows the reason: “erpfuser quarantine show”.",
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
  bytes: { de: "Datei des Dokuments", en: "file of the document" },
};

/** A field of the model in words; its own name where there are none. */
export const fieldLabel = (field: string, language: Language): string => fieldLabels[field]?.[language] ?? field;

/** The text with its parameters; what is not given shows as a dash. */
export function filled(text: Text, language: Language, params: Readonly<Record<string, string | number>>): string {
  return text[language].replace(/\{(\w+)\}/g, (_, name: string) => String(params[name] ?? "–"));
}
