"""A real mail server for tests, aiosmtpd: prints its port, then every mail that it takes as a line of JSON.

usage: receive.py [--port N] [--auth USER:PASSWORD] [--tls CERTIFICATE KEY] [--starttls CERTIFICATE KEY]
                  [--refuse ADDRESS] [--busy N]

--refuse answers 550 for an address, --busy answers 451 to the first N mails.
"""

import argparse
import asyncio
import json
import ssl

from aiosmtpd.smtp import SMTP, AuthResult


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--auth")
    parser.add_argument("--tls", nargs=2)
    parser.add_argument("--starttls", nargs=2)
    parser.add_argument("--refuse")
    parser.add_argument("--busy", type=int, default=0)
    return parser.parse_args()


class Mailbox:
    def __init__(self, options):
        self.options = options
        self.busy = options.busy

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address == self.options.refuse:
            return "550 5.1.1 There is no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.busy > 0:
            self.busy -= 1
            print(json.dumps({"busy": True}), flush=True)
            return "451 4.3.0 Come back later"
        mail = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "content": envelope.content.decode("utf-8", "replace"),
            "tls": session.ssl is not None or self.options.tls is not None,
            "user": session.auth_data,
        }
        print(json.dumps(mail), flush=True)
        return "250 OK"


def context(files):
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.load_cert_chain(*files)
    return made


async def main():
    options = arguments()

    def authenticate(server, session, envelope, mechanism, data):
        said = f"{data.login.decode()}:{data.password.decode()}"
        return AuthResult(success=said == options.auth, handled=False, auth_data=data.login.decode())

    def protocol():
        return SMTP(
            Mailbox.shared,
            hostname="localhost",
            tls_context=context(options.starttls) if options.starttls else None,
            require_starttls=bool(options.starttls),
            authenticator=authenticate if options.auth else None,
            auth_required=bool(options.auth),
            auth_require_tls=bool(options.starttls),
        )

    Mailbox.shared = Mailbox(options)
    tls = context(options.tls) if options.tls else None
    loop = asyncio.get_running_loop()
    server = await loop.create_server(protocol, "127.0.0.1", options.port, ssl=tls)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
