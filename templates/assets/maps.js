// @ts-check
// Class and pair pages: choices about maps and images are kept in the URL's hash, and images open in a detail view.
"use strict";

(() => {
  const forms = [...document.querySelectorAll("[data-map-controls], [data-gallery-filter]")];
  const items = [...document.querySelectorAll(".gallery > li")];
  /** @type {[number: string, ...any[]][]} */
  const listed = JSON.parse(document.getElementById("details")?.textContent ?? "[]");
  /** @type {Map<string, Detail>} */
  const details = new Map(
    listed.map(([number, id, truePeak, predictedPeak, top, reasons, columns = []]) => [
      number,
      { id, peaks: [truePeak, predictedPeak], top, reasons, columns },
    ]),
  );
  /** @type {any[]} */
  const fields = forms.flatMap((form) => [...form.elements].filter((field) => field.getAttribute("name")));
  const initial = new Map(fields.filter((field) => field.type !== "radio" || field.defaultChecked).map((field) => [field.name, field.value]));
  const columns = fields.filter((field) => field.dataset.column !== undefined);
  const methods = fields.filter((field) => field.name === "method");
  const layerChoices = fields.filter((field) => field.name === "map");
  const itemsByMethod = new Map(); // by method, what stands at each of its places
  /** @type {string | null} */
  let shown = null; // the number of the image in the detail view
  let method = methods.find((field) => field.defaultChecked);

  for (const field of document.querySelectorAll("[data-needs-script]")) field.hidden = false;

  /** What differs from the page as it is delivered, as `name=value` pairs. */
  function readState() {
    const state = new URLSearchParams();
    for (const field of fields) {
      if (field.type === "radio" && !field.checked) continue;
      if (field.value !== initial.get(field.name)) state.set(field.name, field.value);
    }
    if (shown !== null) state.set("image", shown);
    return state;
  }

  function writeHash() {
    const state = readState().toString();
    try {
      history.replaceState(null, "", state ? `#${state}` : location.pathname.split("/").pop() + location.search);
    } catch {
      // Some browsers refuse this for local files. The page works without.
    }
  }

  function applyHash() {
    if (location.hash && !location.hash.includes("=")) return; // a link to a section
    const state = new URLSearchParams(location.hash.slice(1));
    for (const field of fields) {
      const wanted = state.get(field.name) ?? initial.get(field.name);
      if (field.type === "radio") field.checked = field.value === wanted;
      else field.value = wanted;
    }
    apply();
    if (state.has("image")) open(state.get("image"));
    else if (dialog.open) dialog.close();
    if (["as", "only", "sure", ...columns.map((field) => field.name)].some((name) => state.has(name)) && !state.has("image")) {
      document.getElementById("gallery")?.scrollIntoView();
    }
  }

  /** @param {string} name */
  const value = (name) => fields.find((field) => field.name === name && (field.type !== "radio" || field.checked))?.value;

  // Methods: the page holds the parts of all but the first method in templates, which load nothing.

  const PLACES = [".legend:not(.difference-legend) > span", ".means", ".panels", "a.picture"];

  /**
   * What stands at the places of a part of the page that depend on the method: photos stay.
   * @type {(part: ParentNode) => ChildNode[][][]}
   */
  const contents = (part) =>
    PLACES.map((places) => [...part.querySelectorAll(places)].map((place) => [...place.childNodes].filter((node) => !(node instanceof Element && node.classList.contains("photo")))));

  /** @param {HTMLInputElement} [wanted] */
  function showMethod(wanted) {
    if (!wanted || wanted === method) return;
    if (!itemsByMethod.size) itemsByMethod.set(method.value, { contents: contents(document.getElementById("main")), peaks: [] });
    if (!itemsByMethod.has(wanted.value)) {
      const part = document.querySelector(`template[data-method="${wanted.value}"]`).content;
      document.querySelector(".definitions defs").append(...part.querySelectorAll("image"));
      itemsByMethod.set(wanted.value, {
        contents: contents(part),
        peaks: [...part.querySelectorAll("[data-peaks]")].map((item) => item.dataset.peaks.split(" ")),
      });
    }
    const { contents: parts } = itemsByMethod.get(wanted.value);
    PLACES.forEach((places, kind) => {
      [...document.getElementById("main").querySelectorAll(places)].forEach((place, at) => {
        const photos = [...place.children].filter((node) => node.classList.contains("photo"));
        place.replaceChildren(...photos, ...parts[kind][at]);
      });
    });
    method = wanted;
    for (const choice of layerChoices) choice.disabled = "classAgnostic" in wanted.dataset && ["true", "difference"].includes(choice.value);
  }

  /**
   * Largest evidence for the true and for the predicted class, by the method that is shown.
   * @type {(item: HTMLElement, detail: Detail) => string[]}
   */
  const peaksOf = (item, detail) => itemsByMethod.get(method?.value)?.peaks[items.indexOf(item)] ?? detail.peaks;

  function apply() {
    showMethod(methods.find((field) => field.checked));
    document.documentElement.style.setProperty("--overlay-opacity", String(Number(value("opacity") ?? 100) / 100));
    const [only, as, sure] = [value("only"), value("as"), Number(value("sure") ?? 0) / 100];
    let count = 0;
    for (const item of items) {
      const values = item.dataset.columns?.split(" ") ?? [];
      item.hidden =
        Boolean(as && item.dataset.as !== as) ||
        Number(item.dataset.confidence) < sure ||
        columns.some((field, at) => field.value && field.value !== values[at]);
      if (!item.hidden && (only === "all" || item.classList.contains(only))) count += 1;
    }
    for (const output of document.querySelectorAll("output")) output.value = `${Math.round(sure * 100)}%`;
    for (const place of document.querySelectorAll("[data-gallery-count]")) {
      place.textContent = `${count} of ${items.length} shown`;
    }
  }

  // The detail view.

  const dialog = document.createElement("dialog");
  dialog.className = "image";
  dialog.setAttribute("aria-labelledby", "image-title");
  document.body.append(dialog);
  dialog.addEventListener("close", () => {
    const from = document.getElementById(`e${shown}`);
    shown = null;
    writeHash();
    from?.querySelector("a").focus();
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
  });

  /** @type {(name: string, properties?: object, ...children: (Node | string)[]) => HTMLElement} */
  function element(name, properties = {}, ...children) {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  }

  /** @param {number} index */
  const className = (index) => window.reportgenClasses?.[index]?.[0] ?? `class ${index}`;
  /** @param {number} index */
  const classLink = (index) =>
    element("a", { href: document.body.dataset.root + (window.reportgenClasses?.[index]?.[1] ?? "index.html") }, className(index));

  /** @type {(kind: string, title: string, detail: string, ...pictures: (Node | null)[]) => HTMLElement} */
  function panel(kind, title, detail, ...pictures) {
    const box = element("div", { className: "picture" }, ...pictures.filter(Boolean).map((picture) => picture.cloneNode(true)));
    box.setAttribute("role", "img");
    box.setAttribute("aria-label", `${title}, ${detail}`);
    return element("figure", { className: kind }, box, element("figcaption", {}, element("b", { textContent: title }), ` ${detail}`));
  }

  /**
   * The image's rank: errors by descending confidence, then correct predictions by ascending confidence.
   * @type {(item: HTMLElement, isRight: boolean) => string}
   */
  function rankOf(item, isRight) {
    const kind = isRight ? "right" : "wrong";
    const place = items.filter((other) => other.classList.contains(kind)).indexOf(item) + 1;
    const [what, order] = isRight ? ["correct prediction", "ascending"] : ["error", "descending"];
    return `${what} ${place} of ${item.parentElement.dataset[kind]} by ${order} confidence`;
  }

  /** @param {string} number */
  function open(number) {
    const item = document.getElementById(`e${number}`);
    const detail = details.get(number);
    if (!item || !detail) return;
    const isRight = item.classList.contains("right");
    const [photo, trueMap, predictedMap, difference, anyMap] = [".photo", ".t", ".p", ".difference", ".evidence:not(.t, .p, .difference)"].map(
      (part) => item.querySelector(part),
    );
    const name = document.querySelector("h1").textContent;
    const predicted = className(Number(item.dataset.as));
    const [truePeak, predictedPeak] = peaksOf(item, detail);
    /** @param {string} height */
    const peak = (height) => (Number(height) > 0 ? `peak ${height}` : "blank map");
    /** @param {Node | null} map */
    const kind = (map) => (map ? (photo ? "overlay" : "map") : "blank");
    const panels = element("div", { className: "panels" });
    if (photo) panels.append(panel("photo-panel", "photo", name, photo));
    if (truePeak !== "") {
      if (method ? "classAgnostic" in method.dataset : anyMap) {
        panels.append(panel(kind(anyMap), "for all classes", peak(truePeak), photo, anyMap));
      } else {
        if (!isRight) panels.append(panel(kind(trueMap), `for ${name}`, peak(truePeak), photo, trueMap));
        panels.append(panel(kind(predictedMap), `for ${predicted}`, peak(predictedPeak), photo, predictedMap));
        if (difference) panels.append(panel("overlay shows-difference", "difference", `${predicted} − ${name}`, photo, difference));
      }
    } else if (method) {
      panels.append(panel("blank", "no map", `by ${method.closest("label").textContent}`, photo));
    }
    const top = element("ol", {}, ...detail.top.map(([index, probability]) => element("li", {}, classLink(index), ` ${probability}`)));
    const link = element("a", { href: `#image=${number}`, textContent: "link to this image" });
    /** @type {(text: string, label: string, act: () => void) => HTMLElement} */
    const button = (text, label, act) => {
      const made = element("button", { type: "button", className: "button", textContent: text, onclick: act });
      made.setAttribute("aria-label", label);
      return made;
    };
    dialog.replaceChildren(
      element(
        "header",
        {},
        element("h2", { id: "image-title", textContent: isRight ? name : `True: ${name}. Predicted: ${predicted}` }),
        element("span", { textContent: detail.id }),
        element(
          "nav",
          {},
          button("←", "previous image", () => step(-1)),
          button("→", "next image", () => step(1)),
          button("Close", "close", () => dialog.close()),
        ),
      ),
      panels,
      element(
        "div",
        { className: "about" },
        element("div", {}, element("h3", { textContent: "Most probable classes" }), top),
        element(
          "div",
          {},
          element("h3", { textContent: "Reasons for listing" }),
          element("ul", {}, ...[rankOf(item, isRight), ...detail.reasons].map((reason) => element("li", { textContent: reason }))),
          detail.columns.length ? element("h3", { textContent: "Metadata" }) : "",
          element("dl", {}, ...detail.columns.flatMap(([name, value]) => [element("dt", { textContent: name }), element("dd", { textContent: value })])),
          element("p", {}, link),
        ),
      ),
    );
    shown = number;
    writeHash();
    if (!dialog.open) dialog.showModal();
  }

  /**
   * The next visible image of the gallery in a direction.
   * @param {number} direction
   */
  function step(direction) {
    const visible = items.filter((item) => item.offsetParent !== null);
    const next = visible[visible.findIndex((item) => item.id === `e${shown}`) + direction];
    if (next) open(next.id.slice(1));
  }

  document.addEventListener("click", (event) => {
    /** @type {HTMLAnchorElement | null} */
    const link = /** @type {Element} */ (event.target).closest('a[href*="#image="]');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const target = new URL(link.href);
    if (target.pathname !== location.pathname || dialog.contains(link)) return;
    const number = new URLSearchParams(target.hash.slice(1)).get("image");
    if (!details.has(number)) return;
    event.preventDefault();
    open(number);
  });
  for (const form of forms) {
    form.addEventListener("input", () => {
      apply();
      writeHash();
    });
    form.addEventListener("submit", (event) => event.preventDefault());
  }
  window.addEventListener("hashchange", applyHash);
  applyHash();
})();
