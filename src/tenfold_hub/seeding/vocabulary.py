"""Words that made-up people and companies are named by. No address or number of it can be anybody's.

Domains are of those that RFC 2606 keeps for examples; numbers of the ranges that the authorities of a country
keep for fiction (NANPA 555-01XX, Ofcom's drama numbers, Arcep's 01 99 00 and its kin).
"""

from __future__ import annotations

import unicodedata

GIVEN = (
    "Ada Adam Agnes Ahmed Aiko Alan Alba Alice Amara Amélie Amir Ana Anders Andrea Anja Anna Antoine"
    " Arjun Astrid Aylin Beatriz Ben Bianca Björn Bruno Camille Carla Carlos Carmen Cem Chiara Chloé"
    " Clara Claudia Clément Daniel David Diego Dilan Dora Eduardo Elena Elif Elin Ella Emil Emma Enzo"
    " Erik Esra Eva Fatima Felix Finn Florence Francesca Frank Freya Gabriel George Giulia Grace Greta"
    " Gustav Hana Hannah Harriet Hassan Heidi Helena Henrik Hugo Ida Ines Ingrid Irene Isabel Ivan Jack"
    " Jakob James Jan Jana Javier Jens Joana Johanna John Jonas Josef Julia Jun Kaan Karin Karl Kenji"
    " Kira Klara Lars Laura Lea Leo Leon Leyla Lina Linda Louis Lucia Lukas Luis Maja Malik Marco Maria"
    " Marie Marta Martin Mateo Mathilde Max Maya Mehmet Mei Mia Miguel Mila Mohamed Mona Nadia Nina Noah"
    " Nora Olga Oliver Olivia Omar Oscar Pablo Patricia Paul Paula Pedro Peter Petra Philip Priya Rahul"
    " Rania Robert Rosa Ruth Samir Sara Simon Sofia Sven Tara Theo Thomas Tim Ursula Victor Yara"
).split()

FAMILY = (
    "Abbott Acosta Adler Aguilar Ahlberg Akgün Albrecht Almeida Alvarez Andersen Andersson Araujo"
    " Arslan Aydin Bailey Baker Barbieri Barros Bauer Baumann Becker Bennett Berg Bergström Bernard"
    " Bianchi Blanc Bonnet Braun Brandt Brooks Brown Bruno Busch Calvo Campbell Campos Cardoso Carlsson"
    " Caruso Castillo Castro Chaudhry Chen Clark Clarke Colombo Conti Cooper Correia Costa Cruz Dahl"
    " Davies Delgado Demir Desai Diaz Dietrich Doğan Dubois Dupont Durand Ebert Edwards Eriksson"
    " Esposito Evans Fernandes Ferrari Fischer Fontaine Foster Franke Friedrich Fuchs Fujita Fuentes"
    " Gallo García Gardner Garnier Gauthier Gilbert Giordano Gomes Gonzales Graf Graham Greco Green"
    " Grimm Günther Gupta Gutiérrez Haas Hahn Hall Hamilton Hansen Harris Hartmann Hassan Hayashi"
    " Heinrich Henderson Hernandez Herrmann Hill Hoffmann Holm Howard Huber Hughes Hussain Ibrahim Iyer"
    " Jackson Jacobs Jäger Jain Jansen Janssen Jensen Jiménez Johansson Johnson Jones Joshi Jung Kaiser"
    " Kaplan Karlsson Kaya Keller Kelly Khan Kim King Klein Knight Koch Kowalski Krause Krüger Kühn"
    " Kumar Lambert Lang Larsen Larsson Laurent Lee Lefebvre Lehmann Leroy Lewis Lindberg Lindqvist"
    " Lombardi Lopes Lopez Lorenz Ludwig Lund Madsen Maier Marchetti Marino Martin Martins Mason Mayer"
    " Mehta Meier Mendes Mercier Meyer Miller Mitchell Möller Moore Morales Moreau Moretti Morgan Moreno"
    " Morris Mueller Müller Murphy Nakamura Navarro Nelson Neumann Nguyen Nielsen Nilsson Novak Nowak"
    " Nunes Olsen Olsson Ortega Ortiz Otto Owens Özdemir Öztürk Palmer Parker Patel Pereira Perez Perrin"
    " Persson Petersen Petit Pfeiffer Pinto Pohl Popescu Powell Price Ramos Rao Reed Reis Reyes Ricci"
    " Richter Riley Rinaldi Rivera Roberts Robin Robinson Rocha Romano Romero Rossi Roth Rousseau Roux"
    " Ruiz Russo Ryan Şahin Saito Sanchez Santos Sato Sauer Schäfer Scholz Schmidt Schmitt Schneider"
    " Schröder Schubert Schulz Schwarz Scott Seidel Serra Shah Sharma Silva Simon Singh Smith Soares"
    " Sousa Stein Suzuki Svensson Takahashi Tanaka Taylor Teixeira Thomas Thompson Torres Turner Vargas"
    " Vasquez Vidal Vogel Vogt Wagner Walker Walter Wang Watson Weber Weiss Werner White Wilson Winkler"
    " Winter Wolf Wright Yamamoto Yıldız Young"
).split()

FIRST_OF_COMPANY = (
    "Alder Amber Anchor Apex Arbor Aspen Atlas Aurora Beacon Birch Blue Bright Canal Cedar Civic Clear"
    " Cobalt Copper Coral Crescent Delta Dune Eastern Ember Evergreen Falcon Fern First Fjord Forge"
    " Garnet Glacier Golden Granite Green Harbour Hazel Heron High Horizon Iron Ivory Juniper Keystone"
    " Lakeside Lantern Larch Laurel Linden Lumen Lunar Maple Marble Meadow Meridian Mill Mosaic Nimbus"
    " North Oak Ocean Olive Onyx Opal Orchard Osprey Pacific Pebble Pine Pioneer Polar Prairie Quarry"
    " Quartz Quiet Rapid Raven Red Ridge River Rowan Sable Saffron Sage Sandstone Silver Slate Solar"
    " Southern Spruce Sterling Stone Summit Swift Tidal Timber Topaz Umber Union Upland Vale Velvet"
    " Verdant Vista Western Willow Winter"
).split()

SECOND_OF_COMPANY = (
    "Analytics Apparel Automation Bakery Books Brewing Builders Capital Care Chemicals Clinics Clothing"
    " Consulting Components Dairy Data Dental Design Devices Dynamics Energy Engineering Farms Finance"
    " Fitness Foods Freight Furniture Gardens Glass Health Homes Hotels Insurance Interiors Kitchens"
    " Labs Learning Legal Lighting Logistics Machinery Marine Markets Media Metals Mobility Motors"
    " Networks Optics Outdoor Packaging Paper Pharma Plastics Power Press Printing Properties Robotics"
    " Security Shipping Software Sports Steel Studios Supply Systems Tea Textiles Tools Toys Trading"
    " Travel Vineyards Water Wines Works"
).split()

INDUSTRIES = (
    "agriculture", "construction", "education", "energy", "finance", "food", "health", "hospitality",
    "logistics",
    "manufacturing", "media", "property", "retail", "software", "telecommunications", "travel",
)  # fmt: skip
#: Of a company: how it is called, the fewest and the most people.
SIZES = (
    ("1-10", 1, 10),
    ("11-50", 11, 50),
    ("51-200", 51, 200),
    ("201-1000", 201, 1000),
    ("1001+", 1001, 9000),
)

JOBS = (
    ("Head of Sales", "Sales"), ("Account Manager", "Sales"), ("Sales Director", "Sales"),
    ("Buyer", "Purchasing"),
    ("Head of Purchasing", "Purchasing"), ("Marketing Manager", "Marketing"), ("Content Editor", "Marketing"),
    ("Chief Executive", "Management"), ("Managing Director", "Management"),
    ("Chief Financial Officer", "Finance"),
    ("Accountant", "Finance"), ("Engineer", "Engineering"), ("Head of Engineering", "Engineering"),
    ("IT Manager", "IT"), ("System Administrator", "IT"), ("Operations Manager", "Operations"),
    ("Office Manager", "Operations"), ("Customer Success Manager", "Support"), ("HR Manager", "People"),
    ("Warehouse Manager", "Logistics"),
)  # fmt: skip

#: Of a contact: its language, and its time zone.
PLACES = (("en", "America/New_York"), ("en", "Europe/London"), ("fr", "Europe/Paris"))
SOURCES = ("website", "referral", "event", "import", "advertisement", "partner", "newsletter")
TAGS = (
    "vip", "newsletter", "partner", "press", "trial", "renewal", "at risk", "reference", "beta", "event 2025",
    "wholesale", "do not call",
)  # fmt: skip
COLOURS = ("#c0392b", "#2980b9", "#27ae60", "#8e44ad", "#d35400", "#16a085")

DEALS = ("renewal", "first order", "rollout", "extension", "framework contract", "pilot", "upgrade")
SUBJECTS = {
    "call": ("Introduction", "Asked for an offer", "Follow-up on the offer", "Question about an invoice"),
    "meeting": ("Demonstration", "Visit on site", "Quarterly review", "Contract talk"),
    "email": ("Thanks for the meeting", "Our offer", "Dates for a demonstration"),
    "task": ("Send the offer", "Prepare the contract", "Call back", "Check the references"),
}
NOTES = (
    "Prefers to be called in the morning.", "Decides together with finance.", "Budget is set in the autumn.",
    "Compares us with two others.", "Wants to begin with one site.", "Knows us from the trade fair.",
)  # fmt: skip

PRODUCTS = (
    ("Desk lamp", 4900), ("Office chair", 28900), ("Standing desk", 54900), ("Monitor arm", 11900),
    ("Keyboard", 8900), ("Headset", 12900), ("Notebook, set of five", 1900), ("Fountain pen", 3900),
    ("Whiteboard", 15900), ("Coffee beans, 1 kg", 2400), ("Tea box", 1800), ("Water bottle", 2900),
    ("Backpack", 8900), ("Travel mug", 2700), ("Support, one month", 9900), ("Support, one year", 99000),
    ("Training day", 120000), ("Installation", 45000), ("Spare battery", 5900), ("Carrying case", 4500),
)  # fmt: skip

_AREAS_OF_AMERICA = [code for code in range(201, 990) if code % 100 != 11 and code // 10 % 10 != 9]
_DRAMA = (
    "113496", "114496", "115496", "116496", "117496", "118496", "121496", "131496", "141496", "151496",
    "161496",
    "191498", "207946", "287939", "292018", "7700900",
)  # fmt: skip
_FRENCH = ("19900", "26191", "35301", "46571", "53649", "63998")


def numbers() -> list[tuple[str, int]]:
    """Every number in E.164, and its place among PLACES; neighbours are of different countries and areas."""
    american = [f"+1{area}55501{line:02}" for line in range(100) for area in _AREAS_OF_AMERICA]
    british = [f"+44{area}{line:0{10 - len(area)}}" for line in range(1000) for area in _DRAMA]
    french = [f"+33{area}{line:04}" for line in range(10_000) for area in _FRENCH]
    return [(number, place) for place, of in enumerate((american, british, french)) for number in of]


def ascii_of(word: str) -> str:
    """As it stands in an address."""
    spelled = word.lower().translate({ord("ö"): "oe", ord("ä"): "ae", ord("ü"): "ue", ord("ı"): "i"})
    decomposed = unicodedata.normalize("NFKD", spelled)
    return "".join(char for char in decomposed if char.isascii() and (char.isalnum() or char == "-"))
