import os
import resource

from bench import timing
from bench.contenders import CONTENDERS
from bench.timing import measure_in_turn, measure_peak_memory
from bench.trainings import Contender
from bench.tutorial import Images

import pytest


@pytest.fixture
def run(tmp_path):
    class Run:
        class args:
            data, batch_size, seed = "sample", 64, 0

    return Run


def test_contenders_have_a_process_each_or_one_together():
    for together, expected in ((False, 2), (True, 1)):
        with timing.start_processes(["a", "b"], together) as own:
            found = {own[name].submit(os.getpid).result() for name in ("a", "b")}
        assert len(found - {os.getpid()}) == expected


def test_ratios_are_taken_round_by_round_against_the_peer(in_process, run, monkeypatch):
    clock, rounds = [0.0], iter([9, 18, 8, 4, 6, 4, 10, 10])  # the first round does not count

    def prepare(images):
        assert images == Images("sample", 128)

        def work():
            clock[0] += next(rounds)
            return 128

        return work

    monkeypatch.setattr(timing.time, "perf_counter", lambda: clock[0])
    monkeypatch.setitem(
        CONTENDERS,
        "trial",
        lambda b, seed: {
            "slow": Contender(prepare, "slow"),
            "fast": Contender(prepare, "slow", runs=2),
        },
    )
    found = measure_in_turn(run, "trial", rounds=3, steps=2)
    scale = 1000 / 128
    assert found["slow"] == {
        "seconds": 8 * scale, "ratio": 1, "lowest": 1, "highest": 1, "page_faults": 0, "value": 128
    } | {"page_faults": found["slow"]["page_faults"]}  # fmt: skip
    fast = found["fast"]
    assert [fast[key] for key in ("seconds", "ratio", "lowest", "highest")] == [2 * scale, 3, 2, 4]


def test_peak_memory_counts_what_the_script_holds():
    small, large = (measure_peak_memory(["-c", f"x = bytearray({n} * 10**6)"]) for n in (1, 301))
    assert 297 < large - small < 303


@pytest.mark.parametrize("one_thread", [True, False])
@pytest.mark.parametrize("plain", [True, False])
def test_only_a_plain_contender_has_torch_as_it_comes(monkeypatch, one_thread, plain):
    called = []
    monkeypatch.setattr("bench.timing.prepare_cpu", lambda threads: called.append((False, threads)))
    monkeypatch.setattr("torch.set_num_threads", lambda threads: called.append((True, threads)))
    contender = Contender(lambda images: lambda: 1, "trial", one_thread, plain)
    monkeypatch.setitem(CONTENDERS, "alone", lambda b, seed: {"trial": contender})
    timing.make_contenders.cache_clear()
    timing.execute("alone", "trial", 64, 0, Images("sample"))
    assert called == [(plain, 1 if one_thread else os.cpu_count())]


def test_page_faults_are_those_of_the_work_alone(in_process, run, monkeypatch):
    def prepare(images):
        bytearray(50 * 10**6)
        return lambda: bytearray(10**8)

    monkeypatch.setitem(
        CONTENDERS, "faulty", lambda b, seed: {"trial": Contender(prepare, "trial")}
    )
    found = measure_in_turn(run, "faulty", rounds=1)
    pages = 10**8 / resource.getpagesize()
    assert 0.9 * pages < found["trial"]["page_faults"] < 1.1 * pages
