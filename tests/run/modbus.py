"""Modbus devices that are not ours: a server of pymodbus, over TCP or a line of two pseudo-terminals.

`modbus.py tcp PORT` or `modbus.py rtu PATH`, where PATH becomes the line's other end. It says `ready`, and then takes lines on
standard input: `set STATION FUNCTION ADDRESS VALUE...` and `get STATION FUNCTION ADDRESS`, each answered by a line. It ends
with its input."""

import asyncio
import os
import pathlib
import sys
import threading
import tty

from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice


def device(station):
    """Coils and inputs 0 to 31, registers 0 to 99; what lies beyond is refused."""
    bits = [SimData(0, count=32, values=False, datatype=DataType.BITS)]
    words = [SimData(0, count=100, values=0, datatype=DataType.REGISTERS)]
    return SimDevice(id=station, simdata=(bits, list(bits), words, list(words)))


def carry(one, other):
    while data := os.read(one, 4096):
        os.write(other, data)


def line(path):
    """Two pseudo-terminals that carry each other's bytes: the name of one, and `path` for the other."""
    (near, near_side), (far, far_side) = os.openpty(), os.openpty()
    for side in (near_side, far_side):
        tty.setraw(side)
    for one, other in ((near, far), (far, near)):
        threading.Thread(target=carry, args=(one, other), daemon=True).start()
    path.unlink(missing_ok=True)
    path.symlink_to(os.ttyname(far_side))
    return os.ttyname(near_side)


async def main(kind, where):
    devices = [device(1), device(2)]
    if kind == "tcp":
        server = ModbusTcpServer(devices, address=("127.0.0.1", int(where)))
    else:
        # On a real line nobody answers for a device that is not there; this server would.
        heard = lambda sending, data: b"" if sending and data[0] > len(devices) else data
        server = ModbusSerialServer(devices, port=line(pathlib.Path(where)), baudrate=115200, trace_packet=heard)
    await server.serve_forever(background=True)
    print("ready", flush=True)
    while text := await asyncio.to_thread(sys.stdin.readline):
        what, station, function, address, *values = text.split()
        station, function, address = int(station), int(function), int(address)
        if what == "set":
            await server.async_setValues(station, function, address, [int(value) for value in values])
            print("done", flush=True)
        else:
            found = await server.async_getValues(station, function, address, 1)
            print(int(found[0]), flush=True)
    os._exit(0)


asyncio.run(main(*sys.argv[1:]))
