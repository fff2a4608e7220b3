"""Zip archives of labelled images, from anyone: checked whole before anything is unpacked."""

import json
import lzma
import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath

from inference.atomic_files import ScratchFolder, staging_folder
from inference.errors import UserInputError
from labelling.images.files import SCRATCH

MAX_BYTES = 50_000_000_000
# Images hardly shrink in a zip. Source: deflate's own limit is 1,032 to 1; plain drawings
# saved as BMP reach about 100.
MAX_RATIO = 200
# Folders inside one another; what walks and removes them later does so by recursion.
MAX_DEPTH = 50
# Below this many bytes a high ratio does no harm.
_HARMLESS_BYTES = 100_000_000
_ENCRYPTED = 0x1
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
# What zipfile and its decompressors raise on broken archives; OSError comes beside these.
BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    UnicodeDecodeError,
)


@dataclass(frozen=True)
class Limits:
    """How many files an archive may hold, and how many bytes unpacked."""

    entries: int = 200_000
    unpacked: int = MAX_BYTES


LIMITS = Limits()
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


def unpack_archive(path: Path, folder: Path, limits: Limits = LIMITS) -> Path:
    """Unpack a zip into a folder of its own below `folder`, unless it lies there unchanged.

    Returns: the folder with its contents.
    Raises: UserInputError for what is not a zip or is broken, or would write outside the folder,
    make links, or fill the disk.
    """
    target = folder / "unpacked" / f"{path.stem}-{sha256(str(path).encode()).hexdigest()[:12]}"
    status = path.stat()
    stamp = {"bytes": status.st_size, "mtime_ns": status.st_mtime_ns}
    if is_finished(target, stamp):
        return target
    if not zipfile.is_zipfile(path):
        raise _refuse(path.name, "is not a zip archive", "Give a zip or a folder")
    try:
        with zipfile.ZipFile(path) as archive:
            entries = _list_entries(archive, limits, status.st_size, path.name)
            needed = sum(entry.file_size for entry in entries)
            _check_space(needed, limits, folder, path.name)
            with replacing(target, stamp) as fresh:
                for entry in entries:
                    archive.extract(entry, fresh)
    except BROKEN as error:
        raise _refuse(path.name, f"is a broken zip archive ({error})", "Make it again") from error
    except OSError as error:
        raise _refuse(
            path.name, f"cannot be unpacked: {error.strerror or error}", "Unpack it yourself"
        ) from error
    return target


@contextmanager
def open_source(path: Path, scratch: Path) -> Iterator[Path | None]:
    """Give what a folder or zip holds as a folder; None for another file.

    A zip is unpacked below `scratch` for as long as the block runs.
    Raises: UserInputError for a path at which there is nothing, or a zip that is not safe.
    """
    if path.is_dir():
        yield path
    elif not path.is_file():
        raise UserInputError(f"There is nothing at {path}. Give a folder, a zip or a picture.")
    elif zipfile.is_zipfile(path):
        with ScratchFolder(scratch, SCRATCH) as folder:
            yield unpack_archive(path, Path(folder))
    else:
        yield None


def is_finished(target: Path, stamp: Mapping[str, int | str]) -> bool:
    """Tell whether a folder was filled to its end from the source that the stamp describes."""
    marker = _find_marker(target)
    return marker.is_file() and json.loads(marker.read_text(encoding="utf-8")) == stamp


@contextmanager
def replacing(target: Path, stamp: Mapping[str, int | str]) -> Iterator[Path]:
    """Give an empty folder to fill; it takes the target's place only if nothing is raised."""
    marker = _find_marker(target)
    with staging_folder(target.parent) as fresh:
        yield fresh
        marker.unlink(missing_ok=True)
        if target.exists():
            shutil.rmtree(target)
        fresh.rename(target)
    marker.write_text(json.dumps(stamp), encoding="utf-8")


def _check_space(needed: int, limits: Limits, folder: Path, name: str) -> None:
    """Raise UserInputError where `needed` bytes are over the limit or the disk's free space."""
    free = shutil.disk_usage(folder).free
    if needed > limits.unpacked:
        limit = f"at most {limits.unpacked / 1e9:.0f} are taken"
        raise _refuse(name, f"holds {needed / 1e9:.0f} GB unpacked; {limit}", "Give a folder")
    if needed > free:
        found = f"needs {needed / 1e9:.1f} GB and {free / 1e9:.1f} GB are free"
        raise _refuse(name, found, "Make room")


def _find_marker(target: Path) -> Path:
    return target.with_name(f".{target.name}.json")


def _list_entries(
    archive: zipfile.ZipFile, limits: Limits, size: int, name: str
) -> list[zipfile.ZipInfo]:
    """Return the entries that are files; `size`: the archive's own, in bytes.

    Raises: UserInputError for an archive that is not safe to unpack, before any of it is.
    """
    entries = archive.infolist()
    if len(entries) > limits.entries:
        found = f"holds {len(entries):,} files; at most {limits.entries:,} are taken"
        raise _refuse(name, found, "Give a folder")
    for entry in entries:
        problem = _find_problem(entry)
        if problem:
            raise _refuse(name, f"holds {entry.filename!r:.200}, {problem}", "Zip a plain folder")
    unpacked = sum(entry.file_size for entry in entries)
    # Not the sum of the packed sizes: entries of a bomb overlap.
    if unpacked > _HARMLESS_BYTES and unpacked > MAX_RATIO * size:
        found = f"would grow to {unpacked / size:,.0f} times its size"
        raise _refuse(name, f"{found}, which pictures do not", "Zip pictures only")
    return [entry for entry in entries if not entry.is_dir()]


def _find_problem(entry: zipfile.ZipInfo) -> str | None:
    path = PurePosixPath(entry.filename.replace("\\", "/"))
    mode = entry.external_attr >> 16
    if path.is_absolute() or ".." in path.parts or _DRIVE.match(entry.filename):
        return "a path that leads out of the archive"
    if len(path.parts) > MAX_DEPTH + 1:
        return f"which lies in more than {MAX_DEPTH} folders"
    if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "a link or device"
    if entry.flag_bits & _ENCRYPTED:
        return "which asks for a password"
    if entry.compress_type not in _METHODS:
        return "packed by a method that is not understood"
    return None


def _refuse(name: str, found: str, advice: str) -> UserInputError:
    return UserInputError(f"{name} {found}. {advice}, and try again.")
