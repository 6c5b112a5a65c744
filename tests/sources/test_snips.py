import pytest

from mixvocab.common.errors import UserError
from mixvocab.sources.snips import iob2, resolve_snips

ROWS = [
    ("play jazz on spotify", "O B-genre O B-service", "PlayMusic"),
    ("add it to my mix", "O O O B-playlist_owner B-playlist", "AddToPlaylist"),
]


@pytest.fixture
def folder(tmp_path):
    """A data directory with SNIPS in it as the public files are: trailing spaces, a line end at the end."""
    for split in ("train", "valid", "test"):
        place = tmp_path / "snips" / split
        place.mkdir(parents=True)
        for part, column in (("seq.in", 0), ("seq.out", 1), ("label", 2)):
            (place / part).write_text("".join(f"{row[column]} \n" for row in ROWS), encoding="utf-8")
    return tmp_path


def test_rows_and_labels(folder):
    data = resolve_snips("data-dir", data_dir=folder)
    assert {split: len(rows) for split, rows in data.splits.items()} == {"train": 2, "valid": 2, "test": 2}
    assert data.splits["valid"][0].words == ("play", "jazz", "on", "spotify")
    assert data.intents == ("AddToPlaylist", "PlayMusic")
    assert data.slots == ("O", "B-genre", "B-playlist", "B-playlist_owner", "B-service")
    assert data.source.real
    assert data.source.location == "snips/"


def test_blank_lines_at_the_end_are_no_utterances(folder):
    expected = resolve_snips(data_dir=folder).splits
    for part, end in (("seq.in", "\n"), ("seq.out", " \n\n"), ("label", "")):
        with (folder / "snips" / "valid" / part).open("a") as file:
            file.write(end)
    assert resolve_snips(data_dir=folder).splits == expected


def test_a_path_names_the_folder_of_the_splits(folder):
    by_path = resolve_snips(str(folder / "snips"))
    assert by_path.splits == resolve_snips(data_dir=folder).splits
    assert by_path.source.origin == "path"


@pytest.mark.parametrize(
    ("part", "content", "message"),
    [
        (
            "seq.out",
            "O B-genre O B-service\n",
            r"snips/valid, line 2: 5 words, 0 tags, an intent; an utterance has a tag for each word, and an intent",
        ),
        ("label", "PlayMusic\nAddToPlaylist\nPlayMusic\n", r"snips/valid, line 3: 0 words, 0 tags, an intent"),
        ("seq.out", "O B-genre O\nO O O B-a B-b\n", r"snips/valid, line 1: 4 words, 3 tags, an intent"),
        ("seq.in", "", r"snips/valid, line 1: 0 words, 4 tags, an intent"),
        ("label", " \nPlayMusic\n", r"snips/valid, line 1: 4 words, 4 tags, no intent"),
    ],
)
def test_malformed_files_are_named_with_their_line(folder, part, content, message):
    (folder / "snips" / "valid" / part).write_text(content)
    with pytest.raises(UserError, match=message):
        resolve_snips(data_dir=folder)


def test_relatives_of_iob2_are_read_as_it_and_other_tags_named_at_once(folder, capsys):
    assert iob2("O S-a B-b E-b I-c I-c I-d U-e B-f L-f B-f".split()) == tuple(
        "O B-a B-b I-b B-c I-c B-d B-e B-f I-f B-f".split()
    )
    expected = resolve_snips(data_dir=folder)
    assert not capsys.readouterr().err
    out = folder / "snips" / "valid" / "seq.out"
    out.write_text("O S-genre O S-service\nO O O S-playlist_owner S-playlist\n")
    assert resolve_snips(data_dir=folder).splits == expected.splits
    assert capsys.readouterr().err == "snips/valid: tags S- are read as IOB2\n"
    out.write_text("O genre O service\nO O O B-playlist_owner B-playlist\n")
    with pytest.raises(UserError, match=r"snips/valid, line 1: tag 'genre'; a tag is O, or B- or I- and"):
        resolve_snips(data_dir=folder)


def test_of_many_bad_lines_the_first_five_and_their_number_are_told(folder):
    place = folder / "snips" / "train"
    for part, column in (("seq.in", 0), ("seq.out", 1), ("label", 2)):
        (place / part).write_text("".join(f"{ROWS[0][column if i % 2 else 0]}\n" for i in range(172)))
    with pytest.raises(UserError, match=r"train, line 1: .*\(86 such lines: 1, 3, 5, 7, 9, \.\.\.\)"):
        resolve_snips(data_dir=folder)


def test_a_split_without_utterances(folder):
    for part in ("seq.in", "seq.out", "label"):
        (folder / "snips" / "valid" / part).write_text("\n \n")
    with pytest.raises(UserError, match=r"^snips/valid: no utterance in it$"):
        resolve_snips(data_dir=folder)


def test_latin_1_and_missing_parts(folder):
    (folder / "snips" / "test" / "seq.in").write_bytes(b"play jazz on spotify\nadd caf\xe9 to my mix\n")
    with pytest.raises(UserError, match=r"test/seq\.in, line 2: not UTF-8"):
        resolve_snips(data_dir=folder)
    (folder / "snips" / "valid" / "label").unlink()
    with pytest.raises(UserError, match=r"^snips/valid: no file label; a split .* with seq\.in, seq\.out, label$"):
        resolve_snips(data_dir=folder)
    (folder / "snips" / "train").rename(folder / "snips" / "training")
    with pytest.raises(UserError, match=r"^snips/train: no file seq\.in; a split is a folder"):
        resolve_snips(data_dir=folder)


def test_real_snips(data_dir):
    data = resolve_snips("data-dir", data_dir=data_dir)
    assert [len(data.splits[split]) for split in ("train", "valid", "test")] == [13_084, 700, 700]
    assert len(data.intents) == 7
    assert len(data.slots) == 72
