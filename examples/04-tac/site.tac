"""A site of our own making in a `.tac` file: the web service beside a service that it has never heard of."""

from twisted.application.internet import TimerService
from twisted.application.service import Application
from twisted.internet import reactor
from twisted.logger import Logger

import wsgicontainer

log = Logger(namespace="site")
application = Application("site")
settings = wsgicontainer.Settings(
    wsgi="wsgiref.simple_server:demo_app",
    ports=("tcp:8000:interface=127.0.0.1",),
)
wsgicontainer.makeService(settings, reactor).setServiceParent(application)
TimerService(60, log.info, "still here").setServiceParent(application)
