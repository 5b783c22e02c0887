"""What a reader has seen, puts off and keeps. Nothing of it ever leaves the node."""

from collections.abc import Iterable, Mapping
from itertools import islice

from node.forum import rules
from node.forum.errors import NotFound
from storage import blocks, bookmarks, ranges, readings, threads
from storage.ranges import Ranges
from storage.schema import Account, Actor, Bookmark, Comment, Reading, Thread
from storage.work import Work

AT_ONCE = 200  # threads marked as read in one transaction: a few milliseconds
PIECES = 400  # ranges that a reading may come in: a column of 4 KB; beyond that the oldest gaps are closed


def mark_read(work: Work, reader_id: int, thread_id: int, numbers: Ranges) -> None:
    """Keeps that the reader was shown these items; what is not there for them is passed over."""
    if not threads.thread_is_visible(work, thread_id, reader_id):
        return
    thread = threads.by_id(work, thread_id)
    reading = readings.to_change(work, reader_id, thread_id)
    seen = ranges.parse(reading.ranges)
    within = ranges.without(numbers, thread.next_number, max(thread.next_number, numbers[-1][1])) if numbers else ()
    _be_there(work, reading)
    _keep(work, thread, reading, ranges.add(seen, within))


def mark_shown(work: Work, shown: Mapping[tuple[int, int], Ranges]) -> None:
    """`mark_read` for many at once: readers and threads with the numbers that they were shown."""
    for (reader_id, thread_id), numbers in sorted(shown.items()):  # in one order, so that none waits for another
        mark_read(work, reader_id, thread_id, numbers)


def mark_unread_from(work: Work, reader: Actor, thread_id: int, number: int) -> None:
    """Item #number and what came after it are new to the reader again."""
    _must_see(work, reader, thread_id)
    thread = threads.by_id(work, thread_id)
    reading = readings.to_change(work, reader.id, thread_id)
    reading.ranges = ranges.write(ranges.without(ranges.parse(reading.ranges), number, thread.next_number))
    reading.dismissed = None
    work.flush()


def mark_all_read(work: Work, reader: Actor, thread_id: int) -> None:
    """Nothing in the thread is new to the reader any more."""
    _must_see(work, reader, thread_id)
    _finish(work, reader.id, thread_id)


def mark_everything_read(work: Work, reader: Actor) -> bool:
    """Marks the reader's unread threads as read, some at a time; says whether there may be more."""
    waiting = readings.unread_ids(work, reader.id, AT_ONCE)
    for thread_id in sorted(waiting):
        _finish(work, reader.id, thread_id)
    return len(waiting) == AT_ONCE


def close_gaps(work: Work, reader_id: int, thread_ids: Iterable[int]) -> None:
    """Takes threads out of the reader's inbox in which whatever was new has been taken away."""
    for thread_id in sorted(thread_ids):
        thread = threads.by_id(work, thread_id)
        reading = readings.to_change(work, reader_id, thread_id)
        if reading.ranges:
            _keep(work, thread, reading, ranges.parse(reading.ranges))
        else:
            reading.dismissed = thread.next_number - 1
            work.flush()


def dismiss(work: Work, reader: Actor, thread_id: int) -> None:
    """Keeps the thread out of the reader's inbox until something newer is said in it."""
    _must_see(work, reader, thread_id)
    reading = readings.to_change(work, reader.id, thread_id)  # with nothing seen, if it is new: put off is not read
    reading.dismissed = threads.by_id(work, thread_id).next_number - 1
    work.flush()


def recall(work: Work, reader: Actor, thread_id: int) -> None:
    """Takes the dismissal of a thread back."""
    _must_see(work, reader, thread_id)
    reading = readings.of(work, reader.id, thread_id)
    if reading is None:
        return
    reading.dismissed = None
    if not reading.ranges:
        work.delete(reading)
    work.flush()


def read_notice(work: Work, reader_id: int, notice_id: int) -> None:
    """What was said to the reader alone is read; it stays where it was said."""
    notice = readings.notice(work, reader_id, notice_id)
    if notice is None:
        raise NotFound("There is no such message.")
    notice.read_at = notice.read_at or work.now
    work.flush()


def bookmark(work: Work, reader: Actor, comment: Comment, *, kept: bool = True) -> None:
    """Keeps an item at hand, or no longer does."""
    rules.must_stand(reader)
    known = bookmarks.of(work, reader.id, comment.id)
    if not kept:
        if known is not None:
            work.delete(known)
            work.flush()
        return
    if not threads.is_visible(work, comment.id, reader.id):
        raise NotFound("There is no such item.")
    if known is None:
        work.add(Bookmark(actor_id=reader.id, comment_id=comment.id, created_at=work.now))
        work.flush()


def use_keys(work: Work, reader_id: int, *, on: bool) -> None:
    """Lets the keyboard keys of pages do something, or nothing."""
    account = work.get(Account, reader_id)
    if account is not None:
        account.keys_off = not on
        work.flush()


# ------------------------------------------------------------------ what follows from what is said


def note_posted(work: Work, comment: Comment, author: Actor) -> None:
    """What one says oneself is read; what comes late into the place of a missing item is new to everybody else.

    But for whoever blocked who said it.
    """
    thread = threads.by_id(work, comment.thread_id)
    if comment.number + 1 < thread.next_number:
        for reading in readings.of_thread(work, thread.id):
            seen = ranges.parse(reading.ranges)
            if reading.actor_id != author.id and ranges.holds(seen, comment.number):
                reading.ranges = ranges.write(ranges.without(seen, comment.number, comment.number))
    concerned = {author.id} if author.local else set()
    concerned.update(blocks.readers_blocking(work, author.id, thread.id, thread.group_id))
    for reader_id in sorted(concerned):  # in the order in which others hold them, so that none waits for another
        if reader_id != author.id:
            _pass_over(work, thread, reader_id, comment.number)
            continue
        reading = readings.to_change(work, author.id, thread.id)
        _be_there(work, reading)
        _keep(work, thread, reading, ranges.add(ranges.parse(reading.ranges), ((comment.number, comment.number),)))
    work.flush()


def _pass_over(work: Work, thread: Thread, reader_id: int, number: int) -> None:
    """What is said by somebody whom the reader blocked makes the thread no more unread to them than it was."""
    reading = readings.of(work, reader_id, thread.id)
    if reading is None and number > 0:
        return  # they never opened it: it waits for them, or not, because of what else is in it
    reading = readings.to_change(work, reader_id, thread.id)
    if reading.ranges:
        _keep(work, thread, reading, ranges.add(ranges.parse(reading.ranges), ((number, number),)))
    if number == 0 or (reading.dismissed is not None and reading.dismissed >= number - 1):
        reading.dismissed = max(number, reading.dismissed or 0)


def let_be(work: Work, reader_id: int) -> None:
    """Takes those threads out of the reader's inbox in which nothing is new any more but what they blocked."""
    _, hollow = readings.unread(work, reader_id, limit=AT_ONCE)
    close_gaps(work, reader_id, hollow)


def forget_all_of(work: Work, actor_id: int) -> None:
    """Erases what someone has read and kept."""
    readings.forget_reader(work, actor_id)
    bookmarks.drop_all_of(work, actor_id)


# ------------------------------------------------------------------ below the verbs


def _must_see(work: Work, reader: Actor, thread_id: int) -> None:
    rules.must_stand(reader)
    if not threads.thread_is_visible(work, thread_id, reader.id):
        raise NotFound("There is no such thread.")


def _be_there(work: Work, reading: Reading) -> None:
    if not reading.ranges:
        reading.first_at = work.now
    reading.latest_at = work.now


def _finish(work: Work, reader_id: int, thread_id: int) -> None:
    thread = threads.by_id(work, thread_id)
    reading = readings.to_change(work, reader_id, thread_id)
    _be_there(work, reading)
    reading.ranges = ranges.write(((0, thread.next_number - 1),))
    reading.dismissed = None
    work.flush()


def _keep(work: Work, thread: Thread, reading: Reading, seen: Ranges) -> None:
    """Writes down what was seen; gaps in which nothing can be read close by themselves."""
    last = thread.next_number - 1
    missing = list(islice(ranges.gaps(seen, last), readings.GAPS + 1))
    if len(missing) <= readings.GAPS:
        open_gaps = [gap for gap in missing if readings.standing_in(work, thread.id, [gap], but_of=reading.actor_id)]
        if len(open_gaps) < len(missing):
            seen = ranges.join((*seen, *(gap for gap in missing if gap not in open_gaps)))
    while len(seen) > PIECES:
        seen = ranges.join(((seen[0][0], seen[1][1]), *seen[2:]))
    reading.ranges = ranges.write(seen)
    work.flush()
