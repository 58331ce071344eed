// Which view is shown, and how one gets from one to the next.

import * as api from "./api.js";
import { button, duration, fill, find, make, notice, words } from "./dom.js";
import { Keys } from "./keys.js";
import { Overview } from "./overview.js";
import { Work } from "./work.js";
import { workKeys } from "./work_keys.js";

const MODES = { blind: "blind", review: "review: the judge is shown", adjudicate: "adjudication" };
const keys = new Keys();
let desk;
let overview;
let work = null;

async function start() {
  desk = await api.desk();
  overview = new Overview(desk, (item) => open(item));
  find("place").textContent = desk.place;
  find("mode").textContent = desk.guest ? "guest" : MODES[desk.mode];
  find("mode").className = `mode ${desk.mode}`;
  find("help-button").addEventListener("click", () => keys.help());
  find("home").addEventListener("click", (event) => {
    event.preventDefault();
    showOverview();
  });
  addEventListener("popstate", () => show());
  for (const sign of ["pointerdown", "keydown", "wheel", "pointermove"])
    addEventListener(sign, () => work?.active(), { passive: true });
  addEventListener("pagehide", () => work?.saving.now(true));
  document.addEventListener("visibilitychange", () => document.hidden && work?.saving.now(true));
  await show();
}

/** Show what the address bar names. */
async function show() {
  if (location.search) history.replaceState(null, "", location.pathname);
  const item = desk.items.find((one) => one.path === location.pathname);
  if (item) await open(item, false);
  else if (location.pathname.startsWith("/t/"))
    await open(
      {
        number: "–",
        id: decodeURIComponent(location.pathname.slice(3)),
        path: location.pathname,
        words: 0,
        state: "open",
        outside: true,
      },
      false,
    );
  else await showOverview(false);
}

async function open(item, push = true) {
  if (work && !(await work.leave())) return;
  if (push && location.pathname !== item.path) history.pushState(null, "", item.path);
  document.title = `${item.id} · ${desk.place}`;
  const next = new Work(desk, item, go);
  work = next;
  try {
    await next.load();
  } catch (error) {
    work = null;
    fill(
      find("main"),
      make(
        "p",
        { class: "waiting" },
        error.status === 404 ? "There is no such transcript here." : error.message,
      ),
    );
    keys.use(() => [
      [
        "Go",
        [
          ["g", "all transcripts", () => go("overview")],
          ["?", "these keys", () => keys.help()],
        ],
      ],
    ]);
    return;
  }
  keys.use(() => workKeys(next));
  bar(item);
  const following = desk.items[desk.items.indexOf(item) + 1];
  if (following && following.words < 300000)
    setTimeout(() => api.text(following.path.slice(3)).catch(() => {}), 400);
}

async function showOverview(push = true) {
  if (work && !(await work.leave())) return;
  work = null;
  if (push) history.pushState(null, "", "/");
  document.title = desk.place;
  Object.assign(desk, await api.desk());
  overview.draw();
  fill(find("main"), overview.element);
  find("main").focus({ preventScroll: true });
  bar();
  keys.use(() => [
    [
      "Go",
      [
        ["Enter", "begin, or go on", () => overview.element.querySelector(".go")?.click()],
        ["?", "these keys", () => keys.help()],
      ],
    ],
  ]);
}

/** By so many transcripts, to the next undone one, to the list, or to the help. */
async function go(where) {
  if (where === "help") return keys.help();
  if (where === "overview") return showOverview();
  const list = overview.items.length ? overview.items : desk.items;
  const at = list.indexOf(work?.item);
  if (where === "undone") {
    const round = [...list.slice(at + 1), ...list.slice(0, Math.max(at, 0))];
    const next = round.find((item) => item.state !== "done");
    return next ? open(next) : showOverview();
  }
  const next = list[at + where];
  return next ? open(next) : showOverview();
}

function bar(item) {
  const { progress } = desk;
  const left = progress.total - progress.done;
  find("progress").textContent = desk.guest
    ? ""
    : `${progress.done} / ${progress.total}${progress.pace && left ? ` · ${duration(progress.pace)} each · ${duration(progress.pace * left)} to go` : ""}`;
  fill(
    find("steps"),
    ...(item && !item.outside
      ? [
          button("Before", "[", () => go(-1)),
          button("Next", "]", () => go(1)),
          button("All", "g", () => go("overview")),
        ]
      : item
        ? [button("All", "g", () => go("overview"))]
        : []),
  );
}

start().catch((error) => {
  fill(find("main"), make("p", { class: "waiting" }, error.message));
  notice(words(error.status === 403 ? "No session: open the link that the terminal shows." : ""));
});
