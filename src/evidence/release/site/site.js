(() => {
  const bar = document.querySelector(".filters");
  const rows = [...document.querySelectorAll("tr[data-verdict]")];
  const words = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
  const choices = [...bar.querySelectorAll("select")];
  const search = bar.querySelector("input");
  const said = bar.querySelector("p");
  const title = document.querySelector("h1");
  const findings = JSON.parse(bar.dataset.findings);
  // What the rows shown found; rows of one verdict say nothing of how many have it.
  const found = (shown, { phase, year, verdict }) => {
    if (!shown) return "No result matches these choices";
    if (search.value.trim()) return `${shown} of ${rows.length} results`;
    if (verdict) {
      const named = choices.find((c) => c.name === "verdict").selectedOptions[0].text;
      return `${shown} with the verdict “${named}”`;
    }
    return findings[phase][year];
  };
  const show = () => {
    const asked = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      row.hidden = !(
        choices.every((c) => !c.value || row.dataset[c.name] === c.value) &&
        asked.every((word) => words.get(row).includes(word))
      );
      shown += !row.hidden;
    }
    for (const group of document.querySelectorAll("section.group"))
      group.hidden = !group.querySelector("tbody tr:not([hidden])");
    title.textContent = found(shown, Object.fromEntries(choices.map((c) => [c.name, c.value])));
    said.textContent = shown
      ? `${shown} of ${rows.length} results shown`
      : "No result matches these choices.";
  };
  for (const choice of choices) choice.addEventListener("change", show);
  search.addEventListener("input", show);
  bar.hidden = false;
  show();
})();
