"""How `evidence lab` sets up JupyterLab: its launcher's cards, nothing asked of the network."""

from pathlib import Path

_HERE = Path(__file__).parent


def options(project: Path) -> list[str]:
    """Return the options of a JupyterLab that is rooted at a project."""
    start = "/lab/tree/notebooks" if (project / "notebooks").is_dir() else "/lab"
    return [
        f"--ServerApp.root_dir={project.resolve()}",
        f"--LabApp.default_url={start}",
        f"--LabApp.extra_labextensions_path={_HERE / 'extensions'}",
        f"--LabApp.app_settings_dir={_HERE / 'settings'}",
        "--LabApp.news_url=None",
        "--LabApp.extension_manager=readonly",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
