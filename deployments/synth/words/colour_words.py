"""Words for how loud, how bright, how high and of what mood a sound is: lines of vocabulary.py."""

from deployments.synth.terms.change import Change

LEVELS: tuple[tuple[Change, str], ...] = (
    (Change(level_db=-6, brightness=-0.3), """
        soft softly quiet quietly subtle hushed faint faintly whispering whispered muted low_volume unobtrusive
        dulcet pianissimo sotto_voce hush_hush bashful tiptoeing gossamer low_key modest murmuring half_heard
        scarcely_audible barely_noticeable barely_perceptible
        barely_discernible barely_heard dampened softened toned_down turned_down faded wispy meek shy reticent noiseless
        under_the_breath discreet barely_audible understated restrained feeble inaudible silent murmured hush
        diffident mousy mousey tenuous inconspicuous imperceptible soundless tacit taciturn unassuming demure weak
        frail mezza_voce subtly discreetly timorous low_level at_low_volume on_tiptoe like_a_whisper"""),
    (Change(level_db=-3, intensity=-0.6, brightness=-0.2, attack=0.4), """
        gentle gently light lightly delicate delicately tender tenderly mild easy feathery timid benign mildly downy
        fluffy docile tame lenient clement balmy caressing cradling lulling stroking airy_light featherlight
        feather_light"""),
    (Change(level_db=5), """
        loud loudly prominent powerful strong strongly booming mighty forceful commanding earth_shaking vociferous
        resounding clamorous raucous full_throated fortissimo forte noisy at_full_volume turned_up cranked
        ear_shattering overpowering in_your_face emphatic stentorian full_blast boisterous bellowing shouting
        hollering assertive bombastic blaring deafening up_front ear_splitting in_the_foreground foreground dominant
        bold thunderous thundering blasting earsplitting tumultuous obstreperous rambunctious robust hefty potent
        domineering bumping cranked_up at_full_tilt at_top_volume ringing_out sonorous full_volume insistent muscular
        beefy sturdy stout"""),
    (Change(level_db=3, intensity=0.8, brightness=0.2), """
        heavy intense hard roaring aggressive raging massive brutal ferocious fierce violent stormy crushing savage
        vicious furious rabid untamed tempestuous turbulent raw merciless ruthless punishing heavily fiercely
        violently wildly intensely furiously hell_for_leather vehement impetuous belligerent warlike hostile lashing
        pelting battering beating_down blustery squally seething"""),
    (Change(level_db=-7), """
        barely_there tucked_away low_in_the_mix in_the_back at_the_back tucked_under tucked_underneath tucked_behind
        tucked_beneath"""),
)  # fmt: skip

COLOURS: tuple[tuple[Change, str], ...] = (
    # colour
    (Change(brightness=-1.5), """
        dark darkly dull murky sepulchral umbral cloudy foggy tarry grimy charcoal midnight sunken leaden rusty sooty
        stygian swampy dingy crepuscular twilit somnolent earthy clouded subfusc unlighted moonless sunless shaded
        shadowed blackened ebony obsidian gothic subterraneous tomblike cavelike dusty toneless matte lacklustre
        lackluster drab stifled smothered damped filtered lowpassed low_passed smoky ashen tar_black overcast
        cimmerian oily treacly peaty dense_black mahogany dim shadowy black inky dusky muddy tenebrous sepia
        nocturnal woolly wooly blunted lightless unlit pitch_black obscure opaque bassy blunt lusterless lustreless
        rayless caliginous fuliginous darkling darkened darkening dimmed dimly dully gloaming raven sable jet_black
        coal_black pitch_dark night_black nightlike tarnished dirty sludgy turbid miry boggy mucky grubby soiled
        stained blurred blurry smudged smeared fuzzy_dark turgid stodgy thick_dark lifeless colourless colorless
        faded_out bleary wan dun dunnish brown_toned bistre umber chocolate cocoa burgundy maroon aubergine indigo
        violet_dark plum_coloured slate graphite pewter iron_grey grey gray greyish bituminous loamy mossy musty
        mouldy fusty dank cellar_like crypt_like catacombed cavern_dark benighted eclipsed unilluminated unbright
        closed_off rolled_off with_the_highs_cut without_highs without_treble with_no_treble with_the_lid_on lid_on
        lid_closed with_rolled_off_highs rolled_off_highs without_top no_top_end no_highs no_treble treble_cut
        high_cut highs_removed highs_rolled_off through_a_sock rubbery beetle_black coal_dark steeped_in_treacle
        treble_free less_treble all_low_end hooded veiled_over occult saturnine baleful starless soupy syrup_dark
        molten_tar smokey burnt charred scorched_black"""),
    (Change(brightness=-0.7), """
        warm warmly lush rich analog analogue round smooth velvety mellow creamy woody cosy cozy soothing honeyed
        buttery wooden plush silky rounded subdued velvet velour suede fleecy furry cushiony padded pillowy snug
        toasty mellowed mellifluous caramel amber russet autumnal tawny chestnut oaken walnut cedar tweedy felted
        felt flannel cashmere mohair quilted woollen woolen cotton cottonlike satin satiny toffee cognac brandy
        whiskey bourbon mulled syruped matured seasoned vintage tube_warm tubey valve tape_warm comforting homely
        homey hearthside candlelit lamplit sunset sepia_toned ochre umbered copper coppery bronzed full_bodied
        thick_and_warm roundish unctuous balsamic tepid lukewarm heated thawed supple pliant fleshy ripe chubby plump
        dark_ish soft_edged soft_focus unsharp hazed rounded_off edgeless tranquilised milky fluid smoothed smoothly
        gracious moonlit"""),
    (Change(brightness=1.3), """
        bright brightly brilliant shiny crisp sparkling effulgent lambent pellucid clarion zesty tingling fizzy
        frosty beaming blinding sunbeam blazing razor diamond starlit lucid limpid refulgent resplendent coruscating
        aglow light_filled flaring gilded pearly prismatic sheer translucent transparent white_hot bright_as_day neon
        laser glaring glossy shining sunshiny snowy steely chiming pristine crackling_bright splashy candescent
        fluorescent gleamy lit_up treble_heavy trebles hissy toppy open_top fiery sparkly glassy airy shimmering
        shimmery sharp clear luminous radiant glittering glittery gleaming twinkling crystalline dazzling glistening
        glowing silvery vivid sizzling icy trebly brassy lustrous scintillating tinkling sunlit incandescent polished
        glinting glinty glisteny glimmering flashing flashy glitzy gleam glint sparkle lucent fulgent splendent
        luciferous irradiated illuminated illumined lightsome brightened brightening brighten sun_drenched sunbathed
        sun_kissed sundrenched sunstruck daylit noonday floodlit spotlit limelit moonbright starbright starry_bright
        firefly phosphorescent luminescent iridescent opalescent pearlescent nacreous silver silvered platinum chrome
        chromed burnished mirrored mirror_like varnished lacquered enamelled porcelain crystal_clear crystallised
        diamantine diamondlike jewelled jeweled bejewelled spangled sequined tinselly glacial_bright frosted iced
        wintry_bright crystallized effervescent bubbly sparkled champagne carbonated citrus citrusy lemony minty
        peppery peppy zingy zippy_bright tangy tart prickly tingly spangly jangly jangling jingly jingling tinkly
        tinkle pinging_bright pingy pealing ringing_bright bell_like articulate acute keen clean cleancut clear_cut
        distinct defined crispy crunchy brittle flinty glass steel tinsel electrified electric_bright fulgurant
        meteoric supernova solar daybright lightbulb led_lit strobing lasered high_definition hi_fi unfiltered
        wide_open_filter with_the_lid_off lid_off lid_open boosted_highs with_boosted_highs boosted_treble
        treble_boost high_shelf lots_of_highs full_of_air air_and_sparkle bleached sun_bleached moon_bleached foil
        foil_wrapped antiseptic magnesium lustre luster sheen gloss twinkly twinkle glimmer glimmery shinetreble
        treble_rich full_of_treble presence_boosted exciting_top with_lots_of_treble airy_top open_filter hissing
        swishing fizzing spitting crackly scintillant scintillescent relucent nitid flamboyant vibrant vivacious
        lively_bright"""),
    (Change(brightness=1.8, level_db=1), """
        harsh piercing shrill tinny metallic abrasive searing strident screaming gritty biting edgy razor_sharp acid
        buzzy screeching shrieking squealing screechy ear_piercing penetrating cutting slicing serrated jagged barbed
        knifelike knife_edged needle_sharp needling caustic corrosive acidic acrid astringent vitriolic mordant
        trenchant incisive keening scathing scratchy scraping grating rasping raspy sandpapery wiry sibilant
        hypersonic ultrasonic buzzing_bright buzzsaw sawing nasal_bright reedy_bright overdriven distorted clangorous
        clangy clanging clanky tinlike steel_edged sharpened honed whetted lancing stinging nettling smarting
        scalding burning bracing cheesegrater glasscutting shattering splintering"""),
    # register
    (Change(register=-1, brightness=-0.3), """
        low deep infra subsonic chthonic cellar_deep baritone contrabass ground_shaking basso bassy_low nether rumbly
        deeply lower subterranean bottomless cavern_deep low_pitched bass_heavy abyssal rumbling_low seismic tectonic
        elephantine mammoth hulking cetacean leviathan profundo basso_profundo infrasonic low_end low_register
        bottom_heavy bottom_end fathomless unfathomable gut_shaking chest_shaking chest_rattling window_rattling
        floor_shaking bowel_shaking teeth_rattling gruff growly growling guttural throaty husky rumbling_deep bearish
        ursine bovine_low gorilla ogreish trollish monstrous giant ponderously_low hippopotamus cavern_low
        submarine_low sub_low woofing booming_low sousaphonic tubalike bullfroggy dinosaurian brobdingnagian
        cyclopean hadal benthic trench_deep oceanic_deep well_deep deep_voiced low_voiced down_low deepest_register
        below_the_stave in_the_basement an_octave_lower two_octaves_lower octave_down tuned_down downtuned
        detuned_down pitched_down sunk_low low_lying low_slung"""),
    (Change(register=1, brightness=0.2), """
        high high_pitched stratospheric treble_register chipmunk altissimo sky_high birdlike squeaky minuscule
        miniature wee dainty petite elfin pixie tiny small little soaring lofty falsetto piping up_high
        upper_register soprano mosquito mosquito_like mouselike mouse_like squeaking squeaked chirpy chirruping
        tweeting twittering cheeping peeping pipsqueak piccolo descant sopranino treble_voiced childlike kittenish
        fairy fairylike fairy_like pixieish lilliputian microscopic diminutive teensy teeny itsy_bitsy pint_sized
        toylike doll_sized bantam pocket_sized mini wispy_high whistly yelping yapping squeally flutey fluty piped
        helium gnatlike gnat_like batlike insectile sky_scraping cloud_high mountain_high towering_high
        highest_register top_register above_the_stave an_octave_higher two_octaves_higher octave_up tuned_up
        pitched_up up_in_the_clouds aerial heightened elevated high_flying high_voiced high_register high_lying
        airborne castrato coloratura skyward uppermost"""),
)  # fmt: skip

MOODS: tuple[tuple[Change, str], ...] = (
    (Change(valence=-1, tempo=-0.2, brightness=-0.3), """
        sad sadly melancholic melancholy mournful sorrowful grieving lonesome wistful tearful bittersweet heartbroken
        tragic bleak desolate despairing forlorn nostalgic regretful plaintive weepy weeping despondent dejected
        disconsolate woeful wretched crestfallen doleful dolorous lachrymose grief_stricken heartrending
        heartbreaking inconsolable miserable unhappy downcast downhearted bereaved bereft widowed rueful remorseful
        pining yearning longing aching wounded crying sobbing sighing lamenting mourning elegiacal depressed
        depressing depressive hopeless anguished pained sorrowing sad_eyed teary tear_stained broken_hearted morose
        glum"""),
    (Change(valence=-1, brightness=-1.2), """
        moody gloomy sombre somber brooding noir sullen menacing grim ominous sinister foreboding haunting haunted
        creepy scary eerie threatening doom dread doomy dreadful ghoulish macabre morbid ghastly spooky uncanny
        unsettling disquieting nightmarish hellish infernal demonic satanic diabolical evil malevolent malign
        malignant wicked villainous baneful forbidding bloodcurdling spine_chilling gloom gloomily funebral deathly
        deathlike apocalyptic dystopian post_apocalyptic cursed damned hexed occultish lurking"""),
    (Change(valence=1, brightness=0.6, tempo=0.25), """
        happy happily cheerful joyful joyous uplifting hopeful playful sunny triumphant merry jolly optimistic
        carefree festive exuberant blissful delighted gleeful cheery chipper jovial jubilant elated ecstatic euphoric
        overjoyed exultant victorious celebratory rejoicing gladsome glad mirthful jocund blithe buoyed lighthearted
        light_hearted feelgood feel_good smiling grinning laughing giggling giggly delightful gay_spirited rollicking
        frolicking frolicsome romping whimsical summery springlike upbeat_mood positive tickled rosy rapturous"""),
    (Change(valence=0.3, distance=0.35, attack=0.8), """
        dreamy magical ethereal heavenly celestial misty hazy otherworldly dreamlike dream_like unearthly spectral
        ghostly phantasmal vaporous vapory gauzy diaphanous astral seraphic enchanted enchanting bewitching
        spellbound fairytale nebulous cloudlike cloud_like foglike transcendent transcendental sublime"""),
)  # fmt: skip
