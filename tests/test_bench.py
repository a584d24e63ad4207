# SPDX-License-Identifier: Apache-2.0
"""The benchmark: nothing is timed that does not agree, nobody who is missing stops it, and what it prints is promised.
The peer here is softmax regression in NumPy, run by this Python; no test asks how fast anything is."""

import json
import shutil
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shoal.bench import MODELS, QUICK, Check, Extent, Result, Row, checks, memory, page, peak, screen
from shoal.bench.measure import measure, read, to_json
from shoal.bench.peers import PEERS, REQUIREMENTS, TWINS, Peer, PeerError
from shoal.bench.speed import Bench, difference, neighbours, rows, start, sweep, train
from shoal.cli.bench import MODELS as NAMED_MODELS
from shoal.cli.bench import PEERS as NAMED_PEERS
from shoal.data import sketches
from shoal.engines.native import NativeEngine
from shoal.errors import UsageError

TWIN = """
import time
import numpy as np
from serve import given, serve

images, labels, cores = given()
images = images.reshape(len(images), -1)

def epoch(request):
    weight, bias = request.weights["1.weight"].copy(), request.weights["1.bias"].copy()
    losses, start = [], time.perf_counter()
    for first in range(0, len(request.order), request.batch):
        batch = request.order[first : first + request.batch]
        x, y = images[batch], labels[batch]
        z = x @ weight.T + bias
        z -= z.max(1, keepdims=True)
        p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
        losses.append(float(-np.log(p[np.arange(len(y)), y]).mean()))
        p[np.arange(len(y)), y] -= 1
        weight -= RATE * request.lrs[0] * p.T @ x / len(y)
        bias -= RATE * request.lrs[0] * p.mean(0)
    return len(request.lrs) * len(request.order) / 1e6, losses

serve("NumPy", epoch, ["softmax"])
"""
"""Its seconds are a millionth for each image and model: what is made of them can be told."""

EXTENT = Extent(models=("softmax",), batches=(64,), in_flight=(1, 3), rounds=2, runs=10)


@pytest.fixture(scope="module")
def data():
    return sketches.garments(train=320, test=32)


@pytest.fixture
def images(tmp_path, data):
    np.savez(tmp_path / "images.npz", images=data.train.images, labels=data.train.labels)
    return tmp_path / "images.npz"


@pytest.fixture
def peer(tmp_path, images):
    """From a rate, 1 for a twin that computes the same, and an id to such a peer."""
    shutil.copy(TWINS / "serve.py", tmp_path)
    with ExitStack() as stack:

        def open_peer(id: str, rate: float = 1.0) -> Peer:
            (tmp_path / PEERS[id].script).write_text(TWIN.replace("RATE", str(rate)))
            return stack.enter_context(Peer(id, Path(sys.executable), images, 2, tmp_path))

        yield open_peer


# ---- the table ----------------------------------------------------------------------------------------


def measured(data, peers, extent=EXTENT):
    said: list[str] = []
    (cell,) = Bench(NativeEngine(2), data, peers, extent).cells(said.append)
    return cell, said


def test_a_twin_that_agrees_is_timed_beside_all_runs(data, peer):
    one = peer("pytorch")
    cell, _ = measured(data, [one])
    assert not cell.refused
    alone, three = rows(cell, [one], 320, peak=100.0)
    assert (alone.in_flight, three.in_flight, alone.n) == (1, 3, 2)
    assert alone.peer_s == three.peer_s == pytest.approx(320e-6), "it trains one model, whatever Shoal does"
    assert alone.peak_fraction == pytest.approx(MODELS["softmax"].training_flops * 320 / alone.shoal_s / 1e11)
    assert alone.ratio_low <= alone.ratio <= alone.ratio_high
    assert alone.ratio_high == pytest.approx(320e-6 / min(cell.shoal[1]))


def test_a_process_a_core_stands_beside_as_many_runs_only(data, peer):
    one = peer("pytorch-processes")
    cell, _ = measured(data, [one])
    assert [(row.in_flight, row.peer) for row in rows(cell, [one], 320, peak=100.0)] == [
        (1, None),
        (3, "PyTorch, a process a core"),
    ]


def test_a_twin_that_computes_something_else_is_refused(data, peer):
    cell, _ = measured(data, [peer("pytorch", rate=1.1)])
    assert not cell.peers
    (reason,) = cell.refused
    assert reason.startswith("PyTorch loop, softmax, batch 64: losses of the first steps differ by ")
    assert reason.endswith("not timed")
    (alone, _) = rows(cell, [], 320, peak=100.0)
    assert (alone.peer, alone.ratio, alone.n) == (None, None, 2), "Shoal's own time is told all the same"


def test_an_ensemble_gets_a_part_of_the_epoch_and_its_time_is_scaled(data, peer):
    """Three models may have 192 images between them: a minibatch each."""
    one = peer("pytorch-vmap")
    cell, _ = measured(data, [one], replace(EXTENT, at_once=192))
    assert list(cell.peers) == [("pytorch-vmap", 3)], "beside one run it has no place"
    assert cell.peers["pytorch-vmap", 3] == pytest.approx([320e-6] * 2)
    order = np.arange(320)
    weights = {"1.weight": np.zeros((10, 784), np.float32), "1.bias": np.zeros(10, np.float32)}
    assert len(one.epoch("softmax", 64, [0.1] * 3, order, weights, most=192).losses) == 1
    assert len(one.epoch("softmax", 64, [0.1] * 3, order, weights, most=960).losses) == 5


def test_a_part_of_the_images_is_scaled_up(data, peer):
    cell, _ = measured(data, [peer("pytorch")], replace(EXTENT, images=64))
    assert cell.peers["pytorch", 1] == pytest.approx([320e-6] * 2)


def test_a_peer_that_dies_is_said_and_left_out(data, peer):
    one = peer("pytorch")
    one._process.kill()
    cell, _ = measured(data, [one])
    assert cell.refused == ["PyTorch loop: it ended without a word"]


def test_who_is_missing_is_said_and_left_out(tmp_path, images):
    (tmp_path / "keras_fit.py").write_text("import a_library_that_nobody_has")
    said: list[str] = []
    with ExitStack() as stack:
        found = start(["keras"], lambda id: Peer(id, Path(sys.executable), images, 2, tmp_path), stack, said.append)
    assert (found, said) == (
        [],
        ["left out: Keras 3 on JAX: ModuleNotFoundError: No module named 'a_library_that_nobody_has'"],
    )
    with pytest.raises(PeerError, match="nowhere/python cannot be run: No such file"):
        Peer("keras", Path("nowhere/python"), images, 2)


def test_no_round_begins_after_its_time(data):
    extent = replace(EXTENT, models=("softmax", "mlp-256"), seconds=1e-9)
    said: list[str] = []
    assert not list(Bench(NativeEngine(2), data, [], extent).cells(said.append))
    assert said == [f"{model}, batch 64: left out, since 0 s are over" for model in extent.models]


def test_losses_may_differ_by_rounding_only():
    ours = np.linspace(2, 1, 100)
    assert not difference(ours, list(ours + 1e-5))
    assert "first steps" in difference(ours, list(ours + 2e-3))
    assert difference(ours, list(np.where(np.arange(100) < 50, ours, ours + 0.1)))
    assert not difference(ours, list(ours[:10])), "as much as it trained"
    assert difference(ours, [])
    assert difference(ours, [float("nan")] * 100)


def test_where_rounding_carries_shoal_itself_away_others_may_be_three_times_as_far():
    ours = np.linspace(2.3, 1.0, 100)
    late = np.where(np.arange(100) < 50, 0, 0.1)
    theirs = list(ours + late)
    assert difference(ours, theirs, [ours + late / 10]), "three tenths of it"
    assert not difference(ours, theirs, [ours, ours + late / 2])
    assert not difference(ours, theirs[:60], [ours + late])
    assert difference(ours, list(ours + 0.01), [ours + late]), "the first steps agree to what they did"
    assert difference(ours, theirs, [ours * float("nan")]), "what diverges allows nothing"


def test_neighbours_are_the_same_training_but_for_rounding(data):
    config, *_ = sweep(data, "softmax", 32, 1)
    engine = NativeEngine(1)
    _, ours = train(engine, [config], data)
    others = neighbours(engine, config, data)
    assert len(others) == 6
    assert all(np.allclose(ours, other, atol=1e-5) for other in others)
    assert any(not np.array_equal(ours, other) for other in others)


# ---- the promises -------------------------------------------------------------------------------------


def test_a_check_is_held_against_its_goal():
    least, most = Check.of("a", [1.0, 3.0, 2.0], least=2.0), Check.of("a", [1.0, 3.0, 2.0], most=1.9)
    assert (least.figure, least.low, least.high, least.reached, most.reached) == (2.0, 1.0, 3.0, True, False)


def test_the_promises_are_measured(data):
    engine, extent = NativeEngine(2), replace(EXTENT, models=("softmax", "lenet"), rounds=1)
    (softmax, _) = checks.one_run(engine, data, extent)
    assert softmax.note == "2 cores, batch 256; same bits"
    found = [
        *checks.evaluation(engine, data, extent),
        *checks.optimizers(engine, data, 1),
        *checks.overhead(engine, data, 10),
    ]
    assert [check.n for check in found] == [1] * 7
    assert all(0 < check.figure < 100 for check in found)
    assert 0 < found[-1].figure < 1, "a share of the time"


def test_a_run_more_takes_more_memory():
    one, many = memory.of("softmax", 1), memory.of("softmax", 12)
    assert 20e6 < one < many < 1e9


def test_a_terminal_shows_words_in_their_order(tmp_path):
    first, second = screen.until([b"Usage", b"Options"], ["--help"], tmp_path)
    assert 0 < first <= second
    with pytest.raises(TimeoutError, match="never showed b'swim'"):
        screen.until([b"swim"], ["--version"], tmp_path)


# ---- what is printed ----------------------------------------------------------------------------------


@pytest.fixture
def result():
    beside = Row("lenet", 256, 8, 0.5, "PyTorch loop", 2.5, 5.0, 0.83, 3, 4.5, 5.5, goal=4.5, peak_goal=0.8)
    about = {"date": "1 May 2030", "processor": "A chip", "cores": 2, "instruction_set": "x86_64_v4", "images": 60000}
    about |= {"data": "fashion-mnist", "peers": {"PyTorch loop": "PyTorch 2.13.0"}, "peaks": {"NumPy": 99.0}}
    check = Check.of("memory of one more run of lenet", [3.4], unit="MB", most=16.0)
    return Result(about, 99.0, (beside, replace(beside, batch=128, peer=None, ratio=None)), (check,))


def test_the_json_is_what_is_promised_and_reads_back(result, tmp_path):
    (tmp_path / "r.json").write_text(json.dumps(to_json(result)))
    answer = json.loads((tmp_path / "r.json").read_text())
    assert list(answer) == ["schema", "machine", "peak_gflops", "rows", "checks"]
    promised = ["model", "batch", "in_flight", "shoal_s", "peer", "peer_s", "ratio", "peak_fraction", "n"]
    assert list(answer["rows"][0])[:9] == promised
    assert read(tmp_path / "r.json") == result
    (tmp_path / "r.json").write_text('{"rows": 3}')
    with pytest.raises(UsageError, match=r"r\.json is no result of `shoal bench --json`"):
        read(tmp_path / "r.json")


def test_a_page_is_written_between_its_marks_again_and_again(result, tmp_path):
    target = tmp_path / "performance.md"
    target.write_text("# Before\n<!-- measured -->\nold\n<!-- end -->\nafter\n")
    page.write(result, target)
    text = target.read_text()
    assert text.startswith("# Before\n<!-- measured -->\n1 May 2030, A chip, 2 cores")
    assert text.endswith("<!-- end -->\nafter\n")
    assert "| LeNet, sigmoid and average pooling | 256 | 2.500 | 5.0 (4.5–5.5) | 4.5 |" in text
    assert "| memory of one more run of lenet | 3.40 MB | – | ≤ 16.0 | yes |" in text
    assert (tmp_path / "images" / "speed.png").read_bytes().startswith(b"\x89PNG")
    page.write(read(tmp_path / "speed.json"), target)
    assert target.read_text() == text


def test_a_page_without_marks_stays_as_it_is(result, tmp_path):
    (tmp_path / "mine.md").write_text("nothing to fill")
    with pytest.raises(UsageError, match=r"mine\.md has no place for the tables"):
        page.write(result, tmp_path / "mine.md")
    assert (tmp_path / "mine.md").read_text() == "nothing to fill"


def test_the_command_prints_a_table_or_json_and_nothing_else(result, tmp_path, shell):
    path = tmp_path / "r.json"
    path.write_text(json.dumps(to_json(result)))
    code, out, err = shell(f"bench --from {path}")
    assert (code, err) == (0, "")
    (line,) = [line for line in out.splitlines() if "PyTorch loop" in line]
    assert " ".join(line.split()) == "lenet 256 8 0.500 s 83% PyTorch loop 2.500 s 5.0× 4.5–5.5 4.5"
    assert json.loads(shell(f"bench --from {path} --json")[1]) == json.loads(path.read_text())


def test_without_peers_shoal_is_measured_alone(data, monkeypatch):
    monkeypatch.setattr(peak, "SIZES", (64,))
    said: list[str] = []
    extent = replace(EXTENT, peers=QUICK.peers)
    found, refused = measure(data, Path("nowhere/python"), extent, ("speed",), said.append)
    assert (refused, found.machine["peers"], [row.peer for row in found.rows]) == ([], {}, [None, None])
    assert sum(line.startswith("left out: ") for line in said) == len(QUICK.peers)
    assert found.peak_gflops > 0
    assert "Beside nobody." in page.markdown(found)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("bench --models lenet,alexnet", "'alexnet' is not one of"),
        ("bench --batches 32,0", "0 is not in the range"),
        ("bench --from nowhere.json", "nowhere.json cannot be used: No such file"),
    ],
)
def test_what_makes_no_sense_is_a_line(shell, line, words):
    code, out, err = shell(line)
    assert (code in (1, 2), out, words in err) == (True, "", True)


def test_the_command_names_everybody():
    assert tuple(MODELS) == NAMED_MODELS
    assert tuple(PEERS) == NAMED_PEERS
    assert {kind.script for kind in PEERS.values()} <= {path.name for path in TWINS.iterdir()}
    pinned = [line for line in REQUIREMENTS.read_text().splitlines() if not line.startswith("#")]
    assert all("==" in line for line in pinned)
