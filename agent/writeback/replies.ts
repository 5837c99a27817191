/** Texts for the ticket's reader, in German and English: what became of the wish, never what the database said. */
import type { ReplyError } from "./parts.ts";

const texts = {
  "erp-refused": ["Das ERP-System hat die Änderung abgelehnt.", "The ERP system has refused the change."],
  conflict: [
    "Im ERP-System wurde inzwischen etwas anderes eingetragen; die Änderung wurde nicht übernommen.",
    "Something else was entered in the ERP system in the meantime; the change was not applied.",
  ],
  "conflict-asked": [
    "Im ERP-System wurde inzwischen etwas anderes eingetragen; eine Person entscheidet, was gilt.",
    "Something else was entered in the ERP system in the meantime; a person decides which value stands.",
  ],
  expired: [
    "Die Frist ist verstrichen; die Änderung wurde nicht ausgeführt.",
    "The time limit has passed; the change was not carried out.",
  ],
  uncertain: [
    "Ob die Änderung im ERP-System angekommen ist, wird von einer Person geprüft.",
    "A person is checking whether the change has reached the ERP system.",
  ],
  predecessor: [
    "Eine frühere Änderung ist noch ungeklärt oder wurde abgelehnt; diese wurde nicht ausgeführt.",
    "An earlier change is not settled or was refused; this one was not carried out.",
  ],
  "not-asked": [
    "Das Portal hat diese Änderung inzwischen abgeschlossen; sie wurde nicht ausgeführt.",
    "The portal has settled this change meanwhile; it was not carried out.",
  ],
  "reference-unknown": [
    "Der Vorgang, auf den sich die Änderung bezieht, ist hier nicht bekannt.",
    "The record that the change refers to is not known here.",
  ],
  draft: ["Die Änderung wartet auf Freigabe.", "The change waits for approval."],
  "cap-per-hour": [
    "Es wurden ungewöhnlich viele Änderungen angefordert; diese wartet auf Freigabe.",
    "Unusually many changes were requested; this one waits for approval.",
  ],
  staged: [
    "Die Änderung liegt im ERP-System vor und wird dort noch übernommen.",
    "The change has reached the ERP system, which has still to take it over.",
  ],
  rehearsed: [
    "Probebetrieb: Das ERP-System hätte die Änderung angenommen; es wurde nichts geschrieben.",
    "Test stage: the ERP system would have accepted the change; nothing was written.",
  ],
  "rejected-by-person": ["Die Änderung wurde von einer Person abgelehnt.", "A person has rejected the change."],
  "internal-error": [
    "Die Änderung konnte wegen eines Fehlers nicht ausgeführt werden.",
    "The change could not be carried out because of an error.",
  ],
} as const;

export type ReplyCode = keyof typeof texts;

/** The reply for a case of our own. */
export function reply(code: ReplyCode): ReplyError {
  const [de, en] = texts[code];
  return { code, de, en };
}

/** The reply to a refusal of the ERP under the connector's code; `reason` are words that the ERP has for such readers. */
export function refusedByErp(code: string, reason?: string): ReplyError {
  const { de, en } = reply("erp-refused");
  if (reason === undefined) return { code, de, en };
  const words = reason.slice(0, 300);
  return { code, de: `${de} Begründung: ${words}`, en: `${en} Its reason: ${words}` };
}
