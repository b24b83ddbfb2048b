"""Everything that can happen to a conversation, as data, split by source.

`hooks`: from the XO platform. `handlers`: from the bot's own handlers. `agents`: from the agents' side. `outcomes`: the results
of our own effects, and timers. To add an event, define it in its module, add it to the union at that module's
end, and give it a rule: an event of a hook in `handoff/platform.py`, any other in `handoff/decide.py`.
"""

from __future__ import annotations

from botkit.handoff.events.agents import AgentCustomEvent as AgentCustomEvent
from botkit.handoff.events.agents import AgentJoined as AgentJoined
from botkit.handoff.events.agents import AgentLeft as AgentLeft
from botkit.handoff.events.agents import AgentSaid as AgentSaid
from botkit.handoff.events.agents import AgentSessionEnded as AgentSessionEnded
from botkit.handoff.events.agents import AgentSideEvent as AgentSideEvent
from botkit.handoff.events.agents import AgentTyping as AgentTyping
from botkit.handoff.events.agents import Content as Content
from botkit.handoff.events.agents import FileArrived as FileArrived
from botkit.handoff.events.agents import FileRequested as FileRequested
from botkit.handoff.events.agents import FromAgents as FromAgents
from botkit.handoff.events.agents import IdleRule as IdleRule
from botkit.handoff.events.agents import Link as Link
from botkit.handoff.events.agents import Option as Option
from botkit.handoff.events.agents import PositionAdvanced as PositionAdvanced
from botkit.handoff.events.agents import QueueMoved as QueueMoved
from botkit.handoff.events.agents import RoutingFailed as RoutingFailed
from botkit.handoff.events.agents import StatusReported as StatusReported
from botkit.handoff.events.agents import TransferStarted as TransferStarted
from botkit.handoff.events.base import BaseEvent as BaseEvent
from botkit.handoff.events.handlers import ApiCall as ApiCall
from botkit.handoff.events.handlers import CallsRequested as CallsRequested
from botkit.handoff.events.handlers import HookAnswered as HookAnswered
from botkit.handoff.events.handlers import HookDeferred as HookDeferred
from botkit.handoff.events.handlers import HookHandled as HookHandled
from botkit.handoff.events.hooks import AgentTransfer as AgentTransfer
from botkit.handoff.events.hooks import Alert as Alert
from botkit.handoff.events.hooks import Attachment as Attachment
from botkit.handoff.events.hooks import BotMessage as BotMessage
from botkit.handoff.events.hooks import Choice as Choice
from botkit.handoff.events.hooks import FromClient as FromClient
from botkit.handoff.events.hooks import FromPlatform as FromPlatform
from botkit.handoff.events.hooks import MetaInfo as MetaInfo
from botkit.handoff.events.hooks import OtherHook as OtherHook
from botkit.handoff.events.hooks import PlatformHookEvent as PlatformHookEvent
from botkit.handoff.events.hooks import PlatformSessionClosed as PlatformSessionClosed
from botkit.handoff.events.hooks import UserCustomEvent as UserCustomEvent
from botkit.handoff.events.hooks import UserMessage as UserMessage
from botkit.handoff.events.hooks import UserProfile as UserProfile
from botkit.handoff.events.hooks import UserTyping as UserTyping
from botkit.handoff.events.outcomes import AccessGranted as AccessGranted
from botkit.handoff.events.outcomes import AgentsLost as AgentsLost
from botkit.handoff.events.outcomes import FileRefused as FileRefused
from botkit.handoff.events.outcomes import LossReason as LossReason
from botkit.handoff.events.outcomes import MessageAccepted as MessageAccepted
from botkit.handoff.events.outcomes import MessageRefused as MessageRefused
from botkit.handoff.events.outcomes import OutcomeEvent as OutcomeEvent
from botkit.handoff.events.outcomes import RoutingKnown as RoutingKnown
from botkit.handoff.events.outcomes import SessionStarted as SessionStarted
from botkit.handoff.events.outcomes import TimerFired as TimerFired
from botkit.handoff.events.outcomes import TranscriptLine as TranscriptLine
from botkit.handoff.events.outcomes import UserLost as UserLost

SubmittedEvent = PlatformHookEvent | HookHandled | CallsRequested | HookDeferred | HookAnswered
"""Events from outside: hooks, handlers and jobs. Any process that shares a store may submit them."""
Event = SubmittedEvent | AgentSideEvent | OutcomeEvent
