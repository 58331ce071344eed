// All transcripts of the session: what is done, and in review the means to find the ones worth reading.

import { duration, fill, make, words } from "./dom.js";

const FILTERS = [
  ["state", "State", (item) => [item.state, ...(item.contested ? ["contested"] : [])]],
  ["label", "My label", (item) => [item.label].flat().filter(Boolean)],
  ["outcome", "Judge", (item) => item.outcomes || []],
  ["agreement", "Judges", (item) => (new Set(item.outcomes || []).size > 1 ? ["disagree"] : [])],
  ["legibility", "Legibility", (item) => (item.legibility ? [item.legibility] : [])],
];
const SHOWN = 3000;

export class Overview {
  constructor(desk, open) {
    this.desk = desk;
    this.open = open;
    this.chosen = new Map();
    this.element = make("section", { class: "overview" });
    this.draw();
  }

  /** The filters that make a difference here: metadata keys become filters of their own. */
  filters() {
    const keys = new Set(this.desk.items.flatMap((item) => Object.keys(item.metadata || {})));
    const all = [
      ...FILTERS.map((filter) => [...filter]),
      ...[...keys].map((key) => [
        `meta-${key}`,
        words(key),
        (item) => (item.metadata?.[key] === undefined ? [] : [item.metadata[key]]),
      ]),
    ];
    if (this.desk.mode === "adjudicate") all.find(([name]) => name === "label")[1] = "Decision";
    return all
      .map(([name, title, values]) => {
        const counts = new Map();
        for (const item of this.desk.items)
          for (const value of new Set(values(item))) counts.set(value, (counts.get(value) || 0) + 1);
        return { name, title, values, counts };
      })
      .filter(
        ({ name, counts }) =>
          this.chosen.get(name) ||
          (counts.size > 0 &&
            counts.size <= 60 &&
            (counts.size > 1 || [...counts.values()][0] < this.desk.items.length)),
      );
  }

  get items() {
    const active = this.filters().filter(({ name }) => this.chosen.get(name));
    const text = (this.query || "").toLowerCase();
    return this.desk.items.filter(
      (item) =>
        active.every(({ name, values }) => values(item).includes(this.chosen.get(name))) &&
        (!text || item.id.toLowerCase().includes(text)),
    );
  }

  draw() {
    const { progress } = this.desk;
    this.table = make("div", { class: "table" });
    const next = this.desk.items.find((item) => item.state !== "done");
    fill(
      this.element,
      make(
        "div",
        { class: "head" },
        make("div", {}, make("h1", {}, this.desk.place), make("p", { class: "about" }, this.desk.form.about)),
        !this.desk.guest &&
          this.desk.items.length > 0 &&
          make(
            "button",
            { type: "button", class: "go", on: { click: () => this.open(next || this.desk.items[0]) } },
            !next ? "Look through them" : progress.done ? "Go on" : "Begin",
            " ",
            make("kbd", {}, "Enter"),
          ),
      ),
      this.desk.guest ? null : this.standing(),
      this.desk.mode === "adjudicate" ? this.summary() : null,
      this.filterRow(),
      this.table,
    );
    this.fill();
  }

  standing() {
    const { progress, mode } = this.desk;
    const left = progress.total - progress.done;
    const facts = [
      [`${progress.done} of ${progress.total}`, mode === "adjudicate" ? "disagreements decided" : "labelled"],
      progress.pace && [duration(progress.pace), "each, of late"],
      progress.pace && left > 0 && [duration(progress.pace * left), "to go at this pace"],
      progress.seconds > 0 && [duration(progress.seconds), "spent so far"],
    ].filter(Boolean);
    const bar = make("progress", {
      max: Math.max(progress.total, 1),
      value: progress.total ? progress.done : 1,
      "aria-label": "Done",
    });
    return make(
      "div",
      { class: "standing" },
      bar,
      make(
        "dl",
        {},
        ...facts.map(([value, what]) => make("div", {}, make("dt", {}, what), make("dd", {}, value))),
      ),
      left === 0 && mode !== "adjudicate"
        ? make(
            "p",
            { class: "finished" },
            "Everything is labelled. Others can follow with ",
            make("code", {}, "--second"),
            ", disagreements are settled with ",
            make("code", {}, "--adjudicate"),
            ".",
          )
        : null,
    );
  }

  summary() {
    const { summary, waiting, agreed } = this.desk;
    if (waiting)
      return make(
        "p",
        { class: "finished" },
        `${waiting} transcripts have not been labelled by two people yet. How far the readers agree is shown when all are, and all disagreements are decided.`,
      );
    if (!summary)
      return make(
        "p",
        { class: "finished" },
        `The readers agree on ${agreed} transcripts: nothing to decide there. How far they agree is shown when the last disagreement is decided.`,
      );
    const rows = summary.facets.map((row) =>
      make(
        "tr",
        {},
        make("th", { scope: "row" }, words(row.facet)),
        make("td", {}, row.annotators.join(" / ")),
        make("td", {}, String(row.n)),
        make("td", {}, String(row.differ)),
        make("td", {}, interval(row.raw)),
        make("td", {}, interval(row.kappa)),
      ),
    );
    return make(
      "section",
      { class: "summary", "aria-label": "Agreement" },
      make("h2", {}, "Everything is decided"),
      make("p", {}, "How far the readers agreed before adjudication, with 95% intervals over clusters:"),
      make(
        "div",
        { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table of agreement" },
        make(
          "table",
          {},
          make(
            "thead",
            {},
            make(
              "tr",
              {},
              ...["facet", "readers", "both labelled", "differ", "raw agreement", "kappa"].map((name) =>
                make("th", { scope: "col" }, name),
              ),
            ),
          ),
          make("tbody", {}, ...rows),
        ),
      ),
      ...[...new Set(summary.facets.flatMap((row) => [...row.raw.warnings, ...row.kappa.warnings]))].map(
        (warning) => make("p", { class: "warning" }, warning),
      ),
    );
  }

  filterRow() {
    const selects = this.filters().map(({ name, title, counts }) => {
      const options = [...counts]
        .sort((a, b) => b[1] - a[1])
        .map(([value, count]) =>
          make("option", { value, selected: this.chosen.get(name) === value }, `${words(value)} (${count})`),
        );
      const select = make(
        "select",
        {
          id: `by-${name}`,
          on: {
            change: () => {
              this.chosen.set(name, select.value);
              this.fill();
            },
          },
        },
        make("option", { value: "" }, "any"),
        ...options,
      );
      return make("div", {}, make("label", { for: `by-${name}` }, title), select);
    });
    const search = make("input", {
      type: "search",
      id: "by-id",
      on: {
        input: () => {
          this.query = search.value;
          this.fill();
        },
      },
    });
    search.value = this.query || "";
    return make(
      "form",
      { class: "filters", on: { submit: (event) => event.preventDefault() } },
      make("div", {}, make("label", { for: "by-id" }, "Id"), search),
      ...selects,
    );
  }

  fill() {
    const { items } = this;
    const review = this.desk.mode === "review";
    const rows = items.slice(0, SHOWN).map((item) =>
      make(
        "li",
        { class: item.state },
        make(
          "a",
          {
            href: item.path,
            on: {
              click: (event) => {
                if (!event.metaKey && !event.ctrlKey && !event.shiftKey) {
                  event.preventDefault();
                  this.open(item);
                }
              },
            },
          },
          make("span", { class: "number" }, String(item.number)),
          make("span", { class: "id" }, item.id),
          make("span", { class: "words" }, `${item.words.toLocaleString("en")} words`),
          review && make("span", { class: "judge" }, item.outcomes.map(words).join(" / ")),
          !this.desk.guest &&
            make(
              "span",
              { class: "state" },
              item.state === "done"
                ? [item.label].flat().map(words).join(", ")
                : item.state === "started"
                  ? "begun"
                  : "",
            ),
          item.contested && make("span", { class: "flag" }, "contested"),
        ),
      ),
    );
    fill(
      this.table,
      make(
        "p",
        { class: "count" },
        items.length === this.desk.items.length
          ? `${items.length} transcripts`
          : `${items.length} of ${this.desk.items.length} transcripts`,
        items.length > SHOWN ? `; the first ${SHOWN} are listed` : "",
      ),
      make("ol", { class: "list" }, ...rows),
    );
  }
}

function interval({ value, low, high }) {
  const number = (x) => x.toFixed(2).replace(/^(-?)0\./, "$1.");
  if (value === null) return "undefined";
  return low === null
    ? `${number(value)} (no interval)`
    : `${number(value)} [${number(low)}, ${number(high)}]`;
}
