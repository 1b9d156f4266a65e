"""English words that carry little by themselves."""

from memu.extract.patterns import words

FUNCTION = words(
    "a an the this that these those here there i me my mine myself we us our ours you your yours yourself he him his "
    "she her hers it its they them their theirs one ones someone somebody something anyone anybody anything everyone "
    "everybody everything nobody nothing none who whom whose which what when where why how and or but nor so yet if "
    "then than as because since while although though unless until before after once of to in on at by for with from "
    "into onto about over under again against between through during without within along across behind beyond near "
    "off out up down away back be am is are was were been being do does did done doing have has had having will would "
    "shall should can could may might must not no yes too very just only even still also already ever never always "
    "often sometimes maybe perhaps quite rather pretty really actually basically literally probably certainly "
    "definitely totally absolutely completely honestly seriously especially simply exactly almost enough more most "
    "much many less least few little lot lots bit all any both each either neither every other another some such same "
    "own else now today soon later like well anyway however instead otherwise yeah yep yup nope ok okay oh ah aw wow "
    "hey hi hello hm hmm ha haha hahaha lol please thanks thank way thing things stuff kind sort ll ve re d s m t don "
    "doesn didn isn aren wasn weren won wouldn couldn shouldn haven hasn hadn cannot ain im ive cant dont u ur gonna "
    "wanna gotta cuz btw omg"
)
LIGHT = words(
    "think thinks thought thinking know knows knew known knowing say says said saying tell tells told telling "
    "mean means meant see sees saw seen seeing look looks looked looking sound sounds sounded seem seems seemed "
    "feel feels felt feeling feelings want wants wanted need needs needed try tries tried trying get gets got "
    "getting gotten go goes going went gone come comes came coming make makes made making take takes took "
    "taking taken give gives gave giving given keep keeps kept keeping hear hears heard hearing hope hopes "
    "hoped hoping guess wish believe bet wonder wondering matter matters suppose agree understand imagine "
    "remember forget notice care cares happen happens happened help helps talk talking chat ask share let lets "
    "put puts good great nice cool awesome amazing wonderful lovely fantastic brilliant excellent incredible "
    "beautiful perfect fun funny cute sweet bad awful terrible sad sorry glad happy proud excited grateful "
    "thankful lucky fine better best worse worst right wrong true sure welcome worth hard tough easy "
    "interesting exciting inspiring impressive important special crazy wild silly weird strange huge big small "
    "new old real whole poor rough ready impossible possible serious kidding joking joke luck congrats "
    "congratulations cheers bye goodbye goodnight night morning evening afternoon day days week weeks weekend "
    "time times moment while minute minutes second sec news idea ideas question answer point reason problem "
    "worries worry word words people person guy guys friend man dude mate buddy girl boy world life course rest "
    "end start part side deal trouble doubt sense fact case bravo yay hooray whoa woah ugh phew oops aww mmm "
    "huh wait hang hold stop fair speaking far long high low close late early first last next forward together "
    "alone around tomorrow kiss hug hugs love x xx xo xxx support supportive effort hopefully surely luckily "
    "unfortunately sadly apparently excuse apologise apologize apologies forgive pardon appreciate adore blast "
    "damn heck god gosh goodness jesus honest truly cheer confess promise age ages ago twice noted understood "
    "agreed depends depend welcome everywhere"
)
NUMBERS = words(
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million dozen half"
)
PAST_FORMS = words(
    "was were had did didn't wasn't weren't hadn't went got saw met took made came bought ate ran won lost gave told "
    "said found felt left began drove flew spent broke brought caught chose fell forgot grew heard held kept knew led "
    "learnt paid rode sang sat sent slept sold spoke stood swam taught thought threw understood woke wore wrote "
    "became built drew fed fought hid hung laid lit meant rang shook shot shut stole struck stuck swore "
    "swept tore wept blew dug drank fled froze"
)
FINITE = PAST_FORMS | words(
    "i we he she they it you there am is are was were be been do does did have has had will would shall should "
    "can could may might must m re ve ll d s looks sounds seems feels makes means takes gives gets goes comes "
    "says thinks knows wants needs likes loves hates lives works runs keeps helps tastes smells bring brings "
    "make take give keep get go come want need know think feel mean seem let become allow include require"
)
BARE_VERBS = words(
    "tell send give look wait stop keep rest wrap say take have enjoy be do go come get call text ask watch listen "
    "check try hang hold kiss hug feel book bring save remember hurry relax sleep eat drink pass show read make put "
    "let leave think imagine believe trust stay sit stand start finish follow write add use open close turn run walk "
    "play buy sell pay meet visit join help thank forgive excuse forget mind note consider avoid choose pick set move "
    "cut mix fill clean wash cook bake plant count insert install click type press select store create update delete "
    "send treat wear drive ride fly pack cheer breathe learn practise practice don't never always please"
)
FOREIGN = words(
    "der die das und ich ist nicht ein eine wir mit auf für den dem zu von sich le la les et je est pas une des que "
    "qui dans pour sur el los las y en es un una por con para muy il lo gli di che non è sono una per o os um uma não "
    "com para het een en ik niet van dat och jag är det som på att inte i og jeg er ikke på nie się jest w z na to"
)
NOT_VERBS = words(
    "something nothing anything everything during morning evening spring thing king ring string wedding "
    "building ceiling being sibling darling pudding"
)
PLAIN_VERBS = words(
    "run runs travel travels hold holds cover covers costs cost turn turns sleep sleeps pay pays close closes "
    "open opens reach reaches freeze freezes sell sells serve serves contain contains include includes last "
    "lasts weigh weighs lie lies live lives grow grows hurt hurts teach teaches eat eats drink drinks lead "
    "leads belong belongs stand stands stop stops begin begins happen happens smell smells stay stays leave "
    "leaves arrive arrives carry carries bite bites boil boils melt melts start starts end ends need needs use "
    "uses allow allows speak speaks sing sings cheat cheats insist insists"
)
