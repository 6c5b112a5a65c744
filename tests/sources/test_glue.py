import pytest

from mixvocab.common.errors import UserError
from mixvocab.sources.glue import resolve_glue
from mixvocab.sources.rows import GlueRow

# One example of each task's train and test file, as GLUE's own archives have them.
FILES = {
    "CoLA": ("gj04\t0\t*\tThey drank the pub.\n", "index\tsentence\n0\tBill whistled.\n"),
    "SST-2": ("sentence\tlabel\na fine film \t1\n", "index\tsentence\n0\tdull .\n"),
    "MRPC": (
        'Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n1\t7\t8\tHe said "no .\t" No , " he said .\n',
        "index\t#1 ID\t#2 ID\t#1 String\t#2 String\n0\t1\t2\tA .\tB .\n",
    ),
    "QQP": (
        "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n1\t2\t3\tWhy?\tHow?\t0\n4\tbroken\n",
        "id\tquestion1\tquestion2\n0\tA?\tB?\n",
    ),
    "STS-B": (
        "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore\n"
        "0\tnews\tf\t2012\t1\tx\ty\tA man .\tA woman .\t2.750\n",
        "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\n0\tn\tf\t1\t1\tx\ty\tA\tB\n",
    ),
    "QNLI": (
        "index\tquestion\tsentence\tlabel\n0\tWhen?\tIn May.\tentailment\n",
        "index\tquestion\tsentence\n0\tWho?\tHe.\n",
    ),
    "RTE": (
        "index\tsentence1\tsentence2\tlabel\n0\tA.\tB.\tnot_entailment\n",
        "index\tsentence1\tsentence2\n0\tA.\tB.\n",
    ),
    "WNLI": ("index\tsentence1\tsentence2\tlabel\n0\tA.\tB.\t1\n", "index\tsentence1\tsentence2\n0\tA.\tB.\n"),
}
EXPECTED = {
    "CoLA": GlueRow("They drank the pub.", None, "0"),
    "SST-2": GlueRow("a fine film", None, "1"),
    "MRPC": GlueRow('He said "no .', '" No , " he said .', "1"),
    "QQP": GlueRow("Why?", "How?", "0"),
    "STS-B": GlueRow("A man .", "A woman .", 2.75),
    "QNLI": GlueRow("When?", "In May.", "entailment"),
    "RTE": GlueRow("A.", "B.", "not_entailment"),
    "WNLI": GlueRow("A.", "B.", "1"),
}


def write(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / f"{name}.tsv").write_text(content, encoding="utf-8")
    return folder


@pytest.mark.parametrize("task", FILES)
def test_every_task_in_its_own_layout(tmp_path, task):
    train, test = FILES[task]
    write(tmp_path / "glue" / task, train=train, dev=train, test=test)
    data = resolve_glue(task.lower(), "data-dir", data_dir=tmp_path)
    assert data.splits["train"] == data.splits["dev"] == [EXPECTED[task]]
    assert data.splits["test"][0].label is None
    assert data.development == ("dev",)
    assert data.labels == (() if task == "STS-B" else (EXPECTED[task].label,))
    assert data.source.location == f"glue/{task}/"


MNLI = "index\tgenre\tsentence1\tsentence2\tlabel1\tgold_label\n"


def test_mnli_keeps_its_development_sets_apart(tmp_path):
    row = "0\tfiction\tIt rains.\tIt is wet.\tneutral\tentailment\n"
    write(
        tmp_path / "glue" / "MNLI",
        train=MNLI + row + row.replace("entailment", "-") + row.replace("entailment", "neutral"),
        dev_matched=MNLI + row,
        dev_mismatched_hard="sentence1\tsentence2\tgold_label\nA.\tB.\tneutral\n",
        test_matched="index\tsentence1\tsentence2\n0\tA.\tB.\n",
    )
    data = resolve_glue("MNLI", data_dir=tmp_path)
    assert data.splits["train"] == [GlueRow("It rains.", "It is wet.", name) for name in ("entailment", "neutral")]
    assert data.development == ("m", "mm-hard")
    assert "mm" not in data.splits
    assert data.splits["mm-hard"] == [GlueRow("A.", "B.", "neutral")]
    assert data.labels == ("entailment", "neutral")


def test_line_breaks_of_other_alphabets_stay_inside_a_sentence(tmp_path):
    text = "sentence\tlabel\r\nodd\u2028line\u0085here\t1\r\n\r\n"
    folder = write(tmp_path / "SST-2", train=text, dev=text)
    assert resolve_glue("sst2", str(folder)).splits["dev"] == [GlueRow("odd\u2028line\u0085here", None, "1")]


@pytest.mark.parametrize(
    ("dev", "message"),
    [
        ("sentence\nfine\n", r"SST-2/dev\.tsv, line 1: no column 'label'"),
        ("", r"SST-2/dev\.tsv, line 1: no column 'label'"),
        ("sentence\tlabel\n", r"SST-2/dev\.tsv: no example"),
        ("sentence\tlabel\nfine\t1\n\nshort\n", r"SST-2/dev\.tsv, line 4: 1 columns where 2"),
        ("sentence\tlabel\nfine\t \n", r"SST-2/dev\.tsv, line 2: no label"),
        ("sentence\tlabel\nfine\tindeed\t1\n", r"SST-2/dev\.tsv, line 2: 3 columns where 2 are expected$"),
        (
            "sentence\tlabel\nfine\t1\nodd\tfoo\n",
            r"SST-2/dev\.tsv, line 3: label 'foo' does not occur in the training set",
        ),
    ],
)
def test_malformed_files_are_named_with_their_line(tmp_path, dev, message):
    folder = write(tmp_path / "SST-2", train="sentence\tlabel\nfine\t1\n", dev=dev)
    with pytest.raises(UserError, match=message):
        resolve_glue("SST-2", str(folder))


def test_quotation_marks_inside_texts_and_empty_cells_behind_them_are_fine(tmp_path):
    text = 'sentence\tlabel\n"fine" it said\t1\t\t\n" no end\t1\n'
    folder = write(tmp_path / "SST-2", train=text, dev=text)
    texts = [row.text_a for row in resolve_glue("SST-2", str(folder)).splits["dev"]]
    assert texts == ['"fine" it said', '" no end']


def test_a_test_set_with_labels_is_checked_too(tmp_path):
    train, _ = FILES["MRPC"]
    folder = write(tmp_path / "MRPC", train=train, dev=train, test=train.replace("\n1\t", "\n2\t"))
    with pytest.raises(UserError, match=r"MRPC/test\.tsv, line 2: label '2' does not occur in the training set"):
        resolve_glue("MRPC", str(folder))


def test_other_bad_input(tmp_path):
    with pytest.raises(UserError, match=r"no task 'sst'; there are CoLA"):
        resolve_glue("sst")
    with pytest.raises(UserError, match="no train"):
        resolve_glue("RTE", str(tmp_path))
    folder = write(tmp_path / "STS-B", train=FILES["STS-B"][0])
    with pytest.raises(UserError, match="no development set"):
        resolve_glue("STS-B", str(folder))
    write(folder, dev=FILES["STS-B"][0].replace("2.750", "high"))
    with pytest.raises(UserError, match="score 'high' is not a number"):
        resolve_glue("STS-B", str(folder))
    write(folder, dev=FILES["STS-B"][0].replace("2.750", "nan"))
    with pytest.raises(UserError, match=r"STS-B/dev\.tsv, line 2: score 'nan' is not a number"):
        resolve_glue("STS-B", str(folder))
    (folder / "dev.tsv").write_bytes(FILES["STS-B"][0].encode() + b"\xe9\n")
    with pytest.raises(UserError, match=r"dev\.tsv, line 3: not UTF-8"):
        resolve_glue("STS-B", str(folder))


def test_real_glue(data_dir):
    sizes = {"SST-2": (67_349, 872), "MRPC": (3_668, 408), "MNLI": (34_422, 9_815)}
    for task, expected in sizes.items():
        data = resolve_glue(task, "data-dir", data_dir=data_dir)
        assert (len(data.splits["train"]), len(data.splits[data.development[0]])) == expected
    assert data.development == ("m", "mm-hard")
    assert data.labels == ("contradiction", "entailment", "neutral")
