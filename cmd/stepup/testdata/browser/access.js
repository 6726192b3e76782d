// What keeps people from using this page who do not see it, or not well, or have no mouse.
// The value is a list of sentences; an empty one is good.
(() => {
  const problems = [];
  const shown = (e) => e.checkVisibility() && e.getClientRects().length > 0;
  const told = (e) => `${e.tagName.toLowerCase()} "${(e.textContent || e.name || "").trim().slice(0, 40)}"`;

  const h1 = document.querySelectorAll("h1").length;
  if (h1 !== 1) problems.push(`${h1} headings of the first level`);
  if (document.querySelectorAll("main").length !== 1) problems.push("not one main part");
  if (!document.documentElement.lang) problems.push("no language");
  for (const e of document.querySelectorAll("input:not([type=hidden]), select, textarea")) {
    if (!e.labels.length && !e.ariaLabel) problems.push(`${e.name} has no label`);
  }
  for (const e of document.querySelectorAll("a, button")) {
    if (!e.textContent.trim() && !e.ariaLabel) problems.push(`a ${e.tagName} has no name`);
  }
  for (const e of document.querySelectorAll("img:not([alt])")) problems.push(`${e.src} has no words`);
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) problems.push(`the id ${id} is there twice`);
  for (const e of document.querySelectorAll("[aria-describedby]")) {
    if (!document.getElementById(e.getAttribute("aria-describedby"))) problems.push(`${e.name} is described by nothing`);
  }

  // Contrast: WCAG 2.2, 1.4.3. Text of every size is held to what small text needs.
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const pixel = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data;
  };
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, n) => sum + c * [0.2126, 0.7152, 0.0722][n], 0);
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const p = pixel(getComputedStyle(e).backgroundColor);
      if (p[3] === 255) return p;
    }
    return [255, 255, 255];
  };
  for (const e of document.querySelectorAll("body *")) {
    const text = [...e.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.data.trim());
    if (!text || !shown(e)) continue;
    const [a, b] = [light(pixel(getComputedStyle(e).color)), light(ground(e))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) problems.push(`${told(e)} has a contrast of ${contrast.toFixed(2)}`);
  }

  // By keyboard: whatever can be pressed can be reached.
  for (const e of document.querySelectorAll("a, button, input:not([type=hidden]), select")) {
    if (shown(e) && e.tabIndex < 0) problems.push(`${told(e)} cannot be reached with Tab`);
  }
  return problems;
})()
