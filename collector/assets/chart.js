// Charts of an agent: memory as a stack, CPU, pressure. Gaps stay gaps; alerts are marked; dragging selects a range.
"use strict";
(() => {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const palette = ["#4477aa", "#66ccee", "#228833", "#ccbb44", "#ee6677", "#aa3377", "#999999"];

  const marks = (alerts) => ({
    hooks: {
      draw: [(plot) => {
        const context = plot.ctx;
        context.save();
        for (const alert of alerts) {
          const from = plot.valToPos(Math.max(alert.from, plot.scales.x.min), "x", true);
          const to = plot.valToPos(Math.min(alert.to ?? plot.scales.x.max, plot.scales.x.max), "x", true);
          if (to < plot.bbox.left || from > plot.bbox.left + plot.bbox.width) continue;
          context.globalAlpha = 0.16;
          context.fillStyle = colour(alert.severity === "E" ? "--e" : alert.severity === "W" ? "--w" : "--i");
          context.fillRect(from, plot.bbox.top, Math.max(2, to - from), plot.bbox.height);
          context.globalAlpha = 1;
          context.font = `${11 * devicePixelRatio}px system-ui`;
          const right = plot.bbox.left + plot.bbox.width;
          const fits = from + context.measureText(alert.code).width + 3 < right;
          context.textAlign = fits ? "left" : "right";
          context.fillText(alert.code, fits ? from + 3 : right - 3, plot.bbox.top + 12 * devicePixelRatio);
        }
        context.restore();
      }],
    },
  });

  // Each series on top of those before it; where any is missing the stack has a gap.
  const stacked = (columns) => {
    const sums = [];
    let below;
    for (const column of columns) {
      const base = below;
      below = column.map((value, at) => (value === null || (base && base[at] === null) ? null : value + (base ? base[at] : 0)));
      sums.push(below);
    }
    return sums;
  };

  // Times on the clock of the pages, as everywhere on them: 24 hours, the day where it changes.
  const clock = (offset_s) => {
    const two = (number) => String(number).padStart(2, "0");
    const at = (seconds) => new Date((seconds + offset_s) * 1000);
    const day = (seconds) => `${two(at(seconds).getUTCMonth() + 1)}-${two(at(seconds).getUTCDate())}`;
    const time = (seconds) => `${two(at(seconds).getUTCHours())}:${two(at(seconds).getUTCMinutes())}`;
    const axis = (_self, ticks) => ticks.map((tick, index) => {
      const midnight = time(tick) === "00:00";
      const newDay = index === 0 || day(tick) !== day(ticks[index - 1]);
      if (midnight) return day(tick);
      return newDay ? `${time(tick)}\n${day(tick)}` : time(tick);
    });
    return { axis, whole: (seconds) => `${at(seconds).getUTCFullYear()}-${day(seconds)} ${time(seconds)}` };
  };

  const draw = (figure, chart, data) => {
    const times = clock(data.offset_s);
    const stack = chart.stack;
    const columns = chart.series.map((series) => data.columns[series.key]);
    const shown = stack ? stacked(columns) : columns;
    // The highest first, so that the lower ones are painted over it.
    const order = stack ? chart.series.map((_, at) => at).reverse() : chart.series.map((_, at) => at);
    const grid = { stroke: colour("--line"), width: 1 };
    const axis = { stroke: colour("--fg"), grid, ticks: grid };
    const percent = (value) => (value === null || value === undefined ? "-" : `${value.toFixed(1)} %`);
    const gibibytes = (value) => (value === null || value === undefined ? "-" : `${value.toFixed(2)} GiB`);
    const say = chart.unit === "GiB" ? gibibytes : percent;
    const host = figure.querySelector(".plot");
    host.replaceChildren();
    const plot = new uPlot({
      width: Math.max(280, host.clientWidth),
      height: 220,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000 + data.offset_s * 1000), "Etc/UTC"),
      scales: { x: { time: true, min: data.from, max: data.to }, y: { range: (_, min, max) => [0, chart.top ?? Math.max(1, max * 1.05)] } },
      axes: [{ ...axis, values: times.axis }, { ...axis, size: 70, values: (_, ticks) => ticks.map((tick) => (chart.unit === "GiB" ? `${tick} GiB` : `${tick} %`)) }],
      series: [
        { label: data.words.time, value: (_self, seconds) => (seconds === null || seconds === undefined ? "-" : times.whole(seconds)) },
        ...order.map((at) => ({
          label: chart.series[at].label,
          stroke: palette[at % palette.length],
          fill: stack ? palette[at % palette.length] + "66" : undefined,
          width: 1.5,
          spanGaps: false,
          points: { show: false },
          value: (_self, _value, _series, row) => (row === null || row === undefined ? "-" : say(columns[at][row])),
        })),
      ],
      plugins: [marks(data.alerts)],
      hooks: {
        setSelect: [(self) => {
          if (self.select.width < 8) return;
          const from = Math.floor(self.posToVal(self.select.left, "x"));
          const to = Math.ceil(self.posToVal(self.select.left + self.select.width, "x"));
          const address = new URL(location.href);
          address.searchParams.set("from", String(from));
          address.searchParams.set("to", String(to));
          location.href = address;
        }],
      },
      cursor: { drag: { setScale: false, x: true, y: false } },
    }, [data.time, ...order.map((at) => shown[at])], host);
    return plot;
  };

  const load = async (place) => {
    const answer = await fetch(place.dataset.source, { cache: "no-store", signal: AbortSignal.timeout(20000) });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    return answer.json();
  };

  const keep = (place) => {
    const state = place.querySelector(".state");
    let data;
    let plots = [];
    let timer;
    let loading = false;
    // Somebody selects a range: what is drawn anew under the pointer would take it away.
    let held = false;
    let waits = false;
    const show = () => {
      waits = held;
      if (held) return;
      // A plot that is only taken out of the page still listens to the window, for as long as the page is open.
      for (const plot of plots) plot.destroy();
      const figures = place.querySelectorAll("figure");
      plots = data === undefined ? [] : data.charts.map((chart, at) => draw(figures[at], chart, data));
    };
    const fetched = async () => {
      if (loading) return;
      loading = true;
      try {
        data = await load(place);
        show();
        state.textContent = "";
      } catch {
        state.textContent = place.dataset.failed;
      } finally {
        loading = false;
      }
    };
    const release = () => {
      held = false;
      // After the plot itself has heard of it.
      if (waits) setTimeout(show);
    };
    place.addEventListener("mousedown", () => { held = true; });
    // After a menu, a drag of the browser's own or another window no mouseup may come.
    for (const end of ["mouseup", "dragend", "contextmenu", "blur"]) addEventListener(end, release);
    addEventListener("mousemove", (event) => { if (held && event.buttons === 0) release(); });
    addEventListener("resize", () => { clearTimeout(timer); timer = setTimeout(show, 150); });
    // A chart that ends now goes on with it.
    if (place.dataset.source.includes("hours=")) document.addEventListener("hansho-live", fetched);
    fetched();
  };

  for (const place of document.querySelectorAll("[data-source]")) keep(place);
})();
