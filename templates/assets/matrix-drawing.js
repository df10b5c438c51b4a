// @ts-check
// Layout and drawing of the confusion matrix: pixels, numbers in cells, names, recall bars, color scale.
"use strict";

window.reportgenDrawing = (() => {
  const LINE = 13; // px that a name needs beside its row
  const HEAD = 32;
  const FULL_SIDE = 640;
  const VALUE_CELL = 24; // px; from here on a cell has room for its number
  const { countText, percentNumber, spread } = window.reportgenNumbers ?? {};
  const ratio = () => window.devicePixelRatio || 1;
  /** @param {number} width */
  const isNarrow = (width) => width < 560;
  /** @type {(value: number, low: number, high: number) => number} */
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
  const pen = document.createElement("canvas").getContext("2d");

  const font = () => `11.5px ${getComputedStyle(document.body).fontFamily}`;

  /** @param {string[]} texts */
  function widest(texts) {
    pen.font = font();
    return texts.reduce((most, text) => Math.max(most, pen.measureText(text).width), 0);
  }

  /**
   * A side of whole device pixels a cell, unless that wastes too much room.
   * @type {(room: number, size: number) => number}
   */
  function fitSide(room, size) {
    const most = Math.min(room, Math.max(56 * size, 400));
    const side = (Math.floor((most * ratio()) / size) / ratio()) * size;
    return side >= 0.8 * most ? side : Math.floor(most);
  }

  /**
   * Room for names, head and square in a width, in px. Where each row has room for its name, the columns have theirs
   * above; where not, superclasses are named, or the rows with the largest mistakes.
   * @type {MatrixDrawing["measure"]}
   */
  function measure({ table, rows, columns, blocks, isPart }, width) {
    const bar = isNarrow(width) ? 32 : 64;
    const room = width - bar - 9;
    const height = Math.min(width, FULL_SIDE + HEAD);
    /** @param {number[]} indices */
    const named = (indices) => widest(indices.map((index) => table.names[index]));
    /** @type {(names: number, head: number, space: number) => Shape} */
    const shape = (names, head, space) => {
      const side = fitSide(space, rows.length);
      return { names, head, side, cell: side / rows.length, bar, isNamed: head > HEAD };
    };
    if (rows.length * LINE <= height) {
      const least = isPart ? 104 : 78; // the way back stands above the names
      const names = Math.ceil(clamp(named(rows) + 20, least, isNarrow(width) ? 0.34 * width : 196));
      const head = Math.ceil(clamp(named(columns) + 14, isPart ? 84 : HEAD + 1, isNarrow(width) ? 96 : 150));
      const found = shape(names, head, Math.min(room - names, height - head));
      if (found.cell >= LINE) return found;
    }
    const wide = blocks.length ? Math.min(widest(blocks.map(({ name }) => name)), 188) : Math.min(named(rows), 120);
    const names = isNarrow(width) ? 0 : Math.max(92, Math.ceil(wide + 22));
    return shape(names, HEAD, Math.min(room - names, FULL_SIDE));
  }

  /**
   * The colors of 256 gray levels, by the SVG filter of the page.
   * @type {MatrixDrawing["colors"]}
   */
  function colors(isDark) {
    const filter = document.getElementById(isDark ? "counts-dark" : "counts-light");
    const channels = ["R", "G", "B"].map((channel) =>
      filter
        .querySelector(`feFunc${channel}`)
        .getAttribute("tableValues")
        .split(" ")
        .map((value) => Math.floor(255 * Number(value))),
    );
    return Array.from({ length: 256 }, (_, level) =>
      channels.map((stops) => {
        const place = (level * (stops.length - 1)) / 255;
        const stop = Math.min(Math.floor(place), stops.length - 2);
        return Math.floor(stops[stop] + (place - stop) * (stops[stop + 1] - stops[stop]) + 1e-9);
      }),
    );
  }

  /**
   * A pixel a cell; where the screen has fewer, each shows the largest of the cells that it stands for.
   * @type {MatrixDrawing["drawPixels"]}
   */
  function drawPixels(canvas, { rows, columns, cells }, { side }, scale, color) {
    const [height, width] = [rows, columns].map(({ length }) => Math.min(length, Math.round(side * ratio())));
    const levels = new Uint8Array(height * width);
    for (const [y, x, value] of cells) {
      const place = Math.floor((y * height) / rows.length) * width + Math.floor((x * width) / columns.length);
      levels[place] = Math.max(levels[place], scale.level(value));
    }
    Object.assign(canvas, { width, height });
    const image = new ImageData(width, height);
    for (const [place, level] of levels.entries()) if (level) image.data.set([...color[level], 255], 4 * place);
    canvas.getContext("2d").putImageData(image, 0, 0);
  }

  /** @type {MatrixDrawing["drawValues"]} */
  function drawValues(canvas, { cells }, { side, cell }, scale, color, isShare) {
    canvas.hidden = cell < VALUE_CELL;
    if (canvas.hidden) return;
    canvas.width = canvas.height = Math.round(side * ratio());
    const context = canvas.getContext("2d");
    context.scale(ratio(), ratio());
    Object.assign(context, { textAlign: "center", textBaseline: "middle", font: font() });
    for (const [y, x, value] of cells) {
      const text = isShare ? percentNumber(value) : countText(value);
      const [red, green, blue] = color[scale.level(value)].map((channel) => (channel / 255) ** 2.2);
      context.fillStyle = 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.18 ? "#000" : "#fff"; // the higher contrast
      if (context.measureText(text).width < cell - 2) context.fillText(text, (x + 0.5) * cell, (y + 0.5) * cell + 0.5);
    }
  }

  /** @param {number} length */
  const round = (length) => +length.toFixed(2);

  /** @type {MatrixDrawing["outlinePath"]} */
  function outlinePath({ blocks }, { cell }) {
    /** @param {Block} block */
    const square = ({ start, length }) => {
      const [edge, size] = [round(start * cell), round(length * cell)];
      return `M${edge} ${edge}h${size}v${size}h${-size}z`;
    };
    return blocks.filter(({ length }) => length > 1).map(square).join("");
  }

  /**
   * The bar of the recall of a row.
   * @type {MatrixDrawing["barPath"]}
   */
  function barPath({ table, rows }, { cell, bar }, y, thickness) {
    const size = clamp(thickness * cell, Math.min(cell, 1), 24);
    return `M8 ${round((y + 0.5) * cell - size / 2)}h${round(bar * (table.recall(rows[y]) || 0))}v${round(size)}H8z`;
  }

  /**
   * The names beside rows and columns, anew; returns the path of the ties that lead to what they name.
   * @type {MatrixDrawing["drawNames"]}
   */
  function drawNames(side, head, { table, rows, columns, blocks, rowAt, mistakes }, shape) {
    for (const parent of [side, head]) for (const name of parent.querySelectorAll(".cm-name")) name.remove();
    /** @type {(parent: HTMLElement, text: string, property: "top" | "left", middle: number) => void} */
    const place = (parent, text, property, middle) => {
      const name = document.createElement("span");
      Object.assign(name, { className: "cm-name", textContent: text });
      name.style[property] = `${round(middle)}px`;
      parent.append(name);
    };
    const { names, cell } = shape;
    if (shape.isNamed) {
      for (const [y, row] of rows.entries()) place(side, table.names[row], "top", (y + 0.5) * cell);
      for (const [x, column] of columns.entries()) place(head, table.names[column], "left", (x + 0.5) * cell);
      return "";
    }
    if (!names) return "";
    if (blocks.length) {
      const middles = blocks.map(({ start, length }) => (start + length / 2) * cell);
      for (const [i, y] of spread(middles, LINE + 1, shape.side).entries()) place(side, blocks[i].name, "top", y);
      /** @param {Block} block */
      const tie = ({ start, length }) => `M${names - 5} ${round(start * cell) + 1}v${Math.max(round(length * cell) - 2, 0.5)}`;
      return blocks.map(tie).join("");
    }
    /** @type {number[]} */
    const taken = [];
    for (const { row } of mistakes.slice(0, 200)) {
      const y = round((rowAt[row] + 0.5) * cell);
      if (taken.length >= shape.side / 26 || taken.some((other) => Math.abs(other - y) < LINE)) continue;
      taken.push(y);
      place(side, table.names[row], "top", y);
    }
    return taken.map((y) => `M${names - 8} ${y}h6`).join("");
  }

  /** @type {MatrixDrawing["drawTicks"]} */
  function drawTicks(svg, scale, isShare) {
    for (const text of svg.querySelectorAll("text")) text.remove();
    for (const [position, text] of scale.ticks(isShare)) {
      const label = document.createElementNS(svg.namespaceURI, "text");
      const attributes = { x: `${round(100 * position)}%`, y: "17", "text-anchor": position === 1 ? "end" : "middle" };
      for (const [name, value] of Object.entries(attributes)) label.setAttribute(name, value);
      label.append(text);
      svg.append(label);
    }
  }

  return { barPath, colors, drawNames, drawPixels, drawTicks, drawValues, isNarrow, measure, outlinePath };
})();
