"""Whether there are enough images, in words: of each class, and for each kind of training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from inference.versions.cards import name_for_display
from labelling.required_images import GOALS, MIN_FINETUNE
from labelling.store.entries import Counts

_OUT_OF_BALANCE = 4  # times as many groups as the smallest class
_NAMES_SHOWN = 4
_GOAL_NAMES = ("a start", "good", "plenty")


@dataclass(frozen=True)
class ClassState:
    """One class as a teacher sees it. `known`: the version in use can answer it already.

    `ships`: the version that ships knows it, and remembers thousands of pictures of it.
    """

    label: str
    counts: Counts
    known: bool
    ships: bool = False

    @property
    def display_name(self) -> str:
        """The label as people write it."""
        return name_for_display(self.label)

    @property
    def images(self) -> int:
        """How many are approved."""
        return self.counts.train + self.counts.locked + self.counts.excluded

    @property
    def is_left_out(self) -> bool:
        """Whether training leaves it out: it was typed, and has no images."""
        return not self.known and not self.images

    @property
    def level(self) -> int:
        """How many of the goals are reached, 0 to 3."""
        return sum(self.counts.groups >= goal for goal in GOALS)


def describe_class(state: ClassState) -> str:
    """Return what a class's meter says in words."""
    groups = state.counts.groups
    if state.level == len(GOALS):
        return f"{groups:,} different pictures. Plenty."
    missing = GOALS[state.level] - groups
    if groups == 0:
        return "The model knows it already." if state.known else "No pictures yet."
    words = f"{groups} different {_picture(groups)}."
    if state.level == 0 and not state.known:
        words += " Few:"
    return f"{words} {missing} more for {_GOAL_NAMES[state.level]}."


def list_warnings(states: Sequence[ClassState]) -> list[str]:
    """Return a sentence for what will be left out, and one for what is out of balance."""
    return [*_warn_about_empty(states), *_warn_about_balance(states)]


def _warn_about_empty(states: Sequence[ClassState]) -> list[str]:
    empty = [state.display_name for state in states if state.is_left_out]
    if not empty or not any(state.images for state in states):
        return []  # the first obstacle of training says so already
    if len(empty) == 1:
        return [f"{empty[0]} has no pictures yet: it will be left out."]
    return [f"{_join(empty)} have no pictures yet: they will be left out."]


def _warn_about_balance(states: Sequence[ClassState]) -> list[str]:
    stocked = [s for s in states if s.counts.groups and not s.ships]
    if len(stocked) < 2:
        return []
    least = min(stocked, key=lambda s: s.counts.groups)
    most = max(stocked, key=lambda s: s.counts.groups)
    if most.counts.groups <= _OUT_OF_BALANCE * least.counts.groups:
        return []
    return [
        f"Out of balance: {most.display_name} has {most.counts.groups} different pictures and "
        f"{least.display_name} only {least.counts.groups}. Add pictures of {least.display_name}."
    ]


def _join(names: Sequence[str]) -> str:
    more = len(names) - _NAMES_SHOWN
    shown = [*names[:_NAMES_SHOWN], *([f"{more} more"] if more > 0 else [])]
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def find_head_obstacle(states: Sequence[ClassState]) -> str:
    """Return why training a head cannot begin, empty if it can."""
    if not any(state.images for state in states):
        return "Add pictures to a class first."
    if sum(state.known or state.images > 0 for state in states) < 2:
        return "Add pictures to at least two classes."
    return ""


def find_finetune_obstacle(states: Sequence[ClassState]) -> str:
    """Return why fine-tuning cannot begin, empty if it can."""
    used = [state for state in states if not state.is_left_out]
    if len(used) < 2:
        return "Add pictures to at least two classes."
    counts = {state.display_name: state.counts.train + state.counts.locked for state in used}
    short = {name: count for name, count in counts.items() if count < MIN_FINETUNE}
    if short:
        return (
            f"Needs at least {MIN_FINETUNE} stored pictures of each class; {_list_counts(short)}."
        )
    alike = [state.display_name for state in used if state.counts.groups < 2]
    if alike:
        return f"Needs different pictures; the pictures of {alike[0]} all look alike."
    return ""


def _list_counts(counts: Mapping[str, int]) -> str:
    words = [f"{name} has {count or 'none'}" for name, count in counts.items()]
    more = len(words) - _NAMES_SHOWN
    shown = words[:_NAMES_SHOWN] + ([f"{more} more have too few"] if more > 0 else [])
    return ", ".join(shown)


def estimate_head(images: int) -> float:
    """Return about how many seconds a head takes on so many stored images.

    Measured on two idle cores: 2.6 s for 50 and 3.6 s for 1,000, whose embeddings had been stored
    when they were added; most of it is starting.
    """
    return 3 + images / 1500


def estimate_finetune(images: int, cores: int) -> float:
    """Return about how many minutes fine-tuning takes: starting and freezing, then by images.

    Measured on two idle cores: 49 s for 130 pictures.
    """
    return 0.25 + images / 220 * 2 / cores


def format_estimate(seconds: float) -> str:
    """Return an estimated time in words."""
    if seconds < 45:
        return f"about {round(seconds)} seconds"
    minutes = round(seconds / 60)
    if minutes == 1:
        return "about 1 minute"
    return f"about {minutes} minutes" if minutes < 90 else f"about {minutes / 60:.0f} hours"


def _picture(count: int) -> str:
    return "picture" if count == 1 else "pictures"
