"""Outpost in a real Home Assistant, which runs in this process: what it makes of the
announcements, a button that is pressed there, and an agent that ends. The argument is the program.
"""

import asyncio
import json
import pathlib
import socket
import subprocess
import sys
import tempfile

import paho.mqtt.client as mqtt
from homeassistant import bootstrap, runner

# A name that ends quotes and templates where it can.
GOAL = "it's {{ 7*7 }} %} °C"
SOON_S = 60

PLACE = """
[device]
name = "ha-1"
[bus]
url = "mqtt://127.0.0.1:{port}"
[agent]
mode = "advise"
[homeassistant]
[journal]
path = "{folder}/journal"
[[sensor]]
name = "room"
topic = "t/room"
unit = "°C"
every = "1s"
[[actuator]]
name = "cooler"
topic = "t/cooler"
safe = "off"
effects = {{ room = "lowers" }}
[[goal]]
name = {goal}
keep = {{ sensor = "room", max = 5 }}
"""

ENTRY = {
    "entry_id": "mqtt", "version": 1, "minor_version": 1, "domain": "mqtt", "title": "mqtt",
    "options": {}, "pref_disable_new_entities": False, "pref_disable_polling": False,
    "source": "user", "unique_id": None, "disabled_by": None,
}


async def until(what, look):
    """Looks again and again until there is something."""
    for _ in range(10 * SOON_S):
        found = look()
        if found:
            print("ok:", what)
            return found
        await asyncio.sleep(0.1)
    raise SystemExit(f"{what}: not within {SOON_S} s")


def home(folder, port):
    """Home Assistant's folder: a broker and nothing else."""
    (folder / ".storage").mkdir(parents=True)
    (folder / "configuration.yaml").write_text("homeassistant:\n  name: test\n  country: IT\n")
    entry = ENTRY | {"data": {"broker": "127.0.0.1", "port": port, "discovery": True}}
    store = {"version": 1, "minor_version": 1, "key": "core.config_entries",
             "data": {"entries": [entry]}}
    (folder / ".storage/core.config_entries").write_text(json.dumps(store))
    return runner.RuntimeConfig(config_dir=str(folder), skip_pip=True)


class Room:
    """A room that is always too warm, and what its cooler was told."""

    def __init__(self, port):
        self.told = []
        self.client = mqtt.Client()
        self.client.on_message = lambda _client, _data, message: self.told.append(message.payload)
        self.client.connect("127.0.0.1", port)
        self.client.subscribe("t/cooler", 1)
        self.client.loop_start()

    async def live(self):
        while True:
            self.client.publish("t/room", "10")
            await asyncio.sleep(0.5)


async def look(folder, port, agent):
    """The test itself."""
    room = Room(port)
    living = asyncio.create_task(room.live())
    hass = await bootstrap.async_setup_hass(home(folder / "home", port))
    await hass.async_start()

    def state(entity):
        found = hass.states.get(entity)
        return found and found.state

    def goal():
        all_of = hass.states.async_all("binary_sensor")
        return [one for one in all_of if one.name.endswith(GOAL) and one.state == "on"]

    found = await until("the goal is a problem, by its name", goal)
    assert "share" in found[0].attributes, found[0]
    await until("the mode", lambda: state("sensor.ha_1_mode") == "advise")
    await until("a no", lambda: state("button.ha_1_cooler_on_no") == "unknown")
    await until("a yes", lambda: state("button.ha_1_cooler_on_yes") == "unknown")
    assert b"ON" not in room.told, room.told
    press = {"entity_id": "button.ha_1_cooler_on_yes"}
    await hass.services.async_call("button", "press", press, blocking=True)
    await until("the cooler is told", lambda: b"ON" in room.told)
    await until("the buttons are gone", lambda: state("button.ha_1_cooler_on_yes") is None)
    agent.terminate()
    await until("all is unavailable", lambda: state("sensor.ha_1_mode") == "unavailable")
    living.cancel()
    await hass.async_stop()


def main():
    program = sys.argv[1]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        place = PLACE.format(port=port, folder=folder, goal=json.dumps(GOAL, ensure_ascii=False))
        (folder / "outpost.toml").write_text(place)
        run = [program, "run", "--config", str(folder / "outpost.toml")]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        broker = subprocess.Popen(["mosquitto", "-p", str(port)], **quiet)
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                subprocess.run(["sleep", "0.1"], check=True)
        agent = subprocess.Popen(run, **quiet)
        try:
            asyncio.run(look(folder, port, agent))
        finally:
            for process in (agent, broker):
                process.kill()
                process.wait()


main()
