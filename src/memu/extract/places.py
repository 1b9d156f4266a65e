"""Cities, regions and countries that the rules know by name: what tells that somebody moved, not which places exist."""

from functools import cache
from typing import Literal

Level = Literal["city", "region", "country"]

_CITIES = """
Aachen, Aarhus, Aberdeen, Abu Dhabi, Abuja, Accra, Addis Ababa, Adelaide, Ahmedabad, Albuquerque, Aleppo, Alexandria,
Algiers, Alicante, Almaty, Amman, Amsterdam, Anchorage, Ankara, Annecy, Antalya, Antwerp, Arles, Arnhem, Asunción,
Athens, Atlanta, Auckland, Augsburg, Austin, Avignon, Baghdad, Baku, Baltimore, Bamako, Bangalore, Bangkok, Barcelona,
Bari, Basel, Bath, Beijing, Beirut, Belfast, Belgrade, Bergen, Berkeley, Berlin, Bern, Bilbao, Birmingham, Bochum,
Bogotá, Bologna, Bonn, Bordeaux, Boston, Boulder, Brasília, Bratislava, Braunschweig, Bremen, Breslau, Brest, Brighton,
Brisbane, Bristol, Brno, Bruges, Brussels, Bucharest, Budapest, Buenos Aires, Buffalo, Burgas, Bursa, Busan, Cádiz,
Cairo, Calgary, Cali, Cambridge, Canberra, Cancún, Cape Town, Caracas, Cardiff, Cartagena, Casablanca, Catania,
Charleston, Charlotte, Chemnitz, Chengdu, Chennai, Chicago, Christchurch, Cincinnati, Cleveland, Cluj, Coimbra, Cologne,
Colombo, Columbus, Copenhagen, Córdoba, Cork, Coventry, Cracow, Curitiba, Cusco, Dakar, Dallas, Damascus, Darmstadt,
Delft, Delhi, Denver, Derby, Detroit, Dhaka, Dijon, Doha, Dortmund, Dresden, Dubai, Dublin, Dubrovnik, Duisburg, Dundee,
Durban, Durham, Düsseldorf, Edinburgh, Edmonton, Eindhoven, Erfurt, Erlangen, Essen, Exeter, Faro, Florence, Frankfurt,
Freiburg, Fukuoka, Galway, Gdansk, Geneva, Genoa, Ghent, Giza, Glasgow, Gothenburg, Göttingen, Granada, Graz, Grenoble,
Groningen, Guadalajara, Guangzhou, Guayaquil, Haifa, Halifax, Halle, Hamburg, Hangzhou, Hannover, Hanoi, Harare, Havana,
Heidelberg, Helsinki, Heraklion, Hiroshima, Ho Chi Minh City, Hong Kong, Honolulu, Houston, Hyderabad, Indianapolis,
Innsbruck, Islamabad, Istanbul, Izmir, Jaipur, Jakarta, Jena, Jerusalem, Johannesburg, Kabul, Kampala, Kansas City,
Karachi, Karlsruhe, Kassel, Kathmandu, Kaunas, Khartoum, Kiel, Kigali, Kingston, Kinshasa, Klagenfurt, Kobe, Kochi,
Kolkata, Konstanz, Kraków, Kuala Lumpur, Kyiv, Kyoto, La Paz, Lagos, Lahore, Las Vegas, Lausanne, Leeds, Leicester,
Leiden, Leipzig, Leuven, Lille, Lima, Limassol, Limerick, Lincoln, Linz, Lisbon, Liverpool, Ljubljana, Łódź, London,
Los Angeles, Louisville, Luanda, Lübeck, Lucerne, Lugano, Lusaka, Luxembourg, Lviv, Lyon, Maastricht, Macau, Madrid,
Magdeburg, Mainz, Málaga, Malmö, Managua, Manchester, Manila, Mannheim, Maputo, Marrakesh, Marseille, Medellín,
Melbourne, Memphis, Mexico City, Miami, Milan, Milwaukee, Minneapolis, Minsk, Monaco, Montevideo, Montpellier, Montreal,
Moscow, Mumbai, Munich, Münster, Nagoya, Nairobi, Nantes, Naples, Nashville, New Delhi, New Orleans, New York,
New York City, Newcastle, Nice, Nicosia, Norwich, Nottingham, Nuremberg, Oakland, Odense, Odesa, Oporto, Oran, Orlando,
Osaka, Oslo, Ostrava, Ottawa, Oulu, Oxford, Padua, Palermo, Panama City, Paris, Parma, Passau, Perth, Perugia,
Philadelphia, Phnom Penh, Phoenix, Pisa, Pittsburgh, Plovdiv, Plymouth, Porto, Portland, Porto Alegre, Portsmouth,
Potsdam, Poznan, Prague, Pretoria, Pune, Quebec City, Quito, Rabat, Raleigh, Reading, Recife, Regensburg, Rennes,
Reykjavik, Richmond, Riga, Rijeka, Rio de Janeiro, Riyadh, Rome, Rosario, Rostock, Rotterdam, Rouen, Saarbrücken,
Sacramento, Saint Petersburg, Salamanca, Salt Lake City, Salvador, Salzburg, San Antonio, San Diego, San Francisco,
San José, San Jose, San Juan, San Sebastián, Santa Cruz, Santiago, Santo Domingo, São Paulo, Sapporo, Sarajevo, Seattle,
Seoul, Seville, Shanghai, Sheffield, Shenzhen, Siena, Singapore, Skopje, Sofia, Southampton, Split, Stavanger,
St. Gallen, St. Louis, St. Petersburg, Stockholm, Strasbourg, Stuttgart, Surat, Sydney, Szczecin, Szeged, Taipei,
Tallinn, Tampa, Tampere, Tangier, Tartu, Tashkent, Tbilisi, Tehran, Tel Aviv, The Hague, Thessaloniki, Tianjin, Tirana,
Tokyo, Toledo, Toronto, Toulouse, Trieste, Tripoli, Tromsø, Trondheim, Tübingen, Tucson, Tunis, Turin, Turku, Ulm,
Uppsala, Utrecht, Valencia, Valletta, Vancouver, Varna, Venice, Verona, Vicenza, Victoria, Vienna, Vilnius, Warsaw,
Washington, Weimar, Wellington, Winnipeg, Wolfsburg, Wroclaw, Wuhan, Wuppertal, Würzburg, Yangon, Yerevan, Yokohama,
York, Zagreb, Zaragoza, Zurich
"""
_REGIONS = """
Alabama, Alaska, Alberta, Andalusia, Arizona, Arkansas, Bavaria, British Columbia, Brittany, California, Catalonia,
Colorado, Connecticut, Cornwall, Delaware, England, Florida, Hawaii, Idaho, Illinois, Indiana, Iowa, Kansas, Kentucky,
Kerala, Lombardy, Louisiana, Maine, Maryland, Massachusetts, Michigan, Minnesota, Mississippi, Missouri, Montana,
Nebraska, Nevada, New Hampshire, New Jersey, New Mexico, New South Wales, Normandy, North Carolina, Northern Ireland,
Ohio, Oklahoma, Ontario, Oregon, Pennsylvania, Provence, Queensland, Rhode Island, Saxony, Scotland, Sicily,
South Carolina, Tennessee, Texas, Tuscany, Utah, Vermont, Virginia, Wales, West Virginia, Wisconsin, Wyoming
"""
_COUNTRIES = """
Albania, Algeria, America, Argentina, Armenia, Australia, Austria, Bangladesh, Belgium, Bolivia, Brazil, Britain,
Bulgaria, Cambodia, Cameroon, Canada, Chile, China, Colombia, Costa Rica, Croatia, Cuba, Cyprus, Czechia, Denmark,
Ecuador, Egypt, Estonia, Ethiopia, Finland, France, Germany, Ghana, Great Britain, Greece, Greenland, Guatemala,
Honduras, Hungary, Iceland, India, Indonesia, Iran, Iraq, Ireland, Israel, Italy, Jamaica, Japan, Jordan, Kazakhstan,
Kenya, Kosovo, Latvia, Lebanon, Lithuania, Malaysia, Malta, Mexico, Moldova, Mongolia, Montenegro, Morocco, Mozambique,
Nepal, New Zealand, Nicaragua, Nigeria, Norway, Pakistan, Panama, Paraguay, Peru, Poland, Portugal, Romania, Russia,
Rwanda, Saudi Arabia, Senegal, Serbia, Slovakia, Slovenia, South Africa, South Korea, Spain, Sri Lanka, Sweden,
Switzerland, Syria, Taiwan, Tanzania, Thailand, the Netherlands, the Philippines, the UK, the US, the USA,
the United Kingdom, the United States, Tunisia, Turkey, Uganda, Ukraine, Uruguay, Venezuela, Vietnam, Zambia, Zimbabwe
"""
_ALSO = {
    "Bengaluru": "Bangalore",
    "Bombay": "Mumbai",
    "Calcutta": "Kolkata",
    "Den Haag": "The Hague",
    "Firenze": "Florence",
    "Genève": "Geneva",
    "Hanover": "Hannover",
    "Köln": "Cologne",
    "Kiev": "Kyiv",
    "København": "Copenhagen",
    "Lisboa": "Lisbon",
    "Milano": "Milan",
    "München": "Munich",
    "NYC": "New York",
    "Nürnberg": "Nuremberg",
    "Praha": "Prague",
    "Roma": "Rome",
    "Saigon": "Ho Chi Minh City",
    "Torino": "Turin",
    "Wien": "Vienna",
    "Zürich": "Zurich",
    "Breslau": "Wroclaw",
    "Cracow": "Kraków",
    "Oporto": "Porto",
    "New York City": "New York",
    "St. Petersburg": "Saint Petersburg",
    "San Jose": "San José",
    "America": "the USA",
    "the US": "the USA",
    "the United States": "the USA",
    "Britain": "the UK",
    "Great Britain": "the UK",
    "the United Kingdom": "the UK",
}
"""Other names of places in the lists."""

CAPITAL_ONLY = frozenset({"bath", "essen", "halle", "nice", "reading", "split", "turkey"})
"""Names that are words as well, when they are written small."""


@cache
def places() -> dict[str, tuple[Level, str]]:
    """For each known name, in small letters: what kind of place it is, and what the place is called here."""
    known: dict[str, tuple[Level, str]] = {}
    lists: tuple[tuple[Level, str], ...] = (("country", _COUNTRIES), ("region", _REGIONS), ("city", _CITIES))
    for level, names in lists:
        for name in " ".join(names.split()).split(", "):
            known[name.casefold()] = (level, name)
    for name, other in _ALSO.items():
        known[name.casefold()] = known[other.casefold()]
    return known
