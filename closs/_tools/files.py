"""What commands write: whether they will be able to, asked before the work."""

import os
from pathlib import Path

PICTURES = (".svg", ".png", ".pdf")


def fault_of(path: Path, option: str, suffixes: tuple[str, ...] = ()) -> str | None:
    """Why a file cannot be written, or None; a picture must have one of the suffixes."""
    folder = path.resolve().parent
    if suffixes and path.suffix not in suffixes:
        return f"{option} must end in one of {', '.join(suffixes)}, got {path}"
    if not folder.is_dir():
        return f"there is no folder for {path}"
    if path.is_dir():
        return f"{option} is a folder, expected a file: {path}"
    if not os.access(path if path.exists() else folder, os.W_OK):
        return f"{path} cannot be written"
    return None
