"""Content types by file name: a table of our own, so that every machine serves the same (`/etc/mime.types` differs).

Text has `charset=utf-8`; what is not in the table is `application/octet-stream`, which no browser runs (with nosniff).
`.gz` and the like are archives to download, not content codings. Pure.
"""

from __future__ import annotations

UNKNOWN = "application/octet-stream"

_UTF8 = {
    "text/html": "html htm",
    "text/css": "css",
    "text/javascript": "js mjs cjs",  # RFC 9239
    "text/plain": "txt text log asc",
    "text/markdown": "md markdown",
    "text/csv": "csv",
    "text/calendar": "ics",
    "text/vcard": "vcf",
    "text/vtt": "vtt",
    "text/xml": "xml xsl",
    "application/json": "json map",
    "application/ld+json": "jsonld",
    "application/geo+json": "geojson",
    "application/manifest+json": "webmanifest",
}
_OTHER = {
    "image/png": "png",
    "image/apng": "apng",
    "image/jpeg": "jpg jpeg",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/avif": "avif",
    "image/bmp": "bmp",
    "image/tiff": "tif tiff",
    "image/vnd.microsoft.icon": "ico cur",
    "image/svg+xml": "svg",  # names its own charset
    "font/woff": "woff",
    "font/woff2": "woff2",
    "font/ttf": "ttf",
    "font/otf": "otf",
    "font/collection": "ttc",
    "application/vnd.ms-fontobject": "eot",
    "audio/mpeg": "mp3",
    "audio/mp4": "m4a",
    "audio/aac": "aac",
    "audio/ogg": "oga ogg opus",
    "audio/flac": "flac",
    "audio/wav": "wav",
    "video/mp4": "mp4 m4v",
    "video/webm": "webm",
    "video/ogg": "ogv",
    "video/quicktime": "mov",
    "application/wasm": "wasm",
    "application/pdf": "pdf",
    "application/xhtml+xml": "xhtml",
    "application/rss+xml": "rss",
    "application/atom+xml": "atom",
    "application/rtf": "rtf",
    "application/epub+zip": "epub",
    "application/zip": "zip",
    "application/gzip": "gz tgz",
    "application/x-tar": "tar",
    "application/x-bzip2": "bz2",
    "application/x-xz": "xz",
    "application/x-7z-compressed": "7z",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
}
_BY_SUFFIX = {suffix: kind + "; charset=utf-8" for kind, names in _UTF8.items() for suffix in names.split()}
_BY_SUFFIX.update({suffix: kind for kind, names in _OTHER.items() for suffix in names.split()})


def content_type(name: str) -> str:
    """Tell the Content-Type of a file by the suffix of its name, whatever its case."""
    return _BY_SUFFIX.get(name.rpartition(".")[2].lower(), UNKNOWN) if "." in name else UNKNOWN
