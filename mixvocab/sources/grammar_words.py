"""Word lists that the synthetic tasks draw from.

Carrier words of one intent ("book", "play", "rate", "weather", "table") also stand inside titles, place names
are also family names, and numbers have four different roles: what a word means is up to its neighbours.
"""

FIRST = tuple(
    "anna ben carla dario elif farid grace hugo irene jonas kofi lena marta nils olga pedro quinn rosa sven tara "
    "uma viktor wanda ximena yusuf zoe arthur bianca charlie diana emil flora george hannah ivan julia".split(" ")
)
PLACES = tuple(
    "lincoln|jackson|florence|paris|austin|madison|dallas|sydney|victoria|georgia|carolina|jordan|chelsea|houston|"
    "washington|hamilton|brooklyn|kingston|logan|preston|clifton|salem|marshall|franklin|berlin|vienna|lagos|quito|"
    "santa rosa|new haven|cape may|port louis|san pedro|grand forks|long beach|fort wayne|saint george|el paso".split(
        "|"
    )
)
STATES = tuple(
    "ohio|texas|maine|utah|georgia|washington|new mexico|north dakota|rhode island|oregon|iowa|ny".split("|")
)
COUNTRIES = tuple(
    "peru|kenya|norway|jordan|georgia|japan|chad|south korea|costa rica|new zealand|ireland|poland".split("|")
)
ADJECTIVES = tuple(
    "blue silent golden broken hungry little last first lonely electric wild rainy windy cold hot free best worst "
    "secret hidden ancient modern sweet bitter slow quick bright dark red green sunny stormy foggy warm".split(" ")
)
NOUNS = tuple(
    "book song table weather movie album playlist train river garden city winter summer rain snow storm fire "
    "mother stranger doctor king queen dog mountain road window letter dream night morning theatre kitchen star "
    "restaurant forecast rating artist series chapter saga house island bridge clock mirror".split(" ")
)
VERBS = tuple("play add book rate find show see hear watch give search check follow remember forget leave".split(" "))
SMALL = tuple("one two three four five six seven eight nine ten 1 2 3 4 5 6 7 8 9 10".split(" "))
YEARS = tuple(str(year) for year in range(1950, 2020))
CUISINES = tuple("thai|greek|french|ethiopian|vegan|korean|tex mex|north indian|southern|seafood|turkish".split("|"))
DISHES = tuple("pizza|ramen|tacos|fish and chips|dumplings|hot dogs|pho|paella|apple pie|ice cream|curry".split("|"))
GENRES = tuple("jazz|techno|hip hop|folk|reggae|classical|soul|heavy metal|blues|country|disco|pop".split("|"))
SERVICES = tuple("spotify|deezer|youtube|google music|pandora|last fm|itunes|groove shark".split("|"))
CONDITIONS = tuple(
    "rain|snow|a storm|fog|hail|wind|sunny|cloudy|stormy|foggy|humid|freezing rain|a blizzard".split("|")
)
TEMPERATURES = tuple("hot|cold|warm|chilly|freezing|hotter|colder|warmer|mild|cooler".split("|"))
TIMES = tuple(
    "tomorrow|tonight|this weekend|next friday|in two hours|at noon|on march 3|in ten minutes|next winter|"
    "on monday morning|at 7 pm|in the summer|today|in one year|at nine am|on june seventh|the day after tomorrow".split(
        "|"
    )
)
POIS = tuple(
    "city park|the old bridge|central station|river garden|the winter palace|union square|king s mountain|"
    "the art museum|liberty island|the clock tower|lake victoria|franklin field".split("|")
)
PARTY = tuple(
    "me and my mother|my sister and i|my two brothers|the whole family|anna and me|my boss and her wife|"
    "the kids|ben grace and me|my doctor and i".split("|")
)
FACILITIES = tuple("wifi|parking|a pool|outdoor seating|a smoking room|spa|air conditioning|a garden".split("|"))
