/** Who owns a field that a configuration does not map: the ERP where it says who a person is and where it can be reached, else the portal. */

const erpOwned: ReadonlySet<string> = new Set(["firstName", "lastName", "companyName", "emails", "phones"]);

export const ownerUnmapped = (type: string, field: string): "erp" | "portal" =>
  type === "person" && erpOwned.has(field) ? "erp" : "portal";
