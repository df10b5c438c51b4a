// @ts-check
// Draws the figure of a chart's page with Plotly, in the colors of the reader's theme.
"use strict";

(() => {
  /** @type {{ traces: PlotlyTrace[], layout: any, links: string[], themes: Record<Theme, any>, minWidth: number }} */
  const { traces, layout, links, themes, minWidth } = JSON.parse(document.getElementById("figure").textContent);
  /** @type {HTMLElement & { on?: Function }} */
  const chart = document.getElementById("chart");
  const isDark = window.matchMedia("(prefers-color-scheme: dark)");

  chart.style.minWidth = `${minWidth}px`; // the page scrolls what is cut off

  function draw() {
    const theme = isDark.matches ? themes.dark : themes.light;
    for (const trace of traces) {
      if (trace.meta === "counts") trace.colorscale = theme.counts;
      else trace.marker.color = trace.error_x.color = theme[trace.meta];
    }
    const axis = { gridcolor: theme.rule, linecolor: theme.rule };
    const themed = {
      ...layout,
      dragmode: window.innerWidth < minWidth ? false : "zoom", // a finger scrolls
      xaxis: { ...layout.xaxis, ...axis },
      yaxis: { ...layout.yaxis, ...axis },
      paper_bgcolor: theme.paper,
      plot_bgcolor: theme.panel,
      font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: theme.ink },
      hoverlabel: { bgcolor: theme.panel, bordercolor: theme.rule, font: { color: theme.ink }, align: "left" },
    };
    const options = {
      responsive: true,
      displaylogo: false,
      modeBarButtonsToRemove: ["select2d", "lasso2d", "sendChartToCloud"], // nothing is uploaded
      plotlyServerURL: "",
    };
    window.Plotly?.react(chart, traces, themed, options);
  }

  draw();
  isDark.addEventListener("change", draw);
  chart.on?.("plotly_click", (/** @type {{ points: { y: number }[] }} */ { points }) => {
    window.location.href = links[Math.round(points[0].y)];
  });
})();
