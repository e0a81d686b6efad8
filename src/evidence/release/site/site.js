(() => {
  const bar = document.querySelector(".filters");
  const table = document.querySelector("table.programmes");
  const rows = [...table.querySelectorAll("tbody.one")];
  const groups = [...table.querySelectorAll("tbody.group")];
  const text = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
  const choices = [...bar.querySelectorAll("select")];
  const search = bar.querySelector("input");
  const said = bar.querySelector("p");
  const title = document.querySelector("h1");
  const todo = document.querySelector("#decided");
  const words = JSON.parse(bar.dataset.words);
  const counted = (shown, key, value) => shown.filter((row) => row.dataset[key] === value).length;
  const pounds = (value) =>
    value >= 999500
      ? `£${(value / 1e6).toFixed(value >= 1e8 ? 0 : value >= 1e7 ? 1 : 2)}m`
      : value >= 9950
        ? `£${(value / 1e3).toFixed(0)}k`
        : `£${Math.round(value).toLocaleString("en-GB")}`;
  // Both lines are counted from the rows that are shown, as they were before any choice.
  const finding = (shown) => {
    if (!shown.length) return "No programme matches these choices";
    if (shown.length === 1)
      return words.found.find(([key]) => key === shown[0].dataset.verdict)[2];
    const parts = words.found
      .map(([key, many]) => [counted(shown, "verdict", key), many])
      .filter(([count]) => count)
      .map((part) => part.join(" "));
    const [first, ...rest] = parts.join(", ").split(words.again);
    const again = rest.length ? words.again : "";
    return `Of ${shown.length} programmes: ${first}${again}${rest.join("")}`;
  };
  const decided = (shown) => {
    const parts = words.decisions
      .map(([key, word]) => [word, counted(shown, "decision", key)])
      .filter(([, count]) => count)
      .map((part) => part.join(" "));
    const any = shown.some((row) => row.dataset.decision);
    const line = any ? parts.join(", ") : "";
    const sum = (some) => some.reduce((all, row) => all + Number(row.dataset.spend), 0);
    const spent = sum(shown);
    const kept = sum(shown.filter((row) => row.dataset.decision === "continue"));
    const also = kept ? `, ${pounds(kept)} into those to continue` : "";
    return [
      line && `${line[0].toUpperCase()}${line.slice(1)}.`,
      spent && `${pounds(spent)} a year goes into all of them${also}.`,
    ]
      .filter(Boolean)
      .join(" ");
  };
  const order = (sort) => {
    const up = sort === "price" || sort === "place" ? 1 : -1;
    const value = (row) => Number(row.dataset[sort].replace("inf", "Infinity"));
    const place = (a, b) => Number(a.dataset.place) - Number(b.dataset.place);
    // Infinite values are equal: the difference of two is no number.
    return [...rows].sort((a, b) => up * (value(a) - value(b)) || place(a, b));
  };
  const show = () => {
    const asked = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = Object.fromEntries(choices.map((c) => [c.name, c.value]));
    const grouped = chosen.sort === "decision";
    for (const row of rows) {
      const { phase, year, decision } = row.dataset;
      row.hidden = !(
        (!chosen.phase || phase === chosen.phase) &&
        (!chosen.year || year.split("|").includes(chosen.year)) &&
        (!chosen.decision || (decision || "none") === chosen.decision) &&
        asked.every((word) => text.get(row).includes(word))
      );
    }
    for (const row of order(grouped ? "place" : chosen.sort)) table.append(row);
    for (const group of groups) {
      const own = order("place").filter((row) => row.dataset.decision === group.dataset.group);
      group.hidden = !grouped || own.every((row) => row.hidden);
      if (grouped) table.append(group, ...own);
    }
    const shown = rows.filter((row) => !row.hidden);
    title.textContent = finding(shown);
    todo.textContent = decided(shown);
    said.textContent = shown.length
      ? `${shown.length} of ${rows.length} programmes shown`
      : "No programme matches these choices.";
  };
  for (const choice of choices) choice.addEventListener("change", show);
  search.addEventListener("input", show);
  bar.hidden = false;
  show();
})();
