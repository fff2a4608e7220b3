"""Whole folders of picture files: pictures are decoded while the network answers others."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from inference.classifier import Classifier
from inference.errors import UserInputError
from inference.images import SUFFIXES, decode
from inference.process import count_usable_cores

_AHEAD = 4  # files a core that are worked on before they are asked for; bounds the memory

Row = dict[str, Any]


def list_files(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the files, and the pictures in folders, sorted, without hidden ones.

    Raises: UserInputError for a path at which there is nothing.
    """
    for path in paths:
        if path.is_dir():
            yield from sorted(
                p
                for p in path.rglob("*")
                if p.is_file() and p.suffix.lower() in SUFFIXES and not p.name.startswith(".")
            )
        elif path.is_file():
            yield path
        else:
            raise UserInputError(f"There is nothing at {path}. Give picture files or folders.")


def answer_files(
    classifier: Classifier, files: Iterable[Path], with_heatmap: bool = False
) -> Iterator[Row]:
    """Yield a row a file, in the order given, as soon as it is there."""
    cores = count_usable_cores()
    with ThreadPoolExecutor(cores) as pool:
        waiting: deque[Future[Row]] = deque()
        for path in files:
            waiting.append(pool.submit(answer_file, classifier, path, with_heatmap))
            if len(waiting) > _AHEAD * cores:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def answer_file(classifier: Classifier, path: Path, with_heatmap: bool = False) -> Row:
    """Return the file's name with the prediction's JSON, or with an `error` sentence."""
    name = str(path).encode(errors="replace").decode()  # a name need not be valid UTF-8
    try:
        image = decode(path.read_bytes(), classifier.min_side)
        prediction = classifier.predict([image])[0]
    except UserInputError as error:
        return {"file": name, "error": str(error)}
    except OSError as error:
        return {"file": name, "error": f"This file cannot be opened: {error.strerror}."}
    return {"file": name, **prediction.to_json(with_heatmap=with_heatmap)}
