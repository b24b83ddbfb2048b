"""Clients of the two agent systems, which call the emulated clouds as clients of the real ones do."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import requests

SECONDS = 45


class LiveChatVisitor:
    """A visitor of Live Chat. `heard` has the messages of all polls."""

    def __init__(self, addresses: Mapping[str, str], name: str, **request: Any) -> None:
        self._http = requests.Session()
        self._base = addresses["live_agent_url"] + "/chat/rest"
        self._organization_id = addresses["organization_id"]
        self._sequence, self._ack = 0, -1
        self.heard: list[dict[str, Any]] = []
        self._headers = {"X-LIVEAGENT-API-VERSION": "58", "X-LIVEAGENT-AFFINITY": "null"}
        opened = self._http.get(f"{self._base}/System/SessionId", headers=self._headers, timeout=SECONDS)
        session = opened.json()
        self.id = session["id"]
        self._headers |= {
            "X-LIVEAGENT-AFFINITY": session["affinityToken"],
            "X-LIVEAGENT-SESSION-KEY": session["key"],
        }
        wanted = {
            "organizationId": self._organization_id,
            "deploymentId": addresses["deployment_id"],
            "buttonId": addresses["button_id"],
            "sessionId": self.id,
            "visitorName": name,
            "language": "en-US",
            "prechatDetails": [],
            "prechatEntities": [],
            "receiveQueueUpdates": True,
            "isPost": True,
        }
        self.post("ChasitorInit", wanted | request)

    def post(self, noun: str, body: Mapping[str, Any]) -> None:
        """A POST with the next sequence number."""
        self._sequence += 1
        headers = self._headers | {"X-LIVEAGENT-SEQUENCE": str(self._sequence)}
        url = f"{self._base}/Chasitor/{noun}"
        answer = self._http.post(url, json=body, headers=headers, timeout=SECONDS)
        assert answer.status_code == 200, answer.text

    def says(self, text: str) -> None:
        """Send a message to the agent."""
        self.post("ChatMessage", {"text": text})

    def poll(self) -> int:
        """Poll once; the next poll acknowledges the messages. Returns the status."""
        url = f"{self._base}/System/Messages"
        answer = self._http.get(url, params={"ack": self._ack}, headers=self._headers, timeout=SECONDS)
        if answer.status_code == 200:
            self._ack = answer.json()["sequence"]
            self.heard += answer.json()["messages"]
        return answer.status_code

    def hears(self, kind: str, tries: int = 50) -> dict[str, Any]:
        """Poll until a message of this type arrives. Returns its payload and drops earlier messages."""
        for _ in range(tries):
            for number, each in enumerate(self.heard):
                if each["type"] == kind:
                    del self.heard[: number + 1]
                    return dict(each["message"])
            assert self.poll() in (200, 204)
        raise AssertionError(f"{kind} never came")

    def sends_file(self, name: str, content: bytes) -> None:
        """Upload the file that the agent requested."""
        asked = self.hears("FileTransfer")
        answer = self._http.post(
            asked["uploadServletUrl"],
            params={
                "orgId": self._organization_id,
                "chatKey": self.id,
                "fileToken": asked["fileToken"],
                "encoding": "UTF-8",
            },
            files={"file": (name, content, "text/plain")},
            timeout=SECONDS,
        )
        assert answer.status_code == 200, answer.text


def open_miaw_conversation(addresses: Mapping[str, str], first_name: str, last_name: str) -> str:
    """Open a conversation in MIAW as a guest. Returns its id."""
    base = addresses["salesforce_url"] + "/iamessage/api/v2"
    wanted = {
        "orgId": addresses["organization_id"],
        "esDeveloperName": addresses["developer_name"],
        "capabilitiesVersion": "1",
        "platform": "Web",
    }
    token = requests.post(
        f"{base}/authorization/unauthenticated/access-token", json=wanted, timeout=SECONDS
    ).json()["accessToken"]
    conversation = str(uuid.uuid4())
    answer = requests.post(
        f"{base}/conversation",
        json={
            "conversationId": conversation,
            "esDeveloperName": addresses["developer_name"],
            "routingAttributes": {"_firstName": first_name, "_lastName": last_name},
            "language": "en_US",
        },
        headers={"Authorization": f"Bearer {token}"},
        timeout=SECONDS,
    )
    assert answer.status_code == 201, answer.text
    return conversation
