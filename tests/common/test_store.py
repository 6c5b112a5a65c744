"""The store: made once, known by everything it depends on, repaired when damaged; and no step can leave a field out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from mixvocab.common import store as module
from mixvocab.common.errors import UserError
from mixvocab.common.store import Ref, Step, Store, aside, sources


@dataclass(frozen=True)
class Thing(Step[str]):
    name, room = "thing", "text"

    size: int = 3
    options: dict[str, int] = field(default_factory=dict)
    before: Thing | None = None
    text: Ref[Any] | None = None
    label: str = aside("a label")
    act: Callable[[Path], None] | None = aside(None)

    def make(self, folder: Path, store: Store) -> None:
        (folder / "sub").mkdir(exist_ok=True)
        (folder / "sub" / "file.txt").write_text("content")
        if self.act:
            self.act(folder)

    def load(self, folder: Path, store: Store) -> str:
        return (folder / "sub" / "file.txt").read_text()


@dataclass(frozen=True)
class Long(Thing):
    name, resumable = "long", True


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


class Found(NamedTuple):
    sha256: str


def text(sha256: str, asked: str = "corpus auto") -> Ref[Any]:
    return Ref(asked, lambda: SimpleNamespace(source=Found(sha256)))


def test_is_made_once_and_loaded_once(store: Store) -> None:
    calls: list[Path] = []
    step = Thing(act=calls.append)
    first, second = store.artefact(step), store.artefact(step)
    assert len(calls) == 1
    assert (first.made, second.made) == (True, False)
    assert first.path == second.path
    assert store.get(step) == "content"
    assert len(calls) == 1


def test_key_follows_fields_sources_earlier_steps_and_code(monkeypatch: pytest.MonkeyPatch) -> None:
    base = Thing(text=text("1"))
    others = [
        replace(base, size=4),
        replace(base, options={"a": 1}),
        replace(base, before=Thing()),
        replace(base, before=Thing(size=4)),
        replace(base, text=text("2")),
    ]
    assert len({step.key for step in (base, *others)}) == 6
    assert replace(base, label="another").key == base.key
    assert replace(base, options={"a": 1, "b": 2}).key == replace(base, options={"b": 2, "a": 1}).key
    # What is asked for is the same with other data, what is identified is the same with other code.
    assert replace(base, text=text("2")).asked == base.asked
    assert replace(base, text=text("1", "corpus code")).asked != base.asked
    monkeypatch.setattr(module, "code_fingerprint", lambda room: "changed code")
    changed = replace(base)
    assert changed.key != base.key
    assert changed.identity == replace(base, label="x").identity


def test_a_store_may_find_results_whatever_code_made_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    strict, lax = Store(tmp_path / "strict"), Store(tmp_path / "lax", code=False)
    for store in (strict, lax):
        assert store.artefact(Thing()).made
    monkeypatch.setattr(module, "code_fingerprint", lambda room: "changed code")
    assert [store.artefact(Thing()).made for store in (strict, lax)] == [True, False]


def test_asking_needs_no_data() -> None:
    def find() -> Any:
        raise AssertionError("looked for")

    assert Thing(text=Ref("corpus auto", find)).asked


def test_a_field_that_is_added_with_a_default_leaves_what_there_was() -> None:
    @dataclass(frozen=True)
    class Grown(Thing):
        name = "thing"
        width: int = 96

    assert Grown().asked == Thing().asked
    assert Grown(width=192).asked != Thing().asked


def test_a_step_that_inherits_its_name_is_refused() -> None:
    with pytest.raises(TypeError, match="Other needs a name of its own: as 'thing'"):

        class Other(Thing):
            pass


def test_what_is_no_setting_is_refused() -> None:
    with pytest.raises(TypeError, match="cannot depend on a set"):
        _ = Thing(options={"a": {1}}).key  # type: ignore[dict-item]


def test_sources_of_a_step_and_those_before_it() -> None:
    one, other = text("1"), text("2", "corpus code")
    steps = Thing(text=one, before=Thing(text=other, before=Thing(text=one)))
    assert sources(steps) == [one.value.source, other.value.source]  # the earliest step first


@pytest.mark.parametrize("damage", ["truncate", "change", "remove", "manifest"])
def test_damage_is_noticed_said_in_a_line_and_repaired(
    store: Store, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    path = store.artefact(Thing()).path
    file = path / ("manifest.json" if damage == "manifest" else "sub/file.txt")
    if damage == "remove":
        file.unlink()
    else:
        file.write_text({"truncate": "cont", "change": "CONTENT", "manifest": '{"files": {'}[damage])
    assert store.artefact(Thing()).made
    assert (path / "sub" / "file.txt").read_text() == "content"
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("thing: ")
    assert line.endswith("making it again")


@pytest.mark.parametrize("place", ["of a damaged artefact", "of an earlier build"])
def test_what_cannot_be_removed_is_one_line_that_names_it(
    store: Store, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    path = store.root / "thing" / Thing().key[:16]
    if place == "of an earlier build":
        path = store.root / ".making" / f"thing-{path.name}"
    path.mkdir(parents=True)
    monkeypatch.setattr(module.shutil, "rmtree", lambda *_, **__: None)  # as of files that somebody else owns
    with pytest.raises(UserError, match=f"{path} cannot be removed: remove it by hand"):
        store.artefact(Thing())


def test_failure_leaves_nothing(store: Store) -> None:
    def fail(folder: Path) -> None:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        store.get(Thing(act=fail))
    assert not list(store.root.rglob("file.txt"))
    assert store.artefact(Thing()).made


def test_resumable_work_goes_on_where_it_stopped(store: Store) -> None:
    seen = []

    def act(folder: Path) -> None:
        half = folder / "half.txt"
        seen.append(half.exists())
        half.write_text("half")
        if len(seen) == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.get(Long(act=act))
    assert store.artefact(Long(act=act)).made
    assert seen == [False, True]


def test_every_field_of_every_step_is_in_its_key() -> None:
    """A step's result may depend on any of its fields: each is either in the key or declared to be aside."""
    from mixvocab.distill.methods import methods
    from mixvocab_book.steps import device, tasks  # noqa: F401 (they define steps)

    assert methods()

    def all_steps(kind: type) -> set[type]:
        return {kind}.union(*(all_steps(sub) for sub in kind.__subclasses__()))

    kinds = [kind for kind in all_steps(Step) if kind.__module__.startswith("mixvocab") and hasattr(kind, "name")]
    assert len(kinds) > 12
    for kind in kinds:
        for changed in fields(kind):
            plain = {one.name: f"value of {one.name}" for one in fields(kind)}
            other = plain | {changed.name: "another value"}
            same = kind(**plain).key == kind(**other).key
            assert same == bool(changed.metadata.get("aside")), f"{kind.__name__}.{changed.name}"
