"""Texts of many kinds for the embedder: none is in the load-time self-test."""

SENTENCES = [
    "My dog is named Rex.",
    "What is my dog called?",
    "She works as a nurse in the children's hospital.",
    "I have been a vegetarian since I was twelve.",
    "We moved from Leeds to Porto in March, and the boxes are still in the hall.",
    "He does not eat meat.",
    "Remind me to call the plumber on Thursday at 9:30.",
    "The train to Vienna leaves at a quarter past six from platform 4.",
    "Our team ships a release every second Tuesday, unless the build is red.",
    "I'm allergic to penicillin; please write that down.",
    "Grandma's recipe takes three eggs, 200 g of flour and a pinch of salt.",
    "My favourite colour used to be green, but now it is a dark blue.",
    "They got married on 12 June 2019 in a small village near Bologna.",
    "I would rather read the book than watch the film.",
    "The meeting was moved to next Friday because Maria is ill.",
    "Photosynthesis turns light, water and carbon dioxide into sugar and oxygen.",
    "If it rains on Sunday we will visit the museum instead of hiking.",
    "My salary is paid on the last working day of the month.",
    "The password hint is the name of my first teacher.",
    "Could you book a table for four at eight o'clock?",
    "He quit smoking two years ago and runs ten kilometres every morning now.",
    "The quick brown fox jumps over the lazy dog.",
    "Buffalo buffalo Buffalo buffalo buffalo buffalo Buffalo buffalo.",
    "I was going to say something, but then, well, I forgot what it was.",
]
SHORT = ["a", "Ok.", "No", "yes!", "?", "...", "7", "Thanks!", "x y", "Bye :)"]
OTHER_SCRIPTS = [
    "東京に住んでいます。犬の名前はポチです。",
    "我喜欢在周末和朋友们一起爬山。",
    "안녕하세요, 저는 간호사입니다.",
    "Привет, как прошёл твой день?",
    "مرحبا، أعيش في القاهرة منذ عام.",
    "नमस्ते, मेरा नाम आशा है।",
    "Ich wohne seit fünf Jahren in Zürich und spreche auch Französisch.",
    "naïve café, résumé, Ærø, smörgåsbord",
    "Ξεσκεπάζω τὴν ψυχοφθόρα βδελυγμία.",
]
EMOJI = ["😀", "🎂🎉 thirty today!", "I ❤️ my 🐶", "👩‍👩‍👧‍👦 at the beach 🏖️", "🇵🇹 → 🇬🇧"]
CODE = [
    "def area(radius: float) -> float:\n    return 3.14159 * radius**2  # square units",
    "SELECT user_id, COUNT(*) FROM orders GROUP BY user_id HAVING COUNT(*) > 3;",
    '{"name": "Ada", "languages": ["en", "fr"], "active": true}',
    "for (let i = 0; i < n; i++) { total += prices[i] ?? 0; }",
    "https://example.org/a/b?c=1&d=%20#e",
    "Traceback (most recent call last): ZeroDivisionError: division by zero",
    "sudo apt-get install -y libfoo-dev && make -j4",
]
LONG = [
    " ".join(SENTENCES[:12]),
    " ".join(SENTENCES[12:]),
    "word " * 200,
    "A" * 90 + " " + "b" * 400,
    "- milk\n- bread\n- eggs\n" * 15,
]
ALL = SENTENCES + SHORT + OTHER_SCRIPTS + EMOJI + CODE + LONG
