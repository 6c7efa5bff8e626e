"""Populations wait in order, are replaced by their parts, and are fewer side by side after a kill."""

from blurbstudy.engine.workers.job_queue import JobQueue, WorkerSlots


def taken(jobs):
    numbers = []
    while (number := jobs.take()) is not None:
        numbers.append(number)
    return numbers


def test_jobs_are_taken_in_order_and_added_ones_last():
    jobs = JobQueue(3)
    assert jobs.take() == 0
    jobs.add([7, 8])
    assert taken(jobs) == [1, 2, 7, 8] and jobs.take() is None


def test_parts_replace_their_population_in_order():
    jobs = JobQueue(4)
    assert jobs.replace({1: [10, 11], 3: [12, 13, 14]}.get) == 3
    assert taken(jobs) == [0, 10, 11, 2, 12, 13, 14]


def test_a_slot_less_is_free_only_after_the_others_are_released():
    slots = WorkerSlots(2)
    assert slots.take() and slots.take() and not slots.take()
    slots.shrink()
    slots.release()
    assert not slots.take()  # the other one is still busy
    slots.release()
    assert slots.take() and not slots.take()


def test_one_slot_always_remains():
    slots = WorkerSlots(1)
    slots.shrink()
    assert slots.count == 1 and slots.take()
