"""What a dashboard uses, imported once before the fork server forks; no modelling library."""

import importlib

for module in (
    "IPython.core.completerlib",
    "IPython.core.debugger",
    "IPython.core.logger",
    "IPython.core.oinspect",
    "IPython.extensions.storemagic",
    "evidence.board.hub",
    "evidence.board.programme",
    "evidence.board.view",
    "evidence.run.kernels",
    "ipykernel.debugger",
    "pyarrow.pandas_compat",
    "pyarrow.parquet",
    "sqlite3",
):
    importlib.import_module(module)
