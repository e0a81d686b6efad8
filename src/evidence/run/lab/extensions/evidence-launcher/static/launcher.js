// Cards of JupyterLab's launcher: begin from a copy of one of the project's notebooks, or blank.
// Keys that are pressed in a control belong to it: an arrow in a menu is no step to the next cell.
// JupyterLab loads this file as it is (a module-federation container written by hand): no build.
(() => {
  const FOLDER = "notebooks";
  const CALLED = { trial: "New trial", impact: "New programme", plan: "New plan" };
  const BLANK = {
    cells: [{ cell_type: "code", execution_count: null, id: "begin", metadata: {}, outputs: [],
              source: "import evidence as ev" }],
    metadata: { kernelspec: { display_name: "Python 3", language: "python", name: "python3" } },
    nbformat: 4, nbformat_minor: 5,
  };
  let shared; // what JupyterLab shares: package -> version -> how to get it

  async function provided(name) {
    const version = Object.values(shared[name])[0];
    return (await version.get())();
  }

  function called(file) {
    const name = file.replace(/\.ipynb$/, "");
    return CALLED[name] || `New: ${name.replaceAll("-", " ")}`;
  }

  function keepKeys({ target }) {
    if (target.closest(".jupyter-widgets")) target.setAttribute("data-lm-suppress-shortcuts", "");
  }

  async function activate(app, launcher) {
    document.addEventListener("focusin", keepKeys);
    const contents = app.serviceManager.contents;
    const { notebookIcon } = await provided("@jupyterlab/ui-components");
    const listed = await contents.get(FOLDER).catch(() => ({ content: [] }));
    const names = listed.content.map((file) => file.name)
      .filter((name) => name.endsWith(".ipynb") && !/-Copy\d*\.ipynb$/.test(name));
    const first = Object.keys(CALLED).map((name) => `${name}.ipynb`).filter((n) => names.includes(n));
    const files = [...first, ...names.filter((name) => !first.includes(name))];

    async function open(path) {
      await app.commands.execute("docmanager:open", { path, factory: "Notebook" });
    }
    app.commands.addCommand("evidence:copy", {
      label: ({ file }) => called(file),
      caption: ({ file }) => `A copy of ${FOLDER}/${file}, to fill in`,
      icon: notebookIcon,
      execute: async ({ file }) => open((await contents.copy(`${FOLDER}/${file}`, FOLDER)).path),
    });
    app.commands.addCommand("evidence:blank", {
      label: "Blank analysis",
      caption: "An empty notebook that knows the library",
      icon: notebookIcon,
      execute: async ({ cwd }) => {
        const made = await contents.newUntitled({ path: cwd || "", type: "notebook" });
        await contents.save(made.path, { type: "notebook", format: "json", content: BLANK });
        await open(made.path);
      },
    });
    const category = "Notebook"; // the first section; ranks below those of the kernels
    files.forEach((file, at) =>
      launcher.add({ command: "evidence:copy", category, args: { file }, rank: at - 100 }));
    launcher.add({ command: "evidence:blank", category, rank: -1 });
  }

  async function extension() {
    const { ILauncher } = await provided("@jupyterlab/launcher");
    const id = "evidence-launcher:cards";
    return { __esModule: true, default: { id, autoStart: true, requires: [ILauncher], activate } };
  }

  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB["evidence-launcher"] = {
    init: (scope) => { shared = scope; },
    get: async () => {
      const module = await extension();
      return () => module;
    },
  };
})();
