"""The page's payload and its limits; `test_forward_in_browser` asks its networks."""

import base64
import json
import re
import zlib
from html.parser import HTMLParser
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pytest

from offpath.configs import Configuration
from offpath.errors import InputError
from offpath.fit.checkpoints import load_model, new_model, save_model
from offpath.handcraft.circuits import circuit_configuration, make, set_circuit
from offpath.handcraft.edge_circuit import blocks
from offpath.networks import network, networks
from offpath.recipes import laptop, smoke
from offpath.report import playground
from offpath.report.playground import Examples, payload, playground_page, write_playground
from offpath.run.folder import Run, create_run

NAMES = ["finetuned", "pretrained", "circuit", "scratch", "circuit-finetuned"]
QUESTION = {"vertices": 3, "edges": [[1, 3], [2, 3], [2, 3]], "target": 2}
EXAMPLES: list[Examples] = [
    {"world": "test_e", "title": "test e", "description": "any t", "questions": [QUESTION]}  # type: ignore
]


def run_with_networks(c: Configuration, folder: Path) -> Run:
    """A run with every checkpoint, none of them trained."""
    run = create_run(c, folder)
    for number, one in enumerate(networks(c)):
        if one.made_by == "handcraft":
            set_circuit(run)
        else:
            save_model(run, one.name, new_model(c.model_copy(update={"seed": number})))
    return run


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with all networks; no test changes it."""
    return run_with_networks(smoke(), tmp_path_factory.mktemp("runs"))


@pytest.fixture
def own(asked: Run, tmp_path: Path) -> Run:
    """A copy, for a test to change."""
    return Run(copytree(asked.folder, tmp_path / asked.folder.name), asked.configuration)


def decoded(record: dict[str, Any]) -> dict[str, np.ndarray]:
    """The tensors of a network of the payload, as the interface has them."""
    size = {"float32": 4, "float64": 8}[record["dtype"]]
    sorted_bytes = zlib.decompress(base64.b64decode(record["weights"]), wbits=-15)
    columns = np.frombuffer(sorted_bytes, np.uint8).reshape(size, -1)
    numbers = np.frombuffer(columns.T.tobytes(), f"<f{size}")
    tensors, start = {}, 0
    for name, shape in record["tensors"]:
        count = int(np.prod(shape))
        tensors[name] = numbers[start : start + count].reshape(shape)
        start += count
    assert start == len(numbers)
    return tensors


class Parts(HTMLParser):
    """What a browser's parser finds in the page: tags with their attributes, text of scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] == "script":
            self.scripts.append(data)


def test_the_payload_holds_every_network_but_the_untrained_in_its_order(asked: Run):
    made, c = payload([asked], EXAMPLES), asked.configuration
    assert [one["name"] for one in made["networks"]] == NAMES
    assert (made["maxVertices"], made["finetuneVertices"]) == (5, 4)
    assert made["omitted"] == []
    assert made["examples"] == EXAMPLES
    first = {key: value for key, value in made["networks"][0].items() if key != "weights"}
    shapes = first.pop("tensors")
    assert ["embedding.weight", (7, c.model.width // 2)] in shapes
    assert first == {
        "name": "finetuned", "title": "fine-tuned", "run": "smoke, seed 0",
        "colour": ("#cf4f00", "#ff9152"), "circuit": None, "tokens": "edges",
        "norm": c.model.norm, "finalNorm": c.model.final_norm, "layers": c.model.layers,
        "width": c.model.width, "heads": c.model.heads,
        "headSize": c.model.width // c.model.heads, "feedForward": c.model.feed_forward,
        "dtype": "float32", "directions": None, "reach": None,
    }  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_the_weights_are_those_of_the_checkpoint_to_the_bit(asked: Run, name: str):
    record = next(one for one in payload([asked], [])["networks"] if one["name"] == name)
    state = load_model(asked, name, "cpu").state_dict()
    found = decoded(record)
    assert found.keys() == state.keys()
    for key, tensor in state.items():
        assert np.array_equal(found[key], tensor.numpy())


def test_a_circuit_in_float64_stays_in_float64_and_a_handcrafted_one_takes_little_room(own: Run):
    model = make("edge", 5, own.configuration.model, double=True)
    save_model(own, "circuit", model)
    record = payload([own], [])["networks"][2]
    assert record["dtype"] == "float64"
    assert np.array_equal(
        decoded(record)["layers.0.linear1.weight"], model.state_dict()["layers.0.linear1.weight"]
    )
    assert len(record["weights"]) < 0.1 * sum(8 * p.numel() for p in model.parameters())


def test_the_edge_circuit_carries_its_directions_and_where_an_end_is_reached(asked: Run):
    record = payload([asked], [])["networks"][2]
    assert record["circuit"] == "edge"
    assert [one["index"] for one in record["directions"]] == [*range(record["width"])]
    assert record["directions"][0] == {
        "index": 0, "name": "first end is vertex 1", "group": "name",
    }  # fmt: skip
    at = {key: place.start for key, place in blocks(record["width"], 5).items()}
    assert record["reach"] == {
        "source": [at["first", "r"], at["second", "r"]],
        "target": [at["first", "s"], at["second", "s"]],
    }


def test_a_circuit_without_its_result_file_has_no_directions(own: Run):
    own.result("circuit").unlink()
    record = payload([own], [])["networks"][2]
    assert (record["name"], record["directions"], record["reach"]) == ("circuit", None, None)


def test_the_page_works_without_a_circuit_and_not_without_any_network(own: Run):
    for name in ("circuit", "circuit-finetuned", "scratch"):
        own.checkpoint(name).unlink()
    made = payload([own], [])
    assert [one["name"] for one in made["networks"]] == NAMES[:2]
    assert made["omitted"] == []
    for name in ("finetuned", "pretrained"):
        own.checkpoint(name).unlink()
    with pytest.raises(InputError, match=r"has no network to ask yet; .* `offpath run`"):
        payload([own], [])


@pytest.mark.parametrize("large", [1, 2, 3])
def test_what_would_make_the_page_too_large_is_left_out_and_named(asked: Run, large: int):
    whole = len(playground_page([asked], []).encode())
    size = len(payload([asked], [])["networks"][0]["weights"])  # the circuit's is far smaller
    most = whole - size * (4 - large) + size // 2
    made = payload([asked], [], most)
    kept = [name for name in NAMES if name != "circuit"][:large]
    assert [one["name"] for one in made["networks"]] == [
        n for n in NAMES if n in [*kept, "circuit"]
    ]
    why = f"with it the page would be larger than {most / 1e6:g} MB"
    left = [one for one in networks(asked.configuration) if one.name not in [*kept, "circuit"]]
    assert made["omitted"] == [
        {"title": one.title, "why": why} for one in left if one.name != "untrained"
    ]
    assert len(playground._page([asked], made).encode()) <= most


def test_a_page_of_just_the_limit_holds_everything_and_one_byte_less_does_not(asked: Run):
    whole = len(playground_page([asked], EXAMPLES).encode())
    assert payload([asked], EXAMPLES, whole)["omitted"] == []
    assert len(payload([asked], EXAMPLES, whole - 1)["omitted"]) == 1


@pytest.mark.parametrize(
    ("change", "lacks"),
    [({"looped": True}, "looped layers"), ({"head": "ordinal"}, "a read-out of")],
)
def test_a_network_that_the_page_cannot_compute_is_left_out(own: Run, change: dict, lacks: str):
    c = own.configuration
    save_model(own, "scratch", new_model(c, c.model.model_copy(update=change)))
    made = payload([own], [])
    assert "scratch" not in [one["name"] for one in made["networks"]]
    (left,) = made["omitted"]
    assert f"the page does not compute {lacks}" in left["why"]


def test_a_network_too_large_for_a_browser_is_left_out_unread(asked: Run, monkeypatch):
    most = asked.checkpoint("finetuned").stat().st_size - 1
    monkeypatch.setattr(playground, "MOST_WEIGHT_BYTES", most)
    monkeypatch.setattr(playground, "_network", lambda one: {"name": one.network.name})
    made = payload([asked], [])
    assert "finetuned" not in [one["name"] for one in made["networks"]]
    assert made["omitted"][0]["why"] == "its weights take 0 MB, more than 0 MB"


def test_equal_runs_give_the_same_page_to_the_byte(asked: Run, tmp_path: Path):
    assert playground_page([asked], EXAMPLES) == playground_page([asked], EXAMPLES)
    assert write_playground([asked], EXAMPLES, tmp_path / "one.html") == []
    text = (tmp_path / "one.html").read_text()
    assert text == playground_page([asked], EXAMPLES)
    assert len(text.encode()) <= 8_000_000


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-3] ^= 0x40
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (damage, r"finetuned\.safetensors is damaged \(ValueError: its SHA-256 is not the one"),
        (lambda path: path.write_bytes(path.read_bytes()[:99]), r"is damaged \(.*; restore it"),
        (lambda path: path.write_bytes(b""), r"is damaged \(.*; restore it from a copy, or delete"),
    ],
)
def test_a_damaged_checkpoint_is_refused_in_one_line(own: Run, harm, said: str):
    harm(own.checkpoint("finetuned"))
    with pytest.raises(InputError, match=said) as refused:
        playground_page([own], [])
    assert "\n" not in str(refused.value)


def test_a_checkpoint_of_another_run_is_refused(own: Run, tmp_path: Path):
    other = run_with_networks(smoke().change({"seed": 7}), tmp_path / "other")
    own.checkpoint("finetuned").write_bytes(other.checkpoint("finetuned").read_bytes())
    with pytest.raises(InputError, match=r"finetuned.* belongs to another run, smoke-.*-seed7; "):
        playground_page([own], [])


def test_several_runs_say_their_seed_and_share_the_circuit(asked: Run, tmp_path: Path):
    other = run_with_networks(smoke().change({"seed": 3}), tmp_path)
    made = payload([asked, other], [])
    assert [one["title"] for one in made["networks"]] == [
        "fine-tuned, seed 0", "fine-tuned, seed 3", "pre-trained, seed 0", "pre-trained, seed 3",
        "handcrafted (edge)", "from scratch, seed 0", "from scratch, seed 3",
        "handcrafted, fine-tuned, seed 0", "handcrafted, fine-tuned, seed 3",
    ]  # fmt: skip
    assert made["networks"][1]["run"] == "smoke, seed 3"


def test_runs_of_one_seed_go_by_their_names(asked: Run, tmp_path: Path):
    c = circuit_configuration("wide", smoke(), 5)
    wide = create_run(c, tmp_path)
    save_model(wide, "circuit", make("wide", 5, c.model))
    titles = [one["title"] for one in payload([asked, wide], [])["networks"]]
    assert f"fine-tuned, {asked.configuration.run_name}" in titles
    assert {"handcrafted (edge)", "handcrafted (wide)"} <= set(titles)


def test_runs_with_other_graphs_are_refused_and_the_difference_is_named(asked: Run, tmp_path: Path):
    larger = create_run(laptop(), tmp_path)
    with pytest.raises(InputError, match=r"graphs\.max_vertices 5 and 8, .*: make a page for each"):
        playground_page([asked, larger], [])


def test_text_from_folders_and_examples_cannot_become_markup(tmp_path: Path):
    run = run_with_networks(smoke(), tmp_path / "<" / "script><b>")
    assert "</script><b>" in str(run.folder)
    evil = "</script><script>window.broken = 1</script><img src=x onerror=alert(1)>&'\""
    shown: list[Examples] = [{"world": evil, "title": evil, "description": evil, "questions": []}]
    page, plain = playground_page([run], shown), playground_page([run], [])
    found = Parts(page)
    assert [tag for tag, _ in found.tags] == [tag for tag, _ in Parts(plain).tags]
    assert "b" not in [tag for tag, _ in found.tags]
    assert json.loads(found.scripts[0])["examples"] == shown


def test_the_page_asks_nothing_of_any_network(asked: Run):
    page = playground_page([asked], EXAMPLES)
    found = Parts(page)
    policies = [
        attributes["content"]
        for tag, attributes in found.tags
        if tag == "meta" and "http-equiv" in attributes
    ]
    assert len(policies) == 1
    rules = dict(rule.split(" ", 1) for rule in (policies[0] or "").split("; "))
    assert rules["default-src"] == "'none'"
    assert "'unsafe-eval'" not in rules["script-src"]
    assert rules.keys() <= {"default-src", "script-src", "style-src", "img-src"}
    addresses = re.findall(r"\b(?:https?|wss?|ftp):[^\s\"'`)]*", page)
    assert {one for one in addresses if not one.startswith("http://www.w3.org/")} == set()
    for tag, attributes in found.tags:
        assert "src" not in attributes, tag
        assert tag != "link" or attributes["href"] == "data:,"


def test_the_first_script_is_the_payload(asked: Run):
    scripts = Parts(playground_page([asked], EXAMPLES)).scripts
    assert json.loads(scripts[0])["networks"][0]["title"] == "fine-tuned"
    titles = [network(asked.configuration, name) for name in NAMES]
    assert [one["title"] for one in json.loads(scripts[0])["networks"]] == [
        one.title for one in titles if one
    ]


def test_a_page_in_its_run_folder_is_noted_in_the_provenance(own: Run):
    write_playground([own], [], own.playground)
    sessions = json.loads((own.folder / "provenance.json").read_text())["sessions"]
    assert "playground.html" in sessions[-1]["made"]
