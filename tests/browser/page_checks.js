// What every page owes its readers: returns what is wrong, as sentences. Runs in the page.
() => {
  const wrong = [];
  const name = (element) => `<${element.tagName.toLowerCase()}${element.id ? "#" + element.id : ""} ${element.name || element.className || ""}>`;
  const shown = (element) => element.checkVisibility({ visibilityProperty: true });
  const spoken = (element) => {
    const by = element.getAttribute("aria-labelledby");
    if (by) return by.split(" ").map((id) => document.getElementById(id)?.textContent ?? "").join(" ").trim();
    return (element.getAttribute("aria-label") || [...(element.labels || [])].map((label) => label.textContent).join(" ") || "").trim();
  };

  if (!/^(zh-CN|en)$/.test(document.documentElement.lang)) wrong.push(`lang is ${document.documentElement.lang}`);
  if (!document.title.trim()) wrong.push("no title");
  const heads = [...document.querySelectorAll("h1")].filter(shown);
  if (heads.length !== 1) wrong.push(`${heads.length} h1`);
  if (document.querySelectorAll("main").length !== 1) wrong.push("not one main");
  if (!document.querySelector("header")) wrong.push("no header");

  const ids = new Map();
  for (const element of document.querySelectorAll("[id]")) ids.set(element.id, (ids.get(element.id) || 0) + 1);
  for (const [id, count] of ids) if (count > 1) wrong.push(`${count} elements have the id ${id}`);
  for (const element of document.querySelectorAll("[for], [aria-labelledby], [aria-describedby], [form]"))
    for (const attribute of ["for", "aria-labelledby", "aria-describedby", "form"])
      for (const id of (element.getAttribute(attribute) || "").split(" "))
        if (id && !ids.has(id) && !(attribute === "form" && !shown(element))) wrong.push(`${name(element)}: ${attribute} names no element: ${id}`);

  for (const field of document.querySelectorAll("input:not([type=hidden]), select, textarea"))
    if (!field.hidden && !spoken(field)) wrong.push(`${name(field)} has no label`);
  for (const element of document.querySelectorAll("button, a[href], summary"))
    if (!spoken(element) && !element.textContent.trim()) wrong.push(`${name(element)} says nothing`);
  for (const image of document.querySelectorAll("img")) if (!image.hasAttribute("alt")) wrong.push(`${name(image)} has no alt`);
  for (const image of document.querySelectorAll("svg"))
    if (!image.matches("[aria-hidden=true], [aria-label]")) wrong.push(`${name(image)} has no description`);
  for (const bar of document.querySelectorAll("progress, meter, nav, dialog, [role=region]"))
    if (!spoken(bar)) wrong.push(`${name(bar)} has no name`);
  for (const cell of document.querySelectorAll("th")) if (!cell.scope) wrong.push(`${name(cell)} “${cell.textContent.trim()}” has no scope`);
  for (const element of document.querySelectorAll("[style], style, script:not([src])")) wrong.push(`${name(element)} has inline style or script`);
  for (const element of document.querySelectorAll("*"))
    for (const attribute of element.attributes) if (/^(on|hx-on)/.test(attribute.name)) wrong.push(`${name(element)} has ${attribute.name}`);

  let level = 0;
  for (const head of [...document.querySelectorAll("main h1, main h2, main h3, main h4")].filter(shown)) {
    const now = Number(head.tagName[1]);
    if (now > level + 1) wrong.push(`h${now} “${head.textContent.trim()}” after h${level}`);
    level = now;
  }
  for (const live of document.querySelectorAll("[aria-live=assertive]")) if (live.id !== "problems") wrong.push(`${name(live)} interrupts`);
  if (document.documentElement.scrollWidth > innerWidth) wrong.push(`wider than the window by ${document.documentElement.scrollWidth - innerWidth} px`);

  // Contrast of every text that is seen, against the nearest background that is painted (WCAG 2.2, 1.4.3).
  const paint = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    paint.clearRect(0, 0, 1, 1);
    paint.fillStyle = color;
    paint.fillRect(0, 0, 1, 1);
    return [...paint.getImageData(0, 0, 1, 1).data];
  };
  const known = new Map();
  const cached = (color) => known.get(color) || known.set(color, rgba(color)).get(color);
  const light = ([red, green, blue]) => {
    const [r, g, b] = [red, green, blue].map((value) => value / 255).map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const probe = document.createElement("i");
  const resolved = (color) => {
    probe.style.color = color;
    document.body.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  };
  const ground = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const style = getComputedStyle(each);
      // The fill of a matrix cell lies over its background: the darker of the two counts.
      const fill = style.backgroundImage === "none" ? "" : style.getPropertyValue("--fill").trim();
      const color = cached(fill ? resolved(fill) : style.backgroundColor);
      if (color[3] === 255) return color;
    }
    return cached("Canvas");
  };
  const poor = new Set();
  const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (words.nextNode()) {
    const element = words.currentNode.parentElement;
    if (!words.currentNode.textContent.trim() || !shown(element) || element.closest(".hidden-visually, .skip, :disabled, svg, option")) continue;
    const style = getComputedStyle(element);
    if (style.clipPath !== "none") continue;
    const [one, two] = [light(cached(style.color)), light(ground(element))].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (two + 0.05);
    const size = parseFloat(style.fontSize);
    const least = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    if (ratio < least) poor.add(`contrast ${ratio.toFixed(2)}: ${name(element)} “${words.currentNode.textContent.trim().slice(0, 20)}”`);
  }
  return [...wrong, ...poor];
}
