"""The words by which the default categories are known: for each category, patterns and how sure each makes."""

from memu.extract.patterns import LazyPattern, any_of, lazy, phrases

Clue = tuple[LazyPattern, float]

_KIN = any_of(
    "mum mom mother mam dad father parents? sisters? brothers? siblings? wife husband spouse sons? daughters? kids? "
    "child children baby babies toddler twins? grand(?:mother|father|ma|pa|parents?|son|daughter|child|children|kids?) "
    "gran grandad nan nana aunt(?:ie)? uncle cousins? nephew niece god(?:son|daughter|mother|father|child) "
    "(?:mother|father|sister|brother|son|daughter)-in-law in-laws step(?:son|daughter|mother|father) famil(?:y|ies)"
)
_BONDS = any_of(
    "friends? friendship girlfriend boyfriend partner fianc[ée]e? dating married marry marries engaged wedding "
    "divorced? separated broke_up split_up pregnant roommates? flatmates? neighbou?rs? colleagues? crush "
    "relationship in_love been_together together_for known_each_other "
    "seeing_(?:each_other|someone|somebody|him|her) get_on_with get_along in_touch met_(?:his|her|my|their)"
)
_PETS = any_of(
    "dogs? pupp(?:y|ies) cats? kittens? pets? hamsters? rabbits? bunny parrot turtles? tortoise goldfish horse pony "
    "guinea_pigs? vet adopted greyhound labrador terrier poodle"
)
_SPORTS = any_of(
    "running runs ran (?:5|10|21|42)k half_marathon run(?!_(?:out|into|by|away|a|an|the|this|my|our)\\b) races? "
    "marathon jog(?:ging)? bik(?:e|es|ing) bicycle cycl(?:e|es|ing|ed) swim(?:s|ming)? swam hik(?:e|es|ing|ed) "
    "climb(?:s|ing|ed)? yoga pilates gym workouts? football soccer tennis basketball badminton golf hockey "
    "rugby cricket volleyball ski(?:s|ing|ed)? snowboard\\w* surf(?:s|ing|ed)? sail(?:s|ing|ed)? "
    "row(?:s|ing|ed) kayak\\w* skat(?:e|es|ing|ed) boxing kickboxing karate judo martial_arts sports? "
    "tournament"
)
_HOBBIES = any_of(
    "guitar bass piano violin drums? cello flute ukulele band gigs? concerts? songs? sing(?:s|ing)? sang choir "
    "rehears\\w+ music musician album playlist paint(?:s|ing|ings|ed)? draw(?:s|ing|ings)? sketch\\w* pottery "
    "ceramics knit\\w* sew(?:s|ing|n|ed)? crochet embroider\\w* garden(?:s|ing)? allotment cook(?:s|ing|ed)? "
    "bak(?:e|es|ing|ed) recipes? novels? (?:a|an|the|this|that|my|his|her|your|new|good|comic)_book books "
    "read(?:ing|s) movies? films? series theatre theater play(?:s|ing|ed)? games? gaming gamer chess puzzles? quiz "
    "board_?games? cards danc(?:e|es|ing|ed|er) ballet photograph\\w* camera camping fishing birdwatching astronomy "
    "telescope woodwork\\w* carv\\w+ craft(?:s|ing)? origami volunteer\\w* club hobb(?:y|ies) podcast museum gallery "
    "exhibition festival picnic costume"
)
_WORK = any_of(
    "work(?:s|ing|ed)? jobs? office boss manager team report_to responsible_for in_charge_of audit proposal "
    "colleagues? co-?workers? clients? customers? company firm employer employees? salary wages? raise "
    "promot(?:ion|ed) hired? fired redundan\\w+ resign\\w* notice career interview(?:s|ed)? shifts? business "
    "startup start-up studio projects? presentation deadline meetings? contract freelance\\w* self-employed "
    "invoices? budget staff conference intern(?:ship)? apprentice\\w* retire\\w* unemployed profession\\w* "
    "overtime"
)
_JOBS = any_of(
    "nurse doctor teachers? engineer developer programmer designer lawyer accountant chef baker driver pilot "
    "journalist editor architect electrician plumber carpenter scientist researcher analyst consultant barista waiter "
    "waitress librarian mechanic farmer warden treasurer chair(?:man|woman)? secretary director head_of ceo cto "
    "founder"
)
_STUDY = any_of(
    "school university college uni class(?:es)? courses? degree master's bachelor's phd doctorate thesis dissertation "
    "exams? study studies studying studied students? lectures? professor homework semester term graduat\\w+ training "
    "scholarship papers pupils? lessons?"
)
_TECH = any_of(
    "apps? apis? backend frontend databases? sqlite postgres\\w* mysql python javascript typescript rust java fastapi "
    "django flask servers? deploy\\w* cod(?:e|ing) codebase repo repository commits? bugs? software website page "
    "quer(?:y|ies) schema docker kubernetes endpoints? mock-?ups?"
)
_WHO = r"(?:i|we|you|they|who|he|she)\s+(?:\w+\s+)?"
_LIKING = (
    any_of(
        "prefer(?:s|red|ence)? favou?rites? loves likes enjoys? hates dislikes? "
        "can't_stand can't_bear fan_of fond_of obsessed crazy_about addicted vegan vegetarian sweet_tooth "
        "would_rather i'd_rather allergic_to picky craving don't_(?:like|eat|drink|want) "
        "doesn't_(?:like|eat|drink|want) terrified_of in_love_with my_thing keen_on"
    ),
    rf"{_WHO}(?:love|like|hate|adore)(?!\s+to\b)",
)
_LIKED = any_of("loved liked enjoyed hated")
_DIET = any_of(
    "(?:eat|eating|eaten|drink|drinking)_(?:meat|fish|dairy|coffee|alcohol) dairy gluten lactose spicy decaf oat_milk "
    "diet"
)
_SERVICE = any_of("please dark_mode call_me (?:keep|make)_(?:it|your|the)_\\w+ (?:british|american)_english metric")
_VIEWS = any_of(
    "think(?:s|ing)? thought believes? opinion reckons? overrated underrated agrees? disagrees? worth_it in_my "
    "honestly frankly better best worse worst too_(?!and\\b|but\\b)\\w+ annoying\\w* boring beautiful ugly horrible "
    "terrible awful lovely wonderful amazing awesome brilliant fantastic great perfect ridiculous\\w* stupid silly "
    "unfair important scared afraid terrified worried embarrassed nervous anxious ashamed proud thrilled happy "
    "unhappy sad angry furious disappoint\\w* feel(?:s|ing)? felt miss(?:es|ed)? simplest easiest hardest nicest "
    "tough hard weird strange inspir\\w+ incredible"
)
_OPINING = (
    r"(?:honestly|personally|frankly|in\s+my\s+(?:view|opinion)|for\s+what\s+it['’]s\s+worth|it\s+(?:annoys|bothers)\s+me"
    r"|(?:i|we|he|she|they)\s+(?:still\s+|don['’]t\s+|doesn['’]t\s+)?(?:thinks?|believes?|doubts?|reckons?|regrets?))"
)
_SELF = any_of(
    "my_name call_me eldest youngest eyesight deaf landlady landlord bad_with rubbish_with i'm_called years_old "
    "birthday born grew_up home_?town nationality citizen passport address phone_number postcode allerg\\w+ "
    "asthma diabet\\w+ diagnos\\w+ migraines? blood surgery operation hospital injur\\w+ broke_(?:my|his|her) "
    "wrist ankle knee shoulder shin fracture\\w* physio glasses heights ill(?:ness)? sick tooth teeth dentist "
    "surgeon gp health\\w* left-handed native accent mother_tongue bilingual religion christian muslim jewish "
    "hindu buddhist atheist introvert extrovert pronouns"
)
_HOME = (
    r"(?:i|we|he|she|they)(?:['’]ve|\s+have|\s+has|['’]s)?\s+(?:just\s+)?"
    r"(?:lives?|lived|moved?|moving|settled)\s+(?:in|to|at|near|with)"
)
_SPEECH = r"speaks?\s+(?:\w+\s+){0,3}?(?-i:[A-Z])\w+"
_ORIGIN = r"(?:i['’]?m|i\s+am|he['’]s|she['’]s|we['’]re)\s+(?:\d{1,2}\b|from\b)"
_ROOMS = any_of("flats? apartment houses? rent landlord bedrooms? (?:ground|first|second|third)-floor")
_TRAVEL = any_of(
    "trips? travel\\w* journey flights? flew fly(?:ing)? airport holidays? vacation visit(?:s|ed|ing)? tour cruise "
    "road_trip backpack\\w* abroad train ferry hotel hostel airbnb camping hiked beach museum sightseeing luggage "
    "island guidebook vouchers?"
)
_MILESTONES = any_of(
    "first_time first_ever finally graduated moved won lost married born died passed_away accident broken? fell "
    "crashed stolen robbed surprised? party wedding funeral birthday anniversary celebrat\\w+ festival concert "
    "ceremony met bought sold found adopted opened happened cried once"
)
_AIMS = any_of(
    "plans? planning planned goals? aims? dream(?:s|ing)? wish(?:es)? hop(?:e|es|ing) wants? wanted intend "
    "appl(?:y|ied|ying) sav(?:e|ing)_up sign(?:ed|ing)?_up booked booking enrol\\w* register\\w* resolution target "
    "deadline due someday one_day would_like i'd_(?:like|love) we'd_(?:like|love) let's looking_forward can't_wait "
    "appointment ambition bucket_list next_(?:week|month|year|summer|spring|weekend) tomorrow upcoming "
    "thinking_(?:of|about) consider\\w* decided"
)
_COUNTDOWN = r"(?:\w+)\s+(?:days|weeks|months)\s+(?:to|until|till)\s+\w+"
_FACTS = any_of(
    "means because costs? prices? percent how_to in_order_to so_that should must cannot allowed only known_as "
    "defined consists? contains? average invented discovered degrees lit(?:er|re)s? km kilomet\\w+ met(?:er|re)s? "
    "centur(?:y|ies) capital population according_to rules? steps? needs requires? default"
)

DEFAULT_RULES: dict[str, tuple[Clue, ...]] = {
    "personal_info": (
        (phrases(_SELF), 0.45),
        (phrases(_HOME), 0.45),
        (phrases(_ROOMS), 0.35),
        (phrases(_ORIGIN, _SPEECH), 0.4),
    ),
    "preferences": ((phrases(*_LIKING), 0.5), (phrases(_LIKED), 0.25), (phrases(_DIET), 0.4), (phrases(_SERVICE), 0.4)),
    "relationships": (
        (phrases(_KIN), 0.55),
        (phrases(_BONDS), 0.45),
        (phrases(_PETS), 0.5),
        (lazy(rf"^\W*(?:my|our|his|her)\s+(?:\w+\s+)?(?:{_KIN}|{_BONDS}|{_PETS})\b"), 0.35),
        (lazy(r"^\W*(?:he|she)\b"), 0.35),
        (lazy(r"\b(?:him|his|her)\b"), 0.2),
    ),
    "activities": ((phrases(_SPORTS), 0.4), (phrases(_HOBBIES), 0.45)),
    "goals": ((phrases(_AIMS), 0.35), (phrases(_COUNTDOWN), 0.4)),
    "experiences": ((phrases(_TRAVEL), 0.35), (phrases(_MILESTONES), 0.3)),
    "knowledge": ((phrases(_FACTS), 0.2),),
    "opinions": (
        (phrases(_VIEWS), 0.35),
        (lazy(rf"^\W*{_OPINING}\b"), 0.5),
    ),
    "habits": (),
    "work_life": ((phrases(_WORK), 0.45), (phrases(_JOBS), 0.4), (phrases(_STUDY), 0.4), (phrases(_TECH), 0.4)),
}
"""By name of the default category; what the forms of the verbs say is added by `categories`."""
