"""Words for how a sound sets in, how fast and how dense it goes: lines of vocabulary.py."""

from deployments.synth.terms.change import Change

TIMES: tuple[tuple[Change, str], ...] = (
    # attack
    (Change(attack=2.2), """
        slow_attack slowly_rising fading_in fade_in fades_in swelling swells creeping billowing seeping tiptoeing_in
        stealing_in coming_in_slowly slowly_awakening awakening dawning crescendo materializing materialising
        welling_up welling rising_slowly growing swelled bowed_in inching_in slow_to_speak slow_to_start
        building_slowly slow_building dissolving_in surging_slowly waking breathing_in developing building_up
        delayed_onset fades_up fade_up wafting lazily_rising ebbing_in blooming slow_blooming slow_swelling
        slow_burning gradual gradually emerging unfolding melting oozing drifting_in creeping_in growing_slowly
        soft_attack slow_onset gradual_onset long_attack easing_in gentle_onset rising_out_of_nothing fades_in_slowly
        fading_in_slowly fades_in_gently swells_slowly swelling_slowly slowly_swelling swells_up swelling_up
        emerges_by_degrees by_degrees little_by_little bit_by_bit inch_by_inch step_by_step_rising emerges
        emerging_slowly slowly_emerging emerges_slowly emergent surfacing surfaces rises_slowly rising_gently
        rises_gently rises_from_nothing from_nothing out_of_nothing from_silence out_of_silence out_of_the_mist
        grows_slowly grows slowly_growing grows_from_nothing slow_growing opens_slowly opening_slowly slowly_opening
        opens_gently opening_up opens_up unfurling unfurls unfolds unfolds_slowly unfolding_slowly
        oozing_into_existence oozing_into_being coming_into_being comes_into_being come_into_being into_earshot
        takes_forever takes_forever_to takes_ages takes_ages_to taking_forever taking_ages washed_in reversed_swell
        reverse_swell backwards_swell
        tiptoe tiptoes tiptoe_in tiptoes_in tiptoe_into tiptoes_into tiptoeing_into creep_into creeps_into
        creeping_into steal_into steals_into drift_into drifts_into drifting_into ease_into eases_into easing_into
        fade_into fades_into fading_into sneak_into sneaks_into ooze_into oozes_into oozing_into inflate inflates
        inflating
        coming_to_life comes_in_slowly comes_in_gently arrives_slowly arriving_slowly arrives_late arriving_late
        late_blooming slow_bloom blooms blooms_slowly blossoming blossoms slow_fade slow_fade_in fade_ins faded_in
        long_fade_in builds_slowly builds builds_up slowly_building slow_build slow_rise slow_rising gradual_rise
        gradual_swell slow_swell slow_crescendo long_crescendo crescendoing ramping_up ramps_up ramping creeps_in
        creeps_up creeping_up steals_in sneaking_in sneaks_in seeps_in seeping_in slips_in slipping_in slides_in
        sliding_in glides_in gliding_in eases_in eased_in floats_in floating_in drifts_in wafts_in washes_in
        washing_in rolling_in rolls_in_slowly melting_in melts_in bleeding_in soaking_in trickling_in waxing brewing
        simmering thawing_slowly germinating sprouting ripening incubating gestating accumulating amassing mounting
        gathering gathering_slowly slow_gathering slow_starting slow_to_rise slow_to_arrive slow_to_bloom
        takes_its_time taking_its_time unrushed_onset unhurried_onset lazy_onset lethargic_onset sluggish_onset
        hesitant_onset soft_onset smooth_onset gentle_attack lazy_attack sluggish_attack gradual_attack smooth_attack
        no_attack attackless without_attack no_transient without_transients no_hard_edge bowed_softly inhaled
        inhaling exhaling breath_like evolving_in sunrise_like tidal_swell volume_pedal volume_swells reversed
        reverse backwards backward stealthy stealthily insidious insidiously imperceptibly_rising incremental
        incrementally progressive progressively nascent inchoate tentative tentatively hesitant hesitantly hesitating
        reluctant reluctantly belated belatedly delayed"""),
    (Change(attack=1.1, intensity=-0.5), """
        long sustained lingering held drawn_out legato endless flowing floating drifting trailing ringing sustaining
        prolonged protracted extended elongated lengthened enduring lasting long_lasting never_decaying tenuto
        slurred connected seamless unbroken_tone gliding sliding graceful suspended hanging hovering weightless
        buoyant wafted liquid streaming_slowly longdrawn"""),
    (Change(attack=-2.2), """
        fast_attack sharp_attack hard_attack instant instantly instantaneous immediate abrupt abruptly sudden
        whip_crack jabbing pouncing brusque expeditious fleet slapped jolting snap bam stab stabs bolting explosively
        straightaway pouncy smacking cracking thwacking hammered pecking plosive at_once from_the_first_instant
        bitten pinging popped zapping whipping thumping blurting startling spring_loaded percussive punchy snappy
        plucky short_attack quick_attack stabbing clicky crisp_attack hard_hitting tight explosive popping prompt
        spiky striking slapping sharp_onset immediate_onset suddenly promptly immediately all_at_once out_of_the_blue
        out_of_nowhere without_warning unannounced like_a_shot gunshot bullet whiplash whipcrack thunderclap snapping
        snapped snaps cracked jabs jabbed poked prodded punched punching pounced pow wham whack whacked whacking
        smack smacked thwack thump thumped bang banging banged bump hitting plucked_hard twanged twanging flicked
        flicking kicked kicking thrown darted spat spitted spurting ejected burst bursts erupting erupts eruptive
        detonating detonated exploding explodes jumpy jerky jarring jarred jolted jolts startled shocking shock
        clicking tick_like pointy spiked barbed_attack staccatissimo marcato sforzando martellato accented martele
        spiccato secco attack_heavy transient_heavy hard_edged hard_edge instant_on no_fade zero_attack without_delay
        in_a_flash in_an_instant in_a_snap on_the_dot on_the_spot right_away straight_away straight_in cold_start
        cuts_in kicks_in in_a_split_second split_second tongued
        snap_into snaps_into snapping_into spring_into springs_into springing_into pop_into
        pops_into popping_into leap_into leaps_into leaping_into jump_into jumps_into burst_into bursts_into
        bursting_into jump_in burst_in bursts_in bursting_in jumps_in jumps_out
        leaping lunging pounces snatched snatching yanked
        terse curt crackshot rat_a_tat machine_gun rapid_attack quick_onset fast_onset sudden_onset abrupt_onset
        instant_onset instant_attack immediate_attack snappy_attack punchy_attack pinpoint_attack impulsive impactful
        concussive triggerhappy hair_trigger bouncing_off reactive responsive"""),
    (Change(attack=-1.6), """
        short staccato clipped choppy brief pointed detached stubby chopped truncated cropped curtailed gated_short
        abbreviated momentary ephemeral fleeting transient blip blippy pithy cut_off stuttering stuttered stuttery
        hiccuping pizz dabbed dabs stunted shortened shortlived short_lived tightly_gated"""),
    # pace
    (Change(attack=1.3, intensity=-0.6, tempo=-0.55), """
        slow slowly sluggish languorous loitering sleepwalking tortoise_like soporific stately ambling dilatory
        trudging lumbering indolent slothful laggard slow_motion half_speed half_time slow_paced dawdle
        shuffling_along slowed_down slowed creaking_along molasses syrupy snail_like lentissimo grave_tempo andante
        heavy_footed lagging limping strolling procrastinating poky lackadaisical unrushed easygoing easy_going
        moseying somnambulant bovine inching slumbering deliberate lazy lazily unhurried leisurely languid lethargic
        glacial patient plodding crawling dawdling ponderous torpid meandering sedate tardy dragging snail_paced
        adagio largo lento downtempo slow_moving sauntering saunter amble trudge plod crawl crawls drag drags lumber
        lumbers dawdles lollygagging dallying dilly_dallying tarrying lingering_pace idling idle loafing lounging
        lolling slouching shuffling hobbling tottering toddling waddling wading slogging tramping traipsing
        sleepy_tempo sleepy_pace leaden_footed leaden_paced funereal funeral dirgelike dirge_like elegiac
        processional ceremonial solemn ceremonious larghetto larghissimo adagietto andantino moderato_slow ritardando
        rallentando lentamente grave decelerating decelerated slackened slack turtle tortoise snail sloth sloth_like
        slothlike turtle_paced tortoise_paced turtle_like sluglike at_a_snail's_pace snail's_pace glacier_paced
        treading_water resting_heart comatose no_rush no_hurry in_slow_motion half_pace at_half_pace like_treacle
        foot_dragging doddering shambling sluggardly slow_as_molasses as_slow_as slow_poke slowpoke slow_walking
        dozy_paced slug_like snaillike glacially_slow at_a_crawl at_snail's_pace at_half_speed at_walking_pace
        walking_pace walking_speed on_foot without_haste without_hurry in_no_hurry in_no_rush not_in_a_hurry
        taking_it_easy laid_back laidback loose_limbed unpressed phlegmatic stolid inert sleep_inducing ploddingly
        elephant_footed measured measuredly slow_footed slow_going low_tempo tempo_low low_bpm slow_bpm slowcore
        quarter_speed weary wearily tired tiredly exhausted drained fatigued listless enervated yawning yawny
        drooping droopy sagging lugubrious leisured genteel dignified gravely heavily_dragging hungover codeine
        chopped_and_screwed narcotic sedated sedative drugged hypnagogic"""),
    (Change(attack=1.0, intensity=-0.3), """
        evolving shifting morphing undulating breathing wandering rolling_slowly ebbing lapping heaving billowing
        lapping_softly ebbing_away receding_and_returning"""),
    (Change(attack=-1.3, intensity=0.8, tempo=0.5), """
        fast quick quickly rapid rapidly swift brisk hustling sprinting fleet_footed whirlwind lightning_quick
        lightning_fast high_speed high_velocity turbo blistering rushed dashing speeding scampering skittering spry
        frenzied hyperactive manic headlong express supersonic prestissimo vivace quick_fire rapid_fire double_speed
        in_a_hurry sprightly whizzing scrambling hurtling careering fevered feverish pell_mell stampeding quickened
        sped_up jittery twitchy speedy hurried frantic racing galloping darting hasty zippy nimble allegro presto
        uptempo breakneck hyper accelerated lively hectic scurrying double_time fast_moving faster_than_light
        rocketing rocket bolting_along zooming zoomy whooshing_fast streaking swooping charging tearing tearing_along
        barrelling barreling bombing_along thundering_along running sprint sprints dash races gallop gallops trotting
        trot cantering canter jogging skipping hopping scuttling scooting scudding skedaddling bustling_along hotfoot
        hotfooted fleeing chasing chased stampede rushing_along hurry hurrying hastening hastened haste hastily
        swiftly briskly speedily brisk_tempo fast_tempo quick_tempo fast_paced quick_paced up_tempo high_tempo
        high_bpm fast_bpm quickstep allegretto allegrissimo vivacissimo animato con_brio con_fuoco accelerando
        stringendo veloce molto_allegro velocissimo accelerating speeding_up overclocked supercharged turbocharged
        souped_up caffeinated wired amphetamine amped amped_up revved revved_up revving jacked_up adrenaline
        adrenalised adrenalized adrenaline_fuelled breathless panting panicked panicky panic frantically hysterical
        crazed madcap helter_skelter harum_scarum lickety_split full_tilt full_throttle full_steam full_pelt flat_out
        at_full_speed at_top_speed at_high_speed at_the_double on_the_run like_lightning like_the_wind mercurial
        quicksilver agile lithe fleetingly_fast sparky perky frisky spirited brisk_paced zestful hyperkinetic
        hyperspeed warp_speed lightspeed ballistic jetpropelled jet_propelled zipping zip whirling spinning
        swirling_fast fluttering_fast flurried hummingbird greyhound cheetah gazelle hare racehorse hotrod racy
        sprightful mile_a_minute nineteen_to_the_dozen hell_bent caffeine_fuelled caffeine_fueled tearaway rabid
        double_quick go_go_go racing_heart pedal_to_the foot_to_the_floor full_gallop at_full_gallop at_a_gallop
        at_a_run at_a_sprint at_breakneck_speed breakneck_speed thrash thrashing thrashy speed_metal blast_beat
        gabber gabba hardcore_fast jetlike bulleting blitzing blitz hotfooting wildly_fast lickety_split_fast on_fire
        amok berserk overexcited hopped_up red_lined redlined"""),
    (Change(level_db=-1, intensity=-0.5, attack=0.8, tempo=-0.4, valence=0.2), """
        calm calmly peaceful tranquil serene relaxed relaxing restful sleepy drowsy hypnotic still placid quieting
        meditative contemplative at_ease mellowing pacific pacifying halcyon becalmed calming unruffled untroubled
        composed repose reposeful soothed dozing dozy snoozing slumberous slumbrous lullaby_like loungy
        lounging_about chilled chilled_out unwinding comfy soothingly tranquilly peacefully serenely restfully
        reflective pensive thoughtful musing prayerful devotional reverent monastic equable imperturbable"""),
    (Change(intensity=0.6, attack=-0.8, tempo=0.45, level_db=1), """
        energetic driving upbeat pumping dynamic vigorous bouncy propulsive pounding rolling restless agitated
        frenetic excited urgent hammering energized energised invigorating rousing stirring electrifying
        adrenalin_charged thrilling exciting spirited_up fired_up pumped pumped_up high_energy high_octane powerhouse
        kinetic motoric stomping stompy danceable dancing dancy bouncing bounding jumping jaunty vigorously
        energetically restlessly anxious nervous nervy edgy_pace pressing tense_pace unstoppable charging_ahead
        strenuous athletic sporty gymnastic aerobic workout raving"""),
    # density
    (Change(intensity=-1.3), """
        sparse sparsely scattered vacant austere ascetic frugal hermit_like scanty scarce depopulated pared_back
        meagre meager desultory thinly_strewn seldom_struck sprinkled dotted widely_spaced spaced_apart uncommon odd
        every_so_often now_and_again few_notes only_a_few patchy threadbare economical laconic reserved sprinkling
        dribbling trickling hardly_any just_a_few unpopulated thinned light_handed slender_in_notes with_long_pauses
        with_pauses with_silence_between stop_and_go spartan airy_and_few isolated_few occasional occasionally rare
        rarely infrequent infrequently minimal minimalist intermittent sporadic few seldom now_and_then
        every_now_and_then once_in_a_while from_time_to_time here_and_there stray spare thinned_out thinly_scattered
        spaced_out few_and_far_between empty bare uncluttered stripped_down barren skeletal irregular sometimes
        at_times on_and_off scant scantily sparing sparingly stingy miserly parsimonious skimpy pauperish bony gaunt
        says_little say_little saying_little says_almost_nothing speaks_rarely speaks_little rarely_speaks
        rarely_plays plays_little plays_rarely hardly_plays hardly_a_hit hardly_a_beat hardly_a_stroke barely_a_hit
        oceans_of_space acres_of_space miles_of_space
        denuded bald naked stripped stripped_back pared_down reduced reductive minimalistic unadorned plain
        unornamented terse_notes monkish zenlike zen_like haiku haiku_like pointillist pointillistic aphoristic
        lacunose gappy gap_filled full_of_gaps with_gaps with_big_gaps with_wide_gaps with_lots_of_space
        with_space_between with_much_space leaving_space room_to_breathe with_room_to_breathe roomy_phrasing
        mostly_silence mostly_silent mostly_quiet long_silences with_long_silences silence_between with_rests
        with_long_rests restrained_notes one_note_at_a one_at_a_time one_by_one dripped trickled sprinkles dotting
        strewn loosely_strewn dispersed thinly_spread thin_on_the_ground hen's_teeth far_apart wide_apart spread_thin
        intermittently sporadically episodic spasmodic fitful fitfully once_in_a_blue once_a_minute once_per_bar
        every_few_seconds few_drops a_handful_of handful_of a_few a_couple_of couple_of not_many hardly_ever
        scarcely_ever smattering a_smattering_of smattering_of plenty_of_silence lots_of_silence much_silence
        mostly_rests plenty_of_space lots_of_space a_lot_of_space full_of_silence with_plenty_of_silence
        barely_a_note hardly_a_note barely_any scarcely_any almost_no next_to_no very_little a_sprinkling_of
        sprinkling_of a_scattering_of scattering_of a_dash_of a_drop_of a_drop_here a_note_here one_here_and_there
        only_now_and_then just_now_and_then only_sometimes pauses long_pauses silences gaps big_gaps wide_gaps
        stray_drops frugally austerely sporadic_hits underplayed undersaturated tightfisted penny_pinching paltry
        piddling niggardly sketchy fragmentary spotty straggling straggly almost_never barely_ever nearly_empty
        almost_empty deserted uninhabited unfilled unfussy unbusy undemanding slim_pickings deprived abandoned
        evacuated stark starkly spindly emaciated anorexic scrawny rationed seldom_heard seldom_played"""),
    (Change(intensity=-0.7), """
        lonely lone single solitary isolated sole secluded reclusive forsaken simple simply simplified uncomplicated
        rudimentary elementary"""),
    (Change(intensity=1.2), """
        dense densely busy busily crowded thronging multitudinous manifold cascading frothing rampant prolific
        copious unrelenting a_multitude_of multitude jammed stuffed crammed brimming heaving chock_full uninterrupted
        persistent perpetual never_ending hyperdense overloaded populous infested thickly_layered layered_thick
        buzzing_with_notes full_of_notes flurrying flurry_of barrage_of torrent_of stream_of flood_of numerous myriad
        innumerable hordes_of ornate florid busier stacked steady_stream_of unremitting rapid_succession_of clustered
        massed packed thick teeming relentless constant constantly continuous incessant nonstop non_stop swarming
        cluttered saturated jam_packed bustling intricate torrential pouring unceasing ceaseless abundant plentiful
        many countless profuse bursting overflowing congested again_and_again over_and_over chattering unbroken
        continual continually
        galore aplenty in_abundance in_profusion profusely by_the_dozen dozens_of hundreds_of thousands_of lots_of
        loads_of heaps_of tons_of plenty_of scores_of oodles_of masses_of swarms_of swarm_of cluster_of clusters_of
        showers_of flurries_of cascade_of cascades_of bursts_of deluge_of onslaught_of volley_of volleys_of hail_of
        hailing bombardment_of avalanche_of cornucopia bounteous bountiful lavish opulent rococo baroque_dense
        every_gap_filled every_space_filled gaps_filled filling_every_gap fills_every_gap no_gap_left
        no_space_left never_shuts_up never_silent never_still without_let_up no_let_up
        filigree filigreed embroidered embellished ornamented decorated elaborate elaborately busy_busy notey
        notes_everywhere sixteenth_notes sixteenths in_sixteenths thirty_second_notes in_thirty_seconds
        constant_stream steady_stream nonstop_stream wall_of_notes without_pause without_a_pause without_rest
        without_a_break no_gaps without_gaps no_pauses no_rests never_pausing never_resting never_stopping unstopping
        unending everlasting eternal_stream tireless indefatigable unflagging compulsive obsessive fidgety fussy
        garrulous loquacious talkative gabbling babbling_notes prattling jabbering voluble swarmy overcrowded
        overpopulated crammed_full crammed_together packed_together tightly_packed thickset impenetrable jungly
        thicketed bushy tangled knotted dense_packed compacted hypertrophied maximal maximalist overstuffed overfull
        supersaturated flooding flooded inundated deluged swamped_with riddled pullulating abounding rife brimful
        replete laden loaded filled fully_packed brimming_over rattling drumming_constantly rich_in_notes many_notes
        lots_of_notes so_many_notes polyrhythmic complex hailstorm umpteen raining_notes spendthrift tumbling
        tumbling_over_each_other notes_tumbling in_full_flood wall_of a_wall_of wall_to_wall_notes chattering_away
        pealing_nonstop hammering_away babbling_away rattling_away pattering_away everywhere_at_once without_letup
        without_respite unrelieved no_let_up all_the_time zillion_of zillions_of millions_of a_million a_thousand
        a_hundred a_flood_of a_torrent_of a_stream_of a_shower_of shower_of a_cascade_of a_flurry_of a_barrage_of
        a_swarm_of a_storm_of storm_of legion_of legions_of throngs_of droves_of gobs_of slew_of a_slew_of oodles
        superabundant exuberantly_dense overgrown overrun proliferating multiplying spilling_over swamped abuzz
        bursting_at_the_seams chockablock peppered_with clattering clattery bucketing teeming_down pelting_down
        hammering_down pouring_down lashing_down raining_down"""),
)  # fmt: skip
