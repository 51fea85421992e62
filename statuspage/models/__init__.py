from statuspage.models.heartbeat import Heartbeat

__all__ = ["Heartbeat"]
