"""The words by which the default categories are known: for each category, patterns and how sure each makes."""

from memu.extract.patterns import LazyPattern, any_of, lazy

Clue = tuple[LazyPattern, float]


def _word(alternatives: str) -> LazyPattern:
    return lazy(rf"\b{any_of(alternatives)}\b")


_KIN = (
    "mum mom mother mam dad father parents? sisters? brothers? siblings? wife husband spouse sons? daughters? kids? child "
    "children baby babies toddler twins? grand\\w+ gran grandad nan nana aunt\\w* uncle cousins? nephew niece godson goddaughter "
    "god\\w+ in-laws? mother-in-law father-in-law sister-in-law brother-in-law family famil\\w+ stepson stepdaughter"
)
_BONDS = (
    "friends? friendship girlfriend boyfriend partner fianc[ée]e? ex dating date married marry marries engaged wedding divorced? "
    "separated broke\\s+up split\\s+up together\\s+for proposed pregnant roommates? flatmates? neighbou?rs? colleagues? mate mates "
    "buddy crush couple relationship love\\s+with get\\s+on get\\s+along in\\s+touch"
)
_PETS = (
    "dogs? puppy puppies cats? kittens? pets? hamster rabbit bunny parrot turtles? tortoise goldfish horse pony guinea\\s+pigs? "
    "vet vet's adopted rescue greyhound labrador terrier"
)
_SPORTS = (
    "run running runs ran race races marathon half-marathon jog jogging bike biking bicycle cycling cycled swim swims swimming swam hike "
    "hikes hiking hiked climb climbing climbed yoga pilates gym workout football soccer tennis basketball badminton golf hockey "
    "rugby cricket volleyball ski skiing snowboard\\w* surf surfing sail sailing row rowing kayak\\w* skat\\w+ box\\w*ing karate judo "
    "judo martial\\s+arts training trains? sport sports? team match tournament"
)
_HOBBIES = (
    "guitar bass piano violin drums? cello flute ukulele band gigs? concert songs? sing sings singing sang choir rehears\\w+ music "
    "musician album playlist paint paints painting painted draw draws drawing sketch\\w* pottery ceramics knit\\w* sew sewing sewn crochet "
    "embroider\\w* garden gardening gardens allotment cook cooks cooking cooked bake bakes baking baked recipe novel novels book "
    "books reading comic movie movies film films series show theatre theater play plays playing played game games gaming gamer "
    "chess puzzle boardgame board\\s+games? cards danc\\w+ ballet photo\\w* camera camp camping fishing birdwatching astronomy "
    "telescope model\\s+\\w+ woodwork\\w* carv\\w+ craft\\w* origami volunteer\\w* club hobby hobbies podcast blog museum gallery exhibition "
    "festival picnic beach sewing costume skate puzzles quiz pub"
)
_WORK = (
    "work works working worked job jobs office boss manager colleagues? coworkers? co-workers? clients? customers? company firm employer "
    "employees? salary wage raise promotion promoted hired? fired redundan\\w+ resign\\w* notice career interview interviewed shift shifts "
    "business startup start-up studio project projects presentation deadline meeting contract freelance\\w* self-employed invoice "
    "budget staff team\\s+lead conference internship intern apprentice\\w* retire\\w* unemployed profession professional overtime"
)
_JOBS = (
    "nurse doctor teacher engineer developer programmer designer lawyer accountant chef baker driver pilot journalist editor "
    "architect electrician plumber carpenter scientist researcher analyst consultant barista waiter waitress librarian "
    "mechanic farmer warden treasurer chair chairman chairwoman secretary director head\\s+of ceo cto founder"
)
_STUDY = (
    "school university college uni class classes course courses degree master['’]?s bachelor['’]?s phd doctorate thesis dissertation "
    "exam exams study studies studying studied student students lecture lectures professor homework semester term marks? marked "
    "graduat\\w+ training scholarship papers pupils lesson lessons"
)
_TECH = (
    "app apps api backend frontend database databases sqlite postgres\\w* mysql python javascript typescript rust java fastapi django "
    "flask react server servers deploy\\w* code coding codebase repo repository commit bug bugs release software website page "
    "query queries schema table tables index docker kubernetes test tests endpoint feature features mock-?ups?"
)
_LIKING = (
    "prefer prefers preferred preference favou?rites? love loves loved like likes liked enjoy enjoys enjoyed hate hates hated dislike "
    "dislikes can['’]?t\\s+stand can['’]?t\\s+bear fan\\s+of fond\\s+of obsessed crazy\\s+about addicted vegan vegetarian sweet\\s+tooth "
    "rather instead\\s+of no\\s+more don['’]?t\\s+(?:like|eat|drink|want) do\\s+not\\s+(?:like|eat|drink|want) doesn['’]?t\\s+(?:like|eat|drink) "
    "would\\s+rather craving allergic\\s+to picky taste tastes"
)
_VIEWS = (
    "think thinks thought believe believes opinion view reckon reckons suppose overrated underrated agree disagree worth\\s+it "
    "in\\s+my honestly frankly better best worse worst too annoying\\w* boring beautiful ugly horrible terrible awful lovely wonderful "
    "amazing brilliant fantastic great perfect ridiculous\\w* stupid silly unfair fair wrong important scared afraid terrified worried "
    "embarrassed nervous anxious ashamed proud thrilled happy unhappy sad angry cross furious disappoint\\w* feel feels felt feeling miss "
    "misses mind comfortable simplest easiest hardest nicest favourite hope"
)
_SELF = (
    "my\\s+name call\\s+me i['’]?m\\s+called years\\s+old birthday born grew\\s+up hometown home\\s+town nationality citizen passport address "
    "phone\\s+number postcode allerg\\w+ asthma diabet\\w+ diagnos\\w+ migraine blood surgery operation hospital injur\\w+ broke\\s+my broken "
    "wrist ankle knee shoulder shin fracture\\w* physio glasses height heights weight ill illness sick tooth teeth dentist surgeon gp health\\w* "
    "left-handed native accent mother\\s+tongue bilingual religion christian muslim jewish hindu buddhist atheist introvert extrovert "
    "zodiac maiden\\s+name pronouns"
)
_PLACE = "(?:i|we|he|she|they)(?:['’]ve|\\s+have|\\s+has|['’]s)?\\s+(?:just\\s+)?(?:live|lives|lived|moved?|moving|settled|reside)s?\\s+(?:in|to|at|near|with)"
_TRAVEL = (
    "trip trips travel\\w* journey flight flights flew fly flying airport holiday holidays vacation visited visit visiting tour cruise "
    "road\\s+trip backpack\\w* abroad train ferry hotel hostel airbnb camping hiked beach museum passport sightseeing luggage island "
    "weekend\\s+away guidebook voucher vouchers"
)
_MILESTONES = (
    "first\\s+time for\\s+the\\s+first first\\s+ever finally graduated moved won lost married born died passed\\s+away accident broke broken "
    "fell crashed stolen robbed surprise surprised party wedding funeral birthday anniversary celebrat\\w+ festival concert ceremony "
    "met bought sold found adopted opened happened cried once moved\\s+in"
)
_AIMS = (
    "plan plans planning planned goal goals aim aims dream dreams dreaming wish wishes hope hopes hoping want wants wanted intend apply "
    "applying applied saving\\s+up save\\s+up sign(?:ed|ing)?\\s+up book booked booking enrol\\w* register\\w* resolution target deadline due "
    "someday one\\s+day would\\s+like i['’]d\\s+like i['’]d\\s+love we['’]d\\s+like we['’]d\\s+love let['’]?s looking\\s+forward can['’]?t\\s+wait "
    "appointment invited ambition bucket\\s+list next\\s+(?:week|month|year|summer|spring|weekend|friday) tomorrow upcoming thinking\\s+of "
    "thinking\\s+about consider\\w* decided"
)
_FACTS = (
    "means because costs? price prices percent % how\\s+to in\\s+order\\s+to so\\s+that should must cannot allowed only called known defined "
    "consists? contains? between average usually invented discovered degrees litres? liters? km kilomet\\w+ met(?:er|re)s? centuries century capital "
    "population according\\s+to rule rules step steps needs? requires? default"
)

DEFAULT_RULES: dict[str, tuple[Clue, ...]] = {
    "personal_info": ((_word(_SELF), 0.45), (lazy(rf"\b{_PLACE}\b"), 0.45), (lazy(r"\b(?:i['’]?m|i\s+am|he['’]s|she['’]s)\s+(?:\d{1,2}\b|from\b)"), 0.4)),
    "preferences": ((_word(_LIKING), 0.45), (lazy(r"\b(?:please|dark\s+mode|british\s+english|metric|answers?\s+short|call\s+me)\b"), 0.4)),
    "relationships": ((_word(_KIN), 0.55), (_word(_BONDS), 0.45), (_word(_PETS), 0.5), (lazy(r"^(?:he|she)\b"), 0.35)),
    "activities": ((_word(_SPORTS), 0.4), (_word(_HOBBIES), 0.45)),
    "goals": ((_word(_AIMS), 0.35),),
    "experiences": ((_word(_TRAVEL), 0.35), (_word(_MILESTONES), 0.3)),
    "knowledge": ((_word(_FACTS), 0.2),),
    "opinions": ((_word(_VIEWS), 0.35),),
    "habits": (),
    "work_life": ((_word(_WORK), 0.45), (_word(_JOBS), 0.4), (_word(_STUDY), 0.4), (_word(_TECH), 0.4)),
}
"""By name of the default category; what the forms of the verbs say is added by `categories`."""
