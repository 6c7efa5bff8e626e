"""Documents in BioC (Comeau et al. 2013), in JSON or XML: passages with texts, and annotations at offsets.

The text of a document is its passages at their offsets, with line breaks between them, so that the document's offsets
count its characters.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from xml.etree import ElementTree

from ...config import JsonMapping, JsonObject

MAX_GAP = 1_000_000  # characters between two passages; larger offsets are wrong
_EXPECTED = "BioC's passages with offset and text, annotations with infons, text and locations"


class Malformed(NamedTuple):
    """What is there instead of a record, in an error's words."""

    actual: str
    expected: str
    remedy: str


class _EntityError(ValueError):
    pass


def bioc_values(text: str) -> JsonObject | Malformed:
    """A BioC collection in XML as its JSON."""
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError) as error:
        return Malformed(f"invalid XML ({error})", "BioC in XML", "restore the file")
    if root.tag not in ("collection", "document"):
        return Malformed(f"XML of <{root.tag}>", "BioC's <collection>", "convert it, or name a file of another format")
    documents = [root] if root.tag == "document" else root.findall("document")
    return {"documents": [_node(document) for document in documents]}


def _node(element: ElementTree.Element) -> JsonObject:
    """A document, passage, sentence or annotation."""
    lists = ("passage", "sentence", "annotation", "relation")
    node: JsonObject = {f"{name}s": [_node(part) for part in element.findall(name)] for name in lists}
    node |= {name: element.findtext(name) for name in ("id", "offset", "text")}
    node["infons"] = {part.get("key"): part.text for part in element.findall("infon")}
    node["locations"] = [dict(part.attrib) for part in element.findall("location")]
    return node


def bioc_record(document: JsonMapping, annotated: bool) -> JsonObject | Malformed:
    """The id, text and entities of a document."""
    name = "" if document.get("id") is None else str(document["id"])
    try:
        parts = [part for passage in document["passages"] for part in (passage, *(passage.get("sentences") or ()))]
        texts = [(int(part["offset"]), str(part["text"])) for part in parts if part.get("text")]
        annotations = [(entry, part) for part in (document, *parts) for entry in part.get("annotations") or ()]
        entities = [_entity(entry, part) for entry, part in annotations] if annotated else []
        relations = [entry for part in (document, *parts) for entry in part.get("relations") or ()]
    except KeyError as missing:
        return Malformed(f"document {name[:40]!r} without {missing.args[0]}", _EXPECTED, "restore it")
    except _EntityError as error:
        return Malformed(f"document {name[:40]!r} with {error}", _EXPECTED, "restore it")
    except (TypeError, ValueError, AttributeError):
        return Malformed(f"document {name[:40]!r} of another structure", _EXPECTED, "restore it")
    text = ""
    for offset, passage in sorted(texts, key=lambda part: (part[0], -len(part[1]))):
        if text[offset : offset + len(passage)] == passage:  # a sentence of a passage that has its text too
            continue
        if not len(text) <= offset <= len(text) + MAX_GAP:
            actual = f"a passage at {offset} of document {name[:40]!r}, after {len(text)} characters"
            return Malformed(actual, "passages one after the other", "correct the offsets; they count characters")
        text += "\n" * (offset - len(text)) + passage
    return {"id": name, "text": text, "entities": entities, "relations": relations}


def _entity(annotation: JsonMapping, part: JsonMapping) -> JsonObject:
    """Of the document, or of a passage or sentence."""
    spans = [
        (int(location["offset"]), int(location["offset"]) + int(location["length"]))
        for location in annotation["locations"]
    ]
    infons: Any = annotation.get("infons") or {}
    kind = infons.get("type")
    if not spans or not kind:
        raise _EntityError(f"annotation {annotation.get('id')!r} without {'infon type' if spans else 'location'}")
    first, size = int(part.get("offset") or 0), len(part.get("text") or "")
    return {
        "fragments": spans,
        "type": str(kind),
        "text": annotation.get("text"),
        "passage": (first, first + size) if size else None,
    }
