"""Moto within this process: `MOTO`, a WSGI application, and `Served`, which answers with it on a free port."""

import functools
import logging
import os
import threading

os.environ.setdefault("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")

import moto.backends  # noqa: E402
import moto.core.responses  # noqa: E402
import moto.eks.utils  # noqa: E402
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app  # noqa: E402
from werkzeug.serving import make_server  # noqa: E402

logging.getLogger("werkzeug").setLevel(logging.ERROR)
# What moto finds out anew at each request, half of the time that it takes, does not change.
moto.backends.list_of_moto_modules = functools.partial(list, list(moto.backends.list_of_moto_modules()))
moto.core.responses.method_names_from_class = functools.cache(moto.core.responses.method_names_from_class)
moto.eks.utils.Session = functools.cache(moto.eks.utils.Session)
MOTO = DomainDispatcherApplication(create_backend_app)  # what it has loaded, all copies have


class Served:
    """Serves MOTO between start() and stop()."""

    def start(self):
        self._server = make_server("127.0.0.1", 0, MOTO, threaded=True)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def stop(self):
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
