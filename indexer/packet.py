"""XMP packets as trees that are changed and written again, with everything in them kept."""

from typing import Any

from lxml import etree

from indexer.xmp import MAX_PACKET

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
EMPTY = (
    b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>\n<x:xmpmeta xmlns:x="adobe:ns:meta/">\n'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\n<rdf:Description rdf:about=""/>\n'
    b'</rdf:RDF>\n</x:xmpmeta>\n<?xpacket end="w"?>'
)


def parse_packet(data: bytes) -> Any:
    """The tree of a packet, whatever it holds; ValueError or etree.XMLSyntaxError for one that is none."""
    if len(data) > MAX_PACKET:
        raise ValueError("it is too large")
    # Nothing it names outside itself is loaded, and nothing is expanded.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    padded = not data.startswith((b"\xff\xfe", b"\xfe\xff"))
    tree = etree.fromstring(data.strip(b"\0 \t\r\n") if padded else data, parser).getroottree()
    if tree.docinfo.doctype:
        raise ValueError("it has a document type, which XMP never has")
    if tree.find(f".//{{{RDF}}}Description") is None:
        raise ValueError("it has no rdf:Description")
    return tree


def print_packet(tree: Any, declared: bool = False) -> bytes:
    """The packet in UTF-8, with what surrounds its root element; `declared` puts an XML declaration before it."""
    printed: bytes = etree.tostring(tree, encoding="utf-8", xml_declaration=declared)
    return printed + b"\n"
