"use strict";
(() => {
  const said = JSON.parse(document.getElementById("plotted").textContent);
  const kinds = {float64: Float64Array, float32: Float32Array, int32: Int32Array, uint8: Uint8Array};
  const unpacked = ([kind, text]) => new kinds[kind](Uint8Array.from(atob(text), one => one.charCodeAt(0)).buffer);
  const {Plotting, ColumnDataSource, Range1d, FactorRange, HoverTool, Span, BasicTickFormatter, CategoricalColorMapper} = Bokeh;
  const source = data => {
    const ccd = Array.from(data.ccd, number => said.ccds[number]);
    return new ColumnDataSource({data: {...data, ccd, alpha: new Float32Array(ccd.length).fill(0.75)}});
  };
  const [low, high] = said.times;
  const room = 0.02 * (high - low) || 0.5;
  const across = new Range1d({start: low - room, end: high + room, bounds: [low - 4 * room, high + 4 * room]});
  const color = {field: "ccd", transform: new CategoricalColorMapper({palette: said.colours, factors: said.ccds})};
  const figure = (name, label, height, more) => {
    const made = Plotting.figure({
      name, title: label, height, sizing_mode: "stretch_width", x_range: across,
      tools: "xbox_zoom,xwheel_zoom,xpan,reset,save", active_drag: "xbox_zoom", output_backend: "canvas",
      background_fill_alpha: 0, border_fill_alpha: 0, outline_line_alpha: 0.3,
      min_border_left: name === "flags" ? 130 : 64, min_border_right: 14, ...more,
    });
    made.add_tools(new HoverTool({tooltips: [["", "@ccd"], ["cadence", "@cadence"], ["time", "@time{0.0000}"], ["", "$snap_y"]]}));
    made.toolbar.logo = null;
    made.toolbar.autohide = true;
    made.title.text_font_size = "13px";
    for (const grid of made.grids) grid.grid_line_alpha = 0.25;
    for (const axis of made.xaxes) {
      axis.ticker.desired_num_ticks = 4;  // A phone has room for no more.
      axis.formatter = new BasicTickFormatter({use_scientific: false});
    }
    for (const location of said.references) made.add_layout(new Span({
      name: "reference", location, dimension: "height", line_dash: "dashed", line_width: 1, line_color: "#d08000", line_alpha: 0.8,
    }));
    return made;
  };
  const draw = (made, data, y, marker, size) => made.scatter({x: {field: "time"}, y: {field: y}, source: data, size, marker, color, alpha: {field: "alpha"}, name: y});
  const points = source(Object.fromEntries(Object.entries(said.points).map(([name, packed]) => [name, unpacked(packed)])));
  const made = said.plots.map(one => {
    const up = one.known ? {} : {y_range: new Range1d({start: 0, end: 1})};
    const plot = figure(one.name, one.label, 210, {y_axis_type: one.logarithmic ? "log" : "auto", ...up});
    one.quantities.forEach((y, number) => draw(plot, points, y, number && one.name === "drift" ? "x" : "circle", 4));
    return plot;
  });
  const factors = [...new Set(said.flags.flag)].sort().reverse();
  const flags = figure("flags", "flags", Math.max(210, 60 + 22 * factors.length), {y_range: new FactorRange({factors: factors.length ? factors : ["no flags"]})});
  draw(flags, source(said.flags), "flag", "circle", 6);
  for (const axis of flags.xaxes) axis.axis_label = "time [TJD, TDB]";
  const drawn = new Bokeh.Document();
  for (const plot of [...made, flags]) drawn.add_root(plot);
  const places = drawn.roots().map(plot => document.getElementById(`plot-${plot.name}`));
  Bokeh.embed.add_document_standalone(drawn, document.body, places);
})();
