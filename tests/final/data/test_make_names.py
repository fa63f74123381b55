"""final/data: the script reads no full name, refuses another wheel, gives the same bytes again."""

import bz2
import hashlib
import json
import sqlite3
import zipfile
from collections import Counter

from final.data import make_names
from final.name_pairs import DATA

import pytest


@pytest.fixture
def database(tmp_path) -> bytes:
    path = tmp_path / "names.sqlite3"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE units (arabic_key, latin, country, count)")
    connection.execute("CREATE TABLE full_names (arabic_key, latin, country, count)")
    rows = [
        ("شريف", "Sharif", "EG", 2),
        ("شريف", "sharif", "SY", 3),
        ("شريف", "Chérif", "DZ", 4),
        ("السيد", "El-Sa’id", "EG", 1),
        ("بن علي", "Ben Ali", "TN", 7),
        ("ژاله", "Zhaleh", "IQ", 1),
        ("شريف", "Шариф", "SY", 1),
    ]
    connection.executemany("INSERT INTO units VALUES (?, ?, ?, ?)", rows)
    connection.execute("INSERT INTO full_names VALUES ('شريف', 'Person', 'EG', 1)")
    connection.commit()
    connection.close()
    return path.read_bytes()


def test_units_become_plain_words_counted_over_countries(database):
    table = make_names.to_table(make_names.name_pairs(database))
    assert bz2.decompress(table).decode() == (
        "cherif\tشريف\t4\nel-sa'id\tالسيد\t1\nsharif\tشريف\t5\n"
    )


def test_places_are_folded_and_cut_into_words():
    places = [
        ("El Kheiter", "الخيثر"),
        ("Béni Mellikeche", "بني مليكش"),
        ("Ouled Fatma", "أولاد فـاطمة"),
        ("Ouled Fatma", "أولاد فـاطمة"),
        ("Alger", "مدينة الجزائر"),
    ]
    french_names = ("wilaya_fr", "daira_fr", "nom_fr")
    communes = [
        {**dict.fromkeys(french_names, "Adrar"), "wilaya_ar": "أدرار", "daira_ar": "أدرار",
         "nom_fr": french, "nom_ar": arabic}
        for french, arabic in places
    ]  # fmt: skip
    found = make_names.place_pairs(json.dumps({"communes": communes}).encode())
    assert found == Counter({
        ("adrar", "ادرار"): 1, ("el-kheiter", "الخيثر"): 1, ("beni", "بني"): 1,
        ("mellikeche", "مليكش"): 1, ("ouled", "اولاد"): 1, ("fatma", "فاطمه"): 1,
    })  # fmt: skip


def make_wheel(folder, content: bytes) -> tuple[str, str, str, str]:
    path = folder / "some_data-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("some_data/file", content)
    hashes = [hashlib.sha256(data).hexdigest() for data in (path.read_bytes(), content)]
    return "some-data==1.0", hashes[0], "some_data/file", hashes[1]


def test_a_wheel_is_held_to_its_hash_and_so_is_the_file_inside(tmp_path):
    source = make_wheel(tmp_path, b"content")
    assert make_names.read_verified(tmp_path, source) == b"content"
    for place in (1, 3):
        changed = [*source]
        changed[place] = "0" * 64
        with pytest.raises(ValueError, match="came SHA-256"):
            make_names.read_verified(tmp_path, tuple(changed))


def test_a_missing_or_a_broken_wheel_is_one_line(tmp_path, capsys):
    for content in (None, b"no archive"):
        if content:
            (tmp_path / "arabic_name_romanizer-0.1.2-py3-none-any.whl").write_bytes(content)
        with pytest.raises(SystemExit, match="2"):
            make_names.main(["--wheels", str(tmp_path), "--out", str(tmp_path)])
        assert "make_names: error: " in capsys.readouterr().err.splitlines()[-1]


def test_the_same_input_gives_the_same_bytes(tmp_path, monkeypatch, database):
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    monkeypatch.setattr(make_names, "NAMES", make_wheel(wheels, database))
    monkeypatch.setattr(make_names, "PLACES", make_names.NAMES)
    monkeypatch.setattr(make_names, "place_pairs", lambda content: Counter({("adrar", "ادرار"): 1}))
    made = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        make_names.main(["--wheels", str(wheels), "--out", str(tmp_path / name)])
        made.append([path.read_bytes() for path in sorted((tmp_path / name).iterdir())])
    assert made[0] == made[1] and len(made[0]) == 2


def test_the_readme_names_the_bytes_that_are_there():
    readme = (DATA / "README.md").read_text(encoding="utf-8")
    for path in DATA.glob("*.bz2"):
        assert hashlib.sha256(path.read_bytes()).hexdigest() in readme, path.name
