// The part of Markdown that model cards use, built as nodes: text from the server never becomes markup.

const INLINE = /(`+)(.+?)\1|\*\*(.+?)\*\*|\*([^\s*][^*]*)\*|\[([^\]]*)\]\(([^\s()]+)\)|(https?:\/\/[^\s<>()|]*[^\s<>()|.,;:!?])/;

export function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

// Returns a count with its word: 1 row, 1,200 rows.
export function plural(count, word) {
  return `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;
}

// Returns a fragment. Headings go down by `lower` levels, to fit below those of the page.
export function markdown(source, lower = 1) {
  const out = document.createDocumentFragment();
  const lines = source.replace(/\r\n?/g, "\n").split("\n");
  while (lines.length) {
    if (!lines[0].trim()) lines.shift();
    else out.append(block(lines, lower));
  }
  return out;
}

// Takes one block off the front of `lines`.
function block(lines, lower) {
  const heading = /^(#{1,6})\s+(.*?)\s*#*$/.exec(lines[0]);
  if (heading) {
    lines.shift();
    return element(`h${Math.min(6, heading[1].length + lower)}`, {}, inline(heading[2]));
  }
  if (/^(```|~~~)/.test(lines[0])) return fenced(lines);
  if (lines[0].includes("|") && /^\s*\|?\s*:?-+:?\s*(\|\s*:?-*:?\s*)*$/.test(lines[1] ?? "")) return table(lines);
  if (/^\s*[-*+]\s+/.test(lines[0])) return list(lines, "ul", /^\s*[-*+]\s+/);
  if (/^\s*\d+[.)]\s+/.test(lines[0])) return list(lines, "ol", /^\s*\d+[.)]\s+/);
  if (/^>/.test(lines[0])) return quote(lines, lower);
  const paragraph = [lines.shift()];
  while (lines.length && lines[0].trim() && !/^(#{1,6}\s|```|~~~|>|\s*[-*+]\s)/.test(lines[0])) paragraph.push(lines.shift());
  return element("p", {}, inline(paragraph.join(" ")));
}

function fenced(lines) {
  const fence = lines.shift().slice(0, 3);
  const code = [];
  while (lines.length && !lines[0].startsWith(fence)) code.push(lines.shift());
  lines.shift();
  return element("pre", { tabindex: "0" }, code.join("\n"));
}

function quote(lines, lower) {
  const inside = [];
  while (lines.length && /^>/.test(lines[0])) inside.push(lines.shift().replace(/^> ?/, ""));
  return element("blockquote", {}, markdown(inside.join("\n"), lower));
}

function list(lines, name, mark) {
  const out = element(name);
  while (lines.length && mark.test(lines[0])) {
    const item = [lines.shift().replace(mark, "")];
    while (lines.length && /^\s+\S/.test(lines[0]) && !mark.test(lines[0])) item.push(lines.shift().trim());
    out.append(element("li", {}, inline(item.join(" "))));
  }
  return out;
}

function table(lines) {
  const cells = (line) => line.trim().replace(/^\||\|$/g, "").split("|").map((cell) => cell.trim());
  const row = (line, name) => element("tr", {}, ...cells(line).map((cell) => element(name, {}, inline(cell))));
  const head = element("thead", {}, row(lines.shift(), "th"));
  lines.shift();
  const body = element("tbody");
  while (lines.length && lines[0].includes("|")) body.append(row(lines.shift(), "td"));
  return element("div", { class: "wide", tabindex: "0", role: "group", "aria-label": "Table" }, element("table", {}, head, body));
}

function inline(source) {
  const out = document.createDocumentFragment();
  let rest = source;
  for (let found = INLINE.exec(rest); found; found = INLINE.exec(rest)) {
    out.append(rest.slice(0, found.index), span(found));
    rest = rest.slice(found.index + found[0].length);
  }
  out.append(rest);
  return out;
}

function span([whole, , code, strong, emphasis, words, target, address]) {
  if (code !== undefined) return element("code", {}, code);
  if (strong !== undefined) return element("strong", {}, inline(strong));
  if (emphasis !== undefined) return element("em", {}, inline(emphasis));
  const to = target ?? address;
  if (!/^https?:\/\//i.test(to)) return whole; // no javascript:, no data:
  return element("a", { href: to, rel: "noopener noreferrer", target: "_blank" }, words || to);
}
