"""What a dashboard uses, imported once before the fork server forks; no modelling library."""

import importlib

from evidence.show.render import compile_all

for module in (
    "evidence.board.hub",
    "evidence.board.programme",
    "evidence.board.board",
    "pyarrow.pandas_compat",
    "pyarrow.parquet",
):
    importlib.import_module(module)
compile_all()
