// @ts-check
// The numbers of the confusion matrix: counts, fractions, intervals, the scale, and the description of a cell.
"use strict";

window.reportgenNumbers = (() => {
  const DASH = "–";
  /** @param {number} count */
  const countText = (count) => count.toLocaleString("en-US");

  /**
   * The Wilson interval of a proportion, term by term as reportgen/analysis/intervals.py computes it.
   * @type {MatrixNumbers["wilson"]}
   */
  function wilson(count, total, z) {
    const share = count / total;
    const center = share + z ** 2 / (2 * total);
    const half = z * Math.sqrt((share * (1 - share)) / total + (z / (2 * total)) ** 2);
    const shrink = 1 + z ** 2 / total;
    return [
      count === 0 ? 0 : Math.max((center - half) / shrink, 0),
      count === total ? 1 : Math.min((center + half) / shrink, 1),
    ];
  }

  /**
   * A fraction as whole percent without the sign; 0 and 100 only where it is exactly that, a dash where undefined.
   * @param {number} fraction
   */
  function percentNumber(fraction) {
    if (Number.isNaN(fraction)) return DASH;
    if (fraction === 0 || fraction === 1) return String(100 * fraction);
    if (fraction < 0.005) return "<1";
    if (fraction >= 0.995) return ">99";
    return String(Math.round(Number(`${fraction}e2`))); // its decimal digits moved: 0.285 is 28.5, whatever binary says
  }

  /** @param {number} fraction */
  const percentText = (fraction) => (Number.isNaN(fraction) ? DASH : `${percentNumber(fraction)}%`);

  /** @type {(count: number, total: number, z: number) => string} */
  function intervalText(count, total, z) {
    return total ? `${wilson(count, total, z).map(percentNumber).join("–")}%` : DASH;
  }

  /**
   * A matrix of classes or of superclasses, its cells as [row, column, count]. `support` are the sums of its rows,
   * `called` of its columns, `right` the right answers of each row; a superclass's diagonal holds mistakes inside it too.
   */
  class Table {
    /** @param {string[]} names @param {Count[]} cells @param {number[]} right */
    constructor(names, cells, right) {
      this.names = names;
      this.cells = cells;
      this.right = right;
      this.size = names.length;
      /** @type {number[]} */ this.support = new Array(this.size).fill(0);
      /** @type {number[]} */ this.called = new Array(this.size).fill(0);
      /** @type {Map<number, number>} */ this.counts = new Map();
      for (const [row, column, count] of cells) {
        this.support[row] += count;
        this.called[column] += count;
        this.counts.set(row * this.size + column, count);
      }
    }

    /** @type {ConfusionTable["count"]} */
    count(row, column) {
      return this.counts.get(row * this.size + column) ?? 0;
    }

    /** @param {number} row */
    recall(row) {
      return this.count(row, row) / this.support[row];
    }

    /**
     * What a cell shows: images (`count`), or their share of the `row` or `column`; with right answers or without.
     * @type {ConfusionTable["value"]}
     */
    value(row, column, show, withRight) {
      const count = this.count(row, column) - (row === column && !withRight ? this.right[row] : 0);
      return count && count / { count: 1, row: this.support[row], column: this.called[column] }[show];
    }
  }

  /**
   * The table of the classes, from cells as `pack_cells` in reportgen/report/pages/matrix_data.py packs them.
   * @type {MatrixNumbers["makeTable"]}
   */
  function makeTable(names, packed) {
    /** @type {Count[]} */
    const cells = [];
    for (const [count, letters] of Object.entries(packed)) {
      let [place, gap] = [0, 0];
      for (const letter of letters) {
        gap = 26 * gap + parseInt(letter, 36) - 10;
        if (letter > "Z") continue; // a capital is the last digit of a gap
        [place, gap] = [place + gap, 0];
        cells.push([Math.floor(place / names.length), place % names.length, Number(count)]);
      }
    }
    const right = new Array(names.length).fill(0);
    for (const [row, column, count] of cells) if (row === column) right[row] = count;
    return new Table(names, cells, right);
  }

  /**
   * The table of the superclasses, `of` being the superclass of each class.
   * @type {MatrixNumbers["sumTable"]}
   */
  function sumTable(names, of, classes) {
    const sums = new Map();
    const right = new Array(names.length).fill(0);
    for (const [row, column, count] of classes.cells) {
      const place = of[row] * names.length + of[column];
      sums.set(place, (sums.get(place) ?? 0) + count);
      if (row === column) right[of[row]] += count;
    }
    /** @type {Count[]} */
    const cells = [...sums].map(([place, count]) => [Math.floor(place / names.length), place % names.length, count]);
    return new Table(names, cells, right);
  }

  /** From positive values to [0, 1], by square root or logarithm; the logarithm counts in steps of the smallest value. */
  class Scale {
    /** @param {number[]} values @param {string} kind */
    constructor(values, kind) {
      this.kind = kind;
      this.max = values.reduce((a, b) => Math.max(a, b), 0);
      this.least = values.reduce((a, b) => Math.min(a, b), this.max);
    }

    /** @param {number} value */
    position(value) {
      if (!value) return 0;
      if (this.kind === "root") return Math.sqrt(value / this.max);
      return Math.log1p(value / this.least) / Math.log1p(this.max / this.least);
    }

    /**
     * A gray level as reportgen/report/images.py makes it: 255 is the largest value, and only nothing is 0.
     * @param {number} value
     */
    level(value) {
      return value ? Math.max(1, Math.round(255 * this.position(value))) : 0;
    }

    /**
     * Marks as [position, text]: the largest value, then round ones as far as there is room for them.
     * @type {CountScale["ticks"]}
     */
    ticks(isShare) {
      /** @type {number[]} */
      const rounds = [];
      for (let decade = isShare ? 0.001 : 1; decade < this.max; decade *= 10) rounds.push(decade, 2 * decade, 5 * decade);
      /** @type {[number, string][]} */
      const ticks = [];
      for (const value of [this.max, ...rounds.reverse().filter((each) => each < this.max && each >= this.least)]) {
        const position = this.position(value);
        const room = isShare || ticks.length === 1 ? 0.12 : 0.08; // the last text ends at its mark
        if (ticks.length && ticks[0][0] - position < room) continue;
        const share = value < 0.01 ? `${+(100 * value).toFixed(1)}%` : percentText(value);
        ticks.unshift([position, isShare ? share : countText(value)]);
      }
      return this.max ? ticks : [];
    }
  }

  /**
   * Places for labels, as near to the middles of what they name as `spacing` allows (least squares: neighbors that
   * would overlap are pooled). The same as `spread` in reportgen/report/pictures/diagrams/confusion_frame.py.
   * @type {MatrixNumbers["spread"]}
   */
  function spread(middles, spacing, side) {
    const step = Math.min(spacing, side / middles.length);
    /** @type {[sum: number, length: number][]} */
    const pools = [];
    middles.forEach((middle, i) => {
      pools.push([middle - step * i, 1]);
      while (pools.length > 1) {
        const [[before, m], [after, n]] = pools.slice(-2);
        if (before / m <= after / n) break;
        pools.splice(-2, 2, [before + after, m + n]);
      }
    });
    const highest = side - step / 2 - step * (middles.length - 1);
    const fitted = pools.flatMap(([sum, length]) => new Array(length).fill(sum / length));
    return fitted.map((place, i) => Math.min(Math.max(place, step / 2), highest) + step * i);
  }

  /**
   * What is said of a cell: sentences, each a list of texts; a text in a list of its own is stressed.
   * @type {MatrixNumbers["describe"]}
   */
  function describe(table, row, column, z, isOfClasses) {
    const { support, called } = table;
    const [name, other] = [table.names[row], table.names[column]];
    const count = table.count(row, column);
    /** @type {(part: number, total: number) => string} */
    const of = (part, total) => `${countText(part)} of ${countText(total)}`;
    /** @type {(part: number, total: number) => string} */
    const interval = (part, total) => `(${intervalText(part, total, z)})`;
    /** @type {(...end: Sentence) => Sentence} */
    const tell = (...end) =>
      support[row] ? [[of(count, support[row])], ` ${name} ${interval(count, support[row])}`, ...end] : [`no images of ${name}`];
    const precision = called[column]
      ? `${percentText(count / called[column])} ${interval(count, called[column])} of images predicted as ${other}`
      : `${other} is never predicted`;
    if (row !== column) {
      const back = table.count(column, row);
      const reverse = support[column] ? `${of(back, support[column])} ${interval(back, support[column])}` : `no images of ${other}`;
      return [tell(" predicted as ", [other]), [precision], [`in reverse: ${reverse}`]];
    }
    if (isOfClasses || !support[row]) return [tell(" classified correctly"), [precision]];
    const right = table.right[row];
    const inside = `${countText(right)} correct, ${countText(count - right)} predicted as another class of the superclass`;
    return [tell(" stay within the superclass"), [inside], [precision]];
  }

  return { Scale, countText, describe, makeTable, percentNumber, percentText, spread, sumTable, wilson };
})();
