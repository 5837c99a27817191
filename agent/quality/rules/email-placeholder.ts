/** An address that a clerk wrote because the ERP wanted one. */

/** What is used everywhere; a company's own ones stand in `quality.placeholder.patterns`. */
export const knownPlaceholders: readonly string[] = [
  ...[
    "kein",
    "keine",
    "keins",
    "keine.email",
    "keine-email",
    "keineemail",
    "keinemail",
    "keine.mail",
    "keine-mail",
    "keine_email",
  ],
  ...["ohne", "ohne.email", "ohneemail", "unbekannt", "nichtvorhanden", "nicht.vorhanden", "nicht-vorhanden", "nicht_vorhanden"],
  ...["fehlt", "leer", "platzhalter", "dummy", "noemail", "no.email", "no-email", "nomail", "no.mail", "no-mail", "none", "null"],
  ...["unknown", "xx", "xxx", "xxxx", "noreply", "no-reply"],
]
  .map((name) => `${name}@*`)
  .concat(["a@a.*", "x@x.*", "test@test.*", "mail@mail.*", "email@email.*"])
  // Domains that RFC 2606 keeps for examples.
  .concat(["*@example.com", "*@example.org", "*@example.net", "*@*.invalid", "*@*.test", "*@*.localhost", "*@localhost"]);
