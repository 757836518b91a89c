"""The languages of espeak-ng 1.52 as espeakng-loader 0.2.4 brings them, by espeak's names of their voices.

Left out are those whose dictionaries the package lacks (fo, kaa, xex).
"""

_NAMES = """
en-US en en-029 en-GB-scotland en-GB-x-gbclan en-GB-x-gbcwmd en-GB-x-rp en-US-nyc en-Shaw
af am an ar as az ba be bg bn bpy bs ca ca-ba ca-nw ca-va chr cmn cmn-Latn-pinyin cs cv cy da de el eo es es-419 et eu
fa fa-Latn fi fr fr-BE fr-CH ga gd gn grc gu hak haw he hi hr ht hu hy hyw ia id io is it ja jbo ka kk kl kn ko kok ku
ky la lb lfn lt ltg lv mi mk ml mr ms mt mto my nb nci ne nl nog om or pa pap piqd pl pt pt-BR py qdb qu quc qya ro ru
ru-cl ru-LV sd shn si sjn sk sl smj sq sr sv sw ta te th ti tk tn tr tt ug uk ur uz vi vi-VN-x-central vi-VN-x-south
yue yue-Latn-jyutping
"""
_MORE = {
    "en": ("en-GB", "en"),
    "en-Shaw": ("en-Shaw",),
    "cmn": ("zh", "cmn"),
    "cmn-Latn-pinyin": ("zh-Latn", "cmn-Latn"),
    "es": ("es", "es-ES"),
    "fr": ("fr", "fr-FR"),
    "nb": ("nb", "no"),
    "pt": ("pt", "pt-PT"),
    "ca-ba": ("ca-x-balear",),
    "ca-nw": ("ca-x-nwest",),
    "ca-va": ("ca-valencia",),
    "en-US-nyc": ("en-US-x-nyc",),
    "piqd": ("tlh",),
    "py": ("x-pyash",),
    "qdb": ("x-belter",),
    "ru-cl": ("ru-x-classic",),
    "yue-Latn-jyutping": ("yue-Latn",),
}
LANGUAGES = {name: _MORE.get(name, (name,)) for name in _NAMES.split()}  # name -> BCP 47 tags
