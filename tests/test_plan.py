# SPDX-License-Identifier: Apache-2.0
"""Planning is subtraction: what is asked for, minus what is finished, each trajectory once, in a good order."""

from hypothesis import given
from hypothesis import strategies as st

from fakes import tiny_config
from shoal.models import lenet, mlp, softmax_regression
from shoal.optimizers import SGD
from shoal.plan import Progress, plan
from shoal.study import Config, Run


def runs(*epochs: int, seed: int = 0, lr: float = 0.1) -> list[Run]:
    return [Run(tiny_config(lr, count), seed) for count in epochs]


def test_nothing_stored_everything_is_to_do():
    (task,) = plan(runs(3), {})
    assert (task.run, task.start, task.ends, task.epochs) == (runs(3)[0], 0, (3,), 3)


def test_prefixes_are_one_task_with_several_ends():
    (task,) = plan(runs(5, 20, 10, 5), {})
    assert (task.run.config.epochs, task.ends) == (20, (5, 10, 20))


def test_what_is_finished_is_subtracted():
    trajectory = runs(3)[0].trajectory
    assert plan(runs(3), {trajectory: Progress(3)}) == ()
    assert plan(runs(3), {trajectory: Progress(9)}) == ()
    (task,) = plan(runs(3), {trajectory: Progress(2)})
    assert (task.start, task.epochs) == (2, 1)


def test_a_diverged_run_is_finished():
    assert plan(runs(3), {runs(3)[0].trajectory: Progress(1, diverged=True)}) == ()


def test_seeds_come_in_the_order_asked_for():
    asked = runs(1, seed=7) + runs(1, seed=2) + runs(1, seed=7, lr=0.2)
    assert [task.run.seed for task in plan(asked, {})] == [7, 7, 2]


def test_within_a_seed_the_most_work_comes_first():
    def run(model, epochs):
        return Run(Config(data="d", model=model, optimizer=SGD(lr=0.1), epochs=epochs), 0)

    small, long, large = run(mlp(4), 1), run(softmax_regression(), 9), run(lenet(), 1)
    assert [task.run for task in plan([small, long, large], {})] == [large, long, small]


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 6), st.sampled_from([0.1, 0.2])), max_size=20),
    st.integers(0, 6),
)
def test_every_run_is_covered_once_and_nothing_twice(asked, stored):
    """Whatever is asked for and stored: the tasks bring every trajectory to its longest run, and are no more."""
    wanted = [Run(tiny_config(lr, epochs), seed) for seed, epochs, lr in asked]
    finished = {run.trajectory: Progress(stored) for run in wanted[::2]}
    tasks = plan(wanted, finished)
    reached = {trajectory: progress.epochs for trajectory, progress in finished.items()}
    for task in tasks:
        assert task.start == reached.get(task.run.trajectory, 0) < task.run.config.epochs
        reached[task.run.trajectory] = task.run.config.epochs
    assert len({task.run.trajectory for task in tasks}) == len(tasks)
    assert all(reached[run.trajectory] >= run.config.epochs for run in wanted)
