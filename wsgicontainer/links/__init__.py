"""How the server's processes talk: bounded messages over socket pairs, and log events through them.

`channel` carries messages and descriptors; `reading` has a reactor read one; `relay` carries log events.
"""

from wsgicontainer.links.channel import Channel, Closed, Message, pair
from wsgicontainer.links.reading import ChannelReader
from wsgicontainer.links.relay import LogRelay, retell

__all__ = ["Channel", "ChannelReader", "Closed", "LogRelay", "Message", "pair", "retell"]
