"""Short and pet forms of names. They point at a student and never name one by themselves."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from app.intake.normal import is_cjk, normal_name, words
from app.intake.romanise import DOUBLE_SURNAMES

# One line a given name, its usual short forms after it (the common English ones).
ENGLISH = """
abigail abby gail; alexander alex al sandy xander; alexandra alex sandra lexi; alfred fred alf alfie; amanda
mandy; andrew andy drew; anthony tony ant; barbara barb babs; benjamin ben benny; catherine cathy kate katie
cat; charles charlie chuck; charlotte charlie lottie; christina chris tina; christine chris chrissie;
christopher chris kit; daniel dan danny; david dave davy; deborah deb debbie; dorothy dot dolly; edward ed
eddie ted ned; eleanor ellie nell nora; elizabeth liz lizzie beth betty eliza lisa libby; emily em emmy;
francis frank; frances fran; frederick fred freddie; gabriel gabe; gregory greg; henry harry hank; isabella
bella izzy; jacob jake; james jim jimmy jamie; jennifer jen jenny; jessica jess jessie; john jack johnny;
jonathan jon jonny; joseph joe joey; joshua josh; katherine kathy kate katie kat; kenneth ken kenny;
lawrence larry; leonard leo len; madeleine maddie; margaret maggie meg peggy; matthew matt; michael mike
mick micky; natalie nat; nathaniel nate nat; nicholas nick nicky; olivia liv livvy; oliver ollie; pamela
pam; patricia pat patty tricia; patrick pat paddy; peter pete; philip phil; rachel rach; rebecca becky
becca; richard rick dick richie; robert bob rob bobby robbie; ronald ron; samantha sam; samuel sam sammy;
sarah sally sadie; stephen steve; steven steve; susan sue susie; theodore ted theo; theresa terry tess;
thomas tom tommy; timothy tim; victoria vicky tori; vincent vince; william will bill billy liam; zachary
zach
"""
SHORT_FORMS: Mapping[str, frozenset[str]] = {
    line.split()[0]: frozenset(line.split()[1:]) for line in ENGLISH.split(";") if line.strip()
}
PREFIXES = "小阿老大"  # 小明, 阿明, 老王


def may_be_called(name: str, value: str) -> bool:
    """Whether a student of this name may sign with this value: 小明 for 王小明, Bob (Smith) for Robert Smith."""
    whole, said = normal_name(name), normal_name(value)
    if is_cjk(whole):
        return is_cjk(said) and said in _chinese(whole)
    return _english(words(whole), words(said))


@lru_cache(maxsize=8192)
def _chinese(name: str) -> frozenset[str]:
    given = name[2:] if len(name) > 2 and name[:2] in DOUBLE_SURNAMES else name[1:]
    if not given:
        return frozenset()
    last = given[-1]
    found = {last + last, *(prefix + last for prefix in PREFIXES), *(prefix + name[0] for prefix in PREFIXES)}
    return frozenset(found | ({given} if len(given) > 1 else set())) - {name}


def _english(name: tuple[str, ...], said: tuple[str, ...]) -> bool:
    if not name or not said:
        return False
    first, rest = name[0], name[1:]
    forms = SHORT_FORMS.get(first, frozenset()) | {first}
    if len(said) == 1:
        return said[0] in forms and said != name
    return said != name and said[0] in forms and said[1:] in (rest, rest[-1:])
