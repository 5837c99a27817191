/** The demo page: draws what /api tells, redraws on news, and issues commands. */
import { language, words } from "/words.js";

const token = new URLSearchParams(location.hash.slice(1)).get("token") ?? "";
const byId = (id) => document.getElementById(id);
const shown = {
  agentId: undefined,
  offers: new Map(),
  open: new Set(),
  unit: undefined,
  search: "",
  tickets: new Map(),
  estates: "",
  today: "",
};

async function api(path, body) {
  const options = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  const response = await fetch(path, {
    ...options,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
  });
  const answer = await response.json();
  if (!response.ok) throw Object.assign(new Error(answer.message ?? answer.error), { status: response.status });
  return answer;
}

/** An element with classes after dots, attributes or listeners, and children; text is never read as HTML. */
function make(kind, attributes = {}, ...children) {
  const [tag, ...classes] = kind.split(".");
  const element = document.createElement(tag);
  element.className = classes.join(" ");
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== undefined && child !== null && child !== ""));
  return element;
}

const time = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
const count = new Intl.NumberFormat(language);
const ofAgent = (path) => `${path}${path.includes("?") ? "&" : "?"}agentId=${encodeURIComponent(shown.agentId)}`;

function alarm(text) {
  byId("alarm").hidden = text === undefined;
  byId("alarm").textContent = text ?? "";
}

function pill(id, state, text) {
  const element = byId(id);
  element.dataset.state = state;
  element.lastElementChild.textContent = text;
}

function drawAgents(agents) {
  const select = byId("agent");
  shown.agentId = agents.some((agent) => agent.id === shown.agentId) ? shown.agentId : agents.at(-1)?.id;
  select.hidden = agents.length < 2;
  select.replaceChildren(...agents.map((agent) => make("option", { value: agent.id }, agent.name ?? agent.host ?? agent.id)));
  select.value = shown.agentId ?? "";
  return agents.find((agent) => agent.id === shown.agentId);
}

function drawState(agent) {
  byId("stage").hidden = agent === undefined;
  if (agent === undefined) {
    pill("link", "away", words.none);
    byId("step").hidden = true;
    return;
  }
  byId("stage").textContent = words.stage[agent.stage];
  shown.offers = new Map(agent.offers.map((offer) => [offer.type, new Set(offer.fields)]));
  pill(
    "link",
    agent.connected ? "good" : "bad",
    agent.connected ? `${words.connected}${agent.host ? ` · ${agent.host}` : ""}` : words.away,
  );
  drawStep(agent);
  const known = Object.keys(words.type).filter((type) => agent.entities[type] > 0);
  const figure = (label, value, bad) =>
    make(bad ? "div.figure.bad" : "div.figure", {}, make("b", {}, count.format(value)), make("span", {}, label));
  const figures = known.map((type) => figure(words.type[type], agent.entities[type]));
  for (const [type, title] of Object.entries(agent.ownTypes))
    if (agent.entities[type] > 0) figures.push(figure(title, agent.entities[type]));
  if (agent.refused > 0) figures.push(figure(words.refused, agent.refused, true));
  byId("figures").replaceChildren(...figures);
}

/** Nothing pending in any source, nothing unacked: agent and portal hold the same. */
function drawStep(agent) {
  byId("step").hidden = !agent.connected || agent.status === null;
  if (byId("step").hidden) return;
  const { outbox, sources, state } = agent.status;
  const pending = outbox.items + sources.reduce((sum, source) => sum + source.pending, 0);
  if (["failing", "held", "stopped"].includes(state)) pill("step", "bad", words.state[state]);
  else if (pending > 0) pill("step", "busy", words.behind(count.format(pending)));
  else if (state !== "active") pill("step", "busy", words.state[state]);
  else pill("step", "good", words.inStep);
}

const addressOf = (fields) => {
  const { street, houseNumber, postalCode, city } = fields.address ?? {};
  return [[street, houseNumber].filter(Boolean).join(" "), [postalCode, city].filter(Boolean).join(" ")]
    .filter(Boolean)
    .join(", ");
};
const nameOf = (person) => {
  const { companyName, firstName, lastName } = person.fields ?? {};
  return companyName ?? ([firstName, lastName].filter(Boolean).join(" ") || person.id);
};

const estateWith = (id) => api(ofAgent(`/api/estate?id=${encodeURIComponent(id)}`));

/** Redraws only what has changed, so that nobody loses his place for nothing. */
async function drawEstates() {
  const estates = await api(ofAgent(`/api/estates?search=${encodeURIComponent(shown.search)}`));
  const open = estates.filter((estate) => shown.open.has(estate.id));
  const insides = new Map(await Promise.all(open.map(async (estate) => [estate.id, await estateWith(estate.id)])));
  const drawn = JSON.stringify([estates, [...insides.values()]]);
  if (drawn === shown.estates) return;
  shown.estates = drawn;
  const tree = byId("tree");
  const { scrollTop } = tree;
  const folds = estates.map((estate) => estateFold(estate, insides.get(estate.id)));
  tree.replaceChildren(...(folds.length > 0 ? folds : [make("p.none", {}, words.noEstates)]));
  tree.scrollTop = scrollTop;
}

function estateFold(estate, inside) {
  const { name, number } = estate.fields;
  const address = addressOf(estate.fields);
  const fold = make(
    "details",
    { open: inside && "" },
    make(
      "summary",
      {},
      make("span.name", {}, name, make("small", {}, [number, address === name ? "" : address].filter(Boolean).join(" · "))),
      make("span.hint", {}, words.units(estate.units)),
    ),
  );
  if (inside) fold.append(estateInside(inside));
  fold.addEventListener("toggle", async () => {
    if (!fold.open) return shown.open.delete(estate.id);
    if (shown.open.has(estate.id)) return;
    shown.open.add(estate.id);
    if (fold.childElementCount === 1) fold.append(estateInside(await estateWith(estate.id)));
  });
  return fold;
}

function estateInside({ buildings }) {
  const inside = make("div");
  for (const building of buildings) {
    inside.append(make("div.building", {}, building.fields.name));
    for (const unit of building.units) inside.append(unitLine(unit, building));
  }
  return inside;
}

function unitLine(unit, building) {
  const running = unit.periods.filter(
    ({ fields }) => fields.startDate <= shown.today && (!fields.endDate || fields.endDate >= shown.today),
  );
  const people = running.flatMap((period) => period.persons);
  const text = people.length > 0 ? people.map(nameOf).join(", ") : words.vacant;
  return make(
    "button.unit",
    {
      type: "button",
      "data-unit": unit.id,
      "aria-pressed": String(shown.unit?.id === unit.id),
      onclick: () => chooseUnit(unit, building, people),
    },
    make("span.number", {}, unit.fields.name),
    make(people.length > 0 ? "span.people" : "span.people.vacant", {}, text),
  );
}

function chooseUnit(unit, building, people) {
  shown.unit = { id: unit.id };
  for (const line of document.querySelectorAll(".unit")) line.setAttribute("aria-pressed", String(line.dataset.unit === unit.id));
  byId("where").textContent = `${building.fields.name} · ${unit.fields.name}`;
  byId("where").classList.remove("empty");
  const options = people.map((person) => make("option", { value: person.id }, nameOf(person)));
  byId("report").reporter.replaceChildren(...options, make("option", { value: "" }, words.nobody));
  byId("report").title.focus();
  allowReport();
}

function allowReport() {
  const button = byId("report").querySelector("button");
  button.disabled = shown.unit === undefined || !shown.offers.has("ticket.create");
}

/** Issues a command with those of its values that the agent offers to take. */
async function issue(order) {
  const offered = shown.offers.get(order.command) ?? new Set();
  const values = Object.fromEntries(Object.entries(order.values).filter(([field]) => offered.has(field)));
  try {
    await api("/api/commands", { agentId: shown.agentId, ...order, values });
    alarm();
    return true;
  } catch (error) {
    alarm(error.message);
    return false;
  }
}

async function report(event) {
  event.preventDefault();
  const form = byId("report");
  const values = { kind: "damage", status: "open", title: form.title.value.trim(), unitId: shown.unit.id };
  if (form.text.value.trim() !== "") values.description = form.text.value.trim();
  if (form.reporter.value !== "") values.reporterId = form.reporter.value;
  if (!(await issue({ command: "ticket.create", values }))) return;
  form.title.value = "";
  form.text.value = "";
  byId("sent").textContent = words.sent;
}

async function drawTickets() {
  // Nobody's half-written message is taken away by news.
  if (byId("tickets").contains(document.activeElement) && document.activeElement.value) return;
  const { tickets, commands } = await api(ofAgent("/api/tickets?limit=40"));
  const creations = commands.filter((command) => command.command === "ticket.create");
  const held = new Set(tickets.map((ticket) => ticket.id));
  const waiting = creations.filter((command) => !(command.outcome === "applied" && held.has(command.result?.entity?.id)));
  const ofTicket = (id) => commands.filter((command) => command.entity?.id === id || command.values.ticketId === id);
  const lines = [...waiting.map(commandLine), ...tickets.map((ticket) => ticketLine(ticket, ofTicket(ticket.id)))];
  byId("ticket-count").textContent = lines.length > 0 ? count.format(lines.length) : "";
  byId("tickets").replaceChildren(...(lines.length > 0 ? lines : [make("p.none", {}, words.noTickets)]));
}

const failed = new Set(["rejected", "conflict", "expired", "uncertain"]);

function commandState(command) {
  const text = command.outcome ? words.outcome[command.outcome] : words.command[command.state];
  return make(failed.has(command.outcome) ? "span.status.bad" : "span.status.wait", {}, text);
}

/** A ticket that the ERP has not shown yet. */
function commandLine(command) {
  const { title, description } = command.values;
  return make(
    "article.ticket",
    {},
    make("div.head", {}, make("b", {}, title ?? ""), commandState(command)),
    description ? make("p", {}, description) : "",
    command.result?.error ? make("p.hint", {}, command.result.error[language]) : "",
    make("div.meta", {}, make("span", {}, day.format(new Date(command.issuedAt)))),
  );
}

function ticketLine(ticket, commands) {
  const { title, description, status, number, createdAt } = ticket.fields;
  const changed = shown.tickets.has(ticket.id) && shown.tickets.get(ticket.id) !== ticket.time;
  shown.tickets.set(ticket.id, ticket.time);
  const done = status === "closed" || status === "rejected";
  const messages = ticket.messages.map(({ fields }) =>
    make(
      "li",
      {},
      fields.body,
      " ",
      make("small", {}, [fields.author, fields.createdAt && day.format(new Date(fields.createdAt))].filter(Boolean).join(", ")),
    ),
  );
  const open = commands.filter((command) => command.outcome !== "applied");
  return make(
    changed ? "article.ticket.fresh" : "article.ticket",
    {},
    make(
      "div.head",
      {},
      make("b", {}, title),
      make(done ? "span.status.done" : "span.status", {}, words.status[status] ?? status),
    ),
    description ? make("p", {}, description) : "",
    make(
      "div.meta",
      {},
      number ? make("span.number", {}, `${words.erp} ${number}`) : "",
      make("span", {}, day.format(new Date(createdAt ?? ticket.time))),
      ...open.map((command) => make("span", {}, `${words.kind[command.command] ?? command.command}: `, commandState(command))),
    ),
    messages.length > 0 ? make("ul.messages", {}, ...messages) : "",
    done ? "" : ticketActions(ticket),
  );
}

function ticketActions(ticket) {
  const actions = make("div.actions");
  if (shown.offers.has("message.create")) {
    const input = make("input", {
      name: "body",
      placeholder: words.reply,
      "aria-label": words.reply,
      maxlength: 2_000,
      autocomplete: "off",
      required: "",
    });
    const send = async (event) => {
      event.preventDefault();
      const values = { ticketId: ticket.id, body: input.value.trim(), visibility: "tenant" };
      if (!(await issue({ command: "message.create", values }))) return;
      input.value = "";
      input.blur();
    };
    actions.append(make("form", { onsubmit: send }, input, make("button.quiet", { type: "submit" }, words.add)));
  }
  if (shown.offers.has("ticket.close")) {
    const order = { command: "ticket.close", entity: { type: "ticket", id: ticket.id }, values: {} };
    actions.append(make("button.quiet", { type: "button", onclick: () => issue(order) }, words.close));
  }
  return actions;
}

function drawEvents(events) {
  const lines = events.map((event) =>
    make("li", {}, make("time", {}, time.format(new Date(event.at))), make("span", {}, event.text)),
  );
  byId("events").replaceChildren(...lines);
}

async function draw() {
  const state = await api("/api/state");
  shown.today = state.now.slice(0, 10);
  const agent = drawAgents(state.agents);
  drawState(agent);
  drawEvents(state.events);
  if (agent !== undefined) await Promise.all([drawEstates(), drawTickets()]);
  allowReport();
  return state.revision;
}

// biome-ignore lint/style/noRestrictedGlobals: a page in the browser has no other clock
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Redraws on news, at most twice a second. */
async function follow() {
  let seen = 0;
  for (;;) {
    try {
      seen = await draw();
      alarm();
      await pause(500);
      await api(`/api/revision?after=${seen}`);
    } catch (error) {
      alarm(error.status === 401 ? words.noToken : words.unreachable);
      await pause(2_000);
    }
  }
}

document.documentElement.lang = language;
document.title = words.portal;
for (const element of document.querySelectorAll("[data-word]")) element.textContent = words[element.dataset.word];
byId("search").placeholder = words.search;
byId("search").addEventListener("input", (event) => {
  shown.search = event.target.value.trim();
  drawEstates().catch(() => {});
});
byId("where").textContent = words.choose;
byId("where").classList.add("empty");
byId("agent").addEventListener("change", (event) => {
  shown.agentId = event.target.value;
  draw().catch(() => {});
});
byId("report").addEventListener("submit", report);
await follow();
