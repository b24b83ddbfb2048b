"""How libcurl leaves the machine: the settings of `botkit.http.network.Network` as options of easy handles."""

from __future__ import annotations

import fcntl
import os
import ssl
import tempfile
from codecs import BOM_UTF8
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import pycurl

from botkit.http.network import Network, Proxy


class Outgoing:
    """The settings of all transfers of one carrier. Close it after them.

    Args:
        network: the proxy, the certificate authorities, the client certificate and the version of HTTP.
        insecure_http: also connect to loopback and link-local addresses.
    """

    def __init__(self, network: Network, *, insecure_http: bool) -> None:
        self._network = network
        self.checks_addresses = not insecure_http
        self._authorities = Authorities(network.ca_bundle)

    def proxy_of(self, url: str) -> Proxy | None:
        """The proxy on the way to this URL."""
        return self._network.proxy_of(url) if self._network.proxy is not None else None

    def prepare(self, curl: pycurl.Curl) -> None:
        """Set on a new handle what all transfers share."""
        network = self._network
        if network.http_version == "2":
            curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS)
            # A transfer waits for the connection that another one opens, and then shares it.
            curl.setopt(pycurl.PIPEWAIT, 1)
        else:
            curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        if network.client is not None:
            curl.setopt(pycurl.SSLCERT, str(network.client.certificate))
            curl.setopt(pycurl.SSLKEY, str(network.client.key))
            if network.client.password:
                curl.setopt(pycurl.KEYPASSWD, network.client.password)
        self._authorities.prepare(curl)

    def prepare_stream(self, curl: pycurl.Curl) -> None:
        """Set on a stream's handle that it takes a connection of its own and nobody after it, unless many share one.

        Otherwise libcurl looks through the connections of all open streams for one that is free, which there never is: with
        thousands of them a tenth of the processor time of opening another (measured).
        """
        if self._network.http_version != "2":
            curl.setopt(pycurl.FRESH_CONNECT, 1)
            curl.setopt(pycurl.FORBID_REUSE, 1)

    def close(self) -> None:
        """Remove the temporary file."""
        self._authorities.close()


class Authorities:
    """The certificate authorities of the system and those of a bundle, for libcurl.

    The libcurl within pycurl's wheels looks in the places of the machine where it was built. So it is told the places of
    Python's OpenSSL, which the variables ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` move.
    libcurl keeps the authorities of one file in memory for all connections, which saves milliseconds for each; it does not for
    those of a folder, nor for several files. Therefore a bundle and the system's file are written together into one; OpenSSL puts
    up with the byte order mark of Windows' editors at the start of a file only.
    """

    def __init__(self, bundle: Path | None, environ: Mapping[str, str] = os.environ) -> None:
        places = ssl.get_default_verify_paths()
        # The folder holds the same as the file, unless somebody asked for it.
        folder = places.capath if not places.cafile or places.openssl_capath_env in environ else None
        file = places.cafile
        self._folder = folder
        self._written = ExitStack()
        if bundle is None:
            self._file = file
        elif file is None:
            self._file = str(bundle)
        else:
            made = self._written.enter_context(
                tempfile.TemporaryDirectory(prefix="botkit-", ignore_cleanup_errors=True)
            )
            # systemd-tmpfiles removes what nobody has read for days, but nothing below a locked folder (tmpfiles.d(5), "Age").
            lock = os.open(made, os.O_RDONLY)
            self._written.callback(os.close, lock)
            fcntl.flock(lock, fcntl.LOCK_EX)
            both = Path(made) / "authorities.pem"
            parts = (Path(one).read_bytes().removeprefix(BOM_UTF8) for one in (file, bundle))
            both.write_bytes(b"\n".join(parts))
            self._file = str(both)

    def prepare(self, curl: pycurl.Curl) -> None:
        """Set the authorities of a handle."""
        if self._file is not None:
            curl.setopt(pycurl.CAINFO, self._file)
        else:
            curl.unsetopt(pycurl.CAINFO)
        if self._folder is not None:
            curl.setopt(pycurl.CAPATH, self._folder)

    def close(self) -> None:
        """Remove the temporary file."""
        self._written.close()
