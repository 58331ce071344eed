// A rubric's Markdown as elements: headings, lists, emphasis and code, which is what rubrics use. The rest stays as it is.

import { make } from "./dom.js";

export function rubric(text) {
  const blocks = [];
  for (const part of text.split(/\n\s*\n/)) {
    const lines = part.replace(/^\n+|\s+$/g, "").split("\n");
    const heading = /^(#+)\s+(.*)$/.exec(lines[0]);
    if (heading) {
      blocks.push(make(heading[1].length > 1 ? "h4" : "h3", {}, ...inline(heading[2])));
      lines.shift();
    }
    if (!lines.join("").trim()) continue;
    const item = /^(?:[-*]|(\d+)\.)\s+/;
    if (!item.test(lines[0])) blocks.push(make("p", {}, ...inline(lines.join("\n"))));
    else {
      const items = [];
      for (const line of lines) {
        if (item.test(line)) items.push(line.replace(item, ""));
        else items[items.length - 1] += `\n${line.trim()}`;
      }
      const list = /^\d/.test(lines[0]) ? "ol" : "ul";
      blocks.push(
        make(
          list,
          { start: list === "ol" ? item.exec(lines[0])[1] : null },
          ...items.map((one) => make("li", {}, ...inline(one))),
        ),
      );
    }
  }
  return blocks;
}

function inline(text) {
  return text.split(/(\*\*[^*\n]+\*\*|`[^`\n]+`|\*[^*\s][^*\n]*\*)/).map((part) => {
    if (/^\*\*.+\*\*$/.test(part)) return make("strong", {}, part.slice(2, -2));
    if (/^`.+`$/.test(part)) return make("code", {}, part.slice(1, -1));
    if (/^\*.+\*$/.test(part)) return make("em", {}, part.slice(1, -1));
    return part;
  });
}
