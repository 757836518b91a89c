"""Written forms and how they are said: months, units, money, abbreviations, names."""

import re
from collections.abc import Iterable


def table(lines: str) -> dict[str, str]:
    """`written=said` pairs, separated by `;` or line ends."""
    pairs = (item.split("=") for item in re.split(r"[;\n]", lines) if item.strip())
    return {written.strip(): said.strip() for written, said in pairs}


def words(text: str) -> frozenset[str]:
    """The words of a list."""
    return frozenset(text.split())


def any_of(items: Iterable[str]) -> str:
    """A pattern for one of them, the longest first."""
    return "|".join(re.escape(item) for item in sorted(items, key=lambda item: (-len(item), item)))


NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"

MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
MONTH_OF = {name[:3]: name for name in MONTHS}
MONTH = (
    r"(?:January|February|March|April|May|June|July|August|September|October|November|December|"
    r"(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)(?:\.|\b))"
)
DAYS = table(
    "Mon=Monday;Tue=Tuesday;Tues=Tuesday;Wed=Wednesday;Thu=Thursday;Thur=Thursday;Thurs=Thursday;Fri=Friday;"
    "Sat=Saturday;Sun=Sunday"
)

# Singular; the plural has an s, or stands after a slash.
UNITS = table(
    "km=kilometer;m=meter;cm=centimeter;mm=millimeter;nm=nanometer;µm=micrometer;μm=micrometer;dm=decimeter;"
    "kg=kilogram;g=gram;mg=milligram;µg=microgram;μg=microgram;mcg=microgram;t=ton;lb=pound;lbs=pound/pounds;"
    "oz=ounce;ft=foot/feet;mi=mile;yd=yard;yds=yard;ml=milliliter;mL=milliliter;cl=centiliter;dl=deciliter;"
    "dL=deciliter;l=liter;L=liter;gal=gallon;qt=quart;tsp=teaspoon;tbsp=tablespoon;fl oz=fluid ounce;ha=hectare;"
    "ly=light year;kph=kilometer per hour/kilometers per hour;mph=mile per hour/miles per hour;"
    "kmh=kilometer per hour/kilometers per hour;mpg=mile per gallon/miles per gallon;kn=knot;Hz=hertz/hertz;"
    "kHz=kilohertz/kilohertz;MHz=megahertz/megahertz;GHz=gigahertz/gigahertz;THz=terahertz/terahertz;B=byte;"
    "KB=kilobyte;kB=kilobyte;MB=megabyte;GB=gigabyte;TB=terabyte;PB=petabyte;KiB=kibibyte;MiB=mebibyte;"
    "GiB=gibibyte;TiB=tebibyte;kb=kilobit;Mb=megabit;Gb=gigabit;Mbit=megabit;Gbit=gigabit;kbit=kilobit;"
    "kbps=kilobit per second/kilobits per second;Kbps=kilobit per second/kilobits per second;"
    "Mbps=megabit per second/megabits per second;Gbps=gigabit per second/gigabits per second;h=hour;hr=hour;"
    "hrs=hour/hours;min=minute;mins=minute/minutes;s=second;sec=second;secs=second/seconds;ms=millisecond;"
    "µs=microsecond;μs=microsecond;us=microsecond;ns=nanosecond;wk=week;wks=week/weeks;yr=year;yrs=year/years;"
    "mo=month;mos=month/months;W=watt;kW=kilowatt;MW=megawatt;GW=gigawatt;TW=terawatt;mW=milliwatt;Wh=watt hour;"
    "kWh=kilowatt hour;MWh=megawatt hour;GWh=gigawatt hour;TWh=terawatt hour;mAh=milliamp hour;Ah=amp hour;"
    "V=volt;kV=kilovolt;mV=millivolt;mA=milliamp;Ω=ohm;kΩ=kilohm;ohm=ohm;J=joule;kJ=kilojoule;MJ=megajoule;"
    "cal=calorie;kcal=kilocalorie;N=newton;kN=kilonewton;Nm=newton meter;Pa=pascal;hPa=hectopascal;"
    "kPa=kilopascal;MPa=megapascal;bar=bar/bar;mbar=millibar/millibars;psi=P S I/P S I;dB=decibel;dBA=decibel;"
    "lm=lumen;lx=lux/lux;fps=frame per second/frames per second;rpm=R P M/R P M;"
    "bpm=beat per minute/beats per minute;dpi=dot per inch/dots per inch;px=pixel;MP=megapixel;Mpx=megapixel;"
    "hp=horsepower/horsepower;cc=C C/C C;sq ft=square foot/square feet;sq. ft=square foot/square feet;"
    "sqft=square foot/square feet;sq mi=square mile;sq m=square meter;sq km=square kilometer;"
    "cu ft=cubic foot/cubic feet;mol=mole;K=kelvin/kelvin;LUFS=LUFS/LUFS;eV=electron volt;pct=percent/percent;"
    "ppm=part per million/parts per million;ppb=part per billion/parts per billion"
)
LOOSE_UNITS = words("B K us")  # a unit right after its number only where a decimal says so, or not at all
POWERS = {"²": "square", "2": "square", "^2": "square", "³": "cubic", "3": "cubic", "^3": "cubic"}

CURRENCIES = table(
    "$=dollar cent;£=pound penny/pence;€=euro cent;¥=yen/yen sen/sen;￥=yen/yen sen/sen;₹=rupee paisa/paise;"
    "₩=won/won jeon/jeon;₽=ruble kopeck;₺=lira/lira kuruş/kuruş;₪=shekel agora/agorot;₫=dong/dong xu/xu;"
    "₱=peso centavo;₿=bitcoin satoshi;฿=baht/baht satang/satang;₴=hryvnia kopeck;₦=naira/naira kobo/kobo"
)
CODES = table(
    "USD=U.S. dollar;EUR=euro;GBP=British pound;JPY=Japanese yen/Japanese yen;CNY=Chinese yuan/Chinese yuan;"
    "CHF=Swiss franc;CAD=Canadian dollar;AUD=Australian dollar;NZD=New Zealand dollar;INR=Indian rupee;"
    "BTC=bitcoin;SEK=Swedish krona/Swedish kronor;NOK=Norwegian krone/Norwegian kroner;"
    "DKK=Danish krone/Danish kroner;KRW=South Korean won/South Korean won;MXN=Mexican peso;SGD=Singapore dollar;"
    "HKD=Hong Kong dollar;PLN=Polish zloty;RUB=Russian ruble;ZAR=South African rand/South African rand;"
    "BRL=Brazilian real"
)
DOLLARS = table(
    "US=U.S. dollar;C=Canadian dollar;CA=Canadian dollar;A=Australian dollar;AU=Australian dollar;"
    "NZ=New Zealand dollar;HK=Hong Kong dollar;S=Singapore dollar;R=Brazilian real"
)
MAGNITUDES = table(
    "k=thousand;K=thousand;m=million;M=million;mn=million;mm=million;MM=million;b=billion;B=billion;bn=billion;"
    "Bn=billion;t=trillion;T=trillion;tn=trillion;trn=trillion;thousand=thousand;million=million;billion=billion;"
    "trillion=trillion;hundred=hundred;grand=grand"
)

TITLES = table(
    "Mr=Mister;Mrs=Missus;Ms=Miz;Dr=Doctor;Prof=Professor;Rev=Reverend;Hon=Honorable;Pres=President;Gov=Governor;"
    "Sen=Senator;Rep=Representative;Gen=General;Col=Colonel;Maj=Major;Capt=Captain;Cmdr=Commander;Lt=Lieutenant;"
    "Sgt=Sergeant;Cpl=Corporal;Pvt=Private;Adm=Admiral;Supt=Superintendent;Msgr=Monsignor;Fr=Father;Mt=Mount;"
    "Ft=Fort;Messrs=Messieurs;Amb=Ambassador;Atty=Attorney;Insp=Inspector;Det=Detective"
)
UNDOTTED_TITLES = words("Mr Mrs Ms Dr Prof Mt Ft Lt Sgt Capt")
STREETS = table(
    "Ave=Avenue;Blvd=Boulevard;Rd=Road;Ln=Lane;Hwy=Highway;Pkwy=Parkway;Ct=Court;Pl=Place;Sq=Square;Ter=Terrace;"
    "St=Street;Dr=Drive"
)
# With a period; what stands before it says the same in any position.
ABBREVIATIONS = table(
    "e.g=for example;eg=for example;i.e=that is;etc=et cetera;Etc=Et cetera;vs=versus;approx=approximately;"
    "a.k.a=also known as;cf=compare;viz=namely;Inc=Incorporated;Ltd=Limited;Corp=Corporation;Co=Company;"
    "Bros=Brothers;Jr=Junior;Sr=Senior;Esq=Esquire;dept=department;Dept=Department;Univ=University;"
    "Assn=Association;Assoc=Association;govt=government;Govt=Government;Apt=Apartment;apt=apartment;"
    "Bldg=Building;bldg=building;Ste=Suite;Ave=Avenue;Blvd=Boulevard;Hwy=Highway;Pkwy=Parkway;Rd=Road;"
    "max=maximum;min=minimum;misc=miscellaneous;temp=temperature;tel=telephone;Tel=Telephone;ext=extension;"
    "Ext=Extension;incl=including;excl=excluding;est=estimated;tbsp=tablespoon;tsp=teaspoon;avg=average;"
    "Intl=International;Natl=National;ft=feet;yrs=years;hrs=hours;mins=minutes;secs=seconds;lbs=pounds;oz=ounces;"
    "mph=miles per hour;ca=circa;resp=respectively;E.g=For example;I.e=That is;Approx=Approximately;Vs=Versus;"
    "Cf=Compare"
)
UNDOTTED = table(
    "vs=versus;etc=et cetera;approx=approximately;aka=also known as;AKA=also known as;Jr=Junior;Bros=Brothers;w/=with"
)
# Only before a number or a numeral.
NUMBERED = table(
    "No=number;no=number;Nos=numbers;nos=numbers;p=page;pp=pages;P=page;fig=figure;Fig=Figure;figs=figures;"
    "Figs=Figures;vol=volume;Vol=Volume;vols=volumes;ch=chapter;Ch=Chapter;chap=chapter;Chap=Chapter;sec=section;"
    "Sec=Section;art=article;Art=Article;para=paragraph;eq=equation;Eq=Equation;c=circa;ca=circa;est=established;"
    "Est=Established;ver=version;Ver=Version;v=version;ed=edition;bk=book;pt=part;Pt=Part;Op=opus;op=opus;"
    "nr=number;Nr=number;ext=extension;Ext=Extension;tab=table;Tab=Table;rev=revision"
)

STATES = table(
    "AL=Alabama;AK=Alaska;AZ=Arizona;AR=Arkansas;CA=California;CO=Colorado;CT=Connecticut;DE=Delaware;FL=Florida;"
    "GA=Georgia;ID=Idaho;IL=Illinois;IA=Iowa;KS=Kansas;KY=Kentucky;LA=Louisiana;MD=Maryland;MA=Massachusetts;"
    "MI=Michigan;MN=Minnesota;MS=Mississippi;MO=Missouri;MT=Montana;NE=Nebraska;NV=Nevada;NH=New Hampshire;"
    "NJ=New Jersey;NM=New Mexico;NY=New York;NC=North Carolina;ND=North Dakota;PA=Pennsylvania;RI=Rhode Island;"
    "SC=South Carolina;SD=South Dakota;TN=Tennessee;TX=Texas;UT=Utah;VT=Vermont;VA=Virginia;WA=Washington;"
    "WV=West Virginia;WI=Wisconsin;WY=Wyoming"
)

COUNTED_BY_ROMANS = words(
    "Chapter Chapters Part Parts Act Scene Section Volume Vol Book Phase Type Class Appendix Article Title Table "
    "Figure Level Stage Grade Category Canto Episode Season War Bowl Sonata Symphony Opus Movement Rule Unit "
    "Module Step Tier Mark Exhibit Form Schedule Amendment Division Corps Apollo Saturn Titan Gemini Rocky "
    "Fantasy Olympiad Quest Souls Dynasty"
)
REGNAL = words(
    "Henry Louis George Elizabeth James Charles William Edward Richard Mary Philip Felipe Francis Frederick "
    "Napoleon Nicholas Alexander Catherine Peter Ivan Pius Benedict Paul Gregory Leo Clement Innocent Urban "
    "Boniface Juan Carlos Ferdinand Leopold Joseph Franz Maximilian Wilhelm Otto Christian Gustav Gustavus Harald "
    "Haakon Olav Ramses Ramesses Ptolemy Cleopatra Darius Xerxes Artaxerxes Thutmose Amenhotep Seti Justinian "
    "Constantine Theodosius Mehmed Selim Suleiman Murad Albert Baudouin Umberto Victor Emmanuel Emanuel Alfonso "
    "Sancho Pedro Manuel Afonso João John Robert David Malcolm Edmund Harold Rama Rudolf Sigismund Casimir "
    "Stanislaus Augustus Adrian Sixtus Julius Celestine Honorius Martin Nero Abdul Abdullah Hussein Mohammed "
    "Muhammad Akbar Jahangir Beatrix Margrethe Juliana Wilhelmina Isabella Joanna Stephen Ludwig Friedrich Karl "
    "Charlemagne Anne"
)
ROYAL = words("King Queen Pope Emperor Empress Tsar Czar Kaiser Prince Princess Duke Sultan Pharaoh Shah Emir Saint")
NOT_NUMERALS = words("I X V C D M L MI CD DC MD CV DI MC XL LI MIX DIM MM CC CM DD XD LCD MDMA CI DVD CIV")
BOOKS = words(
    "Genesis Exodus Leviticus Numbers Deuteronomy Joshua Judges Ruth Samuel Kings Chronicles Ezra Nehemiah Esther "
    "Job Psalm Psalms Proverbs Ecclesiastes Isaiah Jeremiah Lamentations Ezekiel Daniel Hosea Joel Amos Obadiah "
    "Jonah Micah Nahum Habakkuk Zephaniah Haggai Zechariah Malachi Matthew Mark Luke John Acts Romans Corinthians "
    "Galatians Ephesians Philippians Colossians Thessalonians Timothy Titus Philemon Hebrews James Peter Jude "
    "Revelation Surah Quran"
)
SOFTWARE = (
    r"(?:Python|[Vv]ersion|[Vv]er\.|[Rr]elease|Ubuntu|Debian|Fedora|iOS|iPadOS|macOS|OS X|Android|"
    r"Node(?:\.js)?|Java|PHP|Ruby|Go|Rust|"
    r"Django|Flask|Linux|[Kk]ernel|CUDA|PyTorch|TensorFlow|Postgres|PostgreSQL|MySQL|SQLite|Chrome|Firefox|Safari|Kubernetes|"
    r"Bluetooth|USB|HTTP|TLS|Swift|Kotlin|Unity|Blender|Perl|Scala|Angular|React|Vue|NumPy|Ray|GCC|Clang)"
)
