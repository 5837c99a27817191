/** What housing ERPs call their columns, in German and English: for each thing that the portal wants to know patterns of plain names, the most telling first. */
import type { Column, Table } from "../../../connectors/connector.ts";
import { commonPrefix, plainName, singularOf, tableName, withoutPrefix, wordsOf } from "./plain-names.ts";

export const wanted = {
  name: [
    /^(bez|bezeichnung|name1?|objektname|objname|displayname)$/,
    /^(title|titel|label|kurzbez|matchcode|langbez)$/,
    /(bez|bezeichnung)\d?$/,
    /^(text|description|beschreibung|kurztext|lage)$/,
  ],
  unitName: [
    /^(lage|bez|bezeichnung|name|label|title|titel|displayname|lagetext)$/,
    /^(wohn|whg|einheit|unit|apartment|apt|flat|door)(nr|no|number|nummer|code|label|bez|name)$/,
    /^(number|nr|no|nummer|code|unitno|text)$/,
  ],
  street: [/^(strasse|str|street|streetname|address|addressline1?|address1|anschrift|strassenname)$/],
  houseNumber: [/^(hnr|hausnummer|hausnr|housenumber|houseno|streetno|streetnumber|hsnr)$/],
  postalCode: [/^(plz|postleitzahl|zip|zipcode|postcode|postalcode)$/],
  city: [/^(ort|stadt|city|town|wohnort|ortsname)$/],
  floor: [/^(etage|geschoss|stock|stockwerk|floor|level|storey|floorno|floornumber)$/],
  area: [
    /^(flaeche|wohnflaeche|nutzflaeche|wfl|qm|m2|sqm|area|areasqm|aream2|livingarea|floorarea|squaremet(re|er)s|areasquaremet(re|er)s)$/,
  ],
  rooms: [/^(zimmer|raeume|zimmeranzahl|anzzimmer|zimmeranz|rooms|roomcount|numrooms|numberofrooms)$/],
  unitKind: [/^(nutzart|nutzungsart|einheitart|unittype|unitkind)$/, /^(art|typ|type|kind|nutzung|usetype)$/],
  owned: [/^(eigentum|eigentumkz|ownership|owned|isowned|usage)$/],
  lastName: [
    /^(nachname|lastname|surname|familyname|familienname)$/,
    /^(name1|name)$/,
    /^(fullname|vollname|personname|displayname)$/,
  ],
  firstName: [/^(vorname1?|firstname1?|givenname|forename)$/],
  company: [/^(firma|firmenname|company|companyname|organisation|organization)$/],
  email: [/^(email|emailadresse|emailaddress|mail|mailadresse|email1)$/],
  phone: [/^(telefon1?|telefonnr|telefonnummer|tel1?|phone1?|phonenumber|phoneno|telephone|telprivat)$/],
  mobile: [/^(mobil|mobile|handy|mobiltelefon|mobilephone|mobilenumber|cell|cellphone)$/],
  salutation: [/^(anrede|anredetext|salutation)$/],
  birthDate: [/^(gebdat|gebdatum|geburtsdatum|geburtstag|birthdate|dateofbirth|dob|birthday|gebdt)$/],
  personKind: [/^(personart|persart|persontype|personkind|partytype|tenanttype|rechtsform)$/, /^(art|typ|type|kind)$/],
  start: [
    /^(beginn|vertragsbeginn|mietbeginn|gueltigab|gueltigvon|einzug|einzugsdatum|startdate|start|begindate|movein|moveindate|startson|validfrom|leasestart|commencementdate|occupiedfrom)$/,
    /^(von|ab|begin|from|fromdate|datefrom|datvon|vondat|starts)$/,
  ],
  end: [
    /^(ende|vertragsende|mietende|gueltigbis|auszug|auszugsdatum|enddate|end|moveout|moveoutdate|endson|validto|validuntil|leaseend|expirydate|terminationdate|occupieduntil)$/,
    /^(bis|to|until|todate|dateto|datbis|bisdat|ends)$/,
  ],
  vacant: [/^(leerstand|leer|leerkz|vacant|isvacant|vacancy)$/],
  periodKind: [/^(vertragsart|vertragart|leasetype|contracttype|tenancytype)$/],
  gone: [
    /^(storno|storniert|stornokz|geloescht|loeschkz|loeschkennzeichen|loeschflag|deleted|isdeleted|cancelled|canceled|iscancelled|voided|isvoid|removed)$/,
    /^(deletedat|deletedon|removedat|cancelledat|geloeschtam|storniertam)$/,
  ],
  title: [
    /^(kurztext|betreff|titel|title|subject|summary|kurzbeschreibung|headline)$/,
    /^(bez|bezeichnung|name|meldetext|schadenstext)$/,
  ],
  description: [
    /^(langtext|beschreibung|description|details|body|meldetext|schadensbeschreibung|problem|problemdescription|message|content)$/,
    /^(text|notiz|bemerkung|note|notes|remarks)$/,
  ],
  status: [/^(status|state|stat|bearbstatus|bearbeitungsstatus|auftragsstatus|zustand|currentstatus|fkstatut)$/],
  ticketKind: [/^(auftragsart|meldungsart|vorgangsart|tickettype|requesttype|ticketkind)$/, /^(art|typ|type|kind)$/],
  category: [/^(kategorie|category|gewerk|schadensart|schadenart|bereich|trade|topic|kategoriecode|categorycode)$/],
  priority: [/^(prio|prioritaet|priority|dringlichkeit|urgency|severity)$/],
  channel: [/^(kanal|channel|meldeweg|eingangsart|source|eingangskanal)$/],
  createdAt: [
    /^(anldat|anlagedatum|angelegtam|erfasstam|erfdat|erfassungsdatum|meldedatum|gemeldetam|meldungam|createdat|created|createdon|creationdate|openedat|opened|reportedat|reportedon|reportdate|requestedat|requestdate|submittedat|datec|anlagets|meldedat)$/,
    /^(datum|date|eingang|eingangsdatum|eingangam)$/,
  ],
  createdTime: [/^(anlzeit|anlagezeit|erfzeit|erfassungszeit|meldezeit|createdtime|reporttime|uhrzeit|zeit|time)$/],
  closedAt: [
    /^(erldat|erledigtam|erledigungsdatum|erledigt|abschlussdatum|abgeschlossenam|geschlossenam|abschldat|closedat|closed|closedon|resolvedat|resolvedon|completedat|completedon|completiondate|dateclose|closedate|finishedat|erlam)$/,
  ],
  closedTime: [/^(erlzeit|erledigtzeit|abschlusszeit|closedtime|completiontime)$/],
  due: [/^(termin|faellig|faelligam|faelligkeit|faelldat|frist|duedate|due|dueon|deadline|zieldatum|zahlungsziel|payableby)$/],
  issued: [
    /^(solldat|rechnungsdatum|redatum|rechdat|belegdatum|beldat|invoicedate|issuedate|issuedon|issuedat|issued|billdate|billingdate|chargedate)$/,
    /^(datum|date|buchungsdatum|bookingdate|postingdate)$/,
  ],
  total: [
    /^(bruttobetrag|brutto|gesamtbetrag|rechnungsbetrag|rechbetrag|sollbetrag|betrag|total|totalamount|grandtotal|grossamount|gross|amount|amountdue|amounttotal|invoiceamount)$/,
    /^(summe|wert|sum|value)$/,
  ],
  open: [
    /^(offen|offenerbetrag|offenbetrag|restbetrag|offenerposten|openamount|outstanding|outstandingamount|balance|amountopen|balancedue|remaining)$/,
  ],
  currency: [/^(waehrung|waehrungscode|whg|currency|currencycode)$/],
  number: [
    /^(nummer|nr|no|number|refno|ref|reference|belegnr|rechnungsnr|rechnr|renr|auftragsnr|auftrnr|ticketnumber|ticketno|invoiceno|invoicenumber|vorgangsnr|sollnr|requestnumber|leasenumber|vertragsnr)$/,
  ],
  author: [/^(verfasser|autor|author|authorname|writtenby|erfasser)$/],
  body: [/^(zeile|body|text|content|message|nachricht|kommentar|comment|inhalt|note|beschreibung)$/],
  serial: [/^(seriennr|seriennummer|serial|serialnumber|serialno|zaehlernummer|geraetenr)$/],
  unitOfMeasure: [/^(einheit|masseinheit|unitofmeasure|uom|measure|unit)$/],
  meterKind: [/^(zaehlerart|metertype|medium|energieart|meterkind)$/, /^(art|typ|type|kind)$/],
  readAt: [/^(abldat|ablesedatum|abgelesenam|readat|readingdate|readdate|readon|datum|date|stichtag)$/],
  reading: [/^(stand|zaehlerstand|wert|value|reading|readingvalue|messwert)$/],
  role: [/^(rolle|role|funktion|position|jobtitle)$/],
  trade: [/^(gewerk|trade|branche|craft|speciality|specialty)$/],
  changed: [
    /^(aendts|aendtimestamp|aenderungsdatum|aenderungszeit|geaendertam|geaendert|aenddat|aendam|letzteaenderung|lastmodified|lastmodifiedat|lastmodifiedon|lastchange|lastchanged|lastupdate|lastupdated|modifiedat|modifiedon|modified|modificationdate|updatedat|updatedon|updated|updateddate|changedat|changedon|tms|systs|modts|aend|datem|rowversion|rv|rowver|sysversion)$/,
  ],
  scope: [
    /^(mandant|mandantnr|mandantid|mandantennr|mdt|mand|firma|firmanr|firmennr|buchungskreis|bukrs|companyid|companyno|companycode|company|entity|clientid|tenantcompany|organisationid|organizationid|orgid)$/,
  ],
} satisfies Record<string, readonly RegExp[]>;

export type Wanted = keyof typeof wanted;

/** The columns of a table under the names that the dictionary knows. */
export interface NamedColumns {
  /** Plain names by column: without what all columns begin with, and without the table's own name before them. */
  plain(column: string): string;
  /** Columns for a thing, the most telling first; `fits` says what they must be. */
  all(what: Wanted, fits?: (column: Column) => boolean): Column[];
  one(what: Wanted, fits?: (column: Column) => boolean): Column | undefined;
}

/** @param prefix what all tables of the schema begin with */
export function namedColumns(table: Table, prefix: string): NamedColumns {
  const before = commonPrefix(
    table.columns.map(({ name }) => name),
    0.7,
  );
  const own = singularOf(plainName(tableName(table.name, prefix)));
  const plains = new Map(table.columns.map(({ name }) => [name, plainName(withoutPrefix(name, before))]));
  const all: NamedColumns["all"] = (what, fits = () => true) => {
    const patterns: readonly RegExp[] = wanted[what];
    const named = (text: string): number => patterns.findIndex((pattern) => pattern.test(text));
    const ranks = table.columns.flatMap((column): { column: Column; rank: number }[] => {
      if (!fits(column)) return [];
      const plain = plains.get(column.name) as string;
      const rank = named(plain);
      if (rank >= 0) return [{ column, rank }];
      const rest = plain.startsWith(own) && plain.length > own.length ? named(plain.slice(own.length)) : -1;
      if (rest >= 0) return [{ column, rank: rest + 10 }];
      // A name that says nothing may be explained by the database's own comment.
      const said =
        column.comment === undefined
          ? -1
          : wordsOf(column.comment)
              .slice(0, 3)
              .findIndex((word) => named(word) >= 0);
      return said >= 0 ? [{ column, rank: said + 20 }] : [];
    });
    return ranks.sort((one, other) => one.rank - other.rank).map(({ column }) => column);
  };
  return { plain: (column) => plains.get(column) ?? plainName(column), all, one: (what, fits) => all(what, fits)[0] };
}
