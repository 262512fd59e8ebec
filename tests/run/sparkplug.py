"""An edge node of Sparkplug B with one device that is not ours: the messages of pysparkplug, the broker's real last will.

`sparkplug.py PORT GROUP NODE`. It is born, says `ready`, and takes lines on standard input: `data METRIC VALUE` (by its number,
as most nodes do), `skip` (a message is lost), `deaf` (no rebirth any more), `device-death`, `device-birth`, `device-lost` (its death is
lost, the node is born again without it), `die` (no farewell:
the broker says its last will), each answered by `done`. It says `rebirth` and `set METRIC VALUE` when it is asked to. What is set is
said again as data, as devices do."""

import os
import sys
import threading

from pysparkplug import (Client, DataType, DBirth, DData, DDeath, Message, MessageType, Metric, NBirth, NDeath, QoS, Topic,
                         get_current_timestamp)

PORT, GROUP, NODE, DEVICE = int(sys.argv[1]), sys.argv[2], sys.argv[3], "pump"
TYPES = {"Running": DataType.BOOLEAN, "Speed/Set": DataType.UINT16, "Pressure": DataType.FLOAT, "Mode": DataType.STRING}
READ = {DataType.BOOLEAN: lambda text: text == "true", DataType.UINT16: int, DataType.FLOAT: float, DataType.STRING: str}
ALIAS = {name: number for number, name in enumerate(TYPES, 10)}
values = {"Running": False, "Speed/Set": 900, "Pressure": 2.5, "Mode": "auto"}
lock, life, hears = threading.RLock(), 3, True
client, seq = Client(), 0


def say(text):
    print(text, flush=True)


def metric(name, datatype, value, **more):
    return Metric(timestamp=get_current_timestamp(), name=name, datatype=datatype, value=value, **more)


def send(kind, payload, device=None):
    topic = Topic(message_type=kind, group_id=GROUP, edge_node_id=NODE, device_id=device)
    client.publish(Message(topic=topic, payload=payload, qos=QoS.AT_MOST_ONCE, retain=False), include_dtypes=False)


def next_seq():
    global seq
    seq = (seq + 1) % 256
    return seq


def device_birth():
    all_of_it = tuple(metric(name, TYPES[name], value, alias=ALIAS[name]) for name, value in values.items())
    send(MessageType.DBIRTH, DBirth(timestamp=get_current_timestamp(), seq=next_seq(), metrics=all_of_it), DEVICE)


def birth(with_device=True):
    global seq
    seq = 0
    own = (metric("bdSeq", DataType.INT64, life), metric("Node Control/Rebirth", DataType.BOOLEAN, False),
           metric("Properties/Heat", DataType.DOUBLE, 21.5))
    send(MessageType.NBIRTH, NBirth(timestamp=get_current_timestamp(), seq=0, metrics=own))
    if with_device:
        device_birth()


def data(name, value):
    values[name] = value
    # By its number alone: the name was said at the birth.
    of_it = (metric(None, TYPES[name], value, alias=ALIAS[name]),)
    send(MessageType.DDATA, DData(timestamp=get_current_timestamp(), seq=next_seq(), metrics=of_it), DEVICE)


def commanded(_, message):
    with lock:
        for one in message.payload.metrics:
            if one.name == "Node Control/Rebirth":
                if hears:
                    birth()
                say("rebirth")
            else:
                data(one.name, one.value)
                say(f"set {one.name} {one.value}")


for kind, device in ((MessageType.NCMD, None), (MessageType.DCMD, DEVICE)):
    topic = Topic(message_type=kind, group_id=GROUP, edge_node_id=NODE, device_id=device)
    client.subscribe(topic, QoS.AT_LEAST_ONCE, commanded)
will = Topic(message_type=MessageType.NDEATH, group_id=GROUP, edge_node_id=NODE)
end = NDeath(timestamp=get_current_timestamp(), bd_seq_metric=metric("bdSeq", DataType.INT64, life))
client.set_will(Message(topic=will, payload=end, qos=QoS.AT_LEAST_ONCE, retain=False))
born = threading.Event()


def connected(_):
    with lock:
        birth()
    born.set()


client.connect("127.0.0.1", port=PORT, callback=connected)
born.wait(30)
say("ready")
for line in sys.stdin:
    word, *rest = line.split()
    with lock:
        if word == "data":
            data(rest[0], READ[TYPES[rest[0]]](rest[1]))
        elif word == "skip":
            next_seq()
        elif word == "deaf":
            hears = False
        elif word == "device-death":
            send(MessageType.DDEATH, DDeath(timestamp=get_current_timestamp(), seq=next_seq()), DEVICE)
        elif word == "device-lost":
            birth(with_device=False)
        elif word == "device-birth":
            device_birth()
        elif word == "die":
            os._exit(0)
        say("done")
os._exit(0)
