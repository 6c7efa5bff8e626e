"""Populations wait in order, are replaced by their parts, and are fewer side by side after a kill."""

from blurbstudy.engine.workers.job_queue import Jobs, Slots


def taken(jobs):
    found = []
    while (number := jobs.take()) is not None:
        found.append(number)
    return found


def test_jobs_are_taken_in_order_and_added_ones_last():
    jobs = Jobs(3)
    assert jobs.take() == 0
    jobs.add([7, 8])
    assert taken(jobs) == [1, 2, 7, 8] and jobs.take() is None


def test_parts_wait_where_the_whole_did():
    jobs = Jobs(4)
    assert jobs.replace({1: [10, 11], 3: [12, 13, 14]}.get) == 3
    assert taken(jobs) == [0, 10, 11, 2, 12, 13, 14]


def test_a_narrowed_slot_is_taken_by_nobody_until_those_beside_are_through():
    slots = Slots(2)
    assert slots.take() and slots.take() and not slots.take()
    slots.narrow()
    slots.give_back()
    assert not slots.take()  # one is still at it, and it shall be alone
    slots.give_back()
    assert slots.take() and not slots.take()


def test_one_slot_always_stays():
    slots = Slots(1)
    slots.narrow()
    assert slots.count == 1 and slots.take()
