"""OpenAssistant OASST1: trees of messages whose replies people ranked.

Two forms of the same data, told apart by the rows:
* the hub's flat rows, one message each: message_id, parent_id (null for the root, which is the first prompt), text,
  role (prompter, assistant), lang, review_result, deleted, rank (0 is best, null if nobody ranked), synthetic,
  message_tree_id, tree_state, and more that is not used here;
* the tree export, one tree a row: {"message_tree_id", "tree_state", "prompt": root}, where every message has its
  `replies`; on the hub as 2023-04-12_oasst_ready.trees.jsonl.gz.

One item a tree: the best-ranked against the worst-ranked reply to the root. Only trees that were ready for export
count; replies that are deleted, failed review, or have no text or rank are not looked at. Replies that a model wrote
(synthetic) stay: people ranked those too.

Licence: Apache-2.0 (https://huggingface.co/datasets/OpenAssistant/oasst1). Checked here on 100 real trees; the flat
form was tested on rows in the schema of the card, since the files of the hub were not at hand.

Reasons: malformed, wrong_tree_state, deleted, failed_review, too_few_replies, tied_ranks, orphan (a reply whose
parent is not in the file), empty_prompt, identical_answers.
"""

from collections.abc import Iterable, Iterator, Mapping

from training.data.sources.fields import Item, Row, language_code, left_out, malformed, number, prefer, text

NAME = "oasst"
LICENCE = "Apache-2.0"
_READY = "ready_for_export"
_USED = ("message_id", "parent_id", "text", "role", "lang", "review_result", "deleted", "rank", "tree_state")


def parse(rows: Iterable[Row]) -> Iterator[Item]:
    """One preference or reject a tree, in either form; of flat rows all are read before the first comes out."""
    messages: list[Row] = []
    for row in rows:
        if isinstance(row.get("prompt"), Mapping):
            yield _from_tree(row)
        elif text(row, "message_id"):
            messages.append({key: row.get(key) for key in _USED})
        else:
            yield malformed(NAME, row, "neither a message nor a tree")
    yield from _from_messages(messages)


def _from_tree(row: Row) -> Item:
    root = row["prompt"]
    replies = root.get("replies")
    if not isinstance(replies, list) or not all(isinstance(reply, Mapping) for reply in replies):
        return malformed(NAME, row, "replies must be a list of messages")
    return _item({**root, "tree_state": row.get("tree_state")}, replies)


def _from_messages(messages: list[Row]) -> Iterator[Item]:
    """Items of the flat form; messages below the replies to a root belong to no item."""
    children: dict[object, list[Row]] = {message["message_id"]: [] for message in messages}
    roots = []
    for message in messages:
        if message["parent_id"] is None:
            roots.append(message)
        elif not isinstance(message["parent_id"], str) or message["parent_id"] not in children:
            yield left_out(NAME, message["message_id"], "orphan", f"parent {message['parent_id']!r} is not in the file")
        else:
            children[message["parent_id"]].append(message)
    for root in roots:
        yield _item(root, children[root["message_id"]])


def _item(root: Row, replies: list[Row]) -> Item:
    root_id, prompt = text(root, "message_id"), text(root, "text")
    if not root_id or prompt is None or root.get("role") != "prompter":
        return malformed(NAME, root, "a root needs message_id, text and the role prompter")
    if root.get("tree_state") != _READY:
        return left_out(NAME, root_id, "wrong_tree_state", str(root.get("tree_state")))
    if not _fit(root):
        return left_out(NAME, root_id, "deleted" if root.get("deleted") else "failed_review")
    ranked = sorted(_ranked(replies))
    if len(ranked) < 2:
        return left_out(NAME, root_id, "too_few_replies", f"{len(ranked)} of {len(replies)} can be compared")
    (best, _, chosen), (worst, _, rejected) = ranked[0], ranked[-1]
    if best == worst:
        return left_out(NAME, root_id, "tied_ranks", f"all {len(ranked)} have rank {best:g}")
    language = language_code(text(root, "lang"))
    return prefer(NAME, root_id, prompt, chosen, rejected, licence=LICENCE, language=language)


def _ranked(replies: list[Row]) -> Iterator[tuple[float, str, str]]:
    """Rank, id and text of the replies that can be compared; the id settles the order of equal ranks."""
    for reply in replies:
        rank, words = number(reply, "rank"), text(reply, "text")
        if rank is not None and words and words.strip() and reply.get("role") == "assistant" and _fit(reply):
            yield rank, text(reply, "message_id") or "", words


def _fit(message: Row) -> bool:
    """Neither deleted nor refused in review; no result of a review is no refusal."""
    return not message.get("deleted") and message.get("review_result") is not False
