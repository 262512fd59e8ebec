#!/usr/bin/env python3
"""The same sixteen notes in seven languages, as cases for `outpost decide`: `languages.py > cases.jsonl`.

Each note has a fact (in English, as facts are) for which its condition holds and one for which it does not:
32 cases a language. Device names stand in every language as a configuration has them: a note that does not
name a device is not asked about. Written for this alone; no public case and no training example is here.
"""

import json

LANGUAGES = ("English", "German", "French", "Spanish", "Portuguese", "Bengali", "Hindi")

# What is out of its band, and the verb of the two devices that would both mend it.
HOT = ("air temperature 31 °C high, rising", "lowers air temperature")
COLD = ("air temperature 9 °C low, falling", "raises air temperature")
DRY = ("soil moisture 12 % low, falling", "raises soil moisture")
WET = ("water level 92 cm high, rising", "lowers water level")
DIM = ("light 80 lx low, steady", "raises light")
FLAT = ("bus voltage 21 V low, falling", "raises bus voltage")
STALE = ("carbon dioxide 1900 ppm high, rising", "lowers carbon dioxide")

# State; device where the condition holds, device where it does not; fact for which it holds, fact for which
# it does not; the note in each of LANGUAGES.
NOTES = [
    (STALE, "attic fan", "chimney fan", "23:40", "14:10", (
        "Between 22:00 and 6:00 use the attic fan, otherwise the chimney fan.",
        "Zwischen 22:00 und 6:00 Uhr den attic fan nehmen, sonst den chimney fan.",
        "Entre 22:00 et 6:00, utiliser attic fan, sinon chimney fan.",
        "Entre las 22:00 y las 6:00 use attic fan; si no, chimney fan.",
        "Entre as 22:00 e as 6:00 use attic fan; senão, chimney fan.",
        "রাত 22:00 থেকে সকাল 6:00 পর্যন্ত attic fan ব্যবহার করুন, অন্য সময় chimney fan ব্যবহার করুন।",
        "रात 22:00 से सुबह 6:00 बजे तक attic fan चलाएँ, बाकी समय chimney fan चलाएँ।",
    )),
    (DRY, "hand pump", "motor pump", "it is market day", "no market today", (
        "On market days take the hand pump; on all other days the motor pump.",
        "An Markttagen die hand pump nehmen, an allen anderen Tagen die motor pump.",
        "Les jours de marché, prendre hand pump ; tous les autres jours, motor pump.",
        "Los días de mercado tome hand pump; los demás días, motor pump.",
        "Em dias de feira use hand pump; nos outros dias, motor pump.",
        "হাটের দিনে hand pump নিন; অন্য সব দিন motor pump নিন।",
        "बाज़ार के दिन hand pump लें; बाकी सब दिन motor pump लें।",
    )),
    (COLD, "gas boiler", "immersion heater", "electricity is expensive", "electricity is cheap", (
        "Use the immersion heater, but when electricity is expensive use the gas boiler.",
        "Den immersion heater nehmen, aber wenn der Strom teuer ist, den gas boiler.",
        "Utiliser immersion heater, mais quand l'électricité est chère, gas boiler.",
        "Use immersion heater, pero cuando la electricidad está cara use gas boiler.",
        "Use immersion heater, mas quando a eletricidade está cara use gas boiler.",
        "immersion heater ব্যবহার করুন, কিন্তু বিদ্যুতের দাম বেশি হলে gas boiler ব্যবহার করুন।",
        "immersion heater चलाएँ, लेकिन जब बिजली महँगी हो तब gas boiler चलाएँ।",
    )),
    (HOT, "extractor", "skylight", "a gale is blowing", "the air is still", (
        "Do not open the skylight in a gale, use the extractor then. Otherwise the skylight is better.",
        "Bei Sturm das skylight nicht öffnen, dann den extractor nehmen. Sonst ist das skylight besser.",
        "Ne pas ouvrir skylight en pleine tempête, utiliser alors extractor. Sinon skylight est mieux.",
        "No abra skylight con vendaval, use entonces extractor. En otro caso skylight es mejor.",
        "Não abra skylight com vendaval, use então extractor. Fora isso, skylight é melhor.",
        "ঝড় হলে skylight খুলবেন না, তখন extractor চালান। না হলে skylight ভালো।",
        "आँधी में skylight न खोलें, तब extractor चलाएँ। नहीं तो skylight बेहतर है।",
    )),
    (STALE, "quiet blower", "big blower", "guests are in the hall", "the hall is empty", (
        "While guests are in the hall use the quiet blower, otherwise the big blower.",
        "Solange Gäste im Saal sind, den quiet blower nehmen, sonst den big blower.",
        "Tant que des invités sont dans la salle, utiliser quiet blower, sinon big blower.",
        "Mientras haya invitados en la sala use quiet blower; si no, big blower.",
        "Enquanto houver convidados no salão use quiet blower; senão, big blower.",
        "হলে অতিথি থাকলে quiet blower ব্যবহার করুন, না হলে big blower ব্যবহার করুন।",
        "जब तक हॉल में मेहमान हों quiet blower चलाएँ, नहीं तो big blower चलाएँ।",
    )),
    (DIM, "floor lamp", "ceiling lamp", "the hens are asleep", "the hens are awake", (
        "Prefer the ceiling lamp to the floor lamp, except while the hens are asleep.",
        "Die ceiling lamp der floor lamp vorziehen, außer wenn die Hühner schlafen.",
        "Préférer ceiling lamp à floor lamp, sauf pendant que les poules dorment.",
        "Prefiera ceiling lamp a floor lamp, salvo mientras las gallinas duermen.",
        "Prefira ceiling lamp a floor lamp, exceto enquanto as galinhas dormem.",
        "মুরগিরা ঘুমিয়ে থাকার সময় ছাড়া floor lamp এর চেয়ে ceiling lamp ভালো।",
        "मुर्गियों के सोते समय को छोड़कर floor lamp की जगह ceiling lamp बेहतर है।",
    )),
    (WET, "bypass valve", "weir gate", "the weir gate is being painted", "no work on the weir gate", (
        "The weir gate is the normal choice; while it is being painted use the bypass valve.",
        "Das weir gate ist die übliche Wahl; während es gestrichen wird, das bypass valve nehmen.",
        "weir gate est le choix normal ; pendant qu'on repeint, utiliser bypass valve.",
        "weir gate es lo normal; mientras se está pintando, use bypass valve.",
        "weir gate é a escolha normal; enquanto está sendo pintado, use bypass valve.",
        "সাধারণত weir gate ব্যবহার করুন; এটি রং করার সময় bypass valve ব্যবহার করুন।",
        "आम तौर पर weir gate चलाएँ; जब उस पर रंग हो रहा हो तब bypass valve चलाएँ।",
    )),
    (COLD, "oil burner", "pellet stove", "the pellet store is empty", "the pellet store is full", (
        "If the pellet store is empty use the oil burner, otherwise the pellet stove.",
        "Wenn das Pelletlager leer ist, den oil burner nehmen, sonst den pellet stove.",
        "Si la réserve de granulés est vide, utiliser oil burner, sinon pellet stove.",
        "Si el depósito de pellets está vacío use oil burner; si no, pellet stove.",
        "Se o depósito de pellets estiver vazio use oil burner; senão, pellet stove.",
        "পেলেটের ভাণ্ডার খালি হলে oil burner ব্যবহার করুন, না হলে pellet stove ব্যবহার করুন।",
        "पेलेट का भंडार खाली हो तो oil burner चलाएँ, नहीं तो pellet stove चलाएँ।",
    )),
    (HOT, "awning", "cold store fan", "it is July", "it is January", (
        "In summer use the awning, for the rest of the year the cold store fan.",
        "Im Sommer die awning nehmen, im übrigen Jahr den cold store fan.",
        "En été, utiliser awning, le reste de l'année cold store fan.",
        "En verano use awning; el resto del año, cold store fan.",
        "No verão use awning; no resto do ano, cold store fan.",
        "গ্রীষ্মকালে awning ব্যবহার করুন, বছরের বাকি সময় cold store fan ব্যবহার করুন।",
        "गर्मियों में awning चलाएँ, साल के बाकी समय cold store fan चलाएँ।",
    )),
    (DIM, "spotlight", "porch light", "exam week", "ordinary week", (
        "The porch light is not allowed in exam weeks; use the spotlight then. Else the porch light.",
        "In Prüfungswochen ist das porch light nicht erlaubt, dann das spotlight nehmen. Sonst das porch light.",
        "porch light est interdit pendant les semaines d'examens ; prendre alors spotlight. Sinon porch light.",
        "porch light no se permite en semanas de exámenes; use entonces spotlight. Si no, porch light.",
        "porch light não é permitido em semanas de provas; use então spotlight. Senão, porch light.",
        "পরীক্ষার সপ্তাহে porch light চালানো যাবে না; তখন spotlight চালান। অন্য সময় porch light চালান।",
        "परीक्षा के हफ़्तों में porch light की अनुमति नहीं है; तब spotlight चलाएँ। नहीं तो porch light चलाएँ।",
    )),
    (HOT, "ice tank", "air compressor", "a concert is being recorded", "no recording today", (
        "When a concert is being recorded take the ice tank; at other times the air compressor.",
        "Wenn ein Konzert aufgenommen wird, den ice tank nehmen, zu anderen Zeiten den air compressor.",
        "Quand on enregistre un concert, prendre ice tank ; le reste du temps, air compressor.",
        "Cuando se graba un concierto tome ice tank; en otros momentos, air compressor.",
        "Quando um concerto está sendo gravado use ice tank; em outros momentos, air compressor.",
        "কনসার্ট রেকর্ড হলে ice tank নিন; অন্য সময় air compressor নিন।",
        "जब संगीत कार्यक्रम की रिकॉर्डिंग हो तब ice tank लें; बाकी समय air compressor लें।",
    )),
    (FLAT, "diesel set", "inverter", "battery charge 18 %", "battery charge 74 %", (
        "Use the inverter, but below 30 % battery charge the diesel set.",
        "Den inverter nehmen, aber unter 30 % Batterieladung das diesel set.",
        "Utiliser inverter, mais au-dessous de 30 % de charge de la batterie, diesel set.",
        "Use inverter, pero por debajo del 30 % de carga de la batería use diesel set.",
        "Use inverter, mas abaixo de 30 % de carga da bateria use diesel set.",
        "inverter ব্যবহার করুন, কিন্তু ব্যাটারির চার্জ 30 % এর কম হলে diesel set ব্যবহার করুন।",
        "inverter चलाएँ, लेकिन बैटरी का चार्ज 30 % से कम हो तो diesel set चलाएँ।",
    )),
    (COLD, "ramp heater", "wall heater", "a delivery is expected", "no delivery expected", (
        "When a delivery is expected use the ramp heater, otherwise the wall heater.",
        "Wenn eine Lieferung erwartet wird, den ramp heater nehmen, sonst den wall heater.",
        "Quand une livraison est attendue, utiliser ramp heater, sinon wall heater.",
        "Cuando se espera una entrega use ramp heater; si no, wall heater.",
        "Quando se espera uma entrega use ramp heater; senão, wall heater.",
        "মাল আসার কথা থাকলে ramp heater ব্যবহার করুন, না হলে wall heater ব্যবহার করুন।",
        "जब माल आने वाला हो तब ramp heater चलाएँ, नहीं तो wall heater चलाएँ।",
    )),
    (STALE, "south louvre", "north louvre", "smoke outside", "clear air outside", (
        "Keep to the north louvre, unless there is smoke outside; then take the south louvre.",
        "Bei der north louvre bleiben, außer wenn draußen Rauch ist; dann die south louvre nehmen.",
        "Rester sur north louvre, sauf s'il y a de la fumée dehors ; prendre alors south louvre.",
        "Quédese con north louvre, a menos que haya humo fuera; entonces tome south louvre.",
        "Fique com north louvre, a menos que haja fumaça lá fora; então use south louvre.",
        "north louvre ব্যবহার করুন, তবে বাইরে ধোঁয়া থাকলে south louvre নিন।",
        "north louvre ही चलाएँ, पर बाहर धुआँ हो तो south louvre लें।",
    )),
    (WET, "upper sluice", "lower sluice", "the river is in flood", "the river is calm", (
        "If the river is in flood open the upper sluice, otherwise the lower sluice.",
        "Wenn der Fluss Hochwasser führt, die upper sluice öffnen, sonst die lower sluice.",
        "Si la rivière est en crue, ouvrir upper sluice, sinon lower sluice.",
        "Si el río está crecido abra upper sluice; si no, lower sluice.",
        "Se o rio estiver em cheia abra upper sluice; senão, lower sluice.",
        "নদীতে বন্যা হলে upper sluice খুলুন, না হলে lower sluice খুলুন।",
        "नदी में बाढ़ हो तो upper sluice खोलें, नहीं तो lower sluice खोलें।",
    )),
    (DRY, "drip line", "mist nozzle", "bees are flying", "no bees about", (
        "The mist nozzle is better than the drip line, but not while bees are flying.",
        "Die mist nozzle ist besser als die drip line, aber nicht, solange Bienen fliegen.",
        "mist nozzle est mieux que drip line, mais pas pendant que les abeilles volent.",
        "mist nozzle es mejor que drip line, pero no mientras vuelan las abejas.",
        "mist nozzle é melhor que drip line, mas não enquanto as abelhas voam.",
        "mist nozzle drip line এর চেয়ে ভালো, কিন্তু মৌমাছি ওড়ার সময় নয়।",
        "mist nozzle, drip line से बेहतर है, लेकिन जब मधुमक्खियाँ उड़ रही हों तब नहीं।",
    )),
]


def cases():
    """A case for each language, note and side of its condition; the candidates' order turns from one to the next."""
    for language, name in enumerate(LANGUAGES):
        for number, ((fact, effect), held, other, holds, fails, texts) in enumerate(NOTES):
            for side, (world, wanted) in enumerate(((holds, held), (fails, other))):
                devices = [held, other] if number % 2 else [other, held]
                candidates = [f"{device} on" for device in devices] + ["do nothing", "call the keeper"]
                turn = (number // 2 + side) % len(candidates)
                candidates = candidates[turn:] + candidates[:turn]
                yield {
                    "id": f"{name}-{number}-{side}",
                    "kind": name,
                    "prefix": f"You look after a farm. Choose what to do now.\nNotes of the keeper: {texts[language]}\n",
                    "state": f"Now: {fact}; {world}.\nDo:",
                    "candidates": candidates,
                    "want": candidates.index(f"{wanted} on"),
                    "notes": [texts[language]],
                    "facts": [fact],
                    "world": [world],
                    "devices": [{"name": device, "effect": effect} for device in devices],
                }


if __name__ == "__main__":
    for case in cases():
        print(json.dumps(case, ensure_ascii=False))
