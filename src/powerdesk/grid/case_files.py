"""Any case that a reader knows, told by its content: MATPOWER, Egret, pglib-uc, UnitCommitment.jl, RTS-GMLC tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from powerdesk.grid import commitment_network, egret, fields, matpower, rts_gmlc, uc_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from powerdesk.grid.network_reading import Reading

FOLDERS = (".", "SourceData", "RTS_Data/SourceData")
"""Where the tables of RTS-GMLC lie in a folder that is given: itself, its data, or the whole repository."""

TABLES = tuple(rts_gmlc.TABLES.values())


def read(data: bytes, *, file: str, interval: int = 0) -> Reading:
    """Return the network of a file, plain or gzip; of a file with time series, at `interval`, from 0.

    Raises NetworkError with all faults found. JSON is told from MATPOWER by its first sign, its formats by their keys.
    """
    if not fields.begins_an_object(data):
        return matpower.read(data, file=file)
    top = fields.document(data, file=file)
    if "elements" in top.held:
        return egret.of(top, file=file, interval=interval)
    return commitment_network.of(uc_json.of(top, file=file), file=file, interval=interval)


def read_folder(files: Mapping[str, bytes], *, folder: str) -> Reading:
    """Return the network of a folder of RTS-GMLC tables by file name; raises NetworkError with all faults found."""
    return rts_gmlc.read(files, folder=folder)
