/** The demo page: a few static files, served with a policy that lets them load nothing from elsewhere. */
import { readFileSync } from "node:fs";
import type { Route } from "./http.ts";

const files: Record<string, { file: string; type: string }> = {
  "/": { file: "index.html", type: "text/html" },
  "/style.css": { file: "style.css", type: "text/css" },
  "/app.js": { file: "app.js", type: "text/javascript" },
  "/words.js": { file: "words.js", type: "text/javascript" },
  "/icon.svg": { file: "icon.svg", type: "image/svg+xml" },
};

export function pageRoute(): Route {
  return (request, response, url) => {
    const found = request.method === "GET" && Object.hasOwn(files, url.pathname) ? files[url.pathname] : undefined;
    if (found === undefined) return false;
    response.writeHead(200, {
      "content-type": `${found.type}; charset=utf-8`,
      "cache-control": "no-store",
      "content-security-policy":
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'",
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
    });
    response.end(readFileSync(new URL(`./page/${found.file}`, import.meta.url)));
    return true;
  };
}
