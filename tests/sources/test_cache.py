from pathlib import Path

from mixvocab.sources.cache import cache_root


def test_named_then_checkout_then_the_users_own(tmp_path, monkeypatch):
    monkeypatch.setenv("MIXVOCAB_CACHE", str(tmp_path / "named"))
    assert cache_root() == tmp_path / "named"
    monkeypatch.delenv("MIXVOCAB_CACHE")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "mixvocab"\n')
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    assert cache_root() == tmp_path / ".cache"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "pyproject.toml").write_text("not toml at all [")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.chdir(Path("/"))
    assert cache_root() == tmp_path / "xdg" / "mixvocab"
