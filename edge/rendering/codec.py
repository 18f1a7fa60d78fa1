"""The bytes of file formats, and nothing else: `decode` an original, `encode` a rendition."""

from edge.rendering.codec_decode import Decoded, decode, reread
from edge.rendering.codec_encode import Encoded, Quality, encode
from edge.rendering.codec_write import Effort

__all__ = ["Decoded", "Effort", "Encoded", "Quality", "decode", "encode", "reread"]
