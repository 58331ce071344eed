// What others said: judges in review, the two sides in adjudication, everybody after a blind commit.

import { button, make, shorten, words } from "./dom.js";

/** One of them: labels, evidence to jump to, the reason given; `take` is how it can be taken over. */
export function opinion(
  { who, labels, evidence, note, failure, withheld = {}, run, probabilities = {}, coverage = 1 },
  { kind, facets, disputed, jump, take },
) {
  const rows = facets
    .filter((facet) => labels[facet.name] || withheld[facet.name])
    .map((facet) =>
      make(
        "div",
        { class: disputed?.includes(facet.name) ? "disputed" : "" },
        make("dt", {}, words(facet.name)),
        make(
          "dd",
          {},
          labels[facet.name]
            ? labels[facet.name].map(words).join(", ")
            : `withheld: ${words(withheld[facet.name])}`,
          probabilities[facet.name] && make("span", { class: "chances" }, chances(probabilities[facet.name])),
        ),
      ),
    );
  return make(
    "section",
    { class: `opinion ${kind}`, "aria-label": who },
    make(
      "h3",
      {},
      make("span", { class: `swatch ${kind}` }, who),
      run && make("span", { class: "run" }, run),
      take && button("take", take.key, take.press, { class: "take" }),
    ),
    coverage < 1 &&
      make("p", { class: "failure" }, `The judge saw ${Math.floor(coverage * 100)}% of the text.`),
    failure && make("p", { class: "failure" }, `No label: ${words(failure)}`),
    make("dl", {}, ...rows),
    evidence.length
      ? make(
          "ol",
          {},
          ...evidence.map((mark) =>
            make(
              "li",
              {},
              make(
                "button",
                { type: "button", class: "quote", on: { click: () => jump(mark) } },
                make("span", { class: "number" }, mark.message_id),
                " ",
                shorten(mark.quote),
              ),
            ),
          ),
        )
      : null,
    note && said(note),
  );
}

/** The likeliest labels, where the judge gave probabilities instead of reasons. */
function chances(probabilities) {
  return Object.entries(probabilities)
    .sort((a, b) => b[1] - a[1])
    .slice(0, 3)
    .map(([label, p]) => `${words(label)} ${p.toFixed(2)}`)
    .join(" · ");
}

/** A rationale; a long one shows its beginning, and the rest on request. */
function said(note) {
  const text = make("p", { class: "said" }, note);
  if (note.length < 420) return text;
  const more = make(
    "button",
    {
      type: "button",
      class: "more",
      "aria-expanded": "false",
      on: {
        click: () => {
          const open = text.classList.toggle("short");
          more.setAttribute("aria-expanded", String(!open));
          more.textContent = open ? "all of it" : "less";
        },
      },
    },
    "all of it",
  );
  text.classList.add("short");
  return [text, more];
}
